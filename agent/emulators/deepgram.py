"""Deepgram's live transcription: `/v1/listen` (nova) and `/v2/listen` (Flux).

Both hear with an `Ear`: the words are those of the audio that really arrived, and time is the audio's own.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from agent.emulators.flux import FluxTurns
from agent.emulators.latencies import DeepgramLatencies
from agent.emulators.nova import NovaResults
from agent.emulators.phrasebook import Phrasebook
from agent.emulators.vendor import (
    Outbox,
    Vendor,
    connection_of,
    header_key,
    messages,
)

_ERRORS = {
    400: ("BAD_REQUEST", "Bad Request"),
    401: ("INVALID_AUTH", "Invalid credentials."),
    402: ("INSUFFICIENT_CREDITS", "Project does not have enough credits."),
    429: ("TOO_MANY_REQUESTS", "Too many requests. Please try again later"),
    503: ("SERVICE_UNAVAILABLE", "Service unavailable"),
}
_IDLE = "Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001"


class Deepgram(Vendor):
    """The emulated speech-to-text vendor. `connections` shows each socket's query, messages and audio."""

    name = "deepgram"

    def __init__(self, phrasebook: Phrasebook, key: str, latencies: DeepgramLatencies) -> None:
        super().__init__()
        self.phrasebook = phrasebook
        self.key = key
        self.latencies = latencies

    @property
    def base_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/listen", self._nova), web.get("/v2/listen", self._flux)]

    def refusal(self, status: int, request: web.Request) -> web.Response:
        code, message = _ERRORS.get(status, ("INTERNAL_SERVER_ERROR", "Internal server error"))
        request_id = connection_of(request).id
        return web.json_response(
            {"err_code": code, "err_msg": message, "request_id": request_id},
            status=status,
            headers={"dg-request-id": request_id, "dg-error": message},
        )

    async def _enter(self, request: web.Request) -> web.WebSocketResponse | None:
        """Check the key and accept the socket; None when the key is wrong."""
        if header_key(request, "token", "bearer") != self.key:
            return None
        await asyncio.sleep(self.latencies.connect_ms / 1000)
        ws = web.WebSocketResponse(compress=False, max_msg_size=0)
        ws.headers["dg-request-id"] = connection_of(request).id
        await ws.prepare(request)
        return ws

    async def _flux(self, request: web.Request) -> web.StreamResponse:
        ws = await self._enter(request)
        if ws is None:
            return self.refusal(401, request)
        connection = connection_of(request)
        outbox = Outbox(ws, connection)
        turns = FluxTurns(self.phrasebook, connection, outbox, self.latencies)
        try:
            async for message in messages(ws, connection):
                if isinstance(message, bytes):
                    turns.hear(message)
                elif message.get("type") == "CloseStream":
                    await outbox.drain()
                    break
                else:
                    turns.control(message)
        finally:
            await outbox.close()
            await ws.close()
        return ws

    async def _nova(self, request: web.Request) -> web.StreamResponse:
        ws = await self._enter(request)
        if ws is None:
            return self.refusal(401, request)
        connection = connection_of(request)
        outbox = Outbox(ws, connection)
        results = NovaResults(self.phrasebook, connection, outbox, self.latencies)
        patience = _Patience(self.latencies.idle_close_ms, ws, results, outbox)
        try:
            async for message in messages(ws, connection):
                patience.renew()
                if isinstance(message, bytes):
                    results.hear(message)
                elif message.get("type") == "CloseStream":
                    results.close()
                    await outbox.drain()
                    break
                else:
                    results.control(message)
        finally:
            await patience.end()
            await outbox.close()
            await ws.close()
        return ws


class _Patience:
    """Closes a nova connection that has been silent for too long, as the real one does (code 1011)."""

    def __init__(self, ms: float, ws: web.WebSocketResponse, results: NovaResults, outbox: Outbox) -> None:
        self._ms, self._ws, self._results, self._outbox = ms, ws, results, outbox
        self._last = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._watch())

    def renew(self) -> None:
        self._last = asyncio.get_running_loop().time()

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._ms / 1000
        while left > 0:
            await asyncio.sleep(left)
            left = self._last + self._ms / 1000 - loop.time()
        self._results.close()
        await self._outbox.drain()
        await self._ws.close(code=1011, message=_IDLE.encode())
