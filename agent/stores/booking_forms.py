"""What both appointment books ask of a write before they make it: moments in UTC, known ids, words that fit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from pydantic import ValidationError

from agent.errors import Conflict, NotFound, StoreError
from agent.model import Booking, BookingNotes, CustomerName, CustomerPhone, Model, Visit

Verb = Literal["hold", "confirm", "cancel"]
"""Writes with a key; each has keys of its own, so that one tool call may hold and confirm."""


class Customer(Model):
    """Who comes, as stored with the booking."""

    customer_name: CustomerName
    customer_phone: CustomerPhone
    notes: BookingNotes


def customer(name: str, phone: str, notes: str) -> Customer:
    """Raises StoreError booking_invalid for words that are too long to store."""
    try:
        return Customer(customer_name=name, customer_phone=phone, notes=notes)
    except ValidationError as why:
        what = ", ".join(str(error["loc"][0]) for error in why.errors())
        raise StoreError("booking_invalid", f"What was told of the customer cannot be stored: {what}.") from why


def utc(moment: datetime) -> datetime:
    """Raises StoreError moment_naive: a time without a zone would be anybody's guess."""
    if moment.utcoffset() is None:
        raise StoreError("moment_naive", f"{moment.isoformat()} has no time zone.")
    return moment.astimezone(UTC)


def visit_in_utc(visit: Visit) -> Visit:
    """The same visit, so that equal ones are stored equal."""
    return Visit(
        parts=tuple(p.model_copy(update={"starts": utc(p.starts), "ends": utc(p.ends)}) for p in visit.parts),
        busy=tuple(b.model_copy(update={"starts": utc(b.starts), "ends": utc(b.ends)}) for b in visit.busy),
    )


def shops_own(booking: Booking) -> Booking:
    """What `put_booking` may store, in UTC. Raises StoreError booking_invalid."""
    known = known_id(booking.booking_id)
    if known is None or booking.state == "held" or booking.moves is not None or booking.expires_at is not None:
        raise StoreError("booking_invalid", "A shop puts in appointments whose id is a UUID, and no holds.")
    moments = {"created_at": utc(booking.created_at), "changed_at": utc(booking.changed_at)}
    return booking.model_copy(update={"booking_id": known, "visit": visit_in_utc(booking.visit), **moments})


def known_id(booking_id: str) -> str | None:
    """The id as stored, or None for what cannot be one."""
    try:
        return str(UUID(booking_id))
    except ValueError:
        return None


def require_id(location_id: int, booking_id: str) -> str:
    """The id as stored. Raises NotFound booking_unknown for what cannot be one."""
    known = known_id(booking_id)
    if known is None:
        raise unknown(location_id, booking_id)
    return known


def unknown(location_id: int, booking_id: str) -> NotFound:
    return NotFound("booking_unknown", f"Location {location_id} has no such booking {booking_id}.")


def exists(booking: Booking) -> Conflict:
    return Conflict("booking_exists", f"Booking {booking.booking_id} is stored with other content.")
