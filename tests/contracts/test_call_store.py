"""What every CallStore promises (`agent.ports.CallStore`)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from agent.errors import NotFound
from agent.model import CallRecord, ClaimMismatch, Message, OpenQuestion, Shop, Turn
from agent.ports import CallStore
from agent.stores.choice import Store

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def call(call_sid: str = "CA1", *, location_id: int = 1, after_s: float = 0) -> CallRecord:
    return CallRecord(
        call_sid=call_sid,
        location_id=location_id,
        caller="+18085550199",
        called="+18084826296",
        started_at=NOON + timedelta(seconds=after_s),
    )


def turn(index: int = 1, *, call_sid: str = "CA1", location_id: int = 1, **fields: object) -> Turn:
    values: dict[str, object] = {
        "call_sid": call_sid,
        "location_id": location_id,
        "index": index,
        "heard": "how much is a balayage",
        "at": NOON,
        **fields,
    }
    return Turn.model_validate(values)


def message(
    tool_call_id: str = "call_1", *, location_id: int = 1, after_s: float = 0, text: str = "Call me"
) -> Message:
    return Message(
        call_sid="CA1",
        location_id=location_id,
        tool_call_id=tool_call_id,
        caller_name="Noa",
        callback_number="+18085550199",
        text=text,
        at=NOON + timedelta(seconds=after_s),
    )


async def test_a_call_comes_back_as_it_was_opened(call_store: CallStore):
    await call_store.open_call(call())

    assert await call_store.get_call(1, "CA1") == call()
    assert await call_store.get_turns(1, "CA1") == []


async def test_a_moment_keeps_its_microseconds_in_any_zone(call_store: CallStore):
    honolulu = NOON.astimezone(timezone(timedelta(hours=-10)))
    await call_store.open_call(call().model_copy(update={"started_at": honolulu}))

    found = await call_store.get_call(1, "CA1")
    assert found is not None
    assert found.started_at == NOON
    assert found.started_at.utcoffset() == timedelta(0)


async def test_opening_twice_leaves_the_first(call_store: CallStore):
    await call_store.open_call(call())
    await call_store.open_call(call().model_copy(update={"caller": "+18085550100"}))
    await call_store.open_call(call(location_id=2))

    assert await call_store.get_call(1, "CA1") == call()
    assert await call_store.get_call(2, "CA1") is None


async def test_closing_marks_the_end_and_the_first_closing_wins(call_store: CallStore):
    await call_store.open_call(call())
    ended = NOON + timedelta(seconds=61)
    await call_store.close_call(1, "CA1", ended_at=ended, reason="caller_hung_up", greeting="Aloha")
    await call_store.close_call(
        1, "CA1", ended_at=ended + timedelta(seconds=9), reason="failed", greeting="something else"
    )

    end = {"ended_at": ended, "end_reason": "caller_hung_up", "greeting": "Aloha"}
    assert await call_store.get_call(1, "CA1") == call().model_copy(update=end)


async def test_opening_after_closing_does_not_open_it_again(call_store: CallStore):
    await call_store.open_call(call())
    await call_store.close_call(1, "CA1", ended_at=NOON, reason="agent_hung_up", greeting="")
    await call_store.open_call(call())

    found = await call_store.get_call(1, "CA1")
    assert found is not None
    assert found.end_reason == "agent_hung_up"


MISMATCH = ClaimMismatch(turn=3, kind="price", said="It is $5 — “really”", did="Balayage is 180 USD")
QUESTION = OpenQuestion(turn=2, question="Do you have parking?")


async def test_what_became_of_a_call_is_kept_and_the_first_conclusion_wins(call_store: CallStore):
    await call_store.open_call(call())
    await call_store.conclude_call(
        1,
        "CA1",
        outcome="booked",
        summary="Booked a cut.",
        mismatches=[MISMATCH],
        unanswered=[QUESTION, QUESTION.model_copy(update={"turn": 4})],
    )
    await call_store.conclude_call(1, "CA1", outcome="abandoned", summary="", mismatches=[], unanswered=[])

    facts = {
        "outcome": "booked",
        "summary": "Booked a cut.",
        "mismatches": (MISMATCH,),
        "unanswered": (QUESTION, QUESTION.model_copy(update={"turn": 4})),
    }
    assert await call_store.recent_calls(1) == [call().model_copy(update=facts)]


async def test_a_call_may_be_concluded_after_it_was_closed(call_store: CallStore):
    await call_store.open_call(call())
    await call_store.close_call(1, "CA1", ended_at=NOON, reason="caller_hung_up", greeting="Aloha")
    await call_store.conclude_call(1, "CA1", outcome="question", summary="Asked.", mismatches=[], unanswered=[])

    found = await call_store.get_call(1, "CA1")
    assert found is not None
    assert (found.end_reason, found.outcome, found.summary) == ("caller_hung_up", "question", "Asked.")
    assert (found.mismatches, found.unanswered) == ((), ())


@pytest.mark.parametrize(("location_id", "call_sid"), [(1, "CA-unknown"), (2, "CA1")])
async def test_writing_to_a_call_this_location_does_not_have_is_not_found(
    call_store: CallStore, location_id: int, call_sid: str
):
    await call_store.open_call(call())

    with pytest.raises(NotFound):
        await call_store.add_turn(turn(call_sid=call_sid, location_id=location_id))
    with pytest.raises(NotFound):
        await call_store.close_call(location_id, call_sid, ended_at=NOON, reason="failed", greeting="")
    with pytest.raises(NotFound):
        await call_store.conclude_call(
            location_id, call_sid, outcome="booked", summary="Theirs", mismatches=[MISMATCH], unanswered=[]
        )

    assert await call_store.get_call(1, "CA1") == call()
    assert await call_store.get_turns(1, "CA1") == []


async def test_turns_come_back_by_index_and_whole(call_store: CallStore):
    await call_store.open_call(call())
    second = turn(2, said="From 180 dollars.", spoken="From 180", interrupted=True, voice_to_voice_ms=612.25)
    await call_store.add_turn(second)
    await call_store.add_turn(turn(10))
    await call_store.add_turn(turn(1))

    assert await call_store.get_turns(1, "CA1") == [turn(1), second, turn(10)]


async def test_a_long_call_comes_back_whole(call_store: CallStore):
    """More turns than a networked store hands out at once."""
    await call_store.open_call(call())
    for index in range(1, 61):
        await call_store.add_turn(turn(index))

    assert [found.index for found in await call_store.get_turns(1, "CA1")] == list(range(1, 61))


async def test_a_turn_written_again_is_replaced(call_store: CallStore):
    await call_store.open_call(call())
    await call_store.add_turn(turn(1))
    await call_store.add_turn(turn(1, said="Hello.", spoken="Hello."))
    await call_store.add_turn(turn(1, said="Hello.", spoken="Hello."))

    assert await call_store.get_turns(1, "CA1") == [turn(1, said="Hello.", spoken="Hello.")]


async def test_a_shop_never_sees_anothers_calls(call_store: CallStore):
    await call_store.open_call(call("CA1", location_id=1))
    await call_store.open_call(call("CA2", location_id=2))
    await call_store.add_turn(turn(call_sid="CA2", location_id=2))
    await call_store.take_message(message(location_id=2))

    assert await call_store.get_call(1, "CA2") is None
    assert await call_store.get_turns(1, "CA2") == []
    assert [c.call_sid for c in await call_store.recent_calls(1)] == ["CA1"]
    assert await call_store.get_messages(1) == []


async def test_recent_calls_are_newest_first_and_bounded(call_store: CallStore):
    for after_s in (10, 30, 20):
        await call_store.open_call(call(f"CA{after_s}", after_s=after_s))

    assert [c.call_sid for c in await call_store.recent_calls(1)] == ["CA30", "CA20", "CA10"]
    assert [c.call_sid for c in await call_store.recent_calls(1, limit=2)] == ["CA30", "CA20"]
    assert await call_store.recent_calls(1, limit=0) == []


async def test_a_message_is_stored_once_and_needs_no_call_record(call_store: CallStore):
    await call_store.take_message(message())
    await call_store.take_message(message(text="Something else"))

    assert await call_store.get_messages(1) == [message()]


async def test_messages_are_newest_first_and_bounded(call_store: CallStore):
    for after_s in (10, 30, 20):
        await call_store.take_message(message(f"call_{after_s}", after_s=after_s))

    assert [m.tool_call_id for m in await call_store.get_messages(1)] == ["call_30", "call_20", "call_10"]
    assert len(await call_store.get_messages(1, limit=1)) == 1


async def test_a_call_is_kept_whether_its_shop_is_stored_before_or_after(shops: Store):
    shop = Shop(location_id=1, business_name="Plumeria", phone_number="+18084826296", timezone="UTC", currency="USD")
    await shops.open_call(call("CA1"))
    await shops.store_knowledge("location_1", shop)
    await shops.open_call(call("CA2", after_s=1))

    assert [found.call_sid for found in await shops.recent_calls(1)] == ["CA2", "CA1"]


async def test_odd_words_survive(call_store: CallStore):
    odd = "Zoë said: '; DROP TABLE call_turns; -- \u202e\U0001f33a"
    await call_store.open_call(call())
    await call_store.add_turn(turn(1, heard=odd, said=odd, spoken=odd))
    await call_store.take_message(message(text=odd))

    assert (await call_store.get_turns(1, "CA1"))[0].heard == odd
    assert (await call_store.get_messages(1))[0].text == odd


async def test_twenty_calls_at_once(call_store: CallStore):
    async def one(number: int) -> None:
        sid, location_id = f"CA{number}", 1 + number % 2
        await call_store.open_call(call(sid, location_id=location_id, after_s=number))
        for index in range(1, 6):
            await call_store.add_turn(turn(index, call_sid=sid, location_id=location_id, heard=f"{sid}/{index}"))
        await call_store.close_call(location_id, sid, ended_at=NOON, reason="caller_hung_up", greeting="hi")

    await asyncio.gather(*(one(number) for number in range(20)))

    for number in range(20):
        turns = await call_store.get_turns(1 + number % 2, f"CA{number}")
        assert [t.heard for t in turns] == [f"CA{number}/{index}" for index in range(1, 6)]
    assert len(await call_store.recent_calls(1)) == len(await call_store.recent_calls(2)) == 10
