"""Operators in a live call, from their socket to the caller's ear."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from rig.redis import RedisServer
from websockets.asyncio.client import ClientConnection, connect

from agent.emulators.report import CallReport
from agent.emulators.scenario import parse_scenario
from agent.emulators.theatre import serving
from agent.events import CallAnswered, CallEnded, CallTransferred, OperatorActed, StageTimed, TurnHeard, TurnSpoken
from agent.pipelines import supervision
from server import create_bridge, uvicorn_config
from tests.calls.conftest import asked_by, brief
from tests.house import COPPER_LANE, PLUMERIA, House, open_house
from tests.servers import free_port, running_server, url_of

CALLER = "+12025550177"
VOICE = bytes(range(0x10, 0x60)) * 2
"""20 ms of something that is no silence."""


@dataclass
class Operator:
    """An operator's socket on the full feed."""

    socket: ClientConnection

    async def act(self, act: str, call_sid: str, **facts: object) -> dict[str, Any]:
        """Ask for an act; the data of `acted` or `error`."""
        await self.socket.send(json.dumps({"type": "act", "id": act, "act": act, "call_sid": call_sid, **facts}))
        async with asyncio.timeout(5):
            while True:
                message = await self.socket.recv()
                if isinstance(message, str) and (told := json.loads(message))["data"].get("id") == act:
                    return told["data"]

    async def sees(self, kind: str) -> None:
        """Wait until an event of a call is shown."""
        async with asyncio.timeout(5):
            while f'"type":"{kind}"' not in str(await self.socket.recv()):
                pass

    async def hear(self, side: int, frames: int) -> bytes:
        """So many frames of one side's sound."""
        heard: list[bytes] = []
        async with asyncio.timeout(5):
            while len(heard) < frames:
                message = await self.socket.recv()
                if isinstance(message, bytes) and message[0] == side:
                    heard.append(message[5:])
        return b"".join(heard)


@asynccontextmanager
async def operator_of(house: House, url: str = "") -> AsyncGenerator[Operator]:
    """An operator at the house itself, or at dashboards elsewhere."""
    token = house.settings.operator_token.get_secret_value()
    url = (url or house.url).replace("http", "ws", 1) + "/ops?feed=full"
    async with connect(url, additional_headers={"Authorization": f"Bearer {token}"}, max_queue=None) as socket:
        yield Operator(socket)


@dataclass
class Live:
    """A call under way, and somebody who watches it."""

    house: House
    operator: Operator
    call_sid: str
    call: asyncio.Task[CallReport]

    @property
    def acts(self) -> list[tuple[str, str]]:
        return [(acted.act, acted.operator) for acted in self.house.told(OperatorActed)]


@pytest.fixture(params=["here", "elsewhere"])
def seat(request: pytest.FixtureRequest) -> str:
    """Where the operator sits: at the process that holds the call, or at dashboards of their own. The Redis between
    them, if any."""
    return "" if request.param == "here" else request.getfixturevalue("redis").url


@asynccontextmanager
async def live_call(*steps: dict[str, Any], seat: str = "") -> AsyncGenerator[Live]:
    """A call to the first shop, and an operator who is connected before it rings."""
    scene = parse_scenario({"name": "watched", "to": PLUMERIA.phone_number, "caller": CALLER, "steps": list(steps)})
    async with AsyncExitStack() as stack:
        shops = (brief(PLUMERIA), brief(COPPER_LANE))
        house = await stack.enter_async_context(open_house(shops=shops, operator_token="watch", redis_url=seat))
        url = await stack.enter_async_context(dashboards_of(house)) if seat else ""
        operator = await stack.enter_async_context(operator_of(house, url))
        call = asyncio.create_task(house.call(scene))
        answered = await house.event(CallAnswered)
        await operator.sees("call.answered")
        yield Live(house, operator, answered.call_sid, call)
        await call


