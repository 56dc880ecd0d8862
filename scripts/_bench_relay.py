"""How fast words reach the browsers, and how soon a call is on the wall, while calls are under way.

    python scripts/_bench_relay.py --seconds 30 --rounds 5 --calls 5 --json relay.json

Three processes: the server, which publishes 100 events a second of 500 bytes; the browsers; and this one, with the
emulated vendors and callers. A figure is the median of the rounds' figures. Losses are counted for living readers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _bench_relay_load import Load
from _house import ROOT, load_samples
from _scene import read_scenario
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
SCENE = ROOT / "scripts" / "scenes" / "6-in-a-hurry-in-london.yaml"


@dataclass(frozen=True)
class Run:
    browsers: int
    rooms: int
    dead: int = 0


RUNS = {
    "rooms20x10": Run(200, 20),
    "room200": Run(200, 1),
    "browsers1000": Run(1000, 50),
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

    async def ask(self, line: dict[str, Any]) -> dict[str, Any]:
        self._to.write(json.dumps(line).encode() + b"\n")
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        line = await self._back.readline()
        if not line:
            raise RuntimeError("a process of the bench ended early; what it said is above")
        return json.loads(line)

    async def end(self) -> None:
        self._to.close()
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
    told = await server.ask(asked)
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


async def bench(asked: argparse.Namespace) -> dict[str, Any]:
    scene = read_scenario(SCENE)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with open_stage(scenarios=[scene]) as stage:
        settings = stage.settings(port=port, max_ops_sockets=5000, max_ops_sockets_per_address=5000)
        await furnish(settings)
        server = await Child.start("_bench_relay_server.py")
        await server.ask(plain(settings))
        token, url = settings.operator_token.get_secret_value(), f"http://127.0.0.1:{port}"
        async with stage.caller(url) as caller:
            ringing = Ringing(caller, scene, f"ws://127.0.0.1:{port}/ops", token, asked.calls)
            async with ringing.going_on():
                await asyncio.sleep(asked.calls * 1.3)  # until all are on the line
                rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in asked.runs}
                for _ in range(asked.rounds):
                    for name in asked.runs:
                        rounds[name].append(await one_round(server, RUNS[name], port, token, asked.feed, asked.seconds))
                        print(name, rounds[name][-1], file=sys.stderr)
                await ringing.enough(2 * asked.calls)
        await server.end()
    return account({name: median(told) for name, told in rounds.items()}, ringing, asked)


def account(runs: dict[str, Any], ringing: Ringing, asked: argparse.Namespace) -> dict[str, Any]:
    notes = [f"{asked.calls} calls, {asked.rounds} rounds of {asked.seconds} s, feed {asked.feed}"]
    notes.append("redis2 is left out: one server, on the bus within its process")
    appear = ringing.appear_ms
    seen: dict[str, Any] = {"p50": _at(appear, 0.5), "p99": _at(appear, 0.99), "all": [round(ms, 1) for ms in appear]}
    seen["errors"] = ringing.errors
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    return {
        "runs": runs,
        "appear_ms": seen,
        "notes": notes,
        "machine": machine,
        "at": time.strftime("%FT%TZ", time.gmtime()),
    }


def _at(ordered: list[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else None


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seconds", type=float, default=30.0, help="of each round of each run")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--calls", type=int, default=5, help="emulated calls under way")
    asked.add_argument("--feed", choices=["full", "plain"], default="full")
    asked.add_argument("--runs", nargs="+", choices=list(RUNS), default=list(RUNS))
    asked.add_argument("--json", metavar="OUT", type=Path)
    given = asked.parse_args()
    told = json.dumps(asyncio.run(bench(given)), indent=2)
    print(told)
    if given.json:
        given.json.write_text(told + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
