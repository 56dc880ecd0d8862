"""`server.py` in processes of its own, which may be killed and started again: what drills and soaks have in common."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import aiohttp
import httpx
from pydantic import SecretStr

from agent.bus.local import LocalBus
from agent.emulators.caller import Answer, Caller
from agent.emulators.media_socket import Signing
from agent.emulators.stage import Stage
from agent.knowledge.registry import register_shop
from agent.model import WEEKDAYS, Shop
from agent.ports import KnowledgeStore
from agent.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
NUMBER, PERSON = "+12125550142", "+12125550155"
START_S = 60.0
AGAIN_S = 0.25
NAMES = ("Dana Reyes", "Ivy Moss", "Karl Berg", "Nora Hale", "Otto Lang", "Paula Voss", "Rosa Diaz", "Tom Wilde")


class DrillError(RuntimeError):
    """The drill itself could not be held."""


@dataclass
class ServerProcess:
    """One server with these settings. What it logs goes into `log`."""

    settings: Settings
    log: Path
    starts: int = 0
    """How often one was started; more than `start` was called when it would not begin at first."""
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    @property
    def pid(self) -> int:
        """Of the process that was started last. Raises DrillError when there is none."""
        if self._process is None:
            raise DrillError("no server was started")
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.returncode

    async def start(self, within_s: float = START_S) -> None:
        """Start it and wait until it is ready; again when it ends itself, as a supervisor would. Raises DrillError."""
        try:
            async with asyncio.timeout(within_s):
                while not await self._begin():  # noqa: ASYNC110
                    await asyncio.sleep(AGAIN_S)
        except TimeoutError as why:
            await self.kill()
            raise DrillError(f"the server was not ready after {within_s:.0f} s; see {self.log}") from why

    async def _begin(self) -> bool:
        self.starts += 1
        with self.log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, str(ROOT / "server.py")),
                cwd=ROOT,
                env={**os.environ, **environment(self.settings)},
                stdout=out,
                stderr=out,
            )
        async with httpx.AsyncClient(timeout=2) as http:
            while self._process.returncode is None:
                if await is_ready(http, self.url):
                    return True
                await asyncio.sleep(0.05)
        return False

    async def kill(self) -> None:
        """As a machine that loses power, as far as the process goes."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        if self._process is not None:
            await self._process.wait()

    async def stop(self, within_s: float) -> float:
        """SIGTERM; the seconds it took to go. Raises DrillError when it does not."""
        if self._process is None or self._process.returncode is not None:
            raise DrillError("the server is not running")
        began = asyncio.get_running_loop().time()
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), within_s)
        except TimeoutError as why:
            raise DrillError(f"the server did not stop within {within_s:.0f} s") from why
        return asyncio.get_running_loop().time() - began


async def is_ready(http: httpx.AsyncClient, url: str) -> bool:
    """Whether a load balancer would give it calls."""
    try:
        return (await http.get(f"{url}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


def environment(settings: Settings) -> dict[str, str]:
    """Settings as the environment would hold them."""
    plain = {name: _plain(getattr(settings, name)) for name in Settings.model_fields}
    return {name.upper(): json.dumps(at) if isinstance(at, dict) else str(at) for name, at in plain.items()}


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def shop() -> Shop:
    """Open whenever a drill is held, with people enough for all its callers, and somebody to be put through to."""
    week = {day: [{"opens": "08:00", "closes": "20:00"}] for day in WEEKDAYS}
    return Shop.model_validate(
        {
            "location_id": 4242,
            "business_name": "Bench Street Hair",
            "phone_number": NUMBER,
            "transfer_to": PERSON,
            "timezone": "America/New_York",
            "currency": "USD",
            "greeting": "Hello, the automated assistant speaking.",
            "hours": {"week": week},
            "services": [{"name": "Haircut", "price": "45", "minutes": 45}, {"name": "Balayage", "price": "180"}],
            "professionals": [{"name": f"{name} Hale"} for name in ("Kai", "Lea", "Max", "Nia", "Oli", "Pia")],
        }
    )


async def store_shop(store: KnowledgeStore) -> None:
    """Put the drills' shop into a store."""
    await register_shop(store, LocalBus(), shop(), clock=lambda: datetime.now(UTC))


@contextmanager
def supabase_project(name: str) -> Generator[Any]:
    """PostgreSQL, PostgREST and the gateway of `tests/rig`, started here."""
    sys.path.insert(0, str(ROOT / "tests"))
    postgres, project = importlib.import_module("rig.postgres"), importlib.import_module("rig.project")
    with (
        postgres.running(postgres.installations()[0]) as cluster,
        project.running(cluster, name, project.migrate) as rig,
    ):
        yield rig


@contextmanager
def redis_server() -> Generator[str]:
    """A Redis of `tests/rig`, started here; its URL."""
    sys.path.insert(0, str(ROOT / "tests"))
    rig = importlib.import_module("rig.redis")
    with TemporaryDirectory(prefix="chairside-redis-") as folder, rig.running(Path(folder)) as server:
        yield server.url


class PatientCaller(Caller):
    """Twilio before a server that is away for some seconds: a proxy holds its webhooks until one is there again."""

    patience_s = START_S

    async def post(
        self, url: str, form: Any, *, signing: Signing = "right", cookies: dict[str, str] | None = None
    ) -> Answer:
        """See `Caller.post`; a connection that is refused or breaks is made again, for `patience_s`."""
        until = asyncio.get_running_loop().time() + self.patience_s
        while True:
            try:
                return await super().post(url, form, signing=signing, cookies=cookies)
            except (aiohttp.ClientConnectionError, OSError):
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(AGAIN_S)


def patient_caller(stage: Stage, url: str) -> PatientCaller:
    """Those who phone the server at `url`."""
    settings = stage.settings()
    return PatientCaller(server_url=url, public_url=settings.public_url, rest=stage.twilio, phrasebook=stage.phrasebook)


def as_object(line: str | bytes) -> dict[str, Any]:
    """A message of the operators' socket."""
    return cast(dict[str, Any], json.loads(line))
