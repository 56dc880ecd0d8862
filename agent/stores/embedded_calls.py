"""Calls, turns and messages in the embedded store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from agent.errors import NotFound
from agent.events import EndReason, Outcome
from agent.model import CallRecord, ClaimMismatch, Message, OpenQuestion, Turn
from agent.stores.database import Database


class EmbeddedCalls:
    """Implements `CallStore` over an open database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_call(self, record: CallRecord) -> None:
        """Store a call that has begun; a call_sid already stored is left as it is."""
        row = _columns(record.model_dump())
        await self._database.write(lambda db: db.execute(_OPEN_CALL, row).rowcount)

    async def add_turn(self, turn: Turn) -> None:
        """Insert or replace the turn with this (call_sid, index). Raises NotFound for an unknown call."""
        row = _columns(turn.model_dump())
        await self._database.write(lambda db: _add_turn(db, row))

    async def close_call(
        self, location_id: int, call_sid: str, *, ended_at: datetime, reason: EndReason, greeting: str
    ) -> None:
        """Mark a call as ended; the first closing wins. Raises NotFound for an unknown call."""
        row = {
            "location_id": location_id,
            "call_sid": call_sid,
            "ended_at": _text(ended_at),
            "end_reason": reason,
            "greeting": greeting,
        }
        await self._database.write(lambda db: _tell_once(db, _CLOSE_CALL, row))

    async def conclude_call(
        self,
        location_id: int,
        call_sid: str,
        *,
        outcome: Outcome,
        summary: str,
        mismatches: Sequence[ClaimMismatch],
        unanswered: Sequence[OpenQuestion],
    ) -> None:
        """Store what became of a call; the first conclusion wins. Raises NotFound for an unknown call."""
        row = {
            "location_id": location_id,
            "call_sid": call_sid,
            "outcome": outcome,
            "summary": summary,
            "mismatches": json.dumps([mismatch.model_dump() for mismatch in mismatches]),
            "unanswered": json.dumps([question.model_dump() for question in unanswered]),
        }
        await self._database.write(lambda db: _tell_once(db, _CONCLUDE_CALL, row))

    async def take_message(self, message: Message) -> None:
        """Store a message durably before returning; (call_sid, tool_call_id) is stored once."""
        row = _columns(message.model_dump())
        await self._database.write(lambda db: db.execute(_TAKE_MESSAGE, row).rowcount)

    async def get_call(self, location_id: int, call_sid: str) -> CallRecord | None:
        """The call, or None when this location has no such call."""
        row = await self._database.read(lambda db: _call_row(db, location_id, call_sid))
        return None if row is None else _record(row)

    async def recent_calls(self, location_id: int, limit: int = 20) -> list[CallRecord]:
        """Newest first; `limit` is a number of calls."""
        rows = await self._database.read(lambda db: db.execute(_RECENT_CALLS, (location_id, max(limit, 0))).fetchall())
        return [_record(row) for row in rows]

    async def get_turns(self, location_id: int, call_sid: str) -> list[Turn]:
        """By index; empty when this location has no such call."""
        rows = await self._database.read(lambda db: db.execute(_TURNS, (location_id, call_sid)).fetchall())
        return [Turn.model_validate(dict(row)) for row in rows]

    async def get_messages(self, location_id: int, limit: int = 20) -> list[Message]:
        """Newest first; `limit` is a number of messages."""
        rows = await self._database.read(
            lambda db: db.execute(_RECENT_MESSAGES, (location_id, max(limit, 0))).fetchall()
        )
        return [Message.model_validate(dict(row)) for row in rows]


_LISTS = ("mismatches", "unanswered")
"""What of a call is kept as JSON."""

_CALL_COLUMNS = ", ".join(CallRecord.model_fields)

_OPEN_CALL = f"""
    INSERT INTO customer_interactions ({_CALL_COLUMNS})
    VALUES ({", ".join(f":{name}" for name in CallRecord.model_fields)})
    ON CONFLICT (call_sid) DO NOTHING
"""  # noqa: S608 - only our own column names are put in

_ADD_TURN = """
    INSERT INTO call_turns
        (call_sid, location_id, turn_index, heard, said, spoken, interrupted, voice_to_voice_ms, at)
    VALUES (:call_sid, :location_id, :index, :heard, :said, :spoken, :interrupted, :voice_to_voice_ms, :at)
    ON CONFLICT (call_sid, turn_index) DO UPDATE SET
        heard = excluded.heard, said = excluded.said, spoken = excluded.spoken,
        interrupted = excluded.interrupted, voice_to_voice_ms = excluded.voice_to_voice_ms, at = excluded.at
"""

_CLOSE_CALL = """
    UPDATE customer_interactions SET ended_at = :ended_at, end_reason = :end_reason, greeting = :greeting
    WHERE call_sid = :call_sid AND location_id = :location_id AND ended_at IS NULL
"""

_CONCLUDE_CALL = """
    UPDATE customer_interactions
    SET outcome = :outcome, summary = :summary, mismatches = :mismatches, unanswered = :unanswered
    WHERE call_sid = :call_sid AND location_id = :location_id AND outcome IS NULL
"""

_TAKE_MESSAGE = """
    INSERT INTO messages (call_sid, location_id, tool_call_id, caller_name, callback_number, text, at)
    VALUES (:call_sid, :location_id, :tool_call_id, :caller_name, :callback_number, :text, :at)
    ON CONFLICT (call_sid, tool_call_id) DO NOTHING
"""

_RECENT_CALLS = f"""
    SELECT {_CALL_COLUMNS} FROM customer_interactions
    WHERE location_id = ? ORDER BY started_at DESC, id DESC LIMIT ?
"""  # noqa: S608 - only our own column names are put in

_TURNS = """
    SELECT call_sid, location_id, turn_index AS "index",
        heard, said, spoken, interrupted, voice_to_voice_ms, at
    FROM call_turns WHERE location_id = ? AND call_sid = ? ORDER BY turn_index
"""

_RECENT_MESSAGES = """
    SELECT call_sid, location_id, tool_call_id, caller_name, callback_number, text, at
    FROM messages WHERE location_id = ? ORDER BY at DESC, id DESC LIMIT ?
"""


def _call_row(db: sqlite3.Connection, location_id: int, call_sid: str) -> sqlite3.Row | None:
    query = f"SELECT {_CALL_COLUMNS} FROM customer_interactions WHERE location_id = ? AND call_sid = ?"  # noqa: S608
    return db.execute(query, (location_id, call_sid)).fetchone()


def _record(row: sqlite3.Row) -> CallRecord:
    return CallRecord.model_validate(dict(row) | {name: json.loads(row[name]) for name in _LISTS})


def _require_call(db: sqlite3.Connection, row: Mapping[str, object]) -> None:
    known = db.execute(
        "SELECT 1 FROM customer_interactions WHERE call_sid = :call_sid AND location_id = :location_id", row
    ).fetchone()
    if known is None:
        raise NotFound("call_unknown", f"Location {row['location_id']} has no call {row['call_sid']}.")


def _add_turn(db: sqlite3.Connection, row: Mapping[str, object]) -> None:
    _require_call(db, row)
    db.execute(_ADD_TURN, row)


def _tell_once(db: sqlite3.Connection, statement: str, row: Mapping[str, object]) -> None:
    _require_call(db, row)
    db.execute(statement, row)


def _columns(fields: dict[str, object]) -> dict[str, object]:
    return {name: _column(value) for name, value in fields.items()}


def _column(value: object) -> object:
    match value:
        case datetime():
            return _text(value)
        case tuple():
            return json.dumps(value)
        case _:
            return value


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
