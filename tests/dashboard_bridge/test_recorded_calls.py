"""Recorded calls over HTTP: who may hear them, take them, and have them forgotten."""

from __future__ import annotations

import io
import json
import shutil
import wave
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.recording.reel import read_tape
from tests.dashboard_bridge.api_rig import Office, opened_office

TAPE = Path(__file__).parents[1] / "calls" / "tapes" / "booking"
SID = "CA" + "7" * 32


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened_office(tmp_path) as running:
        yield running


@pytest.fixture
async def recorded(office: Office) -> Office:
    """A call of the first shop with its tape."""
    shutil.copytree(TAPE, office.tapes.root / "1" / SID)
    await office.call(SID, said="Hi, I'd like a root touch-up with Ana on Friday at ten, please.")
    return office


async def test_the_record_of_a_call_tells_where_to_hear_it_and_where_turns_begin(recorded: Office) -> None:
    async with recorded.by("looks") as client:
        detail = (await client.get(f"/calls/{SID}")).json()
        assert detail["call"]["audio_url"] == f"/calls/{SID}/audio"
        assert 4 < detail["turns"][0]["at_s"] < 9
        assert {"stt", "llm", "voice_to_voice"} <= {timing["stage"] for timing in detail["turns"][0]["timings"]}
        assert [tool["tool"] for tool in detail["tools"]] == ["hold_appointment", "confirm_appointment", "end_call"]
        sound = await client.get(detail["call"]["audio_url"])
    assert sound.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(sound.content)) as told:
        assert (told.getnchannels(), told.getframerate()) == (2, 8000)
        assert abs(told.getnframes() / 8000 - read_tape(TAPE).until) < 0.01


async def test_a_browser_may_ask_for_a_part_of_the_sound(recorded: Office) -> None:
    async with recorded.by("looks") as client:
        where = f"/calls/{SID}/audio"
        whole = (await client.get(where)).content
        part = await client.get(where, headers={"Range": "bytes=1000-1999"})
        rest = await client.get(where, headers={"Range": f"bytes={len(whole) - 10}-"})
        beyond = await client.get(where, headers={"Range": f"bytes={len(whole)}-"})
    assert (part.status_code, part.content) == (206, whole[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(whole)}"
    assert (rest.status_code, rest.content) == (206, whole[-10:])
    assert beyond.status_code == 416


async def test_the_tape_is_the_owners_and_replays(recorded: Office, tmp_path: Path) -> None:
    async with recorded.by("looks") as client:
        assert (await client.get(f"/calls/{SID}/tape")).status_code == 403
    async with recorded.by("owns") as client:
        packed = await client.get(f"/calls/{SID}/tape")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        archive.extractall(tmp_path)
    assert read_tape(tmp_path / SID).is_sealed


async def test_it_is_nothing_to_strangers_and_to_other_shops(recorded: Office) -> None:
    async with recorded.visited() as client:
        assert (await client.get(f"/calls/{SID}/audio")).status_code == 401
    shutil.copytree(TAPE, recorded.tapes.root / "2" / "CA2")
    await recorded.call("CA2", 2)
    async with recorded.by("looks") as client:
        for what in ("audio", "tape"):
            answer = await client.get(f"/calls/CA2/{what}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "call_unknown")
        assert (await client.delete("/shops/2/tapes", params={"caller": "+12025550100"})).status_code == 404


async def test_a_call_without_a_tape_is_told_without_one(office: Office) -> None:
    await office.call("CA9", said="Hello")
    async with office.by("looks") as client:
        assert "audio_url" not in (await client.get("/calls/CA9")).json()["call"]
        answer = await client.get("/calls/CA9/audio")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "tape_unknown")


async def test_a_tape_that_is_spoilt_takes_nothing_from_the_record(recorded: Office) -> None:
    (recorded.tapes.root / "1" / SID / "manifest.json").write_text("{")
    async with recorded.by("looks") as client:
        assert (await client.get(f"/calls/{SID}")).json()["turns"][0]["heard"].startswith("Hi")
        answer = await client.get(f"/calls/{SID}/audio")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "tape_unreadable")


async def test_an_owner_has_a_caller_forgotten(recorded: Office) -> None:
    number = json.loads((TAPE / "manifest.json").read_text())["caller"]["caller"]
    async with recorded.by("looks") as client:
        assert (await client.delete("/shops/1/tapes", params={"caller": number})).status_code == 403
    async with recorded.by("owns") as client:
        wrong = await client.delete("/shops/1/tapes", params={"caller": "somebody"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "query_invalid")
        assert (await client.delete("/shops/1/tapes", params={"caller": number})).json() == {"deleted": 1}
        assert (await client.get(f"/calls/{SID}/audio")).status_code == 404
