"""The operators' doors: `WS /ops`, `POST /login`, `GET /shops`. The wire is in docs/operators-socket.md."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from fastapi import APIRouter, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from agent.access import OperatorDesk
from agent.errors import AccessError
from agent.ports import Clock
from agent.settings import Settings
from dashboard_bridge.browser import Browser, Parting
from dashboard_bridge.door import Door
from dashboard_bridge.relay import Relay
from dashboard_bridge.wire import (
    OPS_COMMAND,
    Auth,
    Hello,
    LoginRequest,
    OpsCommand,
    ShopsReply,
    Subscribe,
    problem,
)

MAX_COMMAND_BYTES = 64 * 1024
MAX_MISTAKES = 5
"""Malformed commands forgiven on one socket; a page with a bug shall see its errors, not flood us."""
AUTH_WAIT_S = 5.0
SEND_WAIT_S = 10.0
"""How long one send may block: by then the browser's buffers are full and nobody is reading."""


def operators_router(
    relay: Relay,
    desk: OperatorDesk,
    *,
    secret: bytes,
    settings: Settings,
    clock: Clock,
    auth_wait_s: float = AUTH_WAIT_S,
    send_wait_s: float = SEND_WAIT_S,
) -> APIRouter:
    """The routes, over an entered `relay`. `secret` signs cookies: `agent.access.secret_for(settings)`."""
    door = Door(desk, secret, settings, clock)
    router = APIRouter()

    @router.websocket("/ops")
    async def ops(socket: WebSocket) -> None:
        await Conversation(socket, relay, door, auth_wait_s, send_wait_s).run()

    @router.post("/login", status_code=204)
    async def login(asked: LoginRequest, request: Request) -> Response:
        try:
            door.check_token(asked.token)
        except AccessError as refused:
            return _refusal(relay, refused)
        response = Response(status_code=204)
        door.hand_out_cookie(request, response)
        return response

    @router.get("/shops", response_model=ShopsReply)
    async def shops(request: Request) -> ShopsReply | Response:
        try:
            if not door.admits(request):
                raise AccessError("token_missing", "Send the operator token or log in.")
        except AccessError as refused:
            return _refusal(relay, refused)
        return ShopsReply(shops=list(relay.shops.listings()))

    return router


class Conversation:
    """One operator's socket from accept to close."""

    def __init__(self, socket: WebSocket, relay: Relay, door: Door, auth_wait_s: float, send_wait_s: float) -> None:
        self._socket = socket
        self._relay = relay
        self._door = door
        self._auth_wait_s = auth_wait_s
        self._send_wait_s = send_wait_s
        self._mistakes = 0

    async def run(self) -> None:
        """Let in or turn away, then relay until either side goes."""
        await self._socket.accept()
        try:
            await self._let_in()
            with self._relay.browser() as browser:
                await self._serve(browser)
        except Parting as parting:
            await self._say_goodbye(parting)
        except WebSocketDisconnect:
            pass

    async def _let_in(self) -> None:
        try:
            if not self._door.admits(self._socket):
                self._door.check_token(await self._token_by_message())
        except AccessError as refused:
            self._relay.counters["refused"] += 1
            raise Parting(4401, refused.code, refused.message) from refused

    async def _token_by_message(self) -> str:
        try:
            async with asyncio.timeout(self._auth_wait_s):
                command = OPS_COMMAND.validate_json(await self._receive())
        except (TimeoutError, ValidationError):
            command = None
        if not isinstance(command, Auth):
            raise AccessError("token_missing", "The first message must be the operator token.")
        return command.token

    async def _serve(self, browser: Browser) -> None:
        hello = Hello()
        browser.put(0, hello, hello.model_dump_json())
        tasks = {
            asyncio.create_task(self._write(browser), name="ops.write"),
            asyncio.create_task(self._read(browser), name="ops.read"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _write(self, browser: Browser) -> None:
        while True:
            line = await browser.next_line()
            try:
                async with asyncio.timeout(self._send_wait_s):
                    await self._socket.send_text(line)
            except TimeoutError:
                self._relay.counters["stuck"] += 1
                raise Parting(1013, "stuck", "Nobody reads what is sent.") from None

    async def _read(self, browser: Browser) -> None:
        await self._show_what_was_asked(browser)
        while True:
            text = await self._receive()
            try:
                command = OPS_COMMAND.validate_json(text)
            except ValidationError as why:
                self._complain(browser, "malformed", _first_problem(why))
            else:
                await self._obey(command, browser)

    async def _show_what_was_asked(self, browser: Browser) -> None:
        """`?location_id=1`, which may be repeated, narrows the view; without it all shops are shown."""
        asked = self._socket.query_params.getlist("location_id")
        try:
            locations = frozenset(int(text) for text in asked) if asked else None
        except ValueError:
            self._complain(browser, "malformed", "location_id must be a whole number")
        else:
            await self._show(browser, locations)

    async def _obey(self, command: OpsCommand, browser: Browser) -> None:
        match command:
            case Subscribe(locations=locations):
                await self._show(browser, None if locations is None else frozenset(locations))
            case Auth():
                pass  # let in already; a page that always sends its token does no harm

    async def _show(self, browser: Browser, locations: frozenset[int] | None) -> None:
        unknown = (locations or frozenset()) - {shop.location_id for shop in self._relay.shops.listings()}
        if unknown:
            self._complain(browser, "unknown_location", f"no such shop: {sorted(unknown)[:20]}")
        else:
            await self._relay.show(browser, locations)

    def _complain(self, browser: Browser, code: str, message: str) -> None:
        self._relay.counters["malformed"] += 1
        self._mistakes += 1
        if self._mistakes > MAX_MISTAKES:
            raise Parting(1008, "too_many_mistakes", message)
        complaint = problem(code, message)
        browser.put(0, complaint, complaint.model_dump_json())

    async def _receive(self) -> str | bytes:
        """The next message. Raises WebSocketDisconnect, or Parting for one that is too big."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            # The server itself may hold a lower limit; it closes with the same code.
            self._relay.counters["oversized"] += message.get("code") == 1009
            raise WebSocketDisconnect(message.get("code", 1005))
        data: str | bytes = message.get("text") or message.get("bytes") or ""
        size = len(data.encode()) if isinstance(data, str) else len(data)
        if size > MAX_COMMAND_BYTES:
            self._relay.counters["oversized"] += 1
            raise Parting(1009, "too_big", f"A message holds at most {MAX_COMMAND_BYTES} bytes.")
        return data

    async def _say_goodbye(self, parting: Parting) -> None:
        # The peer may be gone or deaf by now; then there is nobody to say it to.
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
            async with asyncio.timeout(self._send_wait_s):
                await self._socket.send_text(problem(parting.code, parting.message).model_dump_json())
                await self._socket.close(parting.close_code, parting.code)


def _refusal(relay: Relay, refused: AccessError) -> Response:
    relay.counters["refused"] += 1
    return JSONResponse({"error": {"code": refused.code, "message": refused.message}}, status_code=401)


def _first_problem(why: ValidationError) -> str:
    first = why.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    return f"{path}: {first['msg']}" if path else first["msg"]
