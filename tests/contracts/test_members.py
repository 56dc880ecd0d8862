"""What every `Members` promises (`agent.ports.Members`)."""

from __future__ import annotations

import uuid

import pytest

from agent.errors import Conflict, NotFound
from agent.stores.choice import Store
from tests.house import COPPER_LANE, PLUMERIA

KAI, NOA = str(uuid.uuid4()), str(uuid.uuid4())


@pytest.fixture
async def store(full_store: Store) -> Store:
    for shop in (PLUMERIA, COPPER_LANE):
        await full_store.store_knowledge(f"location_{shop.location_id}", shop)
    return full_store


async def test_roles_are_told_by_location(store: Store) -> None:
    await store.members.set_role(1, KAI, "owner")
    await store.members.set_role(2, KAI, "viewer")
    await store.members.set_role(2, NOA, "operator")
    assert await store.members.roles_of(KAI) == {1: "owner", 2: "viewer"}
    assert await store.members.roles_of(NOA) == {2: "operator"}
    assert await store.members.roles_of(str(uuid.uuid4())) == {}


async def test_a_role_changes_and_ends(store: Store) -> None:
    await store.members.set_role(1, KAI, "viewer")
    await store.members.set_role(1, KAI, "operator")
    assert await store.members.roles_of(KAI) == {1: "operator"}
    await store.members.set_role(1, KAI, None)
    await store.members.set_role(1, KAI, None)
    assert await store.members.roles_of(KAI) == {}


async def test_a_shop_that_is_none_has_no_members(store: Store) -> None:
    with pytest.raises(NotFound) as refused:
        await store.members.set_role(77, KAI, "viewer")
    assert refused.value.code == "location_unknown"


@pytest.mark.parametrize("user_id", ["", "kai", "' or 1=1 --", "x" * 5000])
async def test_what_is_no_login_is_nobody(store: Store, user_id: str) -> None:
    assert await store.members.roles_of(user_id) == {}
    with pytest.raises(Conflict) as refused:
        await store.members.set_role(1, user_id, "viewer")
    assert refused.value.code == "user_invalid"
