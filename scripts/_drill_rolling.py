"""Two servers restarted in turn under calls, as a rolling deploy does: nobody on the phone or at a page notices.

    python scripts/_drill_rolling.py [--calls 20] [--restarts 4] [--json FILE]

One Redis, one database, a load balancer that looks at `/readyz`. Every caller who hangs up rings again. A call counts
as dropped unless its caller heard something after each thing they said and was the one to hang up; a dashboard is
away from the end of its connection to the first picture on the next one.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _balancer import Balancer
from _servers import NUMBER, ROOT, DrillError, ServerProcess, as_object, free_port, store_shop
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from agent.emulators.caller import Caller
from agent.emulators.latencies import CartesiaLatencies, DeepgramLatencies, Latencies, OpenAILatencies
from agent.emulators.report import CallReport
from agent.emulators.scenario import Scenario, parse_scenario
from agent.emulators.stage import Stage, open_stage
from agent.stores.embedded import EmbeddedStore

VENDORS = Latencies(
    deepgram=DeepgramLatencies(connect_ms=20),
    openai=OpenAILatencies(ttft_ms=100, tokens_per_s=200),
    cartesia=CartesiaLatencies(connect_ms=20, first_chunk_ms=50),
)
DRAIN_S = 90.0
"""Longer than any of these calls."""
STAGGER_S = 3.0
"""Within this the first callers ring."""
RECONNECT_S = 0.5
"""As the page does."""
CONNECTED_S = 0.5
"""In which dashboards have connected."""
AWAY_S = 2.0
"""A dashboard may be away so long."""
CALL = (
    {"say": "How much is a balayage?"},
    {"say": "And how much is a haircut?"},
    {"say": "What are your opening hours on Friday?"},
)


@dataclass
class Options:
    """How many of each."""

    calls: int = 20
    restarts: int = 4
    dashboards: int = 4
    questions: int = len(CALL)
    """Asked in a call."""
    between_s: float = 3.0
    """How long both serve between two restarts."""
    say: bool = False
    """Tell on standard error how it goes."""


@dataclass
class _Deploy:
    """What goes on while servers are restarted."""

    options: Options
    stage: Stage
    servers: list[ServerProcess]
    balancer: Balancer
    caller: Caller
    over: bool = False
    reports: list[CallReport] = field(default_factory=list[CallReport])
    away_s: list[float] = field(default_factory=list[float])
    """Of every time that a dashboard lost its connection."""
    drained_s: list[float] = field(default_factory=list[float])


async def run(options: Options) -> dict[str, Any]:
    """Hold the drill. Raises DrillError when it could not be held."""
    with TemporaryDirectory(prefix="chairside-rolling-") as name:
        async with _deploy(options, Path(name)) as deploy:
            await _roll(deploy)
            return _told(deploy)


def _told(deploy: _Deploy) -> dict[str, Any]:
    questions = deploy.options.questions
    dropped = [f"{at.call_sid}: {why}" for at in deploy.reports if (why := _dropped(at, questions))]
    longest = max(deploy.away_s, default=0.0)
    return {
        "restarts": len(deploy.drained_s),
        "calls": len(deploy.reports),
        "calls_dropped": len(dropped),
        "dashboards": deploy.options.dashboards,
        "dashboards_reconnected": len(deploy.away_s),
        "longest_away_s": round(longest, 3),
        "longest_drain_s": round(max(deploy.drained_s, default=0.0), 1),
        "rang_on": sum("rung=" in document for at in deploy.reports for document in at.twiml),
        "ok": not dropped and longest <= AWAY_S and bool(deploy.reports) and bool(deploy.away_s),
        "dropped": dropped,
    }


def _dropped(report: CallReport, questions: int) -> str:
    """Why a caller would complain; '' when all went well. Who says the next thing has heard an answer to the last."""
    if report.error or report.end != "hung_up_by_caller":
        return f"{report.end}, {report.error}, {report.twiml[-1] if report.twiml else ''}"
    return "" if len(report.exchanges) == questions else f"only {len(report.exchanges)} things were said"


@asynccontextmanager
async def _deploy(options: Options, folder: Path) -> AsyncGenerator[_Deploy]:
    sys.path.insert(0, str(ROOT / "tests"))
    redis = importlib.import_module("rig.redis")
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(open_stage(latencies=VENDORS, database_path=folder / "chairside.db"))
        stage.prepare(_scenario(0, options.questions))
        async with EmbeddedStore.open(stage.database_path) as store:
            await store_shop(store)
        wire = stack.enter_context(redis.running(folder))
        settings = stage.settings(redis_url=SecretStr(wire.url), drain_s=DRAIN_S, max_calls=2 * options.calls)
        servers = [
            ServerProcess(settings.model_copy(update={"port": free_port()}), folder / f"{name}.log") for name in "ab"
        ]
        for server in servers:
            stack.push_async_callback(server.kill)
        await asyncio.gather(*(server.start() for server in servers))
        balancer = await stack.enter_async_context(Balancer.open([server.url for server in servers]))
        caller = await stack.enter_async_context(stage.caller(balancer.url))
        yield _Deploy(options, stage, servers, balancer, caller)


async def _roll(deploy: _Deploy) -> None:
    # Before anybody rings: the balancer gives each server its share of them, so that every restart is seen.
    watching = [asyncio.create_task(_watch(deploy)) for _ in range(deploy.options.dashboards)]
    await asyncio.sleep(CONNECTED_S)
    calling = [asyncio.create_task(_ring_again(deploy, number)) for number in range(deploy.options.calls)]
    try:
        await asyncio.sleep(deploy.options.between_s)
        for at in range(deploy.options.restarts):
            server = deploy.servers[at % len(deploy.servers)]
            deploy.drained_s.append(await server.stop(DRAIN_S + 30))
            await server.start()
            if deploy.options.say:
                print(f"[rolling] restart {at + 1} after {deploy.drained_s[-1]:.1f} s", file=sys.stderr)
            await asyncio.sleep(deploy.options.between_s)
        deploy.over = True
        await asyncio.gather(*calling)
    finally:
        for task in (*calling, *watching):
            task.cancel()
        await asyncio.gather(*calling, *watching, return_exceptions=True)


def _scenario(number: int, questions: int) -> Scenario:
    facts = {"name": f"rolling {number}", "to": NUMBER, "caller": f"+1202555{number:04d}", "patience_s": 30}
    return parse_scenario({**facts, "steps": list(CALL[:questions])})


async def _ring_again(deploy: _Deploy, number: int) -> None:
    """One caller after the other; they begin at different moments, so that some are always in each place."""
    await asyncio.sleep(number * STAGGER_S / deploy.options.calls)
    while not deploy.over:
        deploy.reports.append(await deploy.caller.call(_scenario(number, deploy.options.questions)))


async def _watch(deploy: _Deploy) -> None:
    """A dashboard of all shops that connects again whenever it must."""
    token = deploy.servers[0].settings.operator_token.get_secret_value()
    url = f"ws{deploy.balancer.url.removeprefix('http')}/ops?feed=full"
    loop, lost_at = asyncio.get_running_loop(), None
    while True:
        with suppress(OSError, WebSocketException):
            headers = {"Authorization": f"Bearer {token}"}
            async with connect(url, additional_headers=headers, compression=None) as socket:
                async for line in socket:
                    if lost_at is not None and as_object(line)["type"] == "snapshot":
                        deploy.away_s.append(loop.time() - lost_at)
                        lost_at = None
        lost_at = loop.time() if lost_at is None else lost_at
        await asyncio.sleep(RECONNECT_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1: a call was dropped, or a dashboard away for too long."""
    usual = Options()
    parser = argparse.ArgumentParser(description="Restart two servers in turn under calls.")
    parser.add_argument("--calls", type=int, default=usual.calls, help="how many at once")
    parser.add_argument("--restarts", type=int, default=usual.restarts)
    parser.add_argument("--dashboards", type=int, default=usual.dashboards)
    parser.add_argument("--questions", type=int, choices=range(1, len(CALL) + 1), default=usual.questions)
    parser.add_argument("--between", type=float, default=usual.between_s, help="seconds between two restarts")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    try:
        counts = (asked.calls, asked.restarts, asked.dashboards, asked.questions)
        told = asyncio.run(run(Options(*counts, asked.between, say=True)))
    except DrillError as why:
        print(f"drill: {why}", file=sys.stderr)
        return 2
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=2))
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
