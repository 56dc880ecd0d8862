"""POST /voice after another process has changed a shop: this call has the new facts and greets with the new words."""

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing

import pytest
import pytest_asyncio
from house import COPPER_LANE, PLUMERIA, QUICK, House, new_sid, open_house

from agent.emulators.latencies import CartesiaLatencies
from agent.events import CallAnswered, TurnSpoken
from agent.knowledge.prompt import greeting_for
from agent.knowledge.registry import location_key
from agent.model import Shop
from agent.stores.embedded import EmbeddedStore

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncGenerator[House]:
    """One that waits for the store's word however busy the machine is."""
    async with open_house(shop_check_ms=5000, greeting_wait_ms=5000) as running:
        yield running


async def store_elsewhere(house: House, shop: Shop) -> Shop:
    """As `setup_shop.py` beside the server does: the same file, and no event on the server's bus."""
    async with EmbeddedStore.open(house.settings.database_path) as store:
        return await store.store_knowledge(location_key(shop.location_id), shop)


async def test_the_new_greeting_is_rendered_while_the_phone_rings(house: House):
    greeting = "Hello, the assistant of a shop with new words speaking."
    changed = await store_elsewhere(house, PLUMERIA.model_copy(update={"greeting": greeting}))
    async with house.handset() as handset:
        ticket = await house.ticket(handset.call_sid)
        assert house.services.phrases.get(changed, "greeting") is not None
        await handset.start(ticket)
        answered = await house.event(CallAnswered, call_sid=handset.call_sid)
        assert answered.greeting == greeting


async def test_a_shop_of_another_process_is_put_through_at_its_first_call(house: House):
    new = COPPER_LANE.model_copy(update={"location_id": 9, "phone_number": "+442079460999", "business_name": "Nine"})
    assert "not in service" in (await house.post("/voice", To=new.phone_number)).text
    await store_elsewhere(house, new)
    async with house.pick_up(new) as handset:
        answered = await house.event(CallAnswered, call_sid=handset.call_sid)
        assert (answered.location_id, answered.business_name) == (9, "Nine")


async def test_a_greeting_that_takes_too_long_to_render_is_spoken_instead():
    slow = QUICK.model_copy(update={"cartesia": CartesiaLatencies(first_chunk_ms=300, speed=500)})
    async with open_house(latencies=slow, shop_check_ms=5000, greeting_wait_ms=20) as house:
        greeting = "Hello, the assistant of a shop with new words speaking."
        changed = await store_elsewhere(house, PLUMERIA.model_copy(update={"greeting": greeting}))
        async with house.pick_up() as handset:
            assert (await house.event(CallAnswered, call_sid=handset.call_sid)).greeting == greeting_for(changed)
            assert (await house.event(TurnSpoken, timeout=15, call_sid=handset.call_sid, turn=0)).text == greeting


async def test_a_store_in_trouble_costs_no_call_and_is_counted(house: House):
    before = house.services.knowledge.counters["checks_failed"]
    with closing(sqlite3.connect(house.settings.database_path, isolation_level=None)) as db:
        db.execute("ALTER TABLE phone_numbers RENAME TO elsewhere")
        try:
            assert await house.ticket(new_sid(), COPPER_LANE)
        finally:
            db.execute("ALTER TABLE elsewhere RENAME TO phone_numbers")
    async with house.caller.session.get(house.url + "/healthz") as answer:
        assert (await answer.json())["knowledge"]["checks_failed"] == before + 1
