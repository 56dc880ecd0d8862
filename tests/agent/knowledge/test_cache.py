"""Shops in memory: loaded at the start, fresh after a change, and never waited for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.bus.local import LocalBus
from agent.errors import Conflict, SettingsError, Unavailable
from agent.events import ShopChanged
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.registry import location_key, register_shop
from agent.model import Shop
from agent.stores.embedded import EmbeddedStore

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def other(shop: Shop) -> Shop:
    return shop.model_copy(update={"location_id": 1, "business_name": "Plumeria", "phone_number": "+18084826296"})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore.open(tmp_path / "chairside.db", busy_timeout_s=0.05) as opened:
        yield opened


async def put(store: EmbeddedStore, bus: LocalBus, shop: Shop) -> Shop:
    return await register_shop(store, bus, shop, clock=lambda: NOON)


async def eventually_named(cache: KnowledgeCache, location_id: int, name: str) -> Shop:
    async with asyncio.timeout(5):
        async with cache.changes() as changes:
            if (found := cache.shop(location_id)) is not None and found.business_name == name:
                return found
            return await anext(shop async for shop in changes if shop.business_name == name)


async def test_every_shop_is_loaded_before_the_first_call(store: EmbeddedStore, shop: Shop, other: Shop):
    bus = LocalBus()
    london, honolulu = await put(store, bus, shop), await put(store, bus, other)

    async with KnowledgeCache(store, bus) as cache:
        assert [at.location_id for at in cache.listings()] == [1, 2]
        assert cache.shop_for_number("+442079460123") == london
        assert cache.get_location_from_phone_number("+18084826296") == 1
        assert cache.get_location_knowledge(1) == honolulu
        assert cache.shop_for_number("+18085550000") is None
        assert cache.shop(9) is None


async def test_a_change_is_followed_while_a_pinned_shop_stays(store: EmbeddedStore, shop: Shop):
    bus = LocalBus()
    await put(store, bus, shop)
    async with KnowledgeCache(store, bus) as cache:
        pinned = cache.shop(2)
        moved = {"business_name": "Copper Street", "phone_number": "+442079460100"}
        await put(store, bus, shop.model_copy(update=moved))

        found = await eventually_named(cache, 2, "Copper Street")
        assert found.version == 2
        assert cache.shop_for_number("+442079460100") == found
        assert cache.shop_for_number("+442079460123") is None
        assert pinned is not None
        assert pinned.business_name == "Copper Lane"


async def test_a_new_shop_is_followed(store: EmbeddedStore, shop: Shop, other: Shop):
    bus = LocalBus()
    await put(store, bus, shop)
    async with KnowledgeCache(store, bus) as cache:
        await put(store, bus, other)
        await eventually_named(cache, 1, "Plumeria")
        assert cache.shop_for_number("+18084826296") == cache.shop(1)


async def test_changes_tells_only_what_lookups_already_return(store: EmbeddedStore, shop: Shop):
    bus = LocalBus()
    async with KnowledgeCache(store, bus) as cache, cache.changes() as changes, asyncio.timeout(5):
        stored = await put(store, bus, shop)
        told = await anext(changes)
        assert told == stored == cache.shop(2)


async def test_the_number_map_goes_first(store: EmbeddedStore, shop: Shop, other: Shop):
    bus = LocalBus()
    await put(store, bus, shop)
    await put(store, bus, other)
    async with KnowledgeCache(
        store, bus, number_map={"+1 808-482-6296": 2, "+18085550100": 1, "+18085550101": 77}
    ) as cache:
        assert cache.get_location_from_phone_number("+18084826296") == 2
        assert cache.shop_for_number("+18085550100") == cache.shop(1)
        assert cache.shop_for_number("+18085550101") is None


async def test_a_map_with_odd_numbers_names_each(store: EmbeddedStore):
    with pytest.raises(SettingsError) as refused:
        KnowledgeCache(store, LocalBus(), number_map={"8084826296": 1, "front desk": 2})
    assert len(refused.value.problems) == 2


async def test_a_change_while_the_store_is_broken_is_loaded_later(tmp_path: Path, store: EmbeddedStore, shop: Shop):
    bus = LocalBus()
    await put(store, bus, shop)
    async with KnowledgeCache(store, bus) as cache:
        await store.store_knowledge(location_key(2), shop.model_copy(update={"business_name": "Later"}))
        with closing(sqlite3.connect(tmp_path / "chairside.db", isolation_level=None)) as db:
            db.execute("ALTER TABLE salon_static_data RENAME TO elsewhere")
            bus.publish(ShopChanged(at=NOON, location_id=2, version=2))
            await asyncio.sleep(0.15)
            known = cache.shop(2)
            assert known is not None
            assert known.business_name == "Copper Lane"
            db.execute("ALTER TABLE elsewhere RENAME TO salon_static_data")
        await eventually_named(cache, 2, "Later")


async def test_another_processs_change_is_seen_by_looking(tmp_path: Path, store: EmbeddedStore, shop: Shop):
    async with KnowledgeCache(store, LocalBus(), refresh_s=0.02) as cache, cache.changes() as changes:
        async with EmbeddedStore.open(tmp_path / "chairside.db") as elsewhere:
            await put(elsewhere, LocalBus(), shop)
        async with asyncio.timeout(5):
            assert (await anext(changes)).location_id == 2
        assert cache.shop_for_number(shop.phone_number) is not None


async def test_one_unreadable_shop_does_not_take_the_others_off_the_line(
    tmp_path: Path, store: EmbeddedStore, shop: Shop, other: Shop
):
    bus = LocalBus()
    await put(store, bus, shop)
    await put(store, bus, other)
    spoil = "UPDATE salon_static_data SET data = json_set(data, '$.currency', 'dollars') WHERE location_id = ?"
    with closing(sqlite3.connect(tmp_path / "chairside.db", isolation_level=None)) as db:
        db.execute(spoil, (1,))

    async with KnowledgeCache(store, bus) as cache:
        assert [found.location_id for found in cache.listings()] == [2]
    assert (await put(store, bus, other)).version == 2  # storing it anew repairs it


async def test_a_store_that_is_away_at_the_start_is_told(tmp_path: Path, shop: Shop):
    async with EmbeddedStore.open(tmp_path / "chairside.db") as store:
        pass
    cache = KnowledgeCache(store, LocalBus())
    with pytest.raises(Unavailable):
        await cache.__aenter__()


async def test_leaving_ends_every_task(store: EmbeddedStore):
    before = asyncio.all_tasks()
    async with KnowledgeCache(store, LocalBus(), refresh_s=60):
        assert len(asyncio.all_tasks()) == len(before) + 2
    assert asyncio.all_tasks() == before


async def test_registering_publishes_only_new_versions(store: EmbeddedStore, shop: Shop, other: Shop):
    bus = LocalBus()
    async with bus.subscribe() as events:
        await put(store, bus, shop)
        await put(store, bus, shop)
        await put(store, bus, shop.model_copy(update={"address": "27 Copper Lane"}))
        thief = other.model_copy(update={"phone_number": shop.phone_number})
        with pytest.raises(Conflict):
            await put(store, bus, thief)

    assert [event async for event in events] == [
        ShopChanged(at=NOON, location_id=2, version=1),
        ShopChanged(at=NOON, location_id=2, version=2),
    ]
