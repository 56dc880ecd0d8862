"""Many shops in little memory, whole when they are asked for."""

from __future__ import annotations

from agent.knowledge.memory import ShopMemory
from agent.model import Shop


def at(shop: Shop, location_id: int, **changes: object) -> Shop:
    facts = {"location_id": location_id, "phone_number": f"+1808555{location_id:04d}", **changes}
    return shop.model_copy(update=facts)


def test_a_shop_comes_back_whole_however_many_are_kept(shop: Shop):
    memory = ShopMemory(unpacked=2)
    shops = [at(shop, number) for number in range(1, 10)]
    assert all(memory.put(one, 1) for one in shops)

    assert [memory.shop(one.location_id) for one in shops] == shops
    assert [memory.shop(one.location_id) for one in shops] == shops
    assert len(memory) == 9
    assert memory.shop(10) is None


def test_a_shop_that_is_called_often_is_the_same_object(shop: Shop):
    memory = ShopMemory(unpacked=2)
    for number in range(1, 4):
        memory.put(at(shop, number), 1)
    first = memory.shop(1)
    memory.shop(2)
    assert memory.shop(1) is first
    memory.shop(3)  # pushes out 2, which was asked for longer ago
    assert memory.shop(1) is first


def test_an_answer_that_comes_late_does_not_take_the_place_of_a_newer_one(shop: Shop):
    memory = ShopMemory()
    assert memory.put(at(shop, 1, version=5), asked=7)
    assert not memory.put(at(shop, 1, version=4), asked=6)
    memory.drop(1, asked=6)
    assert memory.version_of(1) == 5
    assert memory.put(at(shop, 1, version=1), asked=8)  # removed and set up anew
    assert memory.version_of(1) == 1
    assert not memory.put(at(shop, 1, version=1), asked=9)


def test_a_number_leads_to_whom_it_was_given_last(shop: Shop):
    memory = ShopMemory()
    memory.put(at(shop, 1), asked=1)
    memory.put(at(shop, 2, phone_number="+18085550001"), asked=2)
    memory.put(at(shop, 1, phone_number="+18085550009"), asked=3)

    assert memory.location_of("+18085550001") == 2
    assert memory.location_of("+18085550009") == 1
    memory.drop(2, asked=4)
    assert memory.location_of("+18085550001") is None
    assert memory.locations() == {1}


def test_the_listings_are_in_order(shop: Shop):
    memory = ShopMemory()
    for number in (3, 1, 2):
        memory.put(at(shop, number), asked=1)
    assert [listing.location_id for listing in memory.listings()] == [1, 2, 3]
    assert memory.listings()[0].phone_number == "+18085550001"
