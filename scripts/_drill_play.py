"""One cell of the drill played: a house, its failing vendor, a caller who books, and what they heard of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from _drill_cells import Cell, Result
from _drill_silence import longest_silence
from _house import SAMPLES, Backstage, load_samples, open_house

from agent.bus.local import LocalBus
from agent.emulators import virtual_clock
from agent.emulators.report import CallReport
from agent.emulators.scenario import Scenario, parse_scenario
from agent.emulators.theatre import Theatre
from agent.events import (
    BookingMade,
    CallEnded,
    CallTransferred,
    ClaimMismatched,
    MessageTaken,
    OfCall,
    TurnHeard,
    TurnSpoken,
)
from agent.knowledge.registry import register_shop
from agent.knowledge.shop_file import read_shop_file
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore

SHOP = "+18084826296"
WITHOUT_TRANSFER = ("cartesia",)
"""In the cells of these vendors the shop has nobody to be rung: callers leave a message."""
OVER_S = 15.0
KEPT_S = 20.0
"""How long rows may take to arrive in a store that is there again."""
ANSWERED = 3
"""So many of the caller's four turns, and they were served."""
CALL: dict[str, Any] = {
    "name": "drill",
    "to": SHOP,
    "caller": "+12025550143",
    "agent_pause_ms": 3200,
    "patience_s": 60,
    "message": "Hello, this is Dana Reyes. Please call me back about a haircut.",
    "steps": [
        {"say": "How much is a men's haircut?"},
        {"say": "Book me a men's haircut tomorrow at ten."},
        {"say": "Yes, it's Dana Reyes."},
        {"say": "That's all, thank you, goodbye."},
        {"wait": 4},
    ],
}
PUT_THROUGH: dict[str, Any] = {
    **CALL,
    "steps": [{"say": "How much is a men's haircut?"}, {"say": "Can I speak to a real person, please?"}, {"wait": 8}],
}


async def at_once() -> None:
    """What a call waits for that waits for no others."""


async def play(cell: Cell, *, may_ring: Callable[[], Awaitable[None]] = at_once) -> Result:
    """Make the call of a cell that needs no outside process, once its house is open and `may_ring` returns."""
    script = PUT_THROUGH if cell.vendor == "twilio" and cell.moment == "tool" else CALL
    scenario = parse_scenario({**script, "faults": [cell.order()]})
    furnish = _without_transfer if cell.vendor in WITHOUT_TRANSFER else load_samples
    async with open_house([scenario], furnish=furnish, clock=virtual_clock.now) as (theatre, backstage):
        await backstage.greetings_ready(2)
        await may_ring()
        return await call(cell, scenario, theatre, backstage)


async def _without_transfer(settings: Settings) -> None:
    """The sample shops, the first of them with nobody to be rung."""
    await load_samples(settings)
    shop = read_shop_file(SAMPLES / "plumeria-hair-honolulu.yaml").model_copy(update={"transfer_to": None})
    async with EmbeddedStore.open(settings.database_path) as store:
        await register_shop(store, LocalBus(), shop, clock=virtual_clock.now)


async def call(
    cell: Cell,
    scenario: Scenario,
    theatre: Theatre,
    backstage: Backstage,
    *,
    healed: Callable[[], None] = lambda: None,
) -> Result:
    """Phone, and tell how it went. `healed` ends what fails once the call is over: rows may arrive later than that."""
    async with told(backstage) as events:
        report = await theatre.caller.call(scenario)
        if report.started_at is not None:
            await _until(lambda: any(isinstance(event, CallEnded) for event in events))
        healed()
        lost, doubled = await rows(report, events, backstage)
        silence, where = longest_silence(report, events, theatre.stage.openai.replies)
        note = f"[{where}; {report.end}{'; ' + report.error if report.error else ''}]"
        return Result(cell, round(silence * 1000), outcome_of(report, events), lost, doubled, note)


class Curtain:
    """Calls of many houses that begin together, when the last house is open: to open one keeps a core from the calls of
    the others. They ring a little after one another, as people do."""

    apart_s = 0.25

    def __init__(self, calls: int) -> None:
        self._opens = asyncio.Barrier(calls)

    async def rises(self) -> None:
        """Wait until all are ready, then for one's turn."""
        place = await self._opens.wait()
        await asyncio.sleep(place * self.apart_s)


@asynccontextmanager
async def told(backstage: Backstage) -> AsyncGenerator[list[OfCall]]:
    """Every event of calls, as it is told."""
    events: list[OfCall] = []
    async with backstage.services.bus.subscribe() as published:

        async def listen() -> None:
            async for event in published:
                if isinstance(event, OfCall):
                    events.append(event)

        listening = asyncio.create_task(listen(), name="drill")
        try:
            yield events
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _until(true: Callable[[], bool]) -> None:
    """Wait for something, at most `OVER_S`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(OVER_S):
            while not true():  # noqa: ASYNC110 - the events of a call are many, and tell nobody
                await asyncio.sleep(0.05)


async def rows(report: CallReport, events: Sequence[OfCall], backstage: Backstage) -> tuple[int, int]:
    """How many finals and bookings of a call are not in the store, or there twice; a booking that was told and is not
    there is lost, too."""
    finals = [event for event in events if isinstance(event, TurnHeard) and event.final]
    made = {event.booking.booking_id for event in events if isinstance(event, BookingMade)}
    if not finals and not made:
        return 0, 0
    location_id = events[0].location_id
    services = backstage.services
    kept = await _kept(lambda: services.calls.get_turns(location_id, report.call_sid), len(finals))
    texts = [turn.heard for turn in kept if turn.heard]
    now = services.clock()
    span = (now.replace(hour=0), now.replace(year=now.year + 1))
    booked = [b for b in await services.bookings.bookings_between(location_id, *span, now=now) if b.state == "booked"]
    lost = max(0, len(finals) - len(texts)) + len(made - {booking.booking_id for booking in booked})
    lost += sum(isinstance(event, ClaimMismatched) for event in events)
    return lost, max(0, len(texts) - len(finals)) + max(0, len(booked) - max(1, len(made)))


async def _kept(read: Callable[[], Awaitable[list[Any]]], expected: int) -> list[Any]:
    """The rows, once there are as many as expected, or the time is over."""
    found: list[Any] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(KEPT_S):
            while len(found := await read()) < expected:  # noqa: ASYNC110 - a store tells nobody
                await asyncio.sleep(0.1)
    return found


def outcome_of(report: CallReport, events: Sequence[OfCall]) -> str:
    """What the caller came away with: the best of it."""
    heard = {event.turn for event in events if isinstance(event, TurnHeard) and event.final}
    spoken = {event.turn for event in events if isinstance(event, TurnSpoken) and event.heard_text}
    if report.dialled or any(isinstance(event, CallTransferred) for event in events):
        return "transfer"
    if report.recordings or any(isinstance(event, MessageTaken) for event in events):
        return "message"
    if len(heard & spoken) >= ANSWERED:
        return "answer"
    return "apology" if report.said or spoken else "nothing"
