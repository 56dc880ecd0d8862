"""Putting a shop in the store, and telling everyone who pinned its knowledge."""

from __future__ import annotations

from agent.errors import StoreError, Unavailable
from agent.events import ShopChanged
from agent.model import Shop
from agent.ports import Clock, EventBus, KnowledgeStore


def location_key(location_id: int) -> str:
    """The key of a shop in `salon_static_data`."""
    return f"location_{location_id}"


async def register_shop(store: KnowledgeStore, bus: EventBus, shop: Shop, *, clock: Clock) -> Shop:
    """Store `shop`, publish ShopChanged when that made a new version, and return it as stored.

    Raises StoreError; then nothing is stored and nothing published.
    """
    before = await _version(store, shop.location_id)
    stored = await store.store_knowledge(location_key(shop.location_id), shop)
    if stored.version != before:
        bus.publish(ShopChanged(at=clock(), location_id=stored.location_id, version=stored.version))
    return stored


async def _version(store: KnowledgeStore, location_id: int) -> int | None:
    try:
        before = await store.get_location_knowledge(location_id)
    except Unavailable:
        raise
    except StoreError:
        return None  # what is stored cannot be read any more; storing replaces it
    return None if before is None else before.version
