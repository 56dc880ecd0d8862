"""What every emulated vendor is: an HTTP server on a free loopback port, with a log and faults to order."""

from __future__ import annotations

import asyncio
import json
import uuid
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import WSMsgType, web

from agent.emulators.faults import CUTS_LIVE, Fault, FaultyVendor

LOGGED = 2000
"""Connections and requests an emulator remembers; older ones are forgotten."""

Json = dict[str, Any]


GARBAGE = '\ufffd{"type":garbage,]'
"""What a vendor sends that has lost its mind: neither JSON nor anything else."""
QUIET_S = 1.0
"""After so much quiet, what a late vendor sends next is late again."""


@dataclass
class Connection:
    """One request or WebSocket, as the vendor saw it. Times are the event loop's, in seconds."""

    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    opened_at: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    closed_at: float | None = None
    close_code: int | None = None
    status: int | None = None
    audio_ms: float = 0.0
    received: deque[Json] = field(default_factory=lambda: deque(maxlen=LOGGED))
    sent: deque[Json] = field(default_factory=lambda: deque(maxlen=LOGGED))
    trouble: Callable[[], Fault | None] = field(default=lambda: None, repr=False)
    """The condition that its vendor is in, as far as this connection is concerned."""
    last_sent_at: float = float("-inf")
    sending: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def values(self, name: str) -> list[str]:
        """Every value of a query parameter (keyterm may come many times)."""
        return [value for key, value in self.query if key == name]

    def value(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        return (self.values(name) or [default])[-1]


_CONNECTION = web.RequestKey("connection", Connection)


class Vendor(ABC):
    """A vendor's server. Use as an async context manager; `port` is known inside.

    `connections` holds every request and socket, `requests` the JSON or form bodies of HTTP requests.
    """

    name: FaultyVendor

    def __init__(self) -> None:
        self.connections: deque[Connection] = deque(maxlen=LOGGED)
        self.requests: deque[Json] = deque(maxlen=LOGGED)
        self.port = 0
        self._faults: list[Fault] = []
        self._conditions: list[Fault] = []
        self._live: dict[str, web.Request] = {}
        self._site: web.TCPSite | None = None
        self._runner: web.AppRunner | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """The vendor's doors."""

    @abstractmethod
    def refusal(self, status: int, request: web.Request) -> web.Response:
        """An error in the vendor's own words."""

    @property
    def open_connections(self) -> list[Connection]:
        """Those that have not ended."""
        return [connection for connection in self.connections if connection.closed_at is None]

    def order(self, fault: Fault) -> None:
        """Make the next requests fail, or everything from now on. Raises ValueError for another vendor's fault."""
        if fault.vendor != self.name:
            raise ValueError(f"{fault.vendor} fault ordered at {self.name}")
        if fault.stands:
            self._conditions.append(fault)
            self.keep(asyncio.create_task(self._suffer(fault)))
        else:
            self._faults += [fault] * fault.times

    def condition(self, path: str) -> Fault | None:
        """What is wrong now with everything at a path; the latest order counts."""
        return next((fault for fault in reversed(self._conditions) if fault.path in path), None)

    async def _suffer(self, fault: Fault) -> None:
        """A condition begins, and after its time ends."""
        if fault.kind == "refuse" and not fault.path and self._site is not None:
            await self._site.stop()
            self._site = None
        for request in [request for request in self._live.values() if fault.path in request.path]:
            if fault.kind in CUTS_LIVE:
                _cut_in_message(request)
            elif fault.kind == "half_open" and request.transport is not None:
                request.transport.pause_reading()  # type: ignore[attr-defined]  # of every asyncio socket
        if fault.for_s is None:
            return
        await asyncio.sleep(fault.for_s)
        self._conditions.remove(fault)
        if self._site is None:
            await self._open(self.port)

    async def __aenter__(self) -> Vendor:
        app = web.Application(client_max_size=32 * 2**20, middlewares=[self._at_the_door])
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        await self._open(0)
        self.port = self._runner.addresses[0][1]
        return self

    async def _open(self, port: int) -> None:
        assert self._runner is not None, "inside the context"  # noqa: S101
        self._site = web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True)
        await self._site.start()

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _at_the_door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        connection = Connection(
            request.path, tuple(request.query.items()), dict(request.headers), opened_at=loop.time()
        )
        connection.trouble = lambda: self.condition(connection.path)
        self.connections.append(connection)
        request[_CONNECTION] = connection
        self._live[connection.id] = request
        try:
            response = await self._answer(request, handler)
            connection.status = response.status
            return response
        finally:
            connection.closed_at = loop.time()
            del self._live[connection.id]

    async def _answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        fault = next((at for at in self._faults if at.path in request.path), None)
        if fault is not None:
            self._faults.remove(fault)
        else:
            fault = self.condition(request.path)
        if fault is None:
            return await handler(request)
        match fault.kind:
            case "status":
                refused = self.refusal(fault.status, request)
                if fault.retry_after_s is not None:
                    refused.headers["Retry-After"] = str(fault.retry_after_s)
                return refused
            case "lose_answer":
                response = await handler(request)
                _cut(request)
                return response
            case "drop":
                cut = asyncio.get_running_loop().call_later(fault.after_ms / 1000, _cut_in_message, request)
                try:
                    return await handler(request)
                finally:
                    cut.cancel()
            case _:
                return await self._ill(fault, request, handler)

    async def _ill(self, fault: Fault, request: web.Request, handler: Any) -> web.StreamResponse:
        """Answer in a condition. Of what goes on over a socket, `send_json` sees to it."""
        is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
        if fault.kind == "half_open" or (fault.kind == "mute" and not is_socket):
            await asyncio.Event().wait()  # until whoever asked is gone
        elif fault.kind == "slow_connect" or (fault.kind in ("late", "drip") and not is_socket):
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "refuse":
            _cut(request)
        elif fault.kind == "garbage" and not is_socket:
            return web.Response(text=f"data: {GARBAGE}\n\n", content_type="text/event-stream")
        return await handler(request)

    def keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """Remember a task, so that it ends with the vendor at the latest."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _cut_in_message(request: web.Request) -> None:
    """End the connection after the first bytes of a message that announces more."""
    transport = request.transport
    if transport is not None and not transport.is_closing():
        transport.write(b"\x81\x7e\x04\x00{")  # a text frame of 1024 bytes, of which one comes
        transport.close()


def connection_of(request: web.Request) -> Connection:
    """The log entry that the door made for a request."""
    return request[_CONNECTION]


class Outbox:
    """Sends JSON messages over a WebSocket in order, each not before its time. Close it when done."""

    def __init__(self, ws: web.WebSocketResponse, connection: Connection) -> None:
        self._ws = ws
        self._connection = connection
        self._waiting: deque[tuple[float, Json]] = deque()
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._pump = asyncio.create_task(self._run())

    def put(self, message: Json, after_ms: float = 0) -> None:
        """Send `message` in `after_ms`, and never before what was put earlier."""
        self._waiting.append((asyncio.get_running_loop().time() + after_ms / 1000, message))
        self._idle.clear()
        self._changed.set()

    def forget(self, stale: Callable[[Json], bool]) -> None:
        """Take back waiting messages that something newer has overtaken."""
        self._waiting = deque(entry for entry in self._waiting if not stale(entry[1]))

    async def drain(self) -> None:
        """Wait until everything put so far is sent, or the other side is gone."""
        if self._waiting and not self._pump.done():
            await self._idle.wait()

    async def close(self) -> None:
        """Forget what is still waiting."""
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                if not self._waiting:
                    self._idle.set()
                    self._changed.clear()
                    await self._changed.wait()
                elif (left := self._waiting[0][0] - loop.time()) > 0:
                    await asyncio.sleep(left)
                elif not await send_json(self._ws, self._connection, self._waiting.popleft()[1]):
                    return
        finally:
            self._idle.set()


async def send_json(ws: web.WebSocketResponse, connection: Connection, message: Json) -> bool:
    """Send and log one message, as well as the vendor's condition lets it; False when the other side has gone."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    async with connection.sending:
        if (fault := connection.trouble()) is not None:
            if fault.kind in ("half_open", "mute"):
                return not ws.closed
            text = GARBAGE if fault.kind == "garbage" else text
            await _hold(fault, connection)
        if ws.closed:
            return False
        try:
            await ws.send_str(text)
        except (ConnectionError, RuntimeError):
            return False
        connection.last_sent_at = asyncio.get_running_loop().time()
    connection.sent.append(message)
    return True


