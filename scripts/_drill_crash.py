"""A server killed in the middle of its calls, again and again: what was promised before is kept after.

    python scripts/_drill_crash.py [--rounds 30] [--calls 10] [--json FILE]

A real `server.py` on a real PostgREST, under callers of whom half book and half ask, dies by kill -9 at a random moment
and is started again on the same files; in every other round the project is away for a while around that moment. A turn
counts as promised once its caller heard an answer to it, an appointment once it was shown to operators.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from _servers import (
    NAMES,
    NUMBER,
    DrillError,
    ServerProcess,
    as_object,
    free_port,
    patient_caller,
    store_shop,
    supabase_project,
)
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from agent.emulators.caller import Caller
from agent.emulators.latencies import CartesiaLatencies, DeepgramLatencies, Latencies, OpenAILatencies
from agent.emulators.report import CallReport
from agent.emulators.scenario import Scenario, parse_scenario
from agent.emulators.stage import Stage, open_stage
from agent.settings import Settings
from agent.stores.supabase import SupabaseStore

VENDORS = Latencies(
    deepgram=DeepgramLatencies(connect_ms=20),
    openai=OpenAILatencies(ttft_ms=100, tokens_per_s=200),
    cartesia=CartesiaLatencies(connect_ms=20, first_chunk_ms=50),
)
EARLIEST_S = 0.5
"""When the process dies at the earliest, counted from the first ringing."""
RINGING_S = 2.0
"""Callers ring one after the other within this."""
OUTAGE_AFTER_S = (3.0, 9.0)
"""How long after the death the project is away: at least while the next process starts."""
SETTLED_S = 30.0
"""How long what was written may take to its place, once server and project are back."""
HOURS = ("nine", "ten", "eleven", "noon", "one", "two", "three", "four")
AWAY = ("503", "html502", "lost answer", "503")
HELPS = ("<Dial", "<Record")


@dataclass
class Options:
    """How hard."""

    rounds: int = 30
    calls: int = 10
    seed: int = 8
    latest_s: float = 24.0
    """When the process dies at the latest: among the last goodbyes."""
    say: bool = False
    """Tell on standard error how it goes."""


@dataclass
class Round:
    """One death, and what was found after it."""

    number: int
    died_after_s: float
    project_away: bool
    starts: int = 0
    lines_died: int = 0
    turns_promised: int = 0
    bookings_promised: int = 0
    turns_lost: list[str] = field(default_factory=list[str])
    turns_doubled: list[str] = field(default_factory=list[str])
    bookings_lost: list[str] = field(default_factory=list[str])
    bookings_doubled: list[str] = field(default_factory=list[str])
    messages_lost: list[str] = field(default_factory=list[str])
    messages_doubled: list[str] = field(default_factory=list[str])
    calls_open: list[str] = field(default_factory=list[str])
    unanswered: list[str] = field(default_factory=list[str])
    """Callers of the dead process to whom `/voice/after` gave nothing that helps."""
    set_aside: int = 0

    @property
    def is_good(self) -> bool:
        wrong = (
            *(self.turns_lost, self.turns_doubled, self.bookings_lost, self.bookings_doubled),
            *(self.messages_lost, self.messages_doubled, self.calls_open, self.unanswered),
        )
        return not any(wrong) and not self.set_aside


@dataclass
class _Scene:
    """What all rounds share."""

    options: Options
    dice: Random
    stage: Stage
    rig: Any
    server: ServerProcess
    caller: Caller
    shown: set[str] = field(default_factory=set[str])
    """Of this round: the numbers of the callers whose appointment was shown to operators."""


async def run(options: Options) -> dict[str, Any]:
    """Hold the drill. Raises DrillError when it could not be held."""
    with TemporaryDirectory(prefix="chairside-crash-") as name, supabase_project("crash") as rig:
        async with _scene(options, Path(name), rig) as scene:
            rounds = [await _round(scene, number) for number in range(options.rounds)]
            return _told(rounds)


def _told(rounds: Sequence[Round]) -> dict[str, Any]:
    def total(name: str) -> int:
        return sum(len(getattr(at, name)) for at in rounds)

    return {
        "kills": len(rounds),
        "with_project_away": sum(at.project_away for at in rounds),
        "lines_died": sum(at.lines_died for at in rounds),
        "turns_promised": sum(at.turns_promised for at in rounds),
        "bookings_promised": sum(at.bookings_promised for at in rounds),
        "turns_lost": total("turns_lost"),
        "turns_doubled": total("turns_doubled"),
        "bookings_lost": total("bookings_lost"),
        "bookings_doubled": total("bookings_doubled"),
        "messages_lost": total("messages_lost"),
        "messages_doubled": total("messages_doubled"),
        "calls_open": total("calls_open"),
        "callers_unanswered": total("unanswered"),
        "set_aside": sum(at.set_aside for at in rounds),
        "ok": all(at.is_good for at in rounds),
        "rounds": [asdict(at) for at in rounds],
    }


@asynccontextmanager
async def _scene(options: Options, folder: Path, rig: Any) -> AsyncGenerator[_Scene]:
    async with open_stage(latencies=VENDORS, database_path=folder / "chairside.db") as stage:
        settings = stage.settings(
            port=free_port(), supabase_url=rig.url, supabase_secret_key=SecretStr(rig.gateway.secret_key)
        )
        async with SupabaseStore.open(rig.url, rig.gateway.secret_key) as store:
            await store_shop(store)
        for scenario in (_scenario(options, number, 0) for number in range(options.calls)):
            stage.prepare(scenario)  # said now, so that nobody waits for a voice in the middle
        server = ServerProcess(settings, folder / "server.log")
        async with patient_caller(stage, server.url) as caller:
            try:
                await server.start()
                yield _Scene(options, Random(options.seed), stage, rig, server, caller)  # noqa: S311 - no secret
            finally:
                await server.kill()
                if options.say:
                    print(_last_of(server.log), file=sys.stderr)


def _last_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(line for line in lines if "| ERROR" in line or "Traceback" in line)[-4000:]


async def _round(scene: _Scene, number: int) -> Round:
    dice, options = scene.dice, scene.options
    at = Round(number, round(dice.uniform(EARLIEST_S, options.latest_s), 2), project_away=number % 2 == 0)
    scene.shown.clear()
    starts = scene.server.starts
    watching = asyncio.create_task(_watch(scene))
    calling = [asyncio.create_task(_call(scene, number, index)) for index in range(options.calls)]
    outage = asyncio.create_task(_outage(scene, at)) if at.project_away else None
    try:
        await asyncio.sleep(at.died_after_s)
        await scene.server.kill()
        await scene.server.start()
        at.starts = scene.server.starts - starts
        reports = await asyncio.gather(*calling)
        if outage is not None:
            await outage
        await _settle(scene, at, reports)
        await _ask_after(scene, at, reports)
    finally:
        for task in (watching, *calling, *([outage] if outage else [])):
            task.cancel()
        await asyncio.gather(watching, *calling, return_exceptions=True)
        scene.rig.gateway.faults.clear()
    if options.say:
        print(f"[crash] {number + 1}/{options.rounds} {'good' if at.is_good else asdict(at)}", file=sys.stderr)
    _empty(scene)
    return at


def _scenario(options: Options, number: int, of_round: int) -> Scenario:
    """Half of the callers book, each at a time of their own; the others ask, and leave word when asked to."""
    facts = {
        "name": f"crash {number}",
        "to": NUMBER,
        "caller": _number(options, number, of_round),
        "patience_s": 60,
        "dials": ["no-answer"],
        "message": "It is about my appointment, please call me back.",
    }
    if number % 2:
        steps = [{"say": "How much is a balayage?"}, {"say": "And how much is a haircut?"}, {"say": "Thank you, bye."}]
    else:
        when = f"tomorrow at {HOURS[number // 2 % len(HOURS)]}"
        name = NAMES[number // 2 % len(NAMES)]
        steps = [{"say": f"Book me a haircut {when}."}, {"say": f"Yes, it's {name}."}, {"say": "Thank you, bye."}]
    return parse_scenario({**facts, "steps": steps})


def _number(options: Options, number: int, of_round: int) -> str:
    return f"+1202{5_550_000 + of_round * options.calls + number:07d}"


async def _call(scene: _Scene, of_round: int, number: int) -> CallReport:
    await asyncio.sleep(scene.dice.uniform(0, RINGING_S))
    return await scene.caller.call(_scenario(scene.options, number, of_round))


async def _outage(scene: _Scene, at: Round) -> None:
    """The project is away from some moment before the death until the next process has started."""
    begins = scene.dice.uniform(0, at.died_after_s)
    ends = at.died_after_s + scene.dice.uniform(*OUTAGE_AFTER_S)
    await asyncio.sleep(begins)
    scene.rig.gateway.faults.extend(scene.dice.choices(AWAY, k=100_000))
    await asyncio.sleep(ends - begins)
    scene.rig.gateway.faults.clear()


async def _watch(scene: _Scene) -> None:
    """What operators are shown, before and after: as a dashboard that connects again and again."""
    settings: Settings = scene.server.settings
    headers = {"Authorization": f"Bearer {settings.operator_token.get_secret_value()}"}
    url = f"ws{scene.server.url.removeprefix('http')}/ops?feed=full"
    while True:
        with suppress(OSError, WebSocketException):
            async with connect(url, additional_headers=headers, compression=None) as socket:
                async for line in socket:
                    _note(scene, as_object(line))
        await asyncio.sleep(0.1)


def _note(scene: _Scene, message: dict[str, Any]) -> None:
    event = message["data"].get("event") if message.get("type") == "event" else None
    if event and event["type"] == "booking.made":
        scene.shown.add(str(event["booking"]["customer_phone"]))


async def _settle(scene: _Scene, at: Round, reports: Sequence[CallReport]) -> None:
    """Compare what was promised with the rows, once nothing waits any more."""
    until = asyncio.get_running_loop().time() + SETTLED_S
    while True:
        _compare(scene, at, reports)
        if at.is_good or asyncio.get_running_loop().time() > until:
            return
        await asyncio.sleep(0.5)


def _compare(scene: _Scene, at: Round, reports: Sequence[CallReport]) -> None:
    with scene.rig.connect() as database:
        calls = database.execute("select call_sid, ended_at is not null from customer_interactions").fetchall()
        turns = database.execute("select call_sid, heard from call_turns").fetchall()
        numbers = database.execute("select customer_phone from bookings where state = 'booked'").fetchall()
        messages = database.execute("select tool_call_id from messages").fetchall()
    at.calls_open = [sid for sid, is_over in calls if not is_over]
    at.turns_lost, at.turns_doubled, at.turns_promised = [], [], 0
    for report in reports:
        for exchange in report.exchanges:
            times = sum(heard.count(exchange.said.strip(".?! ")) for sid, heard in turns if sid == report.call_sid)
            promised = exchange.voice_to_voice_ms is not None
            at.turns_promised += promised
            if times < promised:
                at.turns_lost.append(f"{report.call_sid}: {exchange.said}")
            elif times > 1:
                at.turns_doubled.append(f"{report.call_sid}: {exchange.said}")
    booked = [number for (number,) in numbers]
    at.bookings_promised = len(scene.shown)
    at.bookings_lost = sorted(scene.shown - set(booked))
    at.bookings_doubled = sorted({number for number in booked if booked.count(number) > 1})
    left = [sid for report in reports for sid in report.recordings]
    kept = [sid for (sid,) in messages]
    at.messages_lost = [sid for sid in left if sid not in kept]
    at.messages_doubled = [sid for sid in left if kept.count(sid) > 1]


async def _ask_after(scene: _Scene, at: Round, reports: Sequence[CallReport]) -> None:
    """Whether those whose line died were told what helps; who did not even get a stream, asks now."""
    with scene.rig.connect() as database:
        ended = database.execute("select call_sid from customer_interactions where end_reason != 'process_died'")
        well = {sid for (sid,) in ended.fetchall()}
    for index, report in enumerate(reports):
        if report.call_sid in well:
            continue
        at.lines_died += 1
        after = report.twiml[1:]
        if report.error is not None or not after:
            caller = _number(scene.options, index, at.number)
            form = scene.caller.form(report.call_sid, to=NUMBER, caller=caller, status="in-progress")
            after = ((await scene.caller.post("/voice/after", form)).text,)
        if not any(verb in document for verb in HELPS for document in after):
            at.unanswered.append(f"{report.call_sid}: {report.end}, {report.error}: {after}")


def _empty(scene: _Scene) -> None:
    """The book and the records of a round; the shop stays."""
    with scene.rig.connect() as database:
        database.execute(
            "truncate bookings, booking_segments, booking_keys, text_messages, customer_interactions, call_turns,"
            " messages cascade"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1: something was lost, doubled, left open or unanswered."""
    usual = Options()
    parser = argparse.ArgumentParser(description="Kill a server under its calls, and look what is left.")
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="how often it is killed")
    parser.add_argument("--calls", type=int, default=usual.calls, help="under how many calls")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the moments")
    parser.add_argument("--latest", type=float, default=usual.latest_s, help="seconds from ringing to death, at most")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    try:
        told = asyncio.run(run(Options(asked.rounds, asked.calls, asked.seed, asked.latest, say=True)))
    except DrillError as why:
        print(f"drill: {why}", file=sys.stderr)
        return 2
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({name: value for name, value in told.items() if name != "rounds"}, indent=2))
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
