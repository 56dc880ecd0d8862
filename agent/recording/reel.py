"""A tape read back, whole or as far as it reaches."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from agent.errors import ChairsideError
from agent.events import CallEvent
from agent.recording.folder import (
    BLOBS,
    EVENTS,
    MANIFEST,
    SEAL,
    SIDES,
    VOICE,
    WIRE,
    sound_file,
    times_file,
)
from agent.recording.manifest import FORMAT, Manifest, Seal, digest_of
from agent.recording.tape import Note, Sound

_EVENT: TypeAdapter[CallEvent] = TypeAdapter(CallEvent)


class TapeError(ChairsideError):
    """A tape cannot be read, or not to its end. Codes: tape_missing, tape_unreadable, tape_newer, tape_damaged,
    audio_missing, tape_truncated, tape_edited."""

    stage = "tape"


@dataclass(frozen=True)
class Reel:
    """One recorded call. Times are seconds since its media stream began."""

    path: Path
    manifest: Manifest
    caller: tuple[Sound, ...]
    agent: tuple[Sound, ...]
    """Written to the line; without sound: what was unheard was thrown away."""
    notes: tuple[Note, ...]
    """By time. `raw` is the JSON as it was on the wire, its long parts in their places."""
    events: tuple[CallEvent, ...]
    is_sealed: bool
    """False: the process did not live to the end of the call."""
    until: float
    """How far it reaches."""
    is_cut: bool = False
    """Somebody wants to see no more of it than that."""

    def of(self, name: str) -> tuple[Note, ...]:
        """What went to and from one connection, or one kind of them (`openai.3`, `openai`)."""
        return tuple(note for note in self.notes if note.of == name or note.of.partition(".")[0] == name)

    @cached_property
    def phrases(self) -> dict[str, bytes]:
        """The ready-made speech of the call by its words: 8 kHz mu-law."""
        found: dict[str, bytes] = {}
        for note in self.of("line"):
            if note.what == "phrase":
                at = next((n for n, sound in enumerate(self.agent) if sound.at >= note.at and sound.ulaw), None)
                ulaw = b"" if at is None else b"".join(sound.ulaw for sound in self.agent[at:])
                found[str(note.facts["words"])] = ulaw[: int(note.facts["bytes"])]
        return found

    def cut(self, until: float) -> Reel:
        """The same call up to a moment."""
        return replace(
            self,
            caller=tuple(sound for sound in self.caller if sound.at <= until),
            until=min(until, self.until),
            is_cut=True,
        )


def read_tape(path: Path, *, damaged: bool = False) -> Reel:
    """The tape in a folder. Raises TapeError.

    `damaged`: one whose checksums or lengths are not those of its seal is read all the same, as far as it goes.
    """
    manifest = _manifest(path)
    missing = [name for side in SIDES for name in (sound_file(side), times_file(side)) if not (path / name).is_file()]
    if missing:
        raise TapeError("audio_missing", f"{path}: {', '.join(missing)} is not there.")
    missing = [name for name in (EVENTS, WIRE, BLOBS, VOICE) if not (path / name).is_file()]
    if missing:
        raise TapeError("tape_damaged", f"{path}: {', '.join(missing)} is not there.")
    seal = _seal(path)
    if seal is not None and not damaged:
        _check(path, seal)
    whole = seal is not None and not damaged
    blobs = {entry["$"]: entry["value"] for entry in _lines(path / BLOBS, whole=whole)}
    voice = (path / VOICE).read_bytes()
    notes = [_note(path, entry, blobs, voice) for entry in _lines(path / WIRE, whole=whole)]
    written = [note.at for note in notes if note.of == "tape" and note.what == "written"]
    sounds = {side: tuple(_sounds(path, side, whole=whole)) for side in SIDES}
    until = seal.duration_s if whole and seal is not None else _reach(written, sounds)
    return Reel(
        path=path,
        manifest=manifest,
        caller=sounds["caller"],
        agent=sounds["agent"],
        notes=tuple(sorted((note for note in notes if note.of != "tape"), key=lambda note: note.at)),
        events=tuple(_events(path, whole=whole)),
        is_sealed=seal is not None,
        until=until,
    )


def _manifest(path: Path) -> Manifest:
    if not (path / MANIFEST).is_file():
        raise TapeError("tape_missing", f"{path}: no tape is there.")
    try:
        data: Any = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        if isinstance(data, dict) and cast(dict[str, Any], data).get("format", 0) > FORMAT:
            raise TapeError(
                "tape_newer", f"{path}: made in format {data['format']} by a newer Chairside; this one reads {FORMAT}."
            )
        manifest = Manifest.model_validate(data)
    except (OSError, ValueError, TypeError) as why:
        told = "; ".join(f"{e['loc']}: {e['msg']}" for e in why.errors()) if isinstance(why, ValidationError) else why
        raise TapeError("tape_unreadable", f"{path / MANIFEST}: {told}") from why
    if digest_of(manifest.settings) != manifest.settings_sha256:
        raise TapeError("tape_edited", f"{path / MANIFEST}: the settings are not those it was recorded under.")
    return manifest


def _seal(path: Path) -> Seal | None:
    if not (path / SEAL).is_file():
        return None
    try:
        return Seal.model_validate_json((path / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError) as why:
        raise TapeError("tape_unreadable", f"{path / SEAL}: {why}") from why


def _check(path: Path, seal: Seal) -> None:
    for name, told in seal.sha256.items():
        if not (path / name).is_file():
            raise TapeError("tape_damaged", f"{path}: {name} is not there.")
        data = (path / name).read_bytes()
        if hashlib.sha256(data).hexdigest() == told:
            continue
        if name in map(sound_file, SIDES) and len(data) < sum(size for _, size, _ in _times(path, name[:-5])):
            raise TapeError("tape_truncated", f"{path / name}: ends before the call did. With --to it can be played.")
        raise TapeError("tape_edited", f"{path / name}: is not what was recorded (its checksum differs).")


def _lines(file: Path, *, whole: bool) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file. Of a tape that was cut off, the last line may be half a one."""
    lines = file.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            data: Any = json.loads(line)
            if not isinstance(data, dict):
                raise ValueError("not an object")
        except ValueError as why:
            if number == len(lines) and not whole:
                return
            raise TapeError("tape_damaged", f"{file}, line {number}: {why}") from why
        yield cast(dict[str, Any], data)


