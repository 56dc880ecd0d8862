"""Knock at every door with made-up messages, while somebody else is on the phone: `make fuzz`.

Hypothesis makes up what comes over sockets, schemathesis requests from a description of the doors, atheris bytes for
what reads strangers' bytes first. Nothing may answer 500, nothing may crash, memory must not grow, and the calls that
go on meanwhile must be answered without a gap. Everything stays on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
from _fuzz_doors import Found, Target
from _house import ROOT, load_samples

from agent.emulators.caller import Caller
from agent.emulators.latencies import Latencies
from agent.emulators.report import CallReport
from agent.emulators.scenario import Say, Scenario, Wait
from agent.emulators.stage import PUBLIC_URL, Stage, open_stage
from agent.settings import Settings

SHARES = {"media": 0.78, "ops": 0.12, "twilio": 0.06, "people": 0.04}
"""Of the messages; `people` are /shop/setup, /login and the other doors that read a body."""
PLUMERIA, COPPER_LANE = "+18084826296", "+442079460123"
READY_S = 30.0
LOOK_S = 0.5
MAX_GROWTH_MB = 24.0
"""Between the middle of the messages and their end: caches and the allocator have settled by then."""
MAX_GAP_MS = 60.0
"""Of one gap in what the bystander hears; three packets, which a telephone network loses without anybody noticing."""


@dataclass
class Bystander:
    """Those who called meanwhile."""

    calls: int = 0
    asked: int = 0
    answered: int = 0
    longest_gap_ms: float = 0.0
    broken: list[str] = field(default_factory=list[str])

    def note(self, report: CallReport) -> None:
        self.calls += 1
        self.asked += len(report.exchanges)
        self.answered += sum(at.voice_to_voice_ms is not None for at in report.exchanges)
        self.longest_gap_ms = max(self.longest_gap_ms, *report.underruns_ms, 0.0)
        if report.end != "hung_up_by_caller" or not report.agent_audio:
            self.broken.append(f"{report.end} {report.error or ''}".strip())


@dataclass
class Result:
    """What all of it came to."""

    messages: int
    parsed: int
    """Inputs of atheris, on top of the messages."""
    took_s: float
    doors: list[dict[str, Any]]
    bystander: Bystander
    memory_mb: list[float]
    grew_mb: float
    faults: list[str]


async def fuzz(messages: int, runs: int, of_seed: int) -> Result:
    """Start a server and knock at it. Raises RuntimeError when it does not start."""
    with TemporaryDirectory(prefix="chairside-fuzz-") as folder:
        database, log = Path(folder) / "chairside.db", Path(folder) / "server.log"
        async with open_stage(latencies=Latencies(), database_path=database) as stage:
            settings = stage.settings(port=_free_port(), admin_token="fuzz-admin", log_level="WARNING")
            await load_samples(settings)
            async with running(settings, log) as server, stage.caller(_url(settings)) as caller:
                return await _under_way(stage, settings, server, caller, log, (messages, runs, of_seed))


async def _under_way(
    stage: Stage,
    settings: Settings,
    server: asyncio.subprocess.Process,
    caller: Caller,
    log: Path,
    size: tuple[int, int, int],
) -> Result:
    messages, runs, of_seed = size
    bystander, memory, began, over = Bystander(), list[float](), time.monotonic(), asyncio.Event()
    calling = asyncio.create_task(_call_on(stage, caller, bystander, over), name="bystander")
    watching = asyncio.create_task(_watch(server.pid, memory), name="memory")
    target = json.dumps(asdict(_target(settings)))
    knocking = [
        _worker("_fuzz_doors.py", door, round(messages * share), of_seed, given=target)
        for door, share in SHARES.items()
    ]
    told = await asyncio.gather(*knocking, _worker("_fuzz_parsers.py", runs, of_seed))
    faults = [fault for _, faults in told for fault in faults]
    alive = await _still_there(settings)
    over.set()
    await calling
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    doors = [facts for facts, _ in told[:-1]]
    faults += [f"{door['door']}: {fault}" for door in doors for fault in door["faults"]]
    result = Result(
        messages=sum(door["messages"] for door in doors),
        parsed=told[-1][0].get("runs", 0),
        took_s=round(time.monotonic() - began, 1),
        doors=doors,
        bystander=bystander,
        memory_mb=[round(at, 1) for at in memory[:: max(1, len(memory) // 20)]],
        grew_mb=round(_grown(memory), 1),
        faults=faults,
    )
    result.faults += _judged(result, server, log, alive=alive)
    return result


def _judged(result: Result, server: asyncio.subprocess.Process, log: Path, *, alive: bool) -> list[str]:
    """What is wrong with it as a whole."""
    by, faults = result.bystander, list[str]()
    if not alive or server.returncode is not None:
        faults.append("the server does not answer any more")
    faults += [
        f"the server's log: {line}" for line in log.read_text("utf-8", "replace").splitlines() if "Traceback" in line
    ]
    if result.grew_mb > MAX_GROWTH_MB:
        faults.append(f"memory grew by {result.grew_mb} MB in the second half")
    if by.broken or not by.calls or by.answered < by.asked:
        faults.append(f"a bystander's call broke: {by}")
    if by.longest_gap_ms > MAX_GAP_MS:
        faults.append(f"a bystander heard a gap of {by.longest_gap_ms:.0f} ms")
    return faults


def _grown(memory: Sequence[float]) -> float:
    """From the highest of the middle fifth to the highest of the last."""
    fifth = max(1, len(memory) // 5)
    middle = len(memory) // 2
    return max(memory[-fifth:], default=0.0) - max(memory[middle : middle + fifth], default=0.0)


# What runs


@asynccontextmanager
async def running(settings: Settings, log: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    """`server.py` in a process of its own, ready for calls; what it says goes to `log`."""
    plain = {name: getattr(at, "get_secret_value", lambda at=at: at)() for name, at in settings}
    environment = {name.upper(): json.dumps(at) if isinstance(at, dict) else str(at) for name, at in plain.items()}
    with log.open("wb") as said:
        server = await asyncio.create_subprocess_exec(
            sys.executable, "server.py", cwd=ROOT, env={**os.environ, **environment}, stdout=said, stderr=said
        )
        try:
            until = time.monotonic() + READY_S
            while not await _still_there(settings):
                if time.monotonic() > until or server.returncode is not None:
                    raise RuntimeError(f"the server does not start: {log}")
                await asyncio.sleep(0.1)
            yield server
        finally:
            if server.returncode is None:
                server.terminate()
                await server.wait()


async def _still_there(settings: Settings) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(_url(settings) + "/healthz", timeout=10)).status_code == 200
    except httpx.HTTPError:
        return False


def _elsewhere() -> None:
    """Who knocks has machines of their own: these must not keep the server, vendors and bystander from a core."""
    os.nice(10)


async def _worker(script: str, *arguments: object, given: str = "") -> tuple[dict[str, Any], list[str]]:
    """What a process found, and its own failure."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "scripts" / script),
        *map(str, arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=_elsewhere,
    )
    try:
        out, err = await process.communicate(given.encode())
    except asyncio.CancelledError:
        process.kill()
        raise
    lines = out.decode().splitlines()
    facts: dict[str, Any] = json.loads(lines[-1]) if lines else asdict(Found(str(arguments[0])))
    failed = [f"{script} {arguments[0]}: {err.decode('utf-8', 'replace')[-1500:]}"] if process.returncode else []
    return facts, failed


