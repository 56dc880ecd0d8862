"""Whatever comes over the media socket of a live call: it is ignored or ends that call, and no other."""

import asyncio
import json

import pytest
from house import COPPER_LANE, PLUMERIA, Handset, House

from agent.events import CallAnswered, CallEnded, DigitPressed, StageTimed, TurnHeard, VendorDegraded

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def goes_on(house: House, handset: Handset) -> bool:
    """Whether a live call still follows its line: a key pressed now is told, and nothing has failed."""
    before = len(house.told(DigitPressed, call_sid=handset.call_sid))
    await handset.send({"event": "dtmf", "streamSid": handset.stream_sid, "dtmf": {"digit": "5"}})
    async with asyncio.timeout(3):
        while len(house.told(DigitPressed, call_sid=handset.call_sid)) == before:
            await asyncio.sleep(0.005)
    failed = house.told(CallEnded, call_sid=handset.call_sid) or house.told(VendorDegraded, call_sid=handset.call_sid)
    return not failed


def media(payload: object) -> str:
    return json.dumps({"event": "media", "media": {"track": "inbound", "payload": payload}})


def mark(name: object) -> str:
    return json.dumps({"event": "mark", "mark": {"name": name}})


def dtmf(digit: object) -> str:
    return json.dumps({"event": "dtmf", "dtmf": {"digit": digit}})


ODD = {
    "malformed": "{",
    "empty text": "",
    "a list": "[1, 2]",
    "a number": "17",
    "null": "null",
    "NaN": '{"event": NaN}',
    "deep nesting": "[" * 60_000,
    "deep nesting inside": '{"event":"media","media":' + '{"a":' * 10_000,
    "no event": "{}",
    "an unknown event": '{"event":"pigeon"}',
    "an event that is no text": '{"event":["media"]}',
    "a lone surrogate": '{"event":"\\ud800"}',
    "a second start": '{"event":"start","start":{"callSid":"CA2","streamSid":"MZ2"}}',
    "a second connected": '{"event":"connected"}',
    "media without content": '{"event":"media"}',
    "media that is text": '{"event":"media","media":"x"}',
    "no payload": '{"event":"media","media":{}}',
    "an empty payload": media(""),
    "a payload that is a number": media(5),
    "a payload that is a list": media(["//8="]),
    "wrong base64": media("!!!!"),
    "base64 cut short": media("//8"),
    "base64 of another alphabet": media("_-8="),
    "base64 with letters of another script": media("ÿÿ8="),
    "one byte of audio": media("/w=="),
    "an odd number of bytes": media("//////8="[:8]),
    "five seconds of audio at once": media("/" * 56_000),
    "a mark nobody sent": mark("nobody"),
    "a mark without content": '{"event":"mark"}',
    "a mark without a name": '{"event":"mark","mark":{}}',
    "a mark named by a number": mark(5),
    "a mark of another epoch": mark("99:100"),
    "a mark from the far future": mark("0:" + "9" * 5000),
    "a mark in the past": mark("0:-5"),
    "a mark in Arabic digits": mark("0:٢٠"),
    "a mark in superscript": mark("0:²"),
    "a digit that is none": dtmf("Z"),
    "an empty digit": dtmf(""),
    "two digits": dtmf("12"),
    "a digit that is a list": dtmf(["1"]),
    "a digit that is null": dtmf(None),
    "dtmf without content": '{"event":"dtmf"}',
    "an empty binary frame": b"",
    "binary that is no text": b"\xff\xfe\xfd\x80",
    "binary that is JSON": b'{"event":"pigeon"}',
    "binary noise": bytes(range(256)) * 40,
}


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_message_is_ignored(house: House, name: str):
    async with house.pick_up() as handset:
        await house.event(CallAnswered, call_sid=handset.call_sid)
        await handset.send(ODD[name])
        assert await goes_on(house, handset)


async def test_a_call_that_got_every_odd_message_still_answers_its_caller(house: House):
    async with house.pick_up() as handset:
        await house.event(CallAnswered, call_sid=handset.call_sid)
        for message in (at for name, at in ODD.items() if name != "five seconds of audio at once"):
            await handset.send(message)
        assert await goes_on(house, handset)
        await answered(house, handset)


async def answered(house: House, handset: Handset) -> None:
    """Ask for a price and wait for the first sound of the answer."""
    await handset.speak(house.stage.phrasebook.register_speech("How much is a balayage?").ulaw)
    await house.event(TurnHeard, call_sid=handset.call_sid, final=True)
    await house.event(StageTimed, call_sid=handset.call_sid, stage="voice_to_voice")


async def test_a_caller_who_presses_keys_before_speaking_is_heard(house: House):
    async with house.pick_up() as handset:
        for digit in "123*0#":
            await handset.send(dtmf(digit))
        await house.event(DigitPressed, call_sid=handset.call_sid, digit="#")
        pressed = [event.digit for event in house.told(DigitPressed, call_sid=handset.call_sid)]
    assert pressed == list("123*0#")


async def test_two_megabytes_end_that_call_and_no_other(house: House):
    async with house.pick_up(COPPER_LANE) as other:
        await other.hear("media")
        async with house.pick_up(PLUMERIA) as handset:
            await handset.hear("media")
            await handset.send("x" * 2_000_000)
            assert (await handset.closed())[0] == 1009
            await house.event(CallEnded, call_sid=handset.call_sid)
        assert len(house.told(CallEnded, call_sid=handset.call_sid)) == 1
        await answered(house, other)


async def test_text_that_is_no_utf8_ends_that_call_and_no_other(house: House):
    async with house.pick_up(COPPER_LANE) as other, house.pick_up(PLUMERIA) as handset:
        await handset.hear("media")
        handset.socket.protocol.send_text(b"\xff\xfe")
        handset.socket.send_data()
        assert (await handset.closed())[0] == 1007
        await house.event(CallEnded, call_sid=handset.call_sid)
        assert await goes_on(house, other)


async def test_a_flood_of_nonsense_in_one_call_does_not_keep_another_from_its_answer(house: House):
    async with house.pick_up(COPPER_LANE) as other, house.pick_up(PLUMERIA) as noisy:
        await asyncio.gather(noisy.hear("media"), other.hear("media"))

        async def flood() -> None:
            for _ in range(3000):
                await noisy.send("{")

        flooding = asyncio.create_task(flood())
        await answered(house, other)
        await flooding
        assert await goes_on(house, noisy)


async def test_keys_pressed_without_end_are_told_without_harm(house: House):
    async with house.pick_up() as handset:
        await handset.hear("media")
        for _ in range(300):
            await handset.send(dtmf("1"))
        assert await goes_on(house, handset)
