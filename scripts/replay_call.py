"""Replay a recorded call, or phone a shop with a recording or a scenario, and give account of the call.

    python scripts/replay_call.py TAPE [--pinned] [--real-time] [--from S] [--to S] [--settings now] [--json [FILE]]
    python scripts/replay_call.py TAPE --explain | --wav FILE | --make-test NAME | --against URL
    python scripts/replay_call.py --to NUMBER --audio WAV [--says TEXT] [--from NUMBER] [--json [FILE]]
    python scripts/replay_call.py [--to NUMBER] --scenario FILE [--from NUMBER] [--json [FILE]]
                                  [--real-time] [--timeline FILE] [--compare FILE]

Without --server a server with the sample shops is started, every vendor emulated, and the call takes place on a clock
that jumps from one moment to the next (`--real-time`: on the machine's). Its timeline is then the same on every run:
`--timeline FILE` writes it, `--compare FILE` fails when it is no longer that of the file, and shows where.

A tape is the folder of a recorded call (docs/recording.md). It is played through the true pipeline: the caller's own
frames, vendors that answer from the tape as long after what they are told as they did then. Any difference fails, and
is shown; with `--pinned`, for changed code or prompt, only what the tape does not know (a request to the model, words
to be spoken, a question to the book), shown beside what comes nearest.

With `--server URL` a running one is phoned as Twilio would: PUBLIC_URL and TWILIO_AUTH_TOKEN must be its own. What it
heard and said is read from its `/ops` when OPERATOR_TOKEN is its own too, what it stored from DATABASE_PATH; else the
caller's side is all there is.

Exit codes: 0 done, 1 the call failed or went otherwise than before, 2 what was given is wrong.
"""

# ruff: noqa: E402 - the clock comes first
from __future__ import annotations

# isort: off
from agent.emulators import virtual_clock

virtual_clock.install()
# isort: on

import argparse
import asyncio
import struct
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from _account import (
    Book,
    CallAccount,
    complain,
    error_of,
    greeting_of,
    problems_of,
    read_back,
    tell,
    turns_of,
    turns_unseen,
    write,
)
from _ops_client import Operator
from _scene import read_scenario
from loguru import logger
from rich.console import Console
from rich.table import Table

from agent.emulators.audio import FRAME_MS, RATE, AudioFileError, load_wav
from agent.emulators.caller import Caller
from agent.emulators.phrasebook import Phrasebook
from agent.emulators.report import CallReport
from agent.emulators.scenario import Play, Scenario, ScenarioError
from agent.emulators.theatre import TheatreError
from agent.emulators.timeline import Timeline, TimelineError, differences, read_timeline, timeline_of
from agent.emulators.twilio import TwilioRest
from agent.emulators.voice import VoiceUnavailable
from agent.errors import AccessError, ChairsideError, SettingsError
from agent.events import OfCall
from agent.model import to_e164
from agent.ports import EventBus
from agent.recording.reel import TapeError
from agent.settings import Settings, read_settings
from agent.stores.embedded import EmbeddedStore

PATIENCE_S = 60.0
"""Longer than any answer: whoever plays a recording wants to hear it out."""
OVER_S = 10.0


class ReplayError(ChairsideError):
    """What was given is wrong."""

    stage = "replay"


class ReplayAccount(CallAccount):
    """A call with how much of the caller's audio went out."""

    caller_audio_ms: float


