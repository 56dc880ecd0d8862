"""A bridge as it runs: the local bus, a relay and its routes behind a real server on a free loopback port."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from websockets.asyncio.client import ClientConnection, connect

from agent.access import OperatorDesk
from agent.bus.local import LocalBus
from agent.errors import ChairsideError, Unavailable
from agent.events import CallAnswered, CallEnded, EndReason, TurnHeard, TurnSpoken
from agent.model import AudioFrame, CallRecord, Message, OperatorCommand, Shop, ShopListing, Turn
from agent.ports import BookingStore
from agent.settings import Settings
from dashboard_bridge.browser import MAX_LINES
from dashboard_bridge.conversation import Limits
from dashboard_bridge.door import Door
from dashboard_bridge.ops import operators_router
from dashboard_bridge.relay import Relay
from dashboard_bridge.visitor import Visitor

TOKEN = "the operators' own token"
SECRET = b"a secret that signs cookies"
PUBLIC_URL = "https://phones.example"
NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def shop(location_id: int, name: str) -> Shop:
    return Shop.model_validate(
        {
            "location_id": location_id,
            "business_name": name,
            "phone_number": f"+1808482629{location_id}",
            "timezone": "Pacific/Honolulu",
            "currency": "USD",
            "services": [{"name": "Cut", "price": "45.00", "minutes": 30, "staff": ["Leilani"]}],
            "professionals": [{"name": "Leilani", "specialties": ["curls"]}],
        }
    )


class Shops:
    """The shops of a test, read as the relay reads them."""

    def __init__(self, *shops: Shop) -> None:
        self.by_location = {at.location_id: at for at in shops}

    def shop(self, location_id: int) -> Shop | None:
        return self.by_location.get(location_id)

    def listings(self) -> list[ShopListing]:
        names = set(ShopListing.model_fields)
        return [ShopListing.model_validate(at.model_dump(include=names)) for at in self.by_location.values()]


class Calls:
    """A CallStore in memory; `broken` makes reading fail as a store in trouble does."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.turns: list[Turn] = []
        self.broken = False

    async def open_call(self, record: CallRecord) -> None:
        self.records.append(record)

    async def add_turn(self, turn: Turn) -> None: ...

    async def close_call(
        self, location_id: int, call_sid: str, *, ended_at: datetime, reason: EndReason, greeting: str
    ) -> None: ...

    async def conclude_call(self, location_id: int, call_sid: str, **told: object) -> None: ...

    async def take_message(self, message: Message) -> None: ...

    async def get_call(self, location_id: int, call_sid: str) -> CallRecord | None:
        return next((at for at in self.records if (at.location_id, at.call_sid) == (location_id, call_sid)), None)

    async def recent_calls(self, location_id: int, limit: int = 20) -> list[CallRecord]:
        if self.broken:
            raise Unavailable("down", "The store is down.")
        return [at for at in self.records if at.location_id == location_id][:limit]

    async def get_turns(self, location_id: int, call_sid: str) -> list[Turn]:
        return [at for at in self.turns if (at.location_id, at.call_sid) == (location_id, call_sid)]

    async def get_messages(self, location_id: int, limit: int = 20) -> list[Message]: ...


class Control:
    """A CallControl whose calls do as they are told; `refusal` makes it refuse an act, `silence` to be heard."""

    def __init__(self) -> None:
        self.commands: list[OperatorCommand] = []
        self.spoken: list[tuple[str, str, bytes]] = []
        self.sound: asyncio.Queue[AudioFrame] = asyncio.Queue()
        self.listening = 0
        self.refusal: ChairsideError | None = None
        self.silence: Exception | None = None

    @property
    def acts(self) -> list[str]:
        return [at.command for at in self.commands]

    async def send(self, command: OperatorCommand) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.commands.append(command)

    @asynccontextmanager
    async def listen(self, _: int, __: str) -> AsyncIterator[AsyncIterator[AudioFrame]]:
        async def frames() -> AsyncIterator[AudioFrame]:
            while True:
                yield await self.sound.get()

        if self.silence is not None:
            raise self.silence
        self.listening += 1
        try:
            yield frames()
        finally:
            self.listening -= 1

    async def speak(self, _: int, call_sid: str, operator: str, ulaw: bytes) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.spoken.append((call_sid, operator, ulaw))


class House(Door):
    """A door that also knows people of single shops, by their own tokens."""

    people: dict[str, Visitor]

    async def admits(self, visitor: HTTPConnection) -> Visitor | None:
        token = visitor.headers.get("authorization", "").removeprefix("Bearer ")
        return self.people[token] if token in self.people else await super().admits(visitor)


