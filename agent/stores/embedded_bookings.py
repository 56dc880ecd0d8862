"""BookingStore in the SQLite file, beside shops and calls."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from agent.errors import Conflict, StoreError
from agent.model import Booking, Visit
from agent.stores.booking_forms import (
    Customer,
    Verb,
    customer,
    exists,
    known_id,
    require_id,
    shops_own,
    unknown,
    utc,
    visit_in_utc,
)
from agent.stores.busy_spans import Span, spans_by_name, stored, without
from agent.stores.database import Database

KEPT_FOR = timedelta(days=1)
"""How long keys are remembered, and holds that came to nothing."""


class EmbeddedBookings:
    """Implements `BookingStore` on the house's database.

    Writers take turns by SQLite's own lock, also between processes; a trigger refuses stretches that overlap.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hold(
        self,
        location_id: int,
        visit: Visit,
        *,
        key: str,
        call_sid: str,
        now: datetime,
        expires_at: datetime,
        moves: str | None = None,
    ) -> Booking:
        """Keep the time of `visit` until `expires_at`; see `BookingStore.hold`."""
        held = Booking(
            booking_id=str(uuid.uuid4()),
            location_id=location_id,
            state="held",
            visit=visit_in_utc(visit),
            call_sid=call_sid,
            moves=None if moves is None else require_id(location_id, moves),
            expires_at=utc(expires_at),
            created_at=utc(now),
            changed_at=utc(now),
        )
        # Whoever comes too late need not stand in line with those who write.
        await self._database.read(lambda db: _refuse_taken(db, held, key))
        return await self._once("hold", location_id, key, now, lambda db: _hold(db, held))

    async def confirm(
        self,
        location_id: int,
        booking_id: str,
        *,
        key: str,
        call_sid: str,
        now: datetime,
        customer_name: str,
        customer_phone: str,
        notes: str = "",
    ) -> Booking:
        """Make a hold of this call an appointment, or move one to it; see `BookingStore.confirm`."""
        hold_id, at = require_id(location_id, booking_id), utc(now)
        who = customer(customer_name, customer_phone, notes)

        def make(db: sqlite3.Connection) -> Booking:
            held = _hold_of_call(db, location_id, hold_id, call_sid, at)
            return _book(db, held, who, at) if held.moves is None else _move(db, held, held.moves, who, at)

        return await self._once("confirm", location_id, key, now, make)

    async def cancel(self, location_id: int, booking_id: str, *, key: str, now: datetime) -> Booking:
        """Cancel an appointment, or let go of a hold; see `BookingStore.cancel`."""
        known, at = require_id(location_id, booking_id), utc(now)
        return await self._once("cancel", location_id, key, now, lambda db: _cancel(db, location_id, known, at))

    async def put_booking(self, booking: Booking) -> Booking:
        """Store what the shop booked or blocked itself; see `BookingStore.put_booking`."""
        own = shops_own(booking)
        return await self._database.write(lambda db: _put(db, own))

    async def get_booking(self, location_id: int, booking_id: str) -> Booking | None:
        """The booking in whatever state, or None when this location has none of that id."""
        known = known_id(booking_id)
        return None if known is None else await self._database.read(lambda db: _find(db, location_id, known))

    async def bookings_between(
        self, location_id: int, starts: datetime, ends: datetime, *, now: datetime
    ) -> list[Booking]:
        """What is booked or held, and busy within [starts, ends); by start."""
        span = {"location_id": location_id, "starts": stored(starts), "ends": stored(ends), "now": stored(now)}
        rows = await self._database.read(lambda db: db.execute(_BETWEEN, span).fetchall())
        found = [_booking(row) for row in rows]
        return [b for b in found if any(busy.starts < ends and busy.ends > starts for busy in b.visit.busy)]

    async def bookings_of(self, location_id: int, customer_phone: str, *, since: datetime) -> list[Booking]:
        """Those booked under an E.164 number that end after `since`; by start."""
        whose = (location_id, customer_phone, stored(since))
        rows = await self._database.read(lambda db: db.execute(_OF_CUSTOMER, whose).fetchall())
        return [_booking(row) for row in rows]

    async def bookings_of_call(self, location_id: int, call_sid: str) -> list[Booking]:
        """The appointments made in a call, as they are now; by start."""
        rows = await self._database.read(lambda db: db.execute(_OF_CALL, (location_id, call_sid)).fetchall())
        return [_booking(row) for row in rows]

    async def _once(
        self, verb: Verb, location_id: int, key: str, now: datetime, make: Callable[[sqlite3.Connection], Booking]
    ) -> Booking:
        """What the first write with this key made, else what `make` makes."""
        row = {"location_id": location_id, "verb": verb, "key": key, "made_at": stored(now)}

        def write(db: sqlite3.Connection) -> Booking:
            made = db.execute(_MADE_BEFORE, row).fetchone()
            if made is not None:
                return _read(made["result"])
            booking = make(db)
            db.execute(_REMEMBER, row | {"result": booking.model_dump_json()})
            return booking

        return await self._database.write(write)


