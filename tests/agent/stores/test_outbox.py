"""Writes that outlive a store that is away, and the process that made them: real files, a real project, real kills."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from rig.gateway import Fault
from rig.project import Project

from agent.errors import Conflict, NotFound, Unavailable
from agent.model import CallRecord, Message, Turn
from agent.stores.embedded import EmbeddedStore
from agent.stores.outbox import Outbox, Patience
from agent.stores.outbox_file import Backlog
from agent.stores.supabase import SupabaseStore

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUICK = Patience(first_s=0.01, last_s=0.02)
NOTHING = Backlog(waiting=0, set_aside=0, oldest_at=None)


def call(call_sid: str = "CA1") -> CallRecord:
    return CallRecord(call_sid=call_sid, location_id=1, caller="anonymous", called="+18084826296", started_at=NOON)


def turn(index: int = 1, call_sid: str = "CA1", **words: str) -> Turn:
    return Turn.model_validate(
        {"call_sid": call_sid, "location_id": 1, "index": index, "heard": "hello", "at": NOON, **words}
    )


def message(name: str = "call_1", call_sid: str = "CA1", text: str = "Ring me") -> Message:
    return Message(call_sid=call_sid, location_id=1, tool_call_id=name, text=text, at=NOON)


async def whole_call(outbox: Outbox, call_sid: str = "CA1") -> None:
    await outbox.open_call(call(call_sid))
    await outbox.add_turn(turn(1, call_sid))
    await outbox.take_message(message(call_sid=call_sid))
    await outbox.add_turn(turn(1, call_sid, said="From 180.", spoken="From 180."))
    await outbox.add_turn(turn(2, call_sid))
    await outbox.conclude_call(1, call_sid, outcome="message", summary="Left a message.", mismatches=[], unanswered=[])
    await outbox.close_call(1, call_sid, ended_at=NOON, reason="caller_hung_up", greeting="Aloha")


def whole_record(call_sid: str = "CA1") -> CallRecord:
    told = {"outcome": "message", "summary": "Left a message."}
    return call(call_sid).model_copy(
        update={**told, "ended_at": NOON, "end_reason": "caller_hung_up", "greeting": "Aloha"}
    )


async def emptied(outbox: Outbox) -> Backlog:
    """What is left once nothing waits. Raises TimeoutError."""
    async with asyncio.timeout(10):
        while (held := await outbox.backlog()).waiting:
            await asyncio.sleep(0.01)
    return held


def rows(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT verb, call_sid, reason FROM outbox ORDER BY id").fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def project(supabase_project: Project) -> Project:
    supabase_project.empty()
    return supabase_project


@pytest.fixture
async def store(project: Project) -> AsyncIterator[SupabaseStore]:
    async with SupabaseStore.open(project.url, project.gateway.secret_key, timeout_s=5) as opened:
        yield opened


@pytest.fixture
async def outbox(path: Path, store: SupabaseStore) -> AsyncIterator[Outbox]:
    async with Outbox.open(path, store, clock=lambda: NOON, patience=QUICK, attempts=4) as opened:
        yield opened


@pytest.fixture
def said_in_log() -> AsyncIterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="WARNING")
    yield lines
    logger.remove(sink)


async def test_what_is_written_reaches_the_store(outbox: Outbox, store: SupabaseStore):
    await whole_call(outbox)
    assert await emptied(outbox) == NOTHING

    assert await store.get_call(1, "CA1") == await outbox.get_call(1, "CA1") == whole_record()
    assert await outbox.recent_calls(1) == [whole_record()]
    assert await outbox.get_turns(1, "CA1") == [turn(1, said="From 180.", spoken="From 180."), turn(2)]
    assert await outbox.get_messages(1) == [message()]


async def test_while_the_store_is_away_everything_is_taken_and_told(project: Project, outbox: Outbox, path: Path):
    project.gateway.faults += ["503"] * 10_000
    await whole_call(outbox)
    await whole_call(outbox)  # twice says no more than once

    assert await outbox.backlog() == Backlog(waiting=6, set_aside=0, oldest_at=NOON)
    verbs = ["open_call", "take_message", "add_turn", "add_turn", "conclude_call", "close_call"]
    assert sorted(verb for verb, _, _ in rows(path)) == sorted(verbs)


@pytest.mark.parametrize("fault", ["503", "html502", "lost answer"])
async def test_after_an_outage_all_of_it_arrives_once(
    project: Project, outbox: Outbox, store: SupabaseStore, fault: Fault
):
    project.gateway.faults += [fault] * 30
    for number in range(12):  # more calls than are forwarded at once
        await whole_call(outbox, f"CA{number}")
    assert await emptied(outbox) == NOTHING

    for number in range(12):
        assert await store.get_call(1, f"CA{number}") == whole_record(f"CA{number}")
        assert [at.spoken for at in await store.get_turns(1, f"CA{number}")] == ["From 180.", ""]
    assert sorted(at.call_sid for at in await store.get_messages(1)) == sorted(f"CA{number}" for number in range(12))


async def test_a_restart_goes_on_where_the_process_before_it_ended(project: Project, path: Path, store: SupabaseStore):
    project.gateway.faults += ["503"] * 10_000
    async with Outbox.open(path, store, clock=lambda: NOON, patience=QUICK) as before:
        await whole_call(before)
    project.gateway.faults.clear()
    assert await store.get_call(1, "CA1") is None

    async with Outbox.open(path, store, clock=lambda: NOON, patience=QUICK) as after:
        assert await emptied(after) == NOTHING
    assert await store.get_call(1, "CA1") == whole_record()
    assert await store.get_messages(1) == [message()]


async def test_leaving_forwards_what_can_be_forwarded(path: Path, store: SupabaseStore):
    async with Outbox.open(path, store, clock=lambda: NOON) as outbox:
        await whole_call(outbox)
    assert await store.get_call(1, "CA1") == whole_record()
    assert rows(path) == []


WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from agent.model import CallRecord, Message, Turn
from agent.stores.outbox import Outbox, Patience
from agent.stores.supabase import SupabaseStore

async def main(path, url, key, name):
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    async with SupabaseStore.open(url, key) as store:
        async with Outbox.open(Path(path), store, clock=lambda: at, patience=Patience(0.01, 0.02)) as outbox:
            for number in range(30):
                sid, facts = f"{name}-{number}", {"location_id": 1, "at": at}
                await outbox.open_call(CallRecord(
                    call_sid=sid, location_id=1, caller="x", called="+18084826296", started_at=at))
                for index in range(1, 4):
                    await outbox.add_turn(Turn(call_sid=sid, index=index, heard=sid, **facts))
                await outbox.take_message(Message(call_sid=sid, tool_call_id="m", text=sid, **facts))
                print(sid, flush=True)
            await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""
FAULTS: tuple[Fault, ...] = ("lost answer", "503", "html502", "lost answer")


async def test_a_process_that_is_killed_loses_nothing_it_took_and_doubles_nothing(
    project: Project, path: Path, store: SupabaseStore
):
    """Killed between taking and forwarding, and while it forwards; the next one goes on with the same file."""
    taken: list[str] = []
    for name in ("CAa", "CAb"):
        project.gateway.faults += FAULTS * 3
        writer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITER, str(path), project.url, project.gateway.secret_key, name),
            stdout=asyncio.subprocess.PIPE,
        )
        assert writer.stdout is not None
        async with asyncio.timeout(20):
            taken += [(await writer.stdout.readline()).decode().strip() for _ in range(15)]
        writer.kill()
        taken += (await writer.communicate())[0].decode().split()
    project.gateway.faults.clear()
    assert rows(path), "killed too late to prove anything"

    async with Outbox.open(path, store, clock=lambda: NOON, patience=QUICK) as outbox:
        assert (await emptied(outbox)).set_aside == 0
    assert len(taken) >= 30
    with project.connect() as database:
        kept = database.execute("select call_sid, array_agg(turn_index order by turn_index) from call_turns group by 1")
        turns = dict(kept.fetchall())
        messages = [sid for (sid,) in database.execute("select call_sid from messages").fetchall()]
    assert [turns.get(sid) for sid in taken] == [[1, 2, 3]] * len(taken)
    assert len(messages) == len(set(messages))
    assert set(taken) <= set(messages)


async def test_what_can_never_be_stored_is_set_aside_with_the_reason_and_the_rest_goes_on(
    outbox: Outbox, store: SupabaseStore, path: Path, said_in_log: list[str]
):
    await outbox.open_call(call())
    await outbox.take_message(message(text="my secret\0"))
    await outbox.add_turn(turn(1))
    await outbox.add_turn(turn(1, call_sid="CA-unknown"))

    assert await emptied(outbox) == Backlog(waiting=0, set_aside=2, oldest_at=None)
    assert await store.get_turns(1, "CA1") == [turn(1)]
    reasons = {verb: reason for verb, _, reason in rows(path)}
    assert "row_conflict" in reasons["take_message"]
    assert "row_unknown" in reasons["add_turn"]
    assert sum("set aside" in line for line in said_in_log) == 2
    assert not any("secret" in line for line in [*said_in_log, *reasons.values()])


async def test_what_another_version_wrote_and_nobody_can_read_is_set_aside(path: Path, store: SupabaseStore):
    async with Outbox.open(path, store, clock=lambda: NOON, patience=QUICK) as outbox:
        await outbox.open_call(call())
        await emptied(outbox)
    put = "INSERT INTO outbox (call_sid, verb, key, payload, written_at) VALUES ('CA1', ?, '1/', ?, ?)"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for verb, payload in (("add_turn", '{"heard": "secret"}'), ("paint_call", "{}"), ("take_message", "{")):
            db.execute(put, (verb, payload, NOON.isoformat()))
    async with Outbox.open(path, store, clock=lambda: NOON, patience=QUICK) as outbox:
        assert (await emptied(outbox)).set_aside == 3
    assert all("letter_unreadable" in reason and "secret" not in reason for _, _, reason in rows(path))


async def test_half_a_character_is_refused_at_once(outbox: Outbox):
    with pytest.raises(Conflict) as refused:
        await outbox.take_message(message().model_copy(update={"text": "\ud800"}))
    assert refused.value.code == "text_unstorable"
    assert await outbox.backlog() == NOTHING


async def test_one_row_that_fails_again_and_again_is_set_aside_while_others_get_through(
    project: Project, outbox: Outbox, store: SupabaseStore, path: Path
):
    with project.connect() as database:
        database.execute("alter table messages rename to messages_away")
        try:
            await outbox.take_message(message(call_sid="CA-stuck"))
            for number in itertools.count():
                if (await outbox.backlog()).set_aside:
                    break
                await outbox.open_call(call(f"CA{number}"))
                await asyncio.sleep(0.01)
        finally:
            database.execute("alter table messages_away rename to messages")
    assert (await emptied(outbox)).set_aside == 1
    assert [row for row in rows(path) if "schema_missing" in row[2]] == rows(path)
    assert len(await store.recent_calls(1)) >= 2


async def test_a_missing_right_waits_for_whoever_can_give_it(
    project: Project, outbox: Outbox, store: SupabaseStore, said_in_log: list[str]
):
    with project.connect() as database:
        database.execute("revoke insert on messages from service_role")
        try:
            await outbox.take_message(message())
            for number in itertools.count():
                await outbox.open_call(call(f"CA-{number}"))
                await asyncio.sleep(0.01)
                if sum("tried again" in line for line in said_in_log) > 5:  # more than a row in trouble is given
                    break
        finally:
            database.execute("grant insert on messages to service_role")
    assert await emptied(outbox) == NOTHING
    assert await store.get_messages(1) == [message()]


async def test_several_outboxes_share_a_file_and_one_forwards_at_a_time(path: Path, store: SupabaseStore):
    async with Outbox.open(path, store, clock=lambda: NOON) as other:
        async with Outbox.open(path, store, clock=lambda: NOON) as leader:
            await leader.open_call(call("CA0"))
            await emptied(leader)
            await other.open_call(call("CA1"))
            await emptied(other)
        await other.open_call(call("CA2"))
        await emptied(other)
    assert len(await store.recent_calls(1)) == 3


# Before a file of this machine


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore.open(tmp_path / "chairside.db", busy_timeout_s=0.02) as opened:
        yield opened


@pytest.fixture
async def direct(path: Path, file: EmbeddedStore) -> AsyncIterator[Outbox]:
    async with Outbox.open(path, file, clock=lambda: NOON, direct=True, patience=QUICK) as opened:
        yield opened


async def test_a_file_is_written_at_once_and_the_outbox_stays_empty(direct: Outbox, file: EmbeddedStore, path: Path):
    await whole_call(direct)
    assert await file.get_call(1, "CA1") == whole_record()
    assert rows(path) == []
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT * FROM sqlite_sequence").fetchall() == []  # nothing was ever in it
    with pytest.raises(NotFound):
        await direct.add_turn(turn(call_sid="CA-unknown"))


async def test_what_a_locked_file_cannot_take_waits_in_the_outbox_in_its_order(
    direct: Outbox, file: EmbeddedStore, tmp_path: Path
):
    await direct.open_call(call())
    with closing(sqlite3.connect(tmp_path / "chairside.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await direct.add_turn(turn(1))
        await direct.take_message(message())
        assert (await direct.backlog()).waiting == 2
        other.execute("ROLLBACK")
    await direct.add_turn(turn(1, said="Hello.", spoken="Hello."))  # never before the older one
    assert await emptied(direct) == NOTHING
    assert await file.get_turns(1, "CA1") == [turn(1, said="Hello.", spoken="Hello.")]
    assert await file.get_messages(1) == [message()]


async def test_when_both_files_are_locked_the_write_is_refused_honestly(direct: Outbox, tmp_path: Path, path: Path):
    with (
        closing(sqlite3.connect(tmp_path / "chairside.db", isolation_level=None)) as first,
        closing(sqlite3.connect(path, isolation_level=None)) as second,
    ):
        first.execute("BEGIN IMMEDIATE")
        second.execute("DROP TABLE outbox")
        with pytest.raises(Unavailable):
            await direct.take_message(message())


async def test_an_outbox_in_trouble_leaves_a_good_store_alone(direct: Outbox, file: EmbeddedStore, path: Path):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TABLE outbox")
    await whole_call(direct)
    assert await file.get_call(1, "CA1") == whole_record()


async def test_how_long_the_oldest_has_waited_can_be_told(path: Path, store: SupabaseStore, project: Project):
    project.gateway.faults += ["503"] * 10_000
    now = NOON + timedelta(seconds=5)
    async with Outbox.open(path, store, clock=lambda: now, patience=QUICK) as outbox:
        await outbox.open_call(call("CA2"))
        now = NOON + timedelta(seconds=9)
        await outbox.open_call(call("CA1"))
        assert (await outbox.backlog()).oldest_at == NOON + timedelta(seconds=5)


# Calls whose process has died


HOLDER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from agent.model import CallRecord
from agent.stores.embedded import EmbeddedStore
from agent.stores.outbox import Outbox

async def main(path, database, *sids):
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    async with EmbeddedStore.open(Path(database)) as store:
        async with Outbox.open(Path(path), store, clock=lambda: at, direct=database.endswith("direct.db")) as outbox:
            for sid in sids:
                await outbox.open_call(CallRecord(
                    call_sid=sid, location_id=1, caller="x", called="+18084826296", started_at=at))
            await outbox.close_call(1, sids[0], ended_at=at, reason="caller_hung_up", greeting="")
            print("held", flush=True)
            await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def holder(path: Path, database: Path, *sids: str) -> asyncio.subprocess.Process:
    """A process that has ended the first of these calls and holds the others."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDER, str(path), str(database), *sids), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"held\n"
    return process


