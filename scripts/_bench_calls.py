"""Calls, measured on ours and on a plain Pipecat bot in one run: what a caller waits for, and what a call costs.

Both meet the same vendors, callers and words (`_bench_sides.py`). A round whose callers were late themselves is made
again and counted; what the machine's host took meanwhile is told.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from _bench import Figure, Measured, percentile
from _bench_first_tokens import FirstTokens
from _bench_sides import (
    VENDOR_SETS,
    Name,
    Side,
    Words,
    never_pause,
    rules,
    running,
    to_load_core,
    words_for,
)
from _phone_line import LineError, PhoneLine, longest_silence

from agent.emulators.stage import Stage, open_stage

T = TypeVar("T")
NAMES: tuple[Name, Name] = ("ours", "stock")
LATE_MS = 10.0
"""A generator whose 99th percentile is later than this could not keep up: its round does not count."""
AGAIN = 2
COUGH_S = 8.0
"""How long after a noise one listens for the agent."""
BEFORE_TALKING_OVER_S = 1.2


@dataclass
class Row:
    """One figure of both sides. `ratio` is ours to stock's."""

    name: str
    unit: str
    ours: float | None
    stock: float | None
    n: int
    generator_late_ms_p99: float

    @property
    def ratio(self) -> float | None:
        return round(self.ours / self.stock, 3) if self.ours is not None and self.stock else None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}


