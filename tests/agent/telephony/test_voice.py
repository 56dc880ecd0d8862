"""POST /voice: who is put through, who is told why not; nobody hears an application error."""

from xml.etree import ElementTree

import pytest
from house import COPPER_LANE, PLUMERIA, House, new_sid, open_house

from agent.emulators.caller import Answer
from agent.events import CallAnswered, CallEnded, CallRefused

pytestmark = pytest.mark.asyncio(loop_scope="module")


def verbs(answer: Answer) -> list[str]:
    """The names of the TwiML's verbs; asserts that the answer is TwiML."""
    assert answer.status == 200, answer
    return [verb.tag for verb in ElementTree.fromstring(answer.text)]  # noqa: S314 - our own server's


async def test_a_known_number_is_connected_to_the_media_socket(house: House):
    answer = await house.post("/voice")
    assert verbs(answer) == ["Connect", "Redirect"]
    twiml = ElementTree.fromstring(answer.text)  # noqa: S314
    stream, redirect = twiml.find("./Connect/Stream"), twiml.find("./Redirect")
    assert stream is not None
    assert redirect is not None
    assert stream.attrib["url"] == "wss://chairside.test/media"
    assert [parameter.attrib["name"] for parameter in stream] == ["ticket"]
    assert (redirect.text, redirect.attrib["method"]) == ("https://chairside.test/voice/after", "POST")


async def test_a_ticket_fits_into_twilios_parameter(house: House):
    assert len(await house.ticket(new_sid())) <= 500


@pytest.mark.parametrize(
    "number", ["+1 808 482 6296", "+1 (808) 482-6296", " +18084826296 ", "+1.808.482.6296", "tel:+18084826296"]
)
async def test_a_known_number_is_known_however_it_is_written(house: House, number: str):
    assert verbs(await house.post("/voice", To=number)) == ["Connect", "Redirect"]


@pytest.mark.parametrize(
    "number",
    ["+15005550006", "8084826296", "", "+", "+1", "anonymous", "sip:anna@example.test", "9" * 5000, "☎️", "\0", "+1\n8"],
)
async def test_a_number_that_leads_nowhere_is_told_so_politely(house: House, number: str):
    sid, before = new_sid(), (await house.refused()).get("unknown_number", 0)
    answer = await house.post("/voice", sid, To=number)
    assert verbs(answer) == ["Say", "Hangup"]
    assert "not in service" in answer.text
    assert (await house.event(CallRefused, call_sid=sid)).code == "unknown_number"
    assert (await house.refused())["unknown_number"] == before + 1


async def test_a_form_without_numbers_is_told_politely(house: House):
    form = {"CallSid": new_sid(), "CallStatus": "ringing"}
    assert verbs(await house.caller.post("/voice", form)) == ["Say", "Hangup"]


@pytest.mark.parametrize("caller", ["anonymous", "Restricted", "+266696687", "sip:anna@example.test"])
async def test_a_withheld_caller_is_answered_as_the_carrier_names_them(house: House, caller: str):
    async with house.handset() as handset:
        answer = await house.post("/voice", handset.call_sid, From=caller)
        await handset.start(answer.text.partition('name="ticket" value="')[2].partition('"')[0])
        assert (await house.event(CallAnswered, call_sid=handset.call_sid)).caller == caller


async def test_a_call_without_a_caller_is_answered_as_anonymous(house: House):
    async with house.handset() as handset:
        form = {"CallSid": handset.call_sid, "To": PLUMERIA.phone_number}
        answer = await house.caller.post("/voice", form)
        await handset.start(answer.text.partition('name="ticket" value="')[2].partition('"')[0])
        assert (await house.event(CallAnswered, call_sid=handset.call_sid)).caller == "anonymous"


async def test_each_number_reaches_its_own_shop(house: House):
    async with house.pick_up(PLUMERIA) as one, house.pick_up(COPPER_LANE) as other:
        answered = [await house.event(CallAnswered, call_sid=handset.call_sid) for handset in (one, other)]
    assert [event.business_name for event in answered] == [PLUMERIA.business_name, COPPER_LANE.business_name]


async def test_the_number_map_goes_before_the_shops_own_numbers():
    mapped = {PLUMERIA.phone_number: COPPER_LANE.location_id, "+15005550006": PLUMERIA.location_id}
    async with open_house(phone_to_location_map=mapped) as house:
        async with house.handset() as handset:
            await handset.start(await house.ticket(handset.call_sid))
            answered = await house.event(CallAnswered, call_sid=handset.call_sid)
            assert answered.location_id == COPPER_LANE.location_id
        assert verbs(await house.post("/voice", To="+15005550006")) == ["Connect", "Redirect"]


async def test_a_number_mapped_to_no_shop_is_told_politely():
    async with open_house(phone_to_location_map={"+15005550006": 99}) as house:
        assert verbs(await house.post("/voice", To="+15005550006")) == ["Say", "Hangup"]


async def test_without_room_the_shop_is_dialled_and_the_refusal_counted():
    async with open_house(max_calls=1) as house, house.pick_up() as handset:
        await handset.hear("media")
        sid = new_sid()
        answer = await house.post("/voice", sid)
        assert verbs(answer) == ["Say", "Dial"]
        assert PLUMERIA.transfer_to is not None
        assert PLUMERIA.transfer_to in answer.text
        assert (await house.event(CallRefused, call_sid=sid)).code == "no_room"
        assert await house.refused() == {"no_room": 1}


async def test_without_room_and_without_anybody_to_dial_the_caller_is_told_politely():
    alone = PLUMERIA.model_copy(update={"transfer_to": None})
    async with open_house(shops=(alone,), max_calls=1) as house, house.pick_up() as handset:
        await handset.hear("media")
        answer = await house.post("/voice")
        assert verbs(answer) == ["Say", "Hangup"]
        assert "lines are busy" in answer.text


async def test_a_line_that_was_given_up_is_free_again():
    async with open_house(max_calls=1) as house:
        for _ in range(3):
            async with house.pick_up() as handset:
                await handset.hear("media")
                await handset.stop()
                await house.event(CallEnded, call_sid=handset.call_sid)
        assert verbs(await house.post("/voice")) == ["Connect", "Redirect"]
