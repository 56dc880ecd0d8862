"""A call that is put through to a person, over the whole wire: stream, REST, what Twilio asks then, the tape."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from agent.emulators.report import CallReport
from agent.emulators.scenario import Scenario, parse_scenario
from agent.errors import TelephonyError
from agent.events import CallAnswered, CallEnded
from agent.telephony.webhook import MESSAGE_KEPT, NOBODY_FREE, UNHEARD
from tests.calls.conftest import brief
from tests.house import COPPER_LANE, PLUMERIA, House, new_sid, open_house

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.virtual_clock]
ANNOUNCED = "One moment, I am putting you through."
MESSAGE = "This is Kim. Please call me back about Friday."
PERSON = PLUMERIA.transfer_to or ""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncGenerator[House]:
    async with open_house(shops=(brief(PLUMERIA), brief(COPPER_LANE))) as running:
        yield running


def waiting(**more: Any) -> Scenario:
    """Somebody who listens, says nothing, and stays."""
    steps = [{"silence": 30}]
    return parse_scenario({"name": "transfer", "to": PLUMERIA.phone_number, "steps": steps, **more})


async def transferred(house: House, scenario: Scenario) -> CallReport:
    """Ring, and be put through as soon as the call is answered."""
    known = {event.call_sid for event in house.told(CallAnswered)}
    calling = asyncio.create_task(house.call(scenario))
    call_sid = await _answered(house, known)
    await house.services.telephone.transfer(call_sid, PERSON, announce=ANNOUNCED)
    report = await asyncio.wait_for(calling, 20)
    assert report.call_sid == call_sid
    return report


async def _answered(house: House, known: set[str]) -> str:
    async with asyncio.timeout(10):
        while True:
            for event in house.told(CallAnswered):
                if event.call_sid not in known:
                    return event.call_sid
            await asyncio.sleep(0.01)


async def test_a_person_answers_and_the_call_is_theirs(house: House):
    report = await transferred(house, waiting())
    assert (report.end, report.error) == ("dialled", None)
    assert report.said == (ANNOUNCED,)
    assert [(at.number, at.status) for at in report.dialled] == [(PERSON, "completed")]
    ended = await house.event(CallEnded, call_sid=report.call_sid)
    assert ended.reason != "failed"
    assert house.services.switchboard.live == 0


@pytest.mark.parametrize("status", ["no-answer", "busy", "failed"])
async def test_nobody_answers_and_the_message_reaches_the_shop(house: House, status: str):
    report = await transferred(house, waiting(dials=[status], message=MESSAGE, caller="+12025550177"))
    assert (report.end, report.error) == ("recorded", None)
    assert [at.status for at in report.dialled] == [status]
    assert NOBODY_FREE in report.said[1]
    assert report.said[-1] == MESSAGE_KEPT
    kept = await house.services.calls.get_messages(1)
    (message,) = [message for message in kept if message.call_sid == report.call_sid]
    assert (message.tool_call_id, message.callback_number) == (report.recordings[0], "+12025550177")
    assert message.text.startswith("Voice message, ")


async def test_a_caller_who_hangs_up_after_speaking_has_left_a_message(house: House):
    report = await transferred(house, waiting(dials=["busy"], message=MESSAGE, hangs_up_recording=True))
    assert (report.end, report.error) == ("hung_up_by_caller", None)
    kept = await house.services.calls.get_messages(1, limit=100)
    assert len([message for message in kept if message.call_sid == report.call_sid]) == 1


async def test_a_caller_who_says_nothing_leaves_nothing(house: House):
    report = await transferred(house, waiting(dials=["no-answer"]))
    assert report.error is None
    assert report.said[-1] == UNHEARD
    kept = await house.services.calls.get_messages(1, limit=100)
    assert not [message for message in kept if message.call_sid == report.call_sid]


async def test_a_call_that_is_over_cannot_be_put_through(house: House):
    with pytest.raises(TelephonyError) as unknown:
        await house.services.telephone.transfer(new_sid(), PERSON, announce="")
    report = await house.call(waiting(steps=[{"hang_up": True}]))
    with pytest.raises(TelephonyError) as over:
        await house.services.telephone.transfer(report.call_sid, PERSON, announce="")
    assert (unknown.value.code, over.value.code) == ("call_over", "call_over")


async def test_a_conversation_that_breaks_is_put_through_without_being_asked(house: House):
    """The process that held the call is gone: the stream closes, and Twilio asks on."""
    known = {event.call_sid for event in house.told(CallAnswered)}
    scenario = waiting(dials=["no-answer"], message=MESSAGE)
    calling = asyncio.create_task(house.call(scenario))
    call_sid = await _answered(house, known)
    await house.services.switchboard.stop(call_sid, "failed")
    report = await asyncio.wait_for(calling, 20)
    assert (report.end, [at.number for at in report.dialled]) == ("recorded", [PERSON])
    assert "trouble on the line" in report.said[0]
