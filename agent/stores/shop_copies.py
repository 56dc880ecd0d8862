"""Copies of all shops on this machine: a process that starts while the store is away answers from them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from loguru import logger
from pydantic import ValidationError

from agent.errors import StoreError, Unavailable, Unreadable
from agent.model import Shop, ShopVersion
from agent.ports import ShopSource
from agent.stores.database import Database
from agent.stores.schema import Schema

_SCHEMA = Schema(
    version=1,
    tables="""
CREATE TABLE IF NOT EXISTS shops (
    source      TEXT NOT NULL,
    location_id INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    data        TEXT NOT NULL,
    PRIMARY KEY (source, location_id)
);
""",
)
_KEEP = """
    INSERT INTO shops (source, location_id, version, data) VALUES (?, ?, ?, ?)
    ON CONFLICT (source, location_id) DO UPDATE SET version = excluded.version, data = excluded.data
    WHERE version != excluded.version
"""
_FORGET = "DELETE FROM shops WHERE source = ? AND location_id = ?"
_VERSIONS = "SELECT location_id, version FROM shops WHERE source = ?"
_COPIES = "SELECT * FROM shops WHERE source = ? ORDER BY location_id"
BATCH = 100
"""Shops written at once: about a megabyte."""


class CopiedShops:
    """Implements `ShopSource` over a store in the network. What it tells is copied into a file of this machine.

    Until the store has answered for the first time, the file answers for it when it is away.
    """

    def __init__(self, store: ShopSource, source: str, file: Database) -> None:
        self._store = store
        self._source = source
        self._file = file
        self._met = False

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, store: ShopSource, source: str) -> AsyncGenerator[CopiedShops]:
        """The copies in the file `path`, created when missing; `source` tells this store from others.

        Raises StoreError.
        """
        file = Database(path, _SCHEMA, busy_timeout_s=2.0, upgrade=lambda _: None)
        async with AsyncExitStack() as stack:
            await file.open(stack)
            yield cls(store, source, file)

    async def get_knowledge_versions(self) -> dict[int, int]:
        """See `KnowledgeStore.get_knowledge_versions`. Those of the copies when the store was not met yet."""
        try:
            versions = await self._store.get_knowledge_versions()
        except Unavailable as why:
            copied = {} if self._met else await self._versions()
            if not copied:
                raise
            logger.warning("knowledge: {} shops as they were known before: {}", len(copied), why)
            return copied
        self._met = True
        await self._forget(set(versions))
        return versions

    async def get_knowledge_version(self, location_id: int) -> int | None:
        """See `KnowledgeStore.get_knowledge_version`."""
        version = await self._store.get_knowledge_version(location_id)
        self._met = True
        return version

    async def get_version_from_phone_number(self, phone_number: str) -> ShopVersion | None:
        """See `KnowledgeStore.get_version_from_phone_number`."""
        called = await self._store.get_version_from_phone_number(phone_number)
        self._met = True
        return called

    async def get_all_knowledge(self, location_ids: Collection[int] | None = None) -> AsyncIterator[Shop | Unreadable]:
        """See `KnowledgeStore.get_all_knowledge`."""
        if not self._met:
            for shop in await self._copies():
                yield shop
            return
        fresh: list[Shop] = []
        async for found in self._store.get_all_knowledge(location_ids):
            yield found
            if isinstance(found, Shop):
                fresh.append(found)
            if len(fresh) == BATCH:
                await self._keep(fresh)
                fresh = []
        await self._keep(fresh)

    async def _keep(self, shops: Sequence[Shop]) -> None:
        rows = [(self._source, shop.location_id, shop.version, shop.model_dump_json()) for shop in shops]
        await self._change(_KEEP, rows)

    async def _forget(self, known: set[int]) -> None:
        gone = [(self._source, location_id) for location_id in await self._versions() if location_id not in known]
        await self._change(_FORGET, gone)

    async def _change(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """A disk in trouble is no reason to know less than the store tells."""
        if not rows:
            return
        try:
            await self._file.write(lambda db: db.executemany(statement, rows).rowcount)
        except StoreError as why:
            logger.warning("knowledge: shops cannot be copied: {}", why)

    async def _versions(self) -> dict[int, int]:
        try:
            rows = await self._file.read(lambda db: db.execute(_VERSIONS, (self._source,)).fetchall())
        except StoreError as why:
            logger.warning("knowledge: the copies of shops cannot be read: {}", why)
            return {}
        return {row["location_id"]: row["version"] for row in rows}

    async def _copies(self) -> list[Shop]:
        rows = await self._file.read(lambda db: db.execute(_COPIES, (self._source,)).fetchall())
        return [shop for row in rows if (shop := _shop(row)) is not None]


def _shop(row: sqlite3.Row) -> Shop | None:
    try:
        return Shop.model_validate_json(row["data"]).model_copy(update={"version": row["version"]})
    except ValidationError:  # another version of this house wrote it
        logger.warning("knowledge: the copy of location {} cannot be read", row["location_id"])
        return None
