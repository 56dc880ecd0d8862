"""A telephone line that costs next to nothing: Twilio's media stream over a raw socket, for calls by the dozen.

What a caller says is put into WebSocket frames once, whoever says it how often. Each line sends a frame every 20 ms by
an absolute schedule and notes how late it was, so that a generator that could not keep up is found out. Times are
`time.monotonic`'s, which event loops count by as well (uvloop in whole milliseconds).
"""

from __future__ import annotations

import asyncio
import audioop
import base64
import json
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from agent.emulators.audio import FRAME, FRAME_MS, SILENT, frames, is_voiced

STREAM_SID = "MZ" + "0" * 32
_TICK_S = FRAME_MS / 1000
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_GOODBYE_S = 2.0
_UNDERRUN_S = (0.005, 1.0)
"""A hole in the middle of a voice, not one between two answers."""


class LineError(RuntimeError):
    """The line did not do what a caller waits for."""


@dataclass(frozen=True)
class Utterance:
    """Ready to be sent: a WebSocket frame for every 20 ms, and which of them are voiced."""

    frames: tuple[bytes, ...]
    first_voiced: int
    last_voiced: int


def utterance(ulaw: bytes) -> Utterance:
    """Put mu-law audio on the wire's form."""
    blocks = frames(ulaw)
    voiced = [at for at, block in enumerate(blocks) if is_voiced(block)] or [0]
    return Utterance(tuple(_media(block) for block in blocks), voiced[0], voiced[-1])


def _media(block: bytes) -> bytes:
    media = {"track": "inbound", "chunk": "1", "timestamp": "1", "payload": base64.b64encode(block).decode()}
    return masked(_json({"event": "media", "sequenceNumber": "3", "media": media, "streamSid": STREAM_SID}))


def masked(payload: bytes, opcode: int = _TEXT) -> bytes:
    """A client's frame. The mask is zero, which leaves the payload as it is: this is loopback."""
    size = len(payload)
    head = bytes((0x80 | opcode, 0x80 | (size if size < 126 else 126)))
    return head + (b"" if size < 126 else size.to_bytes(2, "big")) + b"\0\0\0\0" + payload


