"""The outbox's file: writes that wait for the store, in the order they were made, and those that never got through."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import Conflict, StoreError, Unavailable
from agent.stores.database import Database, store_error
from agent.stores.letters import Letter
from agent.stores.lives import Death, Life, death_of, lives
from agent.stores.schema import Schema

_SCHEMA = Schema(
    version=2,
    tables="""
CREATE TABLE IF NOT EXISTS outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    call_sid   TEXT NOT NULL,
    verb       TEXT NOT NULL,
    key        TEXT NOT NULL,
    payload    TEXT NOT NULL,
    written_at TEXT NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    reason     TEXT
);
-- What is written again while it waits is in the file once. Who has a reason is set aside, and waits for nothing.
CREATE UNIQUE INDEX IF NOT EXISTS outbox_waiting ON outbox (call_sid, verb, key) WHERE reason IS NULL;
CREATE INDEX IF NOT EXISTS outbox_in_order ON outbox (call_sid, id) WHERE reason IS NULL;
CREATE INDEX IF NOT EXISTS outbox_set_aside ON outbox (id) WHERE reason IS NOT NULL;

-- The calls on the line, for whoever comes after a process that dies in their middle.
CREATE TABLE IF NOT EXISTS held_calls (
    call_sid TEXT PRIMARY KEY,
    holder   TEXT NOT NULL,
    key      TEXT NOT NULL,
    opening  TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_calls_by_holder ON held_calls (holder);
""",
)

_PUT_FIRST = """
    INSERT INTO outbox (call_sid, verb, key, payload, written_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (call_sid, verb, key) WHERE reason IS NULL DO NOTHING
"""
# A new id: whoever sends the older one just now deletes that alone.
_PUT_LATEST = "INSERT OR REPLACE INTO outbox (call_sid, verb, key, payload, written_at) VALUES (?, ?, ?, ?, ?)"
_CALLS = "SELECT call_sid FROM outbox WHERE reason IS NULL GROUP BY call_sid ORDER BY MIN(id)"
_FIRST = "SELECT id, verb, key, payload, attempts FROM outbox WHERE call_sid = ? AND reason IS NULL ORDER BY id LIMIT 1"
_HOLDS = "SELECT 1 FROM outbox WHERE call_sid = ? AND reason IS NULL LIMIT 1"
_BACKLOG = """
    SELECT COUNT(*) FILTER (WHERE reason IS NULL) AS waiting, COUNT(*) FILTER (WHERE reason IS NOT NULL) AS set_aside,
        MIN(written_at) FILTER (WHERE reason IS NULL) AS oldest_at
    FROM outbox
"""


_HOLD = "INSERT OR REPLACE INTO held_calls (call_sid, holder, key, opening) VALUES (?, ?, ?, ?)"
_LET_GO = "DELETE FROM held_calls WHERE call_sid = ?"
_HOLDERS = "SELECT DISTINCT holder FROM held_calls"
_HELD_BY = "SELECT call_sid, key, opening FROM held_calls WHERE holder = ? ORDER BY call_sid"


@dataclass(frozen=True)
class Waiting:
    """A letter in the file. `attempts` counts how often it failed while others got through."""

    id: int
    letter: Letter
    attempts: int


@dataclass(frozen=True)
class Backlog:
    """How much an outbox holds. `oldest_at` is when the oldest of what waits was written; None when nothing does."""

    waiting: int
    set_aside: int
    oldest_at: datetime | None


Ending = Callable[[Letter, datetime], Letter]
"""The end of a call, of which its opening is given and when the process that held it was seen last."""


class OutboxFile:
    """A SQLite file that several processes may put letters into; one of them at a time forwards them."""

    def __init__(self, path: Path, database: Database) -> None:
        self._path = path
        self._lead_path = path.with_name(path.name + "-lead")
        self._life = Life(path)
        self._database = database
        self._lead: sqlite3.Connection | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, busy_timeout_s: float = 2.0) -> AsyncGenerator[OutboxFile]:
        """The file at `path`, created when missing. Raises StoreError.

        `busy_timeout_s`: how long a write waits for another process before it raises Unavailable.
        """
        database = Database(path, _SCHEMA, busy_timeout_s=busy_timeout_s, upgrade=lambda _: None)
        async with AsyncExitStack() as stack:
            await database.open(stack)
            file = cls(path, database)
            stack.callback(file.leave_lead)
            stack.push_async_callback(file._die)
            file._live()
            yield file

    async def put(self, letter: Letter, now: datetime) -> None:
        """Keep a letter; it has reached the disk when this returns. Raises StoreError.

        Of equal letters the first stays, of those that replace what they told before, the last.
        """
        await self._database.write(lambda db: self._put(db, letter, now))

    def _put(self, db: sqlite3.Connection, letter: Letter, now: datetime) -> None:
        row = (letter.call_sid, letter.verb, letter.key, letter.payload, now.astimezone(UTC).isoformat())
        db.execute(_PUT_LATEST if letter.replaces else _PUT_FIRST, row)
        if letter.begins:
            self._hold(db, letter)
        elif letter.ends:
            db.execute(_LET_GO, (letter.call_sid,))

    def _hold(self, db: sqlite3.Connection, opening: Letter) -> None:
        db.execute(_HOLD, (opening.call_sid, self._life.name, opening.key, opening.payload))

    async def holds(self, call_sid: str) -> bool:
        """Whether anything of a call waits."""
        row = await self._database.read(lambda db: db.execute(_HOLDS, (call_sid,)).fetchone())
        return row is not None

    async def calls(self) -> list[str]:
        """The call_sid of every call of which something waits, the longest waiting first."""
        return [row["call_sid"] for row in await self._database.read(lambda db: db.execute(_CALLS).fetchall())]

    async def first(self, call_sid: str) -> Waiting | None:
        """What of a call has waited longest."""
        row = await self._database.read(lambda db: db.execute(_FIRST, (call_sid,)).fetchone())
        if row is None:
            return None
        return Waiting(row["id"], Letter(call_sid, row["verb"], row["key"], row["payload"]), row["attempts"])

    async def remove(self, row_id: int) -> None:
        """Forget what is stored now."""
        await self._database.write(lambda db: db.execute("DELETE FROM outbox WHERE id = ?", (row_id,)).rowcount)

    async def set_aside(self, row_id: int, reason: str) -> None:
        """Keep for a person what cannot be stored, out of the others' way."""
        mark = "UPDATE outbox SET reason = ? WHERE id = ?"
        await self._database.write(lambda db: db.execute(mark, (reason, row_id)).rowcount)

    async def count_attempt(self, row_id: int) -> None:
        """Remember that it failed while others got through."""
        count = "UPDATE outbox SET attempts = attempts + 1 WHERE id = ?"
        await self._database.write(lambda db: db.execute(count, (row_id,)).rowcount)

    async def backlog(self) -> Backlog:
        """How much the file holds. Raises StoreError."""
        row = await self._database.read(lambda db: db.execute(_BACKLOG).fetchone())
        oldest = row["oldest_at"]
        return Backlog(row["waiting"], row["set_aside"], None if oldest is None else datetime.fromisoformat(oldest))

    # Calls that are on the line

    async def hold(self, opening: Letter) -> None:
        """Note that this process holds a call; `put` of its opening does so, too. Raises StoreError."""
        await self._database.write(lambda db: self._hold(db, opening))

    async def let_go(self, call_sid: str) -> None:
        """Note that a call is over; `put` of its end does so, too. Raises StoreError."""
        await self._database.write(lambda db: db.execute(_LET_GO, (call_sid,)).rowcount)

    async def close_orphans(self, now: datetime, ending: Ending) -> list[str]:
        """Put the end of every call whose process died in its middle; returns their call_sids. Raises StoreError.

        Also tells that this process lives by `now`, and is no death.
        """
        self._seen(now)
        holders = {row["holder"] for row in await self._database.read(lambda db: db.execute(_HOLDERS).fetchall())}
        closed: list[str] = []
        for name in (holders | lives(self._path)) - {self._life.name}:
            with death_of(name, self._path) as death:
                if death is not None:
                    closed += await self._settle(death, now, ending)
        return closed

    async def _settle(self, death: Death, now: datetime, ending: Ending) -> list[str]:
        seen_at = min(death.seen_at or now, now)

        def settle(db: sqlite3.Connection) -> list[str]:
            openings = [
                Letter(row["call_sid"], "open_call", row["key"], row["opening"])
                for row in db.execute(_HELD_BY, (death.name,)).fetchall()
            ]
            for opening in openings:  # which the process may not have brought to the store
                self._put(db, opening, now)
                with suppress(Conflict):  # another version wrote it: it is set aside when it is forwarded
                    self._put(db, ending(opening, seen_at), now)
                db.execute(_LET_GO, (opening.call_sid,))
            return [opening.call_sid for opening in openings]

        closed = await self._database.write(settle)
        death.is_settled = True
        return closed

    def _live(self) -> None:
        try:
            self._life.begin()
        except OSError as why:
            raise store_error(why) from why

    def _seen(self, now: datetime) -> None:
        try:
            self._life.seen(now)
        except OSError as why:
            raise store_error(why) from why

    async def _die(self) -> None:
        """Calls that are still held by now, somebody else closes."""
        mine = (self._life.name,)
        try:
            held = await self._database.read(lambda db: db.execute(_HELD_BY, mine).fetchone())
            self._life.end(leaves_calls=held is not None)
        except StoreError:
            self._life.end(leaves_calls=True)

    def take_lead(self) -> bool:
        """Whether this process forwards, now and until it leaves or dies. SQLite's lock on a file beside ours."""
        if self._lead is None:
            lead: sqlite3.Connection | None = None
            try:
                lead = sqlite3.connect(self._lead_path, timeout=0, isolation_level=None)
                lead.execute("BEGIN EXCLUSIVE")
                self._lead = lead
            except sqlite3.Error as why:
                if lead is not None:
                    lead.close()
                if (error := store_error(why)).code != "store_busy":
                    raise Unavailable(error.code, error.message) from why
        return self._lead is not None

    def leave_lead(self) -> None:
        """Let another process forward."""
        if self._lead is not None:
            self._lead.close()
            self._lead = None
