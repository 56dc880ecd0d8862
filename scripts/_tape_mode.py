"""What `replay_call.py TAPE` does: replay, explain, make a test or a WAV of it, or play it to a running server."""

from __future__ import annotations

import argparse
import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from _account import Account, complain, error_of, write_json
from _anonymous import anonymised
from _explain import explain
from _replay import Replayed, replay
from rich.console import Console

from agent.emulators.scenario import Scenario
from agent.emulators.taped_line import TapedLine
from agent.recording.comparing import as_text, house_of
from agent.recording.manifest import taped_settings
from agent.recording.reel import Reel, TapeError, read_tape
from agent.recording.sound import stereo_wav
from agent.settings import read_settings

TESTS = Path(__file__).resolve().parents[1] / "tests" / "calls" / "tapes"


class ReplayAccount(Account):
    """How a replay went, for machines."""

    tape: str
    identical: bool
    findings: tuple[str, ...]
    differences: tuple[str, ...]
    call_s: float
    """How long the call took when it was recorded, or as much of it as was replayed."""
    took_s: float
    """How long the replay of it took."""
    speedup: float


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked with a tape; the exit code. Raises ChairsideError for what cannot be done."""
    since, until = _span(arguments)
    reel = read_tape(arguments.tape, damaged=until is not None)
    _check_shop(reel, arguments)
    if until is not None:
        reel = reel.cut(until)
    if arguments.explain:
        explain(reel, Console(highlight=False))
        return 0
    if arguments.wav is not None:
        arguments.wav.write_bytes(stereo_wav(reel))
        return 0
    if arguments.make_test is not None:
        return _make_test(reel, arguments.make_test)
    if arguments.against is not None:
        return asyncio.run(_against(reel, arguments.against))
    overrides = _settings_now(reel) if arguments.settings == "now" else {}
    return _replay(reel, arguments, since, overrides)


def _span(arguments: argparse.Namespace) -> tuple[float, float | None]:
    """Seconds from and to which is compared."""
    seconds: list[float | None] = []
    given: tuple[tuple[str, str | None], ...] = (("--from", arguments.caller), ("--to", arguments.to))
    for option, text in given:
        try:
            seconds.append(None if text is None or text.startswith("+") else float(text))
        except ValueError as why:
            raise TapeError("span_invalid", f"{option}: seconds into the call, with a tape, not {text!r}.") from why
    since, until = seconds
    if (since or 0) < 0 or (until is not None and until <= (since or 0)):
        raise TapeError("span_invalid", "--from and --to: seconds into the call, in order.")
    return since or 0.0, until


def _check_shop(reel: Reel, arguments: argparse.Namespace) -> None:
    number, shop = arguments.to, reel.manifest.shop
    if number is not None and number.startswith("+") and number != shop.phone_number:
        raise TapeError(
            "shop_differs", f"{reel.path}: a call to {shop.business_name} on {shop.phone_number}, not to {number}."
        )


def _settings_now(reel: Reel) -> dict[str, Any]:
    """Those of this environment, told where they are others than those of the tape."""
    now = taped_settings(read_settings())
    for name, then in reel.manifest.settings.items():
        if now.get(name) != then:
            complain(f"[replay/settings_differ] {name} was {then!r} when it was recorded, and is {now.get(name)!r}.")
    return now


def _replay(reel: Reel, arguments: argparse.Namespace, since: float, overrides: dict[str, Any]) -> int:
    if not reel.is_sealed:
        complain(f"[replay/tape_unsealed] {reel.path}: the call was cut off; it is played to {reel.until:.2f} s.")
    done = replay(reel, since=since, real_time=arguments.real_time, **overrides)
    for finding in done.findings:
        complain(str(finding))
    if done.differences:
        heading = "It went otherwise than then:"
        complain("\n".join([heading if not arguments.pinned else f"{heading} (told, not judged)", *done.differences]))
    if arguments.timeline is not None:
        arguments.timeline.write_text(as_text(house_of(done.again)), encoding="utf-8")
    if arguments.json is not None:
        write_json(_account(done).model_dump_json(indent=2), arguments.json)
    fails = bool(done.findings) if arguments.pinned else not done.is_identical
    Console(highlight=False, stderr=arguments.json == "-").print(
        f"{reel.path.name}: {'differs' if fails else 'as then' if done.is_identical else 'all was known'},"
        f" {reel.until:.1f} s of call in {done.call_s:.1f} s"
    )
    return 1 if fails else 0


def _account(done: Replayed) -> ReplayAccount:
    return ReplayAccount(
        tape=str(done.reel.path),
        identical=done.is_identical,
        findings=tuple(map(str, done.findings)),
        differences=done.differences,
        call_s=round(done.reel.until, 3),
        took_s=round(done.call_s, 3),
        speedup=round(done.reel.until / done.call_s, 1),
    )


def _make_test(reel: Reel, name: str) -> int:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise TapeError("name_invalid", f"{name!r} cannot be a folder's name: letters, digits and dashes.")
    made = anonymised(reel, TESTS / name)
    print(f"{made.path} is a test now, which `make test` replays. Read it before you commit.")
    return 0


async def _against(reel: Reel, url: str) -> int:
    """Play the caller of the tape to a running server; how it answers is its own business, and told."""
    from replay_call import account_of, running, show  # the other way round it would be a circle

    async with running(url) as ends:
        manifest = reel.manifest
        scenario = Scenario(name=reel.path.name, to=manifest.caller.called, caller=manifest.caller.caller)
        line = partial(TapedLine, reel=reel, begins=lambda: None)
        report = await ends.caller.call(scenario, line=line)
        if ends.operator is not None and report.parameters:
            await ends.operator.call_over(report.call_sid, 10.0)
        account = await account_of(scenario, report, ends)
    if account.location_id not in (None, manifest.shop.location_id):
        raise TapeError(
            "shop_differs",
            f"{manifest.caller.called} leads to location {account.location_id} there; the tape is of"
            f" {manifest.shop.location_id}, {manifest.shop.business_name}.",
        )
    show(account, None)
    return 1 if error_of(report) else 0
