"""Recorded calls on pages: what they add to the record of a call, their sound, the tape itself, and forgetting."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from pathlib import Path
from typing import Any

from starlette.responses import Response

from agent.errors import NotFound
from agent.events import StageTimed, ToolUsed, TurnHeard, TurnStarted
from agent.model import to_e164
from agent.recording.recorder import Shelf
from agent.recording.reel import Reel, TapeError, read_tape
from agent.recording.sound import stereo_wav
from dashboard_bridge.answers import misasked

MOST_TOGETHER = 2
"""Tapes read at once: each takes some megabytes and a moment of a processor that calls need."""


class Tapes:
    """The tapes of this house, for somebody who may hear them."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._reading = asyncio.Semaphore(MOST_TOGETHER)

    async def enrich(self, detail: dict[str, Any]) -> dict[str, Any]:
        """The record of a call with what its tape tells beside: where to hear it, when turns began, stages, tools.

        A call that was not recorded, or whose tape cannot be read any more, is returned as it is.
        """
        call = detail["call"]
        path = await asyncio.to_thread(self._shelf.find, call["location_id"], call["call_sid"])
        if path is None:
            return detail
        try:
            reel = await self._read(path)
        except TapeError:
            return detail
        where = f"/calls/{call['call_sid']}"
        heard = _turns(reel)
        turns = [turn | heard.get(turn["index"], {}) for turn in detail["turns"]]
        news = {"audio_url": f"{where}/audio", "tape_url": f"{where}/tape"}
        return detail | {"call": call | news, "turns": turns, "tools": _tools(reel)}

    async def audio(self, location_id: int, call_sid: str, part: str = "") -> Response:
        """The sound of a call as WAV, caller left, agent right. Raises NotFound tape_unknown, TapeError.

        `part`: the Range header of who asks, without which a browser cannot go to a turn.
        """
        reel = await self._read(await self._found(location_id, call_sid))
        wav = await asyncio.to_thread(stereo_wav, reel)
        headers = {"Cache-Control": "private, max-age=600", "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d{1,12})-(\d{0,12})", part.strip())
        if asked is None:
            return Response(wav, media_type="audio/wav", headers=headers)
        first, last = int(asked[1]), min(int(asked[2] or len(wav)), len(wav) - 1)
        if first > last:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{len(wav)}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{len(wav)}"
        return Response(wav[first : last + 1], status_code=206, media_type="audio/wav", headers=headers)

    async def packed(self, location_id: int, call_sid: str) -> Response:
        """The tape as a ZIP file, for `scripts/replay_call.py`. Raises NotFound tape_unknown."""
        path = await self._found(location_id, call_sid)
        async with self._reading:
            data = await asyncio.to_thread(_zip, path)
        name = f'attachment; filename="{call_sid}.zip"'
        return Response(data, media_type="application/zip", headers={"Content-Disposition": name})

    async def forget(self, location_id: int, caller: str) -> dict[str, int]:
        """Delete every recording of somebody's calls to a shop. Raises Misasked."""
        try:
            number = to_e164(caller)
        except ValueError as why:
            raise misasked({"caller": f"{why}."}) from why
        return {"deleted": await asyncio.to_thread(self._shelf.forget_caller, location_id, number)}

    async def _found(self, location_id: int, call_sid: str) -> Path:
        path = await asyncio.to_thread(self._shelf.find, location_id, call_sid)
        if path is None:
            raise NotFound("tape_unknown", "This call was not recorded, or its recording is deleted.")
        return path

    async def _read(self, path: Path) -> Reel:
        async with self._reading:
            return await asyncio.to_thread(read_tape, path)


def _turns(reel: Reel) -> dict[int, dict[str, Any]]:
    """By turn: the second at which it began, and its timings."""
    turns: dict[int, dict[str, Any]] = {}
    for event in reel.events:
        if isinstance(event, TurnStarted | TurnHeard):
            at_s = round((event.at - reel.manifest.began_at).total_seconds(), 2)
            turns.setdefault(event.turn, {"at_s": at_s, "timings": []})
        elif isinstance(event, StageTimed) and event.turn in turns:
            turns[event.turn]["timings"].append({"stage": event.stage, "ms": event.ms})
    return turns


def _tools(reel: Reel) -> list[dict[str, Any]]:
    """As the live feed tells them."""
    used = (event for event in reel.events if isinstance(event, ToolUsed))
    return [
        {
            "turn": event.turn,
            "tool": event.tool,
            "tool_call_id": event.tool_call_id,
            "arguments": event.arguments,
            "outcome": event.outcome,
            "took_ms": event.took_ms,
            "at": event.at.isoformat(),
        }
        for event in used
    ]


def _zip(path: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path.iterdir()):
            archive.write(file, f"{path.name}/{file.name}")
    return packed.getvalue()
