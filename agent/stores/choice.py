"""The one place that chooses a store: Supabase when SUPABASE_URL is set, else a SQLite file.

Apart from `agent.wiring`, which loads the whole pipeline, so that commands that only want the store start at once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

from agent.errors import SettingsError
from agent.ports import BookingStore, CallStore, KnowledgeStore, Members, Proposals, TextStore
from agent.settings import Settings


class Store(KnowledgeStore, Proposals, CallStore, Protocol):
    """A backend that keeps all of it, the appointment book and the texts it owes included."""

    @property
    def bookings(self) -> BookingStore: ...

    @property
    def texts(self) -> TextStore: ...

    @property
    def members(self) -> Members: ...


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncGenerator[Store]:
    """The store these settings name. Raises SettingsError for a missing or wrong key, StoreError."""
    if settings.supabase_url:
        from agent.stores.supabase import SupabaseStore  # only here: loading it is slow

        key = settings.supabase_secret_key.get_secret_value()
        if not key:
            raise SettingsError(["SUPABASE_SECRET_KEY is not set, but SUPABASE_URL is"])
        async with SupabaseStore.open(settings.supabase_url, key) as store:
            yield store
    else:
        from agent.stores.embedded import EmbeddedStore

        async with EmbeddedStore.open(settings.database_path) as store:
            yield store


def describe_store(settings: Settings) -> str:
    """Where the shops are, in a word for people."""
    return settings.supabase_url or str(settings.database_path)
