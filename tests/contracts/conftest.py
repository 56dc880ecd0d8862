"""Each port's backends. A new backend is one more branch here; the test bodies stay as they are."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from rig.project import Project
from text_bench import TextBench

from agent.bus.choice import wires_of
from agent.bus.local import LocalBus
from agent.knowledge.approval import Shops
from agent.ports import BookingStore, CallStore, EventBus, KnowledgeStore
from agent.settings import Settings
from agent.stores.choice import Store
from agent.stores.embedded import EmbeddedStore
from agent.stores.outbox import Outbox
from agent.stores.read_ahead import ReadAhead
from agent.stores.supabase import SupabaseStore

STORES = ["embedded", "supabase"]
BUSES = ["local", "redis"]
BEFORE = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""A moment before everything that is asked of an appointment book."""


@asynccontextmanager
async def open_store(request: pytest.FixtureRequest, directory: Path) -> AsyncIterator[Store]:
    match request.param:
        case "embedded":
            async with EmbeddedStore.open(directory / "chairside.db") as store:
                yield store
        case "supabase":
            project: Project = request.getfixturevalue("supabase_project")
            project.empty()
            async with SupabaseStore.open(project.url, project.gateway.secret_key, timeout_s=10) as store:
                yield store
        case backend:
            raise ValueError(backend)


@pytest.fixture(params=STORES)
async def knowledge_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KnowledgeStore]:
    async with open_store(request, tmp_path) as store:
        yield store


@pytest.fixture(params=STORES)
async def full_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(request, tmp_path) as store:
        yield store


@pytest.fixture(params=[*STORES, "outbox before embedded"])
async def call_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CallStore]:
    if request.param in STORES:
        async with open_store(request, tmp_path) as store:
            yield store
    else:
        async with (
            EmbeddedStore.open(tmp_path / "chairside.db") as store,
            Outbox.open(tmp_path / "outbox.db", store, clock=lambda: datetime.now(UTC), direct=True) as outbox,
        ):
            yield outbox


@pytest.fixture(params=STORES)
async def shops(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shops]:
    """Knowledge and proposals, which are stored together."""
    async with open_store(request, tmp_path) as store:
        yield store


@pytest.fixture(params=[*STORES, "read ahead of embedded"])
async def book(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BookingStore]:
    if request.param in STORES:
        async with open_store(request, tmp_path) as store:
            yield store.bookings
    else:
        async with EmbeddedStore.open(tmp_path / "chairside.db") as store:
            ahead = ReadAhead(store.bookings, lambda: BEFORE)
            for location_id in (1, 2):
                ahead.look_ahead(location_id)  # and again behind each write
            yield ahead
            await ahead.aclose()


@pytest.fixture(params=STORES)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TextBench]:
    async with open_store(request, tmp_path) as store:
        if request.param == "embedded":
            path = tmp_path / "chairside.db"

            def execute(statement: str, row: Sequence[object]) -> None:
                with closing(sqlite3.connect(path)) as db, db:
                    db.execute(statement, tuple(row))

            async with EmbeddedStore.open(path) as other:
                yield TextBench(store.texts, other.texts, execute)
        else:
            project: Project = request.getfixturevalue("supabase_project")

            def insert(statement: str, row: Sequence[object]) -> None:
                with project.connect() as db:
                    db.execute(statement.replace("?", "%s").encode(), row)

            async with SupabaseStore.open(project.url, project.gateway.secret_key, timeout_s=10) as other:
                yield TextBench(store.texts, other.texts, insert)


@pytest.fixture(params=BUSES)
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[EventBus]:
    match request.param:
        case "local":
            yield LocalBus()
        case "redis":
            url = SecretStr(request.getfixturevalue("redis").url)
            wires = wires_of(Settings(redis_url=url), lambda: datetime.now(UTC))
            async with wires.connected(None):
                yield wires.bus
        case _:
            raise ValueError(request.param)
