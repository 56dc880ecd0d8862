"""The webhooks answer Twilio alone: signed over the public URL, and nothing that is no call gets further."""

import asyncio
import json

import pytest
from house import PLUMERIA, House, new_sid
from twilio.request_validator import RequestValidator

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOORS = ["/voice", "/voice/status", "/voice/after", "/voice/recording", "/voice/recording/stored", "/sms"]


def form(**more: str) -> dict[str, str]:
    return {"CallSid": new_sid(), "To": PLUMERIA.phone_number, "From": "+12025550143", **more}


async def post(house: House, path: str, signed_url: str, **more: str) -> tuple[int, str]:
    """A form posted to `path`, signed for `signed_url`: status and body."""
    fields = form(**more)
    signature = RequestValidator(house.stage.twilio.auth_token).compute_signature(signed_url, fields)
    headers = {"X-Twilio-Signature": signature}
    async with house.caller.session.post(house.url + path, data=fields, headers=headers) as answer:
        return answer.status, await answer.text()


async def post_raw(house: House, body: bytes, signature: str | None = None, **headers: str) -> tuple[int, str]:
    """Any bytes posted to /voice, signed as an empty form unless told otherwise."""
    empty = RequestValidator(house.stage.twilio.auth_token).compute_signature("https://chairside.test/voice", {})
    headers = {"X-Twilio-Signature": empty if signature is None else signature} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    async with house.caller.session.post(house.url + "/voice", data=body, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("signing", ["none", "wrong"])
async def test_without_the_right_signature_every_door_is_shut(house: House, path: str, signing: str):
    before = house.vendor_requests
    answer = await house.caller.post(path, form(), signing=signing)  # type: ignore[arg-type]
    assert (answer.status, json.loads(answer.text)["error"]["code"]) == (403, "bad_signature")
    assert house.vendor_requests == before


@pytest.mark.parametrize("path", DOORS)
async def test_a_signature_over_the_loopback_address_is_wrong(house: House, path: str):
    assert (await post(house, path, house.url + path))[0] == 403


async def test_a_signature_over_the_public_url_is_right(house: House):
    assert (await post(house, "/voice", "https://chairside.test/voice"))[0] == 200


@pytest.mark.parametrize("url", ["https://other.test/voice", "https://chairside.test/voice/after"])
async def test_a_signature_for_another_address_is_wrong(house: House, url: str):
    assert (await post(house, "/voice", url))[0] == 403


async def test_the_query_string_is_part_of_what_is_signed(house: House):
    assert (await post(house, "/voice?a=1&b=%20x", "https://chairside.test/voice?a=1&b=%20x"))[0] == 200
    assert (await post(house, "/voice?a=1", "https://chairside.test/voice"))[0] == 403
    assert (await post(house, "/voice", "https://chairside.test/voice?a=1"))[0] == 403


async def test_a_signature_does_not_cover_another_form(house: House):
    signature = RequestValidator(house.stage.twilio.auth_token).compute_signature(
        "https://chairside.test/voice", form(From="+12025550100")
    )
    async with house.caller.session.post(
        house.url + "/voice", data=form(From="+12025550199"), headers={"X-Twilio-Signature": signature}
    ) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("signature", ["", "é", "=" * 28, "x" * 4000])
async def test_a_signature_that_is_none_is_refused(house: House, signature: str):
    assert (await post_raw(house, b"CallSid=CA1", signature, Content_Type="application/x-www-form-urlencoded"))[
        0
    ] == 403


@pytest.mark.parametrize("city", ["ZÜRICH", "SAN JOSÉ & CO", "東京", "a+b%20c", "x" * 5000])
async def test_odd_letters_in_a_form_are_signed_as_they_are(house: House, city: str):
    assert (await post(house, "/voice", "https://chairside.test/voice", FromCity=city))[0] == 200


async def test_a_form_that_names_no_call_is_no_call(house: House):
    status, body = await post(house, "/voice", "https://chairside.test/voice", CallSid="")
    assert (status, json.loads(body)["error"]["code"]) == (400, "not_a_call")


async def test_a_body_that_is_no_form_is_no_call(house: House):
    for body, kind in ((b'{"CallSid":"CA1"}', "application/json"), (b"CallSid", "text/plain"), (b"\xff\0", "x/y")):
        status, answer = await post_raw(house, body, Content_Type=kind)
        assert status in (400, 403)
        assert json.loads(answer)["error"]["code"] in ("not_a_call", "bad_signature")


async def test_an_empty_body_is_no_call(house: House):
    status, body = await post_raw(house, b"")
    assert (status, json.loads(body)["error"]["code"]) == (400, "not_a_call")


async def test_a_form_with_too_many_fields_is_refused(house: House):
    body = "&".join(f"f{at}=1" for at in range(2000)).encode()
    status, answer = await post_raw(house, body, Content_Type="application/x-www-form-urlencoded")
    assert status in (400, 403)
    assert json.loads(answer)["error"]["code"] in ("form_malformed", "bad_signature")


async def test_a_form_that_is_too_large_is_refused_unread(house: House):
    status, body = await post_raw(house, b"CallSid=" + b"x" * 200_000, Content_Type="application/x-www-form-urlencoded")
    assert (status, json.loads(body)["error"]["code"]) == (413, "form_too_large")


async def test_a_form_that_does_not_tell_its_size_is_bounded_as_well(house: House):
    async def endless():
        yield b"CallSid="
        for _ in range(5):
            yield b"x" * 16_000
            await asyncio.sleep(0)

    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": "x"}
    async with house.caller.session.post(house.url + "/voice", data=endless(), headers=headers) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("path", DOORS)
async def test_only_post_is_answered(house: House, path: str):
    async with house.caller.session.get(house.url + path) as answer:
        assert answer.status == 405