@asynccontextmanager
async def dashboards_of(house: House) -> AsyncGenerator[str]:
    """A server of dashboards alone, with a loop, a bus and a store connection of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings = house.settings.model_copy(update={"port": listening.getsockname()[1]})
        async with serving(uvicorn_config(settings, create_bridge(settings)), listening):
            yield url_of(settings)


async def test_a_whisper_changes_the_next_answer_and_is_not_heard(seat: str) -> None:
    async with live_call({"say": "How much is a balayage?"}, {"wait": "agent_done"}, seat=seat) as live:
        assert (await live.operator.act("whisper", live.call_sid, text="Offer them a gloss for free."))["ok"]
        await live.call
        spoken = await live.house.event(TurnSpoken, turn=1)
    assert "180" in spoken.heard_text
    assert spoken.heard_text.endswith("Offer them a gloss for free.")
    assert not any("gloss" in said.text for said in live.house.told(TurnSpoken, turn=0))
    assert live.acts == [("whisper", "operator")]


async def test_words_to_say_are_said_and_remembered() -> None:
    async with live_call({"silence": 3.5}, {"say": "How much is a balayage?"}, {"wait": "agent_done"}) as live:
        await live.house.event(TurnSpoken, turn=0)
        assert (await live.operator.act("say", live.call_sid, text="One moment, I am looking."))["ok"]
        await live.call
        said = live.house.told(TurnSpoken)[1]
        (first, *_) = asked_by(live.house.stage.openai.requests, CALLER)
    assert said.heard_text == "One moment, I am looking."
    assert {"role": "assistant", "content": "One moment, I am looking."} in first["messages"]


async def test_who_takes_over_talks_with_the_caller_and_the_agent_is_silent_until_handed_back(seat: str) -> None:
    steps = ({"silence": 2.5}, {"say": "How much is a balayage?"}, {"say": "And a women's haircut?"})
    async with live_call(*steps, {"wait": "agent_done"}, seat=seat) as live:
        house, operator, sid = live.house, live.operator, live.call_sid
        await house.event(TurnSpoken, turn=0)
        assert (await operator.act("take_over", sid))["ok"]
        await house.event(TurnHeard, turn=1, final=True)
        for _ in range(25):
            await operator.socket.send(b"\x10" + VOICE)
            await asyncio.sleep(0.02)
        assert await operator.hear(2, 25) == VOICE * 25  # what the caller hears of the operator
        assert set(await operator.hear(0, 50)) != {0xFF}  # and the operator hears the caller
        assert not list(asked_by(house.stage.openai.requests, CALLER))  # nobody answers meanwhile
        assert (await operator.act("hand_back", sid))["ok"]
        report = await live.call
        (request, *_) = asked_by(house.stage.openai.requests, CALLER)
    assert VOICE * 25 in report.agent_audio
    assert house.told(TurnSpoken, turn=2)[0].heard_text
    assert not house.told(TurnSpoken, turn=1)
    heard = [message["content"] for message in request["messages"] if message["role"] == "user"]
    assert heard == ["How much is a balayage?", "And a women's haircut?"]
    assert [act for act, _ in live.acts] == ["take_over", "hand_back"]


async def test_a_take_over_cuts_the_agent_short() -> None:
    async with live_call({"say": "What are your opening hours?"}, {"silence": 2}) as live:
        await live.house.event(TurnHeard, turn=1, final=True)
        await live.house.event(StageTimed, turn=1, stage="voice_to_voice")
        await asyncio.sleep(0.8)
        assert (await live.operator.act("take_over", live.call_sid))["ok"]
        report = await live.call
        spoken = await live.house.event(TurnSpoken, turn=1)
    assert spoken.interrupted
    assert report.clears >= 1


async def test_an_operator_hangs_up(seat: str) -> None:
    async with live_call({"silence": 20}, seat=seat) as live:
        assert (await live.operator.act("hang_up", live.call_sid))["ok"]
        report = await live.call
        ended = await live.house.event(CallEnded)
        assert (await live.operator.act("say", live.call_sid, text="Hello?"))["code"] == "call_not_live"
    assert (report.end, ended.reason) == ("hung_up_by_server", "operator_hung_up")
    assert live.acts == [("hang_up", "operator")]


@pytest.mark.parametrize("to", [None, "+18085550111"])
async def test_an_operator_puts_the_caller_through(to: str | None, seat: str) -> None:
    async with live_call({"silence": 20}, seat=seat) as live:
        assert (await live.operator.act("transfer", live.call_sid, **({"to": to} if to else {})))["ok"]
        report = await live.call
        ended = await live.house.event(CallEnded)
        told = await live.house.event(CallTransferred)
    assert told.to == (to or PLUMERIA.transfer_to)
    assert [at.number for at in report.dialled] == [told.to]
    assert ended.reason == "transferred"


async def test_two_operators_do_not_both_have_a_call_and_one_who_is_gone_gives_it_back() -> None:
    async with live_call({"silence": 6}) as live:
        async with operator_of(live.house) as other:
            admin = live.house.services.switchboard
            assert (await other.act("take_over", live.call_sid))["ok"]
            with pytest.raises(supervision.Conflict) as refused:
                await admin.send(command("take_over", live.call_sid, "somebody else"))
            assert refused.value.code == "already_taken_over"
            with pytest.raises(supervision.Conflict) as refused:
                await admin.speak(1, live.call_sid, "somebody else", VOICE)
            assert refused.value.code == "not_yours"
        await live.house.event(OperatorActed, act="hand_back")
        await admin.send(command("take_over", live.call_sid, "somebody else"))


async def test_dashboards_in_a_process_of_their_own_show_a_call_and_end_it(redis: RedisServer) -> None:
    async with open_house(operator_token="watch", redis_url=redis.url) as house:
        apart = house.settings.model_copy(update={"port": free_port()})
        async with running_server(apart, "--only", "bridge", ready="/healthz") as bridge:
            async with operator_of(house, url_of(apart)) as operator:
                scene = {"name": "watched", "to": PLUMERIA.phone_number, "caller": CALLER, "steps": [{"silence": 20}]}
                call = asyncio.create_task(house.call(parse_scenario(scene)))
                answered = await house.event(CallAnswered)
                await operator.sees("call.answered")
                assert (await operator.act("hang_up", answered.call_sid))["ok"]
                assert (await call).end == "hung_up_by_server"
            bridge.terminate()
            assert await asyncio.wait_for(bridge.wait(), 20) in (0, -signal.SIGTERM)  # uvicorn ends by the signal


def command(act: str, call_sid: str, operator: str) -> supervision.OperatorCommand:
    return supervision.OperatorCommand.model_validate(
        {"command": act, "location_id": 1, "call_sid": call_sid, "operator": operator}
    )
