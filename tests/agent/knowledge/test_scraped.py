"""What a website told is kept with its words, in rows of the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.bus.local import LocalBus
from agent.errors import Conflict
from agent.knowledge.composing import compose_shop
from agent.knowledge.first_reading import read_site
from agent.knowledge.jobs import SetupRequest
from agent.knowledge.shelf import StoreShelf
from agent.stores.embedded import EmbeddedStore

URL = "https://salon.example/"
PAGE = """<html lang="en"><title>Salon Nova</title><h1>Salon Nova</h1><h2>Colour</h2>
<ul><li>Balayage 150 min from $210.50</li><li>Gloss $60-80</li></ul>
<h2>Our team</h2><h3>Ana Lima</h3><p>Owner and colour specialist</p><p>Tuesday to Friday 9:00 - 18:00</p></html>"""
REQUEST = SetupRequest(location_id=3, phone_number="+18085550188", website_url=URL, business_name="Salon Nova")


async def test_the_last_scrape_is_kept_with_its_sources(tmp_path: Path):
    facts = read_site([(URL, PAGE)])
    shop = compose_shop(facts, REQUEST, None)
    async with EmbeddedStore.open(tmp_path / "shops.db") as store:
        await StoreShelf(store, LocalBus(), lambda: datetime.now(UTC)).put(shop, shop, facts)
        balayage, gloss = await store.get_scraped_services(3)
        info = await store.get_salon_info(3)
        assert (balayage.service_name, str(balayage.price), balayage.price_from) == ("Balayage", "210.50", True)
        assert (gloss.price, gloss.price_max) == (60, 80)
        assert "210.50" in balayage.source.quote
        assert balayage.source.url == URL
        assert [person.name for person in await store.get_scraped_professionals(3)] == ["Ana Lima"]
        assert info is not None
        assert info.hours == shop.hours
        assert (await store.get_location_knowledge(3)) is not None


async def test_a_number_of_another_shop_stores_no_shop(tmp_path: Path):
    facts = read_site([(URL, PAGE)])
    shop = compose_shop(facts, REQUEST, None)
    async with EmbeddedStore.open(tmp_path / "shops.db") as store:
        shelf = StoreShelf(store, LocalBus(), lambda: datetime.now(UTC))
        await shelf.put(shop.model_copy(update={"location_id": 4}), None, None)
        with pytest.raises(Conflict, match="phone_number_taken"):
            await shelf.put(shop, shop, facts)
        assert await store.get_location_knowledge(3) is None
