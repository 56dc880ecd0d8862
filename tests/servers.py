"""Servers in processes of their own: `server.py` as it is started for real, on a free port."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import httpx

from agent.settings import Settings

ROOT = Path(__file__).parents[1]
READY_S = 30


@asynccontextmanager
async def running_server(
    settings: Settings, *arguments: str, ready: str = "/readyz", log: Path | None = None
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A server with these settings, ready for calls; killed at the end if it still runs. What it says goes to `log`."""
    environment = {**os.environ, **_environment(settings)}
    with nullcontext() if log is None else log.open("wb") as said:
        server = await asyncio.create_subprocess_exec(
            sys.executable, "server.py", *arguments, cwd=ROOT, env=environment, stdout=said, stderr=said
        )
    try:
        await _ready(url_of(settings) + ready)
        yield server
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


def url_of(settings: Settings) -> str:
    """Where a server with these settings listens."""
    return f"http://127.0.0.1:{settings.port}"


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def _environment(settings: Settings) -> dict[str, str]:
    """Settings as the environment would hold them."""
    plain = {name: getattr(value, "get_secret_value", lambda value=value: value)() for name, value in settings}
    return {name.upper(): json.dumps(at) if isinstance(at, dict) else str(at) for name, at in plain.items()}


async def _ready(url: str) -> None:
    async with asyncio.timeout(READY_S), httpx.AsyncClient() as http:
        while True:
            try:
                if (await http.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
