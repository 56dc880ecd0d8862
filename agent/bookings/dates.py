"""Which moment a caller means: spoken dates and times, placed in the shop's own time. Pure; the clock is an argument.

How weeks, weekdays and dates without a year are read is told in `spoken_day`; which half of the day an hour belongs
to, in `spoken_time`. What is not certain comes back as a question to put to the caller, never as a guess about the
day, and never as an exception.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.bookings.asking import Asking
from agent.bookings.day_meanings import OnWeekday
from agent.bookings.english import ENGLISH
from agent.bookings.named_days import country_of, day_order
from agent.bookings.said import Other, Said, listen
from agent.bookings.spoken_day import SEARCHED, Days, Horizon, Place, Trouble, place
from agent.bookings.spoken_time import Bounds, Clock, Shift, TimeOfDay, likely, minutes_of
from agent.bookings.when import DateQuestion, When
from agent.model import OpeningHours

__all__ = ["DateQuestion", "When", "resolve"]

LATEST_MINUTES = 120
"""How long before closing "last thing" begins; 16:00 where hours are not known."""


def resolve(
    words: str,
    *,
    now: datetime,
    zone: ZoneInfo,
    hours: OpeningHours | None = None,
    before: When | None = None,
    country: str = "",
) -> When | DateQuestion:
    """What `words` mean for a shop in `zone` at `now` (aware), or the question that settles it.

    `hours` tell which half of the day "at five" is; without them waking hours do. `before` is what was talked about:
    "quarter to four then" keeps its day, "Saturday instead" its time. `country` (ISO 3166, else that of the zone)
    decides whether 6/11 is in June. The result never lies in the past. Raises ValueError for a naive `now`.
    """
    if now.utcoffset() is None:
        raise ValueError("now must be aware")
    here = now.astimezone(zone)
    country = country.upper() or country_of(zone.key or "")
    horizon = Horizon(here.date(), Days(before.first, before.last) if before else None, day_order(country), country)
    said = listen(words, ENGLISH)
    asking = Asking(here, country, ENGLISH.sentences)
    return _Resolver(said, here, zone, hours, before, horizon, asking).resolve()


@dataclass(frozen=True)
class _Resolver:
    """One phrase on its way to a When."""

    said: Said
    now: datetime
    """Local."""
    zone: ZoneInfo
    hours: OpeningHours | None
    before: When | None
    horizon: Horizon
    asking: Asking

    def resolve(self) -> When | DateQuestion:
        said = self.said
        if said.nothing:
            return self.asking.question("not_understood")
        if said.from_now:
            return self._at_moment(said.from_now.minutes)
        aimless = said.shift is not None and not said.shift.later and self.before is None
        if aimless or (said.day is None and not said.names_time):
            return self.asking.question("too_vague")
        days = self._days()
        if isinstance(days, Trouble):
            return self.asking.trouble(days, self._timed)
        if said.others:
            return self._which_day(days)
        return self._on(days)

    def _days(self) -> Place:
        """The days meant. Without any said: those talked about, else those the time suggests."""
        if self.said.day is not None:
            return place(self.said.day, self.horizon)
        if self.before is not None and self.before.last >= self.now.date():
            return Days(max(self.before.first, self.now.date()), self.before.last)
        today = self.now.date()
        manners = self.said.manners
        if manners & {"any_time", "earliest"} and not self.said.clock and not self.said.part:
            return Days(today, today + timedelta(days=SEARCHED - 1))
        if self.said.part and not self.said.clock and self._part_has_begun():
            return Days(today + timedelta(days=1), today + timedelta(days=1))
        if "first_thing" in manners and self.now.time() >= time(6):
            return Days(today + timedelta(days=1), today + timedelta(days=1))
        return Days(today, today)

    def _part_has_begun(self) -> bool:
        """ "In the morning", said in the morning, is tomorrow's; "in the afternoon" while it lasts, today's."""
        part = self.said.part
        if part is None:
            return False
        if part.after is None:
            return self.now.time() >= time(6)
        return part.before is not None and self.now.time() >= part.before

    def _on(self, days: Days) -> When | DateQuestion:
        times = self._times(days)
        if isinstance(times, tuple):
            return self._which_time(days, times)
        if times is None:
            return (
                self.asking.question("same_as_what", "ambiguous_time")
                if self._same_time()
                else self._no_such_time(days)
            )
        when = self._when(days, times)
        if isinstance(when, DateQuestion) and when.code == "past" and self._may_be_next_week(days):
            later = Days(days.first + timedelta(days=7), days.last + timedelta(days=7))
            return self._on(later)
        return when

    def _timed(self, days: Days) -> When:
        """Days the caller may have meant, with the time where that is clear."""
        when = self._on(days)
        return when if isinstance(when, When) else self._tentative(days)

    def _may_be_next_week(self, days: Days) -> bool:
        """A bare "Wednesday", said on a Wednesday when that time has passed."""
        day = self.said.day
        return (
            isinstance(day, OnWeekday) and (day.week, day.plus_weeks) == ("coming", 0) and days.first == self.now.date()
        )

    def _same_time(self) -> bool:
        return "same_time" in self.said.manners

    def _times(self, days: Days) -> TimeOfDay | tuple[time, ...] | None:
        """The time of day; several times when it may be any of them, None when there is no such time."""
        said = self.said
        if said.shift is not None:
            return self._shifted(said.shift)
        if said.clock is not None:
            return self._clock_times(days, [said.clock, *said.other_clocks])
        if said.bounds is not None:
            return self._bounded(said.bounds, days)
        if said.part is not None:
            return TimeOfDay(None, said.part.after, said.part.before)
        if "latest" in said.manners:
            return TimeOfDay(None, self._last_thing(days), None)
        if "from_now_on" in said.manners:
            return TimeOfDay(None, self.now.time().replace(second=0, microsecond=0), None)
        if self._same_time():
            before = self.before
            return None if before is None else TimeOfDay(before.at, before.after, before.before)
        if said.names_time or self.before is None:
            return TimeOfDay()
        return TimeOfDay(self.before.at, self.before.after, self.before.before)

    def _clock_times(self, days: Days, clocks: list[Clock]) -> TimeOfDay | tuple[time, ...] | None:
        found = [self._readings(clock, days) for clock in clocks]
        if not all(found):
            return None
        readings = tuple(dict.fromkeys(at for each in found for at in each))
        return TimeOfDay(readings[0]) if len(readings) == 1 else readings

    def _readings(self, clock: Clock, days: Days, *, closing: bool = False) -> tuple[time, ...]:
        readings = likely(self._halved(clock), self.hours, days.first, days.last, closing=closing)
        if len(readings) > 1 and days.last == self.now.date():
            return tuple(at for at in readings if not self._passed(days.first, at)) or readings[:1]
        return readings

    def _halved(self, clock: Clock) -> Clock:
        part = self.said.part
        return replace(clock, half=part.half) if part and not clock.half else clock

    def _bounded(self, bounds: Bounds, days: Days) -> TimeOfDay | None:
        """The nearest pair of readings; a single bound by the shop's hours, or the later when both are open."""
        part = self.said.part
        after = bounds.after and self._halved(bounds.after)
        before = bounds.before and self._halved(bounds.before)
        if after and before:
            return self._pair(after, before, days)
        edge = after or before
        readings = self._readings(edge, days, closing=before is not None) if edge else ()
        if not readings:
            return None
        edge_at = readings[-1]
        if after:
            return TimeOfDay(None, edge_at, part.before if part and part.before and part.before > edge_at else None)
        return TimeOfDay(None, part.after if part and part.after and part.after < edge_at else None, edge_at)

    def _pair(self, after: Clock, before: Clock, days: Days) -> TimeOfDay | None:
        pairs = [(a, b) for a in after.readings() for b in before.readings() if a < b]
        fitting = set(self._readings(after, days)), set(self._readings(before, days, closing=True))

        def rank(pair: tuple[time, time]) -> tuple[int, int]:
            misses = (pair[0] not in fitting[0]) + (pair[1] not in fitting[1])
            return misses, minutes_of(pair[1]) - minutes_of(pair[0])

        if not pairs:
            return None
        best = min(pairs, key=rank)
        return TimeOfDay(None, *best)

    def _shifted(self, shift: Shift) -> TimeOfDay | None:
        """Later or earlier than what was talked about; without anything, than now."""
        base = (self.before.at or self.before.after or self.before.before) if self.before else None
        if base is None:
            base = self.now.time().replace(second=0, microsecond=0)
        if not shift.minutes:
            return TimeOfDay(None, base, None) if shift.later else TimeOfDay(None, None, base)
        minutes = minutes_of(base) + (shift.minutes if shift.later else -shift.minutes)
        return TimeOfDay(time(minutes // 60, minutes % 60)) if 0 <= minutes < 24 * 60 else None

    def _last_thing(self, days: Days) -> time:
        intervals = self.hours.on(days.first) if self.hours else ()
        closing = minutes_of(intervals[-1].closes) if intervals else 18 * 60
        return time(*divmod(max(closing - LATEST_MINUTES, 0), 60))

    def _when(self, days: Days, times: TimeOfDay) -> When | DateQuestion:
        if times.after is not None and times.before is not None and times.after >= times.before:
            return self._no_such_time(days)
        if days.first == self.now.date() and self._over(days.first, times):
            if days.last == days.first:
                return self._past_time(days, times)
            days = Days(days.first + timedelta(days=1), days.last)
        if times.at is not None and days.first == days.last and not self._exists(days.first, times.at):
            return self.asking.question("clocks_change", "no_such_time", day=days.first, at=times.at)
        return self._tentative(days, times)

    def _tentative(self, days: Days, times: TimeOfDay | None = None) -> When:
        manners = self.said.manners
        times = times or TimeOfDay()
        return When(
            first=days.first,
            last=days.last,
            at=times.at,
            after=times.after,
            before=times.before,
            approximate="approximate" in manners,
            earliest=bool(manners & {"earliest", "first_thing"}),
        )

    def _over(self, today: date, times: TimeOfDay) -> bool:
        edge = times.at or times.before
        if edge is None:
            return self._closed_for_today(today)
        return self._passed(today, edge, reached=times.at is None)

    def _closed_for_today(self, today: date) -> bool:
        """A weekday named without a time, on that day after the shop has closed."""
        openings = self.hours.on(today) if self.hours and isinstance(self.said.day, OnWeekday) else ()
        return bool(openings) and openings[-1].closes <= self.now.time()

    def _passed(self, day: date, at: time, *, reached: bool = False) -> bool:
        """Whether a time lies behind us; the minute now running does not, unless it only ends a stretch."""
        running = self.now.replace(second=0, microsecond=0)
        moment = datetime.combine(day, at, self.zone)
        return moment <= running if reached else moment < self.now

    def _exists(self, day: date, at: time) -> bool:
        local = datetime.combine(day, at, self.zone)
        return local.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) == local.replace(tzinfo=None)

    def _past_time(self, days: Days, times: TimeOfDay) -> DateQuestion:
        edge = times.at or times.before
        options: tuple[When, ...] = ()
        if self.said.day is None:
            tomorrow = days.first + timedelta(days=1)
            options = (self._tentative(Days(tomorrow, tomorrow), times),)
        if edge is None:
            return self.asking.question("past_days", "past")
        return self.asking.question("past_time_today", "past", day=days.first, at=edge, options=options)

    def _no_such_time(self, days: Days) -> DateQuestion:
        return self.asking.question("no_such_time", "no_such_time", day=days.first)

    def _which_time(self, days: Days, readings: tuple[time, ...]) -> DateQuestion:
        options = tuple(self._tentative(days, TimeOfDay(at)) for at in readings)
        return self.asking.choose("ambiguous_time", options)

    def _which_day(self, days: Days) -> When | DateQuestion:
        whens = [self._on(days), *(self._otherwise(other) for other in self.said.others)]
        options = tuple(sorted((when for when in whens if isinstance(when, When)), key=lambda when: when.first))
        if not options:
            return self._on(days)
        return options[0] if len(options) == 1 else self.asking.choose("ambiguous_day", options)

    def _otherwise(self, other: Other) -> When | DateQuestion:
        said = replace(self.said, day=other.day, clock=other.clock or self.said.clock, others=[])
        return replace(self, said=said).resolve()

    def _at_moment(self, minutes: int) -> When:
        """So many minutes on, by the clock on the wall even where it changes in between."""
        moment = (self.now.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(self.zone)
        return self._tentative(
            Days(moment.date(), moment.date()), TimeOfDay(moment.time().replace(second=0, microsecond=0))
        )
