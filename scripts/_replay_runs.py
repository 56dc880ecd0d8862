"""Record twenty kinds of call and replay each strictly, all in this one process.

    python scripts/_replay_runs.py [--quick]

What `bench.py replay` runs, apart from it because the clock is changed before anything reads one. Prints JSON.
"""

# ruff: noqa: E402 - the clock comes first
from __future__ import annotations

# isort: off
from agent.emulators import virtual_clock

virtual_clock.install()
# isort: on

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from _replay import replay
from _taping import record, scenarios
from loguru import logger

from agent.recording.reel import read_tape

TIMES = 3
NOVA_EVERY = 4
"""One kind of call in so many is recorded and replayed with nova as well; not that with sound taken out, whose turns
nova's local models judge anew."""


def main() -> int:
    """Run, and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="five kinds of call, once each")
    quick = parser.parse_args().quick
    logger.remove()
    paths = scenarios()[::4] if quick else scenarios()
    times = 1 if quick else TIMES
    with TemporaryDirectory(prefix="chairside-tapes-") as folder:
        flux = [_run(path, Path(folder) / "flux", times, "flux") for path in paths]
        nova = [_run(path, Path(folder) / "nova", times, "nova") for path in paths[1::NOVA_EVERY]]
    print(json.dumps({"flux": flux, "nova": nova}))
    return 0


def _run(path: Path, into: Path, times: int, stt: str) -> dict[str, Any]:
    """One kind of call: recorded, and replayed so many times."""
    reel = read_tape(record(path, into, stt=stt))
    runs = [replay(reel) for _ in range(times)]
    told = [line for run in runs for line in (*map(str, run.findings), *run.differences)]
    identical = all(run.is_identical for run in runs)
    print(f"{stt} {path.stem}: {'identical' if identical else 'NOT identical'}", file=sys.stderr)
    return {
        "name": path.stem,
        "identical": identical,
        "call_s": reel.until,
        "speedup": median(reel.until / run.call_s for run in runs),
        "differences": told[:20],
    }


if __name__ == "__main__":
    sys.exit(main())
