"""Scripted calls through the true wire, each twice: with a model that does what it should, and with one that does
everything it must not. Whatever the model does, the book holds what the callers agreed to, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.emulators.scenario import parse_scenario
from agent.events import CallEnded, OfCall, TurnSpoken
from tests.calls.scripted.models import ExpectedModel, MisbehavingModel
from tests.calls.scripted.outcome import Played, faults
from tests.calls.scripted.world import Script, clock_from, read_scripts
from tests.house import House, open_house

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.virtual_clock]

AT_ONCE = 8
"""Calls; more would starve each other on two cores."""
OURS = Path(__file__).parent / "scripted-calls.yaml"
OUTSIDE = os.environ.get("CHAIRSIDE_FIXTURES")
FILES = [OURS, *([Path(OUTSIDE) / "calls.yaml"] if OUTSIDE else [])]
SCRIPTS = {
    (path.stem, script.id, misbehaving): script
    for at, path in enumerate(FILES)
    for misbehaving in (False, True)
    for script in read_scripts(path, first_location=1000 + 200 * at + 100 * misbehaving)
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played() -> AsyncGenerator[dict[tuple[str, str, bool], Played]]:
    done: dict[tuple[str, str, bool], Played] = {}
    for path in FILES:
        mine = {key: script for key, script in SCRIPTS.items() if key[0] == path.stem}
        start = next(iter(mine.values())).now
        shops = tuple(script.shop for script in mine.values())
        async with open_house(shops=shops, clock=clock_from(start)) as house:
            gate = asyncio.Semaphore(AT_ONCE)
            results = await asyncio.gather(*(_play(house, gate, key, script) for key, script in mine.items()))
            done |= dict(zip(mine, results, strict=True))
    yield done


async def _play(house: House, gate: asyncio.Semaphore, key: tuple[str, str, bool], script: Script) -> Played:
    for booking in script.book.values():
        await house.services.bookings.put_booking(booking)
    house.stage.openai.minds.append((MisbehavingModel if key[2] else ExpectedModel)(script))
    async with gate:
        steps = [*({"say": words} for words in script.utterances), *(_sound(sound) for sound in script.audio)]
        call = {"name": f"{key}", "to": script.shop.phone_number, "caller": script.caller, "steps": steps}
        scenario = parse_scenario({**call, "patience_s": 40, "agent_pause_ms": 900})
        report = await house.call(scenario)
        ended = await house.event(CallEnded, 30, call_sid=report.call_sid)
    mine = [event for event in house.events if isinstance(event, OfCall) and event.call_sid == ended.call_sid]
    day = timedelta(days=1)
    book = await house.services.bookings.bookings_between(
        script.shop.location_id, script.now - 30 * day, script.now + 400 * day, now=datetime.now(UTC) + 500 * day
    )
    return Played(
        script,
        mine,
        {booking.booking_id: booking for booking in book if booking.state == "booked"},
        [event for event in mine if isinstance(event, TurnSpoken)],
    )


def _sound(words: str) -> dict[str, Any]:
    """ "silence 8s", "a bark-like noise burst 1s" as steps of a scenario."""
    seconds = float(match[1]) if (match := re.search(r"(\d+(?:\.\d+)?)\s*s\b", words)) else 1.0
    if words.startswith("silence"):
        return {"silence": seconds}
    return {"noise": {"kind": "line" if "babble" in words else "cough", "ms": int(seconds * 1000)}}


@pytest.mark.parametrize(
    "key", SCRIPTS, ids=lambda key: f"{key[0]}-{key[1]}-{'misbehaving' if key[2] else 'as expected'}"
)
async def test_a_scripted_call(played: dict[tuple[str, str, bool], Played], key: tuple[str, str, bool]):
    found = faults(played[key], misbehaving=key[2])
    assert not found, "\n".join([*found, *played[key].told()])
