"""A front end of before: logs in, lists the shops, connects with its cookie, asks nothing, reads two types."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
from websockets.asyncio.client import connect

from agent.access import COOKIE_NAME
from dashboard_bridge.visitor import Visitor

if TYPE_CHECKING:
    from bridge_rig import Bridge

FIELDS_OF_METRICS = {
    "location_id",
    "business_name",
    "recentCalls",
    "activeBookings",
    "services",
    "professionals",
}
FIELDS_OF_TRANSCRIPT = {"location_id", "call_sid", "text", "speaker", "final", "turn", "interrupted", "at"}


async def test_the_page_of_before_goes_on_working(bridge: Bridge) -> None:
    async with httpx.AsyncClient(base_url=bridge.http) as client:
        cookie = (await client.post("/login", json={"token": bridge.token})).cookies[COOKIE_NAME]
        shops = (await client.get("/shops", headers={"Cookie": f"{COOKIE_NAME}={cookie}"})).json()["shops"]
    names = {shop["location_id"]: shop["business_name"] for shop in shops}
    headers = {"Cookie": f"{COOKIE_NAME}={cookie}", "Origin": bridge.public_url}
    async with connect(f"ws://127.0.0.1:{bridge.port}/ops", additional_headers=headers) as socket:
        panels: dict[int, dict[str, object]] = {}
        lines: list[str] = []
        types: set[str] = set()
        async with asyncio.timeout(5):
            async for text in socket:
                message = json.loads(text)
                types.add(message["type"])
                if message["type"] == "metrics":
                    assert message["data"].keys() == FIELDS_OF_METRICS
                    panels[message["data"]["location_id"]] = message["data"]
                    if len(panels) == len(names) and not lines:
                        lines.append("")
                        bridge.answered()
                        bridge.heard("Do you", final=False)
                        bridge.heard("Do you do colour?", final=True)
                        bridge.spoken("Yes we do.", "Yes we do.")
                        bridge.ended()
                elif message["type"] == "transcript":
                    assert message["data"].keys() == FIELDS_OF_TRANSCRIPT
                    if message["data"]["final"]:
                        lines.append(f"{message['data']['speaker']}: {message['data']['text']}")
                elif message["type"] == "call" and message["data"]["state"] == "ended":
                    break
    assert {at: panel["business_name"] for at, panel in panels.items()} == names
    assert lines == ["", "caller: Do you do colour?", "agent: Yes we do."]
    assert types <= {"hello", "metrics", "transcript", "call"}


async def test_the_list_of_shops_is_the_visitors_own(bridge: Bridge) -> None:
    bridge.people["two"] = Visitor("Bo", {2: "viewer"})
    async with httpx.AsyncClient(base_url=bridge.http) as client:
        answer = await client.get("/shops", headers={"Authorization": "Bearer two"})
    assert [shop["location_id"] for shop in answer.json()["shops"]] == [2]
