"""Measure the house on this machine, on the real clock: figures as a table, and as JSON.

    python scripts/bench.py knowledge [--shops 10000] [--json FILE]
    python scripts/bench.py all [--json FILE]

One file a measurement: `_bench_NAME.py` with `add_arguments(parser)` and `async measure(arguments) -> list[Figure]`.
Nothing leaves the machine. Exit codes: 0 measured, 1 it failed, 2 what was given is wrong. Whether a figure meets
its target is told, not judged: a shared machine has bad moments.
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
from typing import Any

from _bench import Report, observed, show

MEASUREMENTS = {
    "knowledge": "ten thousand shops in memory: start, refresh, lookup, memory",
}


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = list(sys.argv[1:] if words is None else words)
    arguments = _parser(given).parse_args(given)
    try:
        told = _all() if arguments.what == "all" else [_one(arguments)]
        if arguments.json is not None:
            _write(told, arguments.json)
    except (OSError, subprocess.CalledProcessError) as why:
        print(f"[bench] {why}", file=sys.stderr)
        return 1
    return 0


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


def _one(arguments: argparse.Namespace) -> dict[str, Any]:
    chosen = {name: value for name, value in vars(arguments).items() if name not in ("what", "json")}
    with observed() as machine:
        figures = asyncio.run(_module(arguments.what).measure(arguments))
    report = Report(arguments.what, chosen, machine, figures)
    show(report, to=sys.stderr if arguments.json == "-" else sys.stdout)
    return report.as_json()


def _all() -> list[dict[str, Any]]:
    """Each in a process of its own, so that none pays for another's memory."""
    told: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="chairside-bench-") as folder:
        for name in MEASUREMENTS:
            out = Path(folder) / f"{name}.json"
            subprocess.run([sys.executable, __file__, name, "--json", str(out)], check=True)
            told += json.loads(out.read_text())
    return told


def _module(name: str) -> Any:
    return import_module(f"_bench_{name}")


def _write(told: list[dict[str, Any]], where: str) -> None:
    text = json.dumps(told, indent=2) + "\n"
    if where == "-":
        sys.stdout.write(text)
    else:
        Path(where).write_text(text)


if __name__ == "__main__":
    sys.exit(main())