def _json(message: Mapping[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


_SILENT = _media(SILENT)


@dataclass
class _Saying:
    what: Utterance
    at: int = 0
    began: float | None = None
    ended: float | None = None


class PhoneLine(asyncio.Protocol):
    """One caller's side of a media stream. Open it with `dial`, close it with `hang_up`."""

    lateness: list[float] = []  # noqa: RUF012 - of all lines: the generator is one
    """How late each frame left, in ms."""

    def __init__(self, path: str, host: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._path, self._host = path, host
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._open = asyncio.Event()
        self._news = asyncio.Event()
        self._saying: _Saying | None = None
        self._tick_handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._playhead = self._voice_until = 0.0
        self._marks: deque[tuple[float, asyncio.Handle, bytes]] = deque()
        """When each comes back, what sends it then, and what is sent."""
        self.closed = False
        self.started_at = 0.0
        self.arrivals: list[float] = []
        """When each message with voice in it came."""
        self.voices: list[tuple[float, float]] = []
        """From when to when each voiced 20 ms is heard."""
        self.clears: list[tuple[float, float]] = []
        """When the buffer was emptied, and how many ms were in it."""
        self.holes: list[float] = []
        """The length of each hole inside of a voice, in ms."""

    @classmethod
    async def dial(cls, url: str, call_sid: str, parameters: Mapping[str, str]) -> PhoneLine:
        """Open the stream and say `start`. Raises OSError, LineError, TimeoutError."""
        to = urlsplit(url)
        loop = asyncio.get_running_loop()
        host, port = to.hostname or "127.0.0.1", to.port or 80
        _, line = await loop.create_connection(lambda: cls(to.path, f"{host}:{port}"), host, port)
        async with asyncio.timeout(10):
            await line._open.wait()
        if line.closed:
            raise LineError("the media door is shut")
        line._start(call_sid, parameters)
        return line

    # The wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {self._path} HTTP/1.1",
            f"Host: {self._host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "\r\n",
        )
        self._transport.write("\r\n".join(lines).encode())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self.closed = True
        self._stop()
        self._open.set()
        self._news.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open.is_set():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.closed = not self._buffer.startswith(b"HTTP/1.1 101")
            del self._buffer[: end + 4]
            self._open.set()
        while (message := self._next()) is not None:
            self._take(*message)

    def _next(self) -> tuple[int, bytes] | None:
        """The next whole message of the server's; those are not masked."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, at = buffer[1] & 0x7F, 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            size, at = int.from_bytes(buffer[2 : 2 + wide], "big"), 2 + wide
        if len(buffer) < at + size:
            return None
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[at : at + size])
        del buffer[: at + size]
        return opcode, payload

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            if (at := payload.find(b'"payload"')) >= 0:
                begin = payload.index(b'"', at + 9) + 1
                self._hear(base64.b64decode(payload[begin : payload.index(b'"', begin)]))
            elif b'"mark"' in payload:
                self._mark(json.loads(payload)["mark"]["name"])
            elif b'"clear"' in payload:
                self._clear()
        elif opcode == _PING:
            self._write(masked(payload, _PONG))
        elif opcode == _CLOSE:
            self._write(masked(payload, _CLOSE))
            self.close()

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    def _start(self, call_sid: str, parameters: Mapping[str, str]) -> None:
        self._write(masked(_json({"event": "connected", "protocol": "Call", "version": "1.0.0"})))
        start = {
            "accountSid": "AC" + "0" * 32,
            "streamSid": STREAM_SID,
            "callSid": call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(parameters),
        }
        self._write(masked(_json({"event": "start", "sequenceNumber": "1", "start": start, "streamSid": STREAM_SID})))
        self.started_at = self._due = time.monotonic()
        self._tick()

    # The mouth

    def _tick(self) -> None:
        now = time.monotonic()
        PhoneLine.lateness.append((now - self._due) * 1000)
        self._write(self._frame(now))
        self._due += _TICK_S
        self._tick_handle = self._loop.call_at(self._due, self._tick)

    def _frame(self, now: float) -> bytes:
        saying = self._saying
        if saying is None:
            return _SILENT
        if saying.at == saying.what.first_voiced:
            saying.began = now
        if saying.at == saying.what.last_voiced:
            saying.ended = now
        frame = saying.what.frames[saying.at]
        saying.at += 1
        if saying.at == len(saying.what.frames):
            self._saying = None
            self._news.set()
        return frame

    async def say(self, what: Utterance) -> tuple[float, float]:
        """Say it; returns when its first and its last voice left."""
        saying = self._saying = _Saying(what)
        await self._until(lambda: self._saying is not saying, 30)
        if saying.began is None or saying.ended is None:
            raise LineError("hung up upon")
        return saying.began, saying.ended

    # The ear

    def _hear(self, ulaw: bytes) -> None:
        now, voiced = time.monotonic(), False
        for at in range(0, len(ulaw), FRAME):
            block = ulaw[at : at + FRAME]
            start = max(now, self._playhead)
            if audioop.rms(audioop.ulaw2lin(block, 2), 2) > 300:
                gap = start - self._playhead
                if _UNDERRUN_S[0] < gap < _UNDERRUN_S[1] and self._playhead - self._voice_until < _TICK_S:
                    self.holes.append(gap * 1000)
                self.voices.append((start, start + _TICK_S))
                self._voice_until = start + _TICK_S
                voiced = True
            self._playhead = start + len(block) / 8000
        if voiced:
            self.arrivals.append(now)
            self._news.set()

    def _mark(self, name: str) -> None:
        """It comes back when everything before it was played."""
        mark = masked(_json({"event": "mark", "sequenceNumber": "4", "streamSid": STREAM_SID, "mark": {"name": name}}))
        now = time.monotonic()
        while self._marks and self._marks[0][0] <= now:
            self._marks.popleft()
        due = max(now, self._playhead)
        self._marks.append((due, self._loop.call_at(due, self._write, mark), mark))

    def _clear(self) -> None:
        now = time.monotonic()
        self.clears.append((now, max(0.0, self._playhead - now) * 1000))
        self._playhead = min(self._playhead, now)
        self._voice_until = 0.0
        self.voices = [(start, min(end, now)) for start, end in self.voices if start < now]
        for due, handle, mark in self._marks:
            if due > now:
                handle.cancel()
                self._write(mark)
        self._marks.clear()
        self._news.set()

    async def voice_arrives(self, since: float, within_s: float = 15.0) -> float:
        """When the first message with voice after `since` came. Raises LineError."""
        await self._until(lambda: bool(self.arrivals) and self.arrivals[-1] > since, within_s)
        return next(at for at in self.arrivals if at > since)

    async def cleared(self, since: float, within_s: float) -> tuple[float, float] | None:
        """When the buffer was emptied after `since`, and how much was in it; None when it is not."""
        try:
            await self._until(lambda: bool(self.clears) and self.clears[-1][0] > since, within_s)
        except LineError:
            return None
        return next(clear for clear in self.clears if clear[0] > since)

    async def agent_done(self, since: float, pause_s: float = 0.6, within_s: float = 20.0) -> None:
        """Wait until a voice was heard after `since`, and then none for `pause_s`. Raises LineError."""
        await self.voice_arrives(since, within_s)
        while (left := self._playhead + pause_s - time.monotonic()) > 0:
            await asyncio.sleep(left)
            if self.closed:
                raise LineError("hung up upon")

    async def _until(self, done: Callable[[], bool], within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                while not done():
                    if self.closed:
                        raise LineError("hung up upon")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as why:
            raise LineError(f"nothing came within {within_s:.0f} s") from why

    # The end

    def _stop(self) -> None:
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        for _, handle, _ in self._marks:
            handle.cancel()

    def close(self) -> None:
        """Close the socket at once."""
        self._stop()
        self.closed = True
        if self._transport is not None:
            self._transport.close()
        self._news.set()

    def hang_up(self, call_sid: str) -> None:
        """End the call as Twilio does."""
        stop = {"accountSid": "AC" + "0" * 32, "callSid": call_sid}
        self._write(masked(_json({"event": "stop", "sequenceNumber": "5", "stop": stop, "streamSid": STREAM_SID})))
        self._write(masked((1000).to_bytes(2, "big"), _CLOSE))
        self._stop()
        self.closed = True
        self._news.set()
        if self._transport is not None:
            self._loop.call_later(_GOODBYE_S, self._transport.close)  # should the server not close it first


def longest_silence(voices: Sequence[tuple[float, float]], since: float, until: float, *, cut_short: bool) -> float:
    """In ms. The silence after the last voice counts when the agent had been cut short, and not when it had ended."""
    heard_until, longest = since, 0.0
    for start, end in voices:
        if end > since:
            longest, heard_until = max(longest, start - heard_until), end
    silent_to_the_end = until - heard_until if cut_short and heard_until - since < 2.0 else 0.0
    return max(longest, silent_to_the_end) * 1000
