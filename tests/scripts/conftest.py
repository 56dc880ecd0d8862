"""Scripts run as an operator runs them: in a process of their own, away from the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"

collect_ignore = [] if os.environ.get("CHAIRSIDE_FIXTURES") else ["test_replay_recordings.py"]
"""Recordings of people are outside material: without their folder there is nothing to collect."""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a script in an empty directory, with no settings in the environment."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    running: list[subprocess.Popen[str]] = []

    def started(name: str, *arguments: str | Path, **settings: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, str(SCRIPTS / name), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=elsewhere,
            env={**inherited, "PYTHONUNBUFFERED": "1", **settings},
        )
        running.append(process)
        return process

    yield started
    for process in running:
        with process:
            process.kill()
