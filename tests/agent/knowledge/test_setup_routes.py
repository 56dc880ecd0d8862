"""Shops are set up over HTTP by who may, and every refusal says what is wrong in one form."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from aiohttp import web
from fastapi import FastAPI
from test_onboarding import MENU, NOON, Office, open_office
from website import page

from agent.access import OperatorDesk
from agent.errors import AccessError
from agent.knowledge.routes import setup_router
from agent.settings import Settings
from dashboard_bridge.door import Door
from dashboard_bridge.rights import Rights

ADMIN = {"Authorization": "Bearer the admin's own"}
OPERATOR = {"Authorization": "Bearer the operators' own"}


@dataclass
class Counter:
    """Where shops are set up, over HTTP."""

    office: Office
    client: httpx.AsyncClient

    def body(self, **changes: Any) -> dict[str, Any]:
        return {**self.office.request().model_dump(), **changes}

    async def post(self, body: object, query: str = "", headers: dict[str, str] = ADMIN) -> httpx.Response:
        return await self.client.post("/shop/setup" + query, json=body, headers=headers)

    async def get(self, path: str, headers: dict[str, str] = ADMIN) -> httpx.Response:
        return await self.client.get(path, headers=headers)


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncGenerator[Counter]:
    async with open_office(tmp_path) as office:
        app = FastAPI()
        settings = Settings(admin_token="the admin's own")
        door = Door(OperatorDesk("the operators' own"), b"a secret", settings, lambda: NOON)
        app.include_router(setup_router(office.onboarding, office.approval, Rights(door)))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
                yield Counter(office, client)
            server.should_exit = True
            await serving


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal in the house's form."""
    error = answer.json()["error"]
    assert error["message"]
    return answer.status_code, error["code"]


async def test_a_shop_is_set_up_and_its_progress_told(counter: Counter) -> None:
    begun = await counter.post(counter.body())
    assert begun.status_code == 202
    progress = begun.json()["progress"]
    assert begun.headers["location"] == progress
    async with asyncio.timeout(5):
        while (told := (await counter.get(progress, OPERATOR)).json()["job"])["state"] not in ("done", "failed"):
            assert told["state"] in ("queued", "fetching", "reading", "storing")
    assert (told["outcome"], told["version"], told["pages_read"]) == ("stored", 1, 2)
    config = await counter.get("/shop/1/config", OPERATOR)
    assert config.status_code == 200
    assert [service["name"] for service in config.json()["services"]] == ["Cut", "Balayage"]


async def test_who_waits_is_answered_when_it_is_done(counter: Counter) -> None:
    done = await counter.post(counter.body(), "?wait=true")
    assert (done.status_code, done.json()["job"]["outcome"]) == (200, "stored")
    again = await counter.post(counter.body(), "?wait=true")
    assert (again.status_code, again.json()["job"]["outcome"]) == (200, "unchanged")


async def test_two_who_ask_at_once_get_the_same_job(counter: Counter) -> None:
    answers = await asyncio.gather(*(counter.post(counter.body(), "?wait=true") for _ in range(3)))
    assert len({answer.json()["job"]["id"] for answer in answers}) == 1
    assert counter.office.site.paths.count("/prices") == 1


async def test_a_failed_job_has_the_status_of_its_error(counter: Counter) -> None:
    counter.office.site.at = {}
    failed = await counter.post(counter.body(), "?wait=true")
    assert refused(failed) == (422, "not_found")
    assert failed.json()["job"]["state"] == "failed"
    inside = await counter.post(counter.body(website_url="http://10.0.0.1/"), "?wait=true")
    assert refused(inside) == (422, "address_refused")
    assert refused(await counter.get("/shop/1/config")) == (404, "location_unknown")


async def test_a_number_of_another_shop_is_refused(counter: Counter) -> None:
    await counter.post(counter.body(), "?wait=true")
    assert refused(await counter.post(counter.body(location_id=2))) == (409, "phone_number_taken")


async def test_something_else_meanwhile_is_refused(counter: Counter) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response(text=page(MENU), content_type="text/html")

    counter.office.site.at["/prices"] = slow
    await counter.post(counter.body())
    assert refused(await counter.post(counter.body(business_name="Other"))) == (409, "setup_running")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"phone_number": "8084826296"}, "phone_number_invalid"),
        ({"phone_number": "+1"}, "phone_number_invalid"),
        ({"location_id": 0}, "location_id_invalid"),
        ({"location_id": "one"}, "location_id_invalid"),
        ({"business_name": "  "}, "business_name_invalid"),
        ({"website_url": ""}, "website_url_invalid"),
        ({"website_url": "file:///etc/passwd"}, "scheme_refused"),
        ({"website_url": "https://a b"}, "url_invalid"),
        ({"wbesite": "x"}, "body_invalid"),
        ({"owner": "me"}, "owner_invalid"),
        ({"owner": {"transfer_to": "808"}}, "owner_invalid"),
        ({"owner": {"services": [{"name": "Cut", "price": "dear"}]}}, "owner_invalid"),
        ({"owner": {"phone_number": "+18084826296"}}, "owner_invalid"),
    ],
)
async def test_a_wrong_field_is_named(counter: Counter, changes: dict[str, Any], code: str) -> None:
    assert refused(await counter.post(counter.body(**changes))) == (422, code)
    assert counter.office.site.asked == []


