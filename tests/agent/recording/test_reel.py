"""Tapes that are not what they should be: each is named for what is wrong, and no more is refused than must be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.recording.recorder import Shelf
from agent.recording.reel import TapeError, read_tape

TAPE = Path(__file__).parents[2] / "calls" / "tapes" / "hang-up-mid-word"
SCRIPT = Path(__file__).parents[3] / "scripts" / "replay_call.py"


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return shutil.copytree(TAPE, tmp_path / "tape")


def cut_in_half(file: str) -> Callable[[Path], object]:
    def cut(tape: Path) -> None:
        data = (tape / file).read_bytes()
        (tape / file).write_bytes(data[: len(data) // 2])

    return cut


def manifest(**news: object) -> Callable[[Path], object]:
    def change(tape: Path) -> None:
        path = tape / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **news}))

    return change


def append(file: str, text: str) -> Callable[[Path], object]:
    return lambda tape: (tape / file).write_text((tape / file).read_text() + text)


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing there": (shutil.rmtree, "tape_missing"),
    "no manifest": (lambda tape: (tape / "manifest.json").unlink(), "tape_missing"),
    "manifest no JSON": (lambda tape: (tape / "manifest.json").write_text("{"), "tape_unreadable"),
    "manifest of something else": (lambda tape: (tape / "manifest.json").write_text("[]"), "tape_unreadable"),
    "newer": (manifest(format=2), "tape_newer"),
    "other settings": (manifest(settings={"stt": "nova"}), "tape_edited"),
    "no caller": (lambda tape: (tape / "caller.ulaw").unlink(), "audio_missing"),
    "no times": (lambda tape: (tape / "agent.times").unlink(), "audio_missing"),
    "no wire": (lambda tape: (tape / "wire.jsonl").unlink(), "tape_damaged"),
    "caller cut": (cut_in_half("caller.ulaw"), "tape_truncated"),
    "agent cut": (cut_in_half("agent.ulaw"), "tape_truncated"),
    "events cut": (cut_in_half("events.jsonl"), "tape_edited"),
    "wire edited": (append("wire.jsonl", "\n"), "tape_edited"),
    "seal no JSON": (lambda tape: (tape / "seal.json").write_text("seal"), "tape_unreadable"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_named(tape: Path, wrong: str) -> None:
    spoil, code = WRONG[wrong]
    spoil(tape)
    with pytest.raises(TapeError) as why:
        read_tape(tape)
    assert why.value.code == code
    assert str(tape) in why.value.message


def test_the_command_says_it_in_a_line(tape: Path) -> None:
    spoil, code = WRONG["caller cut"]
    spoil(tape)
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT), str(tape)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert f"[tape/{code}]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_truncated_one_is_played_as_far_as_it_goes(tape: Path) -> None:
    cut_in_half("caller.ulaw")(tape)
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT), str(tape), "--to", "2.5"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "as then, 2.5 s of call" in done.stdout


def test_without_a_seal_half_a_line_at_the_end_is_left_out(tape: Path) -> None:
    whole = read_tape(tape)
    (tape / "seal.json").unlink()
    for name in ("wire.jsonl", "events.jsonl", "caller.times"):
        data = (tape / name).read_bytes()
        (tape / name).write_bytes(data[:-7])
    reel = read_tape(tape)
    assert not reel.is_sealed
    assert len(reel.events) == len(whole.events) - 1
    assert 0 < reel.until <= whole.until


def test_a_line_that_is_spoilt_in_the_middle_is_named(tape: Path) -> None:
    (tape / "seal.json").unlink()
    lines = (tape / "wire.jsonl").read_text().splitlines(keepends=True)
    (tape / "wire.jsonl").write_text("".join([*lines[:3], "{]\n", *lines[3:]]))
    with pytest.raises(TapeError, match=r"wire.jsonl, line 4") as why:
        read_tape(tape)
    assert why.value.code == "tape_damaged"


def test_old_tapes_go_first_and_those_being_made_stay(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    paths = [shutil.copytree(TAPE, tmp_path / "1" / f"CA{number}") for number in range(4)]
    now = time.time()
    for age_days, path in zip((40, 3, 2, 1), paths, strict=True):
        os.utime(path / "manifest.json", (now - age_days * 86400,) * 2)
    size = sum(file.stat().st_size for file in paths[0].iterdir())
    assert shelf.sweep(now - 30 * 86400, 10 * size, live=set()) == 1
    assert [path.exists() for path in paths] == [False, True, True, True]
    assert shelf.sweep(now - 30 * 86400, 2 * size, live={paths[1]}) == 1
    assert [path.exists() for path in paths] == [False, True, False, True]


@pytest.mark.parametrize("sid", ["../1/CA0", "", "CA/0", "CA0\x00"])
def test_a_name_that_is_no_call_leads_nowhere(tmp_path: Path, sid: str) -> None:
    assert Shelf(tmp_path).find(1, sid) is None
