"""While a phone rings: the shop as the store has it now, whoever stored it, and never a call lost to the store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from rig.project import Project

from agent.bus.local import LocalBus
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.registry import location_key
from agent.model import Shop
from agent.stores.embedded import EmbeddedStore
from agent.stores.supabase import SupabaseStore

PATIENT_S = 20.0
"""Longer than any test's store takes: what is asserted then is the store's word."""


@pytest.fixture
def other(shop: Shop) -> Shop:
    return shop.model_copy(update={"location_id": 1, "business_name": "Plumeria", "phone_number": "+18084826296"})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore.open(tmp_path / "chairside.db", busy_timeout_s=0.05) as opened:
        yield opened


@pytest.fixture
async def elsewhere(tmp_path: Path, store: EmbeddedStore) -> AsyncIterator[EmbeddedStore]:
    """The same file as another process has it open: nothing of it comes over our bus."""
    async with EmbeddedStore.open(tmp_path / "chairside.db") as opened:
        yield opened


@pytest.fixture
async def project(supabase_project: Project, shop: Shop) -> Project:
    """A project with one shop."""
    supabase_project.empty()
    async with SupabaseStore.open(supabase_project.url, supabase_project.gateway.secret_key) as opened:
        await put(opened, shop)
    return supabase_project


async def put(store: EmbeddedStore | SupabaseStore, shop: Shop, **changes: object) -> Shop:
    changed = shop.model_copy(update=changes)
    return await store.store_knowledge(location_key(shop.location_id), changed)


async def test_the_next_call_knows_what_another_process_changed(
    store: EmbeddedStore, elsewhere: EmbeddedStore, shop: Shop
):
    await put(store, shop)
    async with KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache, cache.changes() as changes:
        changed = await put(elsewhere, shop, address="1 New Street")
        known = cache.shop_for_number(shop.phone_number)
        assert known is not None
        assert known.address == ""
        assert await cache.shop_called(shop.phone_number) == changed
        assert cache.shop_for_number(shop.phone_number) == changed
        assert await anext(changes) == changed


async def test_the_next_call_reaches_a_shop_another_process_has_just_registered(
    store: EmbeddedStore, elsewhere: EmbeddedStore, shop: Shop
):
    async with KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache:
        assert await cache.shop_called(shop.phone_number) is None
        stored = await put(elsewhere, shop)
        assert await cache.shop_called(shop.phone_number) == stored


async def test_a_number_that_moved_to_another_shop_leads_there_at_once(
    store: EmbeddedStore, elsewhere: EmbeddedStore, shop: Shop, other: Shop
):
    await put(store, shop)
    await put(store, other)
    async with KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache:
        first = await put(elsewhere, shop, phone_number="+442079460100")
        second = await put(elsewhere, other, phone_number=shop.phone_number)
        assert await cache.shop_called(shop.phone_number) == second
        assert await cache.shop_called("+442079460100") == first
        assert await cache.shop_called(other.phone_number) is None
        await cache.refresh()
        assert cache.shop_for_number(shop.phone_number) == second


async def test_a_number_that_was_given_up_leads_nowhere_at_once(
    store: EmbeddedStore, elsewhere: EmbeddedStore, shop: Shop
):
    await put(store, shop)
    async with KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache:
        await put(elsewhere, shop, phone_number="+442079460100")
        assert await cache.shop_called(shop.phone_number) is None
        found = cache.shop(2)
        assert found is not None
        assert found.phone_number == "+442079460100"


async def test_a_shop_that_was_removed_is_off_the_line_at_once(tmp_path: Path, store: EmbeddedStore, shop: Shop):
    await put(store, shop)
    async with KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache:
        with closing(sqlite3.connect(tmp_path / "chairside.db", isolation_level=None)) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("DELETE FROM salon_static_data")
        assert await cache.shop_called(shop.phone_number) is None
        assert cache.shop(2) is None


async def test_the_number_map_goes_first_and_its_shop_is_the_newest(
    store: EmbeddedStore, elsewhere: EmbeddedStore, shop: Shop, other: Shop
):
    await put(store, shop)
    await put(store, other)
    mapped = {other.phone_number: 2, "+18085550100": 77}
    async with KnowledgeCache(store, LocalBus(), number_map=mapped, check_s=PATIENT_S) as cache:
        changed = await put(elsewhere, shop, address="1 New Street")
        assert await cache.shop_called(other.phone_number) == changed
        assert await cache.shop_called("+18085550100") is None


async def test_a_new_version_that_cannot_be_read_leaves_the_old_one_on_the_line(
    tmp_path: Path, store: EmbeddedStore, shop: Shop
):
    stored = await put(store, shop)
    async with KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache:
        with closing(sqlite3.connect(tmp_path / "chairside.db", isolation_level=None)) as db:
            db.execute("UPDATE salon_static_data SET data = '{}', version = 2")
        assert await cache.shop_called(shop.phone_number) == stored
        await cache.refresh()
        assert cache.shop_for_number(shop.phone_number) == stored
        repaired = await put(store, shop)
        assert repaired.version == 3
        assert await cache.shop_called(shop.phone_number) == repaired
        assert cache.counters.total() == 0


async def test_a_store_that_fails_costs_no_call(tmp_path: Path, store: EmbeddedStore, shop: Shop):
    stored = await put(store, shop)
    async with KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache:
        with closing(sqlite3.connect(tmp_path / "chairside.db", isolation_level=None)) as db:
            db.execute("ALTER TABLE phone_numbers RENAME TO elsewhere")
        assert await cache.shop_called(shop.phone_number) == stored
        assert cache.counters == {"checks_failed": 1}


async def test_a_store_that_hangs_costs_a_call_no_more_than_its_time(project: Project, shop: Shop):
    async with (
        SupabaseStore.open(project.url, project.gateway.secret_key, timeout_s=PATIENT_S) as store,
        KnowledgeCache(store, LocalBus(), check_s=0.05) as cache,
    ):
        project.gateway.faults.append("hang")
        found = await asyncio.gather(*(cache.shop_called(shop.phone_number) for _ in range(20)))
        assert found == [cache.shop(2)] * 20
        assert found[0] is not None
        assert cache.counters == {"checks_late": 20}


async def test_a_hundred_calls_at_once_are_one_question(project: Project, shop: Shop):
    async with (
        SupabaseStore.open(project.url, project.gateway.secret_key, timeout_s=PATIENT_S) as store,
        KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache,
    ):
        changed = await put(store, shop, address="1 New Street")
        before = project.gateway.requests
        found = await asyncio.gather(*(cache.shop_called(shop.phone_number) for _ in range(100)))
        assert found == [changed] * 100
        assert project.gateway.requests == before + 2  # which version, and that version


async def test_a_call_during_a_question_shares_the_next_one_not_that(project: Project, shop: Shop):
    """The question under way may have been answered before the change that this call must know."""
    async with (
        SupabaseStore.open(project.url, project.gateway.secret_key, timeout_s=PATIENT_S) as store,
        KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache,
    ):
        before = project.gateway.requests
        first = asyncio.create_task(cache.shop_called(shop.phone_number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # its question is on the way
        later = await asyncio.gather(*(cache.shop_called(shop.phone_number) for _ in range(50)))
        assert later == [await first] * 50
        assert project.gateway.requests == before + 2


async def test_nothing_new_is_one_small_question_however_many_shops(project: Project, shop: Shop):
    async with SupabaseStore.open(project.url, project.gateway.secret_key, timeout_s=PATIENT_S) as store:
        for at in range(3, 120):
            await put(store, shop.model_copy(update={"location_id": at}), phone_number=f"+1808555{at:04d}")
        async with KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache:
            assert len(cache.listings()) == 118
            before = project.gateway.requests
            await cache.refresh()
            assert project.gateway.requests == before + 1
            changed = await put(store, shop, address="1 New Street")
            before = project.gateway.requests
            await cache.refresh()
            assert project.gateway.requests == before + 2
            assert cache.shop(2) == changed


async def test_a_process_that_is_handed_a_call_has_the_version_it_rang_for(
    store: EmbeddedStore, elsewhere: EmbeddedStore, shop: Shop, other: Shop
):
    await put(store, shop)
    async with KnowledgeCache(store, LocalBus(), check_s=PATIENT_S) as cache:
        changed = await put(elsewhere, shop, address="1 New Street")
        new = await put(elsewhere, other)
        assert await cache.shop_at_least(2, 1) == cache.shop(2) != changed  # nobody asked for more
        assert await cache.shop_at_least(2, 2) == changed
        assert await cache.shop_at_least(1, 1) == new
        assert await cache.shop_at_least(9, 1) is None


async def test_what_was_removed_is_forgotten_and_what_came_back_is_known(
    tmp_path: Path, store: EmbeddedStore, shop: Shop, other: Shop
):
    await put(store, shop)
    await put(store, shop, address="1 New Street")
    kept = await put(store, other)
    async with KnowledgeCache(store, LocalBus()) as cache:
        with closing(sqlite3.connect(tmp_path / "chairside.db", isolation_level=None)) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("DELETE FROM salon_static_data WHERE location_id = 2")
        await cache.refresh()
        assert cache.shop(2) is None
        assert cache.shop_for_number(shop.phone_number) is None
        assert cache.shop(1) == kept
        again = await put(store, shop)
        assert again.version == 1
        await cache.refresh()
        assert cache.shop_for_number(shop.phone_number) == again
