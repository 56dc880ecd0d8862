"""When a visit may begin, found the slow way: every person, every minute. Shares no code with the calendar.

It reads the rules of docs/decisions/0014 literally, as sets of minutes (counted from 1970 UTC), and so knows no
interval arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import product
from zoneinfo import ZoneInfo

from agent.bookings.rules import Wanted
from agent.model import BusyStretch, OpenInterval, Professional, Service, Shop

MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Minutes = frozenset[int]


def number(at: datetime) -> int:
    """Which minute that is."""
    return (at - EPOCH) // MINUTE


def span(stretch: BusyStretch) -> range:
    """The minutes of it."""
    return range(number(stretch.starts), number(stretch.ends))


@cache
def minutes_of(day: date, zone: ZoneInfo) -> tuple[tuple[datetime, datetime], ...]:
    """Every minute whose local date is `day`, in order: (UTC, the naive wall time)."""
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    walk = (begins + MINUTE * count for count in range(60 * 60))
    shown = ((at, at.astimezone(zone).replace(tzinfo=None, fold=0)) for at in walk)
    return tuple((at, wall) for at, wall in shown if wall.date() == day)


@cache
def laid(day: date, zone: ZoneInfo, intervals: tuple[OpenInterval, ...]) -> Minutes:
    """From the first minute that shows the beginning or later, up to the first that shows the end or later."""
    found: set[int] = set()
    walls = minutes_of(day, zone)
    for interval in intervals:
        opens = next((n for n, (_, wall) in enumerate(walls) if wall.time() >= interval.opens), len(walls))
        closes = next((n for n, (_, wall) in enumerate(walls) if wall.time() >= interval.closes), len(walls))
        found |= {number(at) for at, _ in walls[opens:closes]}
    return frozenset(found)


@cache
def every_fifth(day: date, zone: ZoneInfo) -> tuple[tuple[int, datetime], ...]:
    """Every fifth minute there is on the clocks, of those that come twice the first."""
    first = {wall: number(at) for at, wall in reversed(minutes_of(day, zone)) if wall.minute % 5 == 0}
    return tuple((at, wall) for wall, at in sorted(first.items()))


class Slowly:
    """All visits of one day."""

    def __init__(self, shop: Shop, wanted: Wanted, day: date, busy: Sequence[BusyStretch], now: datetime) -> None:
        self.shop, self.wanted, self.day, self.now = shop, wanted, day, now
        self.open = laid(day, shop.zone, shop.hours.on(day))
        self.people: dict[str, Professional | None] = {one.name: one for one in shop.professionals} or {"": None}
        self.kept = {name: self._kept(name, one, busy) for name, one in self.people.items()}
        self.there = {name: self._there(one) for name, one in self.people.items()}
        self.follows = {name: self._follows(name) for name in self.people}
        self.able = [hands for hands in product(self.people, repeat=len(wanted.services)) if self._may(hands)]

    def starts(self) -> dict[datetime, set[tuple[str, ...]]]:
        """Every beginning, with everybody (one for each service) by whom it could be done."""
        today = self.now.astimezone(self.shop.zone).date()
        if not 0 <= (self.day - today).days <= self.shop.booking.horizon_days:
            return {}
        found: dict[datetime, set[tuple[str, ...]]] = {}
        for at, wall in every_fifth(self.day, self.shop.zone):
            if EPOCH + MINUTE * at >= self._earliest() and (hands := self._hands(at, self._on_grid(wall))):
                found[EPOCH + MINUTE * at] = hands
        return dict(sorted(found.items()))

    def _hands(self, at: int, on_grid: bool) -> set[tuple[str, ...]]:
        stay = sum(service.minutes or 0 for service in self.wanted.services)
        if not self.open.issuperset(range(at, at + stay)):
            return set()
        able = [hands for hands in self.able if on_grid or at in self.follows[hands[0]]]
        return {hands for hands in able if self._could(at, hands)}

    def _may(self, hands: tuple[str, ...]) -> bool:
        for place, (service, name) in enumerate(zip(self.wanted.services, hands, strict=True)):
            skilled = not service.staff or name in service.staff or not name
            wished = self.wanted.staff[place] in (None, name)
            together = not service.add_on or name == hands[place - 1]
            if not (skilled and wished and together):
                return False
        return True

    def _could(self, at: int, hands: tuple[str, ...]) -> bool:
        for service, name in zip(self.wanted.services, hands, strict=True):
            work = {at + count for count in worked(service)}
            at += service.minutes or 0
            cleaning = set(range(at, at + service.buffer_minutes))
            there = self.there[name]
            if not work <= self.open or (work | cleaning) & self.kept[name]:
                return False
            if there is not None and not (work | cleaning) <= there:
                return False
        return True

    def _on_grid(self, wall: datetime) -> bool:
        slot = self.shop.booking.slot_minutes
        return wall.minute % slot == 0 if slot <= 60 else (wall.hour * 60 + wall.minute) % slot == 0

    def _follows(self, name: str) -> set[int]:
        there = self.there[name]
        free = (self.open if there is None else self.open & there) - self.kept[name]
        return {at + -at % 5 for at in free if at - 1 not in free}

    def _earliest(self) -> datetime:
        waits = [timedelta(minutes=self.shop.booking.notice_minutes)]
        if self.wanted.new_client:
            waits += [timedelta(hours=service.patch_test_hours or 0) for service in self.wanted.services]
        return self.now + max(waits)

    def _kept(self, name: str, person: Professional | None, busy: Sequence[BusyStretch]) -> set[int]:
        """By breaks and bookings."""
        breaks = {} if person is None else person.breaks
        kept = {
            at for on, times in breaks.items() if on == self._weekday for at in laid(self.day, self.shop.zone, times)
        }
        for stretch in busy:
            if name in ("", stretch.staff) or not stretch.staff:
                kept |= set(span(stretch))
        return kept

    def _there(self, person: Professional | None) -> Minutes | None:
        """Their own hours; None when they have none."""
        if person is None:
            return None
        if self._weekday in person.off or any(one.first <= self.day <= one.last for one in person.away):
            return frozenset()
        return None if person.hours is None else laid(self.day, self.shop.zone, person.hours.on(self.day))

    @property
    def _weekday(self) -> str:
        return f"{self.day:%a}".lower()


def worked(service: Service) -> Iterator[int]:
    """The minutes of a service in which somebody is at the client."""
    for count in range(service.minutes or 0):
        if not any(gap.after <= count < gap.after + gap.minutes for gap in service.processing):
            yield count
