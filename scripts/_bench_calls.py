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
from random import Random
from typing import Any, TypeVar

from _bench import Figure, Measured, percentile
from _bench_sides import (
    VENDOR_SETS,
    Name,
    Refused,
    Side,
    Words,
    rules,
    running,
    to_load_core,
    words_for,
)
from _phone_line import LineError, PhoneLine, longest_silence

from agent.emulators.mind import Reply, answer
from agent.emulators.stage import Stage, open_stage

T = TypeVar("T")
NAMES: tuple[Name, Name] = ("ours", "stock")
LATE_MS = 10.0
"""A generator whose 99th percentile is later than this could not keep up: its round does not count."""
AGAIN = 2
HOLE_MS, ADDED_MS = 60.0, 200.0
"""What a full core may not do: a hole in a voice as long as this, answers so much later than to a single caller."""
COUGH_S = 8.0
"""How long after a noise one listens for the agent."""
BEFORE_TALKING_OVER_S = 1.2
LEVELS: dict[Name, tuple[int, ...]] = {"ours": (20, 35, 50, 65, 80), "stock": (2, 4, 6, 8, 10, 12)}


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
        if asked.vendors == "published":
            spread_first_tokens(stage)
        yield Bench(stage, words_for(stage), asked)


def spread_first_tokens(stage: Stage) -> None:
    """Log-normal about the median, with a 95th percentile of 3.3 times as much, as published; the same draws always."""
    dice, median = Random(536), stage.openai.latencies.ttft_ms  # noqa: S311 - nothing secret

    def think(body: dict[str, Any]) -> Reply:
        reply = answer(body, stage.openai.rules)
        return Reply(reply.say, reply.tools, median * dice.lognormvariate(0, 0.727), reply.status)

    stage.openai.minds.append(think)


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


def _sides(bench: Bench) -> tuple[Name, ...]:
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
                found[side.name] += await bench.round(lambda side=side: work(side))
                say(f"{bench.asked.what}, round {at + 1} of {rounds}: {side.name}")
    return found


@asynccontextmanager
async def _running(bench: Bench) -> AsyncGenerator[list[Side]]:
    """The sides asked for, each warmed by a call. The one that is not being called sleeps."""
    async with AsyncExitStack() as stack:
        starting = (stack.enter_async_context(running(name, bench.stage)) for name in _sides(bench))
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
        plain = await _turn(line, "plain", bench.words)
        await line.agent_done(plain.at)
        return [plain, await _turn(line, "tool", bench.words)]


async def _turn(line: PhoneLine, kind: str, words: Words) -> Turn:
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


# Many at once


@dataclass
class Crowd:
    """What came of so many calls at once, in a window of some seconds."""

    calls: int
    turns: list[Turn] = field(default_factory=list[Turn])
    holes: list[float] = field(default_factory=list[float])
    missed: int = 0
    refused: int = 0
    call_minutes: float = 0.0
    cpu_s: float = 0.0
    core: float = 0.0
    live: float = 0.0
    """How many were talking on average."""

    @property
    def cpu_s_per_call_minute(self) -> float:
        return self.cpu_s / self.call_minutes if self.call_minutes else 0.0

    def added_ms(self, alone: dict[str, float]) -> float:
        """The 95th percentile of what callers waited longer than a single one does."""
        added = [turn.ms - alone[turn.kind] for turn in self.turns]
        return percentile(added, 0.95) if added else float("inf")

    def medians(self) -> dict[str, float]:
        """What callers waited, by kind of turn."""
        ms: dict[str, list[float]] = defaultdict(list)
        for turn in self.turns:
            ms[turn.kind].append(turn.ms)
        return {kind: statistics.median(many) for kind, many in ms.items()}

    def p95(self) -> float:
        return percentile([turn.ms for turn in self.turns], 0.95) if self.turns else float("inf")

    def is_well(self, alone: dict[str, float]) -> bool:
        heard = not any(hole > HOLE_MS for hole in self.holes)
        return heard and not self.missed and self.added_ms(alone) <= ADDED_MS

    def told(self, alone: dict[str, float]) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "turns": len(self.turns),
            "added_p95_ms": round(self.added_ms(alone), 1),
            "p95_ms": round(self.p95(), 1),
            "holes_over_60_ms": sum(hole > HOLE_MS for hole in self.holes),
            "longest_hole_ms": round(max(self.holes, default=0), 1),
            "missed": self.missed,
            "refused": self.refused,
            "cpu_s_per_call_minute": round(self.cpu_s_per_call_minute, 3),
            "core": round(self.core, 3),
            "live": round(self.live, 1),
        }


