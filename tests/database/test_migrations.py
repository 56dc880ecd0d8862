"""Our migrations on every PostgreSQL here: on an empty database, on a salon's old one, and both of them twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import rig.postgres
from rig.postgres import Cluster
from rig.processes import RigError
from rig.project import bootstrap, migrate, settle, table_names

OURS = {
    *("profiles", "services", "professionals", "bookings", "customer_interactions", "call_turns", "messages"),
    *("salon_static_data", "phone_numbers", "scraped_services", "scraped_professionals", "salon_info"),
    *("knowledge_proposals", "approved_scrapes", "shop_members"),
    *("booking_staff", "booking_segments", "booking_keys", "text_messages", "text_optouts"),
}
THEIRS = ("profiles", "services", "professionals", "bookings", "customer_interactions", "salon_static_data")
numbers = itertools.count(1)


def _installations() -> list[Path | None]:
    try:
        return list(rig.postgres.installations())
    except RigError:
        return [None]  # the fixture below then fails, and says why


@pytest.fixture(scope="module", params=_installations(), ids=lambda folder: folder and folder.parent.name)
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with rig.postgres.running(request.param or rig.postgres.installations()[0]) as running:
        yield running


@pytest.fixture
def database(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    """A new database as Supabase hands it over."""
    name = f"migrations_{next(numbers)}"
    cluster.create_database(name)
    with cluster.connect(name) as connection:
        bootstrap(connection)
        yield connection


def contents(database: psycopg.Connection[Any], columns: dict[str, list[str]]) -> dict[str, list[Any]]:
    return {
        table: database.execute(f"select {', '.join(names)} from public.{table} order by 1").fetchall()
        for table, names in columns.items()
    }


def columns_of(database: psycopg.Connection[Any], table: str) -> list[str]:
    query = "select column_name from information_schema.columns where table_schema = 'public' and table_name = %s"
    return [name for (name,) in database.execute(query, [table])]


def shape(database: psycopg.Connection[Any]) -> list[Any]:
    """Everything a second application could have doubled."""
    return database.execute(
        "select 'column', table_name, column_name, data_type from information_schema.columns"
        " where table_schema = 'public'"
        " union all select 'index', tablename, indexname, indexdef from pg_indexes where schemaname = 'public'"
        " union all select 'policy', tablename, policyname, qual from pg_policies"
        " union all select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
        " from pg_constraint where connamespace = 'public'::regnamespace"
        " union all select 'trigger', tgrelid::regclass::text, tgname, '' from pg_trigger where not tgisinternal"
        " order by 1, 2, 3, 4"
    ).fetchall()


def test_an_empty_database_gets_our_tables_and_a_second_time_changes_nothing(database: psycopg.Connection[Any]):
    migrate(database)
    assert set(table_names(database)) == OURS
    once = shape(database)
    migrate(database)
    assert shape(database) == once


def test_a_salons_own_rows_stay_as_they_are(database: psycopg.Connection[Any]):
    settle(database)
    columns = {table: columns_of(database, table) for table in THEIRS}
    before = contents(database, columns)
    assert all(before.values())
    assert len(before["bookings"]) == 3  # two of them overlap

    migrate(database)
    once = shape(database)
    migrate(database)

    assert shape(database) == once
    assert contents(database, columns) == before
    assert set(table_names(database)) == OURS


def test_what_is_looked_for_has_an_index(database: psycopg.Connection[Any]):
    migrate(database)
    indexed = {
        (table, definition.split("(")[1].split(")")[0].split(",")[0])
        for table, definition in database.execute("select tablename, indexdef from pg_indexes")
    }
    assert indexed >= {
        ("salon_static_data", "key"),
        ("scraped_services", "salon_id"),
        ("customer_interactions", "salon_id"),
        ("customer_interactions", "call_sid"),
        ("profiles", "location_id"),
        ("bookings", "location_id"),
        ("bookings", "moves"),
        ("booking_segments", "booking_id"),
        ("booking_keys", "location_id"),
    }


def test_no_extension_is_needed(database: psycopg.Connection[Any]):
    migrate(database)
    assert database.execute("select extname from pg_extension").fetchall() == [("plpgsql",)]
