"""What texts say: the shop's own time, letters that cost one text, never more than two texts long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from house import COPPER_LANE, PLUMERIA
from text_rig import visit

from agent.emulators.messages import segments
from agent.model import Booking, BookingRules, Shop, TextKind, TextMessage, Visit
from agent.telephony.text_words import (
    MAX_CHARS,
    cancelled_reply,
    choice_reply,
    confirmation,
    gone_reply,
    help_reply,
    none_reply,
    plain,
    reference,
    told_when,
    trouble_reply,
)

NOW = datetime(2026, 11, 2, 20, 0, tzinfo=UTC)
STARTS = datetime(2026, 11, 7, 3, 45, tzinfo=UTC)
"""Friday at 5:45 PM in Honolulu."""


def booking(what: Visit | None = None) -> Booking:
    return Booking(
        booking_id="b-1",
        location_id=1,
        state="booked",
        visit=what or visit(STARTS),
        customer_phone="+12025550143",
        created_at=NOW,
        changed_at=NOW,
    )


def text(kind: TextKind = "booked", revision: int = 1) -> TextMessage:
    return TextMessage(
        text_id="1",
        location_id=1,
        booking_id="b-1",
        kind=kind,
        revision=revision,
        to_number="+12025550143",
        not_before=NOW,
        created_at=NOW,
        changed_at=NOW,
    )


def named(name: str, **more: object) -> Shop:
    return PLUMERIA.model_copy(update={"business_name": name, **more})


def test_the_words_of_each_kind():
    shop = named("Chop & Co")
    assert confirmation(text(), booking(), shop, NOW) == (
        "Chop & Co: you're booked: Women's Haircut with Ana, Friday, November 6th at 5:45 PM. "
        f"Reply C to cancel. STOP to opt out. {reference(text())}"
    )
    assert "has moved: Women's Haircut with Ana, now Friday, November 6th at 5:45 PM." in confirmation(
        text("moved", 2), booking(), shop, NOW
    )
    assert f"Call {PLUMERIA.phone_number} to book again." in confirmation(text("cancelled"), booking(), shop, NOW)


@pytest.mark.parametrize(
    ("shop", "moment", "words"),
    [
        (PLUMERIA, "2026-11-07T10:00+00:00", "Saturday, November 7th at 12 midnight"),
        (PLUMERIA, "2026-11-07T22:05+00:00", "Saturday, November 7th at 12:05 PM"),
        (PLUMERIA, "2027-01-01T09:59+00:00", "Thursday, December 31st at 11:59 PM"),
        (PLUMERIA, "2027-01-01T10:00+00:00", "Friday, January 1st at 12 midnight"),
        (COPPER_LANE, "2026-10-25T00:30+00:00", "Sunday the 25th of October at 1:30 AM"),
        (COPPER_LANE, "2026-10-25T09:00+00:00", "Sunday the 25th of October at 9 AM"),
        (COPPER_LANE, "2026-03-29T09:00+00:00", "Sunday the 29th of March, 2026 at 10 AM"),
        (COPPER_LANE, "2026-11-11T12:00+00:00", "Wednesday the 11th of November at 12 noon"),
        (COPPER_LANE, "2026-11-22T12:00+00:00", "Sunday the 22nd of November at 12 noon"),
        (COPPER_LANE, "2026-11-23T12:00+00:00", "Monday the 23rd of November at 12 noon"),
    ],
)
def test_a_time_is_the_shops_own(shop: Shop, moment: str, words: str):
    assert told_when(datetime.fromisoformat(moment), shop, NOW) == words


def test_several_services_are_told_by_who_does_them():
    parts = visit(STARTS, ("Balayage", "Ana"), ("Toner", "Ana"), ("Blow-dry", "Noa"))
    assert ": Balayage and Toner with Ana, Blow-dry with Noa, Friday" in confirmation(
        text(), booking(parts), PLUMERIA, NOW
    )
    assert ": Cut, Friday" in confirmation(text(), booking(visit(STARTS, ("Cut", ""))), PLUMERIA, NOW)


@pytest.mark.parametrize("kind", ["booked", "moved", "cancelled"])
def test_no_text_is_longer_than_two(kind: TextKind):
    endless = visit(STARTS + timedelta(days=400), *((f"{'Very long service ' * 10}{at}", "N" * 200) for at in range(9)))
    body = confirmation(text(kind), booking(endless), named("The Longest Name " * 11), NOW)
    assert len(body) <= MAX_CHARS
    assert body.endswith(reference(text(kind)))
    assert segments(body) <= 3


def test_typographic_signs_do_not_make_a_text_cost_twice():
    shop = named("Chloé’s “Chop” – Salon\u00a0№1…\u200b")
    assert plain(shop.business_name) == 'Chloé\'s "Chop" - Salon №1...'
    body = confirmation(text(), booking(), named("Chloé’s – Salon…"), NOW)
    assert segments(body) == 1
    assert "\n" not in plain("a\nb\r\n\0c")


def test_every_text_has_a_reference_of_its_own():
    kinds: tuple[TextKind, ...] = ("booked", "moved", "cancelled")
    references = {reference(text(kind, revision)) for kind in kinds for revision in range(1, 50)}
    assert len(references) == 3 * 49


def test_late_cancelling_is_told_in_the_shops_words():
    rules = BookingRules(cancel_notice_hours=24, late_text="Late cancellations cost 50%.")
    shop = named("Chop & Co", booking=rules)
    late, early = STARTS - timedelta(hours=23), STARTS - timedelta(hours=25)
    assert "Late cancellations cost 50%." in cancelled_reply(booking(), shop, late)
    assert "Late" not in cancelled_reply(booking(), shop, early)
    unsaid = named("Chop & Co", booking=BookingRules(cancel_notice_hours=24))
    assert "less than 24 hours before" in cancelled_reply(booking(), unsaid, late)
    assert "hours" not in cancelled_reply(booking(), named("x", booking=BookingRules()), late)


def test_replies_are_short_and_name_the_shops_phone():
    shop = named("The Longest Name " * 11)
    many = [
        booking(visit(STARTS + timedelta(days=at), ("A very long service name of this shop", "Ana"))) for at in range(5)
    ]
    replies = [help_reply(shop), none_reply(shop), trouble_reply(shop), cancelled_reply(booking(), shop, NOW)]
    assert all(PLUMERIA.phone_number in reply and len(reply) <= MAX_CHARS for reply in replies)
    listed = choice_reply(many, shop, NOW)
    assert listed.startswith("Which one? C1: A very long service name of this shop..., Friday")
    assert listed.endswith("Reply C1, C2, C3, C4 or C5.")
    assert len(listed) <= 2 * MAX_CHARS
    assert choice_reply(many[:1], shop, NOW).endswith("Reply C1 to cancel it.")
    assert gone_reply(booking(), shop, NOW).startswith("Already cancelled: Women's Haircut")
