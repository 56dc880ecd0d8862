"""TextStore in the SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from agent.model import TextMessage
from agent.stores.database import Database


class EmbeddedTexts:
    """Implements `TextStore` on the house's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_texts(self, *, now: datetime, until: datetime, limit: int = 10) -> list[TextMessage]:
        """Take texts that are due at `now`, oldest first; nobody else gets them before `until`."""
        row = {"now": _text(now), "until": _text(until), "limit": max(limit, 0)}
        rows = await self._database.write(lambda db: db.execute(_CLAIM, row).fetchall())
        return sorted(map(_noun, rows), key=lambda text: (text.created_at, text.text_id))

    async def settle_text(
        self,
        text: TextMessage,
        state: Literal["sent", "failed", "stopped", "skipped"],
        *,
        now: datetime,
        provider_sid: str = "",
        error: str = "",
    ) -> bool:
        """Say for good what became of a claimed text. False when its lease has passed to another."""
        change = {"state": state, "provider_sid": provider_sid, "last_error": error, "not_before": None}
        return await self._end_lease(text, now, change)

    async def postpone_text(self, text: TextMessage, *, not_before: datetime, now: datetime, error: str) -> bool:
        """Make a claimed text due again later. False when its lease has passed to another."""
        change = {"state": "due", "provider_sid": "", "last_error": error, "not_before": _text(not_before)}
        return await self._end_lease(text, now, change)

    async def withdraw_text(self, location_id: int, booking_id: str, revision: int, *, now: datetime) -> bool:
        """Skip the `cancelled` text of a booking that is not taken up yet: the customer was told. False: none."""
        row = {"location_id": location_id, "booking_id": booking_id, "revision": revision, "now": _text(now)}
        return await self._database.write(lambda db: db.execute(_WITHDRAW, row).rowcount) > 0

    async def get_texts(self, location_id: int, limit: int = 20) -> list[TextMessage]:
        """Those changed last first."""
        rows = await self._database.read(lambda db: db.execute(_RECENT, (location_id, max(limit, 0))).fetchall())
        return [_noun(row) for row in rows]

    async def opt_out(self, location_id: int, phone_number: str, *, since: datetime) -> None:
        """Send no more texts of this shop to an E.164 number; the first time stands."""
        row = (location_id, phone_number, _text(since))
        await self._database.write(lambda db: db.execute(_OPT_OUT, row).rowcount)

    async def opt_in(self, location_id: int, phone_number: str) -> None:
        """Take an opt-out back, if there is one."""
        await self._database.write(lambda db: db.execute(_OPT_IN, (location_id, phone_number)).rowcount)

    async def is_opted_out(self, location_id: int, phone_number: str) -> bool:
        """Whether this shop may send the number no texts."""
        row = (location_id, phone_number)
        return await self._database.read(lambda db: db.execute(_OPTED_OUT, row).fetchone()) is not None

    async def _end_lease(self, text: TextMessage, now: datetime, change: Mapping[str, str | None]) -> bool:
        lease = {"id": text.text_id, "location_id": text.location_id, "attempts": text.attempts, "now": _text(now)}
        return await self._database.write(lambda db: db.execute(_END_LEASE, {**lease, **change}).rowcount) > 0


_COLUMNS = (
    "CAST(id AS TEXT) AS text_id, location_id, booking_id, kind, revision, to_number, state, attempts,"
    " provider_sid, last_error, not_before, created_at, changed_at"
)

_CLAIM = f"""
    UPDATE text_messages
    SET state = 'sending', attempts = attempts + 1, not_before = :until, changed_at = :now
    WHERE id IN (
        SELECT id FROM text_messages WHERE state IN ('due', 'sending') AND not_before <= :now
        ORDER BY created_at, id LIMIT :limit)
    RETURNING {_COLUMNS}
"""  # noqa: S608 - only our own column names are put in

_END_LEASE = """
    UPDATE text_messages
    SET state = :state, provider_sid = :provider_sid, last_error = :last_error,
        not_before = coalesce(:not_before, not_before), changed_at = :now
    WHERE id = :id AND location_id = :location_id AND state = 'sending' AND attempts = :attempts
"""

_WITHDRAW = """
    UPDATE text_messages SET state = 'skipped', last_error = 'told_already', changed_at = :now
    WHERE location_id = :location_id AND booking_id = :booking_id AND kind = 'cancelled' AND revision = :revision
        AND state = 'due' AND attempts = 0
"""

_RECENT = f"""
    SELECT {_COLUMNS} FROM text_messages WHERE location_id = ? ORDER BY changed_at DESC, id DESC LIMIT ?
"""  # noqa: S608 - only our own column names are put in

_OPT_OUT = """
    INSERT INTO text_optouts (location_id, phone_number, since) VALUES (?, ?, ?)
    ON CONFLICT (location_id, phone_number) DO NOTHING
"""
_OPT_IN = "DELETE FROM text_optouts WHERE location_id = ? AND phone_number = ?"
_OPTED_OUT = "SELECT 1 FROM text_optouts WHERE location_id = ? AND phone_number = ?"


def _noun(row: sqlite3.Row) -> TextMessage:
    return TextMessage.model_validate(dict(row))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
