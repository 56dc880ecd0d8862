"""Fifty bookers want overlapping times at once: who gets it, how long each waits, and whether anything is booked twice.

    python scripts/_bench_bookings.py --json bookings.json

SQLite: every booker is a process of its own, all on one file. Supabase: real PostgreSQL and PostgREST from tests/rig,
started here. In every round some answers are lost and every write is asked for again with the same key.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import multiprocessing
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.errors import Conflict, Unavailable
from agent.model import BusyStretch, Visit, VisitPart
from agent.ports import BookingStore
from agent.stores.embedded import EmbeddedStore
from agent.stores.supabase import SupabaseStore

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIMES = 3
"""Different times that are wanted, each overlapping every other."""
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


@dataclass(frozen=True)
class Burst:
    """What became of one booker when all began at once: the hold it got, if any, and how long it waited."""

    number: int
    round: int
    held: str | None
    ms: float
    unavailable: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of this bench."""
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--bookers", type=int, default=50)
    parser.add_argument("--backend", choices=["sqlite", "supabase", "both"], default="both")


async def run(args: argparse.Namespace) -> dict[str, Any]:
    """`{"backends": [{"name", "winners_per_round", "p50_ms", "p99_ms", "max_ms", "unavailable", "duplicates"}]}`

    `duplicates` counts appointments and texts beyond one a round, stretches that overlap, and repeated writes that
    told something else than the first. All of them ought to be 0, `winners_per_round` all 1.
    """
    backends: list[dict[str, Any]] = []
    if args.backend != "supabase":
        backends.append(await asyncio.to_thread(_sqlite, args.rounds, args.bookers))
    if args.backend != "sqlite":
        backends.append(await _supabase(args.rounds, args.bookers))
    return {"backends": backends}


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


async def _repeat(book: BookingStore, burst: Burst) -> bool:
    """Confirm what was won, and ask for everything again. True when that told something else than before."""
    differs = await _hold(book, burst.number, burst.round) != burst.held
    if burst.held:
        made = [await _confirm(book, burst.held, burst.number, burst.round) for _ in range(2)]
        differs |= made[0] != made[1]
    return differs


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


def _sqlite(rounds: int, bookers: int) -> dict[str, Any]:
    processes = multiprocessing.get_context("forkserver")  # loads the house once, not fifty times
    processes.set_forkserver_preload(["agent.stores.embedded", "agent.stores.supabase"])
    with tempfile.TemporaryDirectory(prefix="chairside-bench-") as folder:
        path = Path(folder) / "chairside.db"
        asyncio.run(_create(path))
        gate, queue = processes.Barrier(bookers), processes.Queue()
        booking = [processes.Process(target=_booker, args=(path, n, rounds, gate, queue)) for n in range(bookers)]
        for process in booking:
            process.start()
        told: list[tuple[Burst, bool]] = [queue.get(timeout=120) for _ in range(rounds * bookers)]
        for process in booking:
            process.join()
        with closing(sqlite3.connect(path)) as database:
            counts = *database.execute(COUNTS).fetchone(), *database.execute(OVERLAPS["sqlite"]).fetchone()
    return _report("sqlite", told, rounds, counts)


async def _create(path: Path) -> None:
    async with EmbeddedStore.open(path):
        pass


def _booker(path: Path, number: int, rounds: int, gate: Any, told: Any) -> None:
    async def book() -> None:
        async with EmbeddedStore.open(path) as store:
            for of_round in range(rounds):
                loses_answer = (number + of_round) % LOSES_ANSWER == 0
                await asyncio.to_thread(gate.wait, 60)
                burst = await _burst(store.bookings, number, of_round, loses_answer=loses_answer)
                await asyncio.to_thread(gate.wait, 60)
                told.put((burst, await _repeat(store.bookings, burst)))

    asyncio.run(book())


# Supabase: a task a booker, through the gateway and PostgREST


async def _supabase(rounds: int, bookers: int) -> dict[str, Any]:
    sys.path.insert(0, str(ROOT / "tests"))
    postgres, project = importlib.import_module("rig.postgres"), importlib.import_module("rig.project")
    with (
        postgres.running(postgres.installations()[0]) as cluster,
        project.running(cluster, "bench", project.migrate) as rig,
    ):
        told: list[tuple[Burst, bool]] = []
        async with SupabaseStore.open(rig.url, rig.gateway.secret_key) as store:
            await store.bookings.bookings_between(1, NOW, NOW, now=NOW)
            for of_round in range(rounds):
                rig.gateway.faults += ["lost answer"] * (bookers // LOSES_ANSWER)
                burst = (_burst(store.bookings, number, of_round, loses_answer=False) for number in range(bookers))
                bursts = await asyncio.gather(*burst)
                told += zip(bursts, await asyncio.gather(*(_repeat(store.bookings, b) for b in bursts)), strict=True)
        with rig.connect() as database:
            counts = *database.execute(COUNTS).fetchone(), *database.execute(OVERLAPS["supabase"]).fetchone()
    return _report("supabase", told, rounds, counts)


def _report(name: str, told: list[tuple[Burst, bool]], rounds: int, counts: tuple[int, ...]) -> dict[str, Any]:
    booked, held, texts, overlaps = counts
    ms = sorted(burst.ms for burst, _ in told)
    winners = Counter(burst.round for burst, _ in told if burst.held)
    differing = sum(differs for _, differs in told)
    return {
        "name": name,
        "winners_per_round": [winners[of_round] for of_round in range(rounds)],
        "p50_ms": round(ms[len(ms) // 2], 1),
        "p99_ms": round(ms[int(0.99 * (len(ms) - 1))], 1),
        "max_ms": round(ms[-1], 1),
        "unavailable": sum(burst.unavailable for burst, _ in told),
        "duplicates": abs(booked - rounds) + held + abs(texts - rounds) + overlaps + differing,
    }


def main() -> int:
    """Print the figures, or write them with `--json FILE`. 1 when something was booked twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-", default="-")
    args = parser.parse_args()
    figures = asyncio.run(run(args))
    text = json.dumps(figures, indent=2)
    if args.json == "-":
        print(text)
    else:
        Path(args.json).write_text(text + "\n")
    every = figures["backends"]
    return int(any(one["duplicates"] or set(one["winners_per_round"]) != {1} for one in every))


if __name__ == "__main__":
    sys.exit(main())