class Callers:
    """So many people who call, talk, hang up and call again after a while."""

    def __init__(self, side: Side, bench: Bench, calls: int, seed: int = 1) -> None:
        self._side, self._bench, self._calls = side, bench, calls
        self._dice = Random(seed)  # noqa: S311 - nothing secret
        self.crowd = Crowd(calls)
        self._since = float("inf")
        self._lines: set[PhoneLine] = set()
        self._talked_s = 0.0

    async def talk(self, window_s: float, settle_s: float = 5.0) -> Crowd:
        """Fill the lines, let them settle, then count for a while."""
        ramp_s = max(3.0, self._calls / 4)
        tasks = [asyncio.create_task(self._ring(at * ramp_s / self._calls)) for at in range(self._calls)]
        try:
            await asyncio.sleep(ramp_s + settle_s)
            self._since, cpu = time.monotonic(), self._side.cpu_s
            live = 0
            for _ in range(int(window_s)):
                await asyncio.sleep(1)
                live += len(self._lines)
            crowd = self.crowd
            crowd.cpu_s = self._side.cpu_s - cpu
            crowd.core = crowd.cpu_s / (time.monotonic() - self._since)
            crowd.live = live / int(window_s)
            crowd.call_minutes = live / 60
            crowd.holes += [hole for line in self._lines for hole in line.holes]
            return crowd
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(1)  # what is over goes

    async def _ring(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        while True:
            try:
                await self._one()
            except Refused:
                self.crowd.refused += self._counts
                await asyncio.sleep(2)
            except (LineError, OSError, TimeoutError) as why:
                self.crowd.missed += self._counts
                say(f"{self._side.name} at {self._calls} calls: {why}")
            await asyncio.sleep(self._dice.uniform(0.2, 1.6))

    @property
    def _counts(self) -> bool:
        return time.monotonic() >= self._since

    async def _one(self) -> None:
        async with a_call(self._side) as line:
            self._lines.add(line)
            try:
                await line.agent_done(line.started_at, pause_s=self._dice.uniform(0.4, 1.6))
                for kind in ("plain", "tool", "plain"):
                    turn = await _turn(line, kind, self._bench.words)
                    if turn.at >= self._since:
                        self.crowd.turns.append(turn)
                    if kind == "plain":
                        await self._talk_over(line)
                    else:
                        await line.agent_done(turn.at, pause_s=self._dice.uniform(0.4, 1.6))
            finally:
                self._lines.discard(line)
                if self._counts:
                    self.crowd.holes += line.holes

    async def _talk_over(self, line: PhoneLine) -> None:
        await asyncio.sleep(self._dice.uniform(2.0, 4.0))
        _, ended = await line.say(self._bench.words.interrupt)
        await line.agent_done(ended, pause_s=self._dice.uniform(0.4, 1.6))


async def crowd_of(bench: Bench, side: Side, calls: int, window_s: float) -> Crowd:
    """So many callers of one side; again when the generator was late."""
    return await bench.round(lambda: Callers(side, bench, calls).talk(window_s))


async def capacity(bench: Bench) -> None:
    """How many calls one core holds well, what a call costs at twenty, and what becomes of half as many again."""
    window_s = 6.0 if bench.asked.quick else 30.0
    holds: dict[Name, int] = {"ours": 0, "stock": 0}
    costs: dict[Name, float | None] = {"ours": None, "stock": None}
    overload: dict[Name, float | None] = {"ours": None, "stock": None}
    for name in _sides(bench):
        async with running(name, bench.stage) as side:
            await warmed(side, bench)
            alone = {} if bench.asked.quick else await _alone(bench, side, window_s)
            levels = await _climb(bench, side, alone, window_s)
            well = [crowd for crowd in levels if crowd.is_well(alone)]
            holds[name] = max((crowd.calls for crowd in well), default=0)
            twenty = next((crowd for crowd in levels if crowd.calls == 20), None)
            costs[name] = (twenty or (well or levels)[-1]).cpu_s_per_call_minute
            if well and not bench.asked.quick:
                more = await crowd_of(bench, side, int(holds[name] * 1.5), window_s)
                overload[name] = more.p95() / well[-1].p95()
                bench.notes.setdefault("overload", {})[name] = more.told(alone)
            bench.notes.setdefault("levels", {})[name] = [crowd.told(alone) for crowd in levels]
    bench.row("calls_per_core", "calls", holds["ours"], holds["stock"], 1)
    bench.row("cpu_s_per_call_minute", "s", costs["ours"], costs["stock"], 1)
    bench.row("overload_p95_ratio", "", overload["ours"], overload["stock"], 1)


async def _alone(bench: Bench, side: Side, window_s: float) -> dict[str, float]:
    """What two callers wait for each kind of turn."""
    crowd = await crowd_of(bench, side, 2, max(window_s, 20.0))
    alone = crowd.medians()
    say(f"{side.name} alone: {alone}, {crowd.cpu_s_per_call_minute:.2f} CPU s a call-minute")
    return alone


async def _climb(bench: Bench, side: Side, alone: dict[str, float], window_s: float) -> list[Crowd]:
    """Level after level, up to the first that is not well."""
    levels = LEVELS[side.name]
    if side.name == "ours" and bench.asked.levels:
        levels = tuple(bench.asked.levels)
    elif bench.asked.quick:
        levels = (20,) if side.name == "ours" else (2,)
    climbed: list[Crowd] = []
    for calls in levels:
        climbed.append(await crowd_of(bench, side, calls, window_s))
        alone |= {} if alone else climbed[0].medians()  # in a hurry nobody was called alone
        say(f"{side.name}: {climbed[-1].told(alone)}")
        if not climbed[-1].is_well(alone):
            break
    return climbed


# Memory


async def memory(bench: Bench) -> None:
    """What a call adds while it lasts, and what a thousand leave behind."""
    per_call: dict[Name, float | None] = {"ours": None, "stock": None}
    left: dict[Name, float | None] = {"ours": None, "stock": None}
    many = 600
    for name in _sides(bench):
        async with running(name, bench.stage) as side:
            await warmed(side, bench)
            await asyncio.sleep(1)
            calls, idle = (20 if name == "ours" else 4), side.rss_mb
            at_once = await bench.round(lambda side=side, calls=calls: _rss_with(side, bench, calls))
            per_call[name] = (at_once - idle) / calls
            if not bench.asked.quick:
                left[name] = await _slope(side, many if name == "ours" else many // 6)
    bench.row("mb_per_call", "MB", per_call["ours"], per_call["stock"], 20)
    bench.row("mb_per_1000_calls", "MB", left["ours"], left["stock"], many)


async def _rss_with(side: Side, bench: Bench, calls: int) -> float:
    """Memory while so many talk at once."""

    async def one(at: int) -> None:
        await asyncio.sleep(at * 0.1)
        async with a_call(side) as line:
            await line.agent_done(line.started_at)
            await line.say(bench.words.ask)
            await asyncio.sleep(6)

    tasks = [asyncio.create_task(one(at)) for at in range(calls)]
    await asyncio.sleep(calls * 0.1 + 6)
    rss = side.rss_mb
    await asyncio.gather(*tasks)
    return rss


async def _slope(side: Side, calls: int) -> float:
    """MB that memory grows by in a thousand short calls, once the first half is over; five at once."""
    rss: list[tuple[int, float]] = []
    done = 0

    async def ring() -> None:
        nonlocal done
        while done < calls:
            done += 1
            async with a_call(side) as line:
                await line.voice_arrives(line.started_at)
                await asyncio.sleep(0.3)
            rss.append((done, side.rss_mb))

    await asyncio.gather(*(ring() for _ in range(5)))
    late = [(n, mb) for n, mb in rss if n > calls / 2]
    return statistics.linear_regression([n for n, _ in late], [mb for _, mb in late]).slope * 1000


# Start


async def startup(bench: Bench) -> None:
    """What the first caller of a process waits for, greeting and answer together, against later ones."""
    ratio: dict[Name, list[float]] = {"ours": [], "stock": []}
    rounds = rounds_of(bench, 3, 1)
    for _ in range(rounds):
        for name in _sides(bench):
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
        return greeted + (await _turn(line, "plain", bench.words)).ms


MEASURES: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "greeting": greeting,
    "latency": latency,
    "bargein": bargein,
    "capacity": capacity,
    "memory": memory,
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
