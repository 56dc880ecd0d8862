"""What a process needs that only shows calls: the store and the shops, over the bus it is given. No telephony."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.knowledge.approval import Approval
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.editing import Editing
from agent.ports import BookingStore, CallStore, Clock, EventBus, Members, TextStore
from agent.recording.recorder import Shelf
from agent.settings import Settings
from agent.stores.choice import open_store

LOOK_S = 15.0
"""How soon a shop is noticed that was stored by a process whose bus is not ours."""


@dataclass(frozen=True)
class Lookout:
    """The shops in memory, the stores, and what pages may change of shops."""

    knowledge: KnowledgeCache
    calls: CallStore
    bookings: BookingStore
    texts: TextStore
    members: Members
    approval: Approval
    editing: Editing
    tapes: Shelf
    """Those on this machine."""


@asynccontextmanager
async def open_lookout(settings: Settings, bus: EventBus, clock: Clock) -> AsyncGenerator[Lookout]:
    """Ready to show. Raises SettingsError, StoreError."""
    async with (
        open_store(settings) as store,
        KnowledgeCache(store, bus, number_map=settings.phone_to_location_map, refresh_s=LOOK_S) as knowledge,
    ):
        yield Lookout(
            tapes=Shelf(settings.tapes_path),
            knowledge=knowledge,
            calls=store,
            bookings=store.bookings,
            texts=store.texts,
            members=store.members,
            approval=Approval(store, bus, clock=clock),
            editing=Editing(store, bus, clock=clock),
        )
