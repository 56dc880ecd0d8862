"""One operator's socket from accept to close: what they ask is read, what they are to be told is written."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from fastapi import WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from agent.errors import AccessError, ChairsideError
from agent.ports import CallControl
from dashboard_bridge.browser import Browser, Parting
from dashboard_bridge.console import OPERATOR_SOUND, Console
from dashboard_bridge.gate import Gate
from dashboard_bridge.relay import Relay
from dashboard_bridge.rooms import Feed
from dashboard_bridge.visitor import Doorkeeper, Visitor
from dashboard_bridge.wire import (
    OPS_COMMAND,
    ActCommand,
    Acted,
    ActedData,
    Auth,
    Hello,
    OpsCommand,
    Resync,
    Subscribe,
    problem,
)

MAX_COMMAND_BYTES = 64 * 1024
MAX_MISTAKES = 5
"""Malformed commands forgiven on one socket; a page with a bug shall see its errors, not flood us."""


@dataclass(frozen=True)
class Limits:
    """How long a socket may take, in seconds."""

    auth_wait_s: float = 5.0
    send_wait_s: float = 10.0
    """For one send: by then the browser's buffers are full and nobody is reading."""


PAPERS_S = 30.0
"""How often it is looked whether a login's time is over, however far off that is: clocks may be set."""


