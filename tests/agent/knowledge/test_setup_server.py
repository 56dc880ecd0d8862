"""The doors of setting up stand in the whole server."""

from __future__ import annotations

import httpx
from house import PLUMERIA, open_house
from pydantic import SecretStr
from website import open_website, page

from agent.emulators.scenario import parse_scenario
from agent.events import TurnSpoken

ADMIN = {"Authorization": "Bearer the admin's own"}


async def test_a_server_reads_shops_to_admins_and_operators_and_fetches_for_admins() -> None:
    async with (
        open_website() as site,
        open_house(admin_token=SecretStr("the admin's own"), scrape_allow_loopback=True) as house,
        httpx.AsyncClient(base_url=house.url) as client,
    ):
        operator = {"Authorization": f"Bearer {house.settings.operator_token.get_secret_value()}"}
        for papers in (ADMIN, operator):
            config = await client.get("/shop/1/config", headers=papers)
            assert config.json()["business_name"] == PLUMERIA.business_name
        assert (await client.get("/shop/1/config")).status_code == 401
        site.at = {"/": page()}
        asked = {
            "location_id": 3,
            "phone_number": "+18085550188",
            "website_url": site.of("127.0.0.1"),
            "business_name": "New Salon",
        }
        assert (await client.post("/shop/setup", json=asked, headers=operator)).status_code == 403
        job = await client.post("/shop/setup?wait=true", json=asked, headers=ADMIN)
        assert job.json()["job"]["pages_read"] == 1
        assert site.paths == ["/"]


MENU = """
<h2>Colour</h2><table><tr><td>Balayage</td><td>150 min</td><td>from $210</td></tr>
<tr><td>Root touch-up</td><td>75 min</td><td>$95</td></tr></table>
<p>Monday closed. Tuesday to Saturday 9:00 - 18:00</p><p>Call us: (808) 555-0188</p>
"""


async def test_a_website_becomes_a_shop_that_the_next_call_knows() -> None:
    asked = {"location_id": 3, "phone_number": "+18085550188", "business_name": "New Salon"}
    async with (
        open_website() as site,
        open_house(admin_token=SecretStr("the admin's own"), scrape_allow_loopback=True) as house,
        httpx.AsyncClient(base_url=house.url, timeout=30) as client,
    ):
        site.at = {"/": page(MENU)}
        url = site.of("127.0.0.1")
        job = await client.post("/shop/setup?wait=true", json={**asked, "website_url": url}, headers=ADMIN)
        assert job.json()["job"]["state"] == "done", job.text
        asks = [question["code"] for question in job.json()["job"]["questions"]]
        assert asks == ["staff", "hours", "phone", "address", "currency"]
        shop = (await client.get("/shop/3/config", headers=ADMIN)).json()
        found = {service["name"]: (float(service["price"]), service["minutes"]) for service in shop["services"]}
        assert found == {"Balayage": (210, 150), "Root touch-up": (95, 75)}
        report = await house.call(
            parse_scenario(
                {"name": "the new shop", "to": "+18085550188", "steps": [{"say": "How much is a balayage?"}]}
            )
        )
        assert report.error is None
        spoken = await house.event(TurnSpoken, call_sid=report.call_sid, turn=1)
        assert "210" in spoken.text
