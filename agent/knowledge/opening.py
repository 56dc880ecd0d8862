"""Open or closed, and until when: a shop's week laid on the real time line. Pure.

Hours are wall-clock times. Every comparison here is made between UTC moments, because Python compares two
datetimes of one zone by their wall clocks and so would lose the hour that daylight saving repeats or skips.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from agent.model import Shop, local

LOOK_AHEAD_DAYS = 60
"""Longer than any holiday; beyond it a next opening is of no use to a caller."""


@dataclass(frozen=True)
class OpenStatus:
    """The shop at one moment. All moments are in the shop's own time."""

    now: datetime
    closes_at: datetime | None
    """When the present opening ends; None when closed now."""
    next_opening: datetime | None
    """The next time the doors open after `now`; None when none is known within LOOK_AHEAD_DAYS."""

    @property
    def is_open(self) -> bool:
        return self.closes_at is not None


def open_status(shop: Shop, now: datetime) -> OpenStatus:
    """Whether `shop` is open at `now` (aware), until when, and when it opens next."""
    moment = now.astimezone(UTC)
    closes_at: datetime | None = None
    for opens, closes in _openings(shop, local(now, shop).date()):
        if opens <= moment < closes:
            closes_at = closes
        elif opens > moment:
            return OpenStatus(local(now, shop), _local(shop, closes_at), _local(shop, opens))
    return OpenStatus(local(now, shop), _local(shop, closes_at), None)


def _openings(shop: Shop, first_day: date) -> Iterator[tuple[datetime, datetime]]:
    """Openings as UTC moments in order; intervals that touch (09:00-12:00, 12:00-17:00) are one."""
    pending: tuple[datetime, datetime] | None = None
    for offset in range(LOOK_AHEAD_DAYS + 1):
        day = first_day + timedelta(days=offset)
        for interval in shop.hours.on(day):
            opens, closes = _moment(shop, day, interval.opens), _moment(shop, day, interval.closes)
            if pending is not None and opens <= pending[1]:
                pending = (pending[0], max(pending[1], closes))
                continue
            if pending is not None:
                yield pending
            pending = (opens, closes)
    if pending is not None:
        yield pending


def _moment(shop: Shop, day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=shop.zone).astimezone(UTC)


def _local(shop: Shop, moment: datetime | None) -> datetime | None:
    return None if moment is None else local(moment, shop)
