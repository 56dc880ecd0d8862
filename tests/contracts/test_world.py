"""A world of two shops, asked for every service on every day of four weeks: both books lead the desk to the same
answers, and to those that the calendar alone gives, which sees the whole book at once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from rig.project import Project

from agent.bookings.calendar import check, first_free, nearest
from agent.bookings.desk import Declined, Desk, Offer
from agent.bookings.rules import Reason, Wanted
from agent.bookings.when import When
from agent.model import Booking, BusyStretch, Shop, Visit, local
from agent.ports import BookingStore
from agent.stores.embedded import EmbeddedStore
from agent.stores.supabase import SupabaseStore
from tests.calls.scripted.world import book_of, shop_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
DAY, HELD_S = timedelta(days=1), 180
OUTSIDE = os.environ.get("CHAIRSIDE_FIXTURES")
FILES = [Path(__file__).with_name("two-shops.yaml"), *([Path(OUTSIDE) / "calls.yaml"] if OUTSIDE else [])]
TIMES = (None, time(0, 50), time(11, 20))
"""Asked for on each day: any; in the small hours, where clocks change; off every grid."""


@dataclass(frozen=True)
class Place:
    """A shop with everything that stands in its book."""

    shop: Shop
    book: tuple[Booking, ...]
    now: datetime

    def questions(self) -> Iterator[tuple[Wanted, When]]:
        today = local(self.now, self.shop).date()
        for service in self.shop.services:
            if service.add_on or service.minutes is None:
                continue
            for day in (today + DAY * ahead for ahead in range(28)):
                for at in TIMES:
                    yield Wanted(services=(service,), staff=(None,)), When(first=day, last=day, at=at)


def places(path: Path, first_location: int) -> list[Place]:
    world: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["world"]
    now = datetime.fromisoformat(world["now"]).astimezone(UTC)
    found: list[Place] = []
    for at, place in enumerate(value for value in world.values() if isinstance(value, Mapping)):
        shop = shop_of(place, location_id=first_location + at)
        found.append(Place(shop, tuple(book_of(place, shop, now).values()), now))
    return found


PLACES = {
    f"{path.stem} {place.shop.business_name}": place
    for n, path in enumerate(FILES)
    for place in places(path, 700 + 50 * n)
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def books(
    supabase_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, BookingStore]]:
    supabase_project.empty()
    async with AsyncExitStack() as stack:
        file = tmp_path_factory.mktemp("world") / "chairside.db"
        here = await stack.enter_async_context(EmbeddedStore.open(file))
        url, key = supabase_project.url, supabase_project.gateway.secret_key
        there = await stack.enter_async_context(SupabaseStore.open(url, key, timeout_s=10))
        for store in (here, there):
            for place in PLACES.values():
                for booking in place.book:
                    await store.bookings.put_booking(booking)
        yield {"embedded": here.bookings, "supabase": there.bookings}


def calendar_says(place: Place, wanted: Wanted, when: When, held: tuple[Visit, ...]) -> Offer | Declined:
    """What the calendar makes of the whole book, by the rules of `Desk.offer`."""
    shop, now = place.shop, place.now
    busy: list[BusyStretch] = [stretch for booking in place.book for stretch in booking.visit.busy]
    busy += [stretch for visit in held for stretch in visit.busy]
    at = datetime.combine(when.first, when.at or time(12), shop.zone)
    found = check(shop, wanted, at, busy=busy, now=now)
    if when.at is None:
        day = {"since": when.first, "until": when.first, "limit": 1000}
        if visits := first_free(shop, wanted, busy=busy, now=now, **day):
            middle = visits[round((len(visits) - 1) / 2)]
            shown = visits if len(visits) <= 3 else (visits[0], middle, visits[-1])
            return Offer(visits=shown, exact=False)
    elif isinstance(found, Reason) and found.code == "off_grid" and found.instead:
        at = next((moment for moment in found.instead if moment >= at), found.instead[-1])
        found = check(shop, wanted, at, busy=busy, now=now)
    if isinstance(found, Visit) and when.at is not None:
        return Offer(visits=(found,), exact=True)
    others = nearest(shop, wanted, at, busy=busy, now=now, limit=3)
    if isinstance(found, Reason):
        return Declined(reason=found, code=found.code, say=found.say, alternatives=others)
    return Declined(code="taken", say="Nothing is free then.", alternatives=others)


async def held_and_let_lapse(book: BookingStore, place: Place) -> tuple[Visit, ...]:
    """Two more calls in each shop: one has just hold of the first free time, another's hold has run out."""
    kept: list[Visit] = []
    for number, ago in enumerate((0, HELD_S)):
        service = next(one for one in place.shop.services if one.minutes is not None and not one.add_on)
        wanted = Wanted(services=(service,), staff=(None,))
        began = place.now - timedelta(seconds=ago)
        busy = [stretch for booking in place.book for stretch in booking.visit.busy]
        busy += [stretch for visit in kept for stretch in visit.busy]
        span = {"since": local(place.now, place.shop).date(), "until": local(place.now, place.shop).date() + 27 * DAY}
        (visit,) = first_free(place.shop, wanted, busy=busy, now=place.now, limit=1, **span)
        until = began + timedelta(seconds=HELD_S)
        location, call = place.shop.location_id, f"CA{number}"
        await book.hold(location, visit, key=f"{location} {call}", call_sid=call, now=began, expires_at=until)
        if until > place.now:
            kept.append(visit)
    return tuple(kept)


