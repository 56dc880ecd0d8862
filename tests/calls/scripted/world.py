"""A file's world as shops and bookings. Every call gets a shop of its own, so that calls do not disturb each other."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from agent.emulators import virtual_clock
from agent.model import (
    Away,
    Booking,
    BookingRules,
    BusyStretch,
    Faq,
    OpeningHours,
    OpenInterval,
    Professional,
    Service,
    Shop,
    Visit,
    VisitPart,
)

_COLOUR = re.compile(r"colou?r|root|tint|balayage|highlight", re.I)


@dataclass(frozen=True)
class Script:
    """One call of a file, with a shop of its own and what stands in its book."""

    id: str
    caller: str
    utterances: tuple[str, ...]
    audio: tuple[str, ...]
    """Sounds in place of words ("silence 8s")."""
    expect: Mapping[str, Any]
    must_not_say: tuple[str, ...]
    shop: Shop
    book: Mapping[str, Booking]
    """By the names the file gives them."""
    now: datetime


def read_scripts(path: Path, *, first_location: int) -> tuple[Script, ...]:
    """The calls of a file. Their shops are numbered from `first_location`, and so are their phone numbers."""
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    now = datetime.fromisoformat(data["world"]["now"]).astimezone(UTC)
    never = tuple(data.get("global_must_not_say", ()))
    return tuple(
        _script(call, data["world"][call["location"]], now, never, first_location + at)
        for at, call in enumerate(data["calls"])
    )


def clock_from(start: datetime) -> Callable[[], datetime]:
    """A clock that stands at `start` now, and goes on from there."""
    ahead = start - virtual_clock.now()
    return lambda: virtual_clock.now() + ahead


def _script(call: Mapping[str, Any], place: Mapping[str, Any], now: datetime, never: Sequence[str], at: int) -> Script:
    shop = shop_of(place, location_id=at)
    expect = call.get("expect", {})
    return Script(
        id=call["id"],
        caller=call["caller"],
        utterances=tuple(call.get("utterances", ())),
        audio=tuple(call.get("audio", {}).get("script", ())),
        expect=expect,
        must_not_say=(*never, *expect.get("must_not_say", ())),
        shop=shop,
        book=book_of(place, shop, now),
        now=now,
    )


def shop_of(place: Mapping[str, Any], *, location_id: int) -> Shop:
    """A shop of the world, on a number of its own."""
    answers: dict[str, str] = place.get("faq", {})
    return Shop(
        location_id=location_id,
        business_name=place["name"],
        phone_number=f"{place['number'][:-4]}{location_id % 10_000:04d}",
        timezone=place["timezone"],
        currency="USD" if place["number"].startswith("+1") else "GBP",
        emergency_number="911" if place["number"].startswith("+1") else "999",
        address=place.get("address", ""),
        transfer_to=place.get("transfer_to"),
        hours=OpeningHours(
            week={day: _intervals(text) for day, text in place["hours"].items()},
            closures=tuple(date.fromisoformat(str(day)) for day in place.get("closures", ())),
        ),
        services=tuple(_service(line, answers.get("patch_test", "")) for line in place["services"]),
        professionals=tuple(_person(name, facts or {}) for name, facts in place.get("staff", {}).items()),
        faq=tuple(Faq(question=f"{key.replace('_', ' ')}?", answer=answer) for key, answer in answers.items()),
        booking=_rules(answers.get("cancellation", "")),
    )


def _service(line: Mapping[str, Any], patch_test: str) -> Service:
    facts = {name: value for name, value in line.items() if name in Service.model_fields}
    if line.get("price_from") is not None and not isinstance(line["price_from"], bool):
        facts |= {"price": line["price_from"], "price_from": True}
    hours = re.search(r"(\d+) hours", patch_test)
    if hours and line.get("minutes") and _COLOUR.search(line["name"]):
        facts["patch_test_hours"] = int(hours[1])
    return Service.model_validate(facts)


def _person(name: str, facts: Mapping[str, Any]) -> Professional:
    away = [str(span).partition("..") for span in facts.get("away", ())]
    return Professional(
        name=name,
        off=tuple(facts.get("off", facts.get(False, ()))),
        away=tuple(Away(first=date.fromisoformat(a), last=date.fromisoformat(b or a)) for a, _, b in away),
    )


def _rules(cancellation: str) -> BookingRules:
    hours = re.search(r"(\d+) hours", cancellation)
    late = cancellation.partition(";")[2].strip()
    if hours is None:
        return BookingRules()
    return BookingRules(cancel_notice_hours=int(hours[1]), late_text=f"{late[:1].upper()}{late[1:]}" if late else "")


def _intervals(text: str) -> tuple[OpenInterval, ...]:
    if text == "closed":
        return ()
    spans = (span.strip().split("-") for span in text.split(","))
    return tuple(OpenInterval.model_validate({"opens": opens, "closes": closes}) for opens, closes in spans)


def book_of(place: Mapping[str, Any], shop: Shop, now: datetime) -> dict[str, Booking]:
    """What stands in a shop's book when the world begins."""
    return {line["id"]: _booking(line, shop, now) for line in place.get("bookings", ())}


def _booking(line: Mapping[str, Any], shop: Shop, now: datetime) -> Booking:
    starts = datetime.fromisoformat(line["start"]).replace(tzinfo=shop.zone).astimezone(UTC)
    service = next((known for known in shop.services if known.name == line["service"]), None)
    minutes = line.get("minutes") or (service.minutes if service else None) or 60
    ends = starts + timedelta(minutes=minutes)
    part = VisitPart(service=line["service"], staff=line.get("staff", ""), starts=starts, ends=ends)
    return Booking(
        booking_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{shop.location_id}/{line['id']}")),
        location_id=shop.location_id,
        state="booked",
        visit=Visit(parts=(part,), busy=tuple(_busy(part, service))),
        customer_name=line["name"] if line["phone"] else "",
        customer_phone=line["phone"],
        created_at=now - timedelta(days=7),
        changed_at=now - timedelta(days=7),
    )


def _busy(part: VisitPart, service: Service | None) -> list[BusyStretch]:
    stretches: list[BusyStretch] = []
    since = part.starts
    for gap in service.processing if service else ():
        begins = part.starts + timedelta(minutes=gap.after)
        stretches.append(BusyStretch(staff=part.staff, starts=since, ends=begins))
        since = begins + timedelta(minutes=gap.minutes)
    return [*stretches, BusyStretch(staff=part.staff, starts=since, ends=part.ends)]
