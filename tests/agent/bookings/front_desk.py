"""A shop's book in a real file, a clock that stands still, and callers who talk to `Appointments` without a phone."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from agent.bookings.calendar import check
from agent.bookings.desk import Desk
from agent.bookings.rules import Wanted
from agent.model import Booking, Caller, Shop, Visit, local
from agent.pipelines.appointments import Appointments, Reply
from agent.stores.embedded import EmbeddedStore
from tests.agent.bookings.salon import NOW, SALON, at

NUMBER, OTHER_NUMBER, WITHHELD = "+442079460171", "+442079460172", "anonymous"
_calls, _keys = count(1), (f"key {number}" for number in count(1))


@dataclass
class OneCall:
    """One caller's words, turn by turn, and the tools used in each."""

    appointments: Appointments
    turns: list[str] = field(default_factory=list[str])

    def says(self, words: str) -> None:
        self.turns.append(words)
        self.appointments.listen(self.turns)

    async def check(self, *services: str, when: str, staff: str = "") -> Reply:
        return await self.appointments.check(services, when, staff)

    async def hold(self, *services: str, when: str, staff: str = "") -> Reply:
        return await self.appointments.hold(services, when, staff, key=next(_keys))

    async def confirm(self, name: str = "", phone: str = "") -> Reply:
        return await self.appointments.confirm(name, phone)

    async def find(self, name: str = "", detail: str = "") -> Reply:
        return await self.appointments.find(name, detail)

    async def move(self, which: str, when: str) -> Reply:
        return await self.appointments.move(which, when, key=next(_keys))

    async def cancel(self, which: str) -> Reply:
        return await self.appointments.cancel(which, key=next(_keys))


@dataclass
class FrontDesk:
    """`now` and `shop` may be changed between two steps; the desk reads both anew each time."""

    path: Path
    store: EmbeddedStore
    now: datetime = NOW
    shop: Shop | None = SALON

    @property
    def desk(self) -> Desk:
        return Desk(self.store.bookings, lambda _: self.shop, lambda: self.now)

    def ring(self, number: str = NUMBER, shop: Shop = SALON) -> OneCall:
        """Somebody calls; `shop` as it is at that moment."""
        caller = Caller(call_sid=f"CA{next(_calls)}", location_id=1, caller=number, called=shop.phone_number)
        return OneCall(Appointments(self.desk, shop, caller, lambda: self.now))

    async def has(self, wanted: Wanted, when: str, name: str, number: str = NUMBER) -> Booking:
        """Something stands in the book since yesterday, made by another call."""
        visit = check(SALON, wanted, at(when), busy=(), now=datetime(2026, 10, 1, tzinfo=UTC))
        assert isinstance(visit, Visit), visit
        return await self.put(visit, name, number)

    async def put(self, visit: Visit, name: str, number: str) -> Booking:
        made, call = self.now - timedelta(days=1), f"CA{next(_calls)}"
        book = self.store.bookings
        held = await book.hold(
            1, visit, key=next(_keys), call_sid=call, now=made, expires_at=made + timedelta(minutes=3)
        )
        who = {"customer_name": name, "customer_phone": number}
        return await book.confirm(1, held.booking_id, key=next(_keys), call_sid=call, now=made, **who)

    def rows(self, *states: str) -> list[str]:
        """The book's rows in these states (all without), by time: "booked 2026-10-29 15:00 Ladies' Cut, Ana: Ada"."""
        with closing(sqlite3.connect(self.path)) as db:
            found = db.execute("SELECT state, visit, customer_name FROM bookings ORDER BY start_time, id").fetchall()
        return [
            _line(state, Visit.model_validate_json(visit), name)
            for state, visit, name in found
            if not states or state in states
        ]

    def texts(self) -> list[str]:
        """The kinds of texts that are owed, oldest first."""
        with closing(sqlite3.connect(self.path)) as db:
            return [kind for (kind,) in db.execute("SELECT kind FROM text_messages ORDER BY rowid")]

    @contextmanager
    def without(self, table: str) -> Iterator[None]:
        """The store fails for whatever needs this table."""
        with closing(sqlite3.connect(self.path)) as db:
            db.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
            try:
                yield
            finally:
                db.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


def _line(state: str, visit: Visit, name: str) -> str:
    parts = ", ".join(f"{part.service}, {part.staff}" for part in visit.parts)
    return f"{state} {local(visit.starts, SALON):%Y-%m-%d %H:%M} {parts}: {name}"


@asynccontextmanager
async def open_front_desk(folder: Path) -> AsyncGenerator[FrontDesk]:
    """An empty book."""
    path = folder / "chairside.db"
    async with EmbeddedStore.open(path) as store:
        yield FrontDesk(path, store)
