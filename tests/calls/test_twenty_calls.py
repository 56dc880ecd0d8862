"""Twenty calls at once through one server, two shops, an operator of each watching."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import websockets

from agent.emulators.report import CallReport
from agent.emulators.scenario import parse_scenario
from agent.events import CallEnded, VendorDegraded
from tests.calls.conftest import asked_by, brief
from tests.house import COPPER_LANE, PLUMERIA, House, open_house

NAMES = ["Ada", "Bella", "Clara", "Dora", "Emma", "Fiona", "Greta", "Hanna", "Ivy", "Julia"]
NAMES += ["Karl", "Leo", "Martin", "Nora", "Oscar", "Paula", "Robert", "Simon", "Tina", "Walter"]
SHOPS = (brief(PLUMERIA), brief(COPPER_LANE))


async def test_twenty_calls_at_once_end_cleanly_and_never_mix():
    async with open_house(shops=SHOPS) as house, _watching(house, 1) as first, _watching(house, 2) as second:
        warm_up = await _one_call(house, -1, "Warm up")
        await house.event(CallEnded, 10, call_sid=warm_up.call_sid)
        await asyncio.sleep(0.05)
        before = _footprint(house)
        reports = await asyncio.gather(*(_one_call(house, index, name) for index, name in enumerate(NAMES)))
        ends = [await house.event(CallEnded, 10, call_sid=report.call_sid) for report in reports]
        await _seen(first, ends[0::2])
        await _seen(second, ends[1::2])
        # The servers' side of a closed connection goes a moment after the callers'.
        async with asyncio.timeout(10):
            while _footprint(house) != before:
                await asyncio.sleep(0.05)

        assert [report.error for report in reports] == [None] * 20
        assert {end.reason for end in ends} == {"caller_hung_up"}
        assert house.told(VendorDegraded) == []
        for index, name in enumerate(NAMES):
            _assert_alone(house, index, name)
        _assert_only(first, NAMES[0::2], location_id=1)
        _assert_only(second, NAMES[1::2], location_id=2)


async def _one_call(house: House, index: int, name: str) -> CallReport:
    steps = [{"say": f"Hello, this is {name}, how much is a balayage?"}]
    facts = {"name": name, "to": SHOPS[index % 2].phone_number, "caller": _number(index), "steps": steps}
    return await house.call(parse_scenario({**facts, "patience_s": 40}))


def _number(index: int) -> str:
    return f"+1202555{100 + index:04d}"


def _assert_alone(house: House, index: int, name: str) -> None:
    """What the model was asked in a call holds that caller's words and that shop's facts alone."""
    asked = list(asked_by(house.stage.openai.requests, _number(index)))
    assert name in json.dumps(asked[-1])  # those before it may be guesses at half a sentence
    here, there = SHOPS[index % 2], SHOPS[1 - index % 2]
    for request in asked:
        text = json.dumps(request)
        assert here.business_name in text
        assert there.business_name not in text
        assert not [other for other in NAMES if other != name and f"this is {other}" in text]


def _assert_only(lines: list[dict[str, Any]], names: list[str], *, location_id: int) -> None:
    """An operator of one shop saw every caller of it, and nobody else's."""
    heard = [line["data"] for line in lines if line["type"] == "transcript"]
    assert {data["location_id"] for data in heard} == {location_id}
    finals = " ".join(data["text"] for data in heard if data["final"] and data["speaker"] == "caller")
    assert [name for name in NAMES if f"this is {name}" in finals] == sorted(names)


@asynccontextmanager
async def _watching(house: House, location_id: int) -> AsyncGenerator[list[dict[str, Any]]]:
    lines: list[dict[str, Any]] = []
    url = f"ws{house.url.removeprefix('http')}/ops?location_id={location_id}"
    token = {"Authorization": f"Bearer {house.settings.operator_token.get_secret_value()}"}
    async with websockets.connect(url, additional_headers=token) as socket:

        async def read() -> None:
            async for line in socket:
                lines.append(json.loads(line))

        reading = asyncio.create_task(read())
        yield lines
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _seen(lines: list[dict[str, Any]], ends: list[CallEnded]) -> None:
    """Wait until an operator was told of these endings."""
    wanted = {end.call_sid for end in ends}
    async with asyncio.timeout(10):
        while not wanted <= {
            line["data"]["call_sid"] for line in lines if line["type"] == "call" and line["data"]["state"] == "ended"
        }:
            await asyncio.sleep(0.02)


def _footprint(house: House) -> Counter[str]:
    """What a call may not leave behind: tasks by what they run, threads, sockets to vendors.

    The emulators' handlers of idle HTTP connections stay: the product's vendor clients are shared and keep theirs.
    """
    coroutines = (task.get_coro() for task in asyncio.all_tasks())
    running = Counter(getattr(coroutine, "__qualname__", "?") for coroutine in coroutines)
    del running["RequestHandler.start"]
    vendors = house.stage.deepgram.open_connections, house.stage.cartesia.open_connections
    running["a thread"] = threading.active_count()
    running["a vendor socket"] = sum(map(len, vendors))
    running["a live call"] = house.services.switchboard.live
    return running
