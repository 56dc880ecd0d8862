"""Python's collector stops everybody for as long as it looks, so here it looks when that is not heard."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

LOOK_S = 1.0
IDLE, A_CALL, MOST = 5_000, 10_000, 1_000_000
"""Objects made and not freed since it last looked, from which on it looks again: with nobody on the line, for each who
is, and at most. A call is made of 2,700, which are alive: a full line must not be a reason to look. It leaves next to
none in circles (`agent.pipelines.dismantling`)."""


class Sweeper:
    """Takes the place of the collector's own schedule while `sweeping`.

    That one looked whenever enough had been made: with 65 on the line for 450 ms, once in a hundred calls, and for
    80 ms every ten seconds. Most of what it found, it found alive.
    """

    def __init__(self, on_the_line: Callable[[], int], *, look_s: float = LOOK_S) -> None:
        self._on_the_line = on_the_line
        self._look_s = look_s

    @asynccontextmanager
    async def sweeping(self) -> AsyncGenerator[None]:
        """What is there now counts as staying, and is not looked at."""
        gc.collect()
        gc.freeze()
        gc.disable()
        task = asyncio.create_task(self._sweep(), name="sweeper")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            gc.enable()
            gc.unfreeze()

    def is_due(self, made: int) -> bool:
        """Whether to look now: the more are on the line the later, for the more of them would hear it."""
        return made > min(IDLE + A_CALL * self._on_the_line(), MOST)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            if self.is_due(gc.get_count()[0]):
                gc.collect()
