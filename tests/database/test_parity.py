"""The two stores keep the same facts under the same names."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from rig.project import Project

from agent.stores.embedded import EmbeddedStore

TABLES = [
    *("salon_static_data", "phone_numbers", "customer_interactions", "call_turns", "messages"),
    *("knowledge_proposals", "approved_scrapes"),
    *("bookings", "booking_staff", "booking_keys", "text_messages", "text_optouts"),
]


@pytest.mark.parametrize("table", TABLES)
async def test_every_column_of_the_embedded_store_is_in_supabase(table: str, tmp_path: Path, supabase_project: Project):
    path = tmp_path / "chairside.db"
    async with EmbeddedStore.open(path):
        with closing(sqlite3.connect(path)) as db:
            embedded = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
    query = "select column_name from information_schema.columns where table_schema = 'public' and table_name = %s"
    with supabase_project.connect() as database:
        assert embedded <= {name for (name,) in database.execute(query, [table])}
