"""What every emulated vendor is: an HTTP server on a free loopback port, with a log and faults to order."""

from __future__ import annotations

import asyncio
import json
import uuid
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from aiohttp import WSMsgType, web
from pydantic import BaseModel, ConfigDict, Field

LOGGED = 2000
"""Connections and requests an emulator remembers; older ones are forgotten."""

Json = dict[str, Any]


class Fault(BaseModel):
    """A failure to order. `status` answers the next requests with an HTTP error; `drop` cuts the connection
    without a goodbye `after_ms` after it was opened; `lose_answer` does what was asked and cuts it then. With
    `path`, only requests to a path with this text in it fail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vendor: Literal["deepgram", "openai", "cartesia", "twilio"]
    kind: Literal["status", "drop", "lose_answer"]
    path: str = ""
    status: int = Field(default=500, ge=400, le=599)
    retry_after_s: int | None = Field(default=None, ge=0)
    """What a `status` says in its Retry-After header."""
    after_ms: float = Field(default=0, ge=0)
    times: int = Field(default=1, ge=1)


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

    name: Literal["deepgram", "openai", "cartesia", "twilio"]

    def __init__(self) -> None:
        self.connections: deque[Connection] = deque(maxlen=LOGGED)
        self.requests: deque[Json] = deque(maxlen=LOGGED)
        self.port = 0
        self._faults: list[Fault] = []
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
        """Make the next `fault.times` requests fail. Raises ValueError for another vendor's fault."""
        if fault.vendor != self.name:
            raise ValueError(f"{fault.vendor} fault ordered at {self.name}")
        self._faults += [fault] * fault.times

    async def __aenter__(self) -> Vendor:
        app = web.Application(client_max_size=32 * 2**20, middlewares=[self._at_the_door])
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

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
        self.connections.append(connection)
        request[_CONNECTION] = connection
        try:
            response = await self._answer(request, handler)
            connection.status = response.status
            return response
        finally:
            connection.closed_at = loop.time()

    async def _answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        fault = next((at for at in self._faults if at.path in request.path), None)
        if fault is not None:
            self._faults.remove(fault)
        if fault is not None and fault.kind == "status":
            refused = self.refusal(fault.status, request)
            if fault.retry_after_s is not None:
                refused.headers["Retry-After"] = str(fault.retry_after_s)
            return refused
        cut: asyncio.TimerHandle | None = None
        if fault is not None and fault.kind == "lose_answer":
            response = await handler(request)
            _cut(request)
            return response
        if fault is not None:
            cut = asyncio.get_running_loop().call_later(fault.after_ms / 1000, _cut, request)
        try:
            return await handler(request)
        finally:
            if cut is not None:
                cut.cancel()

    def keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """Remember a task, so that it ends with the vendor at the latest."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


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
    """Send and log one message; False when the other side has gone."""
    if ws.closed:
        return False
    try:
        await ws.send_str(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
    except (ConnectionError, RuntimeError):
        return False
    connection.sent.append(message)
    return True


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
