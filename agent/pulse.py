"""How late the event loop runs, and how busy: what every caller hears of a process that has too much to do."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

BEAT_S = 0.05
"""Each beat wakes the process, and one that has slept wakes slowly: fifty a second cost as much as half a call."""
KEPT = 80
"""Beats: four seconds, in which a caller has been greeted and the next can be judged."""
SHARE = 0.95
FEW = 10
"""Calls. With fewer the loop's own work would be taken for theirs."""


@dataclass(frozen=True)
class Beat:
    """What was seen at one beat; seconds of the loop's clock, and of a core that its thread has used by then."""

    late_ms: float
    at: float = 0.0
    used: float = 0.0
    live: int = 0
    """Calls on the line."""


class Pulse:
    """Measures while `beating`; before and after, the loop counts as being in time."""

    def __init__(self) -> None:
        self._beats: deque[Beat] = deque(maxlen=KEPT)
        self.live: Callable[[], int] = lambda: 0
        """How many calls are on the line."""
        self.on_beat: Callable[[Beat], None] = lambda _: None
        """Told of each beat."""

    @property
    def late_ms(self) -> float:
        """What nineteen of twenty beats were not later than, of the last four seconds'."""
        ordered = sorted(beat.late_ms for beat in self._beats)
        return ordered[int(len(ordered) * SHARE) - 1] if len(ordered) == KEPT else 0.0

    def busy_with(self, calls: int) -> float:
        """The share of a core that so many calls take; 0 before there are four seconds to judge by.

        It is what the loop's thread has used of them, and for each call more than there were the share of one. A loop
        is late only when its core is full; this tells before it is.
        """
        if len(self._beats) < KEPT:
            return 0.0
        first, last = self._beats[0], self._beats[-1]
        share = (last.used - first.used) / (last.at - first.at) if last.at > first.at else 0.0
        lately = statistics.fmean(beat.live for beat in self._beats)
        return share + max(0.0, calls - lately) * share / max(lately, FEW)

    def beat(self, beat: Beat) -> None:
        """Note what was seen."""
        self._beats.append(beat)
        self.on_beat(beat)

    @asynccontextmanager
    async def beating(self) -> AsyncGenerator[None]:
        """Measure this loop while the context is open."""
        task = asyncio.create_task(self._beat(), name="pulse")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._beats.clear()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)
            now = loop.time()
            self.beat(Beat(max(0.0, now - due) * 1000, at=now, used=time.thread_time(), live=self.live()))
