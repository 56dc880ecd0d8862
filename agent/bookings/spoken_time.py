"""Times of day as callers say them: twelve-hour clocks, parts of the day, and which half of the day was meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Literal

from agent.model import OpeningHours

Half = Literal["", "am", "pm"]

WAKING = (time(8), time(20))
"""Where the shop's hours say nothing, a time in these hours is meant (8 is morning, 7 is evening)."""


@dataclass(frozen=True)
class Clock:
    """A time by the clock. Without `half`, hours to 12 may be before noon or after; `exact` is the 24-hour clock."""

    hour: int
    minute: int = 0
    half: Half = ""
    exact: bool = False

    def readings(self) -> tuple[time, ...]:
        """What it can be, morning first; empty when there is no such time."""
        if self.hour > 24 or self.minute > 59 or (self.hour == 24 and self.minute):
            return ()
        hour = self.hour % 24
        if self.exact or self.hour == 0 or self.hour > 12:
            return (time(hour, self.minute),)
        early, late = time(hour % 12, self.minute), time(hour % 12 + 12, self.minute)
        return {"am": (early,), "pm": (late,)}.get(self.half, (early, late))


def minus(clock: Clock, minutes: int) -> Clock:
    """`minutes` (1 to 59) before the full hour of `clock`: ten to one is 12:50."""
    exact = clock.exact or clock.hour == 0 or clock.hour > 12
    hour = (clock.hour - 1) % 24 if exact else (clock.hour - 2) % 12 + 1
    return Clock(hour, 60 - minutes, clock.half, exact)


@dataclass(frozen=True)
class Bounds:
    """After, before, or between."""

    after: Clock | None = None
    before: Clock | None = None


@dataclass(frozen=True)
class Part:
    """A part of the day; it also tells which half of the day an hour beside it belongs to."""

    half: Half
    after: time | None = None
    before: time | None = None


@dataclass(frozen=True)
class FromNow:
    """So many minutes from the moment of the call."""

    minutes: int


@dataclass(frozen=True)
class Shift:
    """Later (or earlier, negative) than what was being talked about; 0 minutes means any amount."""

    minutes: int = 0
    later: bool = True


@dataclass(frozen=True)
class Manner:
    """How the time is wanted, rather than which."""

    what: Literal["approximate", "earliest", "latest", "any_time", "same_time", "first_thing", "from_now_on", "vague"]


@dataclass(frozen=True)
class Link:
    """A word between times and days: it changes how they are read together."""

    what: Literal["or", "not", "correction", "or_later", "or_earlier", "from", "until", "move", "stop"]


TimeMeaning = Clock | Bounds | Part | FromNow | Shift | Manner


def open_at(hours: OpeningHours, first: date, last: date, at: time, *, closing: bool = False) -> bool:
    """Whether the shop is open then on any of the days (a week of them tells all); `closing` lets its end count."""
    days = (first + timedelta(days=on) for on in range(min((last - first).days, 6) + 1))
    return any(
        opening.opens <= at < opening.closes or (closing and at == opening.closes)
        for day in days
        for opening in hours.on(day)
    )


def likely(
    clock: Clock, hours: OpeningHours | None, first: date, last: date, *, closing: bool = False
) -> tuple[time, ...]:
    """The readings of `clock` that can be meant on these days: one, two when the shop is open at both, or none."""
    readings = clock.readings()
    if len(readings) < 2:
        return readings
    if hours is not None:
        fitting = tuple(at for at in readings if open_at(hours, first, last, at, closing=closing))
        if not fitting:  # a closed day: what the shop's other days suggest
            fitting = tuple(at for at in readings if open_at(hours, first, first + timedelta(days=6), at))
        if fitting:
            return fitting
    return tuple(at for at in readings if WAKING[0] <= at < WAKING[1]) or readings[1:]


@dataclass(frozen=True)
class TimeOfDay:
    """A time of day as When holds it; nothing said is all None."""

    at: time | None = None
    after: time | None = None
    before: time | None = None


def minutes_of(at: time) -> int:
    """Minutes since midnight."""
    return at.hour * 60 + at.minute
