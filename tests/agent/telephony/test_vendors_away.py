"""A vendor that refuses or is not there: the caller hears sorry instead of silence, then gets a person."""

import asyncio
import socket
from typing import Literal

import pytest
from house import PLUMERIA, Handset, House, open_house

from agent.emulators.faults import Fault
from agent.events import CallEnded, TurnSpoken, VendorDegraded

VendorName = Literal["deepgram", "cartesia", "openai"]


def nowhere() -> str:
    """A loopback address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


async def failed_once(house: House, handset: Handset) -> VendorDegraded:
    """Wait for the end; asserts that it comes soon, is one failure, and that the shop is dialled then."""
    ended = await house.event(CallEnded, timeout=8, call_sid=handset.call_sid)
    assert ended.reason == "failed"
    await handset.closed()
    assert len(house.told(CallEnded, call_sid=handset.call_sid)) == 1
    after = await house.post("/voice/after", handset.call_sid, CallStatus="in-progress")
    assert f">{PLUMERIA.transfer_to}</Dial>" in after.text
    return house.told(VendorDegraded, call_sid=handset.call_sid)[0]


def agent_audio_ms(handset: Handset) -> float:
    return sum(len(at["media"]["payload"]) * 3 / 4 / 8 for at in handset.received if at["event"] == "media")


def phrase_ms(house: House, name: Literal["greeting", "apology"]) -> float:
    phrase = house.services.phrases.get(PLUMERIA, name)
    assert phrase is not None
    return len(phrase.ulaw) / 8


@pytest.mark.parametrize("vendor", ["deepgram", "cartesia"])
async def test_a_vendor_that_refuses_us_at_connect_ends_the_call_with_an_apology(vendor: VendorName):
    async with open_house() as house, house.pick_up() as handset:
        house.stage.order(Fault(vendor=vendor, kind="status", status=401, times=20))
        told = await failed_once(house, handset)
        assert told.vendor == vendor
        assert agent_audio_ms(handset) >= phrase_ms(house, "greeting") + phrase_ms(house, "apology") - 20


async def test_ears_that_are_away_end_the_call_with_an_apology():
    async with open_house(deepgram_base_url=f"ws://{nowhere()}") as house, house.pick_up() as handset:
        told = await failed_once(house, handset)
        assert told.vendor == "deepgram"
        assert agent_audio_ms(handset) >= phrase_ms(house, "greeting") + phrase_ms(house, "apology") - 20


async def test_a_voice_that_is_away_leads_to_the_shop_and_nothing_is_told_as_heard():
    async with open_house(cartesia_base_url=f"http://{nowhere()}") as house, house.pick_up() as handset:
        assert (await failed_once(house, handset)).vendor == "cartesia"
        assert not [event.heard_text for event in house.told(TurnSpoken, turn=0) if event.heard_text]


async def test_a_model_that_refuses_us_leads_to_an_apology_and_the_shop():
    async with open_house() as house, house.pick_up() as handset:
        house.stage.order(Fault(vendor="openai", kind="status", status=401, times=20))
        await handset.hear("media")
        await handset.speak(house.stage.phrasebook.register_speech("How much is a haircut?").ulaw)
        assert (await failed_once(house, handset)).vendor == "openai"
        assert agent_audio_ms(handset) >= phrase_ms(house, "greeting") + phrase_ms(house, "apology") - 20


async def test_a_model_that_is_away_leads_to_an_apology_and_the_shop():
    async with open_house(openai_base_url=f"http://{nowhere()}/v1") as house, house.pick_up() as handset:
        await handset.hear("media")
        await handset.speak(house.stage.phrasebook.register_speech("How much is a haircut?").ulaw)
        assert (await failed_once(house, handset)).vendor == "openai"


async def test_an_apology_does_not_wait_behind_the_greeting_nor_hold_a_caller_who_leaves():
    async with open_house() as house, house.pick_up(answers_marks=False) as handset:
        house.stage.order(Fault(vendor="deepgram", kind="status", status=401, times=20))
        await house.event(VendorDegraded, timeout=15, call_sid=handset.call_sid)
        await handset.hear("clear", timeout=1)
        await handset.stop()
        await house.event(CallEnded, timeout=2, call_sid=handset.call_sid)
        await asyncio.sleep(0.1)
        assert len(house.told(CallEnded, call_sid=handset.call_sid)) == 1