@dataclass(frozen=True)
class Ends:
    """Both ends of a call: the caller's phone, and what can be looked into behind the server."""

    caller: Caller
    settings: Settings
    operator: Operator | None
    tools: Mapping[str, Sequence[str]] | None
    """The tools used, by call; None when nobody tells."""
    told: Sequence[OfCall] | None = None
    """What the server told of its calls; None when nobody tells."""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the call and return the exit code."""
    arguments = _parser().parse_args(argv)
    logger.remove()
    try:
        if arguments.tape is not None:
            from _tape_mode import run  # only here: loading the server is slow

            return run(arguments)
        if arguments.record is not None:
            return _record(arguments)
        scenario = _scenario(arguments)
        expected = None if arguments.compare is None else read_timeline(arguments.compare)
        real = arguments.server or arguments.real_time
        account, timeline = (asyncio.run if real else virtual_clock.run)(_call(scenario, arguments))
        show(account, arguments.json)
        if timeline is not None and arguments.timeline is not None:
            arguments.timeline.write_text(timeline.text(), encoding="utf-8")
    except ScenarioError as why:
        complain(f"[replay/scenario_invalid] {why}")
        return 2
    except AudioFileError as why:
        complain(f"[replay/audio_unreadable] {why}")
        return 2
    except TimelineError as why:
        complain(f"[replay/timeline_unreadable] {why}")
        return 2
    except (ReplayError, SettingsError, AccessError, TapeError) as why:
        complain(why)
        return 2
    except (ChairsideError, VoiceUnavailable, TheatreError, OSError) as why:
        complain(f"The call could not be made: {why}")
        return 1
    except KeyboardInterrupt:
        return 130
    problems = problems_of(account, least_turns=1)
    if expected is not None and timeline is not None and (parted := differences(expected, timeline.lines())):
        problems.append("\n".join([f"The call is no longer that of {arguments.compare}:", *parted]))
    for problem in problems:
        complain(problem)
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Phone a shop with a recording or a scenario.")
    parser.add_argument("--to", metavar="NUMBER", help="the shop's number; a scenario may bring its own")
    played = parser.add_mutually_exclusive_group(required=True)
    played.add_argument("tape", nargs="?", type=Path, metavar="TAPE", help="the folder of a recorded call")
    played.add_argument("--audio", type=Path, metavar="WAV", help="what the caller says, as one utterance")
    played.add_argument("--scenario", type=Path, metavar="FILE", help="what the caller does, as YAML")
    parser.add_argument("--says", metavar="TEXT", help="the words in the recording, else a .txt beside it or a guess")
    parser.add_argument("--from", dest="caller", metavar="NUMBER", help="the caller's number")
    parser.add_argument("--server", metavar="URL", help="a running server, like http://127.0.0.1:5001")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="account on standard output or into FILE")
    parser.add_argument("--real-time", action="store_true", help="on the machine's clock; --server implies it")
    parser.add_argument("--timeline", type=Path, metavar="FILE", help="write what happened when, line by line")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="fail unless the timeline is this one")
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="keep the tape of a scenario, in a folder of its name"
    )
    tape = parser.add_argument_group("with a tape (--from and --to are seconds into the call then)")
    tape.add_argument("--pinned", action="store_true", help="only what the tape does not know fails")
    tape.add_argument("--settings", choices=["taped", "now"], default="taped", help="now: those of the environment")
    tape.add_argument("--explain", action="store_true", help="where each turn's time went, and what went wrong")
    tape.add_argument("--wav", type=Path, metavar="FILE", help="its sound: caller left, agent right")
    tape.add_argument("--make-test", metavar="NAME", help="a test of it, made anonymous, in tests/calls/tapes/NAME")
    tape.add_argument("--against", metavar="URL", help="play its caller to a running server")
    return parser


def _record(arguments: argparse.Namespace) -> int:
    """Make a tape of a scenario. Raises ReplayError, ScenarioError, ChairsideError."""
    from _taping import SHORT_GREETING, record

    if arguments.scenario is None:
        raise ReplayError("record_without_scenario", "--record goes with --scenario.")
    made = record(arguments.scenario, arguments.record, greeting=SHORT_GREETING)
    Console(highlight=False).print(f"{made}")
    return 0


def _scenario(arguments: argparse.Namespace) -> Scenario:
    """The call that is asked for. Raises ReplayError, ScenarioError, AudioFileError."""
    if arguments.server is not None and (arguments.timeline or arguments.compare):
        raise ReplayError(
            "timeline_unseen", "--timeline and --compare look into a server of our own: not with --server."
        )
    given: dict[str, Any] = {}
    for option, name in (("--to", "to"), ("--from", "caller")):
        number = getattr(arguments, name)
        if number is not None:
            given[name] = _number(option, number)
    if arguments.scenario is not None:
        if arguments.says is not None:
            raise ReplayError("says_without_audio", "--says goes with --audio.")
        return read_scenario(arguments.scenario).model_copy(update=given)
    if arguments.to is None:
        raise ReplayError("number_missing", "--audio needs --to, the number of a shop.")
    if not load_wav(arguments.audio):
        raise AudioFileError(f"{arguments.audio}: holds no sound")
    play = Play(play=arguments.audio, says=arguments.says)
    return Scenario(name=arguments.audio.stem, steps=(play,), patience_s=PATIENCE_S, **given)


def _number(option: str, text: str) -> str:
    try:
        return to_e164(text)
    except ValueError as why:
        raise ReplayError("number_invalid", f"{option}: {why}.") from why


async def _call(scenario: Scenario, arguments: argparse.Namespace) -> tuple[ReplayAccount, Timeline | None]:
    """Make the call; its account, and its timeline where the server is our own."""
    opening = running(arguments.server) if arguments.server else _own(scenario)
    async with opening as ends:
        report = await ends.caller.call(scenario)
        if ends.operator is not None and report.parameters:
            await ends.operator.call_over(report.call_sid, OVER_S)
        account = await account_of(scenario, report, ends)
        return account, None if ends.told is None else timeline_of(report, ends.told)


@asynccontextmanager
async def _own(scenario: Scenario) -> AsyncGenerator[Ends]:
    """A stage and a server of our own."""
    from _house import open_house  # only here: loading the server is slow

    async with open_house([scenario], clock=virtual_clock.now) as (theatre, backstage):
        token = theatre.settings.operator_token.get_secret_value()
        async with Operator(theatre.ops_url, token) as operator, _told(backstage.services.bus) as told:
            yield Ends(theatre.caller, theatre.settings, operator, backstage.tools, told)


@asynccontextmanager
async def _told(bus: EventBus) -> AsyncGenerator[Sequence[OfCall]]:
    """Every event of calls, as it is told."""
    told: list[OfCall] = []
    async with bus.subscribe() as events:

        async def listen() -> None:
            async for event in events:
                if isinstance(event, OfCall):
                    told.append(event)

        listening = asyncio.create_task(listen(), name="timeline")
        try:
            yield told
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@asynccontextmanager
async def running(url: str) -> AsyncGenerator[Ends]:
    """A server that runs already. Raises ReplayError, SettingsError, AccessError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ReplayError("server_invalid", f"{url!r} is no address like http://127.0.0.1:5001.")
    settings = read_settings()
    if not settings.twilio_auth_token.get_secret_value() or "public_url" not in settings.model_fields_set:
        message = "--server needs TWILIO_AUTH_TOKEN and PUBLIC_URL of that server, to sign as Twilio does."
        raise ReplayError("signing_impossible", message)
    rest = TwilioRest(settings.twilio_account_sid or "AC" + "0" * 32, settings.twilio_auth_token.get_secret_value())
    async with AsyncExitStack() as stack:
        caller = Caller(server_url=url, public_url=settings.public_url, rest=rest, phrasebook=Phrasebook())
        await stack.enter_async_context(caller)
        operator = None
        if token := settings.operator_token.get_secret_value():
            ops_url = url.rstrip("/").replace("http", "ws", 1) + "/ops"
            operator = await stack.enter_async_context(Operator(ops_url, token))
        yield Ends(caller, settings, operator, None)


