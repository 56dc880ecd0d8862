"""The house as scripts open it: the server, its sample shops, every vendor emulated. Close nothing by hand."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from loguru import logger

ROOT = Path(__file__).resolve().parent.parent
logger.remove()  # Pipecat greets when it is imported

from agent.bus.local import LocalBus  # noqa: E402
from agent.call import Services  # noqa: E402
from agent.emulators import virtual_clock  # noqa: E402
from agent.emulators.scenario import Scenario  # noqa: E402
from agent.emulators.theatre import Theatre, open_theatre  # noqa: E402
from agent.events import (  # noqa: E402
    AnyEvent,
    BookingCancelled,
    BookingHeld,
    BookingMade,
    BookingMoved,
    CallSummarised,
    ToolUsed,
    TurnSpoken,
)
from agent.knowledge.registry import register_shop  # noqa: E402
from agent.knowledge.shop_file import read_shop_file  # noqa: E402
from agent.ports import Clock  # noqa: E402
from agent.settings import Settings  # noqa: E402
from agent.stores.embedded import EmbeddedStore  # noqa: E402
from agent.wiring import utc_now  # noqa: E402
from server import create_app, uvicorn_config  # noqa: E402

SAMPLES = ROOT / "scripts" / "samples"
_GREETINGS_S = 10.0
_LOOK_S = 0.02


@dataclass(frozen=True)
class Backstage:
    """What operators are not shown, from inside the server, which runs in this process."""

    services: Services
    tools: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The names of the tools used in each call, in order."""
    answered_ms: dict[tuple[str, int], float] = field(default_factory=dict[tuple[str, int], float])
    """By call and turn: from the end of the caller's voice to the answer, as the server measured it."""
    outcomes: dict[str, str] = field(default_factory=dict[str, str])
    """What each call came to."""
    touched: dict[str, int] = field(default_factory=dict[str, int])
    """The ids of the appointments that calls made, moved or cancelled, with their locations."""

    def note(self, event: AnyEvent) -> None:
        match event:
            case ToolUsed():
                self.tools[event.call_sid].append(event.tool)
            case TurnSpoken(voice_to_voice_ms=float(ms)):
                self.answered_ms.setdefault((event.call_sid, event.turn), ms)
            case CallSummarised():
                self.outcomes[event.call_sid] = event.outcome
            case BookingHeld() | BookingMade() | BookingMoved() | BookingCancelled():
                self.touched[event.booking.booking_id] = event.booking.location_id
            case _:
                pass

    async def greetings_ready(self, shops: int) -> None:
        """Wait until so many shops would greet with what was rendered, as those do that were there at the start.

        When it takes too long, callers are greeted all the same: through the pipeline, and later.
        """
        until = asyncio.get_running_loop().time() + _GREETINGS_S
        while self._greeting() < shops:
            if asyncio.get_running_loop().time() > until:
                return
            await asyncio.sleep(_LOOK_S)

    def _greeting(self) -> int:
        """How many shops would greet at once."""
        knowledge, phrases = self.services.knowledge, self.services.phrases
        known = (knowledge.shop(listing.location_id) for listing in knowledge.listings())
        return sum(shop is not None and phrases.get(shop, "greeting") is not None for shop in known)


@asynccontextmanager
async def open_house(
    scenarios: Sequence[Scenario],
    *,
    database_path: Path | None = None,
    furnish: Callable[[Settings], Awaitable[None]] | None = None,
    clock: Clock = utc_now,
    **overrides: Any,
) -> AsyncGenerator[tuple[Theatre, Backstage]]:
    """A running server, with the sample shops from their files unless `furnish` fills the store otherwise.

    `overrides` are settings. Raises VoiceUnavailable, TheatreError, ChairsideError.
    """
    apps: list[FastAPI] = []

    def build(settings: Settings) -> uvicorn.Config:
        apps.append(create_app(settings, clock=clock))
        return uvicorn_config(settings, apps[0])

    async with open_theatre(
        build, furnish=furnish or load_samples, scenarios=scenarios, database_path=database_path, **overrides
    ) as theatre:
        services = cast(Services, apps[0].state.services)
        async with _backstage(services) as backstage:
            yield theatre, backstage


async def load_samples(settings: Settings) -> None:
    """Store the sample shops, as `setup_shop.py --from-file` does."""
    async with EmbeddedStore.open(settings.database_path) as store:
        for path in sorted(SAMPLES.glob("*.yaml")):
            await register_shop(store, LocalBus(), read_shop_file(path), clock=virtual_clock.now)


@asynccontextmanager
async def _backstage(services: Services) -> AsyncGenerator[Backstage]:
    backstage = Backstage(services)
    async with services.bus.subscribe() as events:

        async def listen() -> None:
            async for event in events:
                backstage.note(event)

        listening = asyncio.create_task(listen(), name="backstage")
        try:
            yield backstage
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
