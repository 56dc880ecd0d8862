"""Calls in a house whose shops and records are in a Supabase project, which may be away."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr
from rig.project import Project

from agent.emulators.scenario import parse_scenario
from agent.events import CallEnded, ToolUsed, TurnSpoken
from agent.stores.supabase import SupabaseStore
from tests.calls.conftest import brief, kept
from tests.house import PLUMERIA, open_house

BETWEEN = "/rest/v1/rpc/bookings_between"
CALL = {
    "name": "asks and leaves word",
    "to": PLUMERIA.phone_number,
    "caller": "+12025550100",
    "steps": [{"say": "How much is a balayage?"}, {"say": "Please take a message for Kim, I am running late."}],
}


async def test_a_call_is_answered_from_supabase_and_kept_there_in_spite_of_an_outage(supabase_project: Project):
    supabase_project.empty()
    url, key = supabase_project.url, supabase_project.gateway.secret_key
    async with SupabaseStore.open(url, key) as store:
        await store.store_knowledge("location_1", brief(PLUMERIA))
        async with open_house(shops=(), supabase_url=url, supabase_secret_key=SecretStr(key)) as house:
            # All of them befall the ledger, which writes from the first moment of a call.
            supabase_project.gateway.faults += ["503", "lost answer", "html502", "hang"]
            report = await house.call(parse_scenario(CALL))
            record, turns = await kept(house, await house.event(CallEnded, 10, call_sid=report.call_sid))

        assert supabase_project.gateway.faults == []
        assert (record.caller, record.end_reason) == ("+12025550100", "caller_hung_up")
        assert [turn.index for turn in turns] == [1, 2]
        assert "180" in turns[0].spoken
        assert len(await store.get_messages(1)) == 1


async def test_what_is_said_while_the_project_is_away_arrives_when_it_is_back(supabase_project: Project):
    supabase_project.empty()
    url, key = supabase_project.url, supabase_project.gateway.secret_key
    async with SupabaseStore.open(url, key) as store:
        await store.store_knowledge("location_1", brief(PLUMERIA))
        async with open_house(shops=(), supabase_url=url, supabase_secret_key=SecretStr(key)) as house:
            supabase_project.gateway.faults += ["503", "html502"] * 10_000
            report = await house.call(parse_scenario(CALL))
            ended = await house.event(CallEnded, 10, call_sid=report.call_sid)
            assert "noted" in " ".join(event.heard_text for event in house.told(TurnSpoken))
            async with asyncio.timeout(5):  # the call, two turns, the message, what became of it, its end
                while (await house.services.backlog()).waiting < 6:
                    await asyncio.sleep(0.01)

            supabase_project.gateway.faults.clear()
            record, turns = await kept(house, ended)
            assert (record.outcome, record.end_reason) == ("message", "caller_hung_up")
            assert [(turn.index, bool(turn.spoken)) for turn in turns] == [(1, True), (2, True)]
            assert len(await store.get_messages(1)) == 1


LOOKS = {
    "name": "asks what is free",
    "to": PLUMERIA.phone_number,
    "caller": "+12025550100",
    "steps": [{"say": "What do you have free on Wednesday for a curly cut?"}],
}


async def test_what_is_free_was_read_while_the_caller_was_greeted(supabase_project: Project):
    """Nothing of the book can be reached any more when the caller asks, and they hear what is free all the same."""
    supabase_project.empty()
    gateway = supabase_project.gateway
    async with SupabaseStore.open(supabase_project.url, gateway.secret_key) as store:
        await store.store_knowledge("location_1", brief(PLUMERIA))
    async with open_house(
        shops=(), supabase_url=supabase_project.url, supabase_secret_key=SecretStr(gateway.secret_key)
    ) as house:
        gateway.asked.clear()
        call = asyncio.create_task(house.call(parse_scenario(LOOKS)))
        async with asyncio.timeout(10):
            while BETWEEN not in gateway.asked:
                await asyncio.sleep(0.01)
        gateway.away.add(BETWEEN)
        try:
            await call
        finally:
            gateway.away.clear()
        [done] = house.told(ToolUsed, tool="check_availability")
        assert done.outcome == "ok"
