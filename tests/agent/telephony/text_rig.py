"""A book that owes texts, a sender, and the emulated phone company; the clock is moved by hand."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from house import PLUMERIA
from pydantic import SecretStr

from agent.bus.local import LocalBus
from agent.emulators.twilio import TwilioRest
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.registry import location_key
from agent.model import Booking, BusyStretch, Shop, TextMessage, Visit, VisitPart
from agent.ports import BookingStore
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from agent.telephony.rest import rest_client
from agent.telephony.texts import Patience, TextSender
from agent.telephony.twilio import TwilioTelephone

CUSTOMER = "+12025550143"
PATIENT = Patience(look_s=0.01)
"""Looks often, so that moving the clock is noticed at once; waits are those of production."""


def visit(starts: datetime, *parts: tuple[str, str], minutes: int = 45) -> Visit:
    """Services one after the other: (service, by whom)."""
    made = [
        VisitPart(
            service=service,
            staff=staff,
            starts=starts + timedelta(minutes=minutes * at),
            ends=starts + timedelta(minutes=minutes * (at + 1)),
        )
        for at, (service, staff) in enumerate(parts or (("Women's Haircut", "Ana"),))
    ]
    busy = tuple(BusyStretch(staff=part.staff, starts=part.starts, ends=part.ends) for part in made)
    return Visit(parts=tuple(made), busy=busy)


async def confirmed(
    book: BookingStore,
    what: Visit,
    phone: str,
    now: datetime,
    *,
    location_id: int = 1,
    moves: str | None = None,
) -> Booking:
    """Hold and confirm: an appointment that owes its customer a text."""
    call_sid = "CA" + uuid.uuid4().hex
    held = await book.hold(
        location_id,
        what,
        key=f"{call_sid}:hold",
        call_sid=call_sid,
        now=now,
        expires_at=now + timedelta(minutes=3),
        moves=moves,
    )
    return await book.confirm(
        location_id,
        held.booking_id,
        key=f"{call_sid}:confirm",
        call_sid=call_sid,
        now=now,
        customer_name="Kim",
        customer_phone=phone,
    )


@dataclass
class Desk:
    """Everything texts need; `now` is the clock of all of it."""

    store: EmbeddedStore
    twilio: TwilioRest
    telephone: TwilioTelephone
    knowledge: KnowledgeCache
    bus: LocalBus
    shop: Shop
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def clock(self) -> datetime:
        return self.now

    def sender(self, patience: Patience = PATIENT) -> TextSender:
        return TextSender(
            self.store.texts,
            self.store.bookings,
            self.telephone,
            self.knowledge,
            self.bus,
            clock=self.clock,
            patience=patience,
        )

    def in_days(self, days: int, hour: int = 17, minute: int = 45) -> datetime:
        """A time of day in the shop's own zone, so many days from now."""
        there = (self.now + timedelta(days=days)).astimezone(self.shop.zone)
        return there.replace(hour=hour, minute=minute, second=0, microsecond=0).astimezone(UTC)

    async def book(
        self, starts: datetime, *parts: tuple[str, str], phone: str = CUSTOMER, location_id: int = 1
    ) -> Booking:
        """Hold and confirm, as the receptionist does."""
        return await confirmed(self.store.bookings, visit(starts, *parts), phone, self.now, location_id=location_id)

    async def move(self, booking: Booking, starts: datetime) -> Booking:
        what, moves = visit(starts), booking.booking_id
        return await confirmed(self.store.bookings, what, booking.customer_phone, self.now, moves=moves)

    async def cancel(self, booking: Booking) -> Booking:
        return await self.store.bookings.cancel(
            self.shop.location_id, booking.booking_id, key=uuid.uuid4().hex, now=self.now
        )

    async def texts(self, location_id: int = 1) -> list[TextMessage]:
        return await self.store.texts.get_texts(location_id, limit=100)

    async def text(self, *states: str, timeout: float = 5.0, location_id: int = 1, **facts: object) -> TextMessage:
        """The text with these facts, once it is in one of these states. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while True:
                for text in await self.texts(location_id):
                    if text.state in states and all(getattr(text, name) == value for name, value in facts.items()):
                        return text
                await asyncio.sleep(0.005)

    @property
    def sent(self) -> list[str]:
        """What Twilio accepted, oldest first."""
        return [message["body"] for message in self.twilio.messages]

    @property
    def posts(self) -> int:
        """How often Twilio was asked to send a text, refusals included."""
        return sum(1 for at in self.twilio.connections if at.path.endswith("/Messages.json") and not at.query)


@asynccontextmanager
async def open_desk(folder: Path, shop: Shop = PLUMERIA) -> AsyncGenerator[Desk]:
    """A desk with no sender at work yet."""
    async with TwilioRest("AC" + uuid.uuid4().hex, "token") as twilio:
        settings = Settings(
            twilio_account_sid=twilio.account_sid,
            twilio_auth_token=SecretStr(twilio.auth_token),
            twilio_base_url=twilio.base_url,
        )
        bus = LocalBus()
        async with EmbeddedStore.open(folder / "chairside.db") as store, rest_client(settings) as client:
            await store.store_knowledge(location_key(shop.location_id), shop)
            async with KnowledgeCache(store, bus) as knowledge:
                telephone = TwilioTelephone(client, "https://chairside.test/voice/after")
                yield Desk(store, twilio, telephone, knowledge, bus, shop)
