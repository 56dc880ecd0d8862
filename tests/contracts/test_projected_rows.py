"""The rows that an approved shop's services and professionals have, in either backend."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rig.project import Project

from agent.knowledge.approval import Shops
from agent.model import Professional, Service, Shop

SHOP = Shop(
    location_id=1,
    business_name="Plumeria Hair",
    phone_number="+18084826296",
    timezone="Pacific/Honolulu",
    currency="USD",
    services=(
        Service(name="Balayage", price=Decimal("180.50"), minutes=150, category="Colour", description="By hand"),
        Service(name="Full set", category="Acrylic", price=Decimal(50)),
        Service(name="Full set", category="Gel"),
    ),
    professionals=(Professional(name="Ana", role="owner"), Professional(name="Ben")),
)
OTHER = SHOP.model_copy(update={"location_id": 2, "phone_number": "+442079460123"})
Rows = Callable[[str], list[dict[str, Any]]]
COLUMNS = {
    "services": ("id", "name", "category", "description", "price", "duration", "active", "position"),
    "professionals": ("id", "name", "role", "active"),
}


@pytest.fixture
def rows(request: pytest.FixtureRequest, shops: Shops, tmp_path: Path) -> Rows:
    """The rows of a table that belong to location 1, as plain values, by position or name."""

    def embedded(table: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(tmp_path / "chairside.db")) as db:
            found = db.execute(f"SELECT {', '.join(COLUMNS[table])} FROM {table} WHERE location_id = 1").fetchall()
        return [_plain(dict(zip(COLUMNS[table], row, strict=True))) for row in found]

    def supabase(table: str) -> list[dict[str, Any]]:
        project: Project = request.getfixturevalue("supabase_project")
        query = f"select {', '.join(COLUMNS[table])} from {table} where salon_id in"
        with project.connect() as db:
            found = db.execute(f"{query} (select id from profiles where location_id = 1)".encode()).fetchall()
        return [_plain(dict(zip(COLUMNS[table], row, strict=True))) for row in found]

    read = embedded if request.node.callspec.params["shops"] == "embedded" else supabase
    return lambda table: sorted(read(table), key=lambda row: (not row["active"], row.get("position"), row["name"]))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    price = row.get("price")
    return {**row, "id": str(row["id"]), "active": bool(row["active"]), "price": price and Decimal(price)}


async def test_every_service_and_professional_has_a_row(shops: Shops, rows: Rows):
    await shops.store_knowledge("location_1", SHOP)
    await shops.store_knowledge("location_2", OTHER)

    told = [{**row, "id": ""} for row in rows("services")]
    common = {"id": "", "active": True}
    assert told == [
        {
            **common,
            "name": "Balayage",
            "category": "Colour",
            "description": "By hand",
            "position": 1,
            "price": Decimal("180.50"),
            "duration": 150,
        },
        *(
            {**common, "name": "Full set", "category": category, "description": "", "position": at} | money
            for at, category, money in (
                (2, "Acrylic", {"price": Decimal(50), "duration": None}),
                (3, "Gel", {"price": None, "duration": None}),
            )
        ),
    ]
    assert [(row["name"], row["role"], row["active"]) for row in rows("professionals")] == [
        ("Ana", "owner", True),
        ("Ben", "", True),
    ]


async def test_a_row_keeps_its_id_whatever_becomes_of_its_service(shops: Shops, rows: Rows):
    await shops.store_knowledge("location_1", SHOP)
    balayage, acrylic, gel = (row["id"] for row in rows("services"))
    moved = Service(name="  BALAYAGE", category="Highlights", price=Decimal(200))
    await shops.store_knowledge("location_1", SHOP.model_copy(update={"services": (*SHOP.services[:0:-1], moved)}))

    assert [(row["id"], row["name"], row["category"], row["position"]) for row in rows("services")] == [
        (gel, "Full set", "Gel", 1),
        (acrylic, "Full set", "Acrylic", 2),
        (balayage, "BALAYAGE", "Highlights", 3),
    ]
    assert rows("services")[2]["price"] == 200
    assert rows("services")[2]["description"] == ""


async def test_what_is_gone_is_not_active_and_comes_back_as_itself(shops: Shops, rows: Rows):
    await shops.store_knowledge("location_1", SHOP)
    before = rows("professionals")
    await shops.store_knowledge("location_1", SHOP.model_copy(update={"professionals": SHOP.professionals[:1]}))
    assert [(row["name"], row["active"]) for row in rows("professionals")] == [("Ana", True), ("Ben", False)]
    await shops.store_knowledge("location_1", SHOP.model_copy(update={"services": (), "professionals": ()}))
    assert {row["active"] for table in COLUMNS for row in rows(table)} == {False}
    await shops.store_knowledge("location_1", SHOP)
    assert rows("professionals") == before
    assert len(rows("services")) == 3


async def test_a_refused_shop_leaves_its_rows(shops: Shops, rows: Rows):
    await shops.store_knowledge("location_2", OTHER)
    await shops.store_knowledge("location_1", SHOP)
    before = rows("services")
    thief = SHOP.model_copy(update={"phone_number": OTHER.phone_number, "services": ()})
    with pytest.raises(Exception, match="phone_number_taken"):
        await shops.store_knowledge("location_1", thief)
    assert rows("services") == before


async def test_a_long_menu_with_one_name_for_many(shops: Shops, rows: Rows):
    menu = tuple(Service(name=f"Cut {n % 30}", category=f"{n % 6}") for n in range(120))
    await shops.store_knowledge("location_1", SHOP.model_copy(update={"services": menu}))
    before = {row["id"]: (row["name"], row["category"], row["position"]) for row in rows("services")}
    await shops.store_knowledge("location_1", SHOP.model_copy(update={"services": menu, "greeting": "Aloha!"}))
    after = {row["id"]: (row["name"], row["category"], row["position"]) for row in rows("services")}
    assert len(after) == 120
    assert after.keys() == before.keys()
    assert sorted(after.values(), key=lambda told: told[2]) == sorted(before.values(), key=lambda told: told[2])
