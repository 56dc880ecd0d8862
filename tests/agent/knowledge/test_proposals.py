"""What a website says anew is proposed; what the owner's hand did is not undone in silence."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from agent.errors import SetupError
from agent.knowledge.proposals import Verdict, answered_scrape, apply, decide, diff
from agent.model import Away, Faq, OpeningHours, OpenInterval, Processing, Professional, Proposal, Service, Shop

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def told(old: Shop, new: Shop, last: Shop | None = None) -> list[tuple[str, str]]:
    """(kind, id) of each change."""
    return [(change.kind, change.id) for change in diff(old, new, last=last).changes]


def with_services(shop: Shop, *services: Service) -> Shop:
    return shop.model_copy(update={"services": services})


def test_the_same_is_no_change(shop: Shop) -> None:
    assert told(shop, shop) == []
    same = with_services(
        shop, *(at.model_copy(update={"price": at.price and at.price + Decimal("0.00")}) for at in shop.services)
    )
    assert told(shop, same) == []


def test_added_changed_and_removed(shop: Shop) -> None:
    balayage, fringe, *_ = shop.services
    new = with_services(shop, balayage.model_copy(update={"price": Decimal(150)}), fringe, Service(name="Toner"))
    assert told(shop, new) == [
        ("changed", "services:balayage"),
        ("added", "services:toner"),
        ("removed", "services:wedding hair"),
        ("removed", "services:hair tattoo"),
    ]
    change = diff(shop, new).changes[0]
    assert isinstance(change.before, dict)
    assert isinstance(change.after, dict)
    assert (change.before["price"], change.after["price"]) == ("145.00", "150.00")


def test_all_changes_together_make_the_new_shop(shop: Shop) -> None:
    new = shop.model_copy(
        update={
            "services": (Service(name="Balayage", price=Decimal(99)), Service(name="Toner", minutes=20)),
            "professionals": (*shop.professionals, Professional(name="Zoe")),
            "faq": (Faq(question="Parking?", answer="Behind the house."),),
            "address": "1 Copper Lane",
            "currency": "EUR",
            "hours": OpeningHours(
                week={"mon": (OpenInterval(opens=time(9), closes=time(17)),)}, closures=(date(2027, 1, 1),)
            ),
        }
    )
    merged = apply(shop, diff(shop, new))
    assert told(merged, new) == []
    assert merged.hours == new.hours
    assert merged.services[0] == shop.services[0].model_copy(update={"price": Decimal(99), "price_from": False})


def test_silence_takes_nothing_away(shop: Shop) -> None:
    bare = Service(name="Balayage", price=Decimal(145), price_from=True)
    silent = shop.model_copy(
        update={
            "services": (bare, *shop.services[1:]),
            "professionals": (),
            "policies": (),
            "hours": OpeningHours(),
            "address": "",
            "greeting": "",
            "transfer_to": None,
        }
    )
    owner = shop.model_copy(update={"greeting": "Hello!", "address": "1 Copper Lane", "transfer_to": "+442079460124"})
    assert told(owner, silent) == []


def test_the_owners_own_edits_stand_where_the_site_says_what_it_said(shop: Shop) -> None:
    said = with_services(shop, *shop.services)
    edited = with_services(
        shop,
        shop.services[0].model_copy(update={"price": Decimal(160)}),  # a price corrected
        *shop.services[1:3],  # a service taken out
        Service(name="Owner's special", price=Decimal(5)),  # one put in
    )
    assert told(edited, said, last=said) == []
    assert told(edited, said) != []
    dearer = with_services(said, said.services[0].model_copy(update={"price": Decimal(170)}), *said.services[1:])
    assert told(edited, dearer, last=said) == [("changed", "services:balayage")]


def test_equal_names_are_told_apart_by_their_category(shop: Shop) -> None:
    acrylic = Service(name="Full set", category="Acrylic", price=Decimal(50))
    gel = Service(name="Full set", category="Gel", price=Decimal(60))
    old, new = (
        with_services(shop, acrylic, gel),
        with_services(shop, acrylic, gel.model_copy(update={"price": Decimal(65)})),
    )
    assert told(old, new) == [("changed", "services:gel / full set")]
    assert apply(old, diff(old, new)).services == new.services


def test_a_name_that_becomes_two(shop: Shop) -> None:
    one = with_services(shop, Service(name="Cut", category="Women", price=Decimal(50)))
    two = with_services(shop, *one.services, Service(name="Cut", category="Men", price=Decimal(30)))
    assert told(one, two) == [("added", "services:men / cut")]
    assert apply(one, diff(one, two)).services == two.services


def test_only_what_was_accepted_is_made(shop: Shop) -> None:
    new = with_services(shop, *shop.services[1:], Service(name="Toner"))
    merged = apply(shop, diff(shop, new), {"services:toner"})
    assert [at.name for at in merged.services] == [*(at.name for at in shop.services), "Toner"]


def test_a_day_that_is_closed_now(shop: Shop) -> None:
    week = {day: at for day, at in shop.hours.week.items() if day != "tue"}
    new = shop.model_copy(update={"hours": OpeningHours(week=week, closures=shop.hours.closures)})
    assert told(shop, new) == [("removed", "hours:tue")]
    assert apply(shop, diff(shop, new)).hours.week.get("tue", ()) == ()


def test_a_proposal_that_came_too_late(shop: Shop) -> None:
    new = with_services(shop, shop.services[0].model_copy(update={"price": Decimal(150)}), *shop.services[1:])
    proposal = diff(shop, new)
    edited = with_services(shop, shop.services[0].model_copy(update={"minutes": 90}), *shop.services[1:])
    with pytest.raises(SetupError) as refused:
        apply(edited, proposal)
    assert refused.value.code == "proposal_outdated"
    assert apply(edited, proposal, set()) == edited


def test_changes_that_make_no_shop_together(shop: Shop) -> None:
    new = shop.model_copy(
        update={
            "professionals": (*shop.professionals, Professional(name="Zoe")),
            "services": (*shop.services, Service(name="Toner", staff=("Zoe",))),
        }
    )
    with pytest.raises(SetupError) as refused:
        apply(shop, diff(shop, new), {"services:toner"})
    assert refused.value.code == "proposal_invalid"


def test_what_only_the_shop_can_know_stays(shop: Shop) -> None:
    balayage = shop.services[0].model_copy(
        update={
            "processing": (Processing(after=40, minutes=30),),
            "buffer_minutes": 15,
            "add_on": True,
            "patch_test_hours": 48,
            "consultation_first": True,
        }
    )
    imogen = shop.professionals[0].model_copy(
        update={"off": ("sat",), "away": (Away(first=date(2026, 12, 1), last=date(2026, 12, 8)),)}
    )
    owned = shop.model_copy(update={"services": (balayage,), "professionals": (imogen, *shop.professionals[1:])})
    told_again = with_services(shop, shop.services[0])
    assert told(owned, told_again) == []
    dearer = with_services(told_again, shop.services[0].model_copy(update={"price": Decimal(150)}))
    assert apply(owned, diff(owned, dearer)).services == (balayage.model_copy(update={"price": Decimal(150)}),)


def proposal_of(shop: Shop) -> Proposal:
    """Balayage dearer, a toner added, the other three services removed."""
    scraped = with_services(shop, shop.services[0].model_copy(update={"price": Decimal(150)}), Service(name="Toner"))
    return diff(shop, scraped).model_copy(update={"scraped": scraped})


def test_each_decision_says_who_and_when_and_the_last_one_closes(shop: Shop) -> None:
    proposal = proposal_of(shop)
    assert (proposal.state, len(proposal.undecided)) == ("open", 5)
    half, approved = decide(proposal, ["services:toner"], ["services:balayage"], by="olu", at=NOON)
    assert (half.state, half.decided_by, len(half.undecided)) == ("open", None, 3)
    assert approved == {"services:toner"}
    verdicts = {change.id: change.decision and change.decision.verdict for change in half.changes}
    assert verdicts["services:toner"] == "approved"
    assert verdicts["services:balayage"] == "rejected"
    whole, approved = decide(half, [], "all", by="admin", at=NOON)
    assert (whole.state, whole.decided_by, whole.decided_at, approved) == ("approved", "admin", NOON, frozenset())
    assert {change.id: change.decision and change.decision.by for change in whole.changes} == {
        "services:toner": "olu",
        "services:balayage": "olu",
        **dict.fromkeys((change.id for change in half.undecided), "admin"),
    }
    assert decide(proposal, (), "all", by="x", at=NOON)[0].state == "rejected"


def test_all_is_what_is_not_named_otherwise(shop: Shop) -> None:
    decided, approved = decide(proposal_of(shop), "all", ["services:balayage"], by="x", at=NOON)
    assert decided.state == "approved"
    assert len(approved) == 4
    assert "services:balayage" not in approved


@pytest.mark.parametrize(
    ("approve", "reject", "code"),
    [
        (["services:nobody"], (), "change_unknown"),
        ((), [""], "change_unknown"),
        (["services:toner"], (), "change_decided"),
        ((), ["services:toner"], "change_decided"),
        (["services:balayage"], ["services:balayage"], "change_contradicted"),
        ("all", "all", "change_contradicted"),
        ((), (), "nothing_decided"),
    ],
)
def test_a_word_that_cannot_be(shop: Shop, approve: Verdict, reject: Verdict, code: str) -> None:
    half, _ = decide(proposal_of(shop), ["services:toner"], (), by="x", at=NOON)
    with pytest.raises(SetupError) as refused:
        decide(half, approve, reject, by="x", at=NOON)
    assert refused.value.code == code


def test_what_was_answered_in_part_is_not_asked_again_and_the_rest_is(shop: Shop) -> None:
    proposal = proposal_of(shop)
    half, _ = decide(proposal, ["services:toner"], ["services:balayage"], by="x", at=NOON)
    approved = apply(shop, half, {"services:toner"})
    last = answered_scrape(half, shop, shop)
    assert proposal.scraped is not None
    assert told(approved, proposal.scraped, last) == [("removed", at.id) for at in half.undecided]
    whole, _ = decide(half, (), "all", by="x", at=NOON)
    assert told(approved, proposal.scraped, answered_scrape(whole, approved, last)) == []
    assert told(approved, proposal.scraped, answered_scrape(half, shop, None)) == [
        ("removed", at.id) for at in half.undecided
    ]