_COLUMNS = (
    "id, location_id, state, visit, customer_name, customer_phone, notes, call_sid, moves, expires_at,"
    " created_at, changed_at, revision"
)

_SAVE = f"""
    INSERT INTO bookings ({_COLUMNS}, start_time, end_time, busy_from, busy_until)
    VALUES (:booking_id, :location_id, :state, :visit, :customer_name, :customer_phone, :notes, :call_sid, :moves,
        :expires_at, :created_at, :changed_at, :revision, :start_time, :end_time, :busy_from, :busy_until)
    ON CONFLICT (id) DO UPDATE SET
        state = excluded.state, visit = excluded.visit, customer_name = excluded.customer_name,
        customer_phone = excluded.customer_phone, notes = excluded.notes, expires_at = excluded.expires_at,
        changed_at = excluded.changed_at, revision = excluded.revision, start_time = excluded.start_time,
        end_time = excluded.end_time, busy_from = excluded.busy_from, busy_until = excluded.busy_until
"""  # noqa: S608 - only our own column names are put in

_BETWEEN = f"""
    SELECT {_COLUMNS} FROM bookings
    WHERE location_id = :location_id AND busy_until > :starts AND busy_from < :ends AND :starts < :ends
        AND (state = 'booked' OR (state = 'held' AND expires_at > :now))
    ORDER BY start_time, id
"""  # noqa: S608

_OF_CUSTOMER = f"""
    SELECT {_COLUMNS} FROM bookings
    WHERE location_id = ? AND customer_phone = ? AND customer_phone <> '' AND end_time > ? AND state = 'booked'
    ORDER BY start_time, id
"""  # noqa: S608

_OF_CALL = f"""
    SELECT {_COLUMNS} FROM bookings
    WHERE location_id = ? AND call_sid = ? AND call_sid <> '' AND expires_at IS NULL ORDER BY start_time, id
"""  # noqa: S608

_MADE_BEFORE = "SELECT result FROM booking_keys WHERE location_id = :location_id AND verb = :verb AND key = :key"

_LAST_BEFORE = """
    SELECT bookings.*, booking_segments.ends AS until FROM booking_staff
    JOIN booking_segments USING (staff_no) JOIN bookings ON bookings.id = booking_segments.booking_id
    WHERE booking_staff.location_id = ? AND booking_staff.name = ? AND booking_segments.starts < ?
    ORDER BY booking_segments.starts DESC LIMIT 1
"""

_REMEMBER = "INSERT INTO booking_keys VALUES (:location_id, :verb, :key, :result, :made_at)"

_LET_GO = """
    SELECT id FROM bookings
    WHERE location_id = :location_id AND state = 'held' AND expires_at IS NOT NULL
        AND (expires_at <= :now OR (call_sid = :call_sid AND call_sid <> '' AND moves IS :moves))
"""

_OWE_TEXT = """
    INSERT INTO text_messages
        (location_id, booking_id, kind, revision, to_number, not_before, created_at, changed_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (booking_id, kind, revision) DO NOTHING
"""


def _refuse_taken(db: sqlite3.Connection, held: Booking, key: str) -> None:
    """Raises Conflict slot_taken for a time that somebody else plainly has. What passes may be taken all the same: only
    the write knows."""
    if db.execute(_MADE_BEFORE, {"location_id": held.location_id, "verb": "hold", "key": key}).fetchone() is not None:
        return
    for name, spans in spans_by_name(held.visit.busy).items():
        for starts, ends in spans:
            row = db.execute(_LAST_BEFORE, (held.location_id, name, ends)).fetchone()
            if row is not None and row["until"] > starts and _stands(row, held):
                raise _taken()


