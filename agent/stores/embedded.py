"""KnowledgeStore and CallStore in one SQLite file, for a house with nothing installed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from agent.errors import Conflict, StoreError, Unreadable
from agent.model import (
    CallFound,
    CallSearch,
    Message,
    Model,
    SalonInfo,
    ScrapedProfessional,
    ScrapedService,
    Shop,
    ShopListing,
    ShopVersion,
)
from agent.stores.database import Database
from agent.stores.embedded_bookings import EmbeddedBookings
from agent.stores.embedded_calls import EmbeddedCalls
from agent.stores.embedded_members import EmbeddedMembers
from agent.stores.embedded_proposals import EmbeddedProposals
from agent.stores.embedded_search import find_calls, find_messages
from agent.stores.embedded_shops import owner, project_all, read_shop, shop_row, store_shop, unreadable
from agent.stores.embedded_texts import EmbeddedTexts
from agent.stores.schema import SCHEMA

Fact = TypeVar("Fact", bound=Model)
ScrapeTable = Literal["scraped_services", "scraped_professionals", "salon_info"]

PAGE = 200
"""Shops read at once: some megabytes."""


class EmbeddedStore(EmbeddedProposals, EmbeddedCalls):
    """Implements `KnowledgeStore`, `Proposals` and `CallStore`. Open it with `async with EmbeddedStore.open(path)`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.bookings = EmbeddedBookings(database)
        self.texts = EmbeddedTexts(database)
        self.members = EmbeddedMembers(database)

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, busy_timeout_s: float = 5.0) -> AsyncGenerator[EmbeddedStore]:
        """The store in the file `path`, created when missing. Raises StoreError.

        `busy_timeout_s`: how long a write waits for another process before it raises Unavailable.
        """
        database = Database(path, SCHEMA, busy_timeout_s=busy_timeout_s, upgrade=project_all)
        async with AsyncExitStack() as stack:
            await database.open(stack)
            yield cls(database)

    async def search_calls(self, search: CallSearch) -> list[CallFound]:
        """The calls that fit, newest first; see `CallStore.search_calls`."""
        return await self._database.read(lambda db: find_calls(db, search))

    async def messages_of_call(self, location_id: int, call_sid: str) -> list[Message]:
        """Those left in one call, in the order in which they were left."""
        return await self._database.read(lambda db: find_messages(db, location_id, call_sid))

    # Knowledge

    async def get_location_from_phone_number(self, phone_number: str) -> int | None:
        """The location an E.164 number leads to, or None."""
        return await self._database.read(lambda db: owner(db, phone_number))

    async def get_location_knowledge(self, location_id: int) -> Shop | None:
        """The newest approved version of a shop, or None. Raises StoreError when it is no Shop any more."""
        row = await self._database.read(lambda db: shop_row(db, location_id))
        return None if row is None else read_shop(row)

    async def store_knowledge(self, key: str, data: Shop) -> Shop:
        """Store `data`, its version grown by one; see `KnowledgeStore.store_knowledge`. Raises Conflict."""
        if key != f"location_{data.location_id}":
            raise Conflict("key_mismatch", f"{key!r} is not the key of location {data.location_id}.")
        return await self._database.write(lambda db: store_shop(db, key, data))

    async def list_shops(self) -> list[ShopListing]:
        """All shops, by location_id."""
        rows = await self._database.read(lambda db: db.execute(_ALL_SHOPS).fetchall())
        return [_listing(row) for row in rows]

    async def get_knowledge_versions(self) -> dict[int, int]:
        """The version of every shop by location_id, read from an index alone."""
        return await self._database.read(_versions)

    async def get_knowledge_version(self, location_id: int) -> int | None:
        """The newest version of a shop, or None."""
        query = "SELECT version FROM salon_static_data WHERE location_id = ?"
        row = await self._database.read(lambda db: db.execute(query, (location_id,)).fetchone())
        return None if row is None else int(row["version"])

    async def get_version_from_phone_number(self, phone_number: str) -> ShopVersion | None:
        """The shop an E.164 number leads to, in its newest version, or None."""
        row = await self._database.read(lambda db: db.execute(_CALLED, (phone_number,)).fetchone())
        return None if row is None else ShopVersion.model_validate(dict(row))

    async def get_all_knowledge(self, location_ids: Collection[int] | None = None) -> AsyncIterator[Shop | Unreadable]:
        """Every shop, or those named, by location_id; see `KnowledgeStore.get_all_knowledge`."""
        wanted = None if location_ids is None else json.dumps(sorted(location_ids))
        after = 0
        while rows := await self._page(after, wanted):
            for row in rows:
                try:
                    yield read_shop(row)
                except Unreadable as why:
                    yield why
            after = int(rows[-1]["location_id"])

    async def _page(self, after: int, wanted: str | None) -> list[sqlite3.Row]:
        """The next PAGE shops after a location; `wanted` is a JSON list of locations."""
        query = _SHOPS_AFTER if wanted is None else _THESE_SHOPS_AFTER
        facts = {"after": after, "wanted": wanted, "page": PAGE}
        return await self._database.read(lambda db: db.execute(query, facts).fetchall())

    async def insert_scraped_services(self, location_id: int, services: Sequence[ScrapedService]) -> None:
        """Put `services` in the place of those of the last scrape, in this order. All or nothing."""
        await self._replace("scraped_services", location_id, services)

    async def insert_scraped_professionals(
        self, location_id: int, professionals: Sequence[ScrapedProfessional]
    ) -> None:
        """Put `professionals` in the place of those of the last scrape, in this order. All or nothing."""
        await self._replace("scraped_professionals", location_id, professionals)

    async def insert_salon_info(self, location_id: int, info: SalonInfo) -> None:
        """Put `info` in the place of that of the last scrape."""
        await self._replace("salon_info", location_id, [info])

    async def get_scraped_services(self, location_id: int) -> list[ScrapedService]:
        """Those of the last scrape, in its order."""
        return await self._scraped("scraped_services", location_id, ScrapedService)

    async def get_scraped_professionals(self, location_id: int) -> list[ScrapedProfessional]:
        """Those of the last scrape, in its order."""
        return await self._scraped("scraped_professionals", location_id, ScrapedProfessional)

    async def get_salon_info(self, location_id: int) -> SalonInfo | None:
        """That of the last scrape, or None."""
        found = await self._scraped("salon_info", location_id, SalonInfo)
        return found[0] if found else None

    async def _replace(self, table: ScrapeTable, location_id: int, facts: Sequence[Model]) -> None:
        rows = [(location_id, position, fact.model_dump_json()) for position, fact in enumerate(facts)]
        await self._database.write(lambda db: _replace_scrape(db, table, location_id, rows))

    async def _scraped(self, table: ScrapeTable, location_id: int, kind: type[Fact]) -> list[Fact]:
        query = f"SELECT data FROM {table} WHERE location_id = ? ORDER BY position"  # noqa: S608 - our own names
        rows = await self._database.read(lambda db: db.execute(query, (location_id,)).fetchall())
        try:
            return [kind.model_validate_json(row["data"]) for row in rows]
        except ValidationError as why:
            message = f"The last scrape of location {location_id} is not one this Chairside can read."
            raise StoreError("stored_scrape_unreadable", message) from why


