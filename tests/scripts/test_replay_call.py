"""A recording phones a shop: what was heard of it, and that all of it was sent."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.emulators.voice import speak

Start = Callable[..., subprocess.Popen[str]]

LONDON = "+442079460123"
WORDS = "How much is a fringe trim?"
WAIT_S = 90


def recording(path: Path, ulaw: bytes) -> Path:
    """Mu-law as a WAV file."""
    form = struct.pack("<HHIIHHH", 7, 1, 8000, 8000, 1, 8, 0)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(ulaw)) + ulaw
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


@dataclass(frozen=True)
class Replay:
    process: subprocess.Popen[str]
    samples: int


@pytest.fixture(scope="module", autouse=True)
def replay(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """Begins before everything else here, because it plays in real time."""
    # Seven samples short of a whole frame: the account must not round.
    ulaw = speak(WORDS).ulaw[:-7]
    clip = recording(tmp_path_factory.mktemp("recording") / "clip.wav", ulaw)
    return Replay(start("replay_call.py", "--to", LONDON, "--audio", clip, "--says", WORDS, "--json"), len(ulaw))


def test_a_running_server_is_phoned_with_its_own_papers(start: Start, tmp_path: Path):
    (tmp_path / "scenes").mkdir()
    idle = f'name: idle\nto: "{LONDON}"\nsteps: [{{wait: agent_speaking}}, {{hang_up: true}}]\n'
    (tmp_path / "scenes" / "idle.yaml").write_text(idle)
    ask = tmp_path / "ask.yaml"
    ask.write_text(f'name: ask\nto: "{LONDON}"\nsteps: [{{barge_in: {{say: Hello there, after_ms: 200}}}}]\n')
    demo = start("demo.py", "--calls", "1", "--scenes", tmp_path / "scenes")
    try:
        assert demo.stdout is not None
        while "PUBLIC_URL=" not in (line := demo.stdout.readline()):
            assert line, "the demo ended before it told how to ring it"
        words = line.split()
        papers = dict(word.split("=", 1) for word in words if "=" in word)
        url = words[words.index("--server") + 1]
        known = start("replay_call.py", "--scenario", ask, "--server", url, "--json", **papers)
        stranger = start(
            "replay_call.py", "--scenario", ask, "--server", url, **{**papers, "TWILIO_AUTH_TOKEN": "guessed"}
        )
        book, complaints = known.communicate(timeout=WAIT_S)
        assert (known.returncode, complaints) == (0, "")
        (call,) = json.loads(book)["calls"]
        # Its emulated ear was never told what this caller says.
        assert [turn["heard"] for turn in call["turns"]] == ["(unintelligible)"]
        assert call["stored_turns"] == len(call["turns"])
        assert call["tools"] is None
        _, refused = stranger.communicate(timeout=WAIT_S)
        assert stranger.returncode == 1
        assert "/voice answered 403: the server expects another TWILIO_AUTH_TOKEN or PUBLIC_URL" in refused
    finally:
        demo.terminate()
        demo.communicate(timeout=WAIT_S)
    assert demo.returncode == 0


def test_what_was_given_wrong_is_told_in_one_sentence_with_a_code(start: Start, tmp_path: Path):
    text = tmp_path / "text.wav"
    text.write_text("not sound")
    odd = tmp_path / "odd.yaml"
    odd.write_text("name: odd\nsteps: [{sing: la}]\n")
    expected = {
        ("--to", LONDON, "--audio", tmp_path / "gone.wav"): "[replay/audio_unreadable]",
        ("--to", LONDON, "--audio", text): "not a WAV file",
        ("--to", "555", "--audio", text): "[replay/number_invalid]",
        ("--scenario", odd): "steps[0]: not a step",
        ("--to", LONDON, "--scenario", odd, "--server", "http://127.0.0.1:9"): "[replay/scenario_invalid]",
    }
    running = {start("replay_call.py", *arguments): sentence for arguments, sentence in expected.items()}
    for replay, sentence in running.items():
        shown, complaint = replay.communicate(timeout=WAIT_S)
        assert (replay.returncode, shown, complaint.count("\n")) == (2, "", 1), complaint
        assert sentence in complaint


def test_a_server_that_cannot_be_signed_for_is_not_dialled(start: Start, tmp_path: Path):
    clip = recording(tmp_path / "clip.wav", speak("Hello.").ulaw)
    replay = start("replay_call.py", "--to", LONDON, "--audio", clip, "--server", "http://127.0.0.1:9")
    _, complaint = replay.communicate(timeout=WAIT_S)
    assert replay.returncode == 2
    assert "needs TWILIO_AUTH_TOKEN and PUBLIC_URL of that server" in complaint


def test_a_recording_is_sent_whole_heard_and_answered(replay: Replay):
    book, complaints = replay.process.communicate(timeout=WAIT_S)
    assert (replay.process.returncode, complaints) == (0, "")
    (call,) = json.loads(book)["calls"]
    (turn,) = call["turns"]
    assert turn["heard"] == WORDS
    assert "12.50 GBP" in turn["spoken"]
    assert 0 < turn["voice_to_voice_ms"] < 10_000
    assert call["caller_audio_ms"] == replay.samples * 1000 / 8000
    assert call["location_id"] == 2
    assert call["tools"] == []
    assert call["end_reason"] == "caller_hung_up"
    assert call["stored_turns"] == 1
    assert call["ops_transcripts"] >= 1