def _stands(row: sqlite3.Row, held: Booking) -> bool:
    """Whether a row keeps its time from this hold: appointments do, and other callers' holds until they expire."""
    if row["id"] == held.moves:
        return False
    return row["state"] == "booked" or (
        row["state"] == "held" and row["call_sid"] != held.call_sid and row["expires_at"] > stored(held.created_at)
    )


def _hold(db: sqlite3.Connection, held: Booking) -> Booking:
    _release_holds(db, held.location_id, held.created_at, held.call_sid, held.moves)
    if held.moves is not None:
        _require_booked(db, held.location_id, held.moves)
    return _save(db, held)


def _hold_of_call(db: sqlite3.Connection, location_id: int, booking_id: str, call_sid: str, at: datetime) -> Booking:
    held = _find(db, location_id, booking_id)
    if held is None or held.expires_at is None or held.call_sid != call_sid:
        raise unknown(location_id, booking_id)
    if held.moves is not None:
        _require_booked(db, location_id, held.moves)
    if held.state != "held" or held.expires_at <= at:
        raise Conflict("hold_expired", "The time is held no longer.")
    return held


def _book(db: sqlite3.Connection, held: Booking, who: Customer, at: datetime) -> Booking:
    change = {"state": "booked", "expires_at": None, "changed_at": at, **who.model_dump()}
    booked = _save(db, held.model_copy(update=change))
    _owe_text(db, booked, "booked", at)
    return booked


def _move(db: sqlite3.Connection, held: Booking, moves: str, who: Customer, at: datetime) -> Booking:
    booked = _require_booked(db, held.location_id, moves)
    db.execute("DELETE FROM bookings WHERE id = ?", (held.booking_id,))
    _drop_holds_on(db, booked, at)
    change = {"visit": held.visit, "revision": booked.revision + 1, "changed_at": at}
    moved = _save(db, booked.model_copy(update={**change, "notes": who.notes or booked.notes}))
    _owe_text(db, moved, "moved", at)
    return moved


def _cancel(db: sqlite3.Connection, location_id: int, booking_id: str, at: datetime) -> Booking:
    found = _find(db, location_id, booking_id)
    if found is None:
        raise unknown(location_id, booking_id)
    if found.state == "cancelled":
        return found
    if found.state == "booked":
        _drop_holds_on(db, found, at)
        _owe_text(db, found, "cancelled", at)
    expires_at = None if found.expires_at is None else min(found.expires_at, at)
    return _save(db, found.model_copy(update={"state": "cancelled", "expires_at": expires_at, "changed_at": at}))


def _put(db: sqlite3.Connection, own: Booking) -> Booking:
    row = db.execute(f"SELECT {_COLUMNS} FROM bookings WHERE id = ?", (own.booking_id,)).fetchone()  # noqa: S608
    if row is None:
        _release_holds(db, own.location_id, own.changed_at, "")
        return _save(db, own)
    there = _booking(row)
    if there != own:
        raise exists(own)
    return there


def _require_booked(db: sqlite3.Connection, location_id: int, booking_id: str) -> Booking:
    booking = _find(db, location_id, booking_id)
    if booking is None or booking.state != "booked":
        raise unknown(location_id, booking_id)
    return booking


def _release_holds(
    db: sqlite3.Connection, location_id: int, at: datetime, call_sid: str = "", moves: str | None = None
) -> None:
    """Those that expired, and the call's earlier one for the same, give their time back; a day later they are gone."""
    which = {
        "location_id": location_id,
        "now": stored(at),
        "call_sid": call_sid,
        "moves": moves,
        "old": stored(at - KEPT_FOR),
    }
    for row in db.execute(_LET_GO, which).fetchall():
        _let_go(db, row["id"], at)
    db.execute(
        "DELETE FROM bookings WHERE location_id = :location_id AND state = 'cancelled' AND expires_at < :old", which
    )
    db.execute("DELETE FROM booking_keys WHERE location_id = :location_id AND made_at < :old", which)


def _drop_holds_on(db: sqlite3.Connection, booked: Booking, at: datetime) -> None:
    """Holds that were to move a booking stood on its time."""
    query = "SELECT id FROM bookings WHERE moves = ? AND state = 'held'"
    for row in db.execute(query, (booked.booking_id,)).fetchall():
        _let_go(db, row["id"], at)


