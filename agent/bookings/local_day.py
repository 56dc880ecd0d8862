"""One calendar day of a shop on the real time line, also when it has 23 or 25 hours. Pure.

Wall-clock times become seconds since 1970 UTC once, here; whatever is added or compared afterwards is real time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from agent.bookings.stretches import Stretch, merged
from agent.model import OpenInterval

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
DAY_S = 24 * 60 * 60


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970 UTC, rounded down. A naive `moment` raises TypeError."""
    return (moment - EPOCH) // SECOND


def seconds_up(moment: datetime) -> int:
    """The same, rounded up."""
    return -((EPOCH - moment) // SECOND)


def moment(at: int) -> datetime:
    """The other way: an aware UTC datetime."""
    return EPOCH + timedelta(seconds=at)


class LocalDay:
    """`starts` and `ends` are the moments at which this day and the next one begin there."""

    def __init__(self, day: date, zone: ZoneInfo) -> None:
        self.day = day
        self.zone = zone
        self.starts = _first(day, time.min, zone)
        self.ends = _first(day + DAY, time.min, zone)
        self._plain = self.ends - self.starts == DAY_S

    def at(self, wall: time) -> int:
        """The first moment of the day at which its clocks show `wall` or, where that is skipped, a later time."""
        if self._plain:
            return self.starts + wall.hour * 3600 + wall.minute * 60 + wall.second
        return _first(self.day, wall, self.zone)

    def wall(self, at: int) -> datetime:
        """What the clocks show at a moment."""
        return moment(at).astimezone(self.zone)

    def laid(self, intervals: tuple[OpenInterval, ...]) -> list[Stretch]:
        """Hours of this day as stretches; 09:00-12:00 and 12:00-17:00 are one."""
        return merged((self.at(interval.opens), self.at(interval.closes)) for interval in intervals)

    def said_once(self, at: int) -> bool:
        """Whether naming the wall time of `at` means `at`: not when clocks went back and show it again."""
        return self._plain or self.wall(at).fold == 0

    def grid(self, slot_minutes: int) -> list[int]:
        """Every moment that is a multiple of `slot_minutes` from the full hour, or from midnight for longer slots."""
        within = range(0, 60, slot_minutes)
        of_day = [hour * 60 + minute for hour in range(24) for minute in within]
        if slot_minutes > 60:
            of_day = list(range(0, 24 * 60, slot_minutes))
        if self._plain:
            return [self.starts + minute * 60 for minute in of_day]
        walls = [time(minute // 60, minute % 60) for minute in of_day]
        return [at for wall in walls if self.wall(at := self.at(wall)).time() == wall]


def exists(at: datetime) -> bool:
    """Whether clocks ever show `at`; those of its own zone skip an hour a year, in many countries."""
    shown = at.astimezone(UTC).astimezone(at.tzinfo)
    return shown.replace(tzinfo=None, fold=0) == at.replace(tzinfo=None, fold=0)


@lru_cache(maxsize=2048)
def _first(day: date, wall: time, zone: ZoneInfo) -> int:
    meant = datetime.combine(day, wall, tzinfo=zone)
    if exists(meant):
        return seconds(meant)
    # Inside a skipped hour fold=1 reads it by the later offset, which is before the change, and fold=0 after it.
    before, after = seconds(meant.replace(fold=1)), seconds(meant)
    offset = moment(before).astimezone(zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if moment(middle).astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
