"""The recording of one call while it goes on. Everything here takes a few microseconds, neither waits nor raises.

Times are seconds since the media stream began. What it gathers is taken away and written by `recorder`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.events import CallEvent
from agent.model import AudioSide
from agent.recording.manifest import Manifest
from agent.redaction import NOBODYS_DIGIT, is_card

BEFORE_TURN_S = 1.0
"""How long before a turn was announced its first word may have been said."""
BETWEEN_KEYS_S = 5.0
"""Keys pressed further apart are not one number."""


@dataclass(frozen=True, slots=True)
class Sound:
    """8 kHz mu-law as it passed the line, or (`ulaw` empty) the moment what was unheard was thrown away."""

    at: float
    ulaw: bytes
    side: AudioSide = "caller"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that went between us and somebody else. `of` names them and, with a number, which connection."""

    at: float
    of: str
    what: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    raw: str | None = None
    """The JSON text that was sent or received, word for word."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was gathered since the last time, complete up to `until`."""

    until: float
    caller: list[Sound]
    agent: list[Sound]
    notes: list[Note]
    events: list[CallEvent]
    muted: list[tuple[float, float]]
    is_last: bool


class Tape:
    """Gathers one call. An `Ear` of its line."""

    def __init__(self, manifest: Manifest, began_at: float) -> None:
        """`began_at`: the event loop's time when the media stream began."""
        self.manifest = manifest
        self._began_at = began_at
        self._caller: list[Sound] = []
        self._agent: list[Sound] = []
        self._notes: list[Note] = []
        self._events: list[CallEvent] = []
        self._muted: list[tuple[float, float]] = []
        self._numbers: dict[str, int] = {}
        self._turn_began: float | None = None
        self._held_since: float | None = None
        self._keys: list[Note] = []
        """Pressed in a row and not noted yet: they may be a card's number."""
        self._is_over = False

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self._began_at

    # What happens

    def happened(self, event: CallEvent) -> None:
        self._events.append(event)

    def note(self, of: str, what: str, raw: str | None = None, **facts: Any) -> None:
        self._notes.append(Note(self.now(), of, what, facts, raw))

    def connection(self, vendor: str) -> str:
        """A name for the next connection with, or request to, a vendor: `openai.3`."""
        self._numbers[vendor] = number = self._numbers.get(vendor, 0) + 1
        return f"{vendor}.{number}"

    # The line (`agent.pipelines.line.Ear`)

    def caller_sound(self, ulaw: bytes) -> None:
        self._caller.append(Sound(self.now(), ulaw))

    def agent_sound(self, ulaw: bytes, side: AudioSide = "agent") -> None:
        self._agent.append(Sound(self.now(), ulaw, side))

    def cleared(self) -> None:
        self._agent.append(Sound(self.now(), b"", "agent"))

    def key_pressed(self, key: str) -> None:
        """A key of the caller's phone. It is noted when the number it belongs to is complete."""
        self._keys.append(Note(self.now(), "line", "key", {"key": key}))

    def phrase(self, text: str, ulaw: bytes) -> None:
        """Ready-made speech is about to be written: its sound is the agent's next `bytes`."""
        self.note("line", "phrase", words=text, bytes=len(ulaw))

    # What must not be kept

    def turn_began(self) -> None:
        self._turn_began = self.now() - BEFORE_TURN_S

    def digits_began(self) -> None:
        """The caller says a number that may be a card's: their sound waits until it is known."""
        if self._held_since is None:
            self._held_since = self.now()

    def turn_over(self, *, mute: bool) -> None:
        """The words of the turn are known: its sound is kept, or made unintelligible."""
        if mute and self._turn_began is not None:
            self._muted.append((self._turn_began, self.now()))
        self._turn_began = self._held_since = None

    # For the writer

    def end(self) -> None:
        """The call is over."""
        self._is_over = True

    def take(self) -> Stretch:
        """What was gathered since the last time."""
        until = self.now()
        if self._keys and (self._is_over or until - self._keys[-1].at > BETWEEN_KEYS_S):
            self._note_keys()
        elif self._keys:
            until = self._keys[0].at
        held: list[Sound] = []
        if self._held_since is not None and not self._is_over:
            since = self._held_since
            held = [sound for sound in self._caller if sound.at >= since]
            self._caller = self._caller[: len(self._caller) - len(held)]
            until = min(until, since)
        taken = Stretch(until, self._caller, self._agent, self._notes, self._events, self._muted, self._is_over)
        self._caller, self._agent, self._notes, self._events, self._muted = held, [], [], [], []
        return taken

    def _note_keys(self) -> None:
        """Keys pressed in a row. Those of a card are replaced by as many that are read as one, and are nobody's."""
        digits = "".join(str(note.facts["key"]) for note in self._keys if str(note.facts["key"]).isdigit())
        for note in self._keys:
            is_secret = is_card(digits) and str(note.facts["key"]).isdigit()
            self._notes.append(replace(note, facts={"key": NOBODYS_DIGIT}) if is_secret else note)
        self._keys = []
