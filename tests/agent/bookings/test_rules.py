"""What a shop does not book over the phone, whatever the time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError
from salon import (
    ANA,
    BEARD,
    BLOW_DRY,
    COLOUR,
    CORRECTION,
    CUT,
    FRINGE,
    GLOSS,
    MARCUS,
    MENU,
    NOW,
    PRIYA,
    SALON,
    ask,
    ruled,
    staffed,
)

from agent.bookings.rules import Wanted, refusal
from agent.model import OpeningHours, Service, Shop


def refused(shop: Shop, wanted: Wanted) -> tuple[str, str]:
    reason = refusal(shop, wanted, now=NOW)
    assert reason is not None
    return reason.code, reason.say


def test_a_haircut_is_bookable():
    assert refusal(SALON, ask(CUT), now=NOW) is None


def test_a_shop_that_books_nothing_by_phone():
    assert refused(ruled(by_phone=False), ask(CUT)) == (
        "not_by_phone",
        "Appointments here are not made over the phone.",
    )


def test_hours_that_nobody_told():
    code, say = refused(SALON.model_copy(update={"hours": OpeningHours()}), ask(CUT))
    assert (code, say) == ("hours_unknown", "I do not know the opening hours, so I cannot book a time.")


def test_nobody_knows_how_long_a_colour_correction_takes():
    code, say = refused(SALON, ask(CUT, CORRECTION))
    assert code == "duration_unknown"
    assert say == "I do not know how long the Colour Correction takes, so I cannot book it."


def test_somebody_new_comes_for_a_consultation_first():
    code, say = refused(SALON, ask(CORRECTION, new_client=True))
    assert code == "consultation_first"
    assert say == "The Colour Correction needs a consultation first for anybody who is new here."


def test_a_gloss_is_never_done_alone():
    assert refused(SALON, ask(GLOSS))[0] == "add_on_alone"
    assert refused(SALON, ask(GLOSS, COLOUR))[0] == "add_on_alone"
    assert refusal(SALON, ask(COLOUR, GLOSS), now=NOW) is None


@pytest.mark.parametrize(
    ("wanted", "code", "say"),
    [
        (ask(CUT, staff="Hannah"), "staff_unknown", "There is nobody called Hannah here."),
        (ask(CUT, staff="Marcus"), "staff_does_not", "Marcus does not do the Ladies' Cut."),
        (ask(CUT, BEARD, staff="Ana"), "staff_does_not", "Ana does not do the Beard Trim."),
        (
            ask(COLOUR, GLOSS, staff=("Ana", "Priya")),
            "staff_does_not",
            "One person does the Root Colour together with the Gloss, not several.",
        ),
    ],
)
def test_the_caller_wishes_for_somebody_who_cannot(wanted: Wanted, code: str, say: str):
    assert refused(SALON, wanted) == (code, say)


def test_one_wish_for_a_service_holds_for_what_is_added_to_it():
    assert refusal(SALON, ask(COLOUR, GLOSS, staff=(None, "Ana")), now=NOW) is None
    only_marcus = Service(name="Scalp Massage", minutes=10, add_on=True, staff=("Marcus",))
    assert refused(SALON, ask(CUT, only_marcus, staff=("Ana", None))) == (
        "staff_does_not",
        "Ana does not do the Ladies' Cut together with the Scalp Massage.",
    )
    assert refused(SALON, ask(CUT, only_marcus)) == (
        "nobody_does",
        "Nobody here does the Ladies' Cut together with the Scalp Massage.",
    )


def test_who_did_it_has_left():
    shop = SALON.model_copy(update={"professionals": (ANA, PRIYA)})
    assert refused(shop, ask(BEARD)) == ("nobody_does", "Nobody here does the Beard Trim at the moment.")


def test_a_shop_that_names_nobody_has_one_chair_for_everything():
    shop = staffed(services=MENU)
    assert refusal(shop, ask(CUT, BEARD), now=NOW) is None
    assert refusal(shop, ask(CUT, staff=""), now=NOW) is None
    assert refused(shop, ask(CUT, staff="Ana"))[0] == "staff_unknown"


def test_a_patch_test_that_takes_longer_than_the_shop_plans_ahead():
    code, say = refused(ruled(horizon_days=1), ask(COLOUR, new_client=True))
    assert code == "patch_test"
    assert say == (
        "The Root Colour needs a patch test at least 48 hours before for anybody who is new here, "
        "so the earliest is Friday the 30th of October at 10:05 AM."
    )
    assert refusal(ruled(horizon_days=2), ask(COLOUR, new_client=True), now=NOW) is None
    assert refusal(ruled(horizon_days=1), ask(COLOUR), now=NOW) is None


def test_the_earliest_time_that_is_said_is_not_too_soon():
    reason = refusal(ruled(horizon_days=1), ask(COLOUR, new_client=True), now=NOW + timedelta(seconds=20))
    assert reason is not None
    assert "10:06 AM" in reason.say
    assert reason.earliest == NOW + timedelta(hours=48, minutes=1)


def test_a_wish_for_each_service():
    with pytest.raises(ValidationError, match="2 services but 1 wishes"):
        Wanted(services=(CUT, BLOW_DRY), staff=("Ana",))
    with pytest.raises(ValidationError):
        Wanted(services=(), staff=())


def test_names_are_read_aloud_on_one_line():
    shop = staffed(MARCUS)
    odd = Service(name="Skin\n  Fade", minutes=30, staff=("Ana",))
    assert refused(shop, ask(odd)) == ("nobody_does", "Nobody here does the Skin Fade at the moment.")
    assert refusal(shop, ask(FRINGE), now=NOW) is None
