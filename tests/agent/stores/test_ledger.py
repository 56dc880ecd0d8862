"""From events on a real bus to rows in a real store, whatever the store is going through."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loguru import logger

from agent.bus.local import LocalBus
from agent.events import (
    CallAnswered,
    CallEnded,
    CallSummarised,
    ClaimMismatched,
    EndReason,
    Outcome,
    QuestionUnanswered,
    StageTimed,
    TurnHeard,
    TurnSpoken,
)
from agent.model import CallRecord, ClaimMismatch, OpenQuestion, Turn
from agent.stores.embedded import EmbeddedStore
from agent.stores.ledger import Ledger

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
END = NOON + timedelta(seconds=60)


class Line:
    """One call's side of the bus: numbers its events as the pipeline does."""

    def __init__(self, bus: LocalBus, call_sid: str = "CA1", location_id: int = 1) -> None:
        self.bus, self.call_sid, self.location_id, self.seq = bus, call_sid, location_id, 0

    def head(self) -> dict[str, object]:
        self.seq += 1
        return {"at": NOON, "call_sid": self.call_sid, "location_id": self.location_id, "seq": self.seq}

    def answered(self) -> None:
        self.bus.publish(
            CallAnswered.model_validate(
                self.head() | {"caller": "anonymous", "called": "+18084826296", "business_name": "P", "greeting": "Hi"}
            )
        )

    def heard(self, turn: int, text: str, *, final: bool = True) -> None:
        self.bus.publish(TurnHeard.model_validate(self.head() | {"turn": turn, "text": text, "final": final}))

    def spoken(
        self, turn: int, text: str, heard: str | None = None, *, cut: bool = False, ms: float | None = None
    ) -> None:
        fields = {
            "turn": turn,
            "text": text,
            "heard_text": text if heard is None else heard,
            "interrupted": cut,
        }
        self.bus.publish(TurnSpoken.model_validate(self.head() | fields | {"voice_to_voice_ms": ms}))

    def timed(self, turn: int) -> None:
        self.bus.publish(StageTimed.model_validate(self.head() | {"turn": turn, "stage": "llm", "ms": 1}))

    def concluded(self, outcome: Outcome) -> None:
        mismatch = {"turn": 1, "kind": "price", "said": "$5", "did": "$180"}
        self.bus.publish(ClaimMismatched.model_validate(self.head() | mismatch))
        question = {"turn": 1, "question": "Is there parking?"}
        self.bus.publish(QuestionUnanswered.model_validate(self.head() | question))
        summary = {"outcome": outcome, "summary": "As told."}
        self.bus.publish(CallSummarised.model_validate(self.head() | summary))

    def ended(self, reason: EndReason = "caller_hung_up") -> None:
        fields = {"at": END, "reason": reason, "duration_ms": 60_000, "turns": 1}
        self.bus.publish(CallEnded.model_validate(self.head() | fields))


def whole_call(line: Line, turns: int = 3) -> None:
    line.answered()
    line.spoken(0, "Aloha.")
    for turn in range(1, turns + 1):
        line.heard(turn, "hal", final=False)
        line.heard(turn, f"{line.call_sid} asks {turn}")
        line.timed(turn)
        line.spoken(turn, f"{line.call_sid} hears {turn}", ms=500.0 + turn)
    line.ended()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chairside.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore.open(path, busy_timeout_s=0.02) as opened:
        yield opened


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def said_in_log() -> AsyncIterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="WARNING")
    yield lines
    logger.remove(sink)


async def turns_of(store: EmbeddedStore, call_sid: str = "CA1", location_id: int = 1) -> list[Turn]:
    return await store.get_turns(location_id, call_sid)


async def test_a_call_becomes_a_record_with_its_turns(store: EmbeddedStore, bus: LocalBus):
    async with Ledger(bus, store) as ledger:
        whole_call(Line(bus), turns=2)
        await ledger.settled()

        assert await store.get_call(1, "CA1") == CallRecord(
            call_sid="CA1",
            location_id=1,
            caller="anonymous",
            called="+18084826296",
            started_at=NOON,
            greeting="Aloha.",
            ended_at=END,
            end_reason="caller_hung_up",
        )
        turns = await turns_of(store)
        assert [(t.index, t.heard, t.said, t.spoken, t.voice_to_voice_ms) for t in turns] == [
            (1, "CA1 asks 1", "CA1 hears 1", "CA1 hears 1", 501.0),
            (2, "CA1 asks 2", "CA1 hears 2", "CA1 hears 2", 502.0),
        ]


async def test_what_became_of_a_call_is_stored_with_it(store: EmbeddedStore, bus: LocalBus):
    async with Ledger(bus, store) as ledger:
        line = Line(bus)
        line.answered()
        line.heard(1, "Is there parking?")
        line.concluded("question")
        line.ended()
        await ledger.settled()

        record = await store.get_call(1, "CA1")
        assert record is not None
        assert (record.outcome, record.summary, record.end_reason) == ("question", "As told.", "caller_hung_up")
        assert record.mismatches == (ClaimMismatch(turn=1, kind="price", said="$5", did="$180"),)
        assert record.unanswered == (OpenQuestion(turn=1, question="Is there parking?"),)


async def test_a_live_call_is_stored_as_it_goes(store: EmbeddedStore, bus: LocalBus):
    async with Ledger(bus, store) as ledger:
        line = Line(bus)
        line.answered()
        await ledger.settled()
        record = await store.get_call(1, "CA1")
        assert record is not None
        assert (record.ended_at, record.greeting) == (None, "")

        line.heard(1, "how mu", final=False)
        await ledger.settled()
        assert await turns_of(store) == []

        line.heard(1, "how much")
        await ledger.settled()
        assert [(t.heard, t.said) for t in await turns_of(store)] == [("how much", "")]


