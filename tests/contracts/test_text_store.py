"""What every TextStore promises: a text is claimed once, settled by whoever holds it, and an opt-out stands."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from text_bench import TextBench

NOW = datetime(2026, 11, 6, 17, 45, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(seconds=60)
CUSTOMER = "+12025550143"


async def test_a_due_text_is_claimed_as_it_was_owed(bench: TextBench):
    bench.owe("b-1", location_id=7, kind="moved", revision=2, to_number=CUSTOMER, at=NOW)
    (text,) = await bench.store.claim_texts(now=NOW, until=LATER)
    assert (text.location_id, text.booking_id, text.kind, text.revision) == (7, "b-1", "moved", 2)
    assert (text.to_number, text.state, text.attempts, text.not_before) == (CUSTOMER, "sending", 1, LATER)
    assert (text.created_at, text.changed_at, text.provider_sid, text.last_error) == (NOW, NOW, "", "")
    assert await bench.store.get_texts(7) == [text]


async def test_texts_are_claimed_oldest_first_and_no_more_than_wanted(bench: TextBench):
    for at in range(5):
        bench.owe(f"b-{at}", at=NOW - timedelta(seconds=at))
    first = await bench.store.claim_texts(now=NOW, until=LATER, limit=2)
    rest = await bench.store.claim_texts(now=NOW, until=LATER, limit=10)
    assert [text.booking_id for text in first] == ["b-4", "b-3"]
    assert [text.booking_id for text in rest] == ["b-2", "b-1", "b-0"]
    assert await bench.store.claim_texts(now=NOW, until=LATER, limit=0) == []


async def test_what_is_not_due_yet_or_on_lease_is_nobodys(bench: TextBench):
    bench.owe("b-1", at=LATER)
    assert await bench.store.claim_texts(now=NOW, until=LATER) == []
    assert len(await bench.store.claim_texts(now=LATER, until=LATER + timedelta(seconds=60))) == 1
    assert await bench.other.claim_texts(now=LATER + timedelta(seconds=59), until=LATER) == []


async def test_of_two_processes_that_claim_at_once_each_text_goes_to_one(bench: TextBench):
    for at in range(12):
        bench.owe(f"b-{at}")
    claims = await asyncio.gather(
        *(store.claim_texts(now=NOW, until=LATER, limit=4) for store in (bench.store, bench.other) * 4)
    )
    claimed = [text.booking_id for texts in claims for text in texts]
    while more := await bench.store.claim_texts(now=NOW, until=LATER):
        claimed += [text.booking_id for text in more]
    assert sorted(claimed) == sorted(f"b-{at}" for at in range(12))


async def test_a_lease_that_ran_out_is_due_again_and_its_holder_has_no_say_any_more(bench: TextBench):
    bench.owe("b-1")
    (slow,) = await bench.store.claim_texts(now=NOW, until=LATER)
    (taken,) = await bench.other.claim_texts(now=LATER, until=LATER + timedelta(seconds=60))
    assert taken.attempts == 2
    assert not await bench.store.settle_text(slow, "failed", now=LATER, error="late")
    assert not await bench.store.postpone_text(slow, not_before=LATER, now=LATER, error="late")
    assert await bench.other.settle_text(taken, "sent", now=LATER, provider_sid="SM1")
    (kept,) = await bench.store.get_texts(1)
    assert (kept.state, kept.provider_sid, kept.last_error) == ("sent", "SM1", "")


async def test_a_settled_text_is_never_due_again(bench: TextBench):
    for state in ("sent", "failed", "stopped", "skipped"):
        bench.owe(state)
    texts = await bench.store.claim_texts(now=NOW, until=LATER)
    for text in texts:
        assert await bench.store.settle_text(text, text.booking_id, now=LATER, error="why")  # type: ignore[arg-type]
        assert not await bench.store.settle_text(text, "failed", now=LATER)
    assert await bench.store.claim_texts(now=LATER + timedelta(days=9), until=LATER + timedelta(days=10)) == []
    assert {text.booking_id: text.state for text in await bench.store.get_texts(1)} == {
        state: state for state in ("sent", "failed", "stopped", "skipped")
    }


async def test_a_postponed_text_is_due_when_it_was_said(bench: TextBench):
    bench.owe("b-1")
    (text,) = await bench.store.claim_texts(now=NOW, until=LATER)
    assert await bench.store.postpone_text(text, not_before=LATER, now=NOW, error="twilio_429")
    (waiting,) = await bench.store.get_texts(1)
    assert (waiting.state, waiting.last_error, waiting.not_before) == ("due", "twilio_429", LATER)
    assert await bench.store.claim_texts(now=LATER - timedelta(seconds=1), until=LATER) == []
    (again,) = await bench.store.claim_texts(now=LATER, until=LATER + timedelta(seconds=60))
    assert (again.attempts, again.last_error) == (2, "twilio_429")


async def test_only_a_cancelled_text_that_nobody_took_up_is_withdrawn(bench: TextBench):
    bench.owe("b-1", kind="booked", revision=3)
    bench.owe("b-1", kind="cancelled", revision=3)
    bench.owe("b-2", kind="cancelled", revision=1)
    assert not await bench.store.withdraw_text(2, "b-1", 3, now=NOW)
    assert not await bench.store.withdraw_text(1, "b-1", 1, now=NOW)
    assert await bench.store.withdraw_text(1, "b-1", 3, now=NOW)
    assert not await bench.store.withdraw_text(1, "b-1", 3, now=NOW)
    claimed = await bench.store.claim_texts(now=NOW, until=LATER)
    assert {(text.booking_id, text.kind) for text in claimed} == {("b-1", "booked"), ("b-2", "cancelled")}
    assert not await bench.store.withdraw_text(1, "b-2", 1, now=NOW)


async def test_a_location_sees_its_own_texts_changed_last_first(bench: TextBench):
    for at in range(3):
        bench.owe(f"mine-{at}", at=NOW + timedelta(seconds=at))
    bench.owe("theirs", location_id=2)
    assert [text.booking_id for text in await bench.store.get_texts(1)] == ["mine-2", "mine-1", "mine-0"]
    assert [text.booking_id for text in await bench.store.get_texts(1, limit=1)] == ["mine-2"]
    assert await bench.store.get_texts(1, limit=0) == []
    assert await bench.store.get_texts(3) == []


async def test_nobody_settles_a_text_under_another_location(bench: TextBench):
    bench.owe("b-1")
    (text,) = await bench.store.claim_texts(now=NOW, until=LATER)
    stray = text.model_copy(update={"location_id": 2})
    assert not await bench.store.settle_text(stray, "sent", now=NOW)


async def test_an_opt_out_is_of_one_shop_and_is_taken_back(bench: TextBench):
    store = bench.store
    assert not await store.is_opted_out(1, CUSTOMER)
    for _ in range(2):
        await store.opt_out(1, CUSTOMER, since=NOW)
    assert await store.is_opted_out(1, CUSTOMER)
    assert not await store.is_opted_out(2, CUSTOMER)
    assert not await store.is_opted_out(1, "+12025550144")
    for _ in range(2):
        await store.opt_in(1, CUSTOMER)
    assert not await store.is_opted_out(1, CUSTOMER)
