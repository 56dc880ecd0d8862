"""What is SQLite's own about the book: raw writes, several processes, a locked file, an answer nobody waited for."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Unavailable
from agent.model import Booking, BusyStretch, Visit, VisitPart
from agent.ports import BookingStore
from agent.stores.embedded import EmbeddedStore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def visit(starts: datetime = TEN) -> Visit:
    return Visit(
        parts=(VisitPart(service="Cut", staff="Ana", starts=starts, ends=starts + HOUR),),
        busy=(BusyStretch(staff="Ana", starts=starts, ends=starts + HOUR),),
    )


async def hold(book: BookingStore, key: str = "k", wanted: Visit | None = None, **how: Any) -> Booking:
    asked: dict[str, Any] = {"call_sid": "CA1", "now": NOW, "expires_at": NOW + HOUR}
    return await book.hold(1, wanted or visit(), key=key, **(asked | how))


async def confirm(book: BookingStore, held: Booking, key: str, phone: str = "+18085550199") -> Booking:
    who = {"customer_name": "Noa", "customer_phone": phone}
    return await book.confirm(1, held.booking_id, key=key, call_sid="CA1", now=NOW, **who)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chairside.db"


@pytest.fixture
async def book(path: Path) -> AsyncIterator[BookingStore]:
    async with EmbeddedStore.open(path, busy_timeout_s=0.05) as store:
        yield store.bookings


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


SEGMENT = "INSERT INTO booking_segments SELECT staff_no, ?, ?, booking_id, location_id FROM booking_segments LIMIT 1"


@pytest.mark.parametrize(
    ("starts", "ends", "may"),
    [(-1, 0.5, False), (0.5, 0.75, False), (0.5, 2, False), (0, 1, False), (-1, 2, False), (-1, 0, True), (1, 2, True)],
)
async def test_no_write_at_all_makes_two_stretches_overlap(
    book: BookingStore, path: Path, starts: float, ends: float, may: bool
):
    await hold(book, "far", visit(TEN - 5 * HOUR), call_sid="CA2")
    await hold(book)
    span = [(TEN + hours * HOUR).isoformat(timespec="microseconds") for hours in (starts, ends)]
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        if may:
            assert raw.execute(SEGMENT, span).rowcount == 1
            return
        with pytest.raises(sqlite3.IntegrityError, match="slot_taken"):
            raw.execute(SEGMENT, span)
        with pytest.raises(sqlite3.IntegrityError, match="busy stretch"):
            raw.execute("UPDATE booking_segments SET ends = starts || 'x'")


BOOKER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from agent.errors import Conflict
from agent.stores.embedded import EmbeddedStore
sys.path.insert(0, sys.argv[3])
from test_embedded_bookings import hold, visit, TEN, HOUR

async def main(path, number):
    won = 0
    async with EmbeddedStore.open(Path(path)) as store:
        for of_round in range(30):
            wanted = visit(TEN + of_round * 3 * HOUR + int(number) * timedelta(minutes=15))
            for _ in range(2):  # the second time is the first one again
                try:
                    await hold(store.bookings, f"{number}/{of_round}", wanted, call_sid=f"CA{number}/{of_round}")
                except Conflict:
                    continue
                won += 1
    print(won)

asyncio.run(main(*sys.argv[1:3]))
"""


async def test_several_processes_want_the_same_times_of_one_new_file(path: Path):
    booking = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", BOOKER, str(path), str(number), str(Path(__file__).parent)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for number in range(3)
    ]
    told = [await process.communicate() for process in booking]
    assert [process.returncode for process in booking] == [0, 0, 0], told

    assert sum(int(out) for out, _ in told) == 2 * 30
    assert rows(path, "SELECT count(*) FROM bookings") == rows(path, "SELECT count(*) FROM booking_segments") == [(30,)]


async def test_an_answer_nobody_waited_for_is_there_when_asked_again(book: BookingStore, path: Path):
    for turns_of_the_loop in range(5):
        writing = asyncio.create_task(hold(book))
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    held = await hold(book)
    assert rows(path, "SELECT id, state FROM bookings") == [(held.booking_id, "held")]


async def test_a_locked_file_is_unavailable_and_the_key_still_holds(book: BookingStore, path: Path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as refused:
            await hold(book)
        assert refused.value.code == "store_busy"
        assert await book.bookings_between(1, TEN, TEN + HOUR, now=NOW) == []  # reading waits for nobody
    held = await hold(book)
    assert await hold(book) == held


async def test_each_change_of_an_appointment_owes_one_text(book: BookingStore, path: Path):
    made = await confirm(book, await hold(book), "k1")
    held = await hold(book, "k2", visit(TEN + 3 * HOUR), moves=made.booking_id)
    for _ in range(2):
        await confirm(book, held, "k3")
        await book.cancel(1, made.booking_id, key="k4", now=NOW + HOUR)
    nameless = await confirm(book, await hold(book, "k5"), "k6", phone="")
    await book.cancel(1, nameless.booking_id, key="k7", now=NOW)
    await book.cancel(1, (await hold(book, "k8")).booking_id, key="k9", now=NOW)

    columns = "kind, revision, to_number, state, not_before, location_id, booking_id"
    rest, whose = ("+18085550199", "due"), (1, made.booking_id)
    at, later = (moment.isoformat(timespec="microseconds") for moment in (NOW, NOW + HOUR))
    assert rows(path, f"SELECT {columns} FROM text_messages ORDER BY revision, kind") == [
        ("booked", 1, *rest, at, *whose),
        ("cancelled", 2, *rest, later, *whose),
        ("moved", 2, *rest, at, *whose),
    ]


async def test_a_change_that_fails_owes_no_text(book: BookingStore, path: Path):
    held = await hold(book)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("CREATE TRIGGER full BEFORE INSERT ON booking_keys BEGIN SELECT raise(ABORT, 'full'); END")
        with pytest.raises(Exception, match="full"):
            await confirm(book, held, "k1")
        raw.execute("DROP TRIGGER full")
    assert rows(path, "SELECT count(*) FROM text_messages") == [(0,)]
    assert (await confirm(book, held, "k1")).state == "booked"


async def test_what_is_looked_for_has_an_index(book: BookingStore, path: Path):
    for query in (
        "SELECT 1 FROM bookings WHERE location_id = 1 AND busy_until > '2026' AND busy_from < '2027'",
        "SELECT 1 FROM bookings WHERE location_id = 1 AND customer_phone = 'x' AND end_time > '2026'",
        "SELECT 1 FROM bookings WHERE moves = 'x' AND state = 'held'",
        "SELECT 1 FROM booking_segments WHERE booking_id = 'x'",
        "SELECT ends FROM booking_segments WHERE staff_no = 1 AND starts < '2026' ORDER BY starts DESC LIMIT 1",
        "DELETE FROM booking_keys WHERE location_id = 1 AND made_at < '2026'",
    ):
        plan = [detail for *_, detail in rows(path, f"EXPLAIN QUERY PLAN {query}")]
        assert any("SEARCH" in step for step in plan), (query, plan)
        assert not any("SCAN" in step for step in plan), (query, plan)
