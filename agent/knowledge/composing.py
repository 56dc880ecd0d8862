"""What was read from a website, and what the admin said, become a Shop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol, TypeVar

import phonenumbers
from phonenumbers import timezone as zones

from agent.errors import SetupError
from agent.knowledge.jobs import SetupRequest
from agent.model import Faq, OpeningHours, OpenInterval, Policy, Professional, Service, Shop, Weekday

T_co = TypeVar("T_co", covariant=True)

MAX_NAME = 200
MAX_TEXT = 4_000
CENT = Decimal("0.01")
DAY_MINUTES = 24 * 60


class Stated(Protocol[T_co]):
    """A value as a site states it."""

    @property
    def value(self) -> T_co: ...


class PriceTold(Protocol):
    """Another price of the same service."""

    @property
    def price_text(self) -> str: ...


class ServiceTold(Protocol):
    """A line of the menu."""

    @property
    def name(self) -> str: ...
    @property
    def section(self) -> str: ...
    @property
    def price_min(self) -> Decimal | None: ...
    @property
    def price_max(self) -> Decimal | None: ...
    @property
    def open_ended(self) -> bool: ...
    @property
    def price_text(self) -> str: ...
    @property
    def duration_min(self) -> int | None: ...
    @property
    def alternatives(self) -> Sequence[PriceTold]: ...


class PersonTold(Protocol):
    """Somebody who works there."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def specialties(self) -> Sequence[str]: ...


class FaqTold(Protocol):
    """A question and its answer."""

    @property
    def question(self) -> str: ...
    @property
    def answer(self) -> str: ...


class PolicyTold(Protocol):
    """A rule of the shop."""

    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...


class HoursTold(Protocol):
    """A weekday; no intervals: closed."""

    @property
    def day(self) -> Weekday: ...
    @property
    def intervals(self) -> Sequence[OpenInterval]: ...


class FactsTold(Protocol):
    """What composing a shop takes; the extractor's SiteFacts have it, with sources besides."""

    @property
    def services(self) -> Sequence[ServiceTold]: ...
    @property
    def professionals(self) -> Sequence[PersonTold]: ...
    @property
    def hours(self) -> Sequence[HoursTold]: ...
    @property
    def closures(self) -> Sequence[Stated[date]]: ...
    @property
    def addresses(self) -> Sequence[Stated[str]]: ...
    @property
    def faq(self) -> Sequence[FaqTold]: ...
    @property
    def policies(self) -> Sequence[PolicyTold]: ...
    @property
    def currency(self) -> Stated[str] | None: ...


def compose_shop(facts: FactsTold, request: SetupRequest, current: Shop | None) -> Shop:
    """The shop that `facts` and `request` tell of; `current` is asked for what neither says.

    Raises SetupError timezone_unknown or currency_unknown: then the request must say it.
    """
    return Shop(
        location_id=request.location_id,
        business_name=request.business_name,
        phone_number=request.phone_number,
        website_url=request.website_url,
        timezone=request.timezone or (current.timezone if current else _zone_of(request.phone_number)),
        currency=request.currency or _currency(facts, current),
        address=_line(facts.addresses[0].value, 500) if facts.addresses else "",
        hours=OpeningHours(week=_week(facts.hours), closures=tuple(sorted({day.value for day in facts.closures}))),
        services=tuple(_services(facts.services)),
        professionals=tuple(_professionals(facts.professionals)),
        faq=tuple(_faq(facts.faq)),
        policies=tuple(_policies(facts.policies)),
    )


def _zone_of(phone_number: str) -> str:
    """The time zone of a phone number, where it can have but one."""
    found = zones.time_zones_for_number(phonenumbers.parse(phone_number))
    if len(found) != 1 or found[0] == "Etc/Unknown":
        message = f"{phone_number} does not tell the shop's time zone; add `timezone` to the request."
        raise SetupError("timezone_unknown", message)
    return found[0]


def _currency(facts: FactsTold, current: Shop | None) -> str:
    if facts.currency is not None:
        return facts.currency.value
    if current is not None:
        return current.currency
    raise SetupError("currency_unknown", "The website does not tell its currency; add `currency` to the request.")


def _services(told: Iterable[ServiceTold]) -> Iterable[Service]:
    seen: set[tuple[str, str]] = set()
    for service in told:
        name, section = _line(service.name), _line(service.section)
        if name and (section.casefold(), name.casefold()) not in seen:
            seen.add((section.casefold(), name.casefold()))
            yield _service(service, name, section)


def _service(told: ServiceTold, name: str, section: str) -> Service:
    price = told.price_min
    is_range = told.price_max is not None and told.price_max != price
    contradicted = bool(told.alternatives)
    words = [told.price_text, *(other.price_text for other in told.alternatives)]
    return Service(
        name=name,
        category=section,
        # Of contradictory prices none is quoted: the shop's own words stand, and the caller is told of both.
        price=None if price is None or price < 0 or contradicted else price.quantize(CENT),
        price_from=price is not None and not contradicted and (told.open_ended or is_range),
        price_text=_line(" / ".join(filter(None, words))) if price is None or is_range or contradicted else "",
        minutes=told.duration_min if told.duration_min and 0 < told.duration_min <= DAY_MINUTES else None,
    )


def _professionals(told: Iterable[PersonTold]) -> Iterable[Professional]:
    seen: set[str] = set()
    for person in told:
        name = _line(person.name)
        if name and name.casefold() not in seen:
            seen.add(name.casefold())
            specialties = tuple(line for line in map(_line, person.specialties) if line)
            yield Professional(name=name, role=_line(person.role), specialties=specialties)


def _faq(told: Iterable[FaqTold]) -> Iterable[Faq]:
    for at in told:
        question, answer = _line(at.question, MAX_TEXT), _line(at.answer, MAX_TEXT)
        if question and answer:
            yield Faq(question=question, answer=answer)


def _policies(told: Iterable[PolicyTold]) -> Iterable[Policy]:
    for at in told:
        name, text = _line(at.name), _line(at.text, MAX_TEXT)
        if name and text:
            yield Policy(name=name, text=text)


def _week(told: Iterable[HoursTold]) -> dict[Weekday, tuple[OpenInterval, ...]]:
    return {at.day: tuple(_merged(at.intervals)) for at in told}


def _merged(intervals: Iterable[OpenInterval]) -> list[OpenInterval]:
    """In order, with those that overlap as one: sites repeat themselves."""
    merged: list[OpenInterval] = []
    for at in sorted(intervals, key=lambda interval: interval.opens):
        if merged and at.opens < merged[-1].closes:
            at = OpenInterval(opens=merged[-1].opens, closes=max(merged.pop().closes, at.closes))
        merged.append(at)
    return merged


def _line(text: str, longest: int = MAX_NAME) -> str:
    return " ".join(text.split())[:longest].strip()
