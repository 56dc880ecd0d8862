"""Emulated Twilio REST, driven by the vendor's SDK where it can be led here."""

import asyncio
from typing import Any

import aiohttp
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from agent.emulators.stage import Stage
from agent.emulators.twilio import PhoneCall
from agent.emulators.vendor import Fault


class Led(TwilioHttpClient):
    """The SDK's own HTTP client, its requests led to another host."""

    def __init__(self, base_url: str) -> None:
        super().__init__(pool_connections=False)
        self.base_url = base_url

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self.base_url), *args, **more)


def sdk(stage: Stage, token: str | None = None) -> Client:
    account = stage.twilio.account_sid
    return Client(account, token or stage.twilio.auth_token, http_client=Led(stage.twilio.base_url))


async def test_a_call_is_read_and_ended(stage: Stage) -> None:
    updates: list[dict[str, str]] = []
    call = PhoneCall("CA1", "+12025550143", "+18084826296", "in-progress", on_update=updates.append)
    stage.twilio.calls["CA1"] = call
    client = sdk(stage)

    before = await asyncio.to_thread(client.calls("CA1").fetch)
    after = await asyncio.to_thread(client.calls("CA1").update, status="completed")

    assert (before.status, before.to) == ("in-progress", "+18084826296")
    assert after.status == "completed"
    assert updates == [{"Status": "completed"}]
    assert stage.twilio.requests[-1]["Status"] == "completed"


async def test_an_ended_call_takes_no_more_twiml(stage: Stage) -> None:
    stage.twilio.calls["CA1"] = PhoneCall("CA1", "+12025550143", "+18084826296", "completed")
    with pytest.raises(TwilioRestException) as refused:
        await asyncio.to_thread(sdk(stage).calls("CA1").update, twiml="<Response/>")
    assert refused.value.code == 21220


async def test_an_unknown_call_is_20404_and_a_wrong_token_20003(stage: Stage) -> None:
    with pytest.raises(TwilioRestException) as missing:
        await asyncio.to_thread(sdk(stage).calls("CA404").update, status="completed")
    with pytest.raises(TwilioRestException) as denied:
        await asyncio.to_thread(sdk(stage, "wrong").calls("CA404").fetch)

    assert (missing.value.status, missing.value.code) == (404, 20404)
    assert (denied.value.status, denied.value.code) == (401, 20003)


async def test_a_number_is_found_and_connected(stage: Stage) -> None:
    stage.twilio.add_number("+18084826296")
    stage.twilio.add_number("+442075550200")
    client = sdk(stage)

    (found,) = await asyncio.to_thread(client.incoming_phone_numbers.list, phone_number="+18084826296")
    changed = await asyncio.to_thread(found.update, voice_url="https://a.test/voice", sms_url="https://a.test/sms")

    assert (changed.voice_url, changed.sms_url) == ("https://a.test/voice", "https://a.test/sms")
    assert changed.voice_method == "POST"
    assert len(await asyncio.to_thread(client.incoming_phone_numbers.list)) == 2
    with pytest.raises(TwilioRestException):
        await asyncio.to_thread(client.incoming_phone_numbers("PN404").fetch)


async def test_a_message_is_sent(stage: Stage) -> None:
    client = sdk(stage)
    sent = await asyncio.to_thread(client.messages.create, to="+12025550143", from_="+18084826296", body="See you.")

    assert sent.status == "queued"
    assert [message["body"] for message in stage.twilio.messages] == ["See you."]
    with pytest.raises(TwilioRestException) as refused:
        await asyncio.to_thread(client.messages.create, to="", from_="+18084826296", body="x")
    assert refused.value.code == 21604


async def test_the_account_can_be_read_and_faults_ordered(stage: Stage) -> None:
    url = f"{stage.twilio.base_url}/2010-04-01/Accounts/{stage.twilio.account_sid}.json"
    basic = aiohttp.encode_basic_auth(stage.twilio.account_sid, stage.twilio.auth_token)
    headers = {"Authorization": basic}
    stage.order(Fault(vendor="twilio", kind="status", status=429))
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers=headers) as busy:
            assert (await busy.json())["code"] == 20429
        async with session.get(url, headers=headers) as answer:
            assert (await answer.json())["status"] == "active"
        for path, status in (("/elsewhere.json", 404), ("/2010-04-01/Accounts/AC1/Calls/CA1.json", 404)):
            async with session.get(stage.twilio.base_url + path, headers=headers) as answer:
                assert answer.status == status
        async with session.get(stage.twilio.base_url + "/elsewhere.json") as answer:
            assert answer.status == 401
