"""How fast words reach the browsers, and how soon a call is on the wall, while calls are under way.

Three processes: the server, which publishes 100 events a second of 500 bytes; the browsers; and this one, with the
emulated vendors and callers. In the run `redis2` the browsers are at a second server, and Redis is between the two. A
figure is the median of the rounds' figures. Losses are counted for living readers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _bench import Figure, Measured, spread
from _bench_relay_load import Load
from _house import ROOT, load_samples
from _scene import read_scenario
from _servers import redis_server
from pydantic import SecretStr
from websockets.asyncio.client import connect

from agent.bus.local import LocalBus
from agent.emulators.caller import Caller
from agent.emulators.scenario import Scenario
from agent.emulators.stage import open_stage
from agent.knowledge.registry import register_shop
from agent.model import Shop
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore

FIRST, SHOPS, RATE, SIZE = 1001, 50, 100, 500
APPEAR_MS = 300
SILENT_S = 60.0
"""A process that owes an answer for longer has failed."""
SCENE = ROOT / "scripts" / "scenes" / "6-in-a-hurry-in-london.yaml"


@dataclass(frozen=True)
class Run:
    browsers: int
    rooms: int
    dead: int = 0
    apart: bool = False
    """The browsers are at another server than the one that publishes."""


RUNS = {
    "rooms20x10": Run(200, 20),
    "room200": Run(200, 1),
    "browsers1000": Run(1000, 50),
    "redis2": Run(200, 20, apart=True),
    "living40": Run(40, 2),
    "dead20of40": Run(40, 2, dead=20),
}


class Child:
    """A process that answers each line with a line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process of the bench has no pipes")
        self._process, self._to, self._back = process, process.stdin, process.stdout

    @classmethod
    async def start(cls, script: str, *arguments: str) -> Child:
        path = str(Path(__file__).with_name(script))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, path, *arguments, stdin=pipe, stdout=pipe)
        return cls(process)

    async def ask(self, line: dict[str, Any], busy_s: float = 0) -> dict[str, Any]:
        self._to.write(json.dumps(line).encode() + b"\n")
        return await self.answer(busy_s)

    async def answer(self, busy_s: float = 0) -> dict[str, Any]:
        """Its next line. Raises `RuntimeError` when it ends instead, or says nothing for long after its work."""
        try:
            line = await asyncio.wait_for(self._back.readline(), busy_s + SILENT_S)
        except TimeoutError:
            raise RuntimeError("a process of the bench says nothing; what it said is above") from None
        if not line:
            raise RuntimeError("a process of the bench ended early; what it said is above")
        return json.loads(line)

    async def end(self) -> None:
        """It ends when nobody asks any more; one that hangs is killed."""
        self._to.close()
        try:
            await asyncio.wait_for(self._process.wait(), SILENT_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


async def furnish(settings: Settings) -> None:
    """The sample shops for the callers, and rooms for the browsers."""
    await load_samples(settings)
    async with EmbeddedStore.open(settings.database_path) as store:
        for number in range(SHOPS):
            facts = {"business_name": "Bench", "timezone": "UTC", "currency": "GBP"}
            shop = {"location_id": FIRST + number, "phone_number": f"+442079461{number:03}", **facts}
            await register_shop(store, LocalBus(), Shop.model_validate(shop), clock=lambda: datetime.now(UTC))


def plain(settings: Settings) -> dict[str, Any]:
    """Settings as the server's process reads them."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    shown = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in values.items()}
    return {k: str(v) if isinstance(v, Path) else v for k, v in shown.items()}


class Ringing:
    """Callers who ring again as soon as they have hung up, and a wall that notes when each call appears."""

    def __init__(self, caller: Caller, scene: Scenario, url: str, token: str, lines: int) -> None:
        self._caller, self._scene, self._lines = caller, scene, lines
        self._url, self._token = url, token
        self._appeared: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self.errors: list[str] = []

    async def enough(self, calls: int, wait_s: float = 90.0) -> None:
        """Wait until so many calls have been rung and told when they began; no longer than `wait_s`."""
        until = asyncio.get_running_loop().time() + wait_s
        while len(self.appear_ms) < calls and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.5)

    @property
    def appear_ms(self) -> list[float]:
        both = self._appeared.keys() & self._started.keys()
        return sorted((self._appeared[sid] - self._started[sid]) * 1000 for sid in both)

    @asynccontextmanager
    async def going_on(self) -> AsyncGenerator[None]:
        tasks = [asyncio.create_task(self._watch())]
        tasks += [asyncio.create_task(self._ring(number)) for number in range(self._lines)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ring(self, number: int) -> None:
        await asyncio.sleep(number * 1.3)
        while True:
            report = await self._caller.call(self._scene)
            if report.error or report.started_at is None:
                self.errors.append(report.error or report.end)
            else:
                self._started[report.call_sid] = report.started_at

    async def _watch(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with connect(f"{self._url}?location_id=1&location_id=2&feed=full", additional_headers=headers) as wall:
            async for text in wall:
                now = asyncio.get_running_loop().time()
                message = json.loads(text)
                if message["type"] == "event" and message["data"]["event"]["type"] == "call.answered":
                    self._appeared[message["data"]["call_sid"]] = now


async def one_round(server: Child, run: Run, port: int, token: str, feed: str, seconds: float) -> dict[str, Any]:
    load = Load(port, token, run.browsers, run.rooms, FIRST, run.dead, feed)
    browsers = await Child.start("_bench_relay_load.py", json.dumps(asdict(load)))
    await browsers.answer()
    asked = {"seconds": seconds, "rate": RATE, "rooms": run.rooms, "first_location": FIRST, "size": SIZE}
    told = await server.ask(asked, busy_s=seconds)
    got = await browsers.ask({"stop": True})
    await browsers.end()
    expected = [count * readers for count, (_, readers) in zip(told["sent"], got["per_room"], strict=True)]
    lost = sum(expected) - got["deliveries"]
    spent = {"server_cpu": round(told["cpu_s"] / seconds, 3), "rss_mb": told["rss_mb"]}
    kept = {name: told[name] for name in ("rss_grown_mb", "overflowed", "stuck")}
    return {**{k: got[k] for k in ("p50_ms", "p99_ms", "max_ms")}, "finals_lost": lost, **spent, **kept}


def median(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of each figure; what was lost, overflowed or stuck is summed over all rounds."""
    summed = {"finals_lost", "overflowed", "stuck"}
    return {
        name: sum(at[name] for at in rounds)
        if name in summed
        else round(statistics.median(at[name] for at in rounds), 3)
        for name in rounds[0]
    }


async def bench(asked: argparse.Namespace) -> tuple[dict[str, Any], list[Ringing]]:
    """Every run's figures, and the callers who rang meanwhile."""
    runs: dict[str, Any] = {}
    ringing: list[Ringing] = []
    for apart in (False, True):
        names = [name for name in asked.runs if RUNS[name].apart is apart]
        if names:
            with redis_server() if apart else nullcontext("") as redis_url:
                rounds, callers = await session(names, asked, redis_url)
            runs |= {name: median(told) for name, told in rounds.items()}
            ringing.append(callers)
    return {name: runs[name] for name in asked.runs}, ringing


async def session(
    names: Sequence[str], asked: argparse.Namespace, redis_url: str
) -> tuple[dict[str, list[dict[str, Any]]], Ringing]:
    """Rounds of these runs against one server, or two with Redis between them, while callers ring the first."""
    scene = read_scenario(SCENE)
    async with open_stage(scenarios=[scene]) as stage, AsyncExitStack() as stack:
        limits = {"max_ops_sockets": 5000, "max_ops_sockets_per_address": 5000}
        settings = stage.settings(port=_free_port(), redis_url=redis_url, **limits)
        await furnish(settings)
        watched = settings.model_copy(update={"port": _free_port()}) if redis_url else settings
        server = await _serve(settings, stack)
        if redis_url:
            await _serve(watched, stack)
        token, url = settings.operator_token.get_secret_value(), f"http://127.0.0.1:{settings.port}"
        caller = await stack.enter_async_context(stage.caller(url))
        ringing = Ringing(caller, scene, f"ws://127.0.0.1:{watched.port}/ops", token, asked.calls)
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        async with ringing.going_on():
            await asyncio.sleep(asked.calls * 1.3)  # until all are on the line
            for _ in range(asked.rounds):
                for name in names:
                    told = await one_round(server, RUNS[name], watched.port, token, asked.feed, asked.seconds)
                    rounds[name].append(told)
                    print(name, told, file=sys.stderr)
            await ringing.enough(asked.calls)
    return rounds, ringing


async def _serve(settings: Settings, stack: AsyncExitStack) -> Child:
    server = await Child.start("_bench_relay_server.py")
    stack.push_async_callback(server.end)
    await server.ask(plain(settings))
    return server


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--seconds", type=float, default=30.0, help="of each round of each run (30)")
    parser.add_argument("--rounds", type=int, default=5, help="of each run (5)")
    parser.add_argument("--calls", type=int, default=5, help="emulated calls under way (5)")
    parser.add_argument("--feed", choices=["full", "plain"], default="full")
    parser.add_argument("--runs", nargs="+", choices=list(RUNS), default=list(RUNS))


async def measure(arguments: argparse.Namespace) -> Measured:
    """`{"runs": {name: {"p50_ms", "p99_ms", "finals_lost", …}}, "appear_ms": {"p50", "p99", "all"}}`"""
    runs, ringing = await bench(arguments)
    appear = sorted(ms for callers in ringing for ms in callers.appear_ms)
    errors = [error for callers in ringing for error in callers.errors]
    seen = {"p50": _at(appear, 0.5), "p99": _at(appear, 0.99), "all": [round(ms, 1) for ms in appear]}
    lost = tuple(
        f"{name}: {told['finals_lost']} final words lost" for name, told in runs.items() if told["finals_lost"]
    )
    return Measured(
        figures=[*_figures(runs), *spread("a call is on the wall after", appear, "ms", p99_target=APPEAR_MS)],
        form={"runs": runs, "appear_ms": seen, "errors": errors},
        faults=(*lost, *errors),
    )


def _figures(runs: dict[str, Any]) -> list[Figure]:
    targets = {"rooms20x10": (2, 10), "redis2": (None, 10)}
    found: list[Figure] = []
    for name, told in runs.items():
        p50, p99 = targets.get(name, (None, None))
        if name == "dead20of40" and "living40" in runs:
            p99 = 2 * runs["living40"]["p99_ms"]
        found += [Figure(f"{name}, p50", told["p50_ms"], "ms", p50), Figure(f"{name}, p99", told["p99_ms"], "ms", p99)]
        found.append(Figure(f"{name}, final words lost", told["finals_lost"], "words", 0))
        found.append(Figure(f"{name}, server, of one core", told["server_cpu"] * 100, "%"))
    return found


def _at(ordered: list[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else None
