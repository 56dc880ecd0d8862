"""Scenarios made into tapes: the sample shops, recording, with one caller, on the virtual clock."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _house import SAMPLES, open_house
from _replay import WRITTEN_S
from _scene import read_scenario

from agent.bus.local import LocalBus
from agent.emulators import virtual_clock
from agent.emulators.scenario import Scenario
from agent.errors import ChairsideError
from agent.knowledge.registry import register_shop
from agent.knowledge.shop_file import read_shop_file
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore

RECORDINGS = Path(__file__).resolve().parent / "recordings"
SHORT_GREETING = "Hello, this is the automated assistant. How can I help?"
"""For tapes that are to be small."""


def scenarios() -> list[Path]:
    """The files of the twenty kinds of call that the bench records."""
    return sorted(RECORDINGS.glob("*.yaml"))


def record(path: Path, into: Path, *, greeting: str | None = None, **overrides: Any) -> Path:
    """Play the scenario in a file, and put its tape into `into`, under the name of the file; returns the folder.

    `overrides` are settings. Raises ScenarioError, VoiceUnavailable, TheatreError, ChairsideError.
    """
    return virtual_clock.run(recording(read_scenario(path), into / path.stem, greeting=greeting, **overrides))


async def recording(scenario: Scenario, to: Path, *, greeting: str | None = None, **overrides: Any) -> Path:
    """`record`, within a loop that runs on the virtual clock."""
    with TemporaryDirectory(prefix="chairside-recording-") as folder:
        furnish = partial(_furnish, greeting)
        ours: dict[str, Any] = {"tapes_path": Path(folder), **overrides}
        async with open_house([scenario], furnish=furnish, clock=virtual_clock.now, **ours) as (theatre, _):
            report = await theatre.caller.call(scenario)
            found = await _written(Path(folder), report.call_sid)
        if found is None:
            raise ChairsideError(
                "call_unrecorded", f"{scenario.name}: {report.error or 'the call was not put through'}."
            )
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(found, to)
    return to


async def _written(folder: Path, call_sid: str) -> Path | None:
    """The tape of a call that is over, once it is sealed."""
    for _ in range(round(WRITTEN_S / 0.05)):
        if (found := _sealed(folder, call_sid)) is not None:
            return found
        await asyncio.sleep(0.05)
    return None


def _sealed(folder: Path, call_sid: str) -> Path | None:
    seal = next(folder.glob(f"*/{call_sid}/seal.json"), None)
    return None if seal is None else seal.parent


async def _furnish(greeting: str | None, settings: Settings) -> None:
    async with EmbeddedStore.open(settings.database_path) as store:
        for path in sorted(SAMPLES.glob("*.yaml")):
            news: dict[str, object] = {"records_calls": True, **({"greeting": greeting} if greeting else {})}
            shop = read_shop_file(path).model_copy(update=news)
            await register_shop(store, LocalBus(), shop, clock=virtual_clock.now)
