"""Nobody could be found for a caller: they leave a message, and it is kept once or its loss is not hidden."""

from __future__ import annotations

import asyncio

import pytest
from house import COPPER_LANE, PLUMERIA, House, new_sid, open_house, without

from agent.emulators.caller import Answer
from agent.emulators.twiml import Verb, parse_twiml
from agent.model import Message
from agent.telephony.webhook import MESSAGE_KEPT, MESSAGE_LOST, NOBODY_FREE, SAVES, UNHEARD

pytestmark = pytest.mark.asyncio(loop_scope="module")
URL = "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/"


def verbs(answer: Answer) -> dict[str, Verb]:
    assert answer.status == 200, answer
    return {verb.name: verb for verb in parse_twiml(answer.text)}


def recording(**more: str) -> dict[str, str]:
    sid = "RE" + new_sid()[2:]
    return {"RecordingSid": sid, "RecordingUrl": URL + sid, "RecordingDuration": "23", "Digits": "#", **more}


async def messages(house: House, call_sid: str, location_id: int = 1) -> list[Message]:
    kept = await house.services.calls.get_messages(location_id, limit=500)
    return [message for message in kept if message.call_sid == call_sid]


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled", "gone fishing"])
async def test_when_nobody_comes_the_caller_may_leave_a_message(house: House, status: str):
    answer = await house.post("/voice/after", DialCallStatus=status)
    record = verbs(answer)["Record"].attributes
    assert NOBODY_FREE in answer.text
    assert "<Dial" not in answer.text
    assert record["action"] == "https://chairside.test/voice/recording"
    assert (record["method"], record["playBeep"], record["finishOnKey"]) == ("POST", "true", "#")
    assert 30 <= int(record["maxLength"]) <= 300
    assert list(verbs(answer)) == ["Say", "Record", "Redirect"]
    assert verbs(answer)["Redirect"].text == "https://chairside.test/voice/unheard"


async def test_who_leaves_no_message_hears_goodbye_and_is_sent_a_text(house: House):
    answer = await house.post("/voice/unheard", From="+12025550166")
    assert list(verbs(answer)) == ["Say", "Hangup"]
    assert verbs(answer)["Say"].text == UNHEARD
    (text,) = [text for text in house.stage.twilio.messages if text["to"] == "+12025550166"]
    assert text["from"] == PLUMERIA.phone_number
    assert "could not take your call" in text["body"]


async def test_nobody_is_texted_who_withholds_their_number(house: House):
    before = len(house.stage.twilio.messages)
    assert UNHEARD in (await house.post("/voice/unheard", From="anonymous")).text
    assert len(house.stage.twilio.messages) == before


async def test_a_message_is_kept_with_who_left_it_and_where_it_is(house: House):
    sid, form = new_sid(), recording()
    answer = await house.post("/voice/recording", sid, CallStatus="in-progress", **form)
    assert list(verbs(answer)) == ["Say", "Hangup"]
    assert verbs(answer)["Say"].text == MESSAGE_KEPT
    (message,) = await messages(house, sid)
    assert (message.tool_call_id, message.callback_number) == (form["RecordingSid"], "+12025550143")
    assert message.text == f"Voice message, 23 seconds: {form['RecordingUrl']}"


async def test_a_message_told_again_is_kept_once(house: House):
    sid, form = new_sid(), recording()
    for _ in range(3):
        assert MESSAGE_KEPT in (await house.post("/voice/recording", sid, **form)).text
    url = f"/voice/recording/stored?From=%2B12025550143&To={PLUMERIA.phone_number.replace('+', '%2B')}"
    stored = {"CallSid": sid, "AccountSid": "AC1", "RecordingStatus": "completed", **form}
    assert (await house.caller.post(url, stored)).status == 204
    assert len(await messages(house, sid)) == 1


async def test_a_caller_who_hangs_up_after_the_beep_has_left_a_message(house: House):
    sid = new_sid()
    await house.post("/voice/recording", sid, **recording(CallStatus="completed", Digits="hangup"))
    assert len(await messages(house, sid)) == 1