def _note(path: Path, entry: dict[str, Any], blobs: dict[str, Any], voice: bytes) -> Note:
    try:
        at, of, what = float(entry.pop("t")), str(entry.pop("of")), str(entry.pop("what"))
        told = entry.pop("json", None)
        raw = None if told is None else json.dumps(_whole(told, blobs, voice), ensure_ascii=False)
        return Note(at, of, what, entry, entry.pop("raw", None) if told is None else raw)
    except (KeyError, TypeError, ValueError) as why:
        raise TapeError("tape_damaged", f"{path / WIRE}: {why!r}") from why


def _whole(value: Any, blobs: dict[str, Any], voice: bytes) -> Any:
    """A message with its long parts back in their places. Raises KeyError."""
    if isinstance(value, list):
        return [_whole(part, blobs, voice) for part in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    parts = cast(dict[str, Any], value)
    if set(parts) == {"$"}:
        return blobs[parts["$"]]
    if set(parts) == {"$voice"}:
        at, size = parts["$voice"]
        return base64.b64encode(voice[at : at + size]).decode()
    return {name: _whole(part, blobs, voice) for name, part in parts.items()}


def _times(path: Path, side: str) -> Iterator[tuple[float, int, str]]:
    for line in (path / times_file(side)).read_text(encoding="ascii", errors="replace").splitlines():
        parts = line.split()
        try:
            yield float(parts[0]), int(parts[1]), parts[2]
        except (IndexError, ValueError):
            return  # half a line: the process was killed while it wrote


def _sounds(path: Path, side: str, *, whole: bool) -> Iterator[Sound]:
    data, at = (path / sound_file(side)).read_bytes(), 0
    for moment, size, who in _times(path, side):
        if at + size > len(data):
            if whole:
                raise TapeError("tape_truncated", f"{path / sound_file(side)}: ends before the call did.")
            return
        yield Sound(moment, data[at : at + size], who if who in ("agent", "operator") else "caller")
        at += size


def _events(path: Path, *, whole: bool) -> Iterator[CallEvent]:
    for entry in _lines(path / EVENTS, whole=whole):
        try:
            yield _EVENT.validate_python(entry)
        except ValidationError as why:
            raise TapeError("tape_damaged", f"{path / EVENTS}: {why.errors()[0]['msg']}") from why


def _reach(written: list[float], sounds: dict[str, tuple[Sound, ...]]) -> float:
    """How far a tape without a seal reaches: to the last moment at which everything had been written."""
    last_sound = sounds["caller"][-1].at if sounds["caller"] else 0.0
    return min(written[-1], last_sound) if written else 0.0
