"""The owner changes what callers are told, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_rig import ADMIN, NOON, OPERATOR, Office, opened_office
from loguru import logger
from patience import until

from agent.events import ShopChanged

PATH = "/shops/1/knowledge"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened_office(tmp_path) as opened:
        yield opened


@pytest.fixture
def audited() -> Iterator[list[str]]:
    """What was written down of who did what."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(line.record["message"]), level="INFO")
    yield lines
    logger.remove(sink)


async def patch(client: httpx.AsyncClient, body: Any, version: str | None = '"1"', path: str = PATH) -> httpx.Response:
    headers = {} if version is None else {"If-Match": version}
    return (
        await client.patch(path, content=body, headers=headers)
        if isinstance(body, bytes | str)
        else (await client.patch(path, json=body, headers=headers))
    )


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_knowledge_is_read_with_its_version(office: Office) -> None:
    async with office.by("looks") as client:
        answer = await client.get(PATH)
    stored = await office.store.get_location_knowledge(1)
    assert stored is not None
    assert (answer.json(), answer.headers["ETag"]) == (stored.model_dump(mode="json"), '"1"')


@pytest.mark.parametrize("token", ["owns", ADMIN])
async def test_what_an_owner_changes_is_stored_announced_and_audited(
    office: Office, token: str, audited: list[str]
) -> None:
    async with office.by(token) as client:
        answer = await patch(client, {"address": "1 Ala Moana", "faq": [{"question": "Dogs?", "answer": "Gladly."}]})
    assert (answer.status_code, answer.json()["version"], answer.headers["ETag"]) == (200, 2, '"2"')
    stored = await office.store.get_location_knowledge(1)
    assert stored is not None
    assert stored.model_dump(mode="json") == answer.json()
    assert (stored.address, stored.faq[0].answer, stored.business_name) == ("1 Ala Moana", "Gladly.", "Tide & Tress")
    await until(lambda: ShopChanged(at=NOON, location_id=1, version=2) in office.events)
    name = "admin" if token == ADMIN else "Noe"
    assert f"audit: {name} changed knowledge of location 1 (address, faq) to version 2" in audited


async def test_an_owners_cookie_does_as_well(office: Office) -> None:
    async with office.visited(ADMIN) as client:
        assert (await patch(client, {"address": "1 Ala Moana"})).status_code == 200
        answer = await client.patch(
            PATH, json={"address": "2"}, headers={"If-Match": '"2"', "Origin": "https://elsewhere.example"}
        )
        assert refused(answer) == (401, "origin_refused")


@pytest.mark.parametrize("token", ["looks", "acts", OPERATOR])
async def test_nobody_else_changes_anything(office: Office, token: str, audited: list[str]) -> None:
    async with office.by(token) as client:
        assert refused(await patch(client, {"address": "x"})) == (403, "not_allowed")
        assert (await client.get(PATH)).json()["version"] == 1
    async with office.visited(OPERATOR) as client:
        assert refused(await patch(client, {"address": "x"})) == (403, "not_allowed")
    async with office.by("owns") as client:
        assert refused(await patch(client, {"address": "x"}, path="/shops/2/knowledge")) == (404, "location_unknown")
    async with office.visited() as client:
        assert refused(await patch(client, {"address": "x"})) == (401, "token_missing")
    assert not [line for line in audited if line.startswith("audit")]


async def test_of_two_who_change_the_same_version_one_is_told(office: Office) -> None:
    async with office.by("owns") as client:
        answers = await asyncio.gather(patch(client, {"address": "one"}), patch(client, {"address": "two"}))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        lost = next(answer for answer in answers if answer.status_code == 409)
        assert refused(lost) == (409, "shop_changed")
        assert refused(await patch(client, {"address": "three"}, '"7"')) == (409, "shop_changed")
        assert (await client.get(PATH)).json()["version"] == 2


async def test_changing_nothing_makes_no_version(office: Office) -> None:
    async with office.by("owns") as client:
        assert (await patch(client, {"business_name": "Tide & Tress"})).json()["version"] == 1
    assert office.events == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"services": [{"name": "Cut", "minutes": 0}]}, "services.0.minutes"),
        ({"services": [{"name": "Cut", "staff": ["Nobody"]}]}, "services"),
        ({"phone_number": "4826291"}, "phone_number"),
        ({"timezone": "Pacific/Nowhere"}, "timezone"),
        ({"hours": {"week": {"mon": [{"opens": "17:00", "closes": "09:00"}]}}}, "hours.week.mon.0"),
        ({"booking": {"slot_minutes": 1}}, "booking.slot_minutes"),
        ({"colour": "red"}, "colour"),
        ({"location_id": 2}, "location_id"),
        ({"version": 9}, "version"),
    ],
)
async def test_a_field_that_cannot_be_is_named_and_nothing_is_stored(
    office: Office, changes: dict[str, Any], field: str
) -> None:
    async with office.by("owns") as client:
        answer = await patch(client, {"address": "new", **changes})
        assert refused(answer) == (422, "shop_invalid")
        assert [at["field"] for at in answer.json()["error"]["fields"]] == [field]
        assert (await client.get(PATH)).json()["version"] == 1


@pytest.mark.parametrize(
    ("body", "version", "status", "code"),
    [
        ({"address": "x"}, None, 428, "version_missing"),
        ({"address": "x"}, "latest", 400, "version_invalid"),
        (["address"], '"1"', 422, "body_invalid"),
        (b"{", '"1"', 422, "body_invalid"),
        (b"\xff", '"1"', 422, "body_invalid"),
        (b"x" * (1024 * 1024 + 1), '"1"', 413, "body_too_large"),
        ({"phone_number": "+18084826292"}, '"1"', 409, "phone_number_taken"),
    ],
)
async def test_requests_that_are_none(office: Office, body: Any, version: str | None, status: int, code: str) -> None:
    async with office.by("owns") as client:
        assert refused(await patch(client, body, version)) == (status, code)
