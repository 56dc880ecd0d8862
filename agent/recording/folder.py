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
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Any, cast

from agent.loudness import is_voiced_ulaw
from agent.recording.manifest import Manifest, Seal
from agent.recording.tape import Note, Sound, Stretch

MANIFEST, SEAL = "manifest.json", "seal.json"
EVENTS, WIRE, BLOBS = "events.jsonl", "wire.jsonl", "blobs.jsonl"
VOICE = "voice.pcm"
BLOB_CHARS = 200
"""Parts of a request longer than this are kept once."""
_BUZZ = bytes([0x8F, 0x8F, 0x8F, 0x8F, 0x0F, 0x0F, 0x0F, 0x0F])
"""Mu-law of a square wave, 1 kHz."""
_SILENT = b"\xff"
_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def sound_file(side: str) -> str:
    return f"{side}.ulaw"


def times_file(side: str) -> str:
    return f"{side}.times"


class TapeFolder:
    """Writes one tape. Made when the first stretch is written; its files stay open until the last."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self._manifest = manifest
        self._files: dict[str, FileIO] = {}
        self._blobs: set[str] = set()
        self._voice_bytes = 0

    def write(self, stretch: Stretch) -> None:
        """Append what was gathered; seal the tape with the last of it. Raises OSError."""
        if not self._files:
            self._make()
        self._append_sound("caller", stretch.caller)
        self._append_sound("agent", stretch.agent)
        self._append(EVENTS, "".join(event.model_dump_json() + "\n" for event in stretch.events).encode())
        lines = [self._line(note) for note in stretch.notes]
        lines.append(f'{{"t":{stretch.until!r},"of":"tape","what":"written"}}\n')
        self._append(WIRE, "".join(lines).encode())
        for since, until in stretch.muted:
            self._mute(since, until)
        if stretch.is_last:
            self.close()
            self._seal(stretch.until)

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files.values():
            file.close()

    def _make(self) -> None:
        self.path.mkdir(parents=True)  # FileExistsError: a whole tape of this call is not written over
        _replace(self.path / MANIFEST, self._manifest.model_dump_json(indent=1))
        for name in (EVENTS, WIRE, BLOBS, VOICE, *map(sound_file, SIDES), *map(times_file, SIDES)):
            self._files[name] = FileIO(self.path / name, "a")

    def _append(self, name: str, data: bytes) -> None:
        if data:
            self._files[name].write(data)

    def _append_sound(self, side: str, sounds: Sequence[Sound]) -> None:
        if sounds:
            self._append(sound_file(side), b"".join([sound.ulaw for sound in sounds]))
            self._append(times_file(side), "".join(map(_time_line, sounds)).encode())

    def _line(self, note: Note) -> str:
        """A note as a line of JSON; long parts of requests go into their own file first."""
        head: dict[str, Any] = {"t": note.at, "of": note.of, "what": note.what, **note.facts}
        if note.raw is None:
            return _encoded(head) + "\n"
        try:
            told: Any = json.loads(note.raw)
        except ValueError:
            return _encoded({**head, "raw": note.raw}) + "\n"
        text = note.raw
        if isinstance(told, dict) and (short := self._shortened(note, cast(dict[str, Any], told))) is not None:
            text = _encoded(short)
        elif "\n" in text or "\r" in text:
            text = _encoded(told)
        return f'{_encoded(head)[:-1]},"json":{text}}}\n'

    def _shortened(self, note: Note, told: dict[str, Any]) -> dict[str, Any] | None:
        """A message without its long parts, which are kept elsewhere; None when it has none."""
        if note.what == "ask":
            messages = cast(list[object], told.get("messages") or [])
            kept = {name: self._blob(value) for name, value in told.items() if name != "messages"}
            return {**kept, "messages": [self._blob(message) for message in messages]}
        if told.get("type") == "chunk" and isinstance(data := told.get("data"), str):
            try:
                sound = base64.b64decode(data, validate=True)
            except (ValueError, binascii.Error):
                return None
            self._append(VOICE, sound)
            self._voice_bytes += len(sound)
            return {**told, "data": {"$voice": [self._voice_bytes - len(sound), len(sound)]}}
        return None

    def _blob(self, value: object) -> object:
        text = _encoded(value)
        if len(text) < BLOB_CHARS:
            return value
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        if name not in self._blobs:
            self._blobs.add(name)
            self._append(BLOBS, f'{{"$":"{name}","value":{text}}}\n'.encode())
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

    def _seal(self, duration_s: float) -> None:
        names = sorted(path.name for path in self.path.iterdir() if path.name != SEAL)
        sums = {name: hashlib.sha256((self.path / name).read_bytes()).hexdigest() for name in names}
        _replace(self.path / SEAL, Seal(duration_s=duration_s, sha256=sums).model_dump_json(indent=1))


SIDES = ("caller", "agent")


def unintelligible(ulaw: bytes) -> bytes:
    """As much sound, voiced if that was, with no word in it: a replay takes the same turns."""
    if not is_voiced_ulaw(ulaw):
        return _SILENT * len(ulaw)
    return (_BUZZ * (len(ulaw) // len(_BUZZ) + 1))[: len(ulaw)]


def _time_line(sound: Sound) -> str:
    return f"{sound.at!r} {len(sound.ulaw)} {sound.side}\n"


def _replace(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
