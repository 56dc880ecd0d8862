"""Calls and messages found in the embedded store, for people who look back."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime

from agent.model import CallFound, CallRecord, CallSearch, Message

MAX_MESSAGES = 100

_LISTS = ("mismatches", "unanswered")
"""What of a call is kept as JSON."""

_COLUMNS = ", ".join(f"c.{name}" for name in CallRecord.model_fields)
_MESSAGES = f"""
    SELECT {", ".join(Message.model_fields)} FROM messages
    WHERE location_id = ? AND call_sid = ? ORDER BY at, id LIMIT ?
"""  # noqa: S608 - only our own column names are put in


def find_calls(db: sqlite3.Connection, search: CallSearch) -> list[CallFound]:
    """See `CallStore.search_calls`."""
    conditions, values = _conditions(search)
    query = f"""
        SELECT {_COLUMNS}, (SELECT count(*) FROM call_turns AS t WHERE t.call_sid = c.call_sid) AS turns
        FROM customer_interactions AS c WHERE {" AND ".join(conditions)}
        ORDER BY c.started_at DESC, c.call_sid DESC LIMIT ?
    """  # noqa: S608 - only our own words are put in
    return [_found(row) for row in db.execute(query, (*values, search.limit))]


def find_messages(db: sqlite3.Connection, location_id: int, call_sid: str) -> list[Message]:
    """See `CallStore.messages_of_call`."""
    rows = db.execute(_MESSAGES, (location_id, call_sid, MAX_MESSAGES))
    return [Message.model_validate(dict(row)) for row in rows]


def _conditions(search: CallSearch) -> tuple[list[str], list[object]]:
    """What a call must fulfil, and the values that stand in it, in order."""
    conditions: list[str] = ["1"]
    values: list[object] = []

    def ask(condition: str, *those: object) -> None:
        conditions.append(condition)
        values.extend(those)

    if search.location_ids is not None:
        ask("c.location_id IN (SELECT value FROM json_each(?))", json.dumps(sorted(search.location_ids)))
    if search.call_sid:
        ask("c.call_sid = ?", search.call_sid)
    if search.outcome:
        ask("c.outcome = ?", search.outcome)
    if search.since is not None:
        ask("c.started_at >= ?", _text(search.since))
    if search.until is not None:
        ask("c.started_at < ?", _text(search.until))
    if search.before is not None:
        ask("(c.started_at, c.call_sid) < (?, ?)", _text(search.before[0]), search.before[1])
    for word in search.words:
        ask(_WAS_SAID, word)
    return conditions, values


# Not LIKE: % and _ would be more than they are. lower() of SQLite knows A to Z alone.
_WAS_SAID = """EXISTS (SELECT 1 FROM call_turns AS t WHERE t.call_sid = c.call_sid
    AND instr(lower(t.heard || char(10) || t.said), lower(?)) > 0)"""


def _found(row: sqlite3.Row) -> CallFound:
    fields = dict(row)
    turns = fields.pop("turns")
    fields |= {name: json.loads(fields[name]) for name in _LISTS}
    return CallFound(record=CallRecord.model_validate(fields), turns=turns)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
