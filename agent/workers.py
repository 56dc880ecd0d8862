"""Several servers on one port: started, started again when they die, and asked to stop together.

A process of its own that takes the place of the one it was called from, and imports nothing of the house: it must not
be what fails, nor hold the memory of another worker. The kernel shares connections out among them (SO_REUSEPORT).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

AGAIN_S = 1.0
"""Before one that died is started again."""
FIRST_S = 30.0
"""One that gives up sooner after its first start cannot start: nor could the others, now or later."""


def become(count: int, command: Sequence[str]) -> NoReturn:
    """Replace this process by one that keeps `count` of `command` running."""
    os.execv(sys.executable, [sys.executable, "-P", __file__, str(count), *command])  # noqa: S606 - it is ourselves


class Workers:
    """Keeps processes running."""

    def __init__(self, count: int, command: Sequence[str]) -> None:
        self._count = count
        self._command = command
        self._processes: set[asyncio.subprocess.Process] = set()
        self._stopping = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """Until asked to stop. Returns the exit code: 0, or that of one that could not start."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stop)
        await asyncio.gather(*(self._keep() for _ in range(self._count)))
        return self._code

    def _stop(self) -> None:
        """A second time it reaches the workers a second time, which then go at once."""
        self._stopping.set()
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)

    async def _keep(self) -> None:
        """One place among them, whoever fills it."""
        loop = asyncio.get_running_loop()
        is_first = True
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._one()
            if is_first and code > 0 and loop.time() - began < FIRST_S and not self._stopping.is_set():
                self._code = code
                self._stop()
            elif not self._stopping.is_set():
                print(f"chairside: a worker ended with {code}; another is started", file=sys.stderr, flush=True)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), AGAIN_S)
            is_first = False

    async def _one(self) -> int:
        # In a session of its own: Ctrl-C is told to it once, by us.
        process = await asyncio.create_subprocess_exec(*self._command, start_new_session=True)
        self._processes.add(process)
        if self._stopping.is_set():
            process.terminate()
        try:
            return await process.wait()
        finally:
            self._processes.discard(process)


if __name__ == "__main__":
    sys.exit(asyncio.run(Workers(int(sys.argv[1]), sys.argv[2:]).run()))
