"""Recorded calls, each a folder in `tapes/`: played again they go as they went. A new folder is a new test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from _replay import Replayed, replay

from agent.recording.folder import WIRE
from agent.recording.reel import read_tape

ROOT = Path(__file__).parents[2]
ASKS = "Shall I book that, and what name may I put it under?"
ASKS_OTHERWISE = "May I book that, and under which name?"
TAPES = sorted((Path(__file__).parent / "tapes").iterdir())


@pytest.fixture
def replayed() -> Callable[[Path], Replayed]:
    """Plays the tape in a folder."""
    return lambda path: replay(read_tape(path))


@pytest.mark.parametrize("tape", TAPES, ids=lambda tape: tape.name)
def test_it_goes_as_it_went(tape: Path, replayed: Callable[[Path], Replayed]) -> None:
    again = replayed(tape)
    assert [str(finding) for finding in again.findings] == []
    assert list(again.differences) == []


def booking() -> Path:
    return next(tape for tape in TAPES if tape.name == "booking")


def replaying_with(tmp_path: Path, file: str, sentence: str, other: str) -> subprocess.CompletedProcess[str]:
    """Replay the booking, vendor-pinned, with a house in which one sentence is another."""
    for package in ("agent", "dashboard_bridge", "scripts"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "web"))
    shutil.copy(ROOT / "server.py", tmp_path)
    text = (tmp_path / file).read_text()
    assert text.count(sentence) == 1
    (tmp_path / file).write_text(text.replace(sentence, other))
    command = [sys.executable, str(tmp_path / "scripts" / "replay_call.py"), str(booking()), "--pinned"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


def test_nothing_changed_nothing_found(tmp_path: Path) -> None:
    done = replaying_with(tmp_path, "agent/knowledge/prompt.py", "A shop and a moment become", "Shop and moment become")
    assert (done.returncode, done.stderr) == (0, "")


def test_another_sentence_in_the_prompt_is_shown_at_each_request_it_is_in(tmp_path: Path) -> None:
    done = replaying_with(
        tmp_path, "agent/knowledge/instructions.py", "You speak with one caller", "You talk with one caller"
    )
    asked = sum(note.what == "ask" for note in read_tape(booking()).of("openai"))
    assert done.returncode == 1
    assert done.stderr.count("[replay/request_unknown]") == asked
    assert done.stderr.count("You talk with one caller") == asked


def test_another_sentence_of_a_tool_is_shown_at_the_requests_that_tell_of_it_alone(tmp_path: Path) -> None:
    done = replaying_with(tmp_path, "agent/bookings/wordings.py", f'else "{ASKS}"', f'else "{ASKS_OTHERWISE}"')
    asks = [note for note in read_tape(booking()).of("openai") if note.what == "ask"]
    affected = [note for note in asks if ASKS in (note.raw or "")]
    assert 0 < len(affected) < len(asks)
    assert done.returncode == 1
    assert done.stderr.count("[replay/request_unknown]") == len(affected)
    assert ASKS_OTHERWISE in done.stderr


def test_a_request_of_the_tape_that_is_another_now_is_found(tmp_path: Path) -> None:
    """The comparison is of what is asked, not of whether anything is."""
    copy = tmp_path / "tape"
    shutil.copytree(booking(), copy)
    (copy / "seal.json").unlink()
    wire = (copy / WIRE).read_text()
    (copy / WIRE).write_text(wire.replace('"max_buffer_delay_ms": 0', '"max_buffer_delay_ms": 1'))
    assert wire.count('"max_buffer_delay_ms": 0') > 0
    assert {finding.code for finding in replay(read_tape(copy)).findings} == {"speech_unknown"}
