"""The phone line of one call: what goes to Twilio's media stream, and what is known of either voice on it.

Audio can be written before there is a pipeline, and is marked, so that it is known what was heard. What comes in is
`line_messages.py`, the line as Pipecat sees it `line_transport.py`. Wire: Twilio's "Media Streams WebSocket messages"
reference.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from typing import Protocol

from fastapi import WebSocket, WebSocketDisconnect

from agent.loudness import is_voiced, is_voiced_ulaw
from agent.model import AudioSide
from agent.pipelines.playout import Playout
from agent.recording.tape import Tape
from agent.stream_socket import TAKER, Taker

SAMPLE_RATE = 8000
MARK_EVERY_MS = 200.0
"""How finely we know what was heard. Twilio answers every mark, so finer costs messages both ways."""
CHUNK_MS = 200


class Spoken(Protocol):
    """Ready-made audio: 8 kHz mu-law and the words in it."""

    @property
    def text(self) -> str: ...
    @property
    def ulaw(self) -> bytes: ...


class LineListener(Protocol):
    """Who wants to know what happens on the line."""

    def digit_pressed(self, digit: str) -> None: ...
    def caller_gone(self) -> None: ...
    def hanging_up(self, reason: str) -> None: ...
    def answer_began(self, voice_to_voice_ms: float) -> None: ...


class Ear(Protocol):
    """Who listens to a call's sound as it passes: 8 kHz mu-law. Called on the event loop; neither waits nor raises."""

    def caller_sound(self, ulaw: bytes) -> None: ...
    def agent_sound(self, ulaw: bytes, side: AudioSide = "agent") -> None:
        """Sound about to be written to the line, the agent's or an operator's; the caller hears it after what was
        written before."""
        ...

    def cleared(self) -> None:
        """What the caller has not heard yet was thrown away."""
        ...


class Hearer(Protocol):
    """Who makes words of the caller's sound without needing frames of it."""

    async def hear(self, pcm: bytes, *, sample_rate: int, voiced: bool) -> None: ...
    def has_room(self, pcm: bytes, *, sample_rate: int, voiced: bool) -> bool:
        """Whether `keep` will do for this."""
        ...

    def keep(self, pcm: bytes, *, sample_rate: int, voiced: bool) -> None:
        """Hear this later, with what comes next."""
        ...


