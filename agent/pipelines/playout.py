"""What the caller has heard, told by Twilio's marks.

Audio written to the line waits in Twilio's buffer. A `mark` sent behind a piece of audio comes back when that
piece has been played, so the last mark that came back is how far the caller has listened. On a barge-in
Twilio empties its buffer and sends all pending marks back at once; those must not count, which is why each
mark carries the epoch it was sent in and an interruption begins a new one.

Positions are milliseconds of agent audio written since the call began.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

HEARD_AFTER_MS = 150.0
"""A word counts as heard once play-out is this far past its start: about half a spoken word."""


@dataclass(frozen=True, slots=True)
class _Awaiting:
    position: Callable[[], float | None]
    """Where it starts in the written audio; None while its audio has not begun to be written."""
    heard: Callable[[], None]


class Playout:
    """The position of the caller's ear in what we wrote, and what is waiting to be heard."""

    def __init__(self) -> None:
        self._epoch = 0
        self._written = 0.0
        self._heard = 0.0
        self._marked = 0.0
        self._awaiting: deque[_Awaiting] = deque()
        self._plays_until = 0.0
        self._caught_up = asyncio.Event()
        self._caught_up.set()

    @property
    def written_ms(self) -> float:
        return self._written

    @property
    def heard_ms(self) -> float:
        return self._heard

    @property
    def speaking(self) -> bool:
        """Whether the caller still has audio to hear."""
        return self._heard < self._written

    def ahead(self, now: float) -> float:
        """Seconds of play-out that lie ahead of `now` (seconds)."""
        return max(0.0, self._plays_until - now)

    def write(self, ms: float, now: float) -> float:
        """Account for `ms` of audio written at `now` (seconds); return seconds of play-out now ahead of `now`."""
        self._written += ms
        self._caught_up.clear()
        self._plays_until = max(now, self._plays_until) + ms / 1000
        return self._plays_until - now

    def mark(self) -> str | None:
        """A name for a mark at the present end of the written audio; None when there is one already."""
        if self._marked >= self._written:
            return None
        self._marked = self._written
        return f"{self._epoch}:{self._written:.0f}"

    def reached(self, name: str) -> None:
        """A mark came back. Unknown names, and those sent before an interruption, change nothing."""
        epoch, _, position = name.partition(":")
        if epoch != str(self._epoch) or not (position.isascii() and position.isdigit()):
            return
        # Names carry whole milliseconds, the written position may hold a fraction. Beyond it nothing was sent.
        if (at := float(position)) > self._written + 1:
            return
        self._heard = max(self._heard, min(at + 0.5, self._written))
        self._hand_over()
        if not self.speaking:
            self._caught_up.set()

    def await_heard(self, position: Callable[[], float | None], heard: Callable[[], None]) -> None:
        """Call `heard` once the caller has heard what starts at `position`, in the order of these calls."""
        self._awaiting.append(_Awaiting(position, heard))
        self._hand_over()

    def interrupt(self) -> None:
        """The buffer is being emptied: what has not been heard never will be."""
        self._epoch += 1
        self._awaiting.clear()
        self._written = self._marked = self._heard
        self._plays_until = 0.0
        self._caught_up.set()

    async def played(self, timeout: float) -> bool:
        """Wait until the caller has heard everything written, at most `timeout` seconds.

        False when an interruption came first: then the rest will never be heard.
        """
        epoch = self._epoch
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._caught_up.wait()
        return epoch == self._epoch

    def _hand_over(self) -> None:
        while self._awaiting:
            start = self._awaiting[0].position()
            if start is None:
                return
            end_of_all = self._heard >= self._written and self._heard > start
            if not end_of_all and self._heard < start + HEARD_AFTER_MS:
                return
            self._awaiting.popleft().heard()
