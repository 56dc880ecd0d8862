"""What is SQLite's own: two processes on one file, errors in the house's words, files from elsewhere."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.errors import NotFound, StoreError, Unavailable
from agent.model import CallRecord, Proposal, Service, Shop, Turn
from agent.stores.embedded import EmbeddedStore

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOP = Shop(
    location_id=1,
    business_name="Plumeria",
    phone_number="+18084826296",
    timezone="Pacific/Honolulu",
    currency="USD",
)
CALL = CallRecord(call_sid="CA1", location_id=1, caller="anonymous", called="+18084826296", started_at=NOON)
TURN = Turn(call_sid="CA1", location_id=1, index=1, heard="hello", at=NOON)


async def test_what_was_stored_is_there_after_opening_again(tmp_path: Path):
    path = tmp_path / "deep" / "er" / "chairside.db"
    async with EmbeddedStore.open(path) as store:
        stored = await store.store_knowledge("location_1", SHOP)
        await store.open_call(CALL)
        await store.add_turn(TURN)
    async with EmbeddedStore.open(path) as store:
        assert await store.get_location_knowledge(1) == stored
        assert await store.get_turns(1, "CA1") == [TURN]


async def test_the_tables_have_the_customers_names_and_the_file_is_in_wal_mode(tmp_path: Path):
    path = tmp_path / "chairside.db"
    async with EmbeddedStore.open(path) as store:
        await store.store_knowledge("location_1", SHOP)
        with closing(sqlite3.connect(path)) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            assert tables >= {"salon_static_data", "customer_interactions", "call_turns", "messages"}
            assert db.execute("SELECT key, version FROM salon_static_data").fetchall() == [("location_1", 1)]
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_closing_leaves_no_thread(tmp_path: Path):
    async with EmbeddedStore.open(tmp_path / "chairside.db") as store:
        await store.list_shops()
        assert any("chairside-store" in thread.name for thread in threading.enumerate())
    assert not any("chairside-store" in thread.name for thread in threading.enumerate())


async def test_a_closed_store_is_unavailable(tmp_path: Path):
    async with EmbeddedStore.open(tmp_path / "chairside.db") as store:
        pass
    with pytest.raises(Unavailable):
        await store.list_shops()
    with pytest.raises(Unavailable):
        await store.open_call(CALL)


async def test_a_write_waits_for_another_process_and_then_says_unavailable(tmp_path: Path):
    path = tmp_path / "chairside.db"
    async with EmbeddedStore.open(path, busy_timeout_s=0.05) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable) as refused:
                await store.open_call(CALL)
            assert refused.value.code == "store_busy"
            assert await store.get_call(1, "CA1") is None  # reading goes on
        await store.open_call(CALL)
        assert await store.get_call(1, "CA1") == CALL


async def test_a_failed_write_leaves_nothing_half_done(tmp_path: Path):
    path = tmp_path / "chairside.db"
    async with EmbeddedStore.open(path) as store:
        before = await store.store_knowledge("location_1", SHOP)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("CREATE TRIGGER full BEFORE INSERT ON phone_numbers BEGIN SELECT raise(ABORT, 'full'); END")
        with pytest.raises(StoreError):
            await store.store_knowledge("location_1", SHOP.model_copy(update={"address": "elsewhere"}))
        assert await store.get_location_knowledge(1) == before
        assert await store.get_location_from_phone_number(SHOP.phone_number) == 1


async def test_a_cancelled_write_is_made_or_not_and_the_store_goes_on(tmp_path: Path):
    async with EmbeddedStore.open(tmp_path / "chairside.db") as store:
        for turns_of_the_loop in range(4):
            writing = asyncio.create_task(store.open_call(CALL))
            for _ in range(turns_of_the_loop):
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        await store.open_call(CALL)
        assert await store.recent_calls(1) == [CALL]


WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from agent.model import CallRecord, Turn
from agent.stores.embedded import EmbeddedStore

async def main(path, sid):
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    async with EmbeddedStore.open(Path(path)) as store:
        await store.open_call(
            CallRecord(call_sid=sid, location_id=1, caller="x", called="+18084826296", started_at=at)
        )
        for index in range(1, 41):
            await store.add_turn(Turn(call_sid=sid, location_id=1, index=index, heard=sid, at=at))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_several_processes_open_and_write_one_new_file_at_once(tmp_path: Path):
    path = tmp_path / "chairside.db"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(path), f"CA{number}", stderr=asyncio.subprocess.PIPE
        )
        for number in range(3)
    ]
    errors = [(await process.communicate())[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors

    async with EmbeddedStore.open(path) as store:
        for number in range(3):
            assert len(await store.get_turns(1, f"CA{number}")) == 40


@pytest.mark.parametrize("content", [b"this is no database at all" * 50, b"\x00" * 4096])
async def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path, content: bytes):
    path = tmp_path / "chairside.db"
    path.write_bytes(content)
    with pytest.raises(Unavailable) as refused:
        async with EmbeddedStore.open(path):
            pass
    assert refused.value.code == "store_damaged"
    assert path.read_bytes() == content


async def test_a_path_that_cannot_be_is_refused_in_words(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "chairside.db", tmp_path):
        with pytest.raises(StoreError):
            async with EmbeddedStore.open(path):
                pass


async def test_a_database_of_a_newer_house_is_refused_untouched(tmp_path: Path):
    path = tmp_path / "chairside.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreError) as refused:
        async with EmbeddedStore.open(path):
            pass
    assert refused.value.code == "store_is_newer"


async def test_a_file_from_before_proposals_gets_what_it_lacks_once(tmp_path: Path):
    path = tmp_path / "chairside.db"
    shop = SHOP.model_copy(update={"services": (Service(name="Cut"),)})
    async with EmbeddedStore.open(path) as store:
        await store.store_knowledge("location_1", shop)
        await store.store_knowledge("location_2", shop.model_copy(update={"location_id": 2, "phone_number": "+1808"}))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for table in ("services", "professionals", "knowledge_proposals", "approved_scrapes"):
            db.execute(f"DROP TABLE {table}")
        db.execute("UPDATE salon_static_data SET data = '{' WHERE location_id = 2")
        db.execute("PRAGMA user_version = 2")
    kept: list[object] = []
    for _ in range(2):
        async with EmbeddedStore.open(path) as store:
            assert await store.get_open_proposal(1) is None
            with closing(sqlite3.connect(path)) as db:
                kept.append(db.execute("SELECT id, location_id, name, active FROM services").fetchall())
    assert [row[1:] for row in kept[0]] == [(1, "Cut", 1)]
    assert kept[0] == kept[1]


async def test_a_file_from_before_outcomes_keeps_its_calls_and_gains_the_columns(tmp_path: Path):
    path = tmp_path / "chairside.db"
    async with EmbeddedStore.open(path) as store:
        await store.open_call(CALL)
        await store.add_turn(TURN)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for column in ("outcome", "summary", "mismatches", "unanswered"):
            db.execute(f"ALTER TABLE customer_interactions DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 4")
    async with EmbeddedStore.open(path) as store:
        assert await store.get_call(1, "CA1") == CALL
        await store.conclude_call(1, "CA1", outcome="message", summary="M", mismatches=[], unanswered=[])
        assert await store.get_turns(1, "CA1") == [TURN]
    async with EmbeddedStore.open(path) as store:
        assert (await store.recent_calls(1))[0].outcome == "message"


async def test_a_stored_proposal_nobody_can_read_is_a_store_error_and_can_be_superseded(tmp_path: Path):
    path = tmp_path / "chairside.db"
    spoiled, good = (
        Proposal(id=name, location_id=1, based_on=1, changes=(), created_at=NOON, scraped=SHOP) for name in "ab"
    )
    async with EmbeddedStore.open(path) as store:
        await store.store_approved(SHOP, SHOP)
        await store.propose(spoiled)
        for data in ("{", "[]", "{}", '{"changes": 1}'):
            with closing(sqlite3.connect(path, isolation_level=None)) as db:
                db.execute("UPDATE knowledge_proposals SET data = ?", (data,))
                db.execute("UPDATE approved_scrapes SET data = ?", (data,))
            for reading in (store.get_open_proposal(1), store.get_proposal(1, "a"), store.get_approved_scrape(1)):
                with pytest.raises(StoreError):
                    await reading
        await store.propose(good)
        assert await store.get_open_proposal(1) == good


async def test_a_stored_shop_nobody_can_read_is_a_store_error_and_can_be_replaced(tmp_path: Path):
    path = tmp_path / "chairside.db"
    async with EmbeddedStore.open(path) as store:
        await store.store_knowledge("location_1", SHOP)
        for spoiled in ("{", "[]", '{"location_id": 1}'):
            with closing(sqlite3.connect(path, isolation_level=None)) as db:
                db.execute("UPDATE salon_static_data SET data = ?", (spoiled,))
            with pytest.raises(StoreError):
                await store.get_location_knowledge(1)
            with pytest.raises(StoreError):
                await store.list_shops()
        assert (await store.store_knowledge("location_1", SHOP)).version == 2


async def test_a_number_too_large_for_the_database_is_a_store_error(tmp_path: Path):
    async with EmbeddedStore.open(tmp_path / "chairside.db") as store:
        with pytest.raises(StoreError):
            await store.get_call(2**70, "CA1")
        with pytest.raises(NotFound):
            await store.add_turn(TURN)
