"""Who is let in: by header, by cookie from our own pages, by first message; and nobody else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from agent.access import COOKIE_LIFE, COOKIE_NAME

if TYPE_CHECKING:
    from bridge_rig import Bridge, Opener


async def log_in(bridge: Bridge) -> str:
    """The Cookie header after a login."""
    async with httpx.AsyncClient(base_url=bridge.http) as client:
        answer = await client.post("/login", json={"token": bridge.token})
    assert answer.status_code == 204
    return f"{COOKIE_NAME}={answer.cookies[COOKIE_NAME]}"


async def test_a_wrong_token_is_told_and_closed(bridge: Bridge) -> None:
    async with bridge.ops(headers={"Authorization": "Bearer guess"}) as page:
        assert (await page.next())["data"]["code"] == "token_refused"
        assert await page.closed() == 4401
    assert bridge.relay.counters["refused"] == 1
    assert bridge.relay.watching == 0


async def test_a_token_may_come_as_first_message(bridge: Bridge) -> None:
    async with bridge.ops(headers={}) as page:
        await page.send({"type": "auth", "token": bridge.token})
        assert [at["type"] for at in await page.take(3)] == ["hello", "metrics", "metrics"]
        await page.send({"type": "auth", "token": bridge.token})
        await page.send({"type": "subscribe", "locations": [1]})
        assert (await page.next())["type"] == "metrics"


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "auth", "token": "guess"}, "token_refused"),
        ({"type": "auth", "token": ""}, "token_refused"),
        ({"type": "auth"}, "token_missing"),
        ({"type": "subscribe", "locations": [1]}, "token_missing"),
        ("?", "token_missing"),
    ],
)
async def test_no_other_first_message_lets_in(bridge: Bridge, first: object, code: str) -> None:
    async with bridge.ops(headers={}) as page:
        await page.send(first)
        bridge.heard("a secret", final=True)
        assert (await page.next())["data"]["code"] == code
        assert await page.closed() == 4401


async def test_an_oversized_first_message_closes(bridge: Bridge) -> None:
    async with bridge.ops(headers={}) as page:
        await page.send(json.dumps({"type": "auth", "token": "x" * 70_000}))
        assert (await page.next())["data"]["code"] == "too_big"
        assert await page.closed() == 1009


async def test_silence_is_not_waited_for_long(open_bridge: Opener) -> None:
    bridge = await open_bridge(auth_wait_s=0.1)
    async with bridge.ops(headers={}) as page:
        assert (await page.next())["data"]["code"] == "token_missing"
        assert await page.closed() == 4401


async def test_the_cookie_lets_our_own_pages_in(bridge: Bridge) -> None:
    cookie = await log_in(bridge)
    for origin in (bridge.public_url, f"{bridge.public_url}:443", bridge.http):
        async with bridge.ops(headers={"Cookie": cookie, "Origin": origin}) as page:
            assert (await page.next())["type"] == "hello"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://phones.example", "https://phones.example:444", "null", "http://[", None],
)
async def test_the_cookie_is_worthless_to_another_site(bridge: Bridge, origin: str | None) -> None:
    headers = {"Cookie": await log_in(bridge)} | ({"Origin": origin} if origin else {})
    async with bridge.ops(headers=headers) as page:
        assert (await page.next())["data"]["code"] == "origin_refused"
        assert await page.closed() == 4401


async def test_an_old_cookie_still_leaves_the_token(bridge: Bridge) -> None:
    headers = {"Cookie": await log_in(bridge), "Origin": bridge.public_url}
    bridge.now += COOKIE_LIFE + timedelta(seconds=1)
    async with bridge.ops(headers=headers) as page:
        await page.send({"type": "auth", "token": bridge.token})
        assert (await page.next())["type"] == "hello"


async def test_a_login_sets_a_cookie_no_script_reads(bridge: Bridge) -> None:
    async with httpx.AsyncClient(base_url=bridge.http) as client:
        here = await client.post("/login", json={"token": bridge.token})
        there = await client.post("/login", json={"token": bridge.token}, headers={"Host": "phones.example"})
    attributes = here.headers["set-cookie"].lower()
    assert "httponly" in attributes
    assert "samesite=strict" in attributes
    assert "secure" not in attributes
    assert "secure" in there.headers["set-cookie"].lower()


async def test_a_wrong_login_gets_none(bridge: Bridge) -> None:
    async with httpx.AsyncClient(base_url=bridge.http) as client:
        wrong = await client.post("/login", json={"token": "guess"})
        empty = await client.post("/login", json={})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "token_refused")
    assert "set-cookie" not in wrong.headers
    assert empty.status_code == 422


async def test_shops_are_listed_to_operators_only(bridge: Bridge) -> None:
    cookie = await log_in(bridge)
    async with httpx.AsyncClient(base_url=bridge.http) as client:
        by_token = await client.get("/shops", headers=bridge.bearer)
        by_cookie = await client.get("/shops", headers={"Cookie": cookie})
        by_other_site = await client.get("/shops", headers={"Cookie": cookie, "Origin": "https://evil.example"})
        by_nobody = await client.get("/shops")
    assert by_token.json() == by_cookie.json()
    assert by_token.json()["shops"][0] == {
        "location_id": 1,
        "business_name": "Tide & Tress",
        "phone_number": "+18084826291",
        "timezone": "Pacific/Honolulu",
    }
    assert (by_other_site.status_code, by_other_site.json()["error"]["code"]) == (401, "origin_refused")
    assert (by_nobody.status_code, by_nobody.json()["error"]["code"]) == (401, "token_missing")
