"""One day of a shop: when it is open, who is there, and who is free. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from agent.bookings.local_day import LocalDay, seconds, seconds_up
from agent.bookings.plan import Block, Plan
from agent.bookings.stretches import ALWAYS, Stretch, common, merged, over, starts_within, without
from agent.model import WEEKDAYS, BusyStretch, Professional, Shop

LONGEST_S = 2 * 24 * 60 * 60
"""More than any block lasts with its buffer; what is booked later does not concern a day."""


class Book:
    """What is booked, by person. A stretch under no name keeps everybody: nobody knows whose time it is.

    Where the shop names nobody there is one chair, and every stretch is its.
    """

    def __init__(self, shop: Shop, busy: Iterable[BusyStretch]) -> None:
        of: dict[str, list[Stretch]] = {person.name: [] for person in shop.professionals}
        everybody: list[Stretch] = []
        for stretch in busy:
            whose = of.get(stretch.staff, []) if shop.professionals and stretch.staff else everybody
            whose.append((seconds(stretch.starts), seconds_up(stretch.ends)))
        self._everybody = merged(everybody)
        self._of = {name: merged([*own, *everybody]) for name, own in of.items()}

    def of(self, name: str) -> Sequence[Stretch]:
        """The stretches of somebody."""
        return self._of.get(name, self._everybody)


class Diary:
    """Who could do what when, on `day`."""

    def __init__(self, shop: Shop, day: LocalDay, book: Book) -> None:
        self.day = day
        self.openings = day.laid(shop.hours.on(day.day))
        self._people = {person.name: person for person in shop.professionals}
        self._book = book

    def stays(self, plan: Plan) -> list[Stretch]:
        """When a visit may begin so that the client is in and out within one opening."""
        return starts_within(self.openings, 0, plan.seconds)

    def starts(self, block: Block, name: str, *, breaks: bool = True, booked: bool = True) -> list[Stretch]:
        """When a visit may begin so that somebody can do their block; breaks and bookings count if asked for.

        Cleaning may go on after closing time, but neither into a break nor beyond somebody's own hours.
        """
        keeps = merged([*(self.breaks(name) if breaks else ()), *(self.booked(name) if booked else ())])
        found: list[Stretch] = list(ALWAYS)
        for hours, stretches in ((self.present(name), block.work), (self._cleans(name), block.cleaning)):
            room = without(hours, keeps) if stretches else ALWAYS
            for begins, ends in stretches:
                found = common(found, starts_within(room, begins, ends - begins))
        return found

    def free(self, name: str) -> list[Stretch]:
        """When somebody is there and sees nobody."""
        return without(self.present(name), merged([*self.breaks(name), *self.booked(name)]))

    def present(self, name: str) -> list[Stretch]:
        """When somebody is there, breaks included: their own hours within the shop's."""
        own = self._own_hours(name)
        return self.openings if own is None else common(self.openings, own)

    def breaks(self, name: str) -> list[Stretch]:
        """Their breaks on this weekday."""
        person = self._people.get(name)
        return [] if person is None else self.day.laid(person.breaks.get(WEEKDAYS[self.day.day.weekday()], ()))

    def booked(self, name: str) -> Sequence[Stretch]:
        """What keeps them on this day, or from cleaning up after it."""
        return over(self._book.of(name), self.day.starts, self.day.ends + LONGEST_S)

    def booked_seconds(self, name: str) -> int:
        """How much of this day somebody is kept."""
        begins, ends = self.day.starts, self.day.ends
        return sum(min(ends, b) - max(begins, a) for a, b in over(self._book.of(name), begins, ends))

    def _own_hours(self, name: str) -> list[Stretch] | None:
        """None: whenever the shop is open."""
        person = self._people.get(name)
        if person is None:
            return None
        if away_until(person, self.day) or is_off(person, self.day):
            return []
        return None if person.hours is None else self.day.laid(person.hours.on(self.day.day))

    def _cleans(self, name: str) -> list[Stretch]:
        own = self._own_hours(name)
        return list(ALWAYS) if own is None else own


def away_until(person: Professional, day: LocalDay) -> date | None:
    """The last day they are away, when they are on `day`."""
    return max((away.last for away in person.away if away.first <= day.day <= away.last), default=None)


def is_off(person: Professional, day: LocalDay) -> bool:
    """Whether they do not work that day of their week."""
    if WEEKDAYS[day.day.weekday()] in person.off:
        return True
    return person.hours is not None and not person.hours.on(day.day)
