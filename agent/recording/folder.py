"""The files of one tape, on their way to disk. Used in a thread: everything here may wait for the disk.

manifest.json   what was recorded, and when
events.jsonl    what the house told, as on the dashboard
wire.jsonl      what went between us and the vendors, the line, the store; in the order of time
blobs.jsonl     long parts of what the model was asked, each once
caller.ulaw     the caller's sound, with its times in caller.times; agent.* likewise
voice.pcm       the sound that the TTS vendor sent, 16 bit, 8 kHz
seal.json       at the end: the length and the checksums of the others
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from agent.recording.manifest import Manifest, Seal
from agent.recording.tape import Note, Sound, Stretch

MANIFEST, SEAL = "manifest.json", "seal.json"
EVENTS, WIRE, BLOBS = "events.jsonl", "wire.jsonl", "blobs.jsonl"
VOICE = "voice.pcm"
BLOB_CHARS = 200
"""Parts of a request longer than this are kept once."""
VOICED_RMS = 350
"""As on the line (`agent.pipelines.line`): what is made unintelligible stays voiced where it was."""
_BUZZ = bytes([0x8F, 0x8F, 0x8F, 0x8F, 0x0F, 0x0F, 0x0F, 0x0F])
"""Mu-law of a square wave, 1 kHz."""
_SILENT = b"\xff"


def sound_file(side: str) -> str:
    return f"{side}.ulaw"


def times_file(side: str) -> str:
    return f"{side}.times"


class TapeFolder:
    """Writes one tape. Made when the first stretch is written."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self._manifest = manifest
        self._blobs: set[str] = set()
        self._voice_bytes = 0
        self._duration_s = 0.0
        self._is_made = False

    def write(self, stretch: Stretch) -> None:
        """Append what was gathered; seal the tape with the last of it. Raises OSError."""
        if not self._is_made:
            self.path.mkdir(parents=True, exist_ok=True)
            _replace(self.path / MANIFEST, self._manifest.model_dump_json(indent=1))
            for name in (EVENTS, WIRE, BLOBS, VOICE, *map(sound_file, SIDES), *map(times_file, SIDES)):
                (self.path / name).touch()
            self._is_made = True
        self._append_sound("caller", stretch.caller)
        self._append_sound("agent", stretch.agent)
        self._append(EVENTS, "".join(event.model_dump_json() + "\n" for event in stretch.events).encode())
        lines = [line for note in stretch.notes for line in self._lines(note)]
        lines.append(json.dumps({"t": stretch.until, "of": "tape", "what": "written"}))
        self._append(WIRE, ("\n".join(lines) + "\n").encode())
        for since, until in stretch.muted:
            self._mute(since, until)
        self._duration_s = stretch.until
        if stretch.is_last:
            self._seal()

    def _append(self, name: str, data: bytes) -> None:
        if data:
            with (self.path / name).open("ab") as file:
                file.write(data)

    def _append_sound(self, side: str, sounds: Sequence[Sound]) -> None:
        if sounds:
            self._append(sound_file(side), b"".join(sound.ulaw for sound in sounds))
            self._append(times_file(side), "".join(map(_time_line, sounds)).encode())

    def _lines(self, note: Note) -> Iterable[str]:
        """A note as a line of JSON; of long parts, the lines of blobs go into their own file first."""
        head: dict[str, Any] = {"t": note.at, "of": note.of, "what": note.what, **note.facts}
        if note.raw is None:
            yield json.dumps(head, ensure_ascii=False)
            return
        try:
            told: Any = json.loads(note.raw)
        except ValueError:
            yield json.dumps({**head, "raw": note.raw}, ensure_ascii=False)
            return
        if isinstance(told, dict):
            told = self._shortened(note, cast(dict[str, Any], told))
        yield json.dumps({**head, "json": told}, ensure_ascii=False)

    def _shortened(self, note: Note, told: dict[str, Any]) -> dict[str, Any]:
        if note.what == "ask":
            messages = cast(list[object], told.get("messages") or [])
            told = {name: self._blob(value) for name, value in told.items() if name != "messages"}
            told["messages"] = [self._blob(message) for message in messages]
        elif told.get("type") == "chunk" and isinstance(data := told.get("data"), str):
            try:
                sound = base64.b64decode(data, validate=True)
            except (ValueError, binascii.Error):
                return told
            self._append(VOICE, sound)
            told = {**told, "data": {"$voice": [self._voice_bytes, len(sound)]}}
            self._voice_bytes += len(sound)
        return told

    def _blob(self, value: object) -> object:
        text = json.dumps(value, ensure_ascii=False)
        if len(text) < BLOB_CHARS:
            return value
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        if name not in self._blobs:
            self._blobs.add(name)
            self._append(BLOBS, f'{{"$": "{name}", "value": {text}}}\n'.encode())
        return {"$": name}

    def _mute(self, since: float, until: float) -> None:
        """Make a stretch of the caller's sound unintelligible where it lies on disk."""
        at = 0
        with (self.path / sound_file("caller")).open("r+b") as file:
            for line in (self.path / times_file("caller")).read_text().splitlines():
                moment, size = line.split()[:2]
                if since <= float(moment) <= until:
                    file.seek(at)
                    ulaw = file.read(int(size))
                    file.seek(at)
                    file.write(unintelligible(ulaw))
                at += int(size)

    def _seal(self) -> None:
        names = sorted(path.name for path in self.path.iterdir() if path.name != SEAL)
        sums = {name: hashlib.sha256((self.path / name).read_bytes()).hexdigest() for name in names}
        _replace(self.path / SEAL, Seal(duration_s=self._duration_s, sha256=sums).model_dump_json(indent=1))


SIDES = ("caller", "agent")


def unintelligible(ulaw: bytes) -> bytes:
    """As much sound, voiced if that was, with no word in it: a replay takes the same turns."""
    import audioop

    if audioop.rms(audioop.ulaw2lin(ulaw, 2), 2) <= VOICED_RMS:
        return _SILENT * len(ulaw)
    return (_BUZZ * (len(ulaw) // len(_BUZZ) + 1))[: len(ulaw)]


def _time_line(sound: Sound) -> str:
    return f"{sound.at!r} {len(sound.ulaw)} {sound.side}\n"


def _replace(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
