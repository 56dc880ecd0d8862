"""What every KnowledgeStore promises (`agent.ports.KnowledgeStore`)."""

from __future__ import annotations

import asyncio
from datetime import date, time
from decimal import Decimal

import pytest

from agent.errors import Conflict
from agent.model import Faq, OpeningHours, OpenInterval, Policy, Professional, Service, Shop, ShopListing
from agent.ports import KnowledgeStore

HONOLULU = Shop(
    location_id=1,
    business_name="Plumeria Hair",
    phone_number="+18084826296",
    timezone="Pacific/Honolulu",
    currency="USD",
    address="112 Hibiscus Lane",
    transfer_to="+18085550142",
    hours=OpeningHours(
        week={
            "tue": (
                OpenInterval(opens=time(9), closes=time(13)),
                OpenInterval(opens=time(14), closes=time(18)),
            )
        },
        closures=(date(2026, 12, 25),),
    ),
    services=(
        Service(name="Balayage", price=Decimal("180"), price_from=True, minutes=150, staff=("Ana",)),
        Service(name="Fringe", price=Decimal("12.50")),
        Service(name="Correction", price_text="by consultation"),
    ),
    professionals=(Professional(name="Ana", role="owner", specialties=("Balayage",)),),
    faq=(Faq(question="Parking?", answer="Behind the house — four stalls 🌺"),),
    policies=(Policy(name="Cancellation", text="24 hours ahead."),),
)
LONDON = Shop(
    location_id=2,
    business_name="Copper Lane",
    phone_number="+442079460123",
    timezone="Europe/London",
    currency="GBP",
)


async def test_a_shop_comes_back_exactly_as_it_was_stored(knowledge_store: KnowledgeStore):
    stored = await knowledge_store.store_knowledge("location_1", HONOLULU)

    assert stored == HONOLULU.model_copy(update={"version": 1})
    assert await knowledge_store.get_location_knowledge(1) == stored
    assert await knowledge_store.get_location_from_phone_number("+18084826296") == 1


async def test_what_is_not_stored_is_none(knowledge_store: KnowledgeStore):
    assert await knowledge_store.get_location_knowledge(7) is None
    assert await knowledge_store.get_location_from_phone_number("+18084826296") is None
    assert await knowledge_store.get_location_from_phone_number("no number") is None
    assert await knowledge_store.list_shops() == []


async def test_each_change_grows_the_version_whatever_the_caller_claims(
    knowledge_store: KnowledgeStore,
):
    await knowledge_store.store_knowledge("location_1", HONOLULU)
    renamed = HONOLULU.model_copy(update={"business_name": "Plumeria", "version": 99})

    assert (await knowledge_store.store_knowledge("location_1", renamed)).version == 2
    assert (await knowledge_store.store_knowledge("location_1", HONOLULU)).version == 3


async def test_storing_what_is_already_there_keeps_the_version(knowledge_store: KnowledgeStore):
    await knowledge_store.store_knowledge("location_1", HONOLULU)
    same_price = HONOLULU.services[0].model_copy(update={"price": Decimal("180.00")})
    same = HONOLULU.model_copy(update={"version": 5, "services": (same_price, *HONOLULU.services[1:])})

    assert (await knowledge_store.store_knowledge("location_1", same)).version == 1
    again = await knowledge_store.get_location_knowledge(1)
    assert again is not None
    assert again.version == 1


async def test_a_number_of_another_shop_is_a_conflict_and_changes_nothing(knowledge_store: KnowledgeStore):
    await knowledge_store.store_knowledge("location_1", HONOLULU)
    london = await knowledge_store.store_knowledge("location_2", LONDON)
    thief = LONDON.model_copy(update={"phone_number": HONOLULU.phone_number, "address": "elsewhere"})

    with pytest.raises(Conflict):
        await knowledge_store.store_knowledge("location_2", thief)

    assert await knowledge_store.get_location_knowledge(2) == london
    assert await knowledge_store.get_location_from_phone_number(HONOLULU.phone_number) == 1
    assert await knowledge_store.get_location_from_phone_number(LONDON.phone_number) == 2


@pytest.mark.parametrize("key", ["location_2", "1", "", "location_01", "LOCATION_1"])
async def test_a_key_that_is_not_the_shops_is_a_conflict(knowledge_store: KnowledgeStore, key: str):
    with pytest.raises(Conflict):
        await knowledge_store.store_knowledge(key, HONOLULU)
    assert await knowledge_store.list_shops() == []


async def test_a_new_number_replaces_the_old_one_which_is_then_free(knowledge_store: KnowledgeStore):
    await knowledge_store.store_knowledge("location_1", HONOLULU)
    moved = HONOLULU.model_copy(update={"phone_number": "+18085550100"})
    await knowledge_store.store_knowledge("location_1", moved)

    assert await knowledge_store.get_location_from_phone_number("+18085550100") == 1
    assert await knowledge_store.get_location_from_phone_number("+18084826296") is None
    await knowledge_store.store_knowledge("location_2", LONDON.model_copy(update={"phone_number": "+18084826296"}))
    assert await knowledge_store.get_location_from_phone_number("+18084826296") == 2


async def test_shops_are_listed_by_location(knowledge_store: KnowledgeStore):
    await knowledge_store.store_knowledge("location_2", LONDON)
    await knowledge_store.store_knowledge("location_1", HONOLULU)

    assert await knowledge_store.list_shops() == [_listing(HONOLULU), _listing(LONDON)]


async def test_many_writers_at_once_lose_no_version(knowledge_store: KnowledgeStore):
    names = [HONOLULU.model_copy(update={"business_name": f"Plumeria {n}"}) for n in range(20)]
    stored = await asyncio.gather(*(knowledge_store.store_knowledge("location_1", shop) for shop in names))

    assert sorted(shop.version for shop in stored) == list(range(1, 21))
    newest = max(stored, key=lambda shop: shop.version)
    assert await knowledge_store.get_location_knowledge(1) == newest


def _listing(shop: Shop) -> ShopListing:
    return ShopListing(
        location_id=shop.location_id,
        business_name=shop.business_name,
        phone_number=shop.phone_number,
        timezone=shop.timezone,
    )
