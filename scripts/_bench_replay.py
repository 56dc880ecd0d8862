"""Twenty kinds of call, recorded, and replayed strictly three times in a row: how many are the same, and how fast."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from _bench import Figure, Measured

RUNS = Path(__file__).resolve().parent / "_replay_runs.py"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--quick", action="store_true", help="five kinds of call, once each")


async def measure(arguments: argparse.Namespace) -> Measured:
    """Run it in a process of its own, whose clock jumps."""
    command = [sys.executable, str(RUNS), *(["--quick"] if arguments.quick else [])]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    if process.returncode:
        raise OSError(f"{RUNS.name} ended with {process.returncode}")
    runs: dict[str, list[dict[str, Any]]] = json.loads(told)
    every = [*runs["flux"], *runs["nova"]]
    figures = {
        "tapes": len(runs["flux"]),
        "identical": sum(run["identical"] for run in runs["flux"]),
        "speedup": round(median(run["speedup"] for run in runs["flux"]), 1),
        "speedup_nova": round(median(run["speedup"] for run in runs["nova"]), 1),
    }
    nova = {"tapes": len(runs["nova"]), "identical": sum(run["identical"] for run in runs["nova"])}
    return Measured(
        figures=[Figure(name, value, "x" if "speedup" in name else "") for name, value in figures.items()],
        form={**figures, "nova": nova, "runs": runs},
        faults=tuple(f"{run['name']}: {' | '.join(run['differences'])}" for run in every if not run["identical"]),
    )
