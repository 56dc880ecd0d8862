"""The appointment book of the next two weeks, read before a caller asks what is free.

For a store in the network, where each look costs the caller a way there and back. It stands before the real book.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from loguru import logger

from agent.errors import StoreError
from agent.model import Booking, Visit
from agent.ports import BookingStore, Clock

FRESH_S, KEPT_S = 10.0, 30.0
"""A copy is read anew once it is older than the first, and answers nothing once it is older than the second."""
BEHIND, AHEAD = timedelta(days=2), timedelta(days=17)
"""Two weeks from today in any time zone, with what a calendar reads around the days it looks at."""
LONG_AGO = timedelta(days=365)
"""Who asks for all since then asks whether a number is known, not what is to come."""


@dataclass(frozen=True)
class _Copy:
    """What was booked or held in one shop within [starts, ends), as it stood at `now`."""

    read_at: float
    """The loop's time, seconds."""
    starts: datetime
    ends: datetime
    now: datetime
    bookings: list[Booking]

    def tells(self, starts: datetime, ends: datetime, now: datetime) -> bool:
        if None in (starts.tzinfo, ends.tzinfo, now.tzinfo):
            return False  # the store says what is wrong with that
        return self.starts <= starts and ends <= self.ends and self.now <= now

    def between(self, starts: datetime, ends: datetime, now: datetime) -> list[Booking]:
        return [
            booking
            for booking in self.bookings
            if (booking.expires_at is None or booking.expires_at > now)
            and any(busy.starts < ends and busy.ends > starts for busy in booking.visit.busy)
        ]


class ReadAhead:
    """Implements `BookingStore` before another one. One per process, for the desk of all its calls.

    What is free may be told from a copy, at most KEPT_S old. That suffices for an offer, of which nothing is kept: the
    store itself judges every hold, and after a write through this, whatever came of it, no older copy is used.
    Where there is no copy, or one is asked for what it does not hold, the store is read as ever.
    """

    def __init__(self, store: BookingStore, clock: Clock, *, fresh_s: float = FRESH_S, kept_s: float = KEPT_S) -> None:
        self._store = store
        self._clock = clock
        self._fresh_s, self._kept_s = fresh_s, kept_s
        self._copies: dict[int, _Copy] = {}
        self._known: dict[tuple[int, str, datetime], tuple[float, list[Booking]]] = {}
        self._reading: dict[int, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Nothing is read any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def look_ahead(self, location_id: int) -> None:
        """Read a shop's two weeks behind the caller's back, unless that was just done. Never raises, nobody waits."""
        copy = self._copies.get(location_id)
        if location_id in self._reading or (copy is not None and _age(copy.read_at) < self._fresh_s):
            return
        task = asyncio.create_task(self._read(location_id), name=f"look ahead {location_id}")
        self._reading[location_id] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Until nothing is being read behind anybody's back."""
        await asyncio.gather(*self._tasks)

    async def _read(self, location_id: int) -> None:
        read_at, now = _time(), self._clock()
        starts, ends = now - BEHIND, now + AHEAD
        try:
            bookings = await self._store.bookings_between(location_id, starts, ends, now=now)
        except StoreError as why:  # whoever asks will learn it from the store
            logger.debug("the book of location {} was not read ahead: {}", location_id, why)
        else:
            if self._reading.get(location_id) is asyncio.current_task():  # nothing was written meanwhile
                self._let_go_of_old()
                self._copies[location_id] = _Copy(read_at, starts, ends, now, bookings)
        finally:
            if self._reading.get(location_id) is asyncio.current_task():
                del self._reading[location_id]

    def _let_go_of_old(self) -> None:
        self._copies = {at: copy for at, copy in self._copies.items() if _age(copy.read_at) < self._kept_s}
        self._known = {asked: told for asked, told in self._known.items() if _age(told[0]) < self._kept_s}

    def _forget(self, location_id: int) -> bool:
        """Drop what is known of a shop, and what is just being read; returns whether there was any of it."""
        had = self._copies.pop(location_id, None) is not None
        had = self._reading.pop(location_id, None) is not None or had
        self._known = {asked: told for asked, told in self._known.items() if asked[0] != location_id}
        return had

    @asynccontextmanager
    async def _writing(self, location_id: int) -> AsyncGenerator[None]:
        in_use = self._forget(location_id)
        try:
            yield
        finally:
            in_use = self._forget(location_id) or in_use  # what was read while it was being written
            if in_use:
                self.look_ahead(location_id)

    # Reading

    async def bookings_between(
        self, location_id: int, starts: datetime, ends: datetime, *, now: datetime
    ) -> list[Booking]:
        """See `BookingStore.bookings_between`; from the copy if that tells."""
        copy = self._copies.get(location_id)
        if copy is None or _age(copy.read_at) >= self._kept_s or not copy.tells(starts, ends, now):
            return await self._store.bookings_between(location_id, starts, ends, now=now)
        self.look_ahead(location_id)
        return copy.between(starts, ends, now)

    async def bookings_of(self, location_id: int, customer_phone: str, *, since: datetime) -> list[Booking]:
        """See `BookingStore.bookings_of`. Whether a number was ever here is remembered, what is to come not."""
        if since.tzinfo is None or self._clock() - since < LONG_AGO:
            return await self._store.bookings_of(location_id, customer_phone, since=since)
        asked = (location_id, customer_phone, since)
        read_at, known = self._known.get(asked, (float("-inf"), []))
        if _age(read_at) >= self._kept_s:
            read_at = _time()
            known = await self._store.bookings_of(location_id, customer_phone, since=since)
            self._let_go_of_old()
            self._known[asked] = (read_at, known)
        return list(known)

    async def get_booking(self, location_id: int, booking_id: str) -> Booking | None:
        """See `BookingStore.get_booking`."""
        return await self._store.get_booking(location_id, booking_id)

    async def bookings_of_call(self, location_id: int, call_sid: str) -> list[Booking]:
        """See `BookingStore.bookings_of_call`."""
        return await self._store.bookings_of_call(location_id, call_sid)

    # Writing

    async def hold(self, location_id: int, visit: Visit, **how: Any) -> Booking:
        """See `BookingStore.hold`."""
        async with self._writing(location_id):
            return await self._store.hold(location_id, visit, **how)

    async def confirm(self, location_id: int, booking_id: str, **how: Any) -> Booking:
        """See `BookingStore.confirm`."""
        async with self._writing(location_id):
            return await self._store.confirm(location_id, booking_id, **how)

    async def cancel(self, location_id: int, booking_id: str, *, key: str, now: datetime) -> Booking:
        """See `BookingStore.cancel`."""
        async with self._writing(location_id):
            return await self._store.cancel(location_id, booking_id, key=key, now=now)

    async def put_booking(self, booking: Booking) -> Booking:
        """See `BookingStore.put_booking`."""
        async with self._writing(booking.location_id):
            return await self._store.put_booking(booking)


def _time() -> float:
    return asyncio.get_running_loop().time()


def _age(read_at: float) -> float:
    return _time() - read_at
