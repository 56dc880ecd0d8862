"""What a website says about a shop: every fact with the page, the words and how sure the reading is."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from agent.model import OpenInterval, Weekday

T = TypeVar("T")
Confidence = Annotated[float, Field(ge=0, le=1)]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """Where a fact stands. `quote` is cut from the page, white space collapsed.

    Two places of a site that say a fact together are joined by " … ".
    """

    source_url: str
    quote: str
    confidence: Confidence


class Fact(Source, Generic[T]):
    """One value with its source."""

    value: T


class Alternative(Source):
    """Another price that the same site states for the same service."""

    price_min: Decimal | None
    price_max: Decimal | None
    price_text: str
    currency: str | None


class ServiceFact(Source):
    """One line of the menu. No `price_min` means that the site asks to be asked (`price_text` has its words)."""

    name: str
    section: str = ""
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    """None with `open_ended`: "from 180", "50+", "100/hour"."""
    open_ended: bool = False
    price_text: str = ""
    currency: str | None = None
    duration_min: int | None = None
    duration_text: str = ""
    alternatives: tuple[Alternative, ...] = ()


class PersonFact(Source):
    """Somebody who works at the shop, as the site presents them."""

    name: str
    role: str = ""
    specialties: tuple[str, ...] = ()


class FaqFact(Source):
    question: str
    answer: str


class HoursFact(Source):
    """What the site says about one weekday: no intervals means it says closed."""

    day: Weekday
    intervals: tuple[OpenInterval, ...]


class PolicyFact(Source):
    """A rule of the shop in its own words."""

    name: str
    text: str


class SecondReading(Frozen):
    """What became of asking a language model for what the rules had not found."""

    outcome: Literal["done", "failed", "partly"]
    """partly: not every page could be asked about."""
    pages: int = 0
    """Asked about, with an answer."""
    kept: int = 0
    """Facts that the pages' own words bear out."""
    dropped: dict[str, int] = Field(default_factory=dict[str, int])
    """Claims they do not, by why."""
    tokens: int = 0
    """What the vendor counted."""
    message: str = ""
    """What went wrong, for people."""


class SiteFacts(Frozen):
    """Everything read from one website. Days, phones and the like that the site leaves open are absent."""

    business_name: Fact[str] | None = None
    services: tuple[ServiceFact, ...] = ()
    professionals: tuple[PersonFact, ...] = ()
    hours: tuple[HoursFact, ...] = ()
    closures: tuple[Fact[date], ...] = ()
    phones: tuple[Fact[str], ...] = ()
    """E.164, the shop's main number first."""
    addresses: tuple[Fact[str], ...] = ()
    faq: tuple[FaqFact, ...] = ()
    policies: tuple[PolicyFact, ...] = ()
    """The rules leave them alone: only a second reading finds them."""
    currency: Fact[str] | None = None
    country: str = ""
    language: str = ""
    second_reading: SecondReading | None = None
    """None: the rules alone read the site."""


def prediction(facts: SiteFacts) -> dict[str, Any]:
    """The facts in the plain form that scorers, diffs and `--json` read."""
    return {
        "business_name": facts.business_name.value if facts.business_name else "",
        "services": [_service(service) for service in facts.services],
        "professionals": [{"name": p.name, "role": p.role, "source": _source(p)} for p in facts.professionals],
        "hours": {h.day: [[f"{i.opens:%H:%M}", f"{i.closes:%H:%M}"] for i in h.intervals] for h in facts.hours},
        "closures": [closure.value.isoformat() for closure in facts.closures],
        "phone": facts.phones[0].value if facts.phones else "",
        "phones": [phone.value for phone in facts.phones],
        "address": facts.addresses[0].value if facts.addresses else "",
        "addresses": [address.value for address in facts.addresses],
        "faq": [{"q": f.question, "a": f.answer, "source": _source(f)} for f in facts.faq],
        "policies": [{"name": p.name, "text": p.text, "source": _source(p)} for p in facts.policies],
        "currency": facts.currency.value if facts.currency else None,
        "country": facts.country,
        "language": facts.language,
    }


def _service(service: ServiceFact) -> dict[str, Any]:
    return {
        "name": service.name,
        "section": service.section,
        "price_min": _number(service.price_min),
        "price_max": _number(service.price_max),
        "open_ended": service.open_ended,
        "price_text": service.price_text,
        "currency": service.currency,
        "duration_min": service.duration_min,
        "alternatives": [a.price_text for a in service.alternatives],
        "source": _source(service),
    }


def _source(source: Source) -> dict[str, Any]:
    return {"url": source.source_url, "quote": source.quote, "confidence": source.confidence}


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
