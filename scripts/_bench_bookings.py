"""Fifty callers want overlapping times at once: who gets one, how long each waits, and is anything booked twice.

Each round has two bursts. In the first every booker writes to the store, with nothing before it: the write alone, with
every contender in line. In the second every booker goes the way of a call, `Desk.hold`, which looks into the book,
writes, and looks again for other times when it has lost; then the winner confirms.

SQLite: every booker is a process of its own, all on one file. Supabase: every booker is a task, on real PostgreSQL and
PostgREST from tests/rig, started here. In every round some answers are lost and every write is asked for again with the
same key. All have used the store once before the first burst, as a server has that answers calls.

Supabase also: what it takes the desk to tell what is free on a day, asked of the project and read ahead.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import multiprocessing
import sqlite3
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any

from _bench import Figure, Measured, percentile, spread

from agent.bookings.desk import Declined, Desk
from agent.bookings.rules import Wanted
from agent.bookings.when import When
from agent.errors import Conflict, NotFound, Unavailable
from agent.model import (
    WEEKDAYS,
    Booking,
    BusyStretch,
    OpeningHours,
    OpenInterval,
    Professional,
    Service,
    Shop,
    Visit,
    VisitPart,
)
from agent.ports import BookingStore
from agent.stores.embedded import EmbeddedStore
from agent.stores.read_ahead import ReadAhead
from agent.stores.supabase import SupabaseStore

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIMES = 3
"""Different times that are wanted, each overlapping every other."""
LOOKS, STANDING = 100, 84
"""How often it is asked what is free, and how many appointments stand in the two weeks by then."""
LOSES_ANSWER = 5
"""Every fifth booker never hears the answer to its first write."""
OVERLAPS = {
    "sqlite": "select count(*) from booking_segments a join booking_segments b"
    " on a.staff_no = b.staff_no and a.starts < b.ends and b.starts < a.ends and a.booking_id < b.booking_id",
    "supabase": "select count(*) from booking_segments a join booking_segments b"
    " on a.staff_no = b.staff_no and a.during && b.during and a.booking_id < b.booking_id",
}
COUNTS = (
    "select (select count(*) from bookings where state = 'booked'),"
    " (select count(*) from bookings where state = 'held'), (select count(*) from text_messages)"
)


P99_MS = {"sqlite": 60, "supabase": 1500}
"""What the house has set itself for the write in a burst."""
CUT = Service(name="Cut", minutes=60, staff=("Ana",))
SHOP = Shop(
    location_id=1,
    business_name="Bench",
    phone_number="+18085550100",
    timezone="UTC",
    currency="USD",
    hours=OpeningHours(week=dict.fromkeys(WEEKDAYS, (OpenInterval(opens=clock(8), closes=clock(20)),))),
    services=(CUT,),
    professionals=(Professional(name="Ana"),),
)


@dataclass(frozen=True)
class Burst:
    """What became of one booker when all began at once: the hold it got, if any, and how long it waited."""

    number: int
    round: int
    held: str | None
    ms: float
    unavailable: int


@dataclass(frozen=True)
class Told:
    """One booker's round: both bursts, and whether repeating anything told something else than before."""

    write: Burst
    differs: bool
    desk: Burst
    alternatives: int
    """Other times that the desk offered; none to a winner."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--rounds", type=_count, default=20, metavar="N", help="bursts of each kind (20)")
    parser.add_argument("--bookers", type=_count, default=50, metavar="N", help="callers in each (50)")
    parser.add_argument("--backend", choices=["sqlite", "supabase", "both"], default="both")


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


async def measure(arguments: argparse.Namespace) -> Measured:
    """`{"backends": [{"name", "winners_per_round", "p50_ms", "p99_ms", "duplicates", "losers_with_alternatives"}]}`

    `p50_ms` and `p99_ms` are of the write to the store, however often it had to be asked for. `winners_per_round` and
    `losers_with_alternatives` are of the bursts at the desk; those at the store have one winner each, or it is among
    the `duplicates`: these count appointments and texts beyond one a burst, holds left over, stretches that overlap,
    and repeated writes that told something else than the first. All of them ought to be 0.
    """
    backends: list[Backend] = []
    if arguments.backend != "supabase":
        backends.append(await asyncio.to_thread(_sqlite, arguments.rounds, arguments.bookers))
    if arguments.backend != "sqlite":
        backends.append(await _supabase(arguments.rounds, arguments.bookers))
    return Measured(
        figures=[figure for backend in backends for figure in backend.figures()],
        form={"backends": [backend.form() for backend in backends]},
        faults=tuple(fault for backend in backends for fault in backend.faults()),
    )


@dataclass(frozen=True)
class Backend:
    """What was measured on one store."""

    name: str
    rounds: int
    told: list[Told]
    counts: tuple[int, ...]
    """Booked, held, texts, overlaps."""
    looks: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """What is free on a day, in ms, by how the book was read."""

    def form(self) -> dict[str, Any]:
        """As JSON; see `measure`."""
        ms = [told.write.ms for told in self.told]
        return {
            "name": self.name,
            "winners_per_round": self._winners([told.desk for told in self.told]),
            "p50_ms": round(percentile(ms, 0.5), 1),
            "p99_ms": round(percentile(ms, 0.99), 1),
            "duplicates": self._duplicates(),
            "losers_with_alternatives": sum(told.desk.held is None and told.alternatives > 0 for told in self.told),
        }

    def figures(self) -> list[Figure]:
        """For the table."""
        writes, desks = [told.write for told in self.told], [told.desk for told in self.told]
        losers = [told for told in self.told if told.desk.held is None]
        left_alone = sum(not told.alternatives for told in losers)
        return [
            *spread(f"{self.name}, the write", [one.ms for one in writes], "ms", p99_target=P99_MS[self.name]),
            Figure(f"{self.name}, the write, slowest", max(one.ms for one in writes), "ms"),
            *spread(f"{self.name}, at the desk", [one.ms for one in desks], "ms"),
            Figure(f"{self.name}, asked again while busy", sum(one.unavailable for one in writes + desks), "times"),
            Figure(f"{self.name}, booked twice", self._duplicates(), "times", 0),
            Figure(f"{self.name}, losers", len(losers), "callers"),
            Figure(f"{self.name}, losers offered no other time", left_alone, "callers", 0),
            *(
                figure
                for how, ms in self.looks.items()
                for figure in spread(f"{self.name}, what is free, {how}", ms, "ms")
            ),
        ]

    def faults(self) -> tuple[str, ...]:
        """What must not be at any speed."""
        form = self.form()
        losers = sum(told.desk.held is None for told in self.told)
        wrong = {
            "something was booked twice": form["duplicates"] > 0,
            "not every round has one winner": set(form["winners_per_round"]) != {1},
            "losers were offered no other time": form["losers_with_alternatives"] != losers,
        }
        return tuple(f"{self.name}: {what}" for what, is_so in wrong.items() if is_so)

    def _winners(self, bursts: list[Burst]) -> list[int]:
        won = Counter(burst.round for burst in bursts if burst.held)
        return [won[of_round] for of_round in range(self.rounds)]

    def _duplicates(self) -> int:
        booked, held, texts, overlaps = self.counts
        expected = 2 * self.rounds
        several = sum(abs(won - 1) for won in self._winners([told.write for told in self.told]))
        differing = sum(told.differs for told in self.told)
        return abs(booked - expected) + held + abs(texts - expected) + overlaps + several + differing


def _wanted(number: int, of_round: int) -> Visit:
    starts = NOW + timedelta(days=1 + of_round, minutes=15 * (number % TIMES))
    ends = starts + timedelta(hours=1)
    return Visit(
        parts=(VisitPart(service="Cut", staff="Ana", starts=starts, ends=ends),),
        busy=(BusyStretch(staff="Ana", starts=starts, ends=ends),),
    )


async def _burst(book: BookingStore, number: int, of_round: int, *, loses_answer: bool) -> Burst:
    """Hold the time, however often it has to be asked for: this is what is measured."""
    began = time.perf_counter()
    unavailable = 0
    if loses_answer:
        await _lose_answer(asyncio.create_task(_hold(book, number, of_round)), turns=number % 4)
    while True:
        try:
            held = await _hold(book, number, of_round)
            return Burst(number, of_round, held, 1000 * (time.perf_counter() - began), unavailable)
        except Unavailable:
            unavailable += 1


async def _at_desk(desk: Desk, number: int, of_round: int) -> tuple[Burst, Booking | Declined]:
    """Ask the desk for a time as a call does, however often it has to be asked."""
    began = time.perf_counter()
    unavailable = 0
    at = NOW + timedelta(days=1 + of_round, hours=4, minutes=15 * (number % TIMES))
    wanted = Wanted(services=(CUT,), staff=("Ana",))
    while True:
        try:
            found = await desk.hold(1, wanted, at, key=f"desk/{of_round}/{number}", call_sid=f"CAdesk{number}")
        except Unavailable:
            unavailable += 1
            continue
        held = found.booking_id if isinstance(found, Booking) else None
        return Burst(number, of_round, held, 1000 * (time.perf_counter() - began), unavailable), found


async def _after_desk(desk: Desk, burst: Burst, found: Booking | Declined) -> int:
    """The winner confirms. Returns how many other times a loser was offered."""
    if isinstance(found, Declined):
        return len(found.alternatives)
    made = await desk.confirm(
        found,
        key=f"desk/{burst.round}/{burst.number}",
        customer_name=f"Booker {burst.number}",
        customer_phone="+18085550199",
    )
    if isinstance(made, Declined):
        raise ValueError(f"what was held could not be booked: {made}")
    return 0


async def _repeat(book: BookingStore, burst: Burst) -> bool:
    """Confirm what was won, and ask for everything again. True when that told something else than before."""
    differs = await _hold(book, burst.number, burst.round) != burst.held
    if burst.held:
        made = [await _confirm(book, burst.held, burst.number, burst.round) for _ in range(2)]
        differs |= made[0] != made[1]
    return differs


async def _warm(book: BookingStore, number: int) -> None:
    """Use both connections once, and leave nothing behind."""
    await book.bookings_between(1, NOW, NOW + timedelta(days=1), now=NOW)
    with contextlib.suppress(NotFound):
        await book.cancel(1, str(uuid.uuid4()), key=f"warm/{number}", now=NOW)


def _desk(book: BookingStore) -> Desk:
    return Desk(book, lambda _: SHOP, lambda: NOW)


async def _lose_answer(writing: asyncio.Task[str | None], turns: int) -> None:
    """Stop waiting for a write that is on its way: whether it was made, nobody knows."""
    for _ in range(turns):
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)


async def _hold(book: BookingStore, number: int, of_round: int) -> str | None:
    try:
        held = await book.hold(
            1,
            _wanted(number, of_round),
            key=f"{of_round}/{number}",
            call_sid=f"CA{of_round}/{number}",
            now=NOW,
            expires_at=NOW + timedelta(minutes=3),
        )
    except Conflict:
        return None
    return held.booking_id


async def _confirm(book: BookingStore, booking_id: str, number: int, of_round: int) -> str:
    made = await book.confirm(
        1,
        booking_id,
        key=f"{of_round}/{number}",
        call_sid=f"CA{of_round}/{number}",
        now=NOW,
        customer_name=f"Booker {number}",
        customer_phone="+18085550199",
    )
    return made.model_dump_json()


# SQLite: a process a booker


def _sqlite(rounds: int, bookers: int) -> Backend:
    processes = multiprocessing.get_context("forkserver")  # loads the house once, not fifty times
    processes.set_forkserver_preload(["agent.bookings.desk", "agent.stores.embedded", "agent.stores.supabase"])
    with tempfile.TemporaryDirectory(prefix="chairside-bench-") as folder:
        path = Path(folder) / "chairside.db"
        asyncio.run(_create(path))
        gate, queue = processes.Barrier(bookers), processes.Queue()
        booking = [processes.Process(target=_booker, args=(path, n, rounds, gate, queue)) for n in range(bookers)]
        for process in booking:
            process.start()
        told: list[Told] = [queue.get(timeout=120) for _ in range(rounds * bookers)]
        for process in booking:
            process.join()
        with closing(sqlite3.connect(path)) as database:
            counts = *database.execute(COUNTS).fetchone(), *database.execute(OVERLAPS["sqlite"]).fetchone()
    return Backend("sqlite", rounds, told, counts)


async def _create(path: Path) -> None:
    async with EmbeddedStore.open(path):
        pass


def _booker(path: Path, number: int, rounds: int, gate: Any, told: Any) -> None:
    async def book() -> None:
        async with EmbeddedStore.open(path) as store:
            await _warm(store.bookings, number)
            desk = _desk(store.bookings)
            for of_round in range(rounds):
                loses_answer = (number + of_round) % LOSES_ANSWER == 0
                await asyncio.to_thread(gate.wait, 60)
                write = await _burst(store.bookings, number, of_round, loses_answer=loses_answer)
                await asyncio.to_thread(gate.wait, 60)
                differs = await _repeat(store.bookings, write)
                await asyncio.to_thread(gate.wait, 60)
                burst, found = await _at_desk(desk, number, of_round)
                await asyncio.to_thread(gate.wait, 60)
                told.put(Told(write, differs, burst, await _after_desk(desk, burst, found)))

    asyncio.run(book())


# Supabase: a task a booker, through the gateway and PostgREST


async def _supabase(rounds: int, bookers: int) -> Backend:
    sys.path.insert(0, str(ROOT / "tests"))
    postgres, project = importlib.import_module("rig.postgres"), importlib.import_module("rig.project")
    with (
        postgres.running(postgres.installations()[0]) as cluster,
        project.running(cluster, "bench", project.migrate) as rig,
    ):
        told: list[Told] = []
        async with SupabaseStore.open(rig.url, rig.gateway.secret_key) as store:
            await asyncio.gather(*(_warm(store.bookings, number) for number in range(bookers)))
            for of_round in range(rounds):
                rig.gateway.faults += ["lost answer"] * (bookers // LOSES_ANSWER)
                told += await _round(store.bookings, of_round, bookers)
        with rig.connect() as database:
            counts = *database.execute(COUNTS).fetchone(), *database.execute(OVERLAPS["supabase"]).fetchone()
        async with SupabaseStore.open(rig.url, rig.gateway.secret_key) as store:
            looks = await _looks(store.bookings)
    return Backend("supabase", rounds, told, counts, looks)


async def _looks(book: BookingStore) -> dict[str, list[float]]:
    """Of a shop with some appointments, by which way the book was read."""
    shop = SHOP.model_copy(update={"location_id": 2})
    for number in range(STANDING):
        starts = NOW.replace(hour=8) + timedelta(days=1 + number // 6, hours=2 * (number % 6))
        await book.put_booking(_standing(shop, starts))
    ahead = ReadAhead(book, lambda: NOW)
    ahead.look_ahead(shop.location_id)
    await ahead.settled()
    ways = {"asked of the store": book, "read ahead": ahead}
    return {how: [await _look(way, shop, at) for at in range(LOOKS)] for how, way in ways.items()}


async def _look(book: BookingStore, shop: Shop, number: int) -> float:
    """Milliseconds."""
    day = (NOW + timedelta(days=1 + number % 12)).date()
    began = time.perf_counter()
    await Desk(book, lambda _: shop, lambda: NOW).offer(
        shop.location_id, Wanted(services=(CUT,), staff=("Ana",)), When(first=day, last=day)
    )
    return 1000 * (time.perf_counter() - began)


def _standing(shop: Shop, starts: datetime) -> Booking:
    ends = starts + timedelta(minutes=30)
    return Booking(
        booking_id=str(uuid.uuid4()),
        location_id=shop.location_id,
        state="booked",
        visit=Visit(
            parts=(VisitPart(service="Cut", staff="Ana", starts=starts, ends=ends),),
            busy=(BusyStretch(staff="Ana", starts=starts, ends=ends),),
        ),
        created_at=NOW,
        changed_at=NOW,
    )


async def _round(book: BookingStore, of_round: int, bookers: int) -> list[Told]:
    every, desk = range(bookers), _desk(book)
    writes = await asyncio.gather(*(_burst(book, number, of_round, loses_answer=False) for number in every))
    differ = await asyncio.gather(*(_repeat(book, burst) for burst in writes))
    asked = await asyncio.gather(*(_at_desk(desk, number, of_round) for number in every))
    offered = await asyncio.gather(*(_after_desk(desk, burst, found) for burst, found in asked))
    return [
        Told(write, differs, burst, others)
        for write, differs, (burst, _), others in zip(writes, differ, asked, offered, strict=True)
    ]
