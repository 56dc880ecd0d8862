"""One SQLite file: a thread that writes, a thread that reads, and errors in the house's words."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

from agent.errors import Conflict, Denied, NotFound, StoreError, Unavailable
from agent.stores.schema import Schema
from agent.stores.turnstile import PATIENCE_S, Turnstile

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
"""Runs in a database thread and returns plain values. It may raise StoreError."""

_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}


class Database:
    """A file that several processes may use at once (WAL). Reads never wait for writes.

    Writes take turns in one thread, so that within a process they never contend; processes stand in line at a
    turnstile, and SQLite's own lock decides, waited for up to `busy_timeout_s`. A write that returned has reached
    the disk.
    """

    def __init__(self, path: Path, schema: Schema, *, busy_timeout_s: float, upgrade: Work[None]) -> None:
        """`upgrade` is run once on a file of an older version, when the tables of this one are there."""
        self._path = path
        self._schema = schema
        self._busy_timeout_s = busy_timeout_s
        self._upgrade = upgrade
        self._turnstile = Turnstile(path.with_name(path.name + "-turn"), patience_s=min(PATIENCE_S, busy_timeout_s))
        self._writer = _Connection("chairside-store-writer")
        self._reader = _Connection("chairside-store-reader")

    async def open(self, stack: AsyncExitStack) -> None:
        """Open the file, creating it and its tables when missing; `stack` closes it. Raises StoreError."""
        stack.push_async_callback(self._writer.close)
        await self._writer.open(lambda: _connect(self._path, self._busy_timeout_s, self._prepare))
        stack.push_async_callback(self._reader.close)
        await self._reader.open(lambda: _connect(self._path, self._busy_timeout_s, _only_read))

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one transaction: all of it, or nothing. Raises StoreError.

        A waiting task that is cancelled does not know whether the write was made: repeat it.
        """

        def in_turn(connection: sqlite3.Connection) -> T:
            with self._turnstile.turn():
                return _transaction(connection, work)

        return await self._writer.run(in_turn)

    async def read(self, work: Work[T]) -> T:
        """Run `work`, which only reads, on one consistent state. Raises StoreError."""
        return await self._reader.run(lambda connection: _snapshot(connection, work))

    def _prepare(self, connection: sqlite3.Connection) -> None:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")  # a message acknowledged to a caller survives a power cut
        _transaction(connection, lambda db: _create_tables(db, self._schema, self._upgrade))


class _Connection:
    """A connection and the one thread that ever touches it."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._connection: sqlite3.Connection | None = None

    async def open(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connection = await asyncio.get_running_loop().run_in_executor(self._thread, _translated(connect))

    async def run(self, work: Work[T]) -> T:
        connection = self._connection
        if connection is None:
            raise Unavailable("store_closed", "The store is closed.")
        job = _translated(lambda: work(connection))
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.close)
        self._thread.shutdown()


def _connect(path: Path, busy_timeout_s: float, prepare: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two processes that open a new file at once: SQLite refuses one at once, without its busy timeout."""
    for attempt in range(20):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as why:
            if _primary_code(why) != sqlite3.SQLITE_BUSY or attempt == 19:
                raise
            time.sleep(0.05)


def _create_tables(connection: sqlite3.Connection, schema: Schema, upgrade: Work[None]) -> None:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > schema.version:
        raise StoreError(
            "store_is_newer",
            f"The database has schema version {found}, this Chairside knows {schema.version}: update it.",
        )
    if found == schema.version:
        return
    for statement in schema.tables.split(";\n"):  # executescript would end our transaction
        connection.execute(statement)
    for table, name, kind in schema.later_columns:
        if name not in {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    upgrade(connection)
    connection.execute(f"PRAGMA user_version = {schema.version}")


def _only_read(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")


def _transaction(connection: sqlite3.Connection, work: Work[T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _snapshot(connection: sqlite3.Connection, work: Work[T]) -> T:
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        connection.execute("COMMIT")


def _translated(job: Callable[[], T]) -> Callable[[], T]:
    def run() -> T:
        try:
            return job()
        except (sqlite3.Error, OSError) as why:
            raise store_error(why) from why
        except OverflowError as why:
            raise Conflict("number_too_large", f"A number does not fit into the database: {why}.") from why

    return run


def store_error(why: sqlite3.Error | OSError) -> StoreError:
    """What a failure of SQLite or of the file system means to a caller of the store."""
    if isinstance(why, PermissionError):
        return Denied("store_denied", f"The database may not be used: {why}.")
    if isinstance(why, OSError):
        return Unavailable("store_unreachable", f"The database cannot be reached: {why}.")
    code = _primary_code(why)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable("store_busy", "The database is locked by another process.")
    if code in _DENIED:
        return Denied("store_denied", f"The database refused: {why}.")
    if code == sqlite3.SQLITE_CONSTRAINT:
        if why.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            return NotFound("row_unknown", "What the row refers to is not stored for this location.")
        return Conflict("row_conflict", f"The row contradicts what is stored: {why}.")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return Unavailable("store_damaged", f"The database file is damaged: {why}.")
    return Unavailable("store_unreachable", f"The database cannot be used: {why}.")


def _primary_code(why: sqlite3.Error) -> int:
    """SQLite's error class. Python's own errors of misuse carry no code at all."""
    return getattr(why, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
