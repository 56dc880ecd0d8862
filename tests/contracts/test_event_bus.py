"""What every EventBus promises (`agent.ports.EventBus`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from agent.events import AnyEvent, CallEnded, ShopChanged, StageTimed, TurnHeard
from agent.ports import EventBus

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def shop_changed(version: int) -> ShopChanged:
    return ShopChanged(at=NOON, location_id=1, version=version)


def heard(seq: int, *, final: bool = False) -> TurnHeard:
    return TurnHeard(at=NOON, call_sid="CA1", location_id=1, seq=seq, turn=1, text="how", final=final)


def timed(seq: int) -> StageTimed:
    return StageTimed(at=NOON, call_sid="CA1", location_id=1, seq=seq, turn=1, stage="llm", ms=1)


def ended(seq: int) -> CallEnded:
    return CallEnded(at=NOON, call_sid="CA1", location_id=1, seq=seq, reason="caller_hung_up", duration_ms=1, turns=1)


async def take(events: AsyncIterator[AnyEvent], count: int) -> list[AnyEvent]:
    async with asyncio.timeout(5):
        return [await anext(events) for _ in range(count)]


async def rest(events: AsyncIterator[AnyEvent]) -> list[AnyEvent]:
    async with asyncio.timeout(5):
        return [event async for event in events]


async def test_every_subscriber_receives_everything_in_order(bus: EventBus):
    published = [shop_changed(version) for version in range(1, 501)]
    async with bus.subscribe() as first, bus.subscribe() as second:
        for event in published:
            bus.publish(event)
        assert await take(first, 500) == published
        assert await take(second, 500) == published


async def test_receives_from_entering_on(bus: EventBus):
    bus.publish(shop_changed(1))
    async with bus.subscribe() as events:
        bus.publish(shop_changed(2))
        assert await take(events, 1) == [shop_changed(2)]


async def test_a_waiting_reader_is_woken(bus: EventBus):
    async with bus.subscribe() as events:
        waiting = asyncio.create_task(take(events, 2))
        await asyncio.sleep(0)
        bus.publish(shop_changed(1))
        await asyncio.sleep(0)
        bus.publish(shop_changed(2))
        assert await waiting == [shop_changed(1), shop_changed(2)]


async def test_publishing_to_nobody_is_fine(bus: EventBus):
    bus.publish(shop_changed(1))


async def test_leaving_ends_the_iteration_after_what_was_published_before(bus: EventBus):
    async with bus.subscribe() as events:
        bus.publish(shop_changed(1))
        bus.publish(shop_changed(2))
    bus.publish(shop_changed(3))

    assert await rest(events) == [shop_changed(1), shop_changed(2)]


async def test_leaving_wakes_a_reader_that_waits(bus: EventBus):
    async with bus.subscribe() as events:
        reader = asyncio.create_task(rest(events))
        await asyncio.sleep(0)
    assert await reader == []


async def test_a_reader_that_was_cancelled_hurts_nobody(bus: EventBus):
    async with bus.subscribe() as other:
        async with bus.subscribe() as events:
            reader = asyncio.create_task(take(events, 1))
            await asyncio.sleep(0)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            bus.publish(shop_changed(1))
            assert await take(events, 1) == [shop_changed(1)]
        assert await take(other, 1) == [shop_changed(1)]


async def test_subscribing_and_leaving_while_events_fly(bus: EventBus):
    async with bus.subscribe() as events:
        for version in range(1, 51):
            async with bus.subscribe() as brief:
                bus.publish(shop_changed(version))
                assert await take(brief, 1) == [shop_changed(version)]
        assert len(await take(events, 50)) == 50


async def test_a_full_queue_gives_up_partial_words_first(bus: EventBus):
    async with bus.subscribe(limit=4) as events:
        for event in (ended(1), timed(2), heard(3), heard(4), heard(5, final=True), timed(6)):
            bus.publish(event)
        assert await take(events, 4) == [ended(1), timed(2), heard(5, final=True), timed(6)]


async def test_then_timings_then_the_oldest(bus: EventBus):
    async with bus.subscribe(limit=2) as events:
        for event in (ended(1), timed(2), heard(3, final=True), ended(4), ended(5)):
            bus.publish(event)
        assert await take(events, 2) == [ended(4), ended(5)]


async def test_a_slow_reader_with_a_limit_takes_nothing_from_one_without(bus: EventBus):
    async with bus.subscribe(limit=1) as slow, bus.subscribe() as ledger:
        for version in range(1, 101):
            bus.publish(shop_changed(version))
        assert await take(slow, 1) == [shop_changed(100)]
        assert len(await take(ledger, 100)) == 100


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_without_room_is_refused(bus: EventBus, limit: int):
    with pytest.raises(ValueError, match="room"):
        async with bus.subscribe(limit=limit):
            pass