async def test_a_wrong_fact_of_the_owners_is_told_with_its_place(counter: Counter) -> None:
    owner = {"services": [{"name": "Cut"}, {"name": "Perm", "minutes": "long"}]}
    answer = await counter.post(counter.body(owner=owner))
    assert answer.json()["error"]["message"].startswith("owner.services.1.minutes: ")


async def test_the_owners_facts_are_set_up_with_the_website(counter: Counter) -> None:
    owner = {"greeting": "Aloha!", "services": [{"name": "Cut", "minutes": 30}]}
    done = await counter.post(counter.body(owner=owner), "?wait=true")
    assert (done.status_code, done.json()["job"]["outcome"]) == (200, "stored")
    config = (await counter.get("/shop/1/config")).json()
    assert (config["greeting"], config["services"][0]["minutes"]) == ("Aloha!", 30)
    unknown = await counter.post(counter.body(owner={"services": [{"name": "Perm"}]}), "?wait=true")
    assert refused(unknown) == (422, "owner_service_unknown")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "body_invalid"),
        (b"[]", 422, "body_invalid"),
        (b"{", 422, "body_invalid"),
        (b"\xff\xfe", 422, "body_invalid"),
        (b"{}", 422, "location_id_invalid"),
        (b'"' + b"x" * 70_000 + b'"', 413, "body_too_large"),
        (b"[" * 10_000, 422, "body_invalid"),
    ],
)
async def test_a_body_that_is_none(counter: Counter, body: bytes, status: int, code: str) -> None:
    assert refused(await counter.client.post("/shop/setup", content=body, headers=ADMIN)) == (status, code)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "token_missing"),
        ({"Authorization": "Basic eDp5"}, 401, "token_missing"),
        ({"Authorization": "Bearer"}, 401, "token_missing"),
        ({"Authorization": "Bearer guess"}, 403, "token_refused"),
        (OPERATOR, 403, "token_refused"),
    ],
)
async def test_only_the_admin_sets_up(counter: Counter, headers: dict[str, str], status: int, code: str) -> None:
    assert refused(await counter.post(counter.body(), headers=headers)) == (status, code)
    assert counter.office.site.asked == []


@pytest.mark.parametrize("path", ["/shop/1/config", "/shop/setup/any", "/shop/1/proposals"])
async def test_strangers_read_nothing(counter: Counter, path: str) -> None:
    assert refused(await counter.get(path, {})) == (401, "token_missing")
    assert refused(await counter.get(path, {"Authorization": "Bearer guess"})) == (403, "token_refused")


async def proposed(counter: Counter) -> dict[str, Any]:
    """What waits for a word after the site has raised its prices."""
    await counter.post(counter.body(), "?wait=true")
    counter.office.site.at["/prices"] = page("<li>Cut: 50</li><li>Toner: 20</li>")
    await counter.post(counter.body(), "?wait=true")
    told = await counter.get("/shop/1/proposals", OPERATOR)
    assert told.status_code == 200, told.text
    return told.json()["proposal"]


async def decide(
    counter: Counter, proposal_id: str, body: object, headers: dict[str, str] = ADMIN, location: str = "1"
) -> httpx.Response:
    return await counter.client.post(f"/shop/{location}/proposals/{proposal_id}", json=body, headers=headers)


