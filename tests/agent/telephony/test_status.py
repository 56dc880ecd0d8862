"""POST /voice/status: may come late, twice or never, and ends a live call at most once."""

import pytest
from house import House, new_sid

from agent.events import CallAnswered, CallEnded, DigitPressed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("status", ["completed", "busy", "failed", "no-answer", "canceled", "in-progress", "odd", ""])
async def test_a_status_of_a_call_we_do_not_know_changes_nothing(house: House, status: str):
    for _ in range(2):
        assert (await house.post("/voice/status", new_sid(), CallStatus=status)).status == 204
    assert house.services.switchboard.live == 0


async def test_completed_twice_ends_a_live_call_once(house: House):
    async with house.pick_up() as handset:
        await house.event(CallAnswered, call_sid=handset.call_sid)
        await handset.hear("mark")
        for _ in range(2):
            assert (await house.post("/voice/status", handset.call_sid, CallStatus="completed")).status == 204
        await house.event(CallEnded, call_sid=handset.call_sid)
    assert [event.reason for event in house.told(CallEnded, call_sid=handset.call_sid)] == ["caller_hung_up"]


@pytest.mark.parametrize("status", ["in-progress", "ringing", "queued", "COMPLETED", "odd", ""])
async def test_a_status_that_is_not_final_leaves_the_call_alone(house: House, status: str):
    async with house.pick_up() as handset:
        await handset.hear("media")
        await house.post("/voice/status", handset.call_sid, CallStatus=status)
        await handset.send({"event": "dtmf", "dtmf": {"digit": "5"}})
        await house.event(DigitPressed, call_sid=handset.call_sid)
        assert not house.told(CallEnded, call_sid=handset.call_sid)


async def test_a_status_after_the_end_is_no_second_end(house: House):
    async with house.pick_up() as handset:
        await handset.hear("media")
        await handset.stop()
        await house.event(CallEnded, call_sid=handset.call_sid)
    assert (await house.post("/voice/status", handset.call_sid, CallStatus="completed")).status == 204
    assert len(house.told(CallEnded, call_sid=handset.call_sid)) == 1
