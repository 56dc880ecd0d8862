"""The cells of the drill in which an outside process plays: a Supabase project or Redis behind a wire that fails."""

from __future__ import annotations

import asyncio
import importlib
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from _drill_cells import Cell, Result
from _drill_play import CALL, Curtain, call
from _house import ROOT, SAMPLES, open_house
from _servers import supabase_project
from pydantic import SecretStr

from agent.bus.local import LocalBus
from agent.emulators import virtual_clock
from agent.emulators.faults import Moment
from agent.emulators.proxy import Wire, WireFault
from agent.emulators.scenario import parse_scenario
from agent.knowledge.registry import register_shop
from agent.knowledge.shop_file import read_shop_file
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from agent.stores.supabase import SupabaseStore

_KINDS: dict[str, WireFault] = {
    "refuse": "refuse",
    "slow connect": "slow_connect",
    "503": "status",
    "drop": "drop",
    "half-open": "half_open",
    "garbage": "garbage",
    "drip": "drip",
    "late": "late",
    "answer lost": "lose_answer",
}


def play_stores(cells: Sequence[Cell], *, at_once: int) -> list[Result]:
    """Play these in real time, so many at once, on servers of the machine's own. Needs what `make test` needs."""
    with ExitStack() as stack:
        behind: dict[str, Any] = {}
        if any(cell.vendor == "postgrest" for cell in cells):
            behind["postgrest"] = stack.enter_context(supabase_project("drill"))
        if any(cell.vendor == "redis" for cell in cells):
            behind["redis"] = stack.enter_context(_redis())
        return asyncio.run(_at_once(cells, behind, at_once))


@contextmanager
def _redis() -> Generator[Any]:
    """The Redis of `tests/rig`."""
    sys.path.insert(0, str(ROOT / "tests"))
    redis = importlib.import_module("rig.redis")
    with tempfile.TemporaryDirectory(prefix="chairside-drill-") as folder, redis.running(Path(folder)) as server:
        yield server


async def _at_once(cells: Sequence[Cell], behind: dict[str, Any], at_once: int) -> list[Result]:
    results: list[Result] = []
    for first in range(0, len(cells), at_once):
        together = [(first + place, cell) for place, cell in enumerate(cells[first : first + at_once], 1)]
        curtain = Curtain(len(together))
        played = (_play(cell, number, behind[cell.vendor], curtain) for number, cell in together)
        results += await asyncio.gather(*played)
        for result in results[first:]:
            print(result.line(), file=sys.stderr, flush=True)
    return results


async def _play(cell: Cell, number: int, behind: Any, curtain: Curtain) -> Result:
    """One call to a shop of its own, the wire failing from the cell's moment to the call's end."""
    scenario = parse_scenario({**CALL, "to": _phone_number(number)})
    async with _wired(cell, number, behind) as (wire, overrides):

        async def furnish(settings: Settings) -> None:
            shop = read_shop_file(SAMPLES / "plumeria-hair-honolulu.yaml").model_copy(
                update={"location_id": number, "phone_number": _phone_number(number)}
            )
            if settings.supabase_url:
                opening = SupabaseStore.open(settings.supabase_url, settings.supabase_secret_key.get_secret_value())
            else:
                opening = EmbeddedStore.open(settings.database_path)
            async with opening as store:
                await register_shop(store, LocalBus(), shop, clock=virtual_clock.now)

        async with open_house([scenario], furnish=furnish, clock=virtual_clock.now, **overrides) as (theatre, stage):
            await stage.greetings_ready(1)
            await curtain.rises()

            def reached(moment: Moment) -> None:
                if moment == cell.moment:
                    wire.order(_KINDS[cell.fault], 3.0)

            theatre.stage.watchers.append(reached)
            return await call(cell, scenario, theatre, stage, healed=lambda: wire.order(None))


def _phone_number(number: int) -> str:
    return f"+1808555{number:04d}"


@asynccontextmanager
async def _wired(cell: Cell, number: int, behind: Any) -> AsyncGenerator[tuple[Wire, dict[str, Any]]]:
    """The wire before a server, and the settings that lead through it."""
    address = urlsplit(str(behind.url))
    async with Wire(address.hostname or "127.0.0.1", address.port or 0).listening() as wire:
        through = f"{address.scheme}://127.0.0.1:{wire.port}"
        if cell.vendor == "redis":
            yield wire, {"redis_url": SecretStr(f"{through}/{number % 16}")}
        else:
            yield wire, {"supabase_url": through, "supabase_secret_key": SecretStr(behind.gateway.secret_key)}
