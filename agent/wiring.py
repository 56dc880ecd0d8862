"""The only place that chooses: which bus, which telephone, and by `agent.stores.choice` which store.

What opens here closes in reverse.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger

from agent.bookings.desk import Desk
from agent.bus.choice import wires_of
from agent.call import Services
from agent.knowledge.approval import Approval
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.editing import Editing
from agent.knowledge.onboarding import Onboarding
from agent.knowledge.reader import site_reader
from agent.knowledge.scrape import Scraper
from agent.knowledge.shelf import StoreShelf
from agent.pipelines.greeting import Phrases
from agent.pipelines.speech import SpeechStack
from agent.ports import BookingStore, Clock, EventBus, ShopSource
from agent.pulse import Pulse
from agent.recording.recorder import Recorder
from agent.settings import Settings
from agent.stores.choice import Store, open_store
from agent.stores.ledger import Ledger
from agent.stores.outbox import Outbox
from agent.stores.outbox_file import OutboxFile
from agent.stores.read_ahead import ReadAhead
from agent.stores.shop_copies import CopiedShops
from agent.switchboard import Switchboard
from agent.telephony.rest import rest_client
from agent.telephony.texts import TextSender
from agent.telephony.twilio import TwilioTelephone

FILE_REFRESH_S = 2.0
PROJECT_REFRESH_S = 15.0
"""How soon a running server notices what another process stored when nobody calls: for dashboards, and to have
new greetings rendered. A call asks for itself."""
GREETINGS_S = 10.0
"""How long a start waits for greetings to be rendered. Ten thousand go on being rendered behind the first calls,
whose ringing fetches theirs."""


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


def outbox_path(settings: Settings) -> Path:
    """Where writes wait for a store that is away: on this machine, beside the database or in its place."""
    return settings.database_path.with_name(f"{settings.database_path.stem}-outbox.db")


def copies_path(settings: Settings) -> Path:
    """Where the shops of a store in the network are copied to."""
    return settings.database_path.with_name(f"{settings.database_path.stem}-shops.db")


async def check_store(settings: Settings) -> None:
    """Ask for the shops, open the outbox, and close both again. Raises SettingsError, StoreError."""
    async with (
        open_store(settings) as store,
        OutboxFile.open(outbox_path(settings)),
        _shops(settings, store) as shops,
    ):
        await shops.get_knowledge_versions()


@asynccontextmanager
async def open_services(settings: Settings, *, clock: Clock = utc_now) -> AsyncGenerator[Services]:
    """Everything a call needs, ready: shops are in memory and their greetings rendered, as far as that is quick.

    Raises SettingsError for missing keys, StoreError when the store cannot be opened.
    """
    settings.require_vendor_keys()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings))
        wires = wires_of(settings, clock)
        bus = wires.bus
        outbox = await stack.enter_async_context(
            Outbox.open(outbox_path(settings), store, clock=clock, direct=not settings.supabase_url)
        )
        await stack.enter_async_context(Ledger(wires.own, outbox))
        shops = await stack.enter_async_context(_shops(settings, store))
        knowledge = await stack.enter_async_context(_knowledge(settings, shops, bus))
        speech = SpeechStack(settings)
        stack.push_async_callback(speech.aclose)
        phrases = Phrases(settings, speech.cartesia, settings.database_path.parent / "phrases")
        await stack.enter_async_context(phrases.following(knowledge))
        await stack.enter_async_context(_rendering_greetings(knowledge, phrases))
        recorder = await stack.enter_async_context(Recorder(settings, clock))
        pulse = Pulse()
        await stack.enter_async_context(pulse.beating())
        switchboard = Switchboard(
            settings.max_calls, pulse, most_late_ms=settings.max_loop_late_ms, most_busy=settings.max_loop_busy
        )
        control = await stack.enter_async_context(wires.connected(switchboard)) or switchboard
        stack.push_async_callback(switchboard.drain, 0.0)  # whoever is still on the line by now
        book, look_ahead = await stack.enter_async_context(_book(settings, store, clock))
        shelf = StoreShelf(store, bus, clock)
        onboarding = Onboarding(store, shelf, Scraper.of(settings), site_reader(settings), clock=clock)
        await stack.enter_async_context(onboarding)
        client = await stack.enter_async_context(rest_client(settings))
        telephone = TwilioTelephone(client, f"{settings.public_url}/voice/after")
        await stack.enter_async_context(TextSender(store.texts, store.bookings, telephone, knowledge, bus, clock=clock))
        yield Services(
            settings=settings,
            clock=clock,
            knowledge=knowledge,
            calls=outbox,
            backlog=outbox.backlog,
            bookings=store.bookings,
            look_ahead=look_ahead,
            desk=Desk(book, knowledge.shop, clock),
            bus=bus,
            own=wires.own,
            telephone=telephone,
            texts=store.texts,
            members=store.members,
            speech=speech,
            phrases=phrases,
            switchboard=switchboard,
            pulse=pulse,
            control=control,
            onboarding=onboarding,
            approval=Approval(store, bus, clock=clock),
            editing=Editing(store, bus, clock=clock),
            recorder=recorder,
        )


@asynccontextmanager
async def _shops(settings: Settings, store: Store) -> AsyncGenerator[ShopSource]:
    """The store's, with copies of them on this machine when it is on another one."""
    if not settings.supabase_url:
        yield store
        return
    async with CopiedShops.open(copies_path(settings), store, settings.supabase_url) as copied:
        yield copied


@asynccontextmanager
async def _book(
    settings: Settings, store: Store, clock: Clock
) -> AsyncGenerator[tuple[BookingStore, Callable[[int], None]]]:
    """The desk's: one that is in the network is read ahead, and by whom. On this machine a look is quick."""
    if not settings.supabase_url:
        yield store.bookings, lambda _: None
        return
    ahead = ReadAhead(store.bookings, clock)
    try:
        yield ahead, ahead.look_ahead
    finally:
        await ahead.aclose()


def _knowledge(settings: Settings, shops: ShopSource, bus: EventBus) -> KnowledgeCache:
    return KnowledgeCache(
        shops,
        bus,
        number_map=settings.phone_to_location_map,
        refresh_s=PROJECT_REFRESH_S if settings.supabase_url else FILE_REFRESH_S,
        check_s=settings.shop_check_ms / 1000,
    )


@asynccontextmanager
async def _rendering_greetings(knowledge: KnowledgeCache, phrases: Phrases) -> AsyncGenerator[None]:
    """Before the first call, so that nobody waits; a vendor that is away delays nothing but the greeting."""

    async def render() -> None:
        listings = knowledge.listings()
        shops = (shop for at in listings if (shop := knowledge.shop(at.location_id)) is not None)
        logger.info("{} shops, {} with their greeting rendered", len(listings), await phrases.render_missing(shops))

    task = asyncio.create_task(render(), name="greetings")
    await asyncio.wait([task], timeout=GREETINGS_S)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
