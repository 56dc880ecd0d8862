"""Calls for as long as it takes to see what they leave behind: tasks, files, threads, memory.

    python scripts/soak.py [--calls 2000] [--minutes 30] [--at-once 10] [--json FILE]

The server is a process of its own; vendors and callers are in this one, so that what is measured is the server's alone.
First short calls, a question each; then so many callers at once who ring again and again, with several questions each.
It is looked at whenever the line is free. Exit code 1: something grew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
from _phone_line import LineError, PhoneLine, Utterance, utterance
from _servers import NUMBER, DrillError, ServerProcess, free_port, store_shop
from loguru import logger
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from agent.emulators.caller import Caller
from agent.emulators.latencies import CartesiaLatencies, DeepgramLatencies, Latencies, OpenAILatencies
from agent.emulators.stage import open_stage
from agent.emulators.twiml import parse_twiml
from agent.stores.embedded import EmbeddedStore

VENDORS = Latencies(
    deepgram=DeepgramLatencies(connect_ms=20),
    openai=OpenAILatencies(ttft_ms=50, tokens_per_s=500),
    cartesia=CartesiaLatencies(connect_ms=20, first_chunk_ms=30),
)
MOST_MB_A_CALL = 0.02
FREE_S = 30.0
"""How long the last call may take to be over."""
SETTLE_S = 2.5
"""What a closed socket leaves to the event loop is done by then, idle connections to vendors apart."""
QUESTIONS = ("How much is a balayage?", "And how much is a haircut?", "What are your opening hours on Friday?")


@dataclass
class Options:
    """How long."""

    calls: int = 2000
    minutes: float = 30.0
    at_once: int = 10
    warm_up: int = 300
    """Calls before the first look: caches fill, and what they left in cycles is collected once."""
    looks: int = 24
    """How often the server is looked at in each part."""
    say: bool = False
    """Tell on standard error how it goes."""


@dataclass(frozen=True)
class Look:
    """The server while nobody is on the line, after so many calls."""

    calls: int
    rss_mb: float
    tasks: int
    files: int
    threads: int


@dataclass
class Part:
    """What a part of the soak found."""

    name: str
    looks: list[Look] = field(default_factory=list[Look])
    failed: list[str] = field(default_factory=list[str])
    """Calls that were not answered as they should."""

    @property
    def mb_a_call(self) -> float:
        """The slope of a straight line through all looks."""
        count = len(self.looks)
        mean_calls = sum(at.calls for at in self.looks) / count
        mean_mb = sum(at.rss_mb for at in self.looks) / count
        over = sum((at.calls - mean_calls) ** 2 for at in self.looks)
        return sum((at.calls - mean_calls) * (at.rss_mb - mean_mb) for at in self.looks) / over if over else 0.0

    def grown(self, what: str) -> int:
        """By how much the least of the second half is above the most of the first half; 0 when it is not."""
        values = [int(getattr(at, what)) for at in self.looks]
        half = len(values) // 2
        return max(0, min(values[half:]) - max(values[:half]))

    def told(self) -> dict[str, Any]:
        """As JSON."""
        grown = {what: self.grown(what) for what in ("tasks", "files", "threads")}
        slope = round(self.mb_a_call, 4)
        return {
            "calls": self.looks[-1].calls,
            "mb_per_call": slope,
            "grown": grown,
            "failed": len(self.failed),
            "ok": slope <= MOST_MB_A_CALL and not any(grown.values()) and not self.failed,
            "failures": self.failed[:20],
            "looks": [asdict(at) for at in self.looks],
        }


@dataclass
class _Soak:
    """What all parts share."""

    options: Options
    server: ServerProcess
    caller: Caller
    http: httpx.AsyncClient
    questions: list[Utterance]
    calls: int = 0


async def run(options: Options) -> dict[str, Any]:
    """Soak. Raises DrillError when it could not be done."""
    with TemporaryDirectory(prefix="chairside-soak-") as name:
        async with _soak(options, Path(name)) as soak:
            parts = [part for part in (await _short(soak), await _long(soak)) if part is not None]
    told = {part.name: part.told() for part in parts}
    return {"ok": all(part["ok"] for part in told.values()), "parts": told}


@asynccontextmanager
async def _soak(options: Options, folder: Path) -> AsyncGenerator[_Soak]:
    async with open_stage(latencies=VENDORS, database_path=folder / "chairside.db") as stage:
        async with EmbeddedStore.open(stage.database_path) as store:
            await store_shop(store)
        settings = stage.settings(port=free_port(), max_calls=2 * options.at_once, log_level="WARNING")
        server = ServerProcess(settings, folder / "server.log")
        questions = [utterance(stage.phrasebook.register_speech(text).ulaw) for text in QUESTIONS]
        token = {"Authorization": f"Bearer {settings.operator_token.get_secret_value()}"}
        async with stage.caller(server.url) as caller, httpx.AsyncClient(headers=token, timeout=10) as http:
            try:
                await server.start()
                watching = asyncio.create_task(_watch(server.url, token))
                yield _Soak(options, server, caller, http, questions)
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            finally:
                await server.kill()


async def _watch(url: str, token: dict[str, str]) -> None:
    """A dashboard, as there is one wherever there are calls."""
    with suppress(OSError, WebSocketException):
        async with connect(f"ws{url.removeprefix('http')}/ops?feed=full", additional_headers=token) as socket:
            async for _ in socket:
                pass


async def _short(soak: _Soak) -> Part | None:
    """Many calls of one question."""
    part = Part("short_calls")
    await _in_turn(soak, part, soak.options.warm_up)
    if not soak.options.calls:
        return None
    await _look(soak, part)
    for at in range(soak.options.looks):
        count = soak.options.calls * (at + 1) // soak.options.looks - soak.options.calls * at // soak.options.looks
        await _in_turn(soak, part, count)
        await _look(soak, part)
    return part


async def _in_turn(soak: _Soak, part: Part, count: int) -> None:
    """So many calls, some at once."""
    left = iter(range(count))

    async def ring() -> None:
        for _ in left:
            await _call(soak, part, 1)

    await asyncio.gather(*(ring() for _ in range(soak.options.at_once)))


async def _long(soak: _Soak) -> Part | None:
    """Callers who are always there; each look lets the line become free."""
    if not soak.options.minutes:
        return None
    part, loop = Part("concurrent_calls"), asyncio.get_running_loop()
    for _ in range(soak.options.looks):
        until = loop.time() + soak.options.minutes * 60 / soak.options.looks

        async def ring(until: float = until) -> None:
            while loop.time() < until:
                await _call(soak, part, len(QUESTIONS))

        await asyncio.gather(*(ring() for _ in range(soak.options.at_once)))
        await _look(soak, part)
    return part


async def _call(soak: _Soak, part: Part, questions: int) -> None:
    """From ringing to hanging up; the last answer is not heard to its end."""
    call_sid = "CA" + secrets.token_hex(16)
    number = f"+1212{5_560_000 + soak.calls % 10_000:07d}"  # one that rang too often would not be answered
    soak.calls += 1
    try:
        answer = await soak.caller.post("/voice", soak.caller.form(call_sid, to=NUMBER, caller=number))
        stream = next(verb for verb in parse_twiml(answer.text) if verb.name == "Stream")
        line = await PhoneLine.dial(soak.caller.reachable(stream.text), call_sid, stream.parameters)
        try:
            heard = line.started_at
            for question in soak.questions[:questions]:
                await line.agent_done(heard)
                _, heard = await line.say(question)
            await line.voice_arrives(heard)
        finally:
            line.hang_up(call_sid)
    except (LineError, OSError, TimeoutError, StopIteration) as why:
        part.failed.append(f"{call_sid}: {type(why).__name__}: {why}")
    finally:
        PhoneLine.lateness.clear()


async def _look(soak: _Soak, part: Part) -> None:
    """Wait until nobody is on the line, and see what is there. Raises DrillError."""
    await _until(soak, lambda figures: not figures["chairside_calls_live"], FREE_S)
    await asyncio.sleep(SETTLE_S)
    figures = await _figures(soak)
    process = psutil.Process(soak.server.pid)
    part.looks.append(
        Look(
            calls=soak.calls,
            rss_mb=round(process.memory_info().rss / 1e6, 2),
            tasks=int(figures["chairside_tasks"]),
            files=process.num_fds(),
            threads=process.num_threads(),
        )
    )
    if soak.options.say:
        print(f"[soak] {part.name}: {part.looks[-1]}", file=sys.stderr, flush=True)


async def _until(soak: _Soak, done: Callable[[dict[str, float]], bool], within_s: float) -> None:
    until = asyncio.get_running_loop().time() + within_s
    while not done(await _figures(soak)):
        if asyncio.get_running_loop().time() > until:
            raise DrillError("calls do not end")
        await asyncio.sleep(0.1)


async def _figures(soak: _Soak) -> dict[str, float]:
    """The server's own gauges."""
    if soak.server.returncode is not None:
        raise DrillError(f"the server died with {soak.server.returncode}; see {soak.server.log}")
    text = (await soak.http.get(f"{soak.server.url}/metrics")).raise_for_status().text
    return {at.name: at.value for family in text_string_to_metric_families(text) for at in family.samples}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1: something grew, or a call failed."""
    usual = Options()
    parser = argparse.ArgumentParser(description="Make calls, and see what they leave behind.")
    parser.add_argument("--calls", type=int, default=usual.calls, help="short calls; 0: none")
    parser.add_argument("--minutes", type=float, default=usual.minutes, help="of calls at once; 0: none")
    parser.add_argument("--at-once", type=int, default=usual.at_once, help="how many at once, in both parts")
    parser.add_argument("--warm-up", type=int, default=usual.warm_up, help="short calls before the first look")
    parser.add_argument("--looks", type=int, default=usual.looks, help="how often it is looked at, in each part")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    logger.remove()
    try:
        told = asyncio.run(
            run(Options(asked.calls, asked.minutes, asked.at_once, asked.warm_up, asked.looks, say=True))
        )
    except DrillError as why:
        print(f"soak: {why}", file=sys.stderr)
        return 2
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    for name, part in told["parts"].items():
        print(name, json.dumps({what: part[what] for what in ("calls", "mb_per_call", "grown", "failed", "ok")}))
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
