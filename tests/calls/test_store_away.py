"""A caller who would book while the store is away: they hear so, and the shop is told once it is back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx

from agent.emulators.scenario import parse_scenario
from agent.events import BookingHeld, BookingMade, CallEnded, ClaimMismatched, MessageTaken, TurnSpoken
from tests.calls.conftest import brief, kept
from tests.calls.scripted.world import clock_from
from tests.house import PLUMERIA, House, open_house, without

MONDAY = datetime(2026, 11, 23, 20, tzinfo=UTC)
CALL = {
    "name": "would book",
    "to": PLUMERIA.phone_number,
    "caller": "+12025550111",
    "steps": [
        {"say": "Book me a men's haircut tomorrow at ten."},
        {"say": "Yes, it's Dana Reyes."},
    ],
}


async def test_a_booking_that_cannot_be_stored_is_not_promised_and_the_shop_is_asked_to_call_back():
    async with open_house(shops=(brief(PLUMERIA),), clock=clock_from(MONDAY)) as house:
        calling = asyncio.create_task(house.call(parse_scenario(CALL)))
        await house.event(BookingHeld, 20)
        with without(house, "bookings"), without(house, "messages"):
            report = await calling
            ended = await house.event(CallEnded, 10, call_sid=report.call_sid)
            assert (await _outbox(house))["waiting"] >= 1
        record, _ = await kept(house, ended)

        heard = " ".join(event.heard_text for event in house.told(TurnSpoken))
        assert "nothing is booked yet" in heard
        assert "left a note for the shop to call you back" in heard
        assert house.told(BookingMade) == house.told(ClaimMismatched) == []
        assert house.told(MessageTaken)
        (message,) = await house.services.calls.get_messages(1)
        assert message.text.startswith("Please call back to book: ")
        assert "haircut" in message.text.casefold()
        assert (message.caller_name, message.callback_number) == ("Dana Reyes", "+12025550111")
        assert (record.outcome, record.end_reason) == ("message", "caller_hung_up")
        assert "Please call back to book" in record.summary
        assert await _outbox(house) == {"waiting": 0, "oldest_s": 0, "set_aside": 0}


async def _outbox(house: House) -> dict[str, float]:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"{house.url}/healthz")).json()["outbox"]
