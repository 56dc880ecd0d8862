"""Tapes at the command line, as a developer uses them: explained, listened to, played to a server that runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import wave
from pathlib import Path

from agent.emulators.stage import PUBLIC_URL, open_stage
from agent.knowledge.registry import location_key
from agent.stores.embedded import EmbeddedStore
from tests.house import PLUMERIA
from tests.servers import free_port, running_server, url_of

SCRIPT = Path(__file__).parents[2] / "scripts" / "replay_call.py"
TAPES = Path(__file__).parents[1] / "calls" / "tapes"


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    env = {"PATH": "/usr/bin:/bin", "COLUMNS": "160", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=env)  # noqa: S603


def test_where_the_time_went_is_told_turn_by_turn() -> None:
    told = run(TAPES / "booking", "--explain")
    assert told.returncode == 0, told.stderr
    for part in (
        "turn 1 at",
        "hearing: last voice to final words",
        "tool hold_appointment (ok)",
        "voice: to its first",
    ):
        assert part in told.stdout
    assert "Nothing went wrong." in told.stdout


def test_its_sound_is_a_wav(tmp_path: Path) -> None:
    assert run(TAPES / "hang-up-mid-word", "--wav", tmp_path / "call.wav").returncode == 0
    with wave.open(str(tmp_path / "call.wav")) as sound:
        assert sound.getnchannels() == 2
        assert sound.getnframes() > 8 * 8000


def test_what_cannot_be_done_is_said_in_a_line() -> None:
    told = run(TAPES / "hang-up-mid-word", "--to", "+442079460123")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "[tape/shop_differs]" in told.stderr


async def test_its_caller_phones_a_running_server(tmp_path: Path) -> None:
    """Whose shop it is matters; what is said is that server's business."""
    async with open_stage() as stage:
        settings = stage.settings(port=free_port(), public_url=PUBLIC_URL)
        async with EmbeddedStore.open(settings.database_path) as store:
            await store.store_knowledge(location_key(1), PLUMERIA)
        theirs = {
            "PUBLIC_URL": PUBLIC_URL,
            "TWILIO_AUTH_TOKEN": settings.twilio_auth_token.get_secret_value(),
            "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
            "OPERATOR_TOKEN": settings.operator_token.get_secret_value(),
            "DATABASE_PATH": str(settings.database_path),
        }
        async with running_server(settings):
            tape = TAPES / "hang-up-mid-word"
            played = await asyncio.to_thread(run, tape, "--against", url_of(settings), **theirs)
            async with EmbeddedStore.open(settings.database_path) as store:
                calls = await store.recent_calls(1)
        assert played.returncode == 0, played.stdout + played.stderr
        assert [call.end_reason for call in calls] == ["caller_hung_up"]
