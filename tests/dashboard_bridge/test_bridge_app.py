"""The dashboards alone: shops and records from the store, calls from the bus, no telephony in the process."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import uvicorn
from bridge_rig import BEARER, NINE, TOKEN, Page, shop
from patience import until
from pydantic import SecretStr
from websockets.asyncio.client import connect

from agent.bus.local import LocalBus
from agent.events import TurnHeard
from agent.lookout import open_lookout
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from dashboard_bridge.app import Plugs, create_bridge_app

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_process_of_dashboards_shows_what_the_bus_tells(tmp_path: Path) -> None:
    settings = Settings(database_path=tmp_path / "shops.db", operator_token=SecretStr(TOKEN))
    async with EmbeddedStore.open(settings.database_path) as store:
        await store.store_knowledge("location_1", shop(1, "Tide & Tress"))
    bus = LocalBus()

    @asynccontextmanager
    async def plugs() -> AsyncIterator[Plugs]:
        async with open_lookout(settings, bus, lambda: NINE) as lookout:
            yield Plugs(bus, lookout.knowledge, lookout.calls, lookout.bookings)

    app = create_bridge_app(settings, plugs, clock=lambda: NINE)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        async with connect(f"ws://127.0.0.1:{port}/ops?feed=full", additional_headers=BEARER) as ws:
            page = Page(ws)
            assert (await page.next_of("metrics"))["business_name"] == "Tide & Tress"
            head = {"call_sid": "CA1", "location_id": 1, "seq": 7, "at": NINE}
            bus.publish(TurnHeard.model_validate(head | {"turn": 1, "text": "Hello?", "final": True}))
            (call,) = (await page.next_of("snapshot"))["calls"]
            assert call["lines"][0]["text"] == "Hello?"
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"http://127.0.0.1:{port}/healthz")).json() == {"status": "ok", "watching": 1}
        server.should_exit = True
        await serving


def test_it_loads_no_pipeline() -> None:
    code = "import sys, json, agent.lookout, dashboard_bridge.app; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    loaded = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert not loaded & {"pipecat", "twilio", "deepgram", "openai", "cartesia"}
