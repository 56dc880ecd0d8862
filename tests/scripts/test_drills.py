"""Small forms of the drills and the soak: real servers, killed, restarted, and looked at."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

WITHIN_S = 240
Start = Callable[..., "subprocess.Popen[str]"]


def held(start: Start, name: str, report: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report of a drill; what it said is shown when there is none."""
    process = start(name, *arguments, "--json", report)
    said = process.communicate(timeout=WITHIN_S)
    assert report.exists(), said
    return process.returncode, json.loads(report.read_text())


def test_what_a_killed_server_had_promised_is_kept_once(start: Start, tmp_path: Path):
    """Its project is away while the next one starts."""
    arguments = ("--rounds", "1", "--calls", "3", "--seed", "2", "--latest", "9")
    code, told = held(start, "_drill_crash.py", tmp_path / "crash.json", *arguments)
    assert (code, told["ok"]) == (0, True), told
    assert (told["kills"], told["with_project_away"]) == (1, 1)
    assert told["lines_died"] > 0
    assert told["turns_promised"] > 0


def test_servers_restarted_in_turn_drop_no_call(start: Start, tmp_path: Path):
    arguments = ("--calls", "4", "--restarts", "1", "--dashboards", "2", "--questions", "1", "--between", "0.5")
    code, told = held(start, "_drill_rolling.py", tmp_path / "rolling.json", *arguments)
    assert (code, told["calls_dropped"]) == (0, 0), told
    assert told["calls"] >= 4
    assert told["dashboards_reconnected"] > 0


def test_calls_leave_no_tasks_files_or_threads(start: Start, tmp_path: Path):
    """Memory is for the long form: the first calls fill caches, and open connections that wait for the next ones."""
    arguments = ("--warm-up", "8", "--calls", "8", "--minutes", "0", "--at-once", "8", "--looks", "1")
    _, told = held(start, "soak.py", tmp_path / "soak.json", *arguments)
    part = told["parts"]["short_calls"]
    assert (part["calls"], part["failures"]) == (16, [])
    assert all(more < 8 for more in part["grown"].values()), part  # a call each
