"""A recorded call without the person who made it: their number, name and voice are somebody else's, or nobody's.

What was said stays, as the vendors wrote it down, and so does every moment; the agent's voice is made anew by playing
the call again with it.
"""

from __future__ import annotations

import audioop
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _replay import replay

from agent.events import BookingCancelled, BookingHeld, BookingMade, BookingMoved, MessageTaken
from agent.recording.folder import BLOBS, EVENTS, MANIFEST, SEAL, VOICE, WIRE, sound_file, unintelligible
from agent.recording.reel import Reel, TapeError, read_tape

NUMBER, NAME, CALL_SID = "+12025550100", ("Robin", "Sample"), "CA" + "0" * 32
_TEXTS = (MANIFEST, EVENTS, WIRE, BLOBS)


def anonymised(reel: Reel, into: Path) -> Reel:
    """The same call of nobody, in the folder `into`. Raises TapeError when it does not go as it did."""
    with TemporaryDirectory(prefix="chairside-anonymous-") as folder:
        copy = Path(folder) / "tape"
        shutil.copytree(reel.path, copy)
        (copy / SEAL).unlink(missing_ok=True)
        renamed = _Renaming(dict(_words(reel)))
        (copy / WIRE).write_text(_joined(_answers_renamed((copy / WIRE).read_text(encoding="utf-8"), renamed)))
        for name in _TEXTS:
            (copy / name).write_text(renamed((copy / name).read_text(encoding="utf-8")), encoding="utf-8")
        _silence(copy, reel)
        again = replay(read_tape(copy), keep=into)
    if again.findings:
        shutil.rmtree(into)
        raise TapeError("replay_differs", f"{reel.path}: made anonymous, it goes another way: {again.findings[0]}")
    return again.again


class _Renaming:
    """Puts other words in the place of some."""

    def __init__(self, others: dict[str, str]) -> None:
        self._others = others
        words = sorted(others, key=len, reverse=True)
        self._found = re.compile(r"(?<![\w+])(?:" + "|".join(map(re.escape, words)) + r")(?!\w)")

    def __call__(self, text: str) -> str:
        return self._found.sub(lambda found: self._others[found[0]], text)


def _answers_renamed(wire: str, renamed: _Renaming) -> list[dict[str, Any]]:
    """The notes of a tape in which the model's answers, which come in pieces of words, are renamed as wholes."""
    notes: list[dict[str, Any]] = [json.loads(line) for line in wire.splitlines() if line]
    streams: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for note in notes:
        if note["what"] != "part":
            continue
        for choice in note["json"].get("choices", ()):
            delta = choice["delta"]
            if delta.get("content"):
                streams.setdefault((note["of"], "content"), []).append(delta)
            for call in delta.get("tool_calls") or ():
                streams.setdefault((note["of"], f"tool {call['index']}"), []).append(call["function"])
    for (_, what), pieces in streams.items():
        field = "content" if what == "content" else "arguments"
        whole = renamed("".join(piece.get(field) or "" for piece in pieces))
        for piece in pieces[:-1]:
            size = len(piece.get(field) or "")
            piece[field], whole = whole[:size], whole[size:]
        pieces[-1][field] = whole
    return notes


def _joined(notes: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(note, ensure_ascii=False) + "\n" for note in notes)


def _words(reel: Reel) -> Iterator[tuple[str, str]]:
    """What is replaced, and by what."""
    caller = reel.manifest.caller
    yield caller.call_sid, CALL_SID
    yield caller.caller, NUMBER
    if caller.caller.startswith("+"):
        yield caller.caller.removeprefix("+"), NUMBER.removeprefix("+")
    names = {name for event in reel.events if (name := _name_in(event))}
    for name in sorted(names, key=len, reverse=True):
        first, *others = name.split()
        yield name, " ".join(NAME)
        yield first, NAME[0]
        for other in others:
            yield other, NAME[1]


def _name_in(event: object) -> str:
    match event:
        case BookingMade() | BookingMoved() | BookingCancelled() | BookingHeld():
            return event.booking.customer_name
        case MessageTaken():
            return event.message.caller_name
        case _:
            return ""


def _silence(copy: Path, reel: Reel) -> None:
    """Nobody's voice: as loud where somebody spoke, with no word in it."""
    frames = b"".join(unintelligible(sound.ulaw) for sound in reel.caller)
    (copy / sound_file("caller")).write_bytes(frames)
    voice = (copy / VOICE).read_bytes()
    (copy / VOICE).write_bytes(b"".join(_hum(voice[at : at + 320]) for at in range(0, len(voice), 320)))


def _hum(pcm: bytes) -> bytes:
    return audioop.ulaw2lin(unintelligible(audioop.lin2ulaw(pcm[: len(pcm) // 2 * 2], 2)), 2).ljust(len(pcm), b"\0")
