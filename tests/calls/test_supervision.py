"""Operators in a live call, from their socket to the caller's ear."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from agent.emulators.report import CallReport
from agent.emulators.scenario import parse_scenario
from agent.events import CallAnswered, CallEnded, CallTransferred, OperatorActed, StageTimed, TurnHeard, TurnSpoken
from agent.pipelines import supervision
from tests.calls.conftest import asked_by, brief
from tests.house import COPPER_LANE, PLUMERIA, House, open_house

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
async def operator_of(house: House) -> AsyncGenerator[Operator]:
    token = house.settings.operator_token.get_secret_value()
    url = house.url.replace("http", "ws", 1) + "/ops?feed=full"
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


@asynccontextmanager
async def live_call(*steps: dict[str, Any], to: str = PLUMERIA.phone_number) -> AsyncGenerator[Live]:
    scene = parse_scenario({"name": "watched", "to": to, "caller": CALLER, "steps": list(steps)})
    async with (
        open_house(shops=(brief(PLUMERIA), brief(COPPER_LANE)), operator_token="watch") as house,
        operator_of(house) as operator,
    ):
        call = asyncio.create_task(house.call(scene))
        answered = await house.event(CallAnswered)
        yield Live(house, operator, answered.call_sid, call)
        await call


async def test_a_whisper_changes_the_next_answer_and_is_not_heard() -> None:
    async with live_call({"say": "How much is a balayage?"}, {"wait": "agent_done"}) as live:
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


async def test_who_takes_over_talks_with_the_caller_and_the_agent_is_silent_until_handed_back() -> None:
    steps = ({"silence": 2.5}, {"say": "How much is a balayage?"}, {"say": "And a women's haircut?"})
    async with live_call(*steps, {"wait": "agent_done"}) as live:
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


async def test_an_operator_hangs_up() -> None:
    async with live_call({"silence": 20}) as live:
        assert (await live.operator.act("hang_up", live.call_sid))["ok"]
        report = await live.call
        ended = await live.house.event(CallEnded)
        assert (await live.operator.act("say", live.call_sid, text="Hello?"))["code"] == "call_not_live"
    assert (report.end, ended.reason) == ("hung_up_by_server", "operator_hung_up")
    assert live.acts == [("hang_up", "operator")]


@pytest.mark.parametrize("to", [None, "+18085550111"])
async def test_an_operator_puts_the_caller_through(to: str | None) -> None:
    async with live_call({"silence": 20}) as live:
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


def command(act: str, call_sid: str, operator: str) -> supervision.OperatorCommand:
    return supervision.OperatorCommand.model_validate(
        {"command": act, "location_id": 1, "call_sid": call_sid, "operator": operator}
    )
