"""Measure the house on this machine, on the real clock: figures as a table, and as JSON.

    python scripts/bench.py knowledge [--shops 10000] [--json FILE]
    python scripts/bench.py relay [--rounds 5] [--seconds 30] [--runs rooms20x10 redis2] [--json FILE]
    python scripts/bench.py bookings [--rounds 20] [--bookers 50] [--backend both] [--json FILE]
    python scripts/bench.py greeting|latency|bargein|capacity|memory|startup [--quick] [--json FILE]
    python scripts/bench.py recording|speculation|workers [--quick] [--json FILE]
    python scripts/bench.py all [--quick] [--json FILE]

Calls are measured on ours and on a plain Pipecat bot side by side (`_bench_calls.py`, `_bench_crowd.py`). Else one file
a measurement: `_bench_NAME.py` with `add_arguments(parser)` and `async measure(arguments)`, which returns
`list[Figure]`, or `Measured` where its JSON has a form of its own. Nothing leaves the machine. Exit codes: 0 measured,
1 it failed, 2 what was given is wrong. Whether a figure meets its target is told, not judged: a shared machine has bad
moments; what is wrong at any speed, as something booked twice, is a failure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import uvloop
from _bench import Figure, Measured, Report, observed, show
from _bench_picture import picture

MEASUREMENTS = {
    "knowledge": "ten thousand shops in memory: start, refresh, lookup, memory",
    "relay": "how fast words reach hundreds of browsers, and how soon a call is on the wall",
    "replay": "twenty recorded calls, each replayed three times: whether they are the same, and how fast",
    "bookings": "fifty callers want overlapping times at once: who gets one, and how long each waits",
}
CALLS = {
    "greeting": "from `start` to the first voice, beside a plain Pipecat bot",
    "latency": "from a caller's last voice to the answer's first, with and without a tool",
    "bargein": "how soon the agent falls silent for a caller, and what a cough does",
    "capacity": "how many calls a core holds, what one costs, and what becomes of too many",
    "memory": "what a call adds, and what a thousand leave behind",
    "startup": "what the first caller of a process waits for",
}
CROWDS = ("capacity", "memory")
"""Of those, with callers by the dozen; the rest is in `_bench_calls.py`. One JSON form for all: rows."""
VARIANTS = {
    "recording": "what recording adds to a call's cost and to its answers, in alternating rounds",
    "speculation": "what it gains to begin an answer early, and what is asked of the vendors for it",
    "workers": "what a second worker on the same core costs",
}
"""All in `_bench_variants.py`: rows without another side."""
IN_ALL = {
    "greeting": ("--rounds", "10"),
    "latency": ("--rounds", "5"),
    "bargein": ("--rounds", "5"),
    "startup": ("--rounds", "2"),
    "speculation": ("--rounds", "1"),
    "workers": ("--rounds", "1"),
}
"""How much of each in a run of all, which takes forty minutes at most; by itself it has its own defaults."""
PUBLISHED = {"greeting": ("--rounds", "3"), "latency": ("--rounds", "10")}
"""Measured again with vendors at their published medians; first tokens are spread there, so that a p95 wants turns."""
ALONE = ("recording",)
"""Not in a run of all, nor is anything that is not of calls: the machine has been quiet for long enough by then."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = list(sys.argv[1:] if words is None else words)
    if given[:1] == ["--quick"]:
        given.insert(0, "all")
    arguments = _parser(given).parse_args(given)
    try:
        told, faults = (_all(arguments.quick), ()) if arguments.what == "all" else _one(arguments)
        if arguments.json is not None:
            _write(json.dumps(told, indent=2) + "\n", arguments.json)
        if getattr(arguments, "svg", None) is not None:
            _write(picture(cast("dict[str, Any]", told)["rows"]), arguments.svg)
    except (OSError, subprocess.CalledProcessError) as why:
        faults = (str(why),)
    for fault in faults:
        print(f"[bench] {fault}", file=sys.stderr)
    return 1 if faults else 0


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """Only the measurement that was named is loaded: some load the whole pipeline."""
    parser = argparse.ArgumentParser(description="Measure the house on this machine.")
    commands = parser.add_subparsers(dest="what", required=True)
    for name, about in {**MEASUREMENTS, **CALLS, **VARIANTS, "all": "everything of calls, a little of each"}.items():
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument(
            "--json", nargs="?", const="-", metavar="FILE", help="figures on standard output or in FILE"
        )
        if name in (*CALLS, *VARIANTS, "all"):
            command.add_argument("--svg", metavar="FILE", help="the rows of calls as a picture")
        if name == "all":
            command.add_argument("--quick", action="store_true", help="a few calls and nothing else: some five minutes")
        elif name in given:
            _module(name).add_arguments(command)
    return parser


def _one(arguments: argparse.Namespace) -> tuple[object, tuple[str, ...]]:
    """Its JSON, and what must not be."""
    chosen = {name: value for name, value in vars(arguments).items() if name not in ("what", "json", "svg")}
    with observed() as machine:
        found = cast("Measured | list[Figure]", uvloop.run(_module(arguments.what).measure(arguments)))
    figures = found.figures if isinstance(found, Measured) else found
    report = Report(arguments.what, chosen, machine, figures)
    show(report, to=sys.stderr if arguments.json == "-" else sys.stdout)
    if not isinstance(found, Measured):
        return [report.as_json()], ()
    return ({**found.form, "machine": asdict(machine)} if "rows" in found.form else found.form), found.faults


def _all(quick: bool) -> dict[str, Any]:
    """Each by its name, in a process of its own, so that none pays for another's memory. Those of calls are rows."""
    told: dict[str, Any] = {"rows": [], "published": [], "conditions": {}}
    with observed() as machine, tempfile.TemporaryDirectory(prefix="chairside-bench-") as folder:
        for name in (*CALLS, *(() if quick else (name for name in VARIANTS if name not in ALONE))):
            found = _in_its_process(name, ["--quick"] if quick else IN_ALL.get(name, ()), folder)
            told["rows"] += found["rows"]
            told["conditions"][name] = found["conditions"]
        for name, more in () if quick else PUBLISHED.items():
            told["published"] += _in_its_process(name, ["--vendors", "published", *more], folder)["rows"]
    return {**told, "machine": asdict(machine)}


def _in_its_process(name: str, more: Sequence[str], folder: str) -> Any:
    out = Path(folder) / "out.json"
    subprocess.run([sys.executable, __file__, name, *more, "--json", str(out)], check=True)
    return json.loads(out.read_text())


def _module(name: str) -> Any:
    rooms = {**dict.fromkeys(CALLS, "_bench_calls"), **dict.fromkeys(CROWDS, "_bench_crowd")}
    rooms |= dict.fromkeys(VARIANTS, "_bench_variants")
    return import_module(rooms.get(name, f"_bench_{name}"))


def _write(text: str, where: str) -> None:
    if where == "-":
        sys.stdout.write(text)
    else:
        Path(where).write_text(text)


if __name__ == "__main__":
    sys.exit(main())
