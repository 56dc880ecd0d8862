"""The watch over what a caller hears, on a line where nothing else happens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from agent.pipelines.line import Line
from agent.pipelines.vigil import DEAF_AFTER_MS, TURN_S, WAIT_S, WORD_MS, Trouble, Vigil
from tests.virtual import on_virtual_clock

PHRASE_S = 1.0


@dataclass
class StillLine:
    """What the watch looks at of a line."""

    caller_voice_at: float | None = None
    caller_voiced_ms: float = 0.0
    agent_voice_until: float | None = None
    answer_voice_at: float | None = None


@dataclass
class Call:
    """A conversation that notes what the watch has it do, and when."""

    line: StillLine = field(default_factory=StillLine)
    is_quiet_on_purpose: bool = False
    caller_speaks: bool = False
    is_due: bool = False
    turns: int = 0
    has_phrases: bool = True
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    done: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def speaks(self, ms: float) -> None:
        """The caller has just said something."""
        self.line.caller_voiced_ms += ms
        self.line.caller_voice_at = self.now()

    async def bridge(self, trouble: Trouble, times: int) -> bool:
        if self.has_phrases:
            self.done.append((round(self.now() - self.began, 1), f"{trouble} {times}"))
            self.line.agent_voice_until = self.now() + PHRASE_S
        return self.has_phrases

    async def give_up(self, trouble: Trouble) -> None:
        self.done.append((round(self.now() - self.began, 1), f"gave up: {trouble}"))

    async def watched(self, seconds: float) -> list[tuple[float, str]]:
        """What was done in so many seconds."""
        watching = asyncio.create_task(Vigil(cast(Line, self.line), self).watch())
        await asyncio.wait([watching], timeout=seconds)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return self.done


@on_virtual_clock
async def test_what_is_due_is_bridged_twice_and_then_given_up():
    call = Call(is_due=True)
    done = await call.watched(20)
    assert [what for _, what in done] == ["answer_due 1", "answer_due 2", "gave up: answer_due"]
    times = [at for at, _ in done]
    assert times[0] == pytest.approx(WAIT_S, abs=0.2)
    assert times[1] - times[0] == pytest.approx(PHRASE_S + WAIT_S, abs=0.2)
    assert times[2] - times[1] == pytest.approx(PHRASE_S + WAIT_S, abs=0.2)


@on_virtual_clock
async def test_without_a_phrase_it_is_given_up_at_once():
    call = Call(is_due=True, has_phrases=False)
    assert [what for _, what in await call.watched(20)] == ["gave up: answer_due"]


@on_virtual_clock
async def test_nothing_is_due_while_the_caller_is_waited_for():
    assert await Call().watched(60) == []


@on_virtual_clock
async def test_an_operator_is_not_talked_over():
    assert await Call(is_due=True, is_quiet_on_purpose=True).watched(60) == []


@on_virtual_clock
async def test_an_answer_that_comes_begins_the_count_anew():
    call = Call(is_due=True)

    async def answer() -> None:
        await asyncio.sleep(3)
        call.is_due, call.line.answer_voice_at = False, call.now()
        call.line.agent_voice_until = call.now() + 1
        await asyncio.sleep(2)
        call.is_due = True

    answering = asyncio.create_task(answer())
    done = await call.watched(7)
    await answering
    assert [what for _, what in done] == ["answer_due 1", "answer_due 1"]


@on_virtual_clock
async def test_words_that_nobody_heard_are_asked_for_once():
    call = Call()
    call.speaks(WORD_MS)

    async def again() -> None:
        await asyncio.sleep(6)
        call.speaks(WORD_MS)

    speaking = asyncio.create_task(again())
    done = await call.watched(20)
    await speaking
    assert [what.split(" ")[0] for _, what in done] == ["nothing_heard", "gave"]


@on_virtual_clock
async def test_a_cough_is_no_word_however_often():
    call = Call()

    async def cough() -> None:
        for _ in range(10):
            call.speaks(WORD_MS - 60)
            await asyncio.sleep(4)

    coughing = asyncio.create_task(cough())
    assert await call.watched(41) == []
    await coughing


@on_virtual_clock
async def test_ears_that_hear_nothing_of_a_caller_who_never_pauses_are_deaf():
    call = Call()

    async def talk() -> None:
        while True:
            call.speaks(100)
            await asyncio.sleep(0.1)

    talking = asyncio.create_task(talk())
    done = await call.watched(DEAF_AFTER_MS / 1000 + 1)
    talking.cancel()
    assert [what for _, what in done] == ["nothing_heard 0"]


@on_virtual_clock
async def test_a_turn_that_does_not_end_is_asked_about():
    call = Call(caller_speaks=True)
    call.speaks(1000)
    ((at, what),) = (await call.watched(TURN_S + 0.5))[:1]
    assert (what, at) == ("turn_open 1", pytest.approx(TURN_S, abs=0.2))
