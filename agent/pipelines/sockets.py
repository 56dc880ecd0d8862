"""Vendors' sockets that keep nobody waiting: opened behind the greeting, given up soon, tried again at once."""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.services.websocket_service import WebsocketService
from websockets.asyncio.client import ClientConnection

OPEN_S = 2.5
"""How long a vendor has to accept a socket; a caller who speaks meanwhile is heard once it is open."""
AGAIN_S = (0.2, 1.0)
"""Waits between the attempts to open it again, from the first to the longest; Pipecat's 4 to 10 s are dead air."""


class OpensBehind(WebsocketService):
    """For a Pipecat service over a WebSocket: the first connection is made while the pipeline starts without it.

    Pipecat's StartFrame waits for the slowest vendor; until it is through, nothing of the caller's is even read.
    """

    _opening: asyncio.Task[None] | None = None
    opened: tuple[ClientConnection, ...] = ()
    """All of this call's, those that are closed as well."""

    def be_impatient(self) -> None:
        """Call it once, after the service is built."""
        self._reconnect_backoff_min_wait, self._reconnect_backoff_max_wait = AGAIN_S

    async def _connect(self) -> None:
        first, connect = self._opening is None, super()._connect
        if first:
            self._opening = self.create_task(connect(), "opening")  # type: ignore[attr-defined]  # of every processor
        elif self._opening is not None and not self._opening.done():
            await asyncio.wait([self._opening])
        else:
            await connect()

    async def _disconnect(self) -> None:
        if self._opening is not None and not self._opening.done():
            await self.cancel_task(self._opening)  # type: ignore[attr-defined]  # of every processor
        await super()._disconnect()

    async def _websocket_connect(self, uri: str, **kwargs: Any) -> Any:
        connection = await super()._websocket_connect(uri, **{"open_timeout": OPEN_S, **kwargs})
        self.opened = (*self.opened, connection)
        return connection