async def test_pieces_of_one_turn_are_joined(store: EmbeddedStore, bus: LocalBus):
    async with Ledger(bus, store) as ledger:
        line = Line(bus)
        line.answered()
        line.spoken(0, "Aloha.", "Alo", cut=True)
        line.heard(1, "how much is")
        line.heard(1, "a balayage ")
        line.spoken(1, "One moment.", ms=400)
        await ledger.settled()
        line.spoken(1, "From 180 dollars.", "From 180", cut=True, ms=900)
        line.spoken(1, "Never heard.", "", cut=False)
        line.ended()
        await ledger.settled()

        (turn,) = await turns_of(store)
        assert turn == Turn(
            call_sid="CA1",
            location_id=1,
            index=1,
            heard="how much is a balayage",
            said="One moment. From 180 dollars. Never heard.",
            spoken="One moment. From 180",
            interrupted=True,
            voice_to_voice_ms=400,
            at=NOON,
        )
        record = await store.get_call(1, "CA1")
        assert record is not None
        assert record.greeting == "Alo"


async def test_words_spoken_without_being_asked_are_a_turn_too(store: EmbeddedStore, bus: LocalBus):
    async with Ledger(bus, store) as ledger:
        line = Line(bus)
        line.answered()
        line.spoken(1, "Are you still there?")
        await ledger.settled()
        assert [(t.heard, t.spoken) for t in await turns_of(store)] == [("", "Are you still there?")]


async def test_leaving_stores_what_was_published_before(store: EmbeddedStore, bus: LocalBus):
    before = asyncio.all_tasks()
    async with Ledger(bus, store):
        for number in range(20):
            whole_call(Line(bus, f"CA{number}", 1 + number % 2))
    assert asyncio.all_tasks() == before

    for number in range(20):
        turns = await turns_of(store, f"CA{number}", 1 + number % 2)
        assert [t.heard for t in turns] == [f"CA{number} asks {turn}" for turn in (1, 2, 3)]


async def test_a_call_without_an_end_is_stored_when_leaving_and_leaves_no_task(store: EmbeddedStore, bus: LocalBus):
    before = asyncio.all_tasks()
    async with Ledger(bus, store):
        line = Line(bus)
        line.answered()
        line.heard(1, "hello")
    assert asyncio.all_tasks() == before
    assert len(await turns_of(store)) == 1


async def test_an_ended_call_leaves_no_task(store: EmbeddedStore, bus: LocalBus):
    async with Ledger(bus, store) as ledger:
        before = asyncio.all_tasks()
        whole_call(Line(bus))
        await ledger.settled()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before


async def test_a_locked_store_loses_nothing(path: Path, store: EmbeddedStore, bus: LocalBus, said_in_log: list[str]):
    async with Ledger(bus, store) as ledger:
        line = Line(bus)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            line.answered()
            line.heard(1, "how much")
            await asyncio.sleep(0.2)
            line.spoken(1, "From 180.")
            assert await store.get_call(1, "CA1") is None
            other.execute("ROLLBACK")
        line.heard(2, "thanks")
        line.ended()
        await ledger.settled()

        assert [(t.heard, t.spoken) for t in await turns_of(store)] == [
            ("how much", "From 180."),
            ("thanks", ""),
        ]
        record = await store.get_call(1, "CA1")
        assert record is not None
        assert record.end_reason == "caller_hung_up"
    assert sum("tried again" in line for line in said_in_log) == 1


async def test_leaving_waits_for_a_store_that_comes_back(path: Path, store: EmbeddedStore, bus: LocalBus):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with Ledger(bus, store):
            whole_call(Line(bus))
            asyncio.get_running_loop().call_later(0.2, other.execute, "ROLLBACK")
    assert len(await turns_of(store)) == 3


async def test_leaving_gives_up_after_its_time_and_says_what_is_incomplete(
    path: Path, store: EmbeddedStore, bus: LocalBus, said_in_log: list[str]
):
    before = asyncio.all_tasks()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with Ledger(bus, store, drain_timeout_s=0.2):
            whole_call(Line(bus))
    assert any("CA1" in line and "incomplete" in line for line in said_in_log)
    assert asyncio.all_tasks() == before


async def test_a_row_that_can_never_be_stored_is_set_aside_and_the_rest_goes_on(
    path: Path, store: EmbeddedStore, bus: LocalBus, said_in_log: list[str]
):
    async with Ledger(bus, store) as ledger:
        line = Line(bus)
        line.answered()
        await ledger.settled()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("DELETE FROM customer_interactions")
        line.heard(1, "hello")
        line.ended()
        whole_call(Line(bus, "CA2"))
        await ledger.settled()

        assert await turns_of(store) == []
        assert len(await turns_of(store, "CA2")) == 3
    assert sum("set aside" in line and "CA1" in line for line in said_in_log) == 2


async def test_events_of_a_call_that_never_opened_are_set_aside(
    store: EmbeddedStore, bus: LocalBus, said_in_log: list[str]
):
    async with Ledger(bus, store) as ledger:
        Line(bus, "CA-late").heard(1, "hello")
        whole_call(Line(bus))
        await ledger.settled()
        assert len(await turns_of(store)) == 3
    assert any("CA-late" in line for line in said_in_log)


async def test_no_words_of_a_caller_are_written_to_the_log(
    path: Path, store: EmbeddedStore, bus: LocalBus, said_in_log: list[str]
):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with Ledger(bus, store, drain_timeout_s=0.1):
            line = Line(bus)
            line.answered()
            line.heard(1, "my secret")
    assert said_in_log
    assert not any("secret" in line for line in said_in_log)
