"""Callers by the dozen: how many a core holds, what a call costs and leaves behind, and what becomes of too many."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from _bench import Measured, percentile
from _bench_calls import Bench, Turn, a_call, measured, say, sides_of, turn_of, warmed
from _bench_calls import add_arguments as add_arguments
from _bench_sides import Name, Refused, Side, running
from _phone_line import LineError, PhoneLine

HOLE_MS, ADDED_MS = 60.0, 200.0
"""What a core may not do that is not full: a hole in a voice as long as this, answers so much later than to a single
caller, a call that it cannot take."""
PARTS = 5
MOST_ROUNDS = 3
OVERLOAD, MOST_OVERLOADS = 1.5, 3
LEVELS: dict[Name, tuple[int, ...]] = {"ours": (20, 35, 50, 65, 80), "stock": (2, 4, 6, 8, 10, 12)}


async def measure(asked: argparse.Namespace) -> Measured:
    """One of the measurements below."""
    return await measured(MEASURES[asked.what], asked)


@dataclass
class Crowd:
    """What came of so many calls at once, in a window of some seconds."""

    calls: int
    turns: list[Turn] = field(default_factory=list[Turn])
    holes: list[float] = field(default_factory=list[float])
    missed: int = 0
    refused: int = 0
    costs: list[float] = field(default_factory=list[float])
    """CPU seconds a call-minute in each part of the window: a shared machine has bad moments."""
    core: float = 0.0
    live: float = 0.0
    """How many were talking on average."""

    @property
    def cpu_s_per_call_minute(self) -> float:
        return statistics.median(self.costs) if self.costs else 0.0

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
        return heard and not self.missed and not self.refused and self.added_ms(alone) <= ADDED_MS

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
            self._since, cpu, crowd = time.monotonic(), self._side.cpu_s, self.crowd
            live = [await self._part(int(window_s) // PARTS) for _ in range(PARTS)]
            crowd.core = (self._side.cpu_s - cpu) / (time.monotonic() - self._since)
            crowd.live = statistics.mean(live)
            crowd.holes += [hole for line in self._lines for hole in line.holes]
            return crowd
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(1)  # what is over goes

    async def _part(self, seconds: int) -> float:
        """Note what a part of the window costs; returns how many talked, on average."""
        cpu, live = self._side.cpu_s, 0
        for _ in range(seconds):
            await asyncio.sleep(1)
            live += len(self._lines)
        if live:
            self.crowd.costs.append((self._side.cpu_s - cpu) * 60 / live)
        return live / seconds

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
                    turn = await turn_of(line, kind, self._bench.words)
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


@dataclass
class Level:
    """So many callers, in one round; in up to three where the first was not well: a shared machine has bad moments."""

    crowds: list[Crowd]

    @property
    def first(self) -> Crowd:
        return self.crowds[0]

    def is_well(self, alone: dict[str, float]) -> bool:
        return 2 * sum(crowd.is_well(alone) for crowd in self.crowds) > len(self.crowds)

    def is_open(self, alone: dict[str, float]) -> bool:
        """Whether another round may still make it one that is held: two of three must be well, unless the first is."""
        well = [crowd.is_well(alone) for crowd in self.crowds]
        return not well[0] and len(well) < MOST_ROUNDS and well.count(False) < MOST_ROUNDS - 1

    def p95(self) -> float:
        return statistics.median(crowd.p95() for crowd in self.crowds)


async def capacity(bench: Bench) -> None:
    """How many calls one core holds well, what a call costs at twenty, and what becomes of half as many again."""
    window_s = 6.0 if bench.asked.quick else 30.0
    holds: dict[Name, int] = {"ours": 0, "stock": 0}
    costs: dict[Name, float | None] = {"ours": None, "stock": None}
    overload: dict[Name, float | None] = {"ours": None, "stock": None}
    for name in sides_of(bench):
        async with running(name, bench.stage) as side:
            await warmed(side, bench)
            alone = {} if bench.asked.quick else await _alone(bench, side, window_s)
            levels = await _climb(bench, side, alone, window_s)
            well = [level for level in levels if level.is_well(alone)]
            holds[name] = max((level.first.calls for level in well), default=0)
            twenty = next((level for level in levels if level.first.calls == 20), None)
            costs[name] = (twenty or (well or levels)[-1]).first.cpu_s_per_call_minute
            if well and not bench.asked.quick:
                overload[name] = await _overload(bench, side, well[-1], alone, window_s)
            told = [crowd.told(alone) for level in levels for crowd in level.crowds]
            bench.notes.setdefault("levels", {})[name] = told
    bench.row("calls_per_core", "calls", holds["ours"], holds["stock"], 1)
    bench.row("cpu_s_per_call_minute", "s", costs["ours"], costs["stock"], PARTS)
    bench.row("overload_p95_ratio", "", overload["ours"], overload["stock"], 1)


async def _overload(bench: Bench, side: Side, held: Level, alone: dict[str, float], window_s: float) -> float:
    """What the others wait when half as many again call, to what they wait when the core is as full as it may be.

    A level is given up for one caller refused, so the core may have room for half as many again; then still more call,
    until some are refused, and the worst of these ratios counts.
    """
    calls, ratios = held.first.calls, list[float]()
    while len(ratios) < MOST_OVERLOADS:
        calls = int(calls * OVERLOAD)
        crowd = await crowd_of(bench, side, calls, window_s)
        ratios.append(crowd.p95() / held.p95())
        say(f"{side.name}: overload {ratios[-1]:.2f}, {crowd.told(alone)}")
        bench.notes.setdefault("overload", {}).setdefault(side.name, []).append(crowd.told(alone))
        if crowd.refused or side.name == "stock":  # it refuses nobody
            break
    return max(ratios)


async def _alone(bench: Bench, side: Side, window_s: float) -> dict[str, float]:
    """What two callers wait for each kind of turn."""
    crowd = await crowd_of(bench, side, 2, max(window_s, 20.0))
    alone = crowd.medians()
    say(f"{side.name} alone: {alone}, {crowd.cpu_s_per_call_minute:.2f} CPU s a call-minute")
    return alone


async def _climb(bench: Bench, side: Side, alone: dict[str, float], window_s: float) -> list[Level]:
    """Level after level, up to the first that is not well."""
    levels = LEVELS[side.name]
    if side.name == "ours" and bench.asked.levels:
        levels = tuple(bench.asked.levels)
    elif bench.asked.quick:
        levels = (20,) if side.name == "ours" else (2,)
    climbed: list[Level] = []
    for calls in levels:
        climbed.append(Level([await crowd_of(bench, side, calls, window_s)]))
        alone |= {} if alone else climbed[0].first.medians()  # in a hurry nobody was called alone
        while not bench.asked.quick and climbed[-1].is_open(alone):
            climbed[-1].crowds.append(await crowd_of(bench, side, calls, window_s))
        say(f"{side.name}: {[crowd.told(alone) for crowd in climbed[-1].crowds]}")
        if not climbed[-1].is_well(alone):
            break
    return climbed


# Memory


async def memory(bench: Bench) -> None:
    """What a call adds while it lasts, and what a thousand leave behind."""
    per_call: dict[Name, float | None] = {"ours": None, "stock": None}
    left: dict[Name, float | None] = {"ours": None, "stock": None}
    many = 1000
    for name in sides_of(bench):
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


MEASURES: dict[str, Callable[[Bench], Awaitable[None]]] = {"capacity": capacity, "memory": memory}
