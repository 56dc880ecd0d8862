"""A house on the stage: a server of ours in this process, on a real port of 127.0.0.1, with its callers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from agent.emulators.caller import Caller
from agent.emulators.scenario import Scenario
from agent.emulators.stage import Stage, open_stage
from agent.settings import Settings

_START_S = 30.0
_LOOK_S = 0.01


class TheatreError(RuntimeError):
    """The server did not start; its own log says why."""


@dataclass(frozen=True)
class Theatre:
    """What runs: the vendors, the server at `url`, and those who phone it."""

    stage: Stage
    settings: Settings
    url: str
    caller: Caller

    @property
    def ops_url(self) -> str:
        """Where operators watch."""
        return self.url.replace("http", "ws", 1) + "/ops"


@asynccontextmanager
async def open_theatre(
    build: Callable[[Settings], uvicorn.Config],
    *,
    furnish: Callable[[Settings], Awaitable[None]],
    scenarios: Sequence[Scenario] = (),
    database_path: Path | None = None,
    stage: AbstractAsyncContextManager[Stage] | None = None,
    **overrides: Any,
) -> AsyncGenerator[Theatre]:
    """Start the vendors, let `furnish` fill the store, and serve what `build` makes of the settings.

    `stage`: other vendors than the usual ones. `overrides` are settings. Raises VoiceUnavailable without the extra
    `emulators`, TheatreError, and what `furnish` raises.
    """
    async with stage or open_stage(scenarios=scenarios, database_path=database_path) as vendors:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            ours: dict[str, Any] = {"environment": "development", "phone_to_location_map": {}, "host": "127.0.0.1"}
            settings = vendors.settings(**{**ours, "port": port, **overrides})
            await furnish(settings)
            url = f"http://127.0.0.1:{port}"
            async with serving(build(settings), listening), vendors.caller(url) as caller:
                yield Theatre(vendors, settings, url, caller)


@asynccontextmanager
async def serving(config: uvicorn.Config, listening: socket.socket) -> AsyncGenerator[None]:
    """Serve on a bound socket, from when the server has started until the end. Raises TheatreError."""
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]), name="server")
    try:
        await _started(server, running)
        yield
    finally:
        server.should_exit = True
        await running


class _Server(uvicorn.Server):
    """Signals are for whoever owns the process; a server on a stage stops when the play is over."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _started(server: uvicorn.Server, running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(_START_S):
        while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(_LOOK_S)
    if not server.started:
        raise TheatreError("the server did not start; its log says why")
