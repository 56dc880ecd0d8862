"""A house of several processes: everybody sees everybody's calls, whole, once, whatever becomes of Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr
from rig.redis import RedisServer

from agent.bus import mirror
from agent.bus.choice import Wires, wires_of
from agent.events import AnyEvent, CallAnswered, CallEnded, OfCall, ShopChanged, StageTimed, TurnHeard, TurnSpoken
from agent.settings import Settings

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@asynccontextmanager
async def process(redis: RedisServer) -> AsyncGenerator[Wires]:
    """Another process of the house, as far as its bus."""
    wires = wires_of(Settings(redis_url=SecretStr(redis.url)), lambda: NOON)
    async with wires.connected(None):
        assert wires.link is not None
        await asyncio.wait_for(wires.link.is_up.wait(), 10)
        yield wires


def told(kind: type[Any], seq: int, call_sid: str = "CA1", **facts: object) -> Any:
    head = {"at": NOON + timedelta(seconds=seq), "call_sid": call_sid, "location_id": 1, "seq": seq}
    return kind.model_validate(head | facts)


def answered(call_sid: str = "CA1") -> CallAnswered:
    names = {"caller": "+12025550143", "called": "+18084826296", "business_name": "x", "greeting": "Hi"}
    return told(CallAnswered, 1, call_sid, **names)


def heard(seq: int, text: str, *, final: bool = True) -> TurnHeard:
    return told(TurnHeard, seq, turn=1, text=text, final=final)


def ended(seq: int) -> CallEnded:
    return told(CallEnded, seq, reason="caller_hung_up", duration_ms=1.0, turns=1)


async def take(events: AsyncIterator[AnyEvent], count: int, within_s: float = 15) -> list[AnyEvent]:
    async with asyncio.timeout(within_s):
        return [await anext(events) for _ in range(count)]


async def test_events_cross_in_order_and_ledgers_keep_their_own(redis: RedisServer) -> None:
    async with (
        process(redis) as one,
        process(redis) as other,
        other.bus.subscribe() as seen,
        other.own.subscribe() as kept,
        one.bus.subscribe() as own,
    ):
        story = [answered(), *(heard(seq, f"word {seq}", final=False) for seq in range(2, 300)), ended(300)]
        for event in story:
            one.bus.publish(event)
        one.bus.publish(ShopChanged(at=NOON, location_id=1, version=2))
        assert await take(seen, 301) == [*story, ShopChanged(at=NOON, location_id=1, version=2)]
        assert await take(own, 301) == [*story, ShopChanged(at=NOON, location_id=1, version=2)]
        other.bus.publish(answered("CA2"))
        assert await take(kept, 1) == [answered("CA2")]


async def test_who_comes_late_is_told_how_it_stands(redis: RedisServer) -> None:
    async with process(redis) as one:
        one.bus.publish(answered())
        one.bus.publish(heard(2, "How", final=False))
        one.bus.publish(told(StageTimed, 3, turn=1, stage="stt", ms=20.0))
        one.bus.publish(heard(4, "How much?"))
        wires = wires_of(Settings(redis_url=SecretStr(redis.url)), lambda: NOON)
        async with wires.bus.subscribe() as seen, wires.connected(None):
            assert await take(seen, 2) == [answered(), heard(4, "How much?")]
            one.bus.publish(ended(5))
            assert await take(seen, 1) == [ended(5)]


async def test_an_outage_of_redis_loses_no_line_and_doubles_none(redis: RedisServer) -> None:
    spoken = told(TurnSpoken, 4, turn=1, text="Ten.", heard_text="Ten.", interrupted=False, voice_to_voice_ms=800.0)
    async with (
        process(redis) as one,
        process(redis) as other,
        other.bus.subscribe() as seen,
        one.own.subscribe() as kept,
    ):
        one.bus.publish(answered())
        assert await take(seen, 1) == [answered()]
        redis.kill()
        one.bus.publish(heard(2, "How", final=False))
        one.bus.publish(heard(3, "How much?"))
        one.bus.publish(spoken)
        assert len(await take(kept, 4)) == 4  # nobody here waits for Redis
        await asyncio.sleep(0.2)
        redis.start()
        lines = [event for event in await take(seen, 2) if isinstance(event, OfCall)]
        lines += [event for event in await take(seen, 1) if isinstance(event, OfCall)] if lines[0].seq == 2 else []
        assert [event for event in lines if event.seq != 2] == [heard(3, "How much?"), spoken]
        one.bus.publish(ended(5))
        assert await take(seen, 1) == [ended(5)]


async def test_a_call_that_ended_during_an_outage_is_told_to_have_ended(redis: RedisServer) -> None:
    async with process(redis) as one, process(redis) as other, other.bus.subscribe() as seen:
        one.bus.publish(answered())
        await take(seen, 1)
        redis.kill()
        one.bus.publish(ended(2))
        await asyncio.sleep(0.2)
        redis.start()
        assert await take(seen, 1) == [ended(2)]


async def test_the_calls_of_a_process_that_is_gone_are_over(redis: RedisServer) -> None:
    async with process(redis) as watching, watching.bus.subscribe() as seen:
        async with process(redis) as one:
            one.bus.publish(answered())
            assert await take(seen, 1) == [answered()]
        (gone,) = await take(seen, 1, mirror.DEAD_AFTER_S + 10)
    assert isinstance(gone, CallEnded)
    assert (gone.call_sid, gone.reason, gone.seq) == ("CA1", "process_died", 2)


async def test_who_hears_of_a_call_in_its_middle_is_told_it_from_the_beginning_once(redis: RedisServer) -> None:
    async with process(redis) as one, process(redis) as other, other.bus.subscribe() as seen:
        assert one.link is not None
        story = [answered(), heard(2, "How much?"), heard(3, "Hello?")]
        for event in story[:2]:
            one.bus.publish(event)
        assert await take(seen, 2) == story[:2]
        assert isinstance(other.bus, mirror.MirroredBus)
        other.bus.forget("CA1")  # as one that has taken it for lost
        one.bus.publish(story[2])
        assert await take(seen, 3) == story
        one.bus.publish(ended(4))
        assert await take(seen, 1) == [ended(4)]
