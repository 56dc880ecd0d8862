"""A recorded call, played again through the true pipeline: the caller's own frames, vendors answering from the tape."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Coroutine
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import uvicorn

from agent.call import Services
from agent.emulators import virtual_clock
from agent.emulators.findings import Finding, Findings
from agent.emulators.scenario import Scenario
from agent.emulators.taped import open_taped_stage
from agent.emulators.taped_line import BEFORE_S, TapedLine
from agent.emulators.taped_plug import TapedPlug
from agent.emulators.theatre import open_theatre
from agent.emulators.virtual_clock import VirtualLoop
from agent.knowledge.registry import location_key
from agent.ports import BookingStore, CallStore
from agent.recording.comparing import EXACT_MS, house_of, lasting, line_of, parted
from agent.recording.reel import Reel, TapeError, read_tape
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from server import create_app, uvicorn_config

T = TypeVar("T")
REAL_TIME_MS = 250.0
"""What a machine with other work may add to a moment in real time."""
WRITTEN_S = 10.0


@dataclass(frozen=True)
class Replayed:
    """How a replay went. `differences` and `findings` empty: as then."""

    reel: Reel
    again: Reel
    """The tape of the replay."""
    findings: tuple[Finding, ...]
    differences: tuple[str, ...]
    call_s: float
    """Real seconds from the first ring until it was over."""

    @property
    def is_identical(self) -> bool:
        return not self.findings and not self.differences


class TapedClock:
    """The house's clock as it was then: at the beginning of the media stream it shows what it showed."""

    def __init__(self, began_at: datetime) -> None:
        self._began_at = began_at
        self._zero: float | None = None

    def begin(self) -> None:
        """The media stream begins now."""
        self._zero = asyncio.get_running_loop().time()

    def __call__(self) -> datetime:
        if self._zero is None:
            return self._began_at - timedelta(milliseconds=1)
        return self._began_at + timedelta(seconds=asyncio.get_running_loop().time() - self._zero)


def replay(
    reel: Reel, *, since: float = 0.0, real_time: bool = False, keep: Path | None = None, **overrides: Any
) -> Replayed:
    """Play a call again and compare it with what it was. Raises TapeError, VoiceUnavailable, TheatreError.

    `since`: seconds from which on it is compared; `keep`: a folder for the tape of the replay; `overrides` are settings
    in place of those of the tape.
    """
    playing = replaying(reel, since=since, keep=keep, **overrides)
    return run_on(reel, playing, real_time=real_time)


def run_on(reel: Reel, playing: Coroutine[Any, Any, T], *, real_time: bool) -> T:
    """Run on the clock of a tape, or on the machine's."""
    if real_time:
        return asyncio.run(playing)
    starts = reel.manifest.began_at - timedelta(seconds=BEFORE_S)
    return virtual_clock.run(playing, starts=starts, loop_starts_s=reel.manifest.loop_s - BEFORE_S)


async def replaying(reel: Reel, *, since: float = 0.0, keep: Path | None = None, **overrides: Any) -> Replayed:
    """`replay`, within an event loop that runs on the right clock."""
    findings, clock, apps = Findings(), TapedClock(reel.manifest.began_at), []

    def build(settings: Settings) -> uvicorn.Config:
        app = create_app(settings, clock=clock, dressed=partial(_dressed, reel, findings))
        apps.append(app)
        return uvicorn_config(settings, app)

    with TemporaryDirectory(prefix="chairside-tapes-") as tapes:
        ours: dict[str, Any] = {
            **reel.manifest.settings,
            "tapes_path": Path(tapes),
            "max_loop_late_ms": 10_000,
            "max_loop_busy": 10,
            **overrides,
        }
        stage = open_taped_stage(reel, findings)
        async with open_theatre(build, furnish=partial(_furnish, reel), stage=stage, **ours) as theatre:
            services = cast(Services, apps[0].state.services)
            shop, caller = reel.manifest.shop, reel.manifest.caller
            scenario = Scenario(name="replay", to=caller.called, caller=caller.caller)
            line = partial(TapedLine, reel=reel, begins=clock.begin)
            rang = virtual_clock.real_time()
            report = await theatre.caller.call(scenario, call_sid=caller.call_sid, line=line)
            call_s = virtual_clock.real_time() - rang
            path = services.recorder.shelf.path_of(shop.location_id, caller.call_sid)
            await _sealed(path)
        try:
            again = read_tape(_kept(path, keep))
        except TapeError as why:
            raise TapeError(
                "replay_unrecorded", f"The replay was not put through: {report.error or report.end} ({why.message})"
            ) from why
    return Replayed(
        reel=reel,
        again=again,
        findings=tuple(findings.all),
        differences=tuple(_differences(reel, again, since)),
        call_s=call_s,
    )


def _kept(path: Path, keep: Path | None) -> Path:
    if keep is None or not path.exists():
        return path
    shutil.rmtree(keep, ignore_errors=True)
    return shutil.copytree(path, keep)


def _differences(reel: Reel, again: Reel, since: float) -> list[str]:
    """Of a tape that was cut off, what lies before its end is compared.

    Where one of both was made on a machine's clock, its work is in every moment: partial words and timings of single
    stages come as they may, and the same sound may go out in other pieces.
    """
    is_whole = reel.is_sealed and not reel.is_cut
    span = (since * 1000, float("inf") if is_whole else reel.until * 1000 - 1)
    then, now = house_of(reel, *span), house_of(again, *span)
    if not (_is_exact(reel) and _is_exact(again)):
        return parted(lasting(then), lasting(now), REAL_TIME_MS)
    told = parted(then, now, EXACT_MS)
    heard = parted(line_of(reel, *span), line_of(again, *span), EXACT_MS)
    return [*told, *heard] if not told or not heard else [*told, "and the sound on the line with it"]


def _is_exact(reel: Reel) -> bool:
    return reel.manifest.made_by.loop == VirtualLoop.__name__


async def _sealed(path: Path) -> None:
    """The tape of the replay is written when the call is over."""
    for _ in range(round(WRITTEN_S / 0.05)):
        if (path / "seal.json").exists():
            return
        await asyncio.sleep(0.05)


async def _furnish(reel: Reel, settings: Settings) -> None:
    """The shop as it was pinned, in its own version."""
    shop = reel.manifest.shop
    async with EmbeddedStore.open(settings.database_path) as store:
        await store.store_knowledge(location_key(shop.location_id), shop.model_copy(update={"version": 0}))
    with closing(sqlite3.connect(settings.database_path)) as db, db:
        db.execute("UPDATE salon_static_data SET version = ?", (shop.version,))


def _dressed(reel: Reel, findings: Findings, services: Services) -> Services:
    """Book and records answer from the tape."""
    book = TapedPlug(services.bookings, BookingStore, reel.of("book"), findings, "book")
    calls = TapedPlug(services.calls, CallStore, reel.of("calls"), findings, "calls")
    return replace(
        services,
        desk=services.desk.through(lambda _: cast(BookingStore, book)),
        calls=cast(CallStore, calls),
    )