async def _hold(fault: Fault, connection: Connection) -> None:
    """Keep a message back for as long as its vendor's condition makes it wait."""
    quiet_s = asyncio.get_running_loop().time() - connection.last_sent_at
    if fault.kind == "drip" or (fault.kind == "late" and quiet_s >= QUIET_S):
        await asyncio.sleep(fault.seconds)


def parse_json(text: str) -> Json | None:
    """A JSON object, or None for anything else."""
    try:
        message = json.loads(text)
    except ValueError:
        return None
    return cast(Json, message) if isinstance(message, dict) else None


def objects(value: object) -> list[Json]:
    """The JSON objects in a list; [] for anything else."""
    items = cast(list[object], value) if isinstance(value, list) else []
    return [cast(Json, item) for item in items if isinstance(item, dict)]


async def open_socket(request: web.Request) -> web.WebSocketResponse:
    """Accept a WebSocket the way the vendors do: no compression, any size."""
    ws = web.WebSocketResponse(compress=False, max_msg_size=0)
    await ws.prepare(request)
    return ws


async def messages(ws: web.WebSocketResponse, connection: Connection) -> AsyncIterator[bytes | Json]:
    """Iterate over what the client sends: bytes, or JSON objects (logged). Ends when the socket does."""
    async for message in ws:
        if message.type is WSMsgType.BINARY:
            yield message.data
        elif message.type is WSMsgType.TEXT and (parsed := parse_json(message.data)) is not None:
            connection.received.append(parsed)
            yield parsed
    connection.close_code = ws.close_code


def header_key(request: web.Request, *schemes: str) -> str:
    """The credential of an Authorization header with one of `schemes`, or ''."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() in schemes else ""


def pieces(text: str, size: int) -> Iterator[str]:
    """`text` in pieces of at most `size` characters."""
    for at in range(0, len(text), size):
        yield text[at : at + size]
