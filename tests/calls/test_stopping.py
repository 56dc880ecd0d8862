"""A server that is asked to stop while somebody is on the line: a process of its own, and a real signal."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from agent.emulators.report import CallReport
from agent.emulators.scenario import parse_scenario
from agent.emulators.stage import Stage, open_stage
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from tests.calls.conftest import brief
from tests.house import PLUMERIA, QUICK

ROOT = Path(__file__).parents[2]


async def test_running_calls_finish_and_new_ones_are_refused():
    async with open_stage(latencies=QUICK) as stage:
        settings = stage.settings(port=_free_port())
        async with _server(settings) as server:
            talking = asyncio.create_task(_call(stage, settings))
            await _live_calls(settings, 1)
            server.send_signal(signal.SIGTERM)
            await _not_ready(settings)
            report = await talking
            assert report.error is None
            assert report.exchanges[0].voice_to_voice_ms is not None
            # uvicorn lets the signal have its usual end once everything is closed.
            assert await asyncio.wait_for(server.wait(), 15) == -signal.SIGTERM
        async with EmbeddedStore.open(settings.database_path) as store:
            record = await store.get_call(1, report.call_sid)
            assert record is not None
            assert record.end_reason == "caller_hung_up"
            assert "180" in (await store.get_turns(1, report.call_sid))[0].spoken


async def _call(stage: Stage, settings: Settings) -> CallReport:
    scenario = parse_scenario(
        {"name": "talks on", "to": PLUMERIA.phone_number, "steps": [{"say": "How much is a balayage?"}]}
    )
    stage.prepare(scenario)
    async with stage.caller(_url(settings), public_url=settings.public_url) as caller:
        return await caller.call(scenario)


@asynccontextmanager
async def _server(settings: Settings) -> AsyncGenerator[asyncio.subprocess.Process]:
    async with EmbeddedStore.open(settings.database_path) as store:
        await store.store_knowledge("location_1", brief(PLUMERIA))
    server = await asyncio.create_subprocess_exec(
        sys.executable, "server.py", cwd=ROOT, env={**os.environ, **_environment(settings)}
    )
    try:
        await _ready(settings)
        yield server
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


def _environment(settings: Settings) -> dict[str, str]:
    """Settings as the environment would hold them."""
    plain = {name: getattr(value, "get_secret_value", lambda value=value: value)() for name, value in settings}
    return {name.upper(): str(value) for name, value in plain.items() if not isinstance(value, dict)}


async def _ready(settings: Settings) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient() as http:
        while True:
            try:
                if (await http.get(f"{_url(settings)}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def _not_ready(settings: Settings) -> None:
    async with asyncio.timeout(5), httpx.AsyncClient() as http:
        while (await http.get(f"{_url(settings)}/readyz")).status_code != 503:
            await asyncio.sleep(0.02)


async def _live_calls(settings: Settings, count: int) -> None:
    async with asyncio.timeout(10), httpx.AsyncClient() as http:
        while (await http.get(f"{_url(settings)}/healthz")).json()["live_calls"] != count:
            await asyncio.sleep(0.02)


def _url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.port}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]
