"""POST /sms and the doors of recordings are for what Twilio signed; a text reaches its sender's appointments alone."""

from __future__ import annotations

import json
import uuid

import pytest
from house import PLUMERIA, House, new_sid
from twilio.request_validator import RequestValidator

from agent.model import Booking
from tests.security.appointments import appointment

pytestmark = pytest.mark.asyncio(loop_scope="module")
VICTIM, STRANGER = "+12025550160", "+12025550161"


async def booked(house: House) -> Booking:
    """An appointment of the victim's."""
    return await appointment(house, VICTIM)


async def still_booked(house: House, booking: Booking) -> bool:
    found = await house.services.bookings.get_booking(1, booking.booking_id)
    return found is not None and found.state == "booked"


async def test_an_unsigned_text_changes_nothing(house: House):
    booking = await booked(house)
    for signing in ("none", "wrong"):
        for body in ("C", "STOP"):
            answer = await house.caller.text(VICTIM, PLUMERIA.phone_number, body, signing=signing)  # type: ignore[arg-type]
            assert (answer.status, json.loads(answer.text)["error"]["code"]) == (403, "bad_signature")
    assert await still_booked(house, booking)
    assert not await house.services.texts.is_opted_out(1, VICTIM)


async def test_a_signature_of_another_senders_text_is_worth_nothing(house: House):
    booking = await booked(house)
    form = house.caller.text_form("SM" + uuid.uuid4().hex, STRANGER, PLUMERIA.phone_number, "C")
    signature = RequestValidator(house.stage.twilio.auth_token).compute_signature("https://chairside.test/sms", form)
    async with house.caller.session.post(
        house.url + "/sms", data={**form, "From": VICTIM}, headers={"X-Twilio-Signature": signature}
    ) as answer:
        assert answer.status == 403
    assert await still_booked(house, booking)


@pytest.mark.parametrize(
    "cookie", ["{id}", "{id}.{id}.{id}", "", ".", "..", "%00", "%2E%2E", "x" * 3000, "{id}%20or%201=1", "é"]
)
async def test_a_cookie_opens_no_appointment_of_another(house: House, cookie: str):
    booking = await booked(house)
    jar = {"offered": cookie.format(id=booking.booking_id)}
    for body in ("C1", "C2", "C"):
        form = house.caller.text_form("SM" + uuid.uuid4().hex, STRANGER, PLUMERIA.phone_number, body)
        answer = await house.caller.post("/sms", form, cookies=dict(jar))
        assert answer.status == 200
        assert "Cancelled" not in answer.text
        assert "Cut" not in answer.text
    assert await still_booked(house, booking)


@pytest.mark.parametrize("sender", ["12025550160", "2025550160", "tel:+1-202-555-0161", "+1202555016", "+120255501600"])
async def test_a_number_like_the_customers_is_not_the_customers(house: House, sender: str):
    booking = await booked(house)
    await house.caller.text(sender, PLUMERIA.phone_number, "C")
    assert await still_booked(house, booking)


async def test_a_text_that_is_none_is_refused(house: House):
    form = house.caller.text_form("", VICTIM, PLUMERIA.phone_number, "C")
    answer = await house.caller.post("/sms", form)
    assert (answer.status, json.loads(answer.text)["error"]["code"]) == (400, "not_a_message")


@pytest.mark.parametrize("path", ["/sms", "/voice/recording", "/voice/recording/stored"])
async def test_an_endless_form_is_refused_unread(house: House, path: str):
    body = {"MessageSid": "SM1", "CallSid": "CA1", "Body": "x" * 200_000}
    answer = await house.caller.post(path, body)
    assert (answer.status, json.loads(answer.text)["error"]["code"]) == (413, "form_too_large")


async def test_ten_thousand_letters_are_answered_with_one_sentence(house: House):
    answer = await house.caller.text(STRANGER, PLUMERIA.phone_number, "C " * 5_000)
    assert answer.status == 200
    assert len(answer.text) < 400


async def test_an_unsigned_recording_is_not_kept(house: House):
    sid = new_sid()
    form = {**house.caller.form(sid, to=PLUMERIA.phone_number, caller=STRANGER), "RecordingSid": "RE1"}
    for path in ("/voice/recording", "/voice/recording/stored"):
        for signing in ("none", "wrong"):
            assert (await house.caller.post(path, form, signing=signing)).status == 403  # type: ignore[arg-type]
    assert not [message for message in await house.services.calls.get_messages(1) if message.call_sid == sid]


async def test_what_the_form_says_goes_before_what_the_address_says(house: House):
    """The address is signed as well, but only what Twilio posts is Twilio's own word."""
    sid = new_sid()
    form = {**house.caller.form(sid, to=PLUMERIA.phone_number, caller=VICTIM), "RecordingSid": "RE1"}
    await house.caller.post("/voice/recording?From=%2B12025550199&RecordingSid=RE2&CallSid=CA9", form)
    (message,) = [at for at in await house.services.calls.get_messages(1, limit=100) if at.call_sid == sid]
    assert (message.callback_number, message.tool_call_id) == (VICTIM, "RE1")
