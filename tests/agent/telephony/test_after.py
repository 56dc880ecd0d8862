"""POST /voice/after: the stream is over, and a caller who is still there is never left with a dead line."""

import pytest
from house import PLUMERIA, House, new_sid, open_house

from agent.events import CallEnded, TurnSpoken

pytestmark = pytest.mark.asyncio(loop_scope="module")
HANG_UP = "<Response><Hangup /></Response>"


async def test_a_call_that_we_ended_is_over_soon_after_the_goodbye_and_hung_up(house: House):
    async with house.pick_up() as handset:
        await handset.speak(house.stage.phrasebook.register_speech("Goodbye, that is all.").ulaw)
        said = await house.event(TurnSpoken, timeout=8, call_sid=handset.call_sid, turn=1)
        ended = await house.event(CallEnded, call_sid=handset.call_sid)
    assert ended.reason == "agent_hung_up"
    assert (ended.at - said.at).total_seconds() < 2.0  # the silence that Pipecat would play before it closes the line
    assert (await house.post("/voice/after", handset.call_sid, CallStatus="in-progress")).text.endswith(HANG_UP)


async def test_a_call_that_the_caller_ended_is_hung_up(house: House):
    async with house.pick_up() as handset:
        await handset.hear("media")
        await handset.stop()
        await house.event(CallEnded, call_sid=handset.call_sid)
    assert (await house.post("/voice/after", handset.call_sid, CallStatus="completed")).text.endswith(HANG_UP)


async def test_a_caller_whose_stream_broke_but_who_is_still_there_is_put_through(house: House):
    async with house.pick_up() as handset:
        await handset.hear("media")
    await house.event(CallEnded, call_sid=handset.call_sid)
    answer = await house.post("/voice/after", handset.call_sid, CallStatus="in-progress")
    assert f">{PLUMERIA.transfer_to}</Dial>" in answer.text


async def test_a_call_of_another_process_is_put_through_to_the_shop(house: House):
    answer = await house.post("/voice/after", new_sid(), CallStatus="in-progress")
    assert f">{PLUMERIA.transfer_to}</Dial>" in answer.text
    assert 'action="https://chairside.test/voice/after"' in answer.text


async def test_a_shop_that_nobody_can_be_dialled_for_says_sorry():
    alone = PLUMERIA.model_copy(update={"transfer_to": None})
    async with open_house(shops=(alone,)) as house:
        answer = await house.post("/voice/after", CallStatus="in-progress")
    assert "having trouble" in answer.text
    assert answer.text.endswith("/voice/unheard</Redirect></Response>")


@pytest.mark.parametrize("number", ["", "anonymous", "+15005550006"])
async def test_a_number_that_leads_nowhere_says_sorry(house: House, number: str):
    answer = await house.post("/voice/after", To=number)
    assert answer.status == 200
    assert "having trouble" in answer.text


@pytest.mark.parametrize("status", ["completed", "answered"])
async def test_when_the_shop_was_reached_the_call_is_over(house: House, status: str):
    assert (await house.post("/voice/after", DialCallStatus=status)).text.endswith(HANG_UP)


async def test_a_call_that_is_being_transferred_waits_for_it_and_is_dialled_for_once(house: House):
    sid = new_sid()
    house.services.switchboard.ended(sid, "transferred")
    first = await house.post("/voice/after", sid, CallStatus="in-progress")
    assert "<Pause" in first.text
    assert "<Dial" not in first.text
    assert "<Hangup" not in first.text
    # The transfer never came: somebody is rung after all. Had it come, its Dial would tell how it went.
    second = await house.post("/voice/after?waited=1", sid, CallStatus="in-progress")
    assert f">{PLUMERIA.transfer_to}</Dial>" in second.text
    back = await house.post("/voice/after", sid, CallStatus="in-progress", DialCallStatus="no-answer")
    assert "<Record" in back.text
    done = await house.post("/voice/after", sid, CallStatus="in-progress", DialCallStatus="completed")
    assert done.text.endswith(HANG_UP)


async def test_a_caller_who_has_gone_is_not_dialled_for(house: House):
    for status in ("completed", "busy", "failed", "no-answer", "canceled"):
        answer = await house.post("/voice/after", CallStatus=status, DialCallStatus="no-answer")
        assert answer.text.endswith(HANG_UP)
