"""What was read from a store for each shop: shared by all who ask at once, kept for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
V = TypeVar("V")

MAX_KEPT = 500
"""Shops of which something is kept. Whoever watches thousands at once reads them again."""
AT_ONCE = 8
"""Reads under way: a thousand browsers that come back together must not stand in the calls' way."""


def keep(kept: dict[int, V], location_id: int, value: V) -> V:
    """Put what is known of a shop in; the one looked at longest ago gives way when there are too many."""
    kept.pop(location_id, None)
    kept[location_id] = value
    if len(kept) > MAX_KEPT:
        del kept[next(iter(kept))]
    return value


class Shelf(Generic[T]):
    """Reads at most once per shop at a time. `read` never raises for a store in trouble."""

    def __init__(self, read: Callable[[int], Awaitable[T]], keep_s: float) -> None:
        self._read = read
        self._keep_s = keep_s
        self._reads: dict[int, tuple[float, asyncio.Task[T]]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def get(self, location_id: int, *, anew: bool = False) -> T:
        """What is stored, at most `keep_s` old; with `anew`, read after this call and not before."""
        now = asyncio.get_running_loop().time()
        begun, task = self._reads.get(location_id, (0.0, None))
        if task is None or anew or (task.done() and now - begun > self._keep_s):
            task = asyncio.create_task(self._bounded(location_id), name="shelf.read")
            keep(self._reads, location_id, (now, task))
        # One asker who goes must not take the reading from the others.
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Give up what is being read."""
        tasks = [task for _, task in self._reads.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bounded(self, location_id: int) -> T:
        async with self._room:
            return await self._read(location_id)
