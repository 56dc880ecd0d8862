"""BookingStore in a Supabase project: each verb is one function of the database, thus one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from pydantic import ValidationError

from agent.errors import StoreError, Unavailable
from agent.model import Booking, Visit
from agent.stores.booking_forms import customer, exists, known_id, require_id, shops_own, utc, visit_in_utc
from agent.stores.supabase_client import Project, Row

PATIENCE_S = 3.0
"""How long a caller on the line waits for a write, its second try included."""
UNKNOWN_OUTCOME = {"store_unreachable", "store_odd_answer"}
"""After these the write may have been made all the same."""


class SupabaseBookings:
    """Implements `BookingStore` on functions of `supabase/migrations`.

    A write whose answer is lost is asked for once more with the same key, within PATIENCE_S in all: the database
    returns what the first one made. Nothing else in this house is tried twice; reads are not.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

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
        return await self._write(
            "hold_appointment",
            p_location_id=location_id,
            p_visit=visit_in_utc(visit).model_dump(mode="json"),
            p_key=key,
            p_call_sid=call_sid,
            p_now=utc(now).isoformat(),
            p_expires_at=utc(expires_at).isoformat(),
            p_moves=None if moves is None else require_id(location_id, moves),
        )

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
        who = customer(customer_name, customer_phone, notes)
        return await self._write(
            "book_appointment",
            p_location_id=location_id,
            p_booking_id=require_id(location_id, booking_id),
            p_key=key,
            p_call_sid=call_sid,
            p_now=utc(now).isoformat(),
            p_customer_name=who.customer_name,
            p_customer_phone=who.customer_phone,
            p_notes=who.notes,
        )

    async def cancel(self, location_id: int, booking_id: str, *, key: str, now: datetime) -> Booking:
        """Cancel an appointment, or let go of a hold; see `BookingStore.cancel`."""
        return await self._write(
            "cancel_appointment",
            p_location_id=location_id,
            p_booking_id=require_id(location_id, booking_id),
            p_key=key,
            p_now=utc(now).isoformat(),
        )

    async def put_booking(self, booking: Booking) -> Booking:
        """Store what the shop booked or blocked itself; see `BookingStore.put_booking`."""
        own = shops_own(booking)
        stored = await self._write("put_booking", p_location_id=own.location_id, p_booking=own.model_dump(mode="json"))
        if stored != own:
            raise exists(own)
        return stored

    async def get_booking(self, location_id: int, booking_id: str) -> Booking | None:
        """The booking in whatever state, or None when this location has none of that id."""
        known = known_id(booking_id)
        if known is None:
            return None
        row = await self._project.ask("get_booking", p_location_id=location_id, p_booking_id=known)
        return None if row is None else _booking(row)

    async def bookings_between(
        self, location_id: int, starts: datetime, ends: datetime, *, now: datetime
    ) -> list[Booking]:
        """What is booked or held, and busy within [starts, ends); by start."""
        span = {"p_starts": utc(starts).isoformat(), "p_ends": utc(ends).isoformat(), "p_now": utc(now).isoformat()}
        return _bookings(await self._project.ask("bookings_between", p_location_id=location_id, **span))

    async def bookings_of(self, location_id: int, customer_phone: str, *, since: datetime) -> list[Booking]:
        """Those booked under an E.164 number that end after `since`; by start."""
        whose = {"p_customer_phone": customer_phone, "p_since": utc(since).isoformat()}
        return _bookings(await self._project.ask("bookings_of", p_location_id=location_id, **whose))

    async def bookings_of_call(self, location_id: int, call_sid: str) -> list[Booking]:
        """The appointments made in a call, as they are now; by start."""
        asked = {"p_location_id": location_id, "p_call_sid": call_sid}
        return _bookings(await self._project.ask("bookings_of_call", **asked))

    async def _write(self, function: str, **arguments: Any) -> Booking:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return _booking(await self._ask_twice(function, arguments))
        except TimeoutError as why:
            message = f"The Supabase project gave no answer within {PATIENCE_S:g} s."
            raise Unavailable("store_unreachable", message) from why

    async def _ask_twice(self, function: str, arguments: dict[str, Any]) -> Row | None:
        try:
            return await self._project.ask(function, **arguments)
        except Unavailable as why:
            if why.code not in UNKNOWN_OUTCOME:
                raise
        return await self._project.ask(function, **arguments)


def _booking(row: Row | None) -> Booking:
    try:
        return Booking.model_validate(row)
    except ValidationError as why:
        raise StoreError("stored_row_unreadable", "A stored Booking is not one we can read.") from why


def _bookings(answer: Row | None) -> list[Booking]:
    rows = cast("Sequence[Row]", (answer or {}).get("bookings", []))
    return [_booking(row) for row in rows]