def _let_go(db: sqlite3.Connection, hold_id: str, at: datetime) -> None:
    db.execute(
        "UPDATE bookings SET state = 'cancelled', expires_at = min(expires_at, :at), changed_at = :at WHERE id = :id",
        {"id": hold_id, "at": stored(at)},
    )
    db.execute("DELETE FROM booking_segments WHERE booking_id = ?", (hold_id,))


def _owe_text(
    db: sqlite3.Connection, booking: Booking, kind: Literal["booked", "moved", "cancelled"], at: datetime
) -> None:
    if booking.customer_phone:
        what = (booking.location_id, booking.booking_id, kind, booking.revision, booking.customer_phone)
        db.execute(_OWE_TEXT, (*what, *[stored(at)] * 3))


def _save(db: sqlite3.Connection, booking: Booking) -> Booking:
    """Write the busy stretches, then the row: most contenders for a time are refused before anything is written.

    Raises Conflict slot_taken.
    """
    db.execute("DELETE FROM booking_segments WHERE booking_id = ?", (booking.booking_id,))
    if booking.state != "cancelled":
        try:
            _take_time(db, booking)
        except sqlite3.IntegrityError as why:
            if why.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_TRIGGER:
                raise
            raise _taken() from why
    db.execute(_SAVE, _row(booking))
    return booking


def _take_time(db: sqlite3.Connection, booking: Booking) -> None:
    for name, spans in spans_by_name(booking.visit.busy).items():
        staff_no = _staff_no(db, booking.location_id, name)
        if booking.moves is not None:  # a hold takes what the booking it is to move does not have already
            spans = without(spans, _spans_of(db, booking.moves, staff_no))
        for starts, ends in spans:
            segment = (staff_no, starts, ends, booking.booking_id, booking.location_id)
            db.execute("INSERT INTO booking_segments VALUES (?, ?, ?, ?, ?)", segment)


def _spans_of(db: sqlite3.Connection, booking_id: str, staff_no: int) -> list[Span]:
    query = "SELECT starts, ends FROM booking_segments WHERE booking_id = ? AND staff_no = ? ORDER BY starts"
    return [(row["starts"], row["ends"]) for row in db.execute(query, (booking_id, staff_no))]


def _staff_no(db: sqlite3.Connection, location_id: int, name: str) -> int:
    query = "SELECT staff_no FROM booking_staff WHERE location_id = ? AND name = ?"
    row = db.execute(query, (location_id, name)).fetchone()
    if row is not None:
        return int(row["staff_no"])
    made = db.execute("INSERT INTO booking_staff (location_id, name) VALUES (?, ?)", (location_id, name))
    return int(made.lastrowid or 0)


def _find(db: sqlite3.Connection, location_id: int, booking_id: str) -> Booking | None:
    query = f"SELECT {_COLUMNS} FROM bookings WHERE id = ? AND location_id = ?"  # noqa: S608
    row = db.execute(query, (booking_id, location_id)).fetchone()
    return None if row is None else _booking(row)


def _row(booking: Booking) -> dict[str, object]:
    busy = booking.visit.busy
    moments = {
        "start_time": booking.visit.starts,
        "end_time": booking.visit.ends,
        "busy_from": min(stretch.starts for stretch in busy),
        "busy_until": max(stretch.ends for stretch in busy),
        "created_at": booking.created_at,
        "changed_at": booking.changed_at,
    }
    row: dict[str, object] = booking.model_dump(exclude={"visit", "created_at", "changed_at", "expires_at"})
    row["visit"] = booking.visit.model_dump_json()
    row["expires_at"] = None if booking.expires_at is None else stored(booking.expires_at)
    return row | {name: stored(moment) for name, moment in moments.items()}


def _booking(row: sqlite3.Row) -> Booking:
    fields = dict(row)
    fields["booking_id"] = fields.pop("id")
    try:
        fields["visit"] = Visit.model_validate_json(fields["visit"])
        return Booking.model_validate(fields)
    except ValidationError as why:
        raise _unreadable() from why


def _read(result: str) -> Booking:
    try:
        return Booking.model_validate_json(result)
    except ValidationError as why:
        raise _unreadable() from why


def _taken() -> Conflict:
    return Conflict("slot_taken", "Somebody else has that time.")


def _unreadable() -> StoreError:
    return StoreError("stored_row_unreadable", "A stored Booking is not one we can read.")
