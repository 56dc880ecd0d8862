"""A server that is asked to stop while somebody is on the line: a process of its own, and a real signal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx

from agent.emulators.report import CallReport
from agent.emulators.scenario import parse_scenario
from agent.emulators.stage import Stage, open_stage
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from tests.calls.conftest import brief
from tests.house import PLUMERIA, QUICK
from tests.servers import free_port, running_server, url_of


async def test_running_calls_finish_and_new_ones_are_refused():
    async with open_stage(latencies=QUICK) as stage:
        settings = stage.settings(port=free_port())
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
    async with stage.caller(url_of(settings), public_url=settings.public_url) as caller:
        return await caller.call(scenario)


@asynccontextmanager
async def _server(settings: Settings) -> AsyncGenerator[asyncio.subprocess.Process]:
    async with EmbeddedStore.open(settings.database_path) as store:
        await store.store_knowledge("location_1", brief(PLUMERIA))
    async with running_server(settings) as server:
        yield server


async def _not_ready(settings: Settings) -> None:
    async with asyncio.timeout(5), httpx.AsyncClient() as http:
        while (await http.get(f"{url_of(settings)}/readyz")).status_code != 503:
            await asyncio.sleep(0.02)


async def _live_calls(settings: Settings, count: int) -> None:
    async with asyncio.timeout(10), httpx.AsyncClient() as http:
        while (await http.get(f"{url_of(settings)}/healthz")).json()["live_calls"] != count:
            await asyncio.sleep(0.02)
