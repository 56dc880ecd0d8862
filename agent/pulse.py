"""How late the event loop runs: what every caller hears of a process that has too much to do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

BEAT_S = 0.02
KEPT = 200
"""Beats: four seconds, in which a caller has been greeted and the next can be judged."""
SHARE = 0.95


class Pulse:
    """Measures while `beating`; before and after, the loop counts as being in time."""

    def __init__(self) -> None:
        self._late_ms: deque[float] = deque(maxlen=KEPT)

    @property
    def late_ms(self) -> float:
        """What nineteen of twenty beats were not later than, of the last four seconds'."""
        ordered = sorted(self._late_ms)
        return ordered[int(len(ordered) * SHARE) - 1] if len(ordered) == KEPT else 0.0

    def beat(self, late_ms: float) -> None:
        """Note how late one was."""
        self._late_ms.append(max(0.0, late_ms))

    @asynccontextmanager
    async def beating(self) -> AsyncGenerator[None]:
        """Measure this loop while the context is open."""
        task = asyncio.create_task(self._beat(), name="pulse")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._late_ms.clear()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)
            self.beat((loop.time() - due) * 1000)
