"""An ended call is gone at once: nothing of it waits for Python's collector, which stops everybody while it looks."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from agent.emulators.scenario import parse_scenario
from agent.events import CallEnded
from agent.pipelines.dismantling import SETTLE_S
from tests.house import PLUMERIA, House, open_house

OURS = ("pipecat.", "agent.pipelines.", "agent.call")
CALL = {
    "to": PLUMERIA.phone_number,
    "caller": "+12025550100",
    "steps": [{"say": "Please take a message for Kim, I am running late."}],
}


@contextmanager
def circles(left: Counter[str]) -> Generator[None]:
    """Count into `left` what only the collector finds of what ends meanwhile, by type."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        names = (f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.garbage)
        left.update(name for name in names if name.startswith(OURS))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def _call(house: House, number: int) -> None:
    report = await house.call(parse_scenario({"name": f"call {number}", **CALL}))
    await house.event(CallEnded, 10, call_sid=report.call_sid)


async def test_an_ended_call_leaves_nothing_in_circles():
    left: Counter[str] = Counter()
    async with open_house() as house:
        await _call(house, 0)  # what is made once
        await asyncio.sleep(SETTLE_S + 0.5)
        with circles(left):
            await asyncio.gather(_call(house, 1), _call(house, 2))
            await asyncio.sleep(SETTLE_S + 0.5)
    assert not left
