"""What every CallStore promises those who look back (`agent.ports.CallStore.search_calls`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from test_call_store import NOON, call, message, turn

from agent.model import CallFound, CallSearch, ClaimMismatch, OpenQuestion
from agent.ports import CallStore


async def sids(store: CallStore, **wanted: Any) -> list[str]:
    return [found.record.call_sid for found in await store.search_calls(CallSearch(**wanted))]


async def told(store: CallStore) -> None:
    """Three calls of two shops, a minute apart, and what was said in them."""
    for number, location_id in ((1, 1), (2, 2), (3, 1)):
        await store.open_call(call(f"CA{number}", location_id=location_id, after_s=60 * number))
    words = "It costs 100%_ of nothing."
    await store.add_turn(turn(1, heard="how much is a Balayage", said=words))
    await store.add_turn(turn(2, heard="and for Zoë", said="From 180 dollars."))
    await store.add_turn(turn(1, call_sid="CA2", location_id=2, heard="a balayage please", said="Gladly."))


async def test_calls_come_newest_first_with_the_number_of_their_turns(call_store: CallStore):
    await told(call_store)

    found = await call_store.search_calls(CallSearch())
    assert found[2] == CallFound(record=call("CA1", after_s=60), turns=2)
    assert [(one.record.call_sid, one.turns) for one in found] == [("CA3", 0), ("CA2", 1), ("CA1", 2)]
    assert await sids(call_store, limit=2) == ["CA3", "CA2"]


async def test_only_the_shops_that_are_named(call_store: CallStore):
    await told(call_store)

    assert await sids(call_store, location_ids={1}) == ["CA3", "CA1"]
    assert await sids(call_store, location_ids={1, 2, 7}) == ["CA3", "CA2", "CA1"]
    assert await sids(call_store, location_ids=set()) == []
    assert await sids(call_store, location_ids={2}, call_sid="CA1") == []
    assert await sids(call_store, location_ids={1}, call_sid="CA1") == ["CA1"]
    assert await sids(call_store, location_ids={1}, text="please") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("balayage", ["CA2", "CA1"]),
        ("BALAY", ["CA2", "CA1"]),
        ("much DOLLARS", ["CA1"]),
        ("  Zoë ", ["CA1"]),
        ("balayage gladly please", ["CA2"]),
        ("balayage nonsense", []),
        ("100%_", ["CA1"]),
        ("%", ["CA1"]),
        ("bal_yage", []),
        ("'; drop table call_turns; --", []),
        ("balayageit", []),
    ],
)
async def test_every_word_was_said_in_the_call(call_store: CallStore, text: str, expected: list[str]):
    await told(call_store)

    assert await sids(call_store, text=text) == expected


async def test_a_time_begins_with_its_first_moment_and_ends_before_its_last(call_store: CallStore):
    await told(call_store)
    first, third = NOON + timedelta(seconds=60), NOON + timedelta(seconds=180)

    assert await sids(call_store, since=first, until=third) == ["CA2", "CA1"]
    assert await sids(call_store, since=first + timedelta(microseconds=1)) == ["CA3", "CA2"]
    assert await sids(call_store, until=first) == []


async def test_pages_leave_nothing_out_and_tell_nothing_twice(call_store: CallStore):
    """Also of calls that began at once, with sids that sort differently by language than by character."""
    for sid in ("CAb", "CAB", "CA_", "CA1", "CAa"):
        await call_store.open_call(call(sid))
    await call_store.open_call(call("CA-later", after_s=1))

    seen: list[str] = []
    before = None
    while page := await call_store.search_calls(CallSearch(before=before, limit=2)):
        seen += [found.record.call_sid for found in page]
        before = (page[-1].record.started_at, page[-1].record.call_sid)
    assert seen == ["CA-later", "CAb", "CAa", "CA_", "CAB", "CA1"]


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 101}, {"text": "x" * 201}, {"location_ids": {0}}])
def test_a_search_is_bounded(wrong: dict[str, Any]):
    with pytest.raises(ValidationError):
        CallSearch(**wrong)


async def test_the_messages_of_a_call_in_their_order(call_store: CallStore):
    later, first = message("call_2", after_s=9, text="And again"), message("call_1")
    for left in (later, first, message("call_3", location_id=2)):
        await call_store.take_message(left)

    assert await call_store.messages_of_call(1, "CA1") == [first, later]
    assert await call_store.messages_of_call(1, "CA2") == []


async def test_calls_of_an_outcome_with_all_that_became_of_them(call_store: CallStore):
    await told(call_store)
    wrong = (ClaimMismatch(turn=1, kind="price", said="It is 40.", did="It is 45."),)
    asked = (OpenQuestion(turn=1, question="Dogs?"),)
    end: dict[str, Any] = {"summary": "A cut.", "mismatches": wrong, "unanswered": asked}
    await call_store.conclude_call(1, "CA1", outcome="booked", **end)
    await call_store.conclude_call(1, "CA3", outcome="question", **end)

    (found,) = await call_store.search_calls(CallSearch(outcome="booked"))
    assert found.record == await call_store.get_call(1, "CA1")
    assert (found.record.mismatches, found.record.unanswered) == (wrong, asked)
