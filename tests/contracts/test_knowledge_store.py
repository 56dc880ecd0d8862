"""What every KnowledgeStore promises (`agent.ports.KnowledgeStore`)."""

from __future__ import annotations

import asyncio
from datetime import date, time
from decimal import Decimal

import pytest

from agent.errors import Conflict
from agent.model import (
    Faq,
    OpeningHours,
    OpenInterval,
    Policy,
    Professional,
    SalonInfo,
    ScrapedProfessional,
    ScrapedService,
    Service,
    Shop,
    ShopListing,
    ShopVersion,
    Source,
)
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


async def test_many_shops_are_all_listed(knowledge_store: KnowledgeStore):
    """More than a networked store hands out at once."""
    for number in range(60, 0, -1):
        phone = f"+1808555{number:04d}"
        shop = HONOLULU.model_copy(update={"location_id": number, "phone_number": phone, "services": ()})
        await knowledge_store.store_knowledge(f"location_{number}", shop)

    assert [shop.location_id for shop in await knowledge_store.list_shops()] == list(range(1, 61))


def _small(number: int) -> Shop:
    facts = {"location_id": number, "phone_number": f"+1808555{number:04d}", "services": ()}
    return HONOLULU.model_copy(update=facts)


async def test_many_shops_are_all_read_and_their_versions_told(knowledge_store: KnowledgeStore):
    """More than a networked store hands out at once, and more than a page of ours."""
    stored = [await knowledge_store.store_knowledge(f"location_{at}", _small(at)) for at in range(230, 0, -1)]
    stored.reverse()

    assert [shop async for shop in knowledge_store.get_all_knowledge()] == stored
    some = [230, *range(1, 231, 2), 999]
    assert [shop async for shop in knowledge_store.get_all_knowledge(some)] == [*stored[0::2], stored[-1]]
    assert await knowledge_store.get_knowledge_versions() == dict.fromkeys(range(1, 231), 1)


async def test_only_the_shops_asked_for_are_read(knowledge_store: KnowledgeStore):
    honolulu = await knowledge_store.store_knowledge("location_1", HONOLULU)
    await knowledge_store.store_knowledge("location_2", LONDON)

    assert [shop async for shop in knowledge_store.get_all_knowledge({1, 7})] == [honolulu]
    assert [shop async for shop in knowledge_store.get_all_knowledge([])] == []
    assert [shop async for shop in knowledge_store.get_all_knowledge(range(300, 1000))] == []


async def test_the_newest_version_is_told_by_location_and_by_number(knowledge_store: KnowledgeStore):
    await knowledge_store.store_knowledge("location_1", HONOLULU)
    await knowledge_store.store_knowledge("location_2", LONDON)
    moved = HONOLULU.model_copy(update={"phone_number": "+18085550100"})
    await knowledge_store.store_knowledge("location_1", moved)

    assert await knowledge_store.get_knowledge_versions() == {1: 2, 2: 1}
    assert await knowledge_store.get_knowledge_version(1) == 2
    assert await knowledge_store.get_version_from_phone_number("+18085550100") == ShopVersion(location_id=1, version=2)
    assert await knowledge_store.get_version_from_phone_number(LONDON.phone_number) == ShopVersion(
        location_id=2, version=1
    )


async def test_what_is_not_stored_has_no_version(knowledge_store: KnowledgeStore):
    assert await knowledge_store.get_knowledge_versions() == {}
    assert await knowledge_store.get_knowledge_version(1) is None
    assert await knowledge_store.get_version_from_phone_number("+18084826296") is None
    assert [shop async for shop in knowledge_store.get_all_knowledge()] == []


PAGE = Source(url="https://plumeria.example/menu", quote="Balayage from $180 · 2½ h", confidence=0.9)
BALAYAGE = ScrapedService(
    service_name="Balayage",
    category="Colour",
    description="Painted by hand 🌺",
    price=Decimal("180"),
    price_max=Decimal("240.50"),
    price_from=True,
    price_text="from $180",
    currency="USD",
    minutes=150,
    duration_text="2½ h",
    source=PAGE,
)
FRINGE = ScrapedService(service_name="Fringe", price_text="ask", source=Source(url="https://plumeria.example/"))
ANA = ScrapedProfessional(name="Ana", role="owner", specialties=("Balayage", "Ombré"), source=PAGE)
BEN = ScrapedProfessional(name="Ben", source=PAGE)
INFO = SalonInfo(
    business_name="Plumeria Hair",
    website_url="https://plumeria.example",
    phone="(808) 482-6296",
    hours=HONOLULU.hours,
    faq=HONOLULU.faq,
    sources={"phone": PAGE},
)


async def test_a_scrape_comes_back_in_its_order_before_its_shop_is_stored(knowledge_store: KnowledgeStore):
    await knowledge_store.insert_scraped_services(1, [FRINGE, BALAYAGE, FRINGE])
    await knowledge_store.insert_scraped_professionals(1, [BEN, ANA])
    await knowledge_store.insert_salon_info(1, INFO)

    assert await knowledge_store.get_scraped_services(1) == [FRINGE, BALAYAGE, FRINGE]
    assert await knowledge_store.get_scraped_professionals(1) == [BEN, ANA]
    assert await knowledge_store.get_salon_info(1) == INFO
    assert await knowledge_store.list_shops() == []
    assert (await knowledge_store.store_knowledge("location_1", HONOLULU)).version == 1
    assert await knowledge_store.get_scraped_professionals(1) == [BEN, ANA]


async def test_a_scrape_takes_the_place_of_the_last_one_of_its_own_shop(knowledge_store: KnowledgeStore):
    for location_id in (1, 2):
        await knowledge_store.insert_scraped_services(location_id, [FRINGE, BALAYAGE])
        await knowledge_store.insert_scraped_professionals(location_id, [BEN])
        await knowledge_store.insert_salon_info(location_id, INFO)
    await knowledge_store.insert_scraped_services(1, [BALAYAGE])
    await knowledge_store.insert_scraped_professionals(1, [])
    await knowledge_store.insert_salon_info(1, SalonInfo())

    assert await knowledge_store.get_scraped_services(1) == [BALAYAGE]
    assert await knowledge_store.get_scraped_professionals(1) == []
    assert await knowledge_store.get_salon_info(1) == SalonInfo()
    assert await knowledge_store.get_scraped_services(2) == [FRINGE, BALAYAGE]
    assert await knowledge_store.get_scraped_professionals(2) == [BEN]
    assert await knowledge_store.get_salon_info(2) == INFO


async def test_what_was_never_scraped_is_empty(knowledge_store: KnowledgeStore):
    assert await knowledge_store.get_scraped_services(7) == []
    assert await knowledge_store.get_scraped_professionals(7) == []
    assert await knowledge_store.get_salon_info(7) is None


async def test_a_long_menu_scraped_by_two_at_once_is_one_of_both_and_whole(knowledge_store: KnowledgeStore):
    menus = [
        [BALAYAGE.model_copy(update={"service_name": f"{name} {number}"}) for number in range(120)]
        for name in ("Cut", "Colour")
    ]
    await asyncio.gather(*(knowledge_store.insert_scraped_services(1, menu) for menu in menus))

    assert await knowledge_store.get_scraped_services(1) in menus


def _listing(shop: Shop) -> ShopListing:
    return ShopListing(
        location_id=shop.location_id,
        business_name=shop.business_name,
        phone_number=shop.phone_number,
        timezone=shop.timezone,
    )
