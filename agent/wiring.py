"""The only place that chooses: which bus, which telephone, and by `agent.stores.choice` which store.

What opens here closes in reverse.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from loguru import logger

from agent.bus.local import LocalBus
from agent.call import Services
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.onboarding import Onboarding
from agent.knowledge.reader import site_reader
from agent.knowledge.scrape import Scraper
from agent.knowledge.shelf import StoreShelf
from agent.pipelines.greeting import Phrases
from agent.pipelines.speech import SpeechStack
from agent.ports import Clock
from agent.settings import Settings
from agent.stores.choice import open_store
from agent.stores.ledger import Ledger
from agent.switchboard import Switchboard
from agent.telephony.rest import rest_client
from agent.telephony.texts import TextSender
from agent.telephony.twilio import TwilioTelephone

FILE_REFRESH_S = 2.0
PROJECT_REFRESH_S = 15.0
"""How soon a running server notices a shop that `setup_shop.py` stored from another process; each look reads
every shop, which a file bears more often than a network."""


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


async def check_store(settings: Settings) -> None:
    """Ask the store something and close it again. Raises SettingsError, StoreError."""
    async with open_store(settings) as store:
        await store.get_location_knowledge(0)


@asynccontextmanager
async def open_services(settings: Settings, *, clock: Clock = utc_now) -> AsyncGenerator[Services]:
    """Everything a call needs, ready: shops are in memory and their greetings are rendered.

    Raises SettingsError for missing keys, StoreError when the store cannot be opened.
    """
    settings.require_vendor_keys()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings))
        bus = LocalBus()
        await stack.enter_async_context(Ledger(bus, store))
        refresh_s = PROJECT_REFRESH_S if settings.supabase_url else FILE_REFRESH_S
        knowledge = await stack.enter_async_context(
            KnowledgeCache(store, bus, number_map=settings.phone_to_location_map, refresh_s=refresh_s)
        )
        speech = SpeechStack(settings)
        stack.push_async_callback(speech.aclose)
        phrases = Phrases(settings, speech.cartesia, settings.database_path.parent / "phrases")
        await stack.enter_async_context(phrases.following(knowledge))
        await _render_greetings(knowledge, phrases)
        switchboard = Switchboard(settings.max_calls)
        stack.push_async_callback(switchboard.drain, 0.0)  # whoever is still on the line by now
        onboarding = Onboarding(store, StoreShelf(store, bus, clock), Scraper.of(settings), site_reader(), clock=clock)
        await stack.enter_async_context(onboarding)
        client = await stack.enter_async_context(rest_client(settings))
        telephone = TwilioTelephone(client, f"{settings.public_url}/voice/after")
        await stack.enter_async_context(TextSender(store.texts, store.bookings, telephone, knowledge, bus, clock=clock))
        yield Services(
            settings=settings,
            clock=clock,
            knowledge=knowledge,
            calls=store,
            bookings=store.bookings,
            bus=bus,
            telephone=telephone,
            texts=store.texts,
            speech=speech,
            phrases=phrases,
            switchboard=switchboard,
            onboarding=onboarding,
        )


async def _render_greetings(knowledge: KnowledgeCache, phrases: Phrases) -> None:
    """Before the first call, so that nobody waits; a vendor that is away delays nothing but the greeting."""
    ready = await asyncio.gather(*(phrases.try_prepare(shop) for shop in knowledge.shops()))
    logger.info("{} shops, {} with their greeting rendered", len(ready), sum(ready))