@dataclass
class Bridge:
    """Where to connect, and what a test publishes with."""

    relay: Relay
    bus: LocalBus
    shops: Shops
    calls: Calls
    port: int
    control: Control
    door: House
    now: datetime = NINE
    token: str = TOKEN
    bearer: dict[str, str] = field(default_factory=BEARER.copy)
    public_url: str = PUBLIC_URL
    _seq: dict[str, int] = field(default_factory=dict)

    @property
    def people(self) -> dict[str, Visitor]:
        """Those of single shops, by token."""
        return self.door.people

    @property
    def published(self) -> dict[str, int]:
        """How many events of each call."""
        return dict(self._seq)

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _head(self, call_sid: str, location_id: int) -> dict[str, object]:
        self._seq[call_sid] = self._seq.get(call_sid, 0) + 1
        self.now += timedelta(milliseconds=10)
        head = {"call_sid": call_sid, "location_id": location_id, "seq": self._seq[call_sid]}
        return {**head, "at": self.now}

    def publish(self, kind: type[Any], call_sid: str = "CA1", at: int = 1, /, **facts: object) -> None:
        """Any event of a call."""
        self.bus.publish(kind.model_validate(self._head(call_sid, at) | facts))

    def answered(self, call_sid: str = "CA1", at: int = 1) -> None:
        names = {"caller": "+14155550100", "called": "+18084826291", "business_name": "x", "greeting": "Hi"}
        self.bus.publish(CallAnswered.model_validate(self._head(call_sid, at) | names))

    def heard(self, text: str, *, final: bool, call_sid: str = "CA1", at: int = 1, turn: int = 1) -> None:
        words = {"turn": turn, "text": text, "final": final}
        self.bus.publish(TurnHeard.model_validate(self._head(call_sid, at) | words))

    def spoken(self, said: str, heard: str, *, call_sid: str = "CA1", at: int = 1, turn: int = 1) -> None:
        words = {"turn": turn, "text": said, "heard_text": heard, "interrupted": said != heard}
        event = TurnSpoken.model_validate(self._head(call_sid, at) | words | {"voice_to_voice_ms": None})
        self.bus.publish(event)

    def ended(self, call_sid: str = "CA1", at: int = 1) -> None:
        end = {"reason": "caller_hung_up", "duration_ms": 1000.0, "turns": 1}
        self.bus.publish(CallEnded.model_validate(self._head(call_sid, at) | end))

    @asynccontextmanager
    async def ops(
        self, query: str = "", headers: dict[str, str] | None = None, **options: object
    ) -> AsyncIterator[Page]:
        """A browser's socket, with the operator's bearer token unless other headers are given."""
        url = f"ws://127.0.0.1:{self.port}/ops{query}"
        sent = BEARER if headers is None else headers
        async with connect(url, additional_headers=sent, max_size=None, **options) as socket:  # type: ignore[arg-type]
            yield Page(socket)


@dataclass
class Page:
    """The browser's side of a socket."""

    socket: ClientConnection

    async def next(self) -> dict[str, Any]:
        return json.loads(await asyncio.wait_for(self.socket.recv(), 5))

    async def frame(self) -> bytes:
        """The next binary frame, text passed over."""
        while isinstance(frame := await asyncio.wait_for(self.socket.recv(), 5), str):
            pass
        return frame

    async def next_of(self, kind: str) -> dict[str, Any]:
        """The data of the next message of a type, others passed over."""
        while True:
            message = await self.next()
            if message["type"] == kind:
                data = message["data"]
                assert isinstance(data, dict)
                return data

    async def take(self, count: int) -> list[dict[str, Any]]:
        return [await self.next() for _ in range(count)]

    async def send(self, command: object) -> None:
        await self.socket.send(command if isinstance(command, str | bytes) else json.dumps(command))

    async def closed(self) -> int | None:
        """The close code, once the server has closed."""
        await asyncio.wait_for(self.socket.wait_closed(), 5)
        return self.socket.close_code


Opener = Callable[..., Awaitable[Bridge]]


@asynccontextmanager
async def opened_bridge(
    *,
    max_lines: int = MAX_LINES,
    auth_wait_s: float = 5.0,
    send_wait_s: float = 10.0,
    ws_max_size: int = 16_000_000,
    bookings: BookingStore | None = None,
    **settings: Any,
) -> AsyncIterator[Bridge]:
    bus, shops, calls, control = LocalBus(), Shops(shop(1, "Tide & Tress"), shop(2, "Northlight")), Calls(), Control()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        relay = Relay(bus, shops, calls, bookings, clock=lambda: bridge.now, max_lines=max_lines)
        chosen = Settings(public_url=PUBLIC_URL, port=port, **settings)
        door = House(OperatorDesk(TOKEN), SECRET, chosen, lambda: bridge.now)
        door.people = {}
        bridge = Bridge(relay, bus, shops, calls, port, control, door)
        limits = Limits(auth_wait_s=auth_wait_s, send_wait_s=send_wait_s)
        app = FastAPI()
        app.include_router(operators_router(relay, door, settings=chosen, control=control, limits=limits))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws_max_size=ws_max_size))
        async with relay:
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                yield bridge
            finally:
                server.should_exit = True
                await serving
