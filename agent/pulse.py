"""How late the event loop runs, and how busy: what every caller hears of a process that has too much to do."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

BEAT_S = 0.05
"""Each beat wakes the process, and one that has slept wakes slowly: fifty a second cost as much as half a call."""
KEPT = 80
"""Beats: four seconds, in which a caller has been greeted and the next can be judged."""
SHARE = 0.95


class Pulse:
    """Measures while `beating`; before and after, the loop counts as being in time."""

    def __init__(self) -> None:
        self._late_ms: deque[float] = deque(maxlen=KEPT)
        self._used: deque[tuple[float, float]] = deque(maxlen=KEPT)
        """At each beat: the loop's time, and what its thread has used of a core."""

    @property
    def late_ms(self) -> float:
        """What nineteen of twenty beats were not later than, of the last four seconds'."""
        ordered = sorted(self._late_ms)
        return ordered[int(len(ordered) * SHARE) - 1] if len(ordered) == KEPT else 0.0

    @property
    def busy(self) -> float:
        """The share of a core that the loop's thread has used of the last four seconds; 0 before that. A loop is late
        only when its core is full; this tells before it is."""
        if len(self._used) < KEPT:
            return 0.0
        (began, used_before), (now, used) = self._used[0], self._used[-1]
        return (used - used_before) / (now - began) if now > began else 0.0

    def beat(self, late_ms: float, *, at: float = 0.0, used: float = 0.0) -> None:
        """Note how late one was, when it was, and what the thread had used by then; seconds."""
        self._late_ms.append(max(0.0, late_ms))
        self._used.append((at, used))

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
            self._used.clear()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)
            now = loop.time()
            self.beat((now - due) * 1000, at=now, used=time.thread_time())
