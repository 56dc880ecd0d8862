"""Four hundred services: the prompt cannot hold them, the model looks one up, and the caller hears its price."""

from __future__ import annotations

from agent.emulators.scenario import parse_scenario
from agent.events import CallEnded, ToolUsed
from agent.knowledge.menu import menu_section
from agent.knowledge.prompt import PROMPT_TOKENS
from agent.knowledge.tokens import count_tokens
from tests.calls.conftest import asked_by, brief, kept
from tests.house import open_house
from tests.long_menu import long_shop

HARBOUR = brief(long_shop())
CALLER = "+12025550171"


async def test_the_caller_hears_the_price_of_a_service_that_is_not_in_the_prompt():
    service = next(at for at in HARBOUR.services if at.name == "Mini Henna")
    assert "Mini Henna" not in "\n".join(menu_section(HARBOUR).lines)
    steps = [{"say": "How much is a mini henna?"}]
    scenario = parse_scenario({"name": "long menu", "to": HARBOUR.phone_number, "caller": CALLER, "steps": steps})
    async with open_house(shops=(HARBOUR,)) as house:
        report = await house.call(scenario)
        ended = await house.event(CallEnded, 10, call_sid=report.call_sid)
        _, turns = await kept(house, ended)
        used = house.told(ToolUsed, call_sid=report.call_sid)
        requests = list(asked_by(house.stage.openai.requests, CALLER))

    assert f"{service.price} GBP" in turns[0].spoken
    assert f"{service.minutes} min" in turns[0].spoken
    assert [(at.tool, at.outcome) for at in used] == [("find_service", "ok")]
    assert "henna" in used[0].arguments["words"]
    assert count_tokens(requests[0]["messages"][0]["content"]) <= PROMPT_TOKENS
    assert len({request["messages"][0]["content"] for request in requests}) == 1
    assert requests[0]["tools"][0]["function"]["name"] == "find_service"
