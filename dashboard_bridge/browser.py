"""One browser's place in the relay: what it still has to be told, bounded, the newest state winning."""

from __future__ import annotations

import asyncio
from collections import Counter

from dashboard_bridge.wire import Metrics, Transcript, Wire

MAX_LINES = 500
"""Messages a browser may lag behind: about a minute of twenty busy calls."""

_Key = tuple[int, str, int]
"""(location_id, call_sid, turn) of a partial; (location_id, "", serial number) of everything else."""


class Parting(Exception):
    """The socket must close: with this WebSocket code, after an error message that tells why."""

    def __init__(self, close_code: int, code: str, message: str) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.code = code
        self.message = message


class Browser:
    """A queue that never grows without end and never loses a final word in silence.

    Of each shop only the newest metrics wait, of each turn only the newest partial. A full queue gives up
    partials; when none is left to give, the browser is told so and closed, and may come back.
    """

    def __init__(self, counters: Counter[str], max_lines: int = MAX_LINES) -> None:
        self._counters = counters
        self._max_lines = max_lines
        self._metrics: dict[int, str] = {}
        self._lines: dict[_Key, str] = {}
        self._partials: dict[_Key, None] = {}
        self._serial = 0
        self._parting: Parting | None = None
        self._something = asyncio.Event()

    def put(self, location_id: int, message: Wire, line: str) -> None:
        """Queue a message, given with its JSON so that many browsers share one string."""
        if self._parting is not None:
            return
        if isinstance(message, Metrics):
            self._metrics[location_id] = line
        elif isinstance(message, Transcript) and message.data.speaker == "caller":
            self._put_heard(message, line)
        else:
            self._put_final((location_id, "", self._next()), line)
        self._something.set()

    def keep_only(self, locations: frozenset[int] | None) -> None:
        """Forget what is queued of other shops; None keeps all. Location 0 is the socket itself."""
        if locations is None:
            return
        kept = locations | {0}
        self._metrics = {at: line for at, line in self._metrics.items() if at in kept}
        self._lines = {key: line for key, line in self._lines.items() if key[0] in kept}
        self._partials = {key: None for key in self._partials if key in self._lines}

    def part(self, parting: Parting) -> None:
        """Drop what is queued; the reader of `next_line` gets `parting`."""
        self._parting = self._parting or parting
        self._something.set()

    async def next_line(self) -> str:
        """The next message as JSON: metrics first, so that a page knows the shop before its words.

        Raises Parting when there is nothing more to say to this browser.
        """
        while True:
            if self._parting is not None:
                raise self._parting
            if self._metrics:
                return self._metrics.pop(next(iter(self._metrics)))
            if self._lines:
                key = next(iter(self._lines))
                self._partials.pop(key, None)
                return self._lines.pop(key)
            self._something.clear()
            await self._something.wait()

    def _put_heard(self, message: Transcript, line: str) -> None:
        key = (message.data.location_id, message.data.call_sid, message.data.turn)
        if message.data.final:
            self._drop_partial(key)  # the final words restate it
            self._put_final((key[0], "", self._next()), line)
        elif key in self._lines:
            self._lines[key] = line
            self._counters["partials_coalesced"] += 1
        elif len(self._lines) < self._max_lines:
            self._lines[key] = line
            self._partials[key] = None
        else:
            self._counters["partials_shed"] += 1

    def _put_final(self, key: _Key, line: str) -> None:
        if len(self._lines) >= self._max_lines and self._partials:
            self._drop_partial(next(iter(self._partials)))
            self._counters["partials_shed"] += 1
        if len(self._lines) < self._max_lines:
            self._lines[key] = line
            return
        self._counters["overflowed"] += 1
        self.part(Parting(1013, "too_slow", f"{self._max_lines} messages are waiting; connect again."))

    def _drop_partial(self, key: _Key) -> None:
        if self._lines.pop(key, None) is not None:
            self._partials.pop(key, None)

    def _next(self) -> int:
        self._serial += 1
        return self._serial
