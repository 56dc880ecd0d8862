"""One question, several models: the first that begins to answer is listened to.

A model that has said nothing for `FIRST_S` is not waited for any longer alone: the next is asked as well, and before
that the same one again ("hedged requests": Dean and Barroso, The Tail at Scale, 2013). One that failed lately is asked
last (`Breaker`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from openai.types.chat import ChatCompletionChunk

from agent.breaker import Breaker
from agent.recording.tape import Tape

FIRST_S = 1.5
"""A model's time for its first token before the next is asked; the slowest twentieth of the usual one takes longer."""
LAST_S = 4.5
"""How long all of them together have for it."""
STALL_S = 2.5
"""The longest pause between two tokens; an answer that stalls longer has broken off."""


class NoAnswer(RuntimeError):
    """A model ended its answer before it began."""


@dataclass(frozen=True)
class Rung:
    """A model that may be asked. `ask` begins an answer; it raises what the vendor's library raises."""

    name: str
    ask: Callable[[dict[str, Any], Tape | None], Awaitable[Any]]
    breaker: Breaker


class Answer:
    """A model's answer that has begun: its first chunk is there. Iterate over it once, then close it."""

    def __init__(self, rung: Rung, stream: Any, first: ChatCompletionChunk) -> None:
        self._rung, self._stream, self._first = rung, stream, first

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        """Raises TimeoutError when it stalls, and what the vendor's library raises."""
        yield self._first
        try:
            while True:
                async with asyncio.timeout(STALL_S):
                    chunk = await anext(self._stream)
                yield chunk
        except StopAsyncIteration:
            self._rung.breaker.worked()
        except Exception:
            self._rung.breaker.failed()
            raise

    async def close(self) -> None:
        await self._stream.close()


async def first_answer(
    rungs: Sequence[Rung], params: dict[str, Any], tape: Tape | None = None, *, hedge_s: float = 0.0
) -> Answer:
    """Ask until one answers. Raises what the last of them raised, TimeoutError when none has said a word.

    With `hedge_s`, a first model that has said nothing by then is asked the same once more, and the quicker of the two
    answers is taken: how long a model takes differs more from request to request than from model to model.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    plan = [_Step(began + at, rung) for at, rung in _times(rungs, hedge_s)]
    asked: dict[asyncio.Task[Answer], Rung] = {}
    failure: Exception = TimeoutError("no model has begun to answer")
    try:
        while plan or asked:
            if plan and (not asked or plan[0].at <= loop.time()):
                rung = plan.pop(0).rung
                asked[asyncio.create_task(_begun(rung, params, tape), name=f"asking {rung.name}")] = rung
            until = min(began + LAST_S, plan[0].at if plan else began + LAST_S)
            if loop.time() >= began + LAST_S:
                break
            done, _ = await asyncio.wait(
                asked, timeout=max(0.0, until - loop.time()), return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                rung = asked.pop(task)
                if (why := task.exception()) is None:
                    return task.result()
                rung.breaker.failed()
                failure = why if isinstance(why, Exception) else failure
                # Who refused is not asked again; whoever is left is asked at once.
                plan = [_Step(began, step.rung) for step in plan if step.rung is not rung]
        for rung in {id(rung): rung for rung in asked.values()}.values():
            rung.breaker.failed()
        raise failure
    finally:
        await _let_go(asked)


@dataclass(frozen=True)
class _Step:
    """Whom to ask, and when at the latest."""

    at: float
    rung: Rung


def _times(rungs: Sequence[Rung], hedge_s: float) -> list[tuple[float, Rung]]:
    """Seconds from the beginning, in order."""
    best_first = sorted(rungs, key=lambda rung: rung.breaker.is_open)
    times = [(place * FIRST_S, rung) for place, rung in enumerate(best_first)]
    if hedge_s and best_first and not best_first[0].breaker.is_open:
        times.append((hedge_s, best_first[0]))
    return sorted(times, key=lambda time: time[0])


async def _let_go(asked: dict[asyncio.Task[Answer], Rung]) -> None:
    """Nobody listens to those that were slower."""
    for task in asked:
        task.cancel()
    for late in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(late, Answer):
            await late.close()


async def _begun(rung: Rung, params: dict[str, Any], tape: Tape | None) -> Answer:
    stream = await rung.ask(params, tape)
    try:
        return Answer(rung, stream, await anext(stream))
    except BaseException as why:
        await stream.close()
        if isinstance(why, StopAsyncIteration):
            raise NoAnswer(f"{rung.name} answered with nothing") from why
        raise
