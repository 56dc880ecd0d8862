"""Emulated Twilio REST, driven by the vendor's SDK where it can be led here."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from agent.emulators.faults import Fault
from agent.emulators.messages import segments
from agent.emulators.stage import Stage
from agent.emulators.twilio import PhoneCall


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


async def test_messages_are_listed_newest_first_filtered_and_in_pages(stage: Stage) -> None:
    client, texts = sdk(stage), stage.twilio.texts
    for at in range(7):
        texts.add("outbound-api", "+18084826296", f"+1202555010{at % 2}", f"No {at}")
    texts.add("inbound", "+12025550100", "+18084826296", "Hello")

    everything = await asyncio.to_thread(client.messages.list, page_size=3)
    to_one = await asyncio.to_thread(client.messages.list, to="+12025550100", from_="+18084826296", page_size=2)
    sent = await asyncio.to_thread(client.messages.list, date_sent_after=datetime(2020, 1, 1, tzinfo=UTC))
    one = await asyncio.to_thread(client.messages(everything[0].sid).fetch)

    assert [message.body for message in everything] == ["Hello", *(f"No {at}" for at in range(6, -1, -1))]
    assert [message.body for message in to_one] == ["No 6", "No 4", "No 2", "No 0"]
    assert [message.body for message in sent] == ["Hello"]  # one that is queued has no DateSent yet
    assert (one.direction, one.status, one.date_created) == ("inbound", "received", everything[0].date_created)


@pytest.mark.parametrize(
    ("to", "body", "code"),
    [("+12025550110", "x", 21610), ("+12025550120", "x", 21614), ("202", "x", 21211), ("+12025550130", "", 21602)],
)
async def test_a_message_that_cannot_be_is_refused_in_twilios_words(
    stage: Stage, to: str, body: str, code: int
) -> None:
    stage.twilio.texts.heed("+18084826296", "+12025550110", " stop ")
    stage.twilio.texts.landlines.add("+12025550120")
    with pytest.raises(TwilioRestException) as refused:
        await asyncio.to_thread(sdk(stage).messages.create, to=to, from_="+18084826296", body=body)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert stage.twilio.messages == []


async def test_an_answer_may_be_lost_and_a_fault_waits_for_its_path(stage: Stage) -> None:
    stage.order(Fault(vendor="twilio", kind="lose_answer", path="/Messages"))
    client = sdk(stage)
    await asyncio.to_thread(client.incoming_phone_numbers.list)
    with pytest.raises(requests.exceptions.ConnectionError):
        await asyncio.to_thread(client.messages.create, to="+12025550143", from_="+18084826296", body="Once.")
    (found,) = await asyncio.to_thread(client.messages.list)
    assert found.body == "Once."


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("é" * 160, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("’" * 70, 1),
        ("’" * 71, 2),
    ],
)
def test_segments_are_counted_as_on_the_air(body: str, count: int) -> None:
    assert segments(body) == count


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
