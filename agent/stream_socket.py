"""A WebSocket as uvicorn speaks it, that goes on reading: a phone sends fifty messages a second, all wanted at once."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MOST_WAITING = 64
"""Messages: more than a second of a call. Who sends faster than is read has to wait, as with uvicorn everybody has."""


class StreamSocket(WebSocketsSansIOProtocol):
    """uvicorn stops reading after each message until it was taken, which is two calls to the kernel for each."""

    def send_receive_event_to_app(self) -> None:
        was_paused, self.read_paused = self.read_paused, True
        super().send_receive_event_to_app()
        self.read_paused = was_paused
        if not was_paused and self.queue.qsize() >= MOST_WAITING:
            self.read_paused = True
            self.transport.pause_reading()
