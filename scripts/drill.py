"""Have every vendor fail in every way at every moment of a call, and measure how long the caller hears nothing.

    python scripts/drill.py [--all] [--only TEXT] [--real-time] [--json FILE]
    python scripts/drill.py --crash | --rolling [--json FILE]

A cell is a vendor, a fault and a moment. Each is a call of its own in a server of its own with every vendor emulated.
Silence runs from the end of the caller's speech, or from the beginning of the stream, to the next voiced agent audio at
the caller; within an answer that is not whole yet, from its last voice. Waiting for the caller does not count, and no
tone ends it. `--all` goes through the matrix, without it a sample is taken; `--only` takes the cells whose name has the
text in it. `--real-time` has the calls on the machine's clock, at once; else each is on a clock that jumps.

Exit codes: 0 all cells hold, 1 some do not, 2 what was given is wrong.
"""

# ruff: noqa: E402 - the clock comes first
from __future__ import annotations

# isort: off
from agent.emulators import virtual_clock

virtual_clock.install()
# isort: on

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from _drill_cells import Cell, Result, matrix, sample_of
from _drill_play import Curtain, play
from _drill_stores import play_stores
from loguru import logger
from rich.console import Console
from rich.table import Table

AT_ONCE = 10
"""How many calls a drill in real time makes at the same time."""


def main(argv: Sequence[str] | None = None) -> int:
    """Drill and return the exit code."""
    arguments, more = _parser().parse_known_args(argv)
    logger.remove()
    if arguments.crash or arguments.rolling:
        # Only where asked for: they start processes, and have options of their own.
        from _drill_crash import main as crash
        from _drill_rolling import main as rolling

        if arguments.json is not None:
            more += ["--json", str(arguments.json)]
        return (crash if arguments.crash else rolling)(more)
    if more:
        print(f"drill: nobody knows {' '.join(more)}", file=sys.stderr)
        return 2
    cells = [cell for cell in matrix() if arguments.only in cell.name]
    if not cells:
        print(f"drill: no cell has {arguments.only!r} in its name", file=sys.stderr)
        return 2
    cells = cells if arguments.all or arguments.only else sample_of(cells)
    results = _run(cells, real_time=arguments.real_time)
    _show(results)
    if arguments.json is not None:
        book = {"cells": [result.row() for result in results]}
        arguments.json.write_text(json.dumps(book, indent=1) + "\n", encoding="utf-8")
    return 0 if all(result.holds for result in results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Have vendors fail, and measure the silence.")
    parser.add_argument("--all", action="store_true", help="every cell, not a sample")
    parser.add_argument("--only", default="", metavar="TEXT", help="the cells with this in `vendor fault moment`")
    parser.add_argument("--real-time", action="store_true", help="on the machine's clock")
    parser.add_argument("--crash", action="store_true", help="kill the server under its calls")
    parser.add_argument("--rolling", action="store_true", help="restart servers in turn under their calls")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the cells into a file")
    return parser


def _run(cells: Sequence[Cell], *, real_time: bool) -> list[Result]:
    inside = [cell for cell in cells if not cell.is_store]
    results = asyncio.run(_at_once(inside)) if real_time else [_said(virtual_clock.run(play(cell))) for cell in inside]
    if stores := [cell for cell in cells if cell.is_store]:
        results += play_stores(stores, at_once=AT_ONCE)
    return results


async def _at_once(cells: Sequence[Cell]) -> list[Result]:
    """In real time, so many calls at the same time, each in a house of its own."""
    results: list[Result] = []
    for first in range(0, len(cells), AT_ONCE):
        together = cells[first : first + AT_ONCE]
        curtain = Curtain(len(together))
        results += await asyncio.gather(*(play(cell, may_ring=curtain.rises) for cell in together))
        for result in results[first:]:
            _said(result)
    return results


def _said(result: Result) -> Result:
    print(result.line(), file=sys.stderr, flush=True)
    return result


def _show(results: Sequence[Result]) -> None:
    console = Console(highlight=False)
    table = Table("vendor", "fault", "moment", "longest silence", "outcome", "rows lost", "doubled")
    for result in results:
        silence = f"{result.longest_silence_ms} ms"
        cell, lost, doubled = result.cell, str(result.rows_lost), str(result.rows_doubled)
        table.add_row(cell.vendor, cell.fault, cell.moment, silence, result.outcome, lost, doubled)
    console.print(table)
    failed = [result for result in results if not result.holds]
    console.print(
        f"{len(results)} cells, {len(failed)} do not hold; "
        f"longest silence {max(result.longest_silence_ms for result in results)} ms"
    )
    for result in failed:
        console.print(f"  {result.line()}")


if __name__ == "__main__":
    sys.exit(main())
