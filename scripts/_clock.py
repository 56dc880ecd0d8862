"""The demo's clock: the real one, put forward to a Tuesday morning whose week both shops work through.

Callers say "on Friday at eleven"; on whatever day the demo is played, that has to be a time somebody works.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from agent.bookings.readback import spoken_when
from agent.model import Shop, local
from agent.ports import Clock
from agent.stores.embedded import EmbeddedStore

TUESDAY = 1
BEGINS = time(10)
"""In the time zone of the first shop."""
TO_SATURDAY = 5
"""Days, the first included."""
LONGEST_BOOKED = timedelta(days=800)


def demo_start(shops: Sequence[Shop], *, since: datetime) -> datetime:
    """The first Tuesday morning from `since` on (aware) in whose week no shop has a closure until Saturday; UTC."""
    zone = shops[0].zone
    day = since.astimezone(zone).date()
    while not _fits(day, shops) or datetime.combine(day, BEGINS, zone) < since:
        day += timedelta(days=1)
    return datetime.combine(day, BEGINS, zone).astimezone(UTC)


def clock_from(start: datetime) -> Clock:
    """A clock that shows `start` now, and goes on from there."""
    ahead = start - datetime.now(UTC)
    return lambda: datetime.now(UTC) + ahead


def tell_clock(start: datetime, shops: Sequence[Shop]) -> str:
    """What time it is in the demo, in one line."""
    times = (_at(start, shop) for shop in shops)
    return f"The clock is put forward, so that the callers' Friday is a working day: {', '.join(times)}."


async def last_booked(path: Path, shops: Sequence[Shop], *, now: datetime) -> datetime:
    """When the last appointment of a store that was kept begins, or `now`. Raises StoreError."""
    found = [now]
    async with EmbeddedStore.open(path) as store:
        for shop in shops:
            book = await store.bookings.bookings_between(shop.location_id, now, now + LONGEST_BOOKED, now=now)
            found += [booking.visit.starts for booking in book]
    return max(found)


def _fits(day: date, shops: Sequence[Shop]) -> bool:
    week = {day + timedelta(days=more) for more in range(TO_SATURDAY)}
    return day.weekday() == TUESDAY and not any(week & {*shop.hours.closures} for shop in shops)


def _at(start: datetime, shop: Shop) -> str:
    here = local(start, shop)
    city = shop.timezone.rpartition("/")[2].replace("_", " ")
    return f"{spoken_when(here, today=here.date(), country=shop.country, near=False)} in {city}"
