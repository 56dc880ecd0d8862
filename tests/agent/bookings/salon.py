"""A salon to talk about: two stylists and a barber in London, and short words for its services and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from agent.bookings.rules import Reason, Wanted
from agent.model import (
    WEEKDAYS,
    Away,
    BookingRules,
    BusyStretch,
    OpeningHours,
    OpenInterval,
    Processing,
    Professional,
    Service,
    Shop,
    Visit,
    Weekday,
)

CUT = Service(name="Ladies' Cut", minutes=45, staff=("Ana", "Priya"))
BLOW_DRY = Service(name="Blow Dry", minutes=30, staff=("Ana", "Priya"))
COLOUR = Service(
    name="Root Colour",
    minutes=90,
    staff=("Ana",),
    processing=(Processing(after=30, minutes=35),),
    buffer_minutes=10,
    patch_test_hours=48,
)
FRINGE = Service(name="Fringe Trim", minutes=15)
GLOSS = Service(name="Gloss", minutes=15, add_on=True)
BEARD = Service(name="Beard Trim", minutes=15, staff=("Marcus",))
SHAVE = Service(name="Hot Towel Shave", minutes=30, staff=("Marcus",), buffer_minutes=15)
CORRECTION = Service(name="Colour Correction", consultation_first=True)
MENU = (CUT, BLOW_DRY, COLOUR, FRINGE, GLOSS, BEARD, SHAVE, CORRECTION)


def hours(text: str) -> tuple[OpenInterval, ...]:
    """`hours("09:00-12:00 13:00-18:00")`"""
    spans = [span.split("-") for span in text.split()]
    return tuple(
        OpenInterval(opens=time.fromisoformat(opens), closes=time.fromisoformat(closes)) for opens, closes in spans
    )


def week(**days: str) -> OpeningHours:
    """`week(mon="09:00-17:00", rest="10:00-18:00")`; a day that is not named is closed, or as `rest` says."""
    rest = days.pop("rest", "")
    return OpeningHours(week={day: hours(days.get(day, rest)) for day in WEEKDAYS})


ANA = Professional(name="Ana", breaks={"thu": hours("13:00-13:30")})
PRIYA = Professional(name="Priya", away=(Away(first=date(2026, 10, 27), last=date(2026, 11, 2)),))
MARCUS = Professional(name="Marcus", off=("sat",), hours=week(rest="10:00-16:00"))

SALON = Shop(
    location_id=1,
    business_name="Chestnut Row",
    phone_number="+442079460123",
    timezone="Europe/London",
    currency="GBP",
    hours=week(rest="09:00-18:00", wed="09:00-12:30 14:00-19:00", sun="", mon="").model_copy(
        update={"closures": (date(2026, 11, 26),)}
    ),
    services=MENU,
    professionals=(ANA, PRIYA, MARCUS),
)
NOW = datetime(2026, 10, 28, 10, 5, tzinfo=UTC)
"""A Wednesday, in winter time since Sunday."""


def ask(*services: Service, staff: str | Sequence[str | None] | None = None, new_client: bool = False) -> Wanted:
    """Services, by one person or by one each."""
    wishes = (staff,) * len(services) if staff is None or isinstance(staff, str) else tuple(staff)
    return Wanted(services=services, staff=wishes, new_client=new_client)


def at(text: str, shop: Shop = SALON) -> datetime:
    """`at("2026-10-29 15:00")`, on the shop's clocks."""
    return datetime.fromisoformat(text).replace(tzinfo=shop.zone)


def busy(staff: str, text: str, minutes: int, shop: Shop = SALON) -> BusyStretch:
    """Somebody's time from a local moment on."""
    starts = at(text, shop).astimezone(UTC)
    return BusyStretch(staff=staff, starts=starts, ends=starts + timedelta(minutes=minutes))


def ruled(shop: Shop = SALON, **rules: int | bool) -> Shop:
    """The shop with other booking rules."""
    return shop.model_copy(update={"booking": BookingRules.model_validate(rules)})


def staffed(*people: Professional, services: tuple[Service, ...] = (), opening: OpeningHours = SALON.hours) -> Shop:
    """The shop with other people."""
    return SALON.model_copy(update={"professionals": people, "services": services, "hours": opening})


def breaks(**days: str) -> Mapping[Weekday, tuple[OpenInterval, ...]]:
    """Breaks by weekday."""
    return {day: hours(days[day]) for day in WEEKDAYS if day in days}


def said(result: Visit | Reason, shop: Shop = SALON) -> str:
    """A visit as `Ana 15:00 Cut`, a reason as its code."""
    if isinstance(result, Reason):
        return result.code
    return ", ".join(
        f"{part.staff} {part.starts.astimezone(shop.zone):%H:%M} {part.service}".strip() for part in result.parts
    )


def clocks(visits: Sequence[Visit], shop: Shop = SALON) -> list[str]:
    """When visits begin, on the shop's clocks."""
    return [f"{visit.starts.astimezone(shop.zone):%H:%M}" for visit in visits]
