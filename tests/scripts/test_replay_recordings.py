"""Recordings of people, on which the emulated ear has to guess. Collected when CHAIRSIDE_FIXTURES names them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from agent.emulators.audio import RATE, load_wav

Start = Callable[..., subprocess.Popen[str]]

AUDIO = Path(os.environ["CHAIRSIDE_FIXTURES"]) / "audio"
SHORTEST = sorted(AUDIO.glob("*_8k_ulaw.wav"), key=lambda path: path.stat().st_size)[:2]


def test_people_are_heard_and_answered(start: Start):
    running = {clip: start("replay_call.py", "--to", "+442079460123", "--audio", clip, "--json") for clip in SHORTEST}
    for clip, replay in running.items():
        book, complaints = replay.communicate(timeout=90)
        assert (replay.returncode, complaints) == (0, ""), clip
        (call,) = json.loads(book)["calls"]
        assert call["caller_audio_ms"] == len(load_wav(clip)) * 1000 / RATE
        assert call["turns"]
        assert all(turn["heard"] for turn in call["turns"])
