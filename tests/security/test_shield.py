"""What stands before every door: sizes, slowness, guessing, and what answers forbid browsers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from house import PLUMERIA, House, new_sid, open_house
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from agent import slow_requests
from agent.access import COOKIE_NAME
from agent.events import CallRefused

pytestmark = pytest.mark.asyncio(loop_scope="module")
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
}
WRONG = {"Authorization": "Bearer a guess"}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# Headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/app/calls"),
        ("GET", "/assets/none.js"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/me"),
        ("GET", "/shops"),
        ("GET", "/calls"),
        ("POST", "/login"),
        ("POST", "/logout"),
        ("POST", "/voice"),
        ("POST", "/sms"),
        ("POST", "/shop/setup"),
        ("GET", "/nowhere"),
        ("DELETE", "/voice"),
        ("GET", "/ops"),
    ],
)
async def test_every_answer_forbids_browsers_what_it_can(house: House, method: str, path: str):
    async with httpx.AsyncClient(base_url=house.url) as client:
        answer = await client.request(method, path, headers={"Origin": "https://evil.example"})
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"]
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "server" not in answer.headers


async def test_a_preflight_of_another_site_is_granted_nothing(house: House):
    asks = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,if-match",
    }
    async with httpx.AsyncClient(base_url=house.url) as client:
        answer = await client.options("/shops/1/knowledge", headers=asks)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_an_error_of_the_server_itself_is_shielded_as_well_and_tells_nothing(house: House):
    """What is no HTTP at all."""
    reader, writer = await dial(house)
    writer.write(b"\x16\x03\x01 this is TLS\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 3)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.endswith(b"Invalid HTTP request received.")
    writer.close()


# Sizes


async def endless(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 32_768):
        yield b"x" * 32_768
        await asyncio.sleep(0)


@pytest.mark.parametrize("path", ["/login", "/shop/setup", "/shops/1/knowledge", "/voice", "/sms", "/nowhere"])
async def test_a_body_that_tells_its_enormous_size_is_refused_unread(house: House, path: str):
    reader, writer = await dial(house)
    method = "PATCH" if "knowledge" in path else "POST"
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nContent-Type: application/json\r\n\r\n"
    )
    writer.write(head.encode() + b"{")
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 3)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"body_too_large"' in answer
    writer.close()


async def test_a_login_that_does_not_tell_its_size_is_bounded_as_well(house: House):
    async with httpx.AsyncClient(base_url=house.url) as client:
        sent = endless(3_000_000)
        answer = await client.post("/login", content=sent, headers={"Content-Type": "application/json"})
    assert code_of(answer) == (413, "body_too_large")


async def test_a_head_without_end_is_refused(house: House):
    reader, writer = await dial(house)
    writer.write(b"GET /healthz HTTP/1.1\r\n" + b"X-Long: " + b"x" * 80_000)
    assert (await asyncio.wait_for(reader.read(), 3)).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_an_upgrade_with_an_endless_line_is_refused_at_once(house: House):
    reader, writer = await dial(house)
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    writer.write(b"GET /ops HTTP/1.1\r\nHost: x\r\n" + upgrade + key + b"X-Long: " + b"x" * 9_000 + b"\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 3)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"handshake_unreadable"' in answer
    writer.close()


# Slowness


async def dial(house: House) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = house.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


DRIPS = {
    "silence": (b"", b"", slow_requests.HEAD_S),
    "a head in drops": (b"POST /voice HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n", slow_requests.HEAD_S),
    "an upgrade in drops": (b"GET /ops HTTP/1.1\r\nUpgrade: websocket\r\n", b"X-A: b\r\n", slow_requests.HEAD_S),
    "a second request in drops": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"X", slow_requests.HEAD_S),
    "a body in drops": (
        b"POST /voice HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n",
        b"x",
        slow_requests.BODY_S,
    ),
}


async def test_requests_that_drip_are_not_waited_for_nor_logged_as_our_fault(house: House):
    faults = len(house.warnings)
    ends = await asyncio.gather(*(dripped(house, *drip) for drip in DRIPS.values()))
    for (name, (_, _, within_s)), (took, answer) in zip(DRIPS.items(), ends, strict=True):
        assert within_s - 0.5 < took < within_s + 3, name
        assert answer.count(b"HTTP/1.1 408") == 1, name
        assert b'"request_slow"' in answer, name
    assert len(house.warnings) == faults


async def dripped(house: House, begins: bytes, drips: bytes, within_s: float) -> tuple[float, bytes]:
    """Send some bytes each quarter of a second until the server has had enough: how long that took, what it said."""
    loop = asyncio.get_running_loop()
    reader, writer = await dial(house)
    began = loop.time()
    writer.write(begins)
    listening = asyncio.create_task(reader.read())
    async with asyncio.timeout(within_s + 5):
        while not listening.done():
            writer.write(drips)
            await asyncio.wait({listening}, timeout=0.25)
    writer.close()
    return loop.time() - began, listening.result()


async def test_two_hundred_slow_strangers_keep_nobody_waiting(house: House):
    strangers = [await dial(house) for _ in range(200)]
    for _, writer in strangers:
        writer.write(b"POST /voice HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await house.post("/voice", new_sid())).status == 200
    assert loop.time() - began < 2
    for _, writer in strangers:
        writer.close()


# Guessing


async def test_an_address_that_guesses_is_turned_away_and_callers_are_not():
    async with open_house(max_refusals_per_minute=5) as house, httpx.AsyncClient(base_url=house.url) as client:
        for _ in range(5):
            assert (await client.post("/login", json={"token": "a guess"})).status_code == 401
        right = house.settings.operator_token.get_secret_value()
        refused = await client.post("/login", json={"token": right})
        assert code_of(refused) == (429, "too_many_refusals")
        assert refused.headers["retry-after"] == "60"
        assert code_of(await client.get("/shops", headers=WRONG)) == (429, "too_many_refusals")
        with pytest.raises(InvalidStatus, match="403"):
            await connect(house.url.replace("http", "ws", 1) + "/ops")
        async with house.pick_up() as handset:
            await handset.hear("media")


async def test_guesses_over_the_operators_socket_count():
    async with open_house(max_refusals_per_minute=3) as house, httpx.AsyncClient(base_url=house.url) as client:
        for _ in range(3):
            async with connect(house.url.replace("http", "ws", 1) + "/ops", additional_headers=WRONG) as socket:
                await asyncio.wait_for(socket.wait_closed(), 3)
                assert socket.close_code == 4401
        assert code_of(await client.get("/me")) == (429, "too_many_refusals")


async def test_wrong_signatures_shut_no_door_of_the_telephone():
    async with open_house(max_refusals_per_minute=3) as house:
        for _ in range(10):
            forged = await house.caller.post("/voice", {"CallSid": new_sid()}, signing="wrong")
            assert forged.status == 403
        assert (await house.post("/voice")).status == 200


@pytest.mark.parametrize(("proxies", "guilty_alone"), [("127.0.0.1", True), ("", False)])
async def test_behind_a_trusted_proxy_addresses_are_told_apart_and_nowhere_else(proxies: str, guilty_alone: bool):
    house_settings = {"max_refusals_per_minute": 3, "trusted_proxies": proxies}
    async with open_house(**house_settings) as house, httpx.AsyncClient(base_url=house.url) as client:
        for _ in range(3):
            await client.get("/me", headers={"X-Forwarded-For": "198.51.100.7"})
        guilty = await client.get("/me", headers={"X-Forwarded-For": "198.51.100.7"})
        other = await client.get("/me", headers={"X-Forwarded-For": "203.0.113.9"})
        assert guilty.status_code == 429
        assert other.status_code == (401 if guilty_alone else 429)


async def test_a_number_that_rings_without_end_is_asked_to_wait_and_others_are_answered():
    async with open_house(max_per_caller_per_minute=3) as house:
        for _ in range(3):
            assert "<Connect" in (await house.post("/voice", From="+12025550171")).text
        fourth = new_sid()
        refused = await house.post("/voice", fourth, From="+12025550171")
        assert refused.status == 200
        assert "too many calls" in refused.text
        assert (await house.event(CallRefused, call_sid=fourth)).code == "too_many_calls"
        assert "<Connect" in (await house.post("/voice", From="+12025550172")).text
        for _ in range(5):
            assert "<Connect" in (await house.post("/voice", From="anonymous")).text


async def test_a_number_that_texts_without_end_gets_no_more_replies_but_stop_counts():
    async with open_house(max_per_caller_per_minute=3) as house:
        spammer = "+12025550173"
        told = [(await house.caller.text(spammer, PLUMERIA.phone_number, "hello?")).text for _ in range(5)]
        assert ["<Message>" in text for text in told] == [True, True, True, False, False]
        assert "<Message>" in (await house.caller.text("+12025550174", PLUMERIA.phone_number, "hello?")).text
        await house.caller.text(spammer, PLUMERIA.phone_number, "STOP")
        assert await house.services.texts.is_opted_out(PLUMERIA.location_id, spammer)


# Other sites' pages


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/shops"),
        ("GET", "/me"),
        ("GET", "/calls"),
        ("GET", "/metrics"),
        ("GET", "/shop/1/config"),
        ("PATCH", "/shops/1/knowledge"),
        ("POST", "/shop/setup"),
        ("POST", "/shop/1/proposals/any"),
        ("POST", "/login"),
        ("POST", "/logout"),
    ],
)
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_another_sites_page_does_nothing_with_our_cookie(house: House, method: str, path: str, origin: str):
    token = house.settings.operator_token.get_secret_value()
    async with httpx.AsyncClient(base_url=house.url) as client:
        cookie = (await client.post("/login", json={"token": token})).cookies[COOKIE_NAME]
        client.cookies.clear()
        headers = {"Origin": origin, "Cookie": f"{COOKIE_NAME}={cookie}", "If-Match": '"1"'}
        body = {"token": token} if path == "/login" else {}
        answer = await client.request(method, path, headers=headers, json=body)
    assert answer.status_code in (401, 403)
    assert answer.json()["error"]["code"] == "origin_refused"
    assert "set-cookie" not in answer.headers


async def test_a_form_of_another_site_is_no_login(house: House):
    """Forms can send text/plain without asking first; JSON they cannot."""
    token = house.settings.operator_token.get_secret_value()
    async with httpx.AsyncClient(base_url=house.url) as client:
        headers = {"Content-Type": "text/plain"}
        answer = await client.post("/login", content=json.dumps({"token": token}), headers=headers)
    assert code_of(answer) == (422, "body_invalid")
    assert "set-cookie" not in answer.headers