@dataclass
class Bench:
    """What a measurement works with, and what it finds on the way."""

    stage: Stage
    words: Words
    asked: argparse.Namespace
    first_tokens: FirstTokens
    rows: list[Row] = field(default_factory=list[Row])
    discarded: int = 0
    late_ms: list[float] = field(default_factory=list[float])
    """Of each round that counts, the 99th percentile of the generator's lateness."""
    stolen: list[float] = field(default_factory=list[float])
    """Of each round, the percent of the servers' core that the host gave to others."""
    notes: dict[str, Any] = field(default_factory=dict[str, Any])

    def row(self, name: str, unit: str, ours: float | None, stock: float | None, n: int) -> None:
        """Tell a figure of both."""
        rounded = (None if value is None else round(value, 3) for value in (ours, stock))
        self.rows.append(Row(name, unit, *rounded, n=n, generator_late_ms_p99=round(max(self.late_ms, default=0), 2)))

    async def round(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until the generator was in time, a few times at most; the last counts in any case."""
        for left in range(AGAIN, -1, -1):
            PhoneLine.lateness.clear()
            before = _core_ticks()
            found = await work()
            late, stolen = percentile(PhoneLine.lateness or [0.0], 0.99), _stolen(before, _core_ticks())
            if late <= LATE_MS or not left:
                self.late_ms.append(late)
                self.stolen.append(stolen)
                return found
            self.discarded += 1
            say(f"round discarded: callers {late:.1f} ms late at p99, {stolen:.1f} % stolen")
        raise AssertionError("unreachable")


def say(words: str) -> None:
    """What happens meanwhile, for whoever watches."""
    print(f"[bench] {words}", file=sys.stderr, flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long and with which vendors."""
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--vendors", choices=list(VENDOR_SETS), default="low", help="how fast the vendors are")
    parser.add_argument("--only", choices=NAMES, help="measure one side alone")
    parser.add_argument("--rounds", type=int, help="how often, where a round is one call or a few")
    parser.add_argument("--levels", type=int, nargs="+", help="of ours: how many calls at once")


async def measure(asked: argparse.Namespace) -> Measured:
    """One of the measurements below."""
    return await measured(MEASURES[asked.what], asked)


async def measured(work: Callable[[Bench], Awaitable[None]], asked: argparse.Namespace) -> Measured:
    """What it finds, on a stage of its own and off the servers' core."""
    to_load_core()
    async with opened(asked) as bench:
        await work(bench)
    return told(bench)


@asynccontextmanager
async def opened(asked: argparse.Namespace) -> AsyncGenerator[Bench]:
    """The vendors at the speed asked for, and the callers' words."""
    async with open_stage(latencies=VENDOR_SETS[asked.vendors]()) as stage:
        stage.openai.rules += rules()
        first_tokens = FirstTokens(stage.openai.rules, stage.openai.latencies.ttft_ms)
        if asked.vendors == "published":
            stage.openai.minds.append(first_tokens)
        never_pause()
        yield Bench(stage, words_for(stage), asked, first_tokens)


def told(bench: Bench) -> Measured:
    """As table and as JSON."""
    figures: list[Figure] = []
    for row in bench.rows:
        for name, value in (("ours", row.ours), ("stock", row.stock), ("ratio", row.ratio)):
            if value is not None:
                figures.append(Figure(f"{row.name}, {name}", value, "" if name == "ratio" else row.unit))
    conditions = {
        "discarded_rounds": bench.discarded,
        "stolen_percent": [round(percent, 1) for percent in bench.stolen],
        "vendors": bench.asked.vendors,
        **bench.notes,
    }
    return Measured(figures, {"rows": [row.as_json() for row in bench.rows], "conditions": conditions})


def sides_of(bench: Bench) -> tuple[Name, ...]:
    return (bench.asked.only,) if bench.asked.only else NAMES


def rounds_of(bench: Bench, usual: int, quick: int) -> int:
    return bench.asked.rounds or (quick if bench.asked.quick else usual)


def median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _p95(values: Sequence[float]) -> float | None:
    return percentile(values, 0.95) if values else None


# A call


@asynccontextmanager
async def a_call(side: Side) -> AsyncGenerator[PhoneLine]:
    """From dialling to hanging up."""
    line, call_sid = await side.dial()
    try:
        yield line
    finally:
        line.hang_up(call_sid)


async def warmed(side: Side, bench: Bench) -> None:
    """A first call, which is not counted."""
    async with a_call(side) as line:
        await line.agent_done(line.started_at)
        _, ended = await line.say(bench.words.ask)
        await line.voice_arrives(ended)


async def both(bench: Bench, work: Callable[[Side], Awaitable[list[T]]], rounds: int) -> dict[Name, list[T]]:
    """What `work` finds on each side, a round of one after a round of the other."""
    found: dict[Name, list[T]] = {"ours": [], "stock": []}
    async with _running(bench) as sides:
        for at in range(rounds):
            for side in sides:
                bench.first_tokens.begin(at, rounds)
                found[side.name] += await bench.round(lambda side=side: work(side))
                say(f"{bench.asked.what}, round {at + 1} of {rounds}: {side.name}")
    return found


@asynccontextmanager
async def _running(bench: Bench) -> AsyncGenerator[list[Side]]:
    """The sides asked for, each warmed by a call. The one that is not being called sleeps."""
    async with AsyncExitStack() as stack:
        starting = (stack.enter_async_context(running(name, bench.stage)) for name in sides_of(bench))
        sides = list(await asyncio.gather(*starting))
        await asyncio.gather(*(warmed(side, bench) for side in sides))
        yield sides


# Greeting


async def greeting(bench: Bench) -> None:
    """From `start` to the first voiced audio."""

    async def one(side: Side) -> list[float]:
        async with a_call(side) as line:
            return [(await line.voice_arrives(line.started_at) - line.started_at) * 1000]

    found = await both(bench, one, rounds_of(bench, 20, 2))
    bench.row("greeting_ms", "ms", median(found["ours"]), median(found["stock"]), len(found["ours"]))


# Answers


@dataclass(frozen=True)
class Turn:
    """How long a caller waited, from their last voice to the first of the answer."""

    kind: str
    ms: float
    at: float


async def latency(bench: Bench) -> None:
    """Plain turns and turns that need a tool, three callers at once."""
    requests, tokens = len(bench.stage.openai.requests), bench.stage.cartesia.spoken
    turns: dict[Name, list[Turn]] = {}

    async def three(side: Side) -> list[Turn]:
        told = await asyncio.gather(*(two_turns(side, bench, at * 1.7) for at in range(3)))
        return [turn for turns in told for turn in turns]

    turns = await both(bench, three, rounds_of(bench, 6, 1))
    ms: dict[tuple[Name, str], list[float]] = defaultdict(list)
    for name, many in turns.items():
        for turn in many:
            ms[name, turn.kind].append(turn.ms)
    plain, tool = (tuple(ms[name, kind] for name in NAMES) for kind in ("plain", "tool"))
    bench.row("turn_plain_ms", "ms", *map(median, plain), n=len(plain[0]))
    bench.row("turn_plain_p95_ms", "ms", *map(_p95, plain), n=len(plain[0]))
    bench.row("turn_tool_ms", "ms", *map(median, tool), n=len(tool[0]))
    bench.notes["model_requests"] = len(bench.stage.openai.requests) - requests
    bench.notes["speech_requests"] = bench.stage.cartesia.spoken - tokens
    bench.notes["turns"] = {name: [(turn.kind, round(turn.ms)) for turn in many] for name, many in turns.items()}


async def two_turns(side: Side, bench: Bench, after_s: float) -> list[Turn]:
    await asyncio.sleep(after_s)
    async with a_call(side) as line:
        await line.agent_done(line.started_at)
        plain = await turn_of(line, "plain", bench.words)
        await line.agent_done(plain.at)
        return [plain, await turn_of(line, "tool", bench.words)]


async def turn_of(line: PhoneLine, kind: str, words: Words) -> Turn:
    _, ended = await line.say(words.ask if kind == "plain" else words.ask_free)
    return Turn(kind, (await line.voice_arrives(ended) - ended) * 1000, ended)


# Talking over the agent


@dataclass(frozen=True)
class TalkedOver:
    cleared_ms: float
    queued_ms: float
    dead_air_ms: float


async def bargein(bench: Bench) -> None:
    """A real interruption, and a cough, in the middle of an answer."""

    async def one(side: Side) -> list[TalkedOver]:
        interrupted, coughed = await asyncio.gather(_interruption(side, bench), _cough(side, bench))
        return [TalkedOver(*interrupted, coughed)]

    found = await both(bench, one, rounds_of(bench, 8, 1))
    each = {name: [asdict(talked) for talked in many] for name, many in found.items()}
    for name, value, of in (
        ("cough_dead_air_ms", median, "dead_air_ms"),
        ("bargein_clear_ms", _p95, "cleared_ms"),
        ("queued_at_clear_ms", median, "queued_ms"),
    ):
        ours, stock = ([talked[of] for talked in each[side]] for side in NAMES)
        bench.row(name, "ms", value(ours), value(stock), len(ours))
    bench.notes["talked_over"] = each


async def _in_mid_answer(line: PhoneLine, bench: Bench) -> None:
    await line.agent_done(line.started_at)
    _, ended = await line.say(bench.words.ask)
    await line.voice_arrives(ended)
    await asyncio.sleep(BEFORE_TALKING_OVER_S)


async def _interruption(side: Side, bench: Bench) -> tuple[float, float]:
    """How long the agent talks on, and how much of it was on its way then."""
    async with a_call(side) as line:
        await _in_mid_answer(line, bench)
        clearing = asyncio.create_task(line.cleared(time.monotonic(), 6))
        began, ended = await line.say(bench.words.interrupt)
        cleared = await clearing
        if cleared is None:
            raise LineError(f"{side.name} was not to be interrupted")
        await line.voice_arrives(ended)  # and it answers what was said
        return (cleared[0] - began) * 1000, cleared[1]


async def _cough(side: Side, bench: Bench) -> float:
    """The longest silence a caller hears after a noise, up to a voice: what is silent to the end counts to the end."""
    async with a_call(side) as line:
        await _in_mid_answer(line, bench)
        began, _ = await line.say(bench.words.cough)
        await asyncio.sleep(COUGH_S)
        return longest_silence(line.voices, began, time.monotonic(), cut_short=bool(line.clears))


# Start


async def startup(bench: Bench) -> None:
    """What the first caller of a process waits for, greeting and answer together, against later ones."""
    ratio: dict[Name, list[float]] = {"ours": [], "stock": []}
    rounds = rounds_of(bench, 3, 1)
    for _ in range(rounds):
        for name in sides_of(bench):
            ratio[name].append(await bench.round(lambda name=name: _first_to_later(name, bench)))
    bench.row("first_call_ratio", "", median(ratio["ours"]), median(ratio["stock"]), rounds)


async def _first_to_later(name: Name, bench: Bench) -> float:
    """In a process of its own, which nobody has called before."""
    async with running(name, bench.stage) as side:
        waits = [await _waits(side, bench) for _ in range(2 if bench.asked.quick else 4)]
        say(f"startup: {name} {[round(wait) for wait in waits]}")
        return waits[0] / statistics.median(waits[1:])


async def _waits(side: Side, bench: Bench) -> float:
    async with a_call(side) as line:
        greeted = (await line.voice_arrives(line.started_at) - line.started_at) * 1000
        await line.agent_done(line.started_at)
        return greeted + (await turn_of(line, "plain", bench.words)).ms


MEASURES: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "greeting": greeting,
    "latency": latency,
    "bargein": bargein,
    "startup": startup,
}


def _core_ticks() -> list[int]:
    """Of the servers' core, what the kernel has counted; [] where it does not tell."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return []
    line = next((line for line in stat.read_text().splitlines() if line.startswith("cpu0 ")), "cpu0")
    return [int(ticks) for ticks in line.split()[1:]]


def _stolen(before: Sequence[int], after: Sequence[int]) -> float:
    passed = sum(after) - sum(before)
    return 100 * (after[7] - before[7]) / passed if passed else 0.0