@pytest.mark.parametrize("name", PLACES)
async def test_both_books_and_the_calendar_agree_on_everything(books: dict[str, BookingStore], name: str):
    place = PLACES[name]
    desks = {
        backend: Desk(book, {place.shop.location_id: place.shop}.get, lambda: place.now)
        for backend, book in books.items()
    }
    held = {backend: await held_and_let_lapse(book, place) for backend, book in books.items()}
    assert len(held["embedded"]) == 1
    assert held["embedded"] == held["supabase"]

    codes: set[str] = set()
    for wanted, when in place.questions():
        expected = calendar_says(place, wanted, when, held["embedded"])
        for backend, desk in desks.items():
            answer = await desk.offer(place.shop.location_id, wanted, when)
            assert answer == expected, f"{backend}: {wanted.services[0].name} {when.first} {when.at}"
        codes.add("exact" if isinstance(expected, Offer) and expected.exact else getattr(expected, "code", "free"))
    assert codes > {"exact", "free", "outside_hours"}, "the world is not too simple"


@pytest.mark.parametrize("name", [name for name in PLACES if name.startswith("two-shops")])
async def test_the_hour_that_comes_twice_is_offered_once(books: dict[str, BookingStore], name: str):
    place = PLACES[name]
    desk = Desk(books["supabase"], {place.shop.location_id: place.shop}.get, lambda: place.now)
    sundays = [local(place.now, place.shop).date() + DAY * ahead for ahead in range(28)]
    twice = next(
        day for day in sundays
        if datetime.combine(day, time(0), place.shop.zone).utcoffset()
        != datetime.combine(day, time(12), place.shop.zone).utcoffset()
    )  # fmt: skip
    shortest = min(place.shop.services, key=lambda service: service.minutes or 9999)
    wanted = Wanted(services=(shortest,), staff=(None,))
    seen: list[datetime] = []
    for minute in range(0, 3 * 60, 15):
        when = When(first=twice, last=twice, at=time(minute // 60, minute % 60))
        answer = await desk.offer(place.shop.location_id, wanted, when)
        if isinstance(answer, Offer) and local(answer.visits[0].starts, place.shop).time() == when.at:
            seen.append(answer.visits[0].starts)
    assert seen
    assert seen == sorted(set(seen))
