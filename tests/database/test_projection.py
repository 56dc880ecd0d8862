"""Rows of services and professionals in projects that had such tables, and rows in them, before us."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import rig.project
from psycopg.types.json import Jsonb
from rig.postgres import Cluster

SALON = "00000000-0000-4000-8000-000000000001"
ANA = "00000000-0000-4000-8000-0000000000a1"
SHOP = {
    "location_id": 1,
    "business_name": "Plumeria",
    "phone_number": "+18084826296",
    "timezone": "Pacific/Honolulu",
    "website_url": "",
    "version": 0,
    "services": [
        {"name": "balayage", "category": "Colour", "description": "", "price": "190", "minutes": 150},
        {"name": "Fringe", "category": "", "description": "", "price": None, "minutes": None},
    ],
    "professionals": [{"name": "ANA", "role": "owner"}, {"name": "Ben", "role": ""}],
}
Database = psycopg.Connection[Any]
numbers = itertools.count(1)


@pytest.fixture
def empty(postgres: Cluster) -> Iterator[Database]:
    name = f"projection_{next(numbers)}"
    postgres.create_database(name)
    with postgres.connect(name) as connection:
        rig.project.bootstrap(connection)
        yield connection


@pytest.fixture
def salon(empty: Database) -> Database:
    """A salon's own project after our migrations, its first salon numbered 1."""
    rig.project.settle(empty)
    rig.project.migrate(empty)
    empty.execute("delete from salon_static_data")
    empty.execute("update profiles set location_id = 1 where id = %s", [SALON])
    return empty


def store(database: Database, shop: dict[str, Any] = SHOP) -> int:
    row = database.execute(
        "select store_knowledge(%s, %s)", [f"location_{shop['location_id']}", Jsonb(shop)]
    ).fetchone()
    assert row is not None
    return row[0]


def rows(database: Database, table: str, *columns: str) -> list[tuple[Any, ...]]:
    query = f"select {', '.join(columns)} from {table} where salon_id = %s order by lower(name)"
    return database.execute(query.encode(), [SALON]).fetchall()


def test_a_salons_own_rows_are_found_by_name_and_keep_what_is_theirs(salon: Database):
    salon.execute("update services set duration_minutes = 140")
    (balayage,) = salon.execute("select id from services where name = 'Balayage'").fetchone() or ()
    assert store(salon) == 1

    assert rows(salon, "services", "name", "price", "duration", "duration_minutes", "active") == [
        ("balayage", 190, 150, 140, True),
        ("Fringe", 0, None, None, True),  # theirs takes no nothing, so it stays at their default
    ]
    assert rows(salon, "services", "id")[0] == (balayage,)
    assert rows(salon, "professionals", "name", "full_name", "active") == [
        ("ANA", "Ana", True),
        ("Ben", "Ben", True),
    ]
    assert str(rows(salon, "professionals", "id")[0][0]) == ANA
    others = salon.execute("select count(*) from services where salon_id <> %s and active", [SALON]).fetchone()
    assert others == (1,)


def test_what_appointments_refer_to_is_never_deleted(salon: Database):
    before = salon.execute("select id, professional_id from bookings order by id").fetchall()
    store(salon)
    assert store(salon, SHOP | {"professionals": [], "services": []}) == 2
    assert rows(salon, "professionals", "full_name", "active") == [("Ana", False), ("Ben", False)]
    assert salon.execute("select id, professional_id from bookings order by id").fetchall() == before


def test_a_name_that_the_salon_changes_itself_is_ours_too(salon: Database):
    store(salon)
    salon.execute("update professionals set full_name = 'Ana Lima' where id = %s", [ANA])
    salon.execute("insert into professionals (salon_id, full_name) values (%s, 'Zoe')", [SALON])
    assert rows(salon, "professionals", "name", "full_name") == [
        ("Ana Lima", "Ana Lima"),
        ("Ben", "Ben"),
        ("Zoe", "Zoe"),
    ]


@pytest.mark.parametrize(
    "alien",
    [
        "alter table services add column tax_code text not null default 'x';"
        " alter table services alter tax_code drop default",
        "alter table services add constraint dear check (price > 100) not valid",
        "alter table professionals add column chair integer not null default 1;"
        " alter table professionals alter chair drop default",
    ],
)
def test_a_column_that_insists_on_what_we_do_not_know_is_named_and_nothing_is_stored(salon: Database, alien: str):
    salon.execute(alien.encode())
    with pytest.raises(psycopg.Error) as refused:
        store(salon)
    assert refused.value.sqlstate == "PT409"
    assert refused.value.diag.message_detail == "projection_refused"
    assert any(word in str(refused.value) for word in ("tax_code", "dear", "chair"))
    assert salon.execute("select count(*) from salon_static_data").fetchone() == (0,)
    assert len(rows(salon, "services", "id")) == 1


def test_shops_from_before_get_their_rows_and_the_same_again_changes_nothing(empty: Database):
    for path in rig.project.MIGRATIONS[:3]:
        empty.execute(path.read_bytes())
    store(empty)
    rig.project.migrate(empty)
    told = empty.execute("select id, name, price, duration, active from services order by position").fetchall()
    assert [row[1:] for row in told] == [("balayage", 190, 150, True), ("Fringe", None, None, True)]
    rig.project.migrate(empty)
    assert store(empty) == 1
    assert empty.execute("select id, name, price, duration, active from services order by position").fetchall() == told
