"""Twilio's end of a Media Stream: builds and sends its messages, key order and string numbers included."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Literal

import aiohttp

from agent.emulators.audio import FRAME_MS
from agent.emulators.vendor import Json, parse_json

Signing = Literal["right", "wrong", "none"]
"""How a request is signed: as Twilio would, with another signature, not at all."""


class MediaSocket:
    """A socket to the server's media door. Use as an async context manager.

    The well-behaved messages have methods; `send_raw` sends anything, for bad-input tests.
    """

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, account_sid: str, call_sid: str, stream_sid: str):
        self._ws = ws
        self.account_sid, self.call_sid, self.stream_sid = account_sid, call_sid, stream_sid
        self._sequence = 0
        self._chunk = 0

    @property
    def closed(self) -> bool:
        return self._ws.closed

    @property
    def close_code(self) -> int | None:
        """The code the server closed with; None while open."""
        return self._ws.close_code

    async def send_raw(self, message: str | bytes) -> None:
        """Send any text or binary message as it is."""
        await (self._ws.send_str(message) if isinstance(message, str) else self._ws.send_bytes(message))

    async def send_connected(self) -> None:
        await self._send({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    async def send_start(self, parameters: Mapping[str, str], call_sid: str | None = None) -> None:
        """Announce the stream; `parameters` are the TwiML's."""
        start = {
            "accountSid": self.account_sid,
            "streamSid": self.stream_sid,
            "callSid": call_sid or self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(parameters),
        }
        await self._send(
            {
                "event": "start",
                "sequenceNumber": self._next(),
                "start": start,
                "streamSid": self.stream_sid,
            }
        )

    async def send_media(self, frame: bytes) -> None:
        """Send 20 ms of the caller's mu-law."""
        self._chunk += 1
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(155 + (self._chunk - 1) * FRAME_MS),
            "payload": base64.b64encode(frame).decode(),
        }
        await self._send(
            {"event": "media", "sequenceNumber": self._next(), "media": media, "streamSid": self.stream_sid}
        )

    async def send_mark(self, name: str) -> None:
        await self._send_own("mark", {"name": name})

    async def send_dtmf(self, digit: str) -> None:
        await self._send_own("dtmf", {"track": "inbound_track", "digit": digit})

    async def send_stop(self) -> None:
        await self._send_own("stop", {"accountSid": self.account_sid, "callSid": self.call_sid})

    async def _send_own(self, event: str, content: Json) -> None:
        await self._send(
            {
                "event": event,
                "sequenceNumber": self._next(),
                "streamSid": self.stream_sid,
                event: content,
            }
        )

    async def _send(self, message: Json) -> None:
        await self._ws.send_str(json.dumps(message, separators=(",", ":")))

    def _next(self) -> str:
        self._sequence += 1
        return str(self._sequence)

    async def messages(self) -> AsyncIterator[Json]:
        """The server's messages until it closes; anything that is no JSON object is passed over."""
        async for message in self._ws:
            if message.type is aiohttp.WSMsgType.TEXT and (parsed := parse_json(message.data)) is not None:
                yield parsed

    async def wait_closed(self) -> int | None:
        """Read until the server closes, and return its code."""
        async for _ in self._ws:
            pass
        return self._ws.close_code

    async def close(self) -> None:
        await self._ws.close()

    async def __aenter__(self) -> MediaSocket:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def open_media_socket(
    session: aiohttp.ClientSession,
    url: str,
    *,
    account_sid: str,
    call_sid: str,
    stream_sid: str,
    headers: Mapping[str, Any],
) -> MediaSocket:
    """Dial a media door. Raises aiohttp.ClientError when it does not open."""
    ws = await session.ws_connect(url, compress=0, max_msg_size=0, headers=headers)
    return MediaSocket(ws, account_sid, call_sid, stream_sid)
