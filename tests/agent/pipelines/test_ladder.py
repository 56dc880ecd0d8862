"""Several models, one question: whoever begins first is heard."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from openai.types.chat import ChatCompletionChunk

from agent.breaker import FAILURES, Breaker
from agent.pipelines.ladder import FIRST_S, LAST_S, STALL_S, NoAnswer, Rung, first_answer
from tests.virtual import on_virtual_clock


class Stream:
    """Words, each after some seconds."""

    def __init__(self, *words: tuple[float, str]) -> None:
        self._words = list(words)
        self.closed = False

    async def __anext__(self) -> str:
        if not self._words:
            raise StopAsyncIteration
        after_s, word = self._words.pop(0)
        await asyncio.sleep(after_s)
        return word

    async def close(self) -> None:
        self.closed = True


class Model:
    """A rung that answers with a stream after some seconds, or fails."""

    def __init__(self, name: str, stream: Stream | Exception, after_s: float = 0.0) -> None:
        self.stream, self.after_s = stream, after_s
        self.asked_at: float | None = None
        self.breaker = Breaker(name)
        self.rung = Rung(name, self._ask, self.breaker)

    async def _ask(self, _: dict[str, Any], __: object) -> Stream:
        self.asked_at = asyncio.get_running_loop().time()
        await asyncio.sleep(self.after_s)
        if isinstance(self.stream, Exception):
            raise self.stream
        return self.stream


class Twice(Model):
    """Asked again, it answers with the next of its streams."""

    def __init__(self, name: str, *streams: Stream | Exception) -> None:
        super().__init__(name, streams[0])
        self.streams = list(streams)
        self.times: list[float] = []

    async def _ask(self, _: dict[str, Any], __: object) -> Stream:
        self.times.append(asyncio.get_running_loop().time())
        self.stream = self.streams.pop(0)
        return await super()._ask(_, __)


async def answer_of(*models: Model, hedge_s: float = 0.0) -> list[str]:
    answer = await first_answer([model.rung for model in models], {}, hedge_s=hedge_s)
    words = [cast(str, cast(ChatCompletionChunk, chunk)) async for chunk in answer]
    await answer.close()
    return words


@on_virtual_clock
async def test_the_first_is_asked_alone():
    first, second = Model("a", Stream((0.3, "Hello"), (0.1, "there"))), Model("b", Stream())
    assert await answer_of(first, second) == ["Hello", "there"]
    assert second.asked_at is None


@on_virtual_clock
async def test_when_it_is_late_the_second_is_asked_as_well_and_the_loser_is_closed():
    late = Stream((30.0, "late"))
    first, second = Model("a", late), Model("b", Stream((0.2, "quick")))
    assert await answer_of(first, second) == ["quick"]
    assert first.asked_at is not None
    assert second.asked_at is not None
    assert second.asked_at - first.asked_at == pytest.approx(FIRST_S)
    assert late.closed


@on_virtual_clock
async def test_the_first_may_still_win():
    slow = Stream((FIRST_S + 0.2, "slow"))
    assert await answer_of(Model("a", slow), Model("b", Stream((2.0, "slower")))) == ["slow"]


@on_virtual_clock
async def test_a_late_model_is_asked_once_more_and_the_quicker_answer_is_taken():
    late = Stream((30.0, "late"))
    model, second = Twice("a", late, Stream((0.3, "quick"))), Model("b", Stream())
    assert await answer_of(model, second, hedge_s=0.9) == ["quick"]
    assert model.times[1] - model.times[0] == pytest.approx(0.9)
    assert second.asked_at is None
    assert late.closed
    assert not model.breaker.is_open


@on_virtual_clock
async def test_one_that_answers_in_time_is_asked_once():
    model = Twice("a", Stream((0.8, "in time")))
    assert await answer_of(model, hedge_s=0.9) == ["in time"]


@on_virtual_clock
async def test_when_both_of_its_answers_are_late_the_second_model_is_asked_as_well():
    model, second = Twice("a", Stream((30, "")), Stream((30, ""))), Model("b", Stream((0.1, "second")))
    assert await answer_of(model, second, hedge_s=0.9) == ["second"]
    assert second.asked_at is not None
    assert second.asked_at - model.times[0] == pytest.approx(FIRST_S)


@on_virtual_clock
async def test_who_refuses_is_not_asked_once_more():
    model, second = Twice("a", OSError("no")), Model("b", Stream((0.1, "yes")))
    assert await answer_of(model, second, hedge_s=0.9) == ["yes"]
    assert second.asked_at == model.times[0]


@on_virtual_clock
async def test_one_late_question_counts_once_against_a_model_however_often_it_was_asked():
    model = Twice("a", *(Stream((60, "")) for _ in range(2 * FAILURES)))
    for _ in range(FAILURES - 1):
        with pytest.raises(TimeoutError):
            await answer_of(model, hedge_s=0.9)
    assert not model.breaker.is_open


@on_virtual_clock
async def test_a_refusal_asks_the_second_at_once():
    first, second = Model("a", OSError("no")), Model("b", Stream((0.2, "yes")))
    assert await answer_of(first, second) == ["yes"]
    assert second.asked_at == first.asked_at


@on_virtual_clock
async def test_of_two_refusals_the_last_is_told_and_both_are_remembered():
    first, second = Model("a", OSError("one")), Model("b", OSError("two"))
    for _ in range(FAILURES):
        with pytest.raises(OSError, match=r"two|one"):
            await answer_of(first, second)
    assert first.breaker.is_open
    assert second.breaker.is_open


@on_virtual_clock
async def test_who_failed_lately_is_asked_last():
    first, second = Model("a", Stream((0.1, "a"))), Model("b", Stream((0.1, "b")))
    for _ in range(FAILURES):
        first.breaker.failed()
    assert await answer_of(first, second) == ["b"]


@on_virtual_clock
async def test_silence_of_all_ends_in_time():
    began = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await answer_of(Model("a", Stream((60, "a"))), Model("b", Stream((60, "b"))))
    assert asyncio.get_running_loop().time() - began == pytest.approx(LAST_S)


@on_virtual_clock
async def test_an_answer_without_a_beginning_is_none():
    with pytest.raises(NoAnswer):
        await answer_of(Model("a", Stream()))


@on_virtual_clock
async def test_an_answer_that_stalls_breaks_off():
    answer = await first_answer([Model("a", Stream((0.1, "one"), (STALL_S + 1, "two"))).rung], {})
    chunks = aiter(answer)
    assert cast(str, await anext(chunks)) == "one"
    with pytest.raises(TimeoutError):
        await anext(chunks)
