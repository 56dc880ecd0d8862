"""When a visit may be: exactly then, on a day, nearest to a moment, first of all. Pure.

Every function takes `busy`, what the book says of everybody (holds included), for the days it looks at: `to_load`
says which. How it counts (grid, buffers, who is chosen, clocks that change) is docs/decisions/0014.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from agent.bookings.diary import Book, Diary
from agent.bookings.local_day import DAY, LocalDay, moment, seconds, seconds_up
from agent.bookings.plan import planned
from agent.bookings.reasons import Reason
from agent.bookings.rules import Wanted, earliest, last_day, refusal
from agent.bookings.stretches import ALWAYS, chosen
from agent.bookings.why_not import asked_day, asked_moment, fully_booked, off_grid, on_that_day, out_of_range
from agent.model import BusyStretch, Model, Shop, Visit, local

NEAREST_DAYS = 14
"""How many days `nearest` looks at, the first included."""

ROUND_S = 5 * 60
"""Off the grid, appointments begin at full five minutes: nobody comes at seven past three."""

BUFFER = timedelta(hours=4)
"""The longest buffer there is (agent.model.Service.buffer_minutes)."""


class Day(Model):
    """What is free on a day, by time; one visit for each beginning."""

    day: date
    visits: tuple[Visit, ...]
    reason: Reason | None = None
    """Why there is none."""


def check(shop: Shop, wanted: Wanted, at: datetime, *, busy: Sequence[BusyStretch], now: datetime) -> Visit | Reason:
    """The visit that begins at `at` (aware, any zone, to the second), or why it cannot be."""
    asked = asked_moment(shop, wanted, at, now)
    refused = refusal(shop, wanted, now=now) or out_of_range(asked)
    if refused is not None:
        return refused
    search = _Search(shop, wanted, busy, now)
    diary = search.diary(asked.day)
    start = seconds(at)
    hands = search.hands(diary, [start]).get(start)
    if hands is not None:
        return search.plan.visit(start, hands)
    why = on_that_day(asked, diary, search.plan, [(start, start + 1)])
    return why or off_grid(asked, at, search.around(asked.day, start))


def free(shop: Shop, wanted: Wanted, day: date, *, busy: Sequence[BusyStretch], now: datetime) -> Day:
    """Every visit that may begin on a local calendar day, or why none may."""
    asked = asked_day(shop, wanted, day, now)
    refused = refusal(shop, wanted, now=now) or out_of_range(asked)
    if refused is not None:
        return Day(day=day, visits=(), reason=refused)
    search = _Search(shop, wanted, busy, now)
    visits = tuple(search.plan.visit(start, hands) for start, hands in search.on(day).items())
    if visits:
        return Day(day=day, visits=visits)
    why = on_that_day(asked, search.diary(day), search.plan, [(search.earliest, ALWAYS[0][1])])
    return Day(day=day, visits=(), reason=why or fully_booked(asked))


def nearest(
    shop: Shop, wanted: Wanted, at: datetime, *, busy: Sequence[BusyStretch], now: datetime, limit: int = 3
) -> tuple[Visit, ...]:
    """What could be instead of `at`, or then: that day's, nearest first, then the following days', nearest to its hour.

    Where the caller wishes for somebody, one visit of that day may be with others, if it is nearer than the rest;
    more only where there is not enough with whom they wish. The parts of a visit say who. It looks at NEAREST_DAYS
    days and never back before today.
    """
    if refusal(shop, wanted, now=now) is not None or limit < 1:
        return ()
    first = max(local(at, shop).date(), local(now, shop).date())
    found = list(islice(_near(_Search(shop, wanted, busy, now), at, first, NEAREST_DAYS), limit))
    if any(wish is not None for wish in wanted.staff):
        wished = _Search(shop, wanted, busy, now).on(first)
        anyone = _near(_Search(shop, wanted.by_anyone(), busy, now), at, first, 1)
        others = list(islice((near for near in anyone if near.start not in wished), limit))
        spare = max(limit - len(found), 1)
        found = sorted([*found[: limit - 1], *sorted([*found[limit - 1 :], *others])[:spare]])
    return tuple(near.search.plan.visit(near.start, near.hands) for near in found[:limit])


def first_free(
    shop: Shop,
    wanted: Wanted,
    *,
    busy: Sequence[BusyStretch],
    now: datetime,
    since: date,
    until: date,
    limit: int = 3,
    between: tuple[time | None, time | None] = (None, None),
) -> tuple[Visit, ...]:
    """The first visits that may begin on the local days since..until, both included, by time.

    `between` are wall-clock times: at or after the first, before the second.
    """
    if refusal(shop, wanted, now=now) is not None or limit < 1:
        return ()
    search = _Search(shop, wanted, busy, now)
    day = max(since, local(now, shop).date())
    found: list[Visit] = []
    while day <= min(until, search.last_day) and len(found) < limit:
        starts = islice(search.on(day, between).items(), limit - len(found))
        found += [search.plan.visit(start, hands) for start, hands in starts]
        day += DAY
    return tuple(found)


def to_load(shop: Shop, first: date, last: date) -> tuple[datetime, datetime]:
    """From when to when the book has to be read to look at the local days first..last; UTC.

    `nearest` looks at NEAREST_DAYS days from the one asked for, or from today.
    """
    begins = datetime.combine(first, time.min, tzinfo=shop.zone).astimezone(UTC)
    ends = datetime.combine(last + DAY, time.min, tzinfo=shop.zone).astimezone(UTC)
    return begins - BUFFER, ends + BUFFER


class _Search:
    """One question asked of the calendar."""

    def __init__(self, shop: Shop, wanted: Wanted, busy: Sequence[BusyStretch], now: datetime) -> None:
        self.plan = planned(shop, wanted)
        self.shop = shop
        self.last_day = last_day(shop, now)
        self.earliest = seconds_up(earliest(shop, wanted, now)[0])
        self._book = Book(shop, busy)

    def diary(self, day: date) -> Diary:
        return Diary(self.shop, LocalDay(day, self.shop.zone), self._book)

    def on(self, day: date, between: tuple[time | None, time | None] = (None, None)) -> dict[int, list[str]]:
        """The beginnings of a day, in order, each with who does the blocks."""
        if day > self.last_day or not self.shop.hours.on(day):
            return {}
        diary = self.diary(day)
        since = diary.day.starts if between[0] is None else diary.day.at(between[0])
        until = diary.day.ends if between[1] is None else diary.day.at(between[1])
        return self.hands(diary, chosen(self._times(diary), [(max(since, self.earliest), until)]))

    def hands(self, diary: Diary, times: Sequence[int]) -> dict[int, list[str]]:
        """Of `times` (in order) those at which the visit may begin, each with who does its blocks."""
        grid = set(diary.day.grid(self.shop.booking.slot_minutes))
        stays = diary.stays(self.plan)
        able: dict[int, list[list[str]]] = {start: [] for start in chosen(times, stays)}
        for number, block in enumerate(self.plan.blocks):
            for names in able.values():
                names.append([])
            for name in sorted(block.able, key=diary.booked_seconds):
                follows = self._follows(diary, name) if number == 0 else set[int]()
                for start in chosen(list(able), diary.starts(block, name)):
                    if number or start in grid or start in follows:
                        able[start][-1].append(name)
            able = {start: names for start, names in able.items() if names[-1]}
        return {start: _few_hands(names) for start, names in able.items()}

    def around(self, day: date, start: int) -> list[int]:
        """The free beginnings just before and just after a moment, as far as that day has them."""
        times = list(self.on(day))
        return [*[at for at in times if at < start][-1:], *[at for at in times if at > start][:1]]

    def _times(self, diary: Diary) -> list[int]:
        """Every moment of a day at which something might begin."""
        first = self.plan.blocks[0]
        follows = [self._follows(diary, name) for name in first.able]
        return sorted(set(diary.day.grid(self.shop.booking.slot_minutes)).union(*follows))

    def _follows(self, diary: Diary, name: str) -> set[int]:
        """When somebody begins to be free."""
        begins = {-(-begins // ROUND_S) * ROUND_S for begins, _ in diary.free(name)}
        return {at for at in begins if diary.day.said_once(at)}


def _few_hands(able: list[list[str]]) -> list[str]:
    """One person for all if there is one, else the fewest changes; of equals who is named first."""
    hands: list[str] = []
    while len(hands) < len(able):
        rest = able[len(hands) :]
        reach = {name: _reach(name, rest) for name in rest[0]}
        name = max(rest[0], key=lambda name: (reach[name], name in hands))
        hands += [name] * reach[name]
    return hands


def _reach(name: str, able: list[list[str]]) -> int:
    return next((blocks for blocks, names in enumerate(able) if name not in names), len(able))


@dataclass(frozen=True, order=True)
class _Near:
    """A beginning that was found, ordered by day and then by how far it is from what was asked for."""

    day: date
    apart: timedelta
    start: int
    hands: list[str] = field(compare=False)
    search: _Search = field(compare=False)


def _near(search: _Search, at: datetime, first: date, days: int) -> Iterator[_Near]:
    """By nearness: of moments on the day asked for, of wall-clock hours on others."""
    there = local(at, search.shop)
    for day in (first + DAY * more for more in range(days)):
        found: list[_Near] = []
        for start, hands in search.on(day).items():
            here = local(moment(start), search.shop)
            apart = (
                abs(moment(start) - at) if day == there.date() else abs(_since_midnight(here) - _since_midnight(there))
            )
            found.append(_Near(day, apart, start, hands, search))
        yield from sorted(found)


def _since_midnight(wall: datetime) -> timedelta:
    return timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second)
