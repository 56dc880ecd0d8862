"""Said versus did: what the agent claimed in a call, held against what the call did and the shop knows. Pure.

A claim is looked for in what the caller HEARD. Each sentence is judged by itself: one that says "booked" needs a
booking made by then, one that names a price needs a price of that service. What does not fit is shown to a person
with both sides; nothing is corrected here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from agent.bookings.readback import spoken_time
from agent.events import BookingCancelled, BookingMade, BookingMoved, CallEvent, TurnSpoken
from agent.model import WEEKDAYS, Booking, Service, Shop, local

Did = BookingMade | BookingMoved | BookingCancelled
WEEKDAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_KINDS: dict[str, type[Did]] = {"booked": BookingMade, "moved": BookingMoved, "cancelled": BookingCancelled}
_WE = r"(?:i have|i've|i|we have|we've|we|it has been|it's been|it is|it's|that is|that's|you have been)"
_IT = r"(?:has been|have been|is now|is)"
_CLAIMS: dict[str, re.Pattern[str]] = {
    "booked": re.compile(
        r"\byou(?:'re| are) (?:now )?(?:all )?(?:booked|confirmed|set for)\b|\bbooked you\b"
        rf"|\b{_WE} (?:now )?(?:booked|confirmed)\b"
        r"|\bappointment is (?:booked|set|confirmed|made)\b|\bsee you (?:on|at|tomorrow|then)\b",
        re.IGNORECASE,
    ),
    "moved": re.compile(rf"\b(?:{_WE}|{_IT}) (?:now )?(?:moved|rescheduled)\b", re.IGNORECASE),
    "cancelled": re.compile(rf"\b(?:{_WE}|{_IT}) (?:now )?cancell?ed\b", re.IGNORECASE),
}
_DENIED = re.compile(
    r"\b(?:not|n't|nothing|never|cannot|unable|if|once|before|until|would|could|already has|no longer)\b|\?",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b(\d{1,2})(?::(\d{2}))?\s*(a\.?m|p\.?m)\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"[$£€¥]\s?(\d[\d,]*(?:\.\d{1,2})?)|\b(\d[\d,]*(?:\.\d{1,2})?)\s?"
    r"(?:dollars?|pounds?|euros?|francs?|bucks|quid|[A-Z]{3}\b)"
)


@dataclass(frozen=True)
class Mismatch:
    """One claim that nothing supports: in which turn, what was said, and what is so."""

    turn: int
    kind: Literal["booking", "price"]
    said: str
    did: str


def audit(story: Sequence[CallEvent], shop: Shop) -> tuple[Mismatch, ...]:
    """Every claim of a call that its own deeds and the shop's knowledge do not support, in order."""
    done: list[Did] = []
    found: list[Mismatch] = []
    for event in story:
        if isinstance(event, BookingMade | BookingMoved | BookingCancelled):
            done.append(event)
        elif isinstance(event, TurnSpoken):
            for sentence in _sentences(event.heard_text):
                found += [Mismatch(event.turn, "booking", sentence, did) for did in _unsupported(sentence, done, shop)]
                found += [Mismatch(event.turn, "price", sentence, did) for did in _mispriced(sentence, shop)]
    return tuple(found)


def _unsupported(sentence: str, done: Sequence[Did], shop: Shop) -> Iterator[str]:
    """What is so, for each claim of a deed in a sentence that was not done, or not so."""
    if _DENIED.search(sentence):
        return
    for verb, claim in _CLAIMS.items():
        if not claim.search(sentence):
            continue
        deeds = [event for event in done if isinstance(event, _KINDS[verb])]
        if not deeds:
            yield f"nothing was {verb} in this call"
        elif not any(_fits(sentence, event.booking, shop) for event in deeds):
            yield "; ".join(f"{verb}: {_row(event.booking, shop)}" for event in deeds)


def _fits(sentence: str, booking: Booking, shop: Shop) -> bool:
    """Whether the weekday and the time in a sentence, where it has any, are those of a booking."""
    start = local(booking.visit.starts, shop)
    times = {_clock(match) for match in _TIME.finditer(sentence)}
    days = {name for name in WEEKDAY_NAMES if re.search(rf"\b{name}\b", sentence, re.IGNORECASE)}
    return (not times or (start.hour, start.minute) in times) and (not days or WEEKDAY_NAMES[start.weekday()] in days)


def _mispriced(sentence: str, shop: Shop) -> Iterator[str]:
    """What the price is, for each amount in a sentence that is no price of what the sentence names."""
    amounts = [amount for match in _AMOUNT.finditer(sentence) if (amount := _amount(match)) is not None]
    if not amounts:
        return
    named = _named(sentence, shop)
    known = {service.price for service in named or shop.services if service.price is not None}
    written = _written_amounts(shop)
    for amount in amounts:
        if amount in known or amount in written or amount in _sums(known):
            continue
        yield "; ".join(_price(service) for service in named) or f"no price of {amount} is known"


def _named(sentence: str, shop: Shop) -> list[Service]:
    """The services a sentence names; of two names one inside the other, the longer."""
    folded = sentence.casefold()
    named = [service for service in shop.services if service.name.casefold() in folded]
    return [one for one in named if not any(one is not other and one.name in other.name for other in named)]


def _written_amounts(shop: Shop) -> set[Decimal]:
    """Every number in the shop's own words: fees and deposits stand in answers and policies."""
    texts = [faq.answer for faq in shop.faq] + [policy.text for policy in shop.policies]
    texts += [f"{service.price_text} {service.description}" for service in shop.services] + [shop.booking.late_text]
    return {Decimal(number) for text in texts for number in re.findall(r"\d+(?:\.\d{1,2})?", text)}


def _sums(known: set[Decimal]) -> set[Decimal]:
    """What two services come to together."""
    return {one + other for one in known for other in known}


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+(?=[A-Z])", text) if part.strip()]


def _clock(match: re.Match[str]) -> tuple[int, int]:
    hour = int(match[1]) % 12 + (12 if match[3].casefold().startswith("p") else 0)
    return hour, int(match[2] or 0)


def _amount(match: re.Match[str]) -> Decimal | None:
    try:
        return Decimal((match[1] or match[2]).replace(",", ""))
    except InvalidOperation:
        return None


def _price(service: Service) -> str:
    if service.price is None:
        return f"{service.name}: {service.price_text or 'price on request'}"
    return f"{service.name}: {'from ' if service.price_from else ''}{service.price}"


def _row(booking: Booking, shop: Shop) -> str:
    start = local(booking.visit.starts, shop)
    services = ", ".join(part.service for part in booking.visit.parts)
    return f"{services} on {WEEKDAYS[start.weekday()]} {start:%Y-%m-%d} at {spoken_time(start.time())}"