async def account_of(scenario: Scenario, report: CallReport, ends: Ends) -> ReplayAccount:
    finals = ends.operator.finals[report.call_sid] if ends.operator is not None else None
    location_id, end_reason, stored = await _stored(scenario, report, ends)
    if location_id is None and finals:
        location_id = finals[0].location_id
    return ReplayAccount(
        call_sid=report.call_sid,
        location_id=location_id,
        scene=scenario.name,
        greeting_ms=greeting_of(report),
        turns=turns_unseen(report.exchanges) if finals is None else turns_of(finals, report.exchanges),
        tools=None if ends.tools is None else tuple(ends.tools.get(report.call_sid, ())),
        end_reason=end_reason,
        ops_transcripts=None if finals is None else len(finals),
        stored_turns=stored,
        error=error_of(report),
        caller_audio_ms=_audio_ms(scenario, report),
    )


async def _stored(scenario: Scenario, report: CallReport, ends: Ends) -> tuple[int | None, str | None, int | None]:
    """Where the call led, how it ended and how many turns of it are stored; None for what cannot be seen."""
    path = ends.settings.database_path
    if not path.exists():
        return None, None, None
    async with EmbeddedStore.open(path) as store:
        location_id = await store.get_location_from_phone_number(scenario.to)
    if location_id is None or not report.parameters:
        return location_id, None, None
    record, turns = await read_back(path, location_id, report.call_sid)
    # A server elsewhere has a store of its own: that this one knows nothing of the call says nothing.
    return (location_id, record.end_reason, turns) if record else (location_id, None, None)


def _audio_ms(scenario: Scenario, report: CallReport) -> float:
    """What was sent. Of a clip sent whole, its own length: frames and sample rates round the other."""
    sent = report.caller_audio_ms
    match scenario.steps:
        case (Play(play=path),) if abs((clip := clip_ms(path)) - sent) < FRAME_MS:
            return clip
        case _:
            return sent


def clip_ms(path: Path) -> float:
    """The length of a readable recording, exactly: its samples by its rate. Raises OSError."""
    data = path.read_bytes()
    if path.suffix.lower() in {".ulaw", ".ul"}:
        return len(data) * 1000 / RATE
    at, rate, block = 12, RATE, 1
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"fmt ":
            rate, block = struct.unpack_from("<I", data, at + 12)[0], struct.unpack_from("<H", data, at + 20)[0]
        elif name == b"data":
            return min(size, len(data) - at - 8) // block * 1000 / rate
        at += 8 + size + size % 2
    return 0.0


def show(account: ReplayAccount, target: str | None) -> None:
    if target is not None:
        write(Book(calls=(account,)), target)
        return
    console = Console(highlight=False)
    table = Table("turn", "heard", "spoken", "answered after")
    for number, turn in enumerate(account.turns, 1):
        took = "-" if turn.voice_to_voice_ms is None else f"{turn.voice_to_voice_ms:.0f} ms"
        table.add_row(str(number), turn.heard, turn.spoken, took)
    console.print(table)
    tell(console, [account])


if __name__ == "__main__":
    sys.exit(main())
