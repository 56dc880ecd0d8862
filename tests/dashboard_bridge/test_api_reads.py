"""What pages read over HTTP, and who may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_rig import ADMIN, CALLER, NOON, OPERATOR, Office, opened_office

from agent.model import Change, ClaimMismatch, OpenQuestion, Proposal


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened_office(tmp_path) as opened:
        yield opened


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def read(client: httpx.AsyncClient, path: str, **query: str) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def sids(client: httpx.AsyncClient, **query: str) -> list[str]:
    return [call["call_sid"] for call in (await read(client, "/calls", **query))["calls"]]


@pytest.mark.parametrize(("token", "name", "role"), [(OPERATOR, "operator", "operator"), (ADMIN, "admin", "owner")])
async def test_a_login_is_for_whom_the_token_is(office: Office, token: str, name: str, role: str) -> None:
    async with office.visited(token) as client:
        assert await read(client, "/me") == {"name": name, "role_by_location": "all", "roles": [role]}
        assert (await client.post("/logout", json={})).status_code == 204
        assert refused(await client.get("/me")) == (401, "token_missing")


async def test_me_tells_the_role_in_each_shop(office: Office) -> None:
    async with office.by("acts") as client:
        mine = {"1": "operator", "2": "viewer"}
        assert await read(client, "/me") == {"name": "Olu", "role_by_location": mine, "roles": ["operator", "viewer"]}


@pytest.mark.parametrize(
    "path", ["/me", "/calls", "/calls/CA1", "/bookings?location_id=1", "/shops/1/home", "/shops/1/knowledge"]
)
async def test_nobody_reads_without_papers(office: Office, path: str) -> None:
    async with office.visited() as client:
        assert refused(await client.get(path)) == (401, "token_missing")
    async with office.by("guess") as client:
        assert refused(await client.get(path)) == (401, "token_refused")
    async with office.visited(OPERATOR) as client:
        answer = await client.get(path, headers={"Origin": "https://elsewhere.example"})
        assert refused(answer) == (401, "origin_refused")


async def test_calls_newest_first_page_by_page(office: Office) -> None:
    for minute in range(5):
        await office.call(f"CA{minute}", at=1 + minute % 2, minute=minute)
    async with office.visited(OPERATOR) as client:
        page = await read(client, "/calls", limit="2")
        seen = [call["call_sid"] for call in page["calls"]]
        while page["next"]:
            page = await read(client, "/calls", limit="2", before=page["next"])
            seen += [call["call_sid"] for call in page["calls"]]
    assert seen == ["CA4", "CA3", "CA2", "CA1", "CA0"]


async def test_a_call_in_the_list(office: Office) -> None:
    await office.call("CA1", said="A cut please")
    async with office.visited(OPERATOR) as client:
        (call,) = (await read(client, "/calls"))["calls"]
    assert call == {
        "call_sid": "CA1",
        "location_id": 1,
        "caller": CALLER,
        "started_at": "2026-11-23T22:00:00Z",
        "ended_at": "2026-11-23T22:00:30Z",
        "end_reason": "caller_hung_up",
        "outcome": None,
        "summary": None,
        "flags": [],
        "turns": 1,
    }


async def test_calls_are_found_by_shop_words_and_day(office: Office) -> None:
    """Honolulu's Monday ends ten hours into UTC's Tuesday."""
    await office.call("CA1", said="how much is a Balayage")
    await office.call("CA2", at=2, minute=1, said="a balayage please")
    await office.call("CA3", minute=12 * 60, said="after midnight")
    async with office.visited(OPERATOR) as client:
        assert await sids(client, q="BALAYAGE much") == ["CA1"]
        assert await sids(client, location_id="2", q="", outcome="", before="") == ["CA2"]
        assert await sids(client, **{"from": "2026-11-23", "to": "2026-11-23"}) == ["CA2", "CA1"]
        assert await sids(client, **{"from": "2026-11-24"}) == ["CA3"]
        assert await sids(client, **{"from": "2026-11-23T22:01:00Z", "to": "2026-11-24T10:00:00Z"}) == ["CA2"]


async def test_calls_of_other_shops_are_not_there(office: Office) -> None:
    await office.call("CA1")
    await office.call("CA2", at=2, minute=1)
    async with office.by("looks") as client:
        assert await sids(client) == ["CA1"]
        assert await sids(client, location_id="2") == []
        assert refused(await client.get("/calls/CA2")) == (404, "call_unknown")
    async with office.by("acts") as client:
        assert await sids(client) == ["CA2", "CA1"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("limit", "0"), ("limit", "101"), ("limit", "x"), ("from", "yesterday"), ("to", "2026-11-24T10:00:00")),
        *(("to", "9999-12-31"), ("before", "x"), ("before", "ü"), ("before", "W10="), ("q", "x" * 201)),
        *(("location_id", "0"), ("location_id", "x"), ("colour", "red")),
    ],
)
async def test_what_is_asked_wrongly_is_named(office: Office, name: str, value: str) -> None:
    async with office.visited(OPERATOR) as client:
        answer = await client.get("/calls", params={name: value})
    assert refused(answer) == (422, "query_invalid")
    assert [field["field"] for field in answer.json()["error"]["fields"]] == [name]


async def test_one_call_with_all_that_is_stored_of_it(office: Office) -> None:
    await office.call("CA1", said="A cut please", ms=812.5)
    await office.call("CA2", minute=1)
    await office.message("CA1")
    await office.message("CA2")
    booking = await office.booked(NOON + timedelta(hours=1))
    async with office.visited(OPERATOR) as client:
        detail = await read(client, "/calls/CA1")
        assert refused(await client.get("/calls/CA7")) == (404, "call_unknown")
    assert detail["call"]["greeting"] == "Aloha."
    (turn,) = detail["turns"]
    assert (turn["heard"], turn["said"]) == ("A cut please", "Gladly.")
    assert turn["timings"] == [{"stage": "voice_to_voice", "ms": 812.5}]
    assert [at["booking_id"] for at in detail["bookings"]] == [booking.booking_id]
    assert [at["call_sid"] for at in detail["messages"]] == ["CA1"]
    assert (detail["tools"], detail["mismatches"]) == ([], [])


async def test_the_book_of_a_day_is_that_of_the_shops_own_day(office: Office) -> None:
    today = await office.booked(NOON + timedelta(hours=11))
    tomorrow = await office.booked(NOON + timedelta(hours=20))
    async with office.by("looks") as client:
        for query, expected in (({}, [today]), ({"day": "2026-11-24"}, [tomorrow]), ({"day": "2026-11-22"}, [])):
            found = await read(client, "/bookings", location_id="1", **query)
            assert found == {"bookings": [booking.model_dump(mode="json") for booking in expected]}
        assert refused(await client.get("/bookings?location_id=2")) == (404, "location_unknown")
        assert refused(await client.get("/bookings")) == (422, "query_invalid")
        assert refused(await client.get("/bookings?location_id=1&day=9999-12-31")) == (422, "query_invalid")


async def test_home_tells_the_day_and_what_needs_somebody(office: Office) -> None:
    booking = await office.booked(NOON + timedelta(hours=1))
    await office.message("CA1")
    await office.message("CA2", at=2)
    (text,) = await office.store.texts.claim_texts(now=NOON, until=NOON + timedelta(minutes=1))
    later = NOON + timedelta(seconds=1)
    assert await office.store.texts.settle_text(text, "failed", now=later, error="twilio_30006")
    await waiting(office)
    async with office.by("looks") as client:
        home = await read(client, "/shops/1/home")
    assert home["today"] == [booking.model_dump(mode="json")]
    lost, left = home["needs_action"]
    assert (lost["kind"], lost["callback_number"], lost["booking_id"]) == ("failed_text", CALLER, booking.booking_id)
    assert "twilio_30006" in lost["text"]
    assert left == {
        "kind": "message",
        "call_sid": "CA1",
        "caller_name": "Noa",
        "callback_number": CALLER,
        "text": "Ring me",
        "at": "2026-11-23T22:00:00Z",
    }
    assert (home["unanswered"], home["proposals"]) == ([], 1)


async def test_a_shop_that_is_not_there_or_not_theirs(office: Office) -> None:
    async with office.visited(OPERATOR) as client:
        for location in ("7", "0", "x", "-1", "9" * 30):
            for what in ("home", "knowledge"):
                assert refused(await client.get(f"/shops/{location}/{what}")) == (404, "location_unknown")
    async with office.by("looks") as client:
        for what in ("home", "knowledge"):
            assert refused(await client.get(f"/shops/2/{what}")) == (404, "location_unknown")


async def waiting(office: Office) -> None:
    """The website says one thing anew of the first shop."""
    known = await office.store.get_location_knowledge(1)
    change = {
        "id": "facts:address",
        "subject": "facts",
        "key": "address",
        "kind": "changed",
        "before": "",
        "after": "x",
    }
    proposal = Proposal(
        id="00000000-0000-4000-8000-000000000001",
        location_id=1,
        based_on=1,
        changes=(Change.model_validate(change),),
        created_at=NOON,
        scraped=known,
    )
    await office.store.propose(proposal)


async def test_what_became_of_a_call_is_told_and_found(office: Office) -> None:
    await office.call("CA1")
    await office.call("CA2", minute=1)
    wrong = ClaimMismatch(turn=1, kind="price", said="It is 40.", did="It is 45.")
    asked = (OpenQuestion(turn=1, question="Dogs?"),)
    end = {"outcome": "booked", "summary": "A cut.", "mismatches": (wrong,), "unanswered": asked}
    await office.store.conclude_call(1, "CA1", **end)
    await office.store.conclude_call(1, "CA2", **end | {"outcome": "question", "mismatches": ()})
    async with office.visited(OPERATOR) as client:
        (call,) = (await read(client, "/calls", outcome="booked"))["calls"]
        assert (call["outcome"], call["summary"], call["flags"]) == ("booked", "A cut.", ["mismatch", "unanswered"])
        assert (await read(client, "/calls/CA1"))["mismatches"] == [wrong.model_dump()]
        home = await read(client, "/shops/1/home")
    (item,) = home["needs_action"]
    assert (item["kind"], item["call_sid"], "It is 40." in item["text"]) == ("mismatch", "CA1", True)
    at = "2026-11-23T22:01:00+00:00"
    assert home["unanswered"] == [{"question": "Dogs?", "at": at, "times": 2, "call_sid": "CA2"}]
