"""A running house: the emulated outside world, a server on a real port, and the two sample shops."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import sqlite3
import uuid
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

from loguru import logger
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from agent.call import Services
from agent.emulators import virtual_clock
from agent.emulators.audio import FRAME_MS, frames, silence
from agent.emulators.caller import Answer, Caller
from agent.emulators.latencies import CartesiaLatencies, DeepgramLatencies, Latencies, OpenAILatencies
from agent.emulators.report import CallReport
from agent.emulators.scenario import Scenario
from agent.emulators.stage import Stage, open_stage
from agent.emulators.theatre import serving
from agent.events import AnyEvent, Event
from agent.knowledge.registry import location_key
from agent.knowledge.shop_file import read_shop_file
from agent.model import Shop
from agent.ports import Clock
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from agent.wiring import outbox_path
from server import create_app, uvicorn_config

SAMPLES = Path(__file__).parents[1] / "scripts" / "samples"
PLUMERIA = read_shop_file(SAMPLES / "plumeria-hair-honolulu.yaml")
"""Location 1 on +18084826296."""
COPPER_LANE = read_shop_file(SAMPLES / "copper-lane-london.yaml")

QUICK = Latencies(
    deepgram=DeepgramLatencies(flux_result_ms=20, interim_ms=20, finalize_ms=20),
    openai=OpenAILatencies(ttft_ms=20, tokens_per_s=2000),
    cartesia=CartesiaLatencies(first_chunk_ms=20, speed=500),
)
SETTLE_S = 2.0
"""What a closed socket leaves to the event loop is done within this, or it is a leak."""

E = TypeVar("E", bound=Event)


@dataclass
class Handset:
    """A caller's raw end of a media socket: keeps what arrives, answers marks at once, sends whatever it is told."""

    socket: ClientConnection
    call_sid: str
    stream_sid: str = field(default_factory=lambda: "MZ" + uuid.uuid4().hex)
    answers_marks: bool = True
    received: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, message: Mapping[str, Any] | str | bytes) -> None:
        """Send a JSON object, or any text or bytes as they are."""
        await self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def start(self, ticket: str | None, call_sid: str | None = None) -> None:
        """Twilio's handshake: `connected`, then `start` with the ticket."""
        await self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        facts = {
            "streamSid": self.stream_sid,
            "callSid": call_sid or self.call_sid,
            "customParameters": {} if ticket is None else {"ticket": ticket},
        }
        await self.send({"event": "start", "sequenceNumber": "1", "start": facts, "streamSid": self.stream_sid})

    async def speak(self, ulaw: bytes) -> None:
        """Send speech and the silence that ends a turn, faster than anybody speaks. A call may end meanwhile."""
        with suppress(ConnectionClosed):
            for frame in frames(ulaw + silence(1200)):
                payload = base64.b64encode(frame).decode()
                await self.send({"event": "media", "media": {"payload": payload}, "streamSid": self.stream_sid})
                await asyncio.sleep(FRAME_MS / 10_000)

    async def stop(self) -> None:
        """Say that the call is over, as Twilio does when the caller hangs up."""
        await self.send({"event": "stop", "streamSid": self.stream_sid, "stop": {"callSid": self.call_sid}})

    async def hear(self, event: str = "media", timeout: float = 5.0) -> dict[str, Any]:
        """The first message of a kind that came or will come. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._news:
            await self._news.wait_for(lambda: any(at["event"] == event for at in self.received))
        return next(at for at in self.received if at["event"] == event)

    async def closed(self, timeout: float = 5.0) -> tuple[int | None, str | None]:
        """Code and reason the server closed with, once it has. Raises TimeoutError."""
        await asyncio.wait_for(self.socket.wait_closed(), timeout)
        return self.socket.close_code, self.socket.close_reason

    async def listen(self) -> None:
        """Until the socket closes."""
        async for data in self.socket:
            message = json.loads(data)
            async with self._news:
                self.received.append(message)
                self._news.notify_all()
            if message["event"] == "mark" and self.answers_marks:
                with suppress(ConnectionClosed):
                    await self.send(message)


@dataclass
class House:
    """One server with its vendors and callers.

    `events` holds every event of the bus so far, `warnings` what was logged as a warning or worse.
    """

    stage: Stage
    settings: Settings
    services: Services
    url: str
    caller: Caller
    events: list[AnyEvent] = field(default_factory=list[AnyEvent])
    warnings: list[str] = field(default_factory=list[str])
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def call(self, scenario: Scenario) -> CallReport:
        """Phone the house and play a scenario to its end."""
        self.stage.prepare(scenario)
        return await self.caller.call(scenario)

    async def post(self, path: str, call_sid: str = "", **form: str) -> Answer:
        """A webhook as Twilio posts and signs it; `To` is the first shop's number unless given."""
        fields = {"to": PLUMERIA.phone_number, "caller": "+12025550143"}
        return await self.caller.post(path, {**self.caller.form(call_sid or new_sid(), **fields), **form})

    async def ticket(self, call_sid: str, shop: Shop = PLUMERIA) -> str:
        """Ring, and take the ticket out of the answer."""
        return ticket_in(await self.post("/voice", call_sid, To=shop.phone_number))

    @asynccontextmanager
    async def handset(self, call_sid: str | None = None, *, answers_marks: bool = True) -> AsyncGenerator[Handset]:
        """A media socket on which nothing has been said yet."""
        async with open_handset(self.url, call_sid, answers_marks=answers_marks) as handset:
            yield handset

    @asynccontextmanager
    async def pick_up(self, shop: Shop = PLUMERIA, *, answers_marks: bool = True) -> AsyncGenerator[Handset]:
        """A raw call to a shop: rung, ticket shown, greeting under way."""
        async with self.handset(answers_marks=answers_marks) as handset:
            await handset.start(await self.ticket(handset.call_sid, shop))
            yield handset

    @property
    def vendor_requests(self) -> int:
        """How often any vendor was dialled so far."""
        return sum(len(vendor.connections) for vendor in self.stage.vendors)

    async def refused(self) -> dict[str, int]:
        """How many were turned away, by code, as `/healthz` tells."""
        async with self.caller.session.get(self.url + "/healthz") as answer:
            return (await answer.json())["refused"]

    def told(self, kind: type[E], **facts: object) -> list[E]:
        """The events of a kind so far whose fields are as given (`call_sid=...`)."""
        return [
            event
            for event in self.events
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in facts.items())
        ]

    async def event(self, kind: type[E], timeout: float = 5.0, **facts: object) -> E:
        """The first event of a kind with these facts: one already told, or the next. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._news:
            await self._news.wait_for(lambda: self.told(kind, **facts))
        return self.told(kind, **facts)[0]

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """Fill `events` and `warnings` while open."""
        log = logger.add(lambda line: self.warnings.append(str(line)), level="WARNING")
        async with self.services.bus.subscribe() as published:

            async def listen() -> None:
                async for event in published:
                    async with self._news:
                        self.events.append(event)
                        self._news.notify_all()

            listening = asyncio.create_task(listen(), name="house-events")
            try:
                yield
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                logger.remove(log)


@contextmanager
def without(house: House, table: str) -> Generator[None]:
    """The store of a running house, or its outbox, fails for whatever needs this table: it is gone for a while."""
    path = outbox_path(house.settings) if table == "outbox" else house.settings.database_path
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            yield
        finally:
            db.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


@asynccontextmanager
async def open_handset(
    server_url: str, call_sid: str | None = None, *, answers_marks: bool = True
) -> AsyncGenerator[Handset]:
    """A media socket of a server on which nothing has been said yet."""
    url = server_url.replace("http", "ws", 1) + "/media"
    async with connect(url, max_size=None, max_queue=None, compression=None) as socket:
        handset = Handset(socket, call_sid or new_sid(), answers_marks=answers_marks)
        listening = asyncio.create_task(handset.listen())
        try:
            yield handset
        finally:
            await socket.close()
            with suppress(ConnectionClosed):
                await listening


def ticket_in(answer: Answer) -> str:
    """The ticket that an answer to `/voice` holds."""
    parameter = ElementTree.fromstring(answer.text).find("./Connect/Stream/Parameter[@name='ticket']")  # noqa: S314
    assert parameter is not None, answer
    return parameter.attrib["value"]


def new_sid() -> str:
    """A CallSid nobody used."""
    return "CA" + uuid.uuid4().hex


@asynccontextmanager
async def open_house(
    *,
    latencies: Latencies = QUICK,
    shops: tuple[Shop, ...] = (PLUMERIA, COPPER_LANE),
    clock: Clock = virtual_clock.now,
    **overrides: Any,
) -> AsyncGenerator[House]:
    """A house with its shops loaded and their greetings rendered; `overrides` are settings.

    Raises AssertionError when something it started is still there after it was shut down.
    """
    before = asyncio.all_tasks()
    complaints: list[dict[str, Any]] = []  # "Task exception was never retrieved" and the like
    handler = asyncio.get_running_loop().get_exception_handler()
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    async with open_stage(latencies=latencies) as stage:
        settings = stage.settings(**overrides)
        async with EmbeddedStore.open(settings.database_path) as store:
            for shop in shops:
                await store.store_knowledge(location_key(shop.location_id), shop)
        async with _serving(settings, clock) as (url, services), stage.caller(url) as caller:
            house = House(stage, settings, services, url, caller)
            async with house.listening():
                yield house
    await _nothing_left(before)
    asyncio.get_running_loop().set_exception_handler(handler)
    assert not complaints, complaints


@asynccontextmanager
async def _serving(settings: Settings, clock: Clock) -> AsyncGenerator[tuple[str, Services]]:
    app = create_app(settings, clock=clock)
    with socket.create_server(("127.0.0.1", settings.port)) as listening:
        async with serving(uvicorn_config(settings, app), listening):
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", app.state.services


async def _nothing_left(before: set[asyncio.Task[Any]]) -> None:
    ours = asyncio.current_task()
    until = asyncio.get_running_loop().time() + SETTLE_S
    while left := [task for task in asyncio.all_tasks() - before if task is not ours]:
        assert asyncio.get_running_loop().time() < until, f"tasks left behind: {left}"
        await asyncio.sleep(0.01)
