"""The owner's word beside the website: what it may hold, and where it stands."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent.errors import SetupError, ShopFileError
from agent.knowledge.owner import OwnerFacts, check, lay_on
from agent.knowledge.shop_file import read_owner_file
from agent.model import Policy, Service, Shop


def said(**facts: Any) -> OwnerFacts:
    return OwnerFacts.model_validate(facts)


def service(shop: Shop, name: str) -> Service:
    return next(each for each in shop.services if each.name == name)


def test_what_is_not_said_stays(shop: Shop) -> None:
    assert lay_on(shop, None) == shop
    assert lay_on(shop, said()) == shop
    greeted = lay_on(shop, said(greeting="Hello, an assistant speaking.", transfer_to="+44 20 7946 0177"))
    assert (greeted.greeting, greeted.transfer_to) == ("Hello, an assistant speaking.", "+442079460177")
    assert (greeted.emergency_number, greeted.policies, greeted.services) == ("112", shop.policies, shop.services)


def test_a_greeting_and_rules_can_be_taken_back(shop: Shop) -> None:
    plain = lay_on(lay_on(shop, said(greeting="Hi, assistant here.")), said(greeting="", policies=[]))
    assert (plain.greeting, plain.policies) == ("", ())


def test_services_and_people_are_completed_by_name(shop: Shop) -> None:
    told = said(
        services=[
            {"name": "fringe  TRIM", "staff": ["priya"], "description": "Between cuts."},
            {"name": "Hair Tattoo", "minutes": 30, "price": "12.50"},
        ],
        professionals=[{"name": "priya", "role": "colourist", "specialties": ["Grey blending"]}],
        policies=[{"name": "Deposit", "text": "Twenty pounds."}],
    )
    laid = lay_on(shop, told)
    check(laid, told)
    trim, tattoo = service(laid, "Fringe Trim"), service(laid, "Hair Tattoo")
    assert (trim.staff, trim.description, trim.minutes, trim.price) == (
        ("Priya",),
        "Between cuts.",
        15,
        Decimal("12.5"),
    )
    assert (tattoo.minutes, tattoo.price) == (30, Decimal("12.50"))
    assert [(at.name, at.role, at.specialties) for at in laid.professionals] == [
        ("Imogen", "director", ("Balayage", "Bobs")),
        ("Priya", "colourist", ("Grey blending",)),
    ]
    assert laid.policies == (Policy(name="Deposit", text="Twenty pounds."),)
    assert Shop.model_validate(laid.model_dump()) == laid


def test_who_works_when_and_how_a_service_is_booked(shop: Shop) -> None:
    told = said(
        services=[
            {
                "name": "Balayage",
                "minutes": 120,
                "processing": [{"after": 45, "minutes": 40}],
                "buffer_minutes": 10,
                "patch_test_hours": 48,
            },
            {"name": "Fringe Trim", "add_on": True},
            {"name": "Wedding Hair", "consultation_first": True},
        ],
        professionals=[
            {
                "name": "Priya",
                "off": ["mon"],
                "hours": {"week": {"tue": [{"opens": "10:00", "closes": "16:00"}]}},
                "breaks": {"tue": [{"opens": "13:00", "closes": "13:30"}]},
                "away": [{"first": "2027-08-02", "last": "2027-08-13"}],
            }
        ],
        booking={"cancel_notice_hours": 48, "late_text": "The deposit is kept.", "slot_minutes": 30},
    )
    laid = lay_on(shop, told)
    check(laid, told)
    balayage = service(laid, "Balayage")
    assert [(gap.after, gap.minutes) for gap in balayage.processing] == [(45, 40)]
    assert (balayage.buffer_minutes, balayage.patch_test_hours) == (10, 48)
    assert (service(laid, "Fringe Trim").add_on, service(laid, "Wedding Hair").consultation_first) == (True, True)
    priya = next(person for person in laid.professionals if person.name == "Priya")
    assert (priya.off, priya.hours, priya.breaks, priya.away) == (
        ("mon",),
        told.professionals[0].hours,
        told.professionals[0].breaks,
        told.professionals[0].away,
    )
    rules = laid.booking
    assert (rules.cancel_notice_hours, rules.late_text, rules.slot_minutes) == (48, "The deposit is kept.", 30)
    assert (rules.by_phone, rules.horizon_days) == (shop.booking.by_phone, shop.booking.horizon_days)
    assert lay_on(laid, said(booking={"texts": False})).booking == rules.model_copy(update={"texts": False})
    assert Shop.model_validate(laid.model_dump()) == laid


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({}, {"name": "Fringe Trim", "processing": [{"after": 10, "minutes": 5}]}),
        (
            {},
            {
                "name": "Fringe Trim",
                "minutes": 60,
                "processing": [{"after": 30, "minutes": 10}, {"after": 35, "minutes": 5}],
            },
        ),
        (
            {"name": "Fringe Trim", "minutes": 60, "processing": [{"after": 20, "minutes": 20}]},
            {"name": "Fringe Trim", "minutes": 30},
        ),
        ({}, {"name": "Hair Tattoo", "processing": [{"after": 10, "minutes": 5}]}),
    ],
    ids=["to the very end", "out of order", "a length too short for the gaps there are", "of unknown length"],
)
def test_processing_has_to_lie_inside_the_service(shop: Shop, first: dict[str, Any], then: dict[str, Any]) -> None:
    before = lay_on(shop, said(services=[first] if first else []))
    told = said(services=[then])
    laid = lay_on(before, told)
    assert Shop.model_validate(laid.model_dump()) == before  # passed over, not written in
    with pytest.raises(SetupError, match="does not lie inside it, in order") as refused:
        check(laid, told)
    assert refused.value.code == "owner_service_invalid"


def test_a_price_takes_the_place_of_words_and_of_a_lower_bound(shop: Shop) -> None:
    laid = lay_on(shop, said(services=[{"name": "Wedding Hair", "price": 300}, {"name": "Balayage", "price": 150}]))
    for name, price in (("Wedding Hair", 300), ("Balayage", 150)):
        now = service(laid, name)
        assert (now.price, now.price_from, now.price_text) == (price, False, "")


def test_a_category_tells_two_of_a_name_apart(shop: Shop) -> None:
    sets = (Service(name="Full set", category="Acrylic"), Service(name="Full set", category="Gel"))
    two = shop.model_copy(update={"services": sets})
    laid = lay_on(two, said(services=[{"name": "Full set", "category": "gel", "minutes": 90}]))
    assert [each.minutes for each in laid.services] == [None, 90]
    both = lay_on(two, said(services=[{"name": "Full set", "minutes": 60}]))
    assert [each.minutes for each in both.services] == [60, 60]


@pytest.mark.parametrize(
    ("facts", "code", "words"),
    [
        ({"services": [{"name": "Perm"}]}, "owner_service_unknown", "no service 'Perm'."),
        (
            {"services": [{"name": "Balayage", "category": "Nails"}]},
            "owner_service_unknown",
            "no service 'Balayage' under 'Nails'.",
        ),
        ({"services": [{"name": "Balayage", "staff": ["Nobody"]}]}, "owner_professional_unknown", "'Nobody'"),
        ({"professionals": [{"name": "Nobody"}]}, "owner_professional_unknown", "'Nobody'"),
        ({"transfer_to": "+442079460123"}, "owner_transfer_invalid", "would come back"),
    ],
)
def test_what_has_no_place_is_refused_by_name(shop: Shop, facts: dict[str, Any], code: str, words: str) -> None:
    laid = lay_on(shop, said(**facts))
    assert Shop.model_validate(laid.model_dump())  # passed over, not written in
    with pytest.raises(SetupError) as refused:
        check(laid, said(**facts))
    assert refused.value.code == code
    assert words in refused.value.message


def test_where_nobody_is_presented_any_name_will_do(shop: Shop) -> None:
    told = said(services=[{"name": "Fringe Trim", "staff": ["Somebody"]}])
    alone = lay_on(shop.model_copy(update={"professionals": (), "services": shop.services[1:2]}), told)
    check(alone, told)
    assert alone.services[0].staff == ("Somebody",)


@pytest.mark.parametrize(
    "facts",
    [
        {"transfer_to": "0207 946"},
        {"emergency_number": "help"},
        {"greeting": "x" * 4_001},
        {"services": [{"minutes": 30}]},
        {"services": [{"name": "Cut", "minutes": 0}]},
        {"services": [{"name": "Cut", "price": -1}]},
        {"services": [{"name": "Cut", "processing": [{"after": 0, "minutes": 10}]}]},
        {"professionals": [{"name": "Ana", "away": [{"first": "2027-01-02", "last": "2027-01-01"}]}]},
        {"booking": {"slot_minutes": 1}},
        {"booking": {"deposit": 20}},
        {"services": [{"name": "Cut"}] * 501},
        {"professionals": [{"name": " "}]},
        {"policies": [{"name": "Deposit"}]},
        {"hours": {}},
        [],
    ],
)
def test_bad_words_are_no_facts(facts: Any) -> None:
    with pytest.raises(ValidationError):
        OwnerFacts.model_validate(facts)


def test_they_can_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "owner.yaml"
    path.write_text("emergency_number: 911\nservices:\n  - {name: Cut, minutes: 30, price: 42.10}\n")
    assert read_owner_file(path) == said(
        emergency_number="911", services=[{"name": "Cut", "minutes": 30, "price": "42.10"}]
    )
    path.write_text("phone_number: +18084826296\nservices: [{minutes: 30}]\n")
    with pytest.raises(ShopFileError) as refused:
        read_owner_file(path)
    assert refused.value.problems == [
        "services[0].name: is missing",
        "phone_number: is not a field of this file",
    ]
