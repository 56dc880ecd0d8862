"""The pages' routes as they run: a real store, the real approval and editing, behind a real server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from bridge_rig import House, shop
from fastapi import FastAPI

from agent.access import OperatorDesk
from agent.bus.local import LocalBus
from agent.events import AnyEvent
from agent.knowledge.approval import Approval
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.editing import Editing
from agent.model import Booking, CallRecord, Message, Turn, Visit
from agent.recording.recorder import Shelf
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from dashboard_bridge.api import ApiPlugs, api_router
from dashboard_bridge.ops import operators_router
from dashboard_bridge.relay import Relay
from dashboard_bridge.visitor import Visitor

OPERATOR, ADMIN = "the operators' own", "the admin's own"
NOON = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
"""Noon of Monday, 23 November, in Honolulu."""
CALLER = "+18085550199"


@dataclass
class Office:
    """A server with two shops. `events` holds what was announced."""

    store: EmbeddedStore
    bus: LocalBus
    knowledge: KnowledgeCache
    approval: Approval
    door: House
    url: str
    tapes: Shelf
    events: list[AnyEvent] = field(default_factory=list[AnyEvent])

    @asynccontextmanager
    async def visited(self, token: str = "") -> AsyncIterator[httpx.AsyncClient]:
        """A browser on one of our own pages, logged in if there is a token."""
        async with httpx.AsyncClient(base_url=self.url, headers={"Origin": self.url}) as client:
            if token:
                assert (await client.post("/login", json={"token": token})).status_code == 204
            yield client

    @asynccontextmanager
    async def by(self, token: str) -> AsyncIterator[httpx.AsyncClient]:
        """A program with a token."""
        async with httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield client

    async def call(
        self, call_sid: str, at: int = 1, *, minute: int = 0, said: str = "", ms: float | None = None
    ) -> None:
        """A call that has ended, `minute` minutes after noon."""
        begun = NOON + timedelta(minutes=minute)
        record = CallRecord(
            call_sid=call_sid, location_id=at, caller=CALLER, called=f"+1808482629{at}", started_at=begun
        )
        await self.store.open_call(record)
        turn = {"call_sid": call_sid, "location_id": at, "index": 1, "at": begun, "voice_to_voice_ms": ms}
        if said:
            await self.store.add_turn(Turn.model_validate(turn | {"heard": said, "said": "Gladly."}))
        end = begun + timedelta(seconds=30)
        await self.store.close_call(at, call_sid, ended_at=end, reason="caller_hung_up", greeting="Aloha.")

    async def message(self, call_sid: str, at: int = 1) -> None:
        left = {"call_sid": call_sid, "location_id": at, "tool_call_id": f"of {call_sid}", "caller_name": "Noa"}
        await self.store.take_message(
            Message.model_validate(left | {"callback_number": CALLER, "text": "Ring me", "at": NOON})
        )

    async def booked(self, starts: datetime, call_sid: str = "CA1") -> Booking:
        """An appointment made in a call to the first shop."""
        times: dict[str, Any] = {"staff": "Leilani", "starts": starts, "ends": starts + timedelta(hours=1)}
        wanted = Visit.model_validate({"parts": [{"service": "Cut", **times}], "busy": [times]})
        now, book = NOON - timedelta(minutes=5), self.store.bookings
        asked = {"call_sid": call_sid, "now": now}
        held = await book.hold(1, wanted, key=f"{starts}/hold", expires_at=now + timedelta(minutes=3), **asked)
        who = {"customer_name": "Noa", "customer_phone": CALLER}
        return await book.confirm(1, held.booking_id, key=f"{starts}/yes", **asked, **who)


@asynccontextmanager
async def opened_office(path: Path) -> AsyncIterator[Office]:
    bus = LocalBus()
    async with EmbeddedStore.open(path / "chairside.db") as store:
        for at, name in ((1, "Tide & Tress"), (2, "Northlight")):
            await store.store_knowledge(f"location_{at}", shop(at, name))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port: int = listening.getsockname()[1]
            settings = Settings(port=port, admin_token=ADMIN)  # type: ignore[arg-type]
            door = House(OperatorDesk(OPERATOR), b"a secret that signs", settings, lambda: NOON)
            door.people = {
                "looks": Visitor("Lani", {1: "viewer"}),
                "acts": Visitor("Olu", {1: "operator", 2: "viewer"}),
                "owns": Visitor("Noe", {1: "owner"}),
            }
            async with (
                KnowledgeCache(store, bus) as knowledge,
                Relay(bus, knowledge, store, clock=lambda: NOON) as relay,
            ):
                office = Office(
                    *(store, bus, knowledge, Approval(store, bus, clock=lambda: NOON), door),
                    *(f"http://127.0.0.1:{port}", Shelf(path / "tapes")),
                )
                async with _serving(office, relay, settings, listening), _listening(office):
                    yield office


@asynccontextmanager
async def _serving(office: Office, relay: Relay, settings: Settings, listening: socket.socket) -> AsyncIterator[None]:
    store, bus = office.store, office.bus
    editor = Editing(store, bus, clock=lambda: NOON)
    plugs = ApiPlugs(
        *(office.knowledge, store, store.bookings, store.texts, office.approval, editor, office.tapes),
        clock=lambda: NOON,
    )
    app = FastAPI()
    app.include_router(operators_router(relay, office.door, settings=settings))
    app.include_router(api_router(plugs, office.door))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def _listening(office: Office) -> AsyncIterator[None]:
    async with office.bus.subscribe() as subscription:

        async def note() -> None:
            async for event in subscription:
                office.events.append(event)

        noting = asyncio.create_task(note())
        yield
    await noting
