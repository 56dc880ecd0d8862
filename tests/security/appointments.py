"""Other people's appointments, which strangers are after."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from agent.model import Booking, BusyStretch, Visit, VisitPart
from tests.house import House


async def appointment(house: House, phone: str, name: str = "") -> Booking:
    """One of the first shop's, some days ahead, in nobody else's way."""
    now = datetime.now(UTC)
    starts = now + timedelta(days=3, minutes=uuid.uuid4().int % 100_000)
    staff, ends = uuid.uuid4().hex, starts + timedelta(minutes=45)
    return await house.services.bookings.put_booking(
        Booking(
            booking_id=str(uuid.uuid4()),
            location_id=1,
            state="booked",
            visit=Visit(
                parts=(VisitPart(service="Cut", staff=staff, starts=starts, ends=ends),),
                busy=(BusyStretch(staff=staff, starts=starts, ends=ends),),
            ),
            customer_name=name,
            customer_phone=phone,
            created_at=now,
            changed_at=now,
        )
    )
