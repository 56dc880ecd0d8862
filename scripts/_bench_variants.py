"""Ours beside ours, otherwise set: what recording costs, what a guess gains, what more workers cost.

Vendors, callers and rounds are those of `_bench_calls.py`; there is no other side.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from _bench import Measured
from _bench_calls import Bench, Turn, measured, median, rounds_of, say, two_turns, warmed
from _bench_calls import add_arguments as add_arguments
from _bench_crowd import crowd_of
from _bench_sides import Side, running
from _servers import redis_server

RECORDED_CALLS = 10
SHARED_CALLS = 20
GUESSES: Mapping[str, Mapping[str, Any]] = {
    "never": {"eager_end_of_turn": False},
    "flux": {"guess_after_quiet_ms": 0},
    "quiet": {},
    "words": {"guess_while_speaking": True},
}
"""When an answer is begun: at the turn's end; when Flux predicts it; after a short silence; at every new word."""


async def measure(asked: argparse.Namespace) -> Measured:
    """One of the measurements below."""
    return await measured(MEASURES[asked.what], asked)


async def recording(bench: Bench) -> None:
    """The same server with and without tapes, on the same core, a round each in turn."""
    rounds, window_s = rounds_of(bench, 5, 1), 6.0 if bench.asked.quick else 20.0
    cost: list[float] = []
    wait: list[float] = []
    async with (
        running("ours", bench.stage, records_calls=True) as taped,
        running("ours", bench.stage) as plain,
    ):
        for side in (taped, plain):
            await warmed(side, bench)
        for number in range(rounds):
            order = (taped, plain) if number % 2 else (plain, taped)
            crowds = [(side, await crowd_of(bench, side, RECORDED_CALLS, window_s)) for side in order]
            with_it, without = (next(crowd for side, crowd in crowds if side is at) for at in (taped, plain))
            cost.append(with_it.cpu_s_per_call_minute / without.cpu_s_per_call_minute)
            wait.append(with_it.medians()["plain"] / without.medians()["plain"])
            told = {name: round(crowd.cpu_s_per_call_minute, 3) for name, crowd in (("on", with_it), ("off", without))}
            waits = {name: round(crowd.medians()["plain"]) for name, crowd in (("on", with_it), ("off", without))}
            say(f"recording: CPU s a call-minute {told}, plain turns {waits} ms")
            bench.notes.setdefault("recording", []).append({"cpu_s_per_call_minute": told, "turn_plain_ms": waits})
    bench.row("recording_cpu_ratio", "", median(cost), None, rounds)
    bench.row("recording_turn_ratio", "", median(wait), None, rounds)


async def speculation(bench: Bench) -> None:
    """What it gains to begin an answer before the turn has ended, and what is asked of the vendors for it."""
    rounds = rounds_of(bench, 3, 1)
    turns: dict[str, list[Turn]] = {name: [] for name in GUESSES}
    asked = dict.fromkeys(GUESSES, 0)
    spoken = dict.fromkeys(GUESSES, 0)
    async with AsyncExitStack() as stack:
        sides = {
            name: await stack.enter_async_context(running("ours", bench.stage, **GUESSES[name])) for name in GUESSES
        }
        for side in sides.values():
            await warmed(side, bench)
        for _ in range(rounds):
            for name, side in sides.items():
                requests, characters = len(bench.stage.openai.requests), bench.stage.cartesia.characters
                turns[name] += await bench.round(lambda side=side: _three(side, bench))
                asked[name] += len(bench.stage.openai.requests) - requests
                spoken[name] += bench.stage.cartesia.characters - characters
    for name in GUESSES:
        for kind in ("plain", "tool"):
            ms = [turn.ms for turn in turns[name] if turn.kind == kind]
            bench.row(f"speculation_{name}_turn_{kind}_ms", "ms", median(ms), None, len(ms))
        count = len(turns[name])
        bench.row(f"speculation_{name}_requests_per_turn", "", asked[name] / count, None, count)
        thrown_away = (spoken[name] - spoken["never"]) / count
        bench.row(f"speculation_{name}_characters_thrown_away_per_turn", "", thrown_away, None, count)


async def _three(side: Side, bench: Bench) -> list[Turn]:
    told = await asyncio.gather(*(two_turns(side, bench, at * 1.7) for at in range(3)))
    return [turn for turns in told for turn in turns]


async def workers(bench: Bench) -> None:
    """One server and two workers, on the same core and with as many calls: what the second one costs."""
    rounds, window_s = rounds_of(bench, 3, 1), 6.0 if bench.asked.quick else 20.0
    counts = (1, 2)
    cost: dict[int, list[float]] = {count: [] for count in counts}
    memory: dict[int, float] = {}
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server())
        sides = {
            count: await stack.enter_async_context(running("ours", bench.stage, workers=count, redis_url=redis))
            for count in counts
        }
        for count, side in sides.items():
            for _ in range(2 * count):
                await warmed(side, bench)
            memory[count] = side.rss_mb
        for number in range(rounds):
            for count in counts if number % 2 else reversed(counts):
                crowd = await crowd_of(bench, sides[count], SHARED_CALLS, window_s)
                cost[count].append(crowd.cpu_s_per_call_minute)
                told = crowd.told(crowd.medians())
                say(f"{count} workers: {told}")
                bench.notes.setdefault("workers", []).append({"workers": count, **told})
    for count in counts:
        bench.row(f"workers_{count}_cpu_s_per_call_minute", "s", median(cost[count]), None, rounds)
        bench.row(f"workers_{count}_mb", "MB", memory[count], None, 1)


MEASURES: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "recording": recording,
    "speculation": speculation,
    "workers": workers,
}
