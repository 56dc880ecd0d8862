"""The caller's phone: an earpiece that plays out what the server sends, and a mouth that sends 20 ms frames.

Times are the event loop's, in seconds.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.emulators.audio import FRAME_MS, RATE, SILENT, duration_ms, frames, is_voiced
from agent.emulators.media_socket import MediaSocket

_UNDERRUN_S = (0.005, 0.35)
"""A gap in the agent's voice between these lengths is a play-out under-run, not a pause in speech."""


class Earpiece:
    """Twilio's play-out buffer: audio plays in order from when it arrives, `clear` empties what is left."""

    def __init__(self) -> None:
        self.received: list[tuple[float, bytes]] = []
        """Arrival time and mu-law of every media message."""
        self.played = bytearray()
        """What reached the ear: the received audio without what was cleared."""
        self.underruns_ms: list[float] = []
        self.voice_arrived = 0.0
        """When voiced audio last arrived."""
        self._playhead = 0.0
        self._voices: list[tuple[float, float]] = []
        self._changed = asyncio.Event()

    def hear(self, ulaw: bytes, now: float) -> bool:
        """Take audio; True when there is voice in it."""
        self.received.append((now, ulaw))
        self.played += ulaw
        voiced = False
        for frame in frames(ulaw):
            start = max(now, self._playhead)
            if is_voiced(frame):
                self._note_voice(start, start - self._playhead)
                voiced = True
            self._playhead = start + FRAME_MS / 1000
        if voiced:
            self.voice_arrived = now
            self._changed.set()
        return voiced

    def _note_voice(self, start: float, gap: float) -> None:
        until = self._voices[-1][1] if self._voices else 0.0
        if _UNDERRUN_S[0] < gap < _UNDERRUN_S[1] and start - gap - until < FRAME_MS / 1000:
            self.underruns_ms.append(gap * 1000)
        self._voices.append((start, start + FRAME_MS / 1000))

    def clear(self, now: float) -> float:
        """Empty the buffer; returns how many ms were never played."""
        dropped_ms = self.buffered(now) * 1000
        if dropped_ms:
            self._playhead = now
            del self.played[max(0, len(self.played) - int(dropped_ms * RATE / 1000)) :]
            self._voices = [(start, min(end, now)) for start, end in self._voices if start < now]
        return dropped_ms

    def buffered(self, now: float) -> float:
        """Seconds of audio still to be played."""
        return max(0.0, self._playhead - now)

    def voice_began(self, since: float) -> float | None:
        """When the first voice after `since` began to be heard."""
        at = bisect_left(self._voices, (since, 0.0))
        return self._voices[at][0] if at < len(self._voices) else None

    def voice_ended(self) -> float:
        """When the last voice received so far ends."""
        return self._voices[-1][1] if self._voices else 0.0

    def voices(self) -> list[tuple[float, float]]:
        """When voice was at the ear so far; stretches without a pause in them."""
        joined: list[tuple[float, float]] = []
        for start, end in self._voices:
            if joined and start - joined[-1][1] < FRAME_MS / 1000:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        return joined

    async def wait_voice(self, since: float) -> float:
        """Wait for a voice that is heard after `since`; returns when it begins."""
        while (began := self.voice_began(since)) is None:
            self._changed.clear()
            await self._changed.wait()
        return began

    async def wait_done(self, since: float, pause_s: float) -> None:
        """Wait until the agent has been heard after `since` and then been silent for `pause_s`."""
        loop = asyncio.get_running_loop()
        await self.wait_voice(since)
        left = pause_s
        while left > 0:
            await asyncio.sleep(left)
            left = self.voice_ended() + pause_s - loop.time()


@dataclass
class Playing:
    """Audio on its way out. The times are set as its voiced frames leave."""

    counts: bool
    first_voiced_at: float | None = None
    last_voiced_at: float | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def voiced(self) -> tuple[float, float] | None:
        """From its first voice to its last, or as far as it came; None before the first."""
        if self.first_voiced_at is None:
            return None
        return self.first_voiced_at, self.last_voiced_at or self.sent_at

    sent_at: float = 0.0
    """When something of it last left."""


@dataclass(frozen=True)
class _Frame:
    ulaw: bytes
    ms: float
    of: Playing
    is_first_voiced: bool
    is_last_voiced: bool
    is_last: bool


class Mouth:
    """Sends a frame each 20 ms: what is to be said, or silence. Follows an absolute schedule: no drift."""

    def __init__(self, on_end: Callable[[Playing], None]) -> None:
        self._queue: deque[_Frame] = deque()
        self._on_end = on_end
        self.played_ms = 0.0
        """How much audio that counts has been sent."""

    def play(self, ulaw: bytes, *, counts: bool) -> Playing:
        """Queue mu-law; `counts` says whether it is part of `played_ms`. Empty audio is done at once."""
        playing = Playing(counts)
        blocks = frames(ulaw)
        voiced = [index for index, block in enumerate(blocks) if is_voiced(block)] or [0, len(blocks) - 1]
        left_ms = duration_ms(ulaw)
        for index, block in enumerate(blocks):
            self._queue.append(
                _Frame(
                    block,
                    min(FRAME_MS, left_ms - index * FRAME_MS),
                    playing,
                    index == voiced[0],
                    index == voiced[-1],
                    index == len(blocks) - 1,
                )
            )
        if not blocks:
            playing.done.set()
        return playing

    async def speak_into(self, socket: MediaSocket) -> None:
        """Send frames until cancelled or the socket is gone."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not socket.closed:
            frame = self._queue.popleft() if self._queue else None
            try:
                await socket.send_media(frame.ulaw if frame else SILENT)
            except (ConnectionError, RuntimeError):
                return
            if frame:
                self._sent(frame, loop.time())
            due += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _sent(self, frame: _Frame, now: float) -> None:
        playing = frame.of
        playing.sent_at = now
        self.played_ms += frame.ms if playing.counts else 0.0
        if frame.is_first_voiced:
            playing.first_voiced_at = now
        if frame.is_last_voiced:
            playing.last_voiced_at = now
            self._on_end(playing)
        if frame.is_last:
            playing.done.set()
