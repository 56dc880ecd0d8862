"""Measure the house on this machine, on the real clock: figures as a table, and as JSON.

    python scripts/bench.py knowledge [--shops 10000] [--json FILE]
    python scripts/bench.py relay [--rounds 5] [--seconds 30] [--runs rooms20x10 redis2] [--json FILE]
    python scripts/bench.py bookings [--rounds 20] [--bookers 50] [--backend both] [--json FILE]
    python scripts/bench.py all [--json FILE]

One file a measurement: `_bench_NAME.py` with `add_arguments(parser)` and `async measure(arguments)`, which returns
`list[Figure]`, or `Measured` where its JSON has a form of its own. Nothing leaves the machine. Exit codes: 0 measured,
1 it failed, 2 what was given is wrong. Whether a figure meets its target is told, not judged: a shared machine has bad
moments; what is wrong at any speed, as something booked twice, is a failure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from _bench import Figure, Measured, Report, observed, show

MEASUREMENTS = {
    "knowledge": "ten thousand shops in memory: start, refresh, lookup, memory",
    "relay": "how fast words reach hundreds of browsers, and how soon a call is on the wall",
    "bookings": "fifty callers want overlapping times at once: who gets one, and how long each waits",
}


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = list(sys.argv[1:] if words is None else words)
    arguments = _parser(given).parse_args(given)
    try:
        told, faults = (_all(), ()) if arguments.what == "all" else _one(arguments)
        if arguments.json is not None:
            _write(told, arguments.json)
    except (OSError, subprocess.CalledProcessError) as why:
        faults = (str(why),)
    for fault in faults:
        print(f"[bench] {fault}", file=sys.stderr)
    return 1 if faults else 0


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """Only the measurement that was named is loaded: some load the whole pipeline."""
    parser = argparse.ArgumentParser(description="Measure the house on this machine.")
    commands = parser.add_subparsers(dest="what", required=True)
    for name, about in {**MEASUREMENTS, "all": "every measurement with its defaults"}.items():
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument(
            "--json", nargs="?", const="-", metavar="FILE", help="figures on standard output or in FILE"
        )
        if name in given and name != "all":
            _module(name).add_arguments(command)
    return parser


def _one(arguments: argparse.Namespace) -> tuple[object, tuple[str, ...]]:
    """Its JSON, and what must not be."""
    chosen = {name: value for name, value in vars(arguments).items() if name not in ("what", "json")}
    with observed() as machine:
        found = cast("Measured | list[Figure]", asyncio.run(_module(arguments.what).measure(arguments)))
    figures = found.figures if isinstance(found, Measured) else found
    report = Report(arguments.what, chosen, machine, figures)
    show(report, to=sys.stderr if arguments.json == "-" else sys.stdout)
    return (found.form, found.faults) if isinstance(found, Measured) else ([report.as_json()], ())


def _all() -> dict[str, Any]:
    """Each by its name, in a process of its own, so that none pays for another's memory."""
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="chairside-bench-") as folder:
        for name in MEASUREMENTS:
            out = Path(folder) / f"{name}.json"
            subprocess.run([sys.executable, __file__, name, "--json", str(out)], check=True)
            told[name] = json.loads(out.read_text())
    return told


def _module(name: str) -> Any:
    return import_module(f"_bench_{name}")


def _write(told: object, where: str) -> None:
    text = json.dumps(told, indent=2) + "\n"
    if where == "-":
        sys.stdout.write(text)
    else:
        Path(where).write_text(text)


if __name__ == "__main__":
    sys.exit(main())
