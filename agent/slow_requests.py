"""HTTP as uvicorn speaks it, with an end to waiting: whoever drips a request does not hold a connection for good."""

from __future__ import annotations

import asyncio
import json
from typing import Literal, cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEAD_S = 10.0
"""From connecting, or from the first byte of a further request, to the end of the request's head."""
BODY_S = 20.0
"""From there to the end of the body: a megabyte at 50 kB/s."""


def _refusal(status: str, code: str, message: str) -> bytes:
    body = json.dumps({"error": {"code": code, "message": message}})
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n{body}".encode()


_TOO_SLOW = _refusal("408 Request Timeout", "request_slow", "The request took too long.")
_UNREADABLE = _refusal("400 Bad Request", "handshake_unreadable", "This asks for no WebSocket that could be opened.")
Awaited = Literal["head", "body", "nothing"]


class TimedHttp(H11Protocol):
    """Between requests uvicorn's own keep-alive counts, and during an answer the doors' own limits."""

    _awaited: tuple[Awaited, object] = ("nothing", None)
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._wait("head")

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle, speaks = self._asked, self.transport.get_protocol()
        # uvicorn hands over a whole head; one with a line that is too long would stay open for good.
        if isinstance(speaks, WebSocketsSansIOProtocol) and not speaks.handshake_initiated:
            self.transport.write(_UNREADABLE)
            self.transport.close()
        if speaks is not self or self.transport.is_closing():
            self._wait("nothing")
        elif cycle is None or cycle.response_complete:
            self._wait("head")
        else:
            self._wait("body" if cycle.more_body else "nothing")

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait("nothing")
        super().connection_lost(exc)

    @property
    def _asked(self) -> RequestResponseCycle | None:
        """The newest request whose head has come; None before the first."""
        return cast(RequestResponseCycle | None, self.cycle)

    def _wait(self, awaited: Awaited) -> None:
        """Start the time anew for what is awaited now; it goes on while the same part of the same request is."""
        now = (awaited, self.cycle)
        if now == self._awaited:
            return
        self._awaited = now
        if self._timer is not None:
            self._timer.cancel()
        seconds = {"head": HEAD_S, "body": BODY_S}
        self._timer = None if awaited == "nothing" else self.loop.call_later(seconds[awaited], self._give_up)

    def _give_up(self) -> None:
        # An answer that has begun is not broken into: the connection alone ends.
        cycle = self._asked
        if cycle is None or not cycle.response_started or cycle.response_complete:
            self.transport.write(_TOO_SLOW)
        self.transport.close()
