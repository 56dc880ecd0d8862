"""Facts of a website become a shop that keeps the model's word, whatever the site wrote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest

from agent.errors import SetupError
from agent.knowledge.composing import compose_shop
from agent.knowledge.jobs import SetupRequest
from agent.model import OpenInterval, Policy, Shop, Weekday


@dataclass(frozen=True)
class Value:
    value: Any


@dataclass(frozen=True)
class Other:
    price_text: str


@dataclass(frozen=True)
class Line:
    name: str
    section: str = ""
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    open_ended: bool = False
    price_text: str = ""
    duration_min: int | None = None
    alternatives: tuple[Other, ...] = ()


@dataclass(frozen=True)
class Person:
    name: str
    role: str = ""
    specialties: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    question: str
    answer: str


@dataclass(frozen=True)
class Day:
    day: Weekday
    intervals: tuple[OpenInterval, ...]


@dataclass(frozen=True)
class Facts:
    services: tuple[Line, ...] = ()
    professionals: tuple[Person, ...] = ()
    hours: tuple[Day, ...] = ()
    closures: tuple[Value, ...] = ()
    addresses: tuple[Value, ...] = ()
    faq: tuple[Question, ...] = ()
    policies: tuple[Policy, ...] = ()
    currency: Value | None = Value("USD")


def request(phone_number: str = "+18084826296", **more: Any) -> SetupRequest:
    asked = {"location_id": 1, "website_url": "https://salon.example", "business_name": "Plumeria"}
    return SetupRequest.model_validate({**asked, "phone_number": phone_number, **more})


def between(opens: int, closes: int) -> OpenInterval:
    return OpenInterval(opens=time(opens), closes=time(closes))


@pytest.mark.parametrize(
    ("line", "price", "is_from", "text"),
    [
        (Line("Cut", price_min=Decimal(45), price_max=Decimal(45), price_text="$45"), "45.00", False, ""),
        (Line("Cut", price_min=Decimal(45), open_ended=True, price_text="from $45"), "45.00", True, ""),
        (Line("Cut", price_min=Decimal(45), price_max=Decimal(60), price_text="$45–60"), "45.00", True, "$45–60"),
        (Line("Cut", price_text="by  consultation"), None, False, "by consultation"),
        (Line("Cut", price_min=Decimal(45), price_text="$45", alternatives=(Other("$50"),)), None, False, "$45 / $50"),
        (Line("Cut"), None, False, ""),
    ],
)
def test_a_price_is_told_as_the_site_tells_it(line: Line, price: str | None, is_from: bool, text: str) -> None:
    [service] = compose_shop(Facts(services=(line,)), request(), None).services
    assert (service.price, service.price_from, service.price_text) == (price and Decimal(price), is_from, text)


def test_everything_else_is_taken_over() -> None:
    facts = Facts(
        services=(
            Line("Full set", "Acrylic", duration_min=90),
            Line("full  SET", "acrylic"),
            Line("Full set", "Gel", duration_min=9_000),
            Line(" "),
        ),
        professionals=(Person("Ana", "owner", ("Colour", "")), Person("ANA"), Person("")),
        hours=(Day("mon", (between(13, 18), between(9, 12), between(11, 13))), Day("sun", ())),
        closures=(Value(date(2027, 1, 1)), Value(date(2026, 12, 25)), Value(date(2027, 1, 1))),
        addresses=(Value("1 King Street,\n Honolulu"), Value("elsewhere")),
        faq=(Question("Parking?", "Yes."), Question("Empty?", " ")),
    )
    shop = compose_shop(facts, request(), None)
    assert [(at.name, at.category, at.minutes) for at in shop.services] == [
        ("Full set", "Acrylic", 90),
        ("Full set", "Gel", None),
    ]
    assert [(at.name, at.role, at.specialties) for at in shop.professionals] == [("Ana", "owner", ("Colour",))]
    assert shop.hours.week == {"mon": (between(9, 13), between(13, 18)), "sun": ()}
    assert shop.hours.closures == (date(2026, 12, 25), date(2027, 1, 1))
    assert (shop.address, len(shop.faq), shop.timezone) == ("1 King Street, Honolulu", 1, "Pacific/Honolulu")


def test_what_the_site_does_not_say_is_asked_of_the_shop_as_it_is(shop: Shop) -> None:
    composed = compose_shop(Facts(currency=None), request("+18005550100"), shop)
    assert (composed.timezone, composed.currency) == ("Europe/London", "GBP")


@pytest.mark.parametrize(
    ("facts", "more", "code"),
    [
        (Facts(currency=None), {}, "currency_unknown"),
        (Facts(), {"phone_number": "+18005550100"}, "timezone_unknown"),
    ],
)
def test_what_nobody_says_must_be_asked_for(facts: Facts, more: dict[str, str], code: str) -> None:
    with pytest.raises(SetupError) as refused:
        compose_shop(facts, request(**more), None)
    assert refused.value.code == code
    shop = compose_shop(facts, request(**more, timezone="America/Chicago", currency="CAD"), None)
    assert (shop.timezone, shop.currency) == ("America/Chicago", "CAD")