async def ends(store: EmbeddedStore) -> dict[str, tuple[str | None, datetime | None]]:
    return {at.call_sid: (at.end_reason, at.ended_at) for at in await store.recent_calls(1)}


@pytest.mark.parametrize("database", ["direct.db", "queued.db"])
async def test_calls_of_a_process_that_died_are_closed_and_those_of_a_living_one_are_not(path: Path, database: str):
    """With the moment of its last sign of life; whether it wrote straight to the store or not."""
    stored = path.with_name(database)
    dying = await holder(path, stored, "CA-a1", "CA-a2", "CA-a3")
    living = await holder(path, stored, "CA-b1", "CA-b2")
    dying.kill()
    await dying.communicate()
    later = NOON + timedelta(minutes=3)
    async with EmbeddedStore.open(stored) as store:
        async with Outbox.open(path, store, clock=lambda: later, direct=database == "direct.db") as outbox:
            await outbox.open_call(call("CA-mine"))
            async with asyncio.timeout(10):
                while None in [(await ends(store)).get(sid, (None, None))[0] for sid in ("CA-a2", "CA-a3")]:
                    await asyncio.sleep(0.02)
            await emptied(outbox)
            died, hung_up = ("process_died", NOON), ("caller_hung_up", NOON)
            gone = {"CA-a1": hung_up, "CA-a2": died, "CA-a3": died}
            assert await ends(store) == {**gone, "CA-b1": hung_up, "CA-b2": (None, None), "CA-mine": (None, None)}
            living.kill()
            await living.communicate()
            async with asyncio.timeout(10):
                while (await ends(store))["CA-b2"] != died:
                    await asyncio.sleep(0.02)
            await outbox.close_call(1, "CA-mine", ended_at=later, reason="caller_hung_up", greeting="")
        assert (await ends(store))["CA-mine"] == ("caller_hung_up", later)
    assert list(path.parent.glob("*-life-*")) == []


async def test_what_a_process_left_unclosed_in_order_is_closed_by_the_next_one(path: Path, file: EmbeddedStore):
    async with Outbox.open(path, file, clock=lambda: NOON, direct=True) as outbox:
        await outbox.open_call(call())
    async with Outbox.open(path, file, clock=lambda: NOON + timedelta(hours=2), direct=True), asyncio.timeout(5):
        while (await ends(file))["CA1"] != ("process_died", NOON):
            await asyncio.sleep(0.02)
