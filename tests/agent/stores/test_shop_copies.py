"""Copies of shops that answer for a store which is away when a process starts: a real project, real files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import COPPER_LANE, PLUMERIA
from pydantic import SecretStr
from rig.project import Project

from agent.bus.local import LocalBus
from agent.errors import Unavailable
from agent.knowledge.cache import KnowledgeCache
from agent.model import Shop
from agent.settings import Settings
from agent.stores.shop_copies import CopiedShops
from agent.stores.supabase import SupabaseStore
from agent.wiring import check_store


@pytest.fixture
async def store(supabase_project: Project) -> AsyncIterator[SupabaseStore]:
    supabase_project.empty()
    async with SupabaseStore.open(supabase_project.url, supabase_project.gateway.secret_key) as opened:
        for shop in (PLUMERIA, COPPER_LANE):
            await opened.store_knowledge(f"location_{shop.location_id}", shop)
        yield opened


async def known(path: Path, store: SupabaseStore, source: str = "here") -> dict[int, Shop | None]:
    """What a process that starts now knows."""
    async with CopiedShops.open(path, store, source) as copied, KnowledgeCache(copied, LocalBus()) as cache:
        return {at.location_id: cache.shop(at.location_id) for at in cache.listings()}


async def test_a_process_that_starts_while_the_store_is_away_knows_what_the_one_before_it_knew(
    tmp_path: Path, store: SupabaseStore, supabase_project: Project
):
    path = tmp_path / "shops.db"
    before = await known(path, store)
    assert sorted(before) == [1, 2]
    supabase_project.gateway.faults += ["503"] * 1000
    assert await known(path, store) == before
    with pytest.raises(Unavailable):
        await known(path, store, "another project")
    with pytest.raises(Unavailable):
        await known(tmp_path / "new.db", store)


async def test_what_has_changed_is_known_once_the_store_is_back(
    tmp_path: Path, store: SupabaseStore, supabase_project: Project
):
    path = tmp_path / "shops.db"
    await known(path, store)
    changed = PLUMERIA.model_copy(update={"greeting": "Good day."})
    await store.store_knowledge("location_1", changed)
    supabase_project.gateway.faults += ["503"]
    async with CopiedShops.open(path, store, "here") as copied, KnowledgeCache(copied, LocalBus()) as cache:
        at_first = cache.shop(1)
        assert at_first is not None
        assert at_first.greeting == PLUMERIA.greeting
        called = await cache.shop_called(PLUMERIA.phone_number)
        assert called is not None
        assert called.greeting == "Good day."
    with supabase_project.connect() as database:
        database.execute("delete from salon_static_data where location_id = 2")
    await known(path, store)
    supabase_project.gateway.faults += ["503"] * 1000
    after = await known(path, store)
    assert list(after) == [1]
    assert after[1] is not None
    assert after[1].greeting == "Good day."


async def test_a_server_starts_without_its_project_when_it_has_met_it_before(
    tmp_path: Path, store: SupabaseStore, supabase_project: Project
):
    secret = SecretStr(supabase_project.gateway.secret_key)
    settings = Settings(
        supabase_url=supabase_project.url, supabase_secret_key=secret, database_path=tmp_path / "chairside.db"
    )
    supabase_project.gateway.faults += ["503"]
    with pytest.raises(Unavailable):
        await check_store(settings)
    await known(tmp_path / "chairside-shops.db", store, supabase_project.url)
    supabase_project.gateway.faults += ["503"]
    await check_store(settings)
