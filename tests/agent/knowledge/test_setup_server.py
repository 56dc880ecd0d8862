"""The doors of setting up stand in the whole server."""

from __future__ import annotations

import httpx
from house import PLUMERIA, open_house
from pydantic import SecretStr
from website import open_website, page

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
