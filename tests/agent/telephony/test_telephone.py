"""The Telephone port on Twilio's REST API: what is asked, and what each refusal means."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from house import PLUMERIA, new_sid
from text_rig import CUSTOMER, Desk, open_desk

from agent.emulators.faults import Fault
from agent.emulators.twilio import PhoneCall
from agent.emulators.twiml import parse_twiml
from agent.errors import ChairsideError, OutcomeUnknown, TelephonyError, TextRefused, TooManyRequests

SHOP = PLUMERIA.phone_number


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    async with open_desk(tmp_path) as running:
        yield running


async def failure(desk: Desk, to: str = CUSTOMER, body: str = "See you.") -> ChairsideError:
    """What sending a text raises."""
    with pytest.raises(TelephonyError) as why:
        await desk.telephone.send_text(sender=SHOP, to=to, body=body)
    return why.value


def order(desk: Desk, kind: str = "status", **more: object) -> None:
    desk.twilio.order(Fault.model_validate({"vendor": "twilio", "kind": kind, **more}))


async def test_a_text_is_sent_from_the_number_it_is_to_come_from(desk: Desk):
    sid = await desk.telephone.send_text(sender=SHOP, to=CUSTOMER, body="See you & Chloé.")
    (message,) = desk.twilio.messages
    assert (message["sid"], message["from"], message["to"]) == (sid, SHOP, CUSTOMER)
    assert message["body"] == "See you & Chloé."


async def test_refusals_that_stay_are_told_apart(desk: Desk):
    desk.twilio.texts.stopped.add((SHOP, CUSTOMER))
    desk.twilio.texts.landlines.add("+12025550150")
    refusals = [
        (await failure(desk), "text_stopped"),
        (await failure(desk, "+12025550150"), "text_number_invalid"),
        (await failure(desk, "12"), "text_number_invalid"),
        (await failure(desk, "+12025550151", ""), "twilio_21602"),
    ]
    assert [(type(why), why.code) for why, _ in refusals] == [(TextRefused, code) for _, code in refusals]


@pytest.mark.parametrize("retry_after_s", [None, 0, 90])
async def test_too_many_requests_say_how_long_to_wait(desk: Desk, retry_after_s: int | None):
    order(desk, status=429, retry_after_s=retry_after_s)
    why = await failure(desk)
    assert isinstance(why, TooManyRequests)
    assert (why.code, why.retry_after_s) == ("twilio_429", retry_after_s)


@pytest.mark.parametrize(("kind", "status"), [("status", 500), ("status", 503), ("lose_answer", 500)])
async def test_without_an_answer_nothing_is_known(desk: Desk, kind: str, status: int):
    order(desk, kind, status=status)
    why = await failure(desk)
    assert isinstance(why, OutcomeUnknown)
    assert why.code == ("twilio_unreachable" if kind == "lose_answer" else f"twilio_{status}")


async def test_other_refusals_may_pass(desk: Desk):
    order(desk, status=401)
    why = await failure(desk)
    assert (type(why), why.code) == (TelephonyError, "twilio_401")


async def find(desk: Desk, words: str, since: datetime, to: str = CUSTOMER) -> str | None:
    return await desk.telephone.find_text(sender=SHOP, to=to, containing=words, since=since)


async def test_a_text_is_found_by_its_numbers_and_words_and_time(desk: Desk):
    begun = datetime.now(UTC)
    sids = [
        await desk.telephone.send_text(sender=SHOP, to=to, body=body)
        for to, body in ((CUSTOMER, "Ref A"), (CUSTOMER, "Ref B"), ("+12025550144", "Ref C"), (CUSTOMER, "Ref B"))
    ]
    desk.twilio.texts.add("inbound", CUSTOMER, SHOP, "Ref D")
    assert await find(desk, "Ref A", begun) == sids[0]
    assert await find(desk, "Ref B", begun) == sids[3]
    assert await find(desk, "Ref C", begun) is None
    assert await find(desk, "Ref C", begun, "+12025550144") == sids[2]
    assert await find(desk, "Ref D", begun) is None
    assert await find(desk, "Ref A", begun + timedelta(hours=1)) is None


@pytest.mark.parametrize("status", [429, 500, 401])
async def test_a_look_that_is_refused_is_no_answer(desk: Desk, status: int):
    order(desk, status=status)
    with pytest.raises(TelephonyError) as why:
        await find(desk, "Ref A", datetime.now(UTC))
    assert why.value.code == f"twilio_{status}"


async def test_a_transfer_replaces_what_the_call_is_doing(desk: Desk):
    sid, updates = new_sid(), list[dict[str, str]]()
    desk.twilio.calls[sid] = PhoneCall(sid, CUSTOMER, SHOP, "in-progress", on_update=updates.append)
    await desk.telephone.transfer(sid, "+18085550100", announce="One moment & thanks.")
    await desk.telephone.transfer(sid, "+18085550100")
    documents = [parse_twiml(update["Twiml"]) for update in desk.twilio.calls[sid].updates]
    say, dial = documents[0]
    assert (say.text, dial.text) == ("One moment & thanks.", "+18085550100")
    assert dial.attributes == {
        "action": "https://chairside.test/voice/after",
        "method": "POST",
        "timeout": "20",
    }
    assert [verb.name for verb in documents[1]] == ["Dial"]


@pytest.mark.parametrize("status", [429, 500])
async def test_a_transfer_that_fails_says_so(desk: Desk, status: int):
    order(desk, status=status)
    with pytest.raises(TelephonyError) as why:
        await desk.telephone.transfer(new_sid(), "+18085550100")
    assert why.value.code == f"twilio_{status}"