async def test_a_recording_that_only_its_own_callback_tells_of_is_kept(house: House):
    """Twilio could not reach us when the caller had finished; a little later it can."""
    sid, form = new_sid(), recording()
    record = verbs(await house.post("/voice/after", sid, To=COPPER_LANE.phone_number, DialCallStatus="busy"))["Record"]
    url = record.attributes["recordingStatusCallback"]
    assert (await house.caller.post(url, {"CallSid": sid, "RecordingStatus": "completed", **form})).status == 204
    (message,) = await messages(house, sid, COPPER_LANE.location_id)
    assert message.callback_number == "+12025550143"


async def test_a_withheld_number_can_leave_a_message(house: House):
    sid = new_sid()
    await house.post("/voice/recording", sid, From="anonymous", **recording())
    assert (await messages(house, sid))[0].callback_number == "anonymous"


@pytest.mark.parametrize(
    "form",
    [
        recording(RecordingDuration="0"),
        recording(RecordingStatus="absent"),
        {},
    ],
    ids=["of no length", "absent", "without a recording"],
)
async def test_nothing_said_is_no_message(house: House, form: dict[str, str]):
    sid = new_sid()
    assert (await house.post("/voice/recording", sid, **form)).text.endswith("<Hangup /></Response>")
    assert await messages(house, sid) == []


@pytest.mark.parametrize("odd", ["x", "-1", "9" * 50, "1.5", "²"])
async def test_an_odd_length_is_left_out(house: House, odd: str):
    sid = new_sid()
    await house.post("/voice/recording", sid, **recording(RecordingDuration=odd))
    (message,) = await messages(house, sid)
    assert message.text.startswith("Voice message")
    assert URL in message.text


async def test_a_number_of_no_shop_keeps_nothing_and_stays_polite(house: House):
    answer = await house.post("/voice/recording", To="+15005550006", **recording())
    assert answer.text.endswith("<Hangup /></Response>")


async def test_a_message_left_while_the_store_is_away_is_kept_and_reaches_it_later(house: House):
    sid, form = new_sid(), recording()
    with without(house, "messages"):
        assert MESSAGE_KEPT in (await house.post("/voice/recording", sid, **form)).text
        assert (await house.services.backlog()).waiting == 1
    async with asyncio.timeout(10):
        while not (found := await messages(house, sid)):
            await asyncio.sleep(0.02)
    assert [message.tool_call_id for message in found] == [form["RecordingSid"]]


async def test_while_nothing_can_be_written_twilio_comes_again_and_the_message_is_kept_at_last(house: House):
    sid, form = new_sid(), recording()
    with without(house, "messages"), without(house, "outbox"):
        waiting = verbs(await house.post("/voice/recording", sid, **form))
    assert list(waiting) == ["Say", "Pause", "Redirect"]
    again = house.caller.form(sid, to=PLUMERIA.phone_number, caller="+12025550143", status="in-progress")
    answer = await house.caller.post(waiting["Redirect"].text, again)
    assert MESSAGE_KEPT in answer.text
    (message,) = await messages(house, sid)
    assert message.text.startswith("Voice message, 23 seconds: http")
    assert message.text.endswith(f"/Recordings/{form['RecordingSid']}")
    assert [line for line in house.warnings if form["RecordingUrl"] in line and "store_" in line]


async def test_that_nothing_can_be_written_is_not_hidden_from_the_caller_nor_from_the_log(house: House):
    sid, form = new_sid(), recording()
    plain = house.caller.form(sid, to=PLUMERIA.phone_number, caller="+12025550143", status="in-progress")
    with without(house, "messages"), without(house, "outbox"):
        answer, asked = await house.post("/voice/recording", sid, **form), 1
        while "Redirect" in (onward := verbs(answer)):
            answer, asked = await house.caller.post(onward["Redirect"].text, plain), asked + 1
        assert (asked, MESSAGE_LOST in answer.text) == (SAVES, True)
        stored = {"CallSid": sid, "RecordingStatus": "completed", **form}
        url = "/voice/recording/stored?From=%2B12025550143&To=" + PLUMERIA.phone_number.replace("+", "%2B")
        assert (await house.caller.post(url, stored)).status == 503
    assert len([line for line in house.warnings if form["RecordingSid"] in line]) == SAVES + 1


async def test_a_shop_with_nobody_to_dial_takes_a_message_from_a_call_whose_process_died():
    alone = PLUMERIA.model_copy(update={"transfer_to": None})
    async with open_house(shops=(alone,)) as house:
        answer = await house.post("/voice/after", CallStatus="in-progress")
    assert "having trouble" in answer.text
    assert "Record" in verbs(answer)
