"""One question at a time for each subject, however many want the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
A = TypeVar("A")


class Asking(Generic[K, A]):
    """Puts a question for a key, never twice at once; whoever comes meanwhile shares the next one.

    They do not share the one under way: it may have been answered before what they must hear of had happened.
    """

    def __init__(self, ask: Callable[[K], Awaitable[A]]) -> None:
        self._ask = ask
        self._under_way: dict[K, asyncio.Task[A]] = {}
        self._next: dict[K, asyncio.Task[A]] = {}

    async def answer(self, key: K, within_s: float) -> A:
        """The answer to a question put after this call. Raises TimeoutError, and what asking raises.

        Who gives up does not stop the question: others may wait for it.
        """
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._in_turn(key), name=f"asking-{key}")
            task.add_done_callback(_noted)
        async with asyncio.timeout(within_s):
            return await asyncio.shield(task)

    async def stop(self) -> None:
        """End every question."""
        tasks = [*self._under_way.values(), *self._next.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _in_turn(self, key: K) -> A:
        try:
            if (before := self._under_way.get(key)) is not None:
                await asyncio.wait([before])
        finally:
            task = self._next.pop(key)
        self._under_way[key] = task
        try:
            return await self._ask(key)
        finally:
            del self._under_way[key]


def _noted(task: asyncio.Task[A]) -> None:
    """All who waited may have given up: then nobody else would look at what went wrong."""
    if not task.cancelled():
        task.exception()
