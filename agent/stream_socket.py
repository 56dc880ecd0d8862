"""A WebSocket as uvicorn speaks it, that goes on reading: a phone sends fifty messages a second, all wanted at once."""

from __future__ import annotations

from collections.abc import Callable

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

MOST_WAITING = 64
"""Messages: more than a second of a call. Who sends faster than is read has to wait, as with uvicorn everybody has."""
TAKER = "chairside.taker"
"""Among a connection's ASGI extensions: call it with a `Taker`, or with None for none any more."""

Taker = Callable[[bytes], bool]
"""Given a text message as it arrives, when none waits to be received; False: it is to be received as any other."""


class StreamSocket(WebSocketsSansIOProtocol):
    """uvicorn stops reading after each message until it was taken, which is two calls to the kernel for each.

    And each goes through a queue, which wakes a task. A `Taker` has what it can use at once without either.
    """

    _taker: Taker | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment]  # of ours there is none
            extensions[TAKER] = self._take_with

    def _take_with(self, taker: Taker | None) -> None:
        self._taker = taker

    def handle_text(self, event: Frame) -> None:
        taker = self._taker if event.fin and self.queue.empty() and not self.close_sent else None
        if taker is None or not taker(bytes(event.data)):
            super().handle_text(event)

    def send_receive_event_to_app(self) -> None:
        was_paused, self.read_paused = self.read_paused, True
        super().send_receive_event_to_app()
        self.read_paused = was_paused
        if not was_paused and self.queue.qsize() >= MOST_WAITING:
            self.read_paused = True
            self.transport.pause_reading()
