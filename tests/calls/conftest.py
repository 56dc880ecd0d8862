"""Whole calls through the true wire, on the virtual clock: a house, its vendors on loopback, and callers.

The scenes of a module run at once in one house, and each test looks at one of them. What has to do with the machine
itself (load, threads of others, another process) is tested on the real clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from agent.emulators import virtual_clock
from agent.emulators.report import CallReport
from agent.emulators.scenario import parse_scenario
from agent.emulators.virtual_clock import VirtualLoop
from agent.events import CallEnded, Event, OfCall
from agent.model import CallRecord, Shop, Turn
from tests.house import COPPER_LANE, PLUMERIA, House, open_house

E = TypeVar("E", bound=Event)
SHORT = "Hello, the automated assistant speaking."
"""A greeting that takes two seconds: nobody here waits for a long one."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual_clock: the test's event loop runs on a clock that jumps")


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    virtual = item.get_closest_marker("virtual_clock") is not None
    return {"virtual": VirtualLoop} if virtual else {"real": asyncio.SelectorEventLoop}


def brief(shop: Shop) -> Shop:
    return shop.model_copy(update={"greeting": SHORT})


@dataclass(frozen=True)
class Played:
    """One scene after its end: both sides of it, and what was kept."""

    report: CallReport
    events: list[OfCall]
    record: CallRecord
    turns: list[Turn]
    requests: list[dict[str, Any]]
    """What the language model was asked in this call, oldest first."""

    def told(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


def scenes(*steps: tuple[str, str, list[dict[str, Any]]], **settings: Any) -> dict[str, Played]:
    """Play scenes (name, number to call, steps) at once on a virtual clock; by name, how each went."""

    async def play() -> dict[str, Played]:
        async with open_house(shops=(brief(PLUMERIA), brief(COPPER_LANE)), **settings) as house:
            played = await asyncio.gather(*(_play(house, index, *scene) for index, scene in enumerate(steps)))
            return dict(zip((name for name, _, _ in steps), played, strict=True))

    return virtual_clock.run(play())


async def _play(house: House, index: int, name: str, to: str, steps: list[dict[str, Any]]) -> Played:
    caller = f"+1202555{index:04d}"
    scenario = parse_scenario({"name": name, "to": to, "caller": caller, "steps": steps})
    report = await house.call(scenario)
    ended = await house.event(CallEnded, 10, call_sid=report.call_sid)
    record, turns = await kept(house, ended)
    mine = [event for event in house.events if isinstance(event, OfCall) and event.call_sid == report.call_sid]
    return Played(report, mine, record, turns, list(asked_by(house.stage.openai.requests, caller)))


async def kept(house: House, ended: CallEnded) -> tuple[CallRecord, list[Turn]]:
    """What the store holds of a call, once the ledger has closed it."""
    async with asyncio.timeout(10):
        while True:
            record = await house.services.calls.get_call(ended.location_id, ended.call_sid)
            if record is not None and record.end_reason is not None:
                return record, await house.services.calls.get_turns(ended.location_id, ended.call_sid)
            await asyncio.sleep(0.01)


def asked_by(requests: Iterable[dict[str, Any]], caller: str) -> Iterable[dict[str, Any]]:
    """The model requests of one caller: each call tells the model who is calling."""
    return (body for body in requests if any(caller in str(message.get("content")) for message in body["messages"]))
