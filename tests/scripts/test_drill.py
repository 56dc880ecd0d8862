"""A few cells of the drill: the rest is played by `scripts/drill.py --all`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def drill(tmp_path: Path, only: str) -> list[dict[str, object]]:
    """Play the cells with this in their names; each must hold."""
    out = tmp_path / "cells.json"
    command = [sys.executable, str(SCRIPTS / "drill.py"), "--only", only, "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)  # noqa: S603 - our own script
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(out.read_text())["cells"]


@pytest.mark.parametrize(
    ("cell", "outcomes"),
    [
        ("deepgram mute first_turn", {"transfer"}),
        ("flux refuse first_turn", {"answer"}),
        ("openai half-open tool", {"transfer"}),
        ("cartesia no audio mid_answer", {"message"}),
    ],
)
def test_a_cell_holds(tmp_path: Path, cell: str, outcomes: set[str]):
    (row,) = drill(tmp_path, cell)
    assert f"{row['vendor']} {row['fault']} {row['moment']}" == cell
    assert isinstance(row["longest_silence_ms"], int)
    assert row["longest_silence_ms"] <= 3000
    assert row["outcome"] in outcomes
    assert row["rows_lost"] == row["rows_doubled"] == 0


def test_what_is_asked_for_has_to_be_there():
    command = [sys.executable, str(SCRIPTS / "drill.py"), "--only", "nobody"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own script
    assert done.returncode == 2
    assert "no cell" in done.stderr