async def test_a_proposal_is_read_and_decided(counter: Counter) -> None:
    proposal = await proposed(counter)
    assert [(at["id"], at["kind"]) for at in proposal["changes"]] == [
        ("services:cut", "changed"),
        ("services:toner", "added"),
        ("services:balayage", "removed"),
    ]
    cut = proposal["changes"][0]
    assert (cut["before"]["price"], cut["after"]["price"], cut["source"], cut["decision"]) == (
        *("45.00", "50.00", None, None),
    )
    half = await decide(counter, proposal["id"], {"approve": ["services:cut"]})
    assert (half.status_code, half.json()["version"], half.json()["proposal"]["state"]) == (200, 2, "open")
    assert (await counter.get("/shop/1/proposals")).json() == {"proposal": half.json()["proposal"]}
    rest = await decide(counter, proposal["id"], {"approve": "all", "reject": ["services:balayage"]})
    assert (rest.status_code, rest.json()["version"], rest.json()["proposal"]["state"]) == (200, 3, "approved")
    assert rest.json()["proposal"]["decided_by"] == "admin"
    assert (await counter.get("/shop/1/proposals")).json() == {"proposal": None}
    config = (await counter.get("/shop/1/config")).json()
    assert [(at["name"], float(at["price"])) for at in config["services"]] == [
        *(("Cut", 50), ("Balayage", 180), ("Toner", 20)),
    ]
    assert refused(await decide(counter, proposal["id"], {"reject": "all"})) == (409, "proposal_decided")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "nothing_decided"),
        ({"approve": []}, 422, "nothing_decided"),
        ({"approve": "everything"}, 422, "approve_invalid"),
        ({"reject": [1]}, 422, "reject_invalid"),
        ({"aprove": "all"}, 422, "body_invalid"),
        ([], 422, "body_invalid"),
        ({"approve": ["services:nobody"]}, 404, "change_unknown"),
        ({"approve": "all", "reject": "all"}, 422, "change_contradicted"),
        ({"approve": ["x" * 300_000]}, 413, "body_too_large"),
    ],
)
async def test_a_word_that_is_none_stores_nothing(counter: Counter, body: object, status: int, code: str) -> None:
    proposal = await proposed(counter)
    assert refused(await decide(counter, proposal["id"], body)) == (status, code)
    assert (await counter.get("/shop/1/proposals")).json() == {"proposal": proposal}
    assert (await counter.get("/shop/1/config")).json()["version"] == 1


async def test_an_outdated_proposal_and_those_of_others(counter: Counter) -> None:
    first = await proposed(counter)
    await counter.post(counter.body(), "?wait=true")
    assert refused(await decide(counter, first["id"], {"approve": "all"})) == (409, "proposal_outdated")
    newest = (await counter.get("/shop/1/proposals")).json()["proposal"]
    await counter.post(counter.body(location_id=2, phone_number="+18084826292"), "?wait=true")
    assert (await counter.get("/shop/2/proposals")).json() == {"proposal": None}
    for location, name, code in (
        ("2", newest["id"], "proposal_unknown"),
        ("1", "nobody", "proposal_unknown"),
        ("9", newest["id"], "location_unknown"),
        ("x", newest["id"], "location_unknown"),
    ):
        assert refused(await decide(counter, name, {"approve": "all"}, location=location)) == (404, code)
    assert refused(await decide(counter, newest["id"], {"approve": "all"}, OPERATOR)) == (403, "token_refused")
    assert refused(await decide(counter, newest["id"], {"approve": "all"}, {})) == (401, "token_missing")
    assert (await counter.get("/shop/1/proposals")).json()["proposal"] == newest


@pytest.mark.parametrize("location", ["7", "0", "x", "-1", "9" * 30, "%F0%9F%92%87"])
async def test_a_shop_nobody_set_up(counter: Counter, location: str) -> None:
    for what in ("config", "proposals"):
        assert refused(await counter.get(f"/shop/{location}/{what}")) == (404, "location_unknown")


async def test_a_job_nobody_began(counter: Counter) -> None:
    assert refused(await counter.get("/shop/setup/nobody")) == (404, "job_unknown")


async def test_without_a_token_of_their_own_nobody_is_admin() -> None:
    door = Door(OperatorDesk(""), b"a secret", Settings(), lambda: NOON)
    for papers in ("", "x"):
        with pytest.raises(AccessError, match="neither"):
            await door.check_token(papers)


def cookie(token: str, name: str) -> dict[str, str]:
    """What a browser sends after a login with a token."""
    paper = OperatorDesk(token).issue_cookie(b"a secret", NOON, name)
    return {"Cookie": f"chairside_operator={paper}"}


OWNER_PAGE = cookie("the admin's own", "admin")
OPERATOR_PAGE = cookie("the operators' own", "operator")


async def test_an_owners_cookie_sets_up_and_decides(counter: Counter) -> None:
    done = await counter.post(counter.body(), "?wait=1", OWNER_PAGE)
    assert done.status_code == 200
    assert (await counter.get(f"/shop/setup/{done.json()['job']['id']}", OWNER_PAGE)).status_code == 200
    assert (await counter.get("/shop/1/proposals", OWNER_PAGE)).json() == {"proposal": None}
    assert refused(await decide(counter, "nobody", {"approve": "all"}, OWNER_PAGE)) == (404, "proposal_unknown")


async def test_an_operators_cookie_only_reads(counter: Counter) -> None:
    await counter.post(counter.body(), "?wait=1")
    assert (await counter.get("/shop/1/proposals", OPERATOR_PAGE)).status_code == 200
    assert refused(await counter.post(counter.body(), headers=OPERATOR_PAGE)) == (403, "not_allowed")
    assert refused(await decide(counter, "nobody", {"approve": "all"}, OPERATOR_PAGE)) == (403, "not_allowed")
    elsewhere = OWNER_PAGE | {"Origin": "https://elsewhere.example"}
    assert refused(await counter.post(counter.body(), headers=elsewhere)) == (403, "origin_refused")