class Line:
    """One call's two-way audio with Twilio, from the `start` message on."""

    def __init__(self, websocket: WebSocket, *, stream_sid: str, call_sid: str, lead_ms: int) -> None:
        self.websocket = websocket
        self.stream_sid = stream_sid
        self.call_sid = call_sid
        self.playout = Playout()
        self.lead = lead_ms / 1000
        self.malformed = 0
        self.listener: LineListener | None = None
        self.ears: list[Ear] = []
        self.tape: Tape | None = None
        self.hearer: Hearer | None = None
        """Given the caller's sound in place of the pipeline, where there is one."""
        self._now = asyncio.get_running_loop().time
        self.began_at = self._now()
        self.is_attended = False
        """An operator talks with the caller: what the caller says interrupts nobody."""
        self.caller_voiced_ms = 0.0
        """How much voice of the caller's there was so far."""
        self.agent_voice_until: float | None = None
        """When the last voice that was written will have been played; None before the first."""
        self.answer_voice_at: float | None = None
        """When voice of an answer was last written."""
        self._caller_voice_at: float | None = None
        self._answer_due_since: float | None = None
        self._last_mark = 0.0

    def take_with(self, taker: Taker | None) -> None:
        """Have messages that need no waiting taken as they arrive, where the server can do that."""
        if (take_with := self.websocket.scope.get("extensions", {}).get(TAKER)) is not None:
            take_with(taker)

    def let_go(self) -> None:
        """The conversation is over: nobody of it listens any more."""
        self.listener = self.hearer = None
        self.take_with(None)

    async def say(self, spoken: Spoken, heard: Callable[[str], None]) -> None:
        """Write ready-made audio to the wire at once; `heard` gets each word when the caller has heard it."""
        start = self.playout.written_ms
        if self.tape is not None:
            self.tape.phrase(spoken.text, spoken.ulaw)
        for at in range(0, len(spoken.ulaw), CHUNK_MS * 8):
            await self.write(spoken.ulaw[at : at + CHUNK_MS * 8])
            await self.mark()
        for word, at_ms in spread_words(spoken.text, len(spoken.ulaw) / 8):
            self.playout.await_heard(lambda at=start + at_ms: at, lambda word=word: heard(word))

    async def clear(self) -> None:
        """Throw away what the caller has not heard yet."""
        self.forget_unheard()
        await self.send({"event": "clear", "streamSid": self.stream_sid})

    def forget_unheard(self) -> None:
        """The line's buffer is being emptied: what has not been heard never will be."""
        self.playout.interrupt()
        if self.agent_voice_until is not None:
            self.agent_voice_until = min(self.agent_voice_until, self._now())
        for ear in self.ears:
            ear.cleared()

    async def write(self, ulaw: bytes, side: AudioSide = "agent") -> float:
        """Send mu-law audio; return the seconds of play-out that are now ahead of the clock."""
        for ear in self.ears:
            ear.agent_sound(ulaw, side)
        await self.send(
            {
                "event": "media",
                "streamSid": self.stream_sid,
                "media": {"payload": base64.b64encode(ulaw).decode()},
            }
        )
        now = self._now()
        ahead = self.playout.write(len(ulaw) / 8, now)
        if is_voiced_ulaw(ulaw):
            self.agent_voice_until = now + ahead
        return ahead

    async def mark(self) -> None:
        """Ask to be told when what was written so far has been played."""
        name = self.playout.mark()
        if name is not None:
            self._last_mark = self.playout.written_ms
            await self.send({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": name}})

    async def mark_if_due(self) -> None:
        if self.playout.written_ms - self._last_mark >= MARK_EVERY_MS or self._last_mark > self.playout.written_ms:
            await self.mark()

    async def send(self, message: Mapping[str, object]) -> None:
        """Send one message; a socket that is gone is somebody else's news, and no error here."""
        try:
            await self.websocket.send_text(json.dumps(message))
        except (RuntimeError, OSError, WebSocketDisconnect):
            self.gone()

    def gone(self) -> None:
        """The caller's side is over: `stop`, or the socket closed."""
        if self.listener is not None:
            self.listener.caller_gone()

    def expect_answer(self) -> None:
        """A turn was heard: the clock of voice-to-voice runs from the caller's last voiced audio."""
        self._answer_due_since = self._caller_voice_at

    def caller_audio(self, ulaw: bytes, *, voiced: bool) -> None:
        """Note when the caller's voice was last on the line, and let it be heard."""
        for ear in self.ears:
            ear.caller_sound(ulaw)
        if voiced:
            self._caller_voice_at = self._now()
            self.caller_voiced_ms += len(ulaw) / 8

    def caller_keyed(self) -> None:
        """Note when a key was last pressed: an answer to a keyed number is waited for from then on."""
        self._caller_voice_at = self._now()

    def agent_audio(self, pcm: bytes) -> None:
        """Note the first voiced audio of an answer."""
        if not is_voiced(pcm):
            return
        self.answer_voice_at = self._now()
        if self._answer_due_since is None:
            return
        waited = self._now() - self._answer_due_since
        self._answer_due_since = None
        if self.listener is not None:
            self.listener.answer_began(waited * 1000)

    @property
    def caller_voice_at(self) -> float | None:
        """When the caller's voice, or a key, was last on the line; None before the first."""
        return self._caller_voice_at

    def ms_since_caller_voice(self) -> float | None:
        """How long ago the caller's voice, or a key, was last heard on the line; None before the first."""
        if self._caller_voice_at is None:
            return None
        return (self._now() - self._caller_voice_at) * 1000


def spread_words(text: str, total_ms: float) -> list[tuple[str, float]]:
    """Words with the millisecond each begins at, in proportion to their letters: near enough for a greeting."""
    words = text.split()
    letters = sum(len(word) + 1 for word in words) or 1
    starts: list[tuple[str, float]] = []
    at = 0.0
    for word in words:
        starts.append((word, at))
        at += total_ms * (len(word) + 1) / letters
    return starts