class Conversation:
    """What one socket is told and may ask."""

    def __init__(
        self, socket: WebSocket, relay: Relay, door: Doorkeeper, control: CallControl | None, limits: Limits
    ) -> None:
        self._socket = socket
        self._relay = relay
        self._door = door
        self._control = control
        self._limits = limits
        self._sending_since: float | None = None
        self._feed: Feed = "plain"
        self._mistakes = 0
        self._visitor: Visitor

    async def run(self, gate: Gate) -> None:
        """Let in or turn away, then relay until either side goes."""
        await self._socket.accept()
        client = self._socket.client
        try:
            with gate.passed(client.host if client else ""):
                self._visitor = await self._let_in()
                with self._relay.browser() as browser:
                    await self._serve(browser)
        except Parting as parting:
            await self._say_goodbye(parting)
        except WebSocketDisconnect:
            pass

    async def _let_in(self) -> Visitor:
        try:
            visitor = await self._door.admits(self._socket)
            return visitor or await self._door.check_token(await self._token_by_message())
        except AccessError as refused:
            self._relay.counters["refused"] += 1
            raise Parting(4401, refused.code, refused.message) from refused

    async def _token_by_message(self) -> str:
        try:
            async with asyncio.timeout(self._limits.auth_wait_s):
                command = OPS_COMMAND.validate_json(await self._receive())
        except (TimeoutError, ValidationError):
            command = None
        if not isinstance(command, Auth):
            raise AccessError("token_missing", "The first message must be the operator token.")
        return command.token

    async def _serve(self, browser: Browser) -> None:
        hello = Hello()
        browser.put(0, hello, hello.model_dump_json())
        console = Console(self._visitor, self._relay.live, self._control, browser, self._relay.counters)
        tasks = {
            asyncio.create_task(self._write(browser), name="ops.write"),
            asyncio.create_task(self._watch_writing(), name="ops.watch"),
            asyncio.create_task(self._watch_papers(), name="ops.papers"),
            asyncio.create_task(self._read(browser, console), name="ops.read"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.shield(console.aclose())  # also when the server stops: a taken call goes back first
        for task in done:
            task.result()

    async def _write(self, browser: Browser) -> None:
        loop = asyncio.get_running_loop()
        while True:
            line = await browser.next_line()
            self._sending_since = loop.time()
            if isinstance(line, str):
                await self._socket.send({"type": "websocket.send", "text": line})
            else:
                await self._socket.send({"type": "websocket.send", "bytes": line})
            self._sending_since = None

    async def _watch_writing(self) -> None:
        """End it when one send does not go through. A timer per send would cost more than the send."""
        while True:
            await asyncio.sleep(self._limits.send_wait_s / 4)
            since = self._sending_since
            if since is not None and asyncio.get_running_loop().time() - since > self._limits.send_wait_s:
                self._relay.counters["stuck"] += 1
                raise Parting(1013, "stuck", "Nobody reads what is sent.")

    async def _watch_papers(self) -> None:
        """End it when the visitor's papers do, unless they showed fresh ones meanwhile."""
        while self._visitor.until is not None:
            left = (self._visitor.until - self._relay.now()).total_seconds()
            if left <= 0:
                raise Parting(4401, "token_expired", "The login's time is over: show a fresh token.")
            await asyncio.sleep(min(left, PAPERS_S))
        await asyncio.Event().wait()

    async def _read(self, browser: Browser, console: Console) -> None:
        await self._show_what_was_asked(browser)
        while True:
            message = await self._receive()
            if isinstance(message, bytes) and message[:1] == bytes((OPERATOR_SOUND,)):
                await console.speak(message)
                continue
            try:
                command = OPS_COMMAND.validate_json(message)
            except ValidationError as why:
                self._complain(browser, "malformed", _first_problem(why))
            else:
                await self._obey(command, browser, console)

    async def _show_what_was_asked(self, browser: Browser) -> None:
        """`?location_id=1`, which may be repeated, narrows the view; `?feed=full` asks for the full feed at once."""
        if self._socket.query_params.get("feed") == "full":
            self._feed = "full"
        asked = self._socket.query_params.getlist("location_id")
        try:
            locations = frozenset(int(text) for text in asked) if asked else None
        except ValueError:
            self._complain(browser, "malformed", "location_id must be a whole number")
        else:
            await self._show(browser, locations)

    async def _obey(self, command: OpsCommand, browser: Browser, console: Console) -> None:
        match command:
            case Subscribe():
                self._feed = command.feed or "plain"
                asked = command.locations
                await self._show(browser, None if asked is None else frozenset(asked))
            case Resync() if self._feed == "full":
                self._relay.counters["resynced"] += 1
                browser.resync(command.call_sid)
            case Resync():
                self._complain(browser, "malformed", "resync is for the full feed")
            case ActCommand():
                await self._act(command, browser, console)
            case Auth():
                await self._renew(command.token, browser)

    async def _renew(self, token: str, browser: Browser) -> None:
        """A fresh token of the same login. Of the house's own tokens none is needed: a page may always send its own."""
        if self._visitor.until is None:
            return
        try:
            fresh = await self._door.check_token(token)
        except AccessError as refused:
            self._complain(browser, refused.code, refused.message)
            return
        if fresh.user_id == self._visitor.user_id:
            self._visitor = replace(self._visitor, until=fresh.until)
            if fresh.roles != self._visitor.roles:
                raise Parting(4401, "roles_changed", "What you may see has changed: connect again.")

    async def _act(self, asked: ActCommand, browser: Browser, console: Console) -> None:
        try:
            await console.act(asked)
        except ChairsideError as why:
            self._relay.counters["acts_refused"] += 1
            told = problem(why.code, why.message, asked.id)
        else:
            self._relay.counters["acts"] += 1
            told = Acted(data=ActedData(id=asked.id))
        browser.put(0, told, told.model_dump_json())

    async def _show(self, browser: Browser, asked: frozenset[int] | None) -> None:
        """A shop they may not see is as unknown to them as one that is not there."""
        visitor = self._visitor
        known = {shop.location_id for shop in self._relay.shops.listings() if visitor.sees(shop.location_id)}
        unknown = (asked or frozenset()) - known
        if unknown:
            self._complain(browser, "unknown_location", f"no such shop: {sorted(unknown)[:20]}")
        else:
            await self._relay.show(browser, visitor.locations if asked is None else asked, self._feed)

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
            async with asyncio.timeout(self._limits.send_wait_s):
                await self._socket.send_text(problem(parting.code, parting.message).model_dump_json())
                await self._socket.close(parting.close_code, parting.code)


def _first_problem(why: ValidationError) -> str:
    first = why.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    return f"{path}: {first['msg']}" if path else first["msg"]