async def _call_on(stage: Stage, caller: Caller, bystander: Bystander, over: asyncio.Event) -> None:
    """One call after another to the other shop, each with a question; the last ends in good order."""
    scenario = Scenario(
        name="bystander", to=COPPER_LANE, steps=(Say(say="How much is a balayage?"), Wait(wait="agent_done"))
    )
    stage.prepare(scenario)
    while not over.is_set():
        bystander.note(await caller.call(scenario))


async def _watch(pid: int, memory: list[float]) -> None:
    process = psutil.Process(pid)
    while True:
        memory.append(process.memory_info().rss / 1e6)
        await asyncio.sleep(LOOK_S)


def _target(settings: Settings) -> Target:
    return Target(
        url=_url(settings),
        public_url=PUBLIC_URL,
        auth_token=settings.twilio_auth_token.get_secret_value(),
        operator_token=settings.operator_token.get_secret_value(),
        admin_token=settings.admin_token.get_secret_value(),
        numbers=(PLUMERIA, COPPER_LANE),
    )


def _url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.port}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1: something must not be as it was found; each fault is a line."""
    parser = argparse.ArgumentParser(description="Knock at every door with made-up messages.")
    parser.add_argument("--messages", type=int, default=210_000, help="over sockets and HTTP (default: 210000)")
    parser.add_argument("--runs", type=int, default=100_000, help="of atheris, on top (default: 100000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes up the same messages")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write what was found")
    asked = parser.parse_args(arguments)
    result = asyncio.run(fuzz(asked.messages, asked.runs, asked.seed))
    if asked.json:
        asked.json.write_text(json.dumps(asdict(result), indent=1) + "\n")
    for door in result.doors:
        print(f"{door['door']:8} {door['messages']:8,} messages  {door['answers']}")
    by = result.bystander
    print(f"atheris  {result.parsed:8,} inputs")
    print(f"bystander: {by.calls} calls, {by.answered} of {by.asked} answers, longest gap {by.longest_gap_ms:.0f} ms")
    print(f"memory: {result.memory_mb[0]} to {result.memory_mb[-1]} MB, {result.grew_mb:+} MB in the second half")
    print(f"{result.messages:,} messages in {result.took_s} s, {len(result.faults)} faults")
    for fault in result.faults:
        print(f"fault: {fault}")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