_ALL_SHOPS = "SELECT location_id, data, version FROM salon_static_data ORDER BY location_id"

_SHOPS_AFTER = """
    SELECT location_id, data, version FROM salon_static_data WHERE location_id > :after
    ORDER BY location_id LIMIT :page
"""

_THESE_SHOPS_AFTER = """
    SELECT location_id, data, version FROM salon_static_data
    WHERE location_id IN (SELECT value FROM json_each(:wanted) WHERE value > :after)
    ORDER BY location_id LIMIT :page
"""

_VERSIONS = "SELECT json_group_object(location_id, version) FROM salon_static_data"

_CALLED = """
    SELECT location_id, version FROM phone_numbers JOIN salon_static_data USING (location_id) WHERE phone_number = ?
"""


def _versions(db: sqlite3.Connection) -> dict[int, int]:
    versions = json.loads(db.execute(_VERSIONS).fetchone()[0])
    return {int(location_id): version for location_id, version in versions.items()}


def _replace_scrape(
    db: sqlite3.Connection, table: ScrapeTable, location_id: int, rows: Sequence[tuple[int, int, str]]
) -> None:
    db.execute(f"DELETE FROM {table} WHERE location_id = ?", (location_id,))  # noqa: S608 - our own names
    db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)  # noqa: S608


def _listing(row: sqlite3.Row) -> ShopListing:
    try:
        data = json.loads(row["data"])
        return ShopListing.model_validate({name: data.get(name) for name in ShopListing.model_fields})
    except (ValueError, AttributeError) as why:
        raise unreadable(row) from why
