"""The only place that chooses: which store, which bus, which telephone. What opens here closes in reverse."""

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
from agent.knowledge.shelf import PlainShelf
from agent.pipelines.greeting import Phrases
from agent.pipelines.speech import SpeechStack
from agent.ports import Clock
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from agent.stores.ledger import Ledger
from agent.switchboard import Switchboard
from agent.telephony.rest import rest_client
from agent.telephony.twilio import TwilioTelephone

STORE_REFRESH_S = 2.0
"""How soon a running server notices a shop that `setup_shop.py` stored from another process."""


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_services(settings: Settings, *, clock: Clock = utc_now) -> AsyncGenerator[Services]:
    """Everything a call needs, ready: shops are in memory and their greetings are rendered.

    Raises SettingsError for missing keys, StoreError when the store cannot be opened.
    """
    settings.require_vendor_keys()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(EmbeddedStore.open(settings.database_path))
        bus = LocalBus()
        await stack.enter_async_context(Ledger(bus, store))
        knowledge = await stack.enter_async_context(
            KnowledgeCache(store, bus, number_map=settings.phone_to_location_map, refresh_s=STORE_REFRESH_S)
        )
        speech = SpeechStack(settings)
        stack.push_async_callback(speech.aclose)
        phrases = Phrases(settings, speech.cartesia, settings.database_path.parent / "phrases")
        await stack.enter_async_context(phrases.following(knowledge))
        await _render_greetings(knowledge, phrases)
        switchboard = Switchboard(settings.max_calls)
        stack.push_async_callback(switchboard.drain, 0.0)  # whoever is still on the line by now
        onboarding = Onboarding(store, PlainShelf(store, bus, clock), Scraper.of(settings), site_reader(), clock=clock)
        await stack.enter_async_context(onboarding)
        client = await stack.enter_async_context(rest_client(settings))
        yield Services(
            settings=settings,
            clock=clock,
            knowledge=knowledge,
            calls=store,
            bus=bus,
            telephone=TwilioTelephone(client),
            speech=speech,
            phrases=phrases,
            switchboard=switchboard,
            onboarding=onboarding,
        )


async def _render_greetings(knowledge: KnowledgeCache, phrases: Phrases) -> None:
    """Before the first call, so that nobody waits; a vendor that is away delays nothing but the greeting."""
    ready = await asyncio.gather(*(phrases.try_prepare(shop) for shop in knowledge.shops()))
    logger.info("{} shops, {} with their greeting rendered", len(ready), sum(ready))
