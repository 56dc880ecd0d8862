"""Before every door: how large a request may be, how often an address may guess, and what each answer forbids browsers.

The doors themselves decide who gets in. Answers of pages may say more than what is set here; it is not overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from loguru import logger
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.pace import PER, Pace, household

MAX_BODY_BYTES = 1024 * 1024
"""The largest of any door: a menu of a thousand lines. Most doors stop reading much earlier."""
REFUSED_SOCKET = 4401
TELEPHONE_DOORS = ("/voice", "/sms", "/media")
"""They prove each message by its signature or ticket, and strangers must not be able to shut them for callers."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""On every answer. There is no CORS header among them: no other site's page may read anything."""
HTTPS_ALONE = {"Strict-Transport-Security": "max-age=31536000"}
"""Where PUBLIC_URL is https."""


class Shield:
    """Wraps the whole server as an ASGI application."""

    def __init__(self, app: ASGIApp, *, most_refusals: int, https: bool, clock: Callable[[], datetime]) -> None:
        """`most_refusals`: of one address in a minute, at the doors of people; then 429 `too_many_refusals`."""
        self._app = app
        self._refusals = Pace(most_refusals, clock)
        self._headers = HEADERS | (HTTPS_ALONE if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._request(scope, receive, self._with_headers(send))
            case "websocket":
                await self._socket(scope, receive, send)
            case _:
                await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _guesser(scope)
        if address and self._refusals.is_over(address):
            await _answer(send, 429, *_TOO_MANY, {"Retry-After": str(PER.seconds)})
            return
        body, begun = _Body(receive), False
        if _told_length(scope) > MAX_BODY_BYTES:
            await _answer(send, 413, *_TOO_LARGE)
            return

        async def watched(message: Message) -> None:
            nonlocal begun
            begins = message["type"] == "http.response.start"
            if begins and message["status"] in (401, 403) and address:
                self._refusals.count(address)
            if begun or not body.too_large:
                begun = True
                await send(message)
            elif begins:
                await _answer(send, 413, *_TOO_LARGE)

        try:
            await self._app(scope, body.receive, watched)
        except ClientDisconnect:  # who left, or was let go for being slow, is no fault of ours
            logger.debug("{} went before its request was read", address)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _guesser(scope)
        if address and self._refusals.is_over(address):
            await send({"type": "websocket.close", "code": 1013, "reason": _TOO_MANY[0]})
            return

        async def watched(message: Message) -> None:
            if message["type"] == "websocket.close" and message.get("code") == REFUSED_SOCKET and address:
                self._refusals.count(address)
            await send(message)

        await self._app(scope, receive, watched)

    def _with_headers(self, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                message = {**message, "headers": headers.raw}
            await send(message)

        return with_headers


class _Body:
    """A request's body, read no further than any may be long. What comes then is told as a connection that is gone."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read = 0
        self.too_large = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > MAX_BODY_BYTES:
            self.too_large = True
            return {"type": "http.disconnect"}
        return message


_TOO_MANY = ("too_many_refusals", "This address was refused too often; try again in a minute.")
_TOO_LARGE = ("body_too_large", f"A request holds at most {MAX_BODY_BYTES} bytes.")


def _guesser(scope: Scope) -> str:
    """The address whose refusals are counted; empty at doors where none are."""
    path = scope["path"]
    if any(path == door or path.startswith(f"{door}/") for door in TELEPHONE_DOORS):
        return ""
    client = scope.get("client")
    return household(client[0]) if client else ""


def _told_length(scope: Scope) -> int:
    told = Headers(scope=scope).get("content-length", "")
    return int(told) if told.isdecimal() and len(told) < 19 else 0


async def _answer(send: Send, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    told = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    raw = [(name.lower().encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
