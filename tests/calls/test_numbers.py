"""Callers' numbers over the whole wire: withheld and keyed in, known from before, and keys that mean nothing."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from agent.bookings.readback import spoken_phone
from agent.emulators.scenario import parse_scenario
from agent.events import BookingMade, CallEnded, OfCall, TurnHeard, TurnSpoken
from agent.knowledge.prompt import RETURNING
from agent.model import Booking, BusyStretch, Visit, VisitPart
from tests.calls.conftest import asked_by, brief
from tests.calls.scripted.world import clock_from
from tests.house import COPPER_LANE, House, open_house

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.virtual_clock]

FRIDAY = datetime(2026, 11, 20, 11, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEYED = "+447911123456"
SAYS_AND_SPELLS = "Chevonne Lind. S I O B H A N. Yes please."
CALLS: dict[str, list[dict[str, Any]]] = {
    "keyed": [
        {"barge_in": {"after_ms": 300, "say": "I'd like a fringe trim on Tuesday at eleven please."}},
        {"barge_in": {"after_ms": 300, "say": SAYS_AND_SPELLS}},
        {"wait": "agent_speaking"},  # nobody waits until all of the question was put
        {"dtmf": "07911123456#"},
        {"say": "Yes, that's right."},
        {"wait": "agent_speaking"},
        {"hang_up": True},
    ],
    "returning": [{"say": "How much is a balayage?"}],
    "by accident": [
        {"wait": "agent_speaking"},
        {"dtmf": "1#"},
        {"say": "How much is a balayage?"},
    ],
}


RETURNS = "+447700900123"
ON_FRIDAY = Visit(
    parts=(VisitPart(service="Skin Fade", staff="Tunde Okafor", starts=FRIDAY, ends=FRIDAY + timedelta(minutes=45)),),
    busy=(BusyStretch(staff="Tunde Okafor", starts=FRIDAY, ends=FRIDAY + timedelta(minutes=45)),),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncGenerator[House]:
    async with open_house(shops=(brief(COPPER_LANE),), clock=clock_from(MONDAY)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(house: House) -> dict[str, list[OfCall]]:
    await house.services.bookings.put_booking(
        Booking(
            booking_id=str(uuid.uuid4()),
            location_id=COPPER_LANE.location_id,
            state="booked",
            visit=ON_FRIDAY,
            customer_name="Nora Finch",
            customer_phone=RETURNS,
            created_at=FRIDAY,
            changed_at=FRIDAY,
        )
    )
    stories = await asyncio.gather(*(_story(house, name, steps) for name, steps in CALLS.items()))
    return dict(zip(CALLS, stories, strict=True))


async def _story(house: House, name: str, steps: list[dict[str, Any]]) -> list[OfCall]:
    caller = RETURNS if name == "returning" else "+266696687"
    scenario = parse_scenario(
        {"name": name, "to": COPPER_LANE.phone_number, "caller": caller, "steps": steps, "agent_pause_ms": 700}
    )
    report = await house.call(scenario)
    assert report.error is None
    await house.event(CallEnded, 10, call_sid=report.call_sid)
    return [event for event in house.events if isinstance(event, OfCall) and event.call_sid == report.call_sid]


async def test_the_row_has_the_keyed_number_and_the_name_as_it_was_spelled(played: dict[str, list[OfCall]]):
    made = [event.booking for event in played["keyed"] if isinstance(event, BookingMade)]
    assert [(row.customer_name, row.customer_phone) for row in made] == [("Siobhan Lind", KEYED)], played["keyed"]


async def test_what_was_keyed_is_a_turn_and_is_read_back_before_it_is_used(played: dict[str, list[OfCall]]):
    story = [event for event in played["keyed"] if not isinstance(event, TurnHeard) or event.final]
    keyed = next(event for event in story if isinstance(event, TurnHeard) and event.text.startswith("(keyed)"))
    read_back = next(event for event in story if isinstance(event, TurnSpoken) and event.turn == keyed.turn)
    made = next(event for event in story if isinstance(event, BookingMade))
    assert keyed.text == "(keyed) 07911123456"
    assert spoken_phone(KEYED, country="GB") in read_back.heard_text
    assert keyed.seq < read_back.seq < made.seq


async def test_a_key_pressed_by_accident_disturbs_nobody(played: dict[str, list[OfCall]]):
    story = played["by accident"]
    assert [event.text for event in story if isinstance(event, TurnHeard) and event.final] == [
        "How much is a balayage?"
    ]
    spoken = [event for event in story if isinstance(event, TurnSpoken)]
    assert [event.interrupted for event in spoken] == [False] * len(spoken)


@pytest.mark.usefixtures("played")
async def test_only_a_number_the_book_knows_is_told_to_be_known_and_no_name_with_it(house: House):
    requests = house.stage.openai.requests
    told = [str(body["messages"]) for body in asked_by(requests, RETURNS)]
    others = [str(body["messages"]) for body in requests if RETURNS not in str(body["messages"])]
    assert told
    assert all(RETURNING in messages and "Nora" not in messages for messages in told)
    assert others
    assert not any(RETURNING in messages for messages in others)
