"""An operator who is gone without a word: the caller is not left with nobody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

from fastapi import WebSocket

from agent.bus.local import LocalBus
from agent.events import OperatorActed
from agent.model import Caller, OperatorCommand
from agent.pipelines.line import Line
from agent.pipelines.supervision import Supervision
from agent.pipelines.tap import CallLog

CALLER = Caller(call_sid="CA1", location_id=1, shop_version=1, caller="+12025550143", called="+18084826296")


class Socket:
    """A media socket that takes everything."""

    async def send_text(self, _: str) -> None: ...


class Conversation:
    """A call that does as it is told, and remembers whether it may speak."""

    def __init__(self) -> None:
        self.speaks = True
        self.resumed = asyncio.Event()

    async def take_hint(self, text: str) -> None: ...
    async def say(self, text: str) -> None: ...
    async def ring(self, to: str | None) -> str:
        return to or ""

    async def end(self) -> None: ...
    async def fall_silent(self) -> None:
        self.speaks = False

    async def resume(self) -> None:
        self.speaks = True
        self.resumed.set()


async def test_the_agent_takes_over_from_an_operator_who_sends_no_sound() -> None:
    log = CallLog(CALLER, LocalBus(), lambda: datetime(2026, 3, 1, tzinfo=UTC))
    line = Line(cast(WebSocket, Socket()), stream_sid="MZ1", call_sid="CA1", lead_ms=200)
    conversation = Conversation()
    supervision = Supervision(line, log, conversation, silent_s=0.3)
    await supervision.obey(OperatorCommand(command="take_over", location_id=1, call_sid="CA1", operator="kai"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + 0.5:
        await supervision.speak("kai", b"\x40" * 160)
        assert not conversation.speaks
        await asyncio.sleep(0.02)
    await asyncio.wait_for(conversation.resumed.wait(), 5)
    assert not supervision.is_attended
    told = [event for event in log.story if isinstance(event, OperatorActed)]
    assert [(act.act, act.operator) for act in told] == [("take_over", "kai"), ("hand_back", "kai")]
    await supervision.close()
