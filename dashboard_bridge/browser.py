"""One browser's place in the relay: what it still has to be told, bounded, the newest state winning."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dashboard_bridge.live import Delta
from dashboard_bridge.wire import Acted, Audio, Bookings, Hello, Metrics, Problem, Transcript, Vendors, Wire

MAX_LINES = 500
"""Messages a browser may lag behind: about a minute of twenty busy calls."""
MAX_AUDIO = 100
"""Stretches of sound a browser may lag behind: two seconds of one side, one of both."""

_Key = tuple[int, str, int]
"""(location_id, call_sid, turn) of a partial; (location_id, "", serial number) of everything else."""


class Parting(Exception):
    """The socket must close: with this WebSocket code, after an error message that tells why."""

    def __init__(self, close_code: int, code: str, message: str) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Fresh:
    """A snapshot message, and the number each call in it has reached."""

    line: str
    reached: Mapping[str, int]


Photographer = Callable[[str | None], Fresh]
"""Makes a snapshot, as of now, of one call or of all that the browser may see."""


class Browser:
    """A queue that never grows without end and never loses a final word in silence.

    Of each shop only the newest metrics wait, of each turn only the newest partial. A full queue gives up
    partials; when none is left to give, the browser is told so and closed, and may come back. With the full feed
    a full queue is thrown away for a snapshot instead, which is made when there is room to send it.
    """

    def __init__(self, counters: Counter[str], max_lines: int = MAX_LINES) -> None:
        self._counters = counters
        self._max_lines = max_lines
        self._direct: deque[str] = deque()
        self._audio: deque[bytes] = deque(maxlen=MAX_AUDIO)
        self._states: dict[tuple[type[Wire], int], str] = {}
        self._lines: dict[_Key, str] = {}
        self._partials: dict[_Key, None] = {}
        self._deltas = Deltas(counters, max_lines)
        self._serial = 0
        self._parting: Parting | None = None
        self._something = asyncio.Event()

    def __len__(self) -> int:
        """How many messages wait, sound apart."""
        return len(self._direct) + len(self._states) + len(self._lines) + len(self._deltas)

    def put(self, location_id: int, message: Wire, line: str) -> None:
        """Queue a message, given with its JSON so that many browsers share one string."""
        if self._parting is not None:
            return
        if isinstance(message, Metrics | Bookings | Vendors):
            key = (type(message), location_id)
            self._counters["metrics_shed"] += key in self._states
            self._states[key] = line
        elif isinstance(message, Hello | Problem | Acted | Audio):
            self._put_direct(line)
        elif isinstance(message, Transcript) and message.data.speaker == "caller":
            self._put_heard(message, line)
        else:
            self._put_final((location_id, "", self._next()), line)
        self._something.set()

    def put_delta(self, delta: Delta) -> None:
        """Queue an event of the full feed."""
        if self._parting is None:
            self._deltas.put(delta)
            self._something.set()

    def put_audio(self, frame: bytes) -> None:
        """Queue a stretch of sound; the oldest gives way, because late sound is worth nothing."""
        if self._parting is None:
            self._counters["audio_shed"] += len(self._audio) == MAX_AUDIO
            self._audio.append(frame)
            self._something.set()

    def drop_audio(self) -> None:
        self._audio.clear()

    def begin_full(self, photographer: Photographer) -> None:
        """From now on the full feed, beginning with a snapshot."""
        self._lines.clear()
        self._partials.clear()
        self._deltas.begin(photographer)
        self._something.set()

    def end_full(self) -> None:
        self._deltas.end()

    def resync(self, call_sid: str | None = None) -> None:
        """Send a fresh snapshot, of one call or of all, in place of what waits of it."""
        self._deltas.resync(call_sid)
        self._something.set()

    def keep_only(self, locations: frozenset[int] | None) -> None:
        """Forget what is queued of other shops; None keeps all. Location 0 is the socket itself."""
        if locations is None:
            return
        kept = locations | {0}
        self._states = {key: line for key, line in self._states.items() if key[1] in kept}
        self._lines = {key: line for key, line in self._lines.items() if key[0] in kept}
        self._partials = {key: None for key in self._partials if key in self._lines}

    def part(self, parting: Parting) -> None:
        """Drop what is queued; the reader of `next_line` gets `parting`."""
        self._parting = self._parting or parting
        self._something.set()

    async def next_line(self) -> str | bytes:
        """The next message: text is JSON, bytes are sound.

        Metrics go before words, so that a page knows the shop first; but not when it lags behind.
        Raises Parting when there is nothing more to say to this browser.
        """
        while True:
            if self._parting is not None:
                raise self._parting
            line = self._pop()
            if line is not None:
                return line
            self._something.clear()
            await self._something.wait()

    def _pop(self) -> str | bytes | None:
        if self._direct:
            return self._direct.popleft()
        if self._audio:
            return self._audio.popleft()
        if (snapshot := self._deltas.pop_due()) is not None:
            return snapshot
        lags = len(self._lines) + len(self._deltas) > self._max_lines // 2
        if self._states and not lags:
            return self._states.pop(next(iter(self._states)))
        if self._lines:
            key = next(iter(self._lines))
            self._partials.pop(key, None)
            return self._lines.pop(key)
        return self._deltas.pop()

    def _put_direct(self, line: str) -> None:
        self._direct.append(line)
        if len(self._direct) > self._max_lines:
            self._overflow()

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
        else:
            self._overflow()

    def _overflow(self) -> None:
        self._counters["overflowed"] += 1
        self.part(Parting(1013, "too_slow", f"{self._max_lines} messages are waiting; connect again."))

    def _drop_partial(self, key: _Key) -> None:
        if self._lines.pop(key, None) is not None:
            self._partials.pop(key, None)

    def _next(self) -> int:
        self._serial += 1
        return self._serial


class Deltas:
    """The queue of the full feed. Whatever is left out of it is either restated by a later delta or in a snapshot."""

    def __init__(self, counters: Counter[str], max_deltas: int) -> None:
        self._counters = counters
        self._max_deltas = max_deltas
        self._photographer: Photographer | None = None
        self._queue: dict[tuple[str, int], Delta] = {}
        self._partials: dict[tuple[str, int], tuple[str, int]] = {}
        self._sent: dict[str, int] = {}
        self._due: dict[str | None, None] = {}

    def __len__(self) -> int:
        return len(self._queue) + len(self._due)

    def begin(self, photographer: Photographer) -> None:
        self._photographer = photographer
        self.resync(None)

    def end(self) -> None:
        self._photographer = None
        for kept in (self._queue, self._partials, self._sent, self._due):
            kept.clear()

    def put(self, delta: Delta) -> None:
        """Queue a delta, unless a snapshot that is due will hold it."""
        call_sid = delta.event.call_sid
        if self._photographer is None or None in self._due or call_sid in self._due:
            return
        if delta.heard is not None:
            self._supersede(delta.heard, delta)
        if len(self._queue) >= self._max_deltas:
            self._counters["overflowed"] += 1
            self.resync(None)
            return
        self._queue[call_sid, delta.n] = delta

    def resync(self, call_sid: str | None) -> None:
        """Make a snapshot due. One call's that come too many become one of all."""
        if self._photographer is None or None in self._due:
            return
        if call_sid is None or len(self._due) >= self._max_deltas:
            for kept in (self._queue, self._partials, self._sent, self._due):
                kept.clear()
            self._due[None] = None
            return
        self._due[call_sid] = None
        self._queue = {key: delta for key, delta in self._queue.items() if key[0] != call_sid}
        self._partials = {key: at for key, at in self._partials.items() if key[0] != call_sid}

    def pop_due(self) -> str | None:
        """A snapshot, made now, if one is due."""
        if not self._due or self._photographer is None:
            return None
        fresh = self._photographer(call_sid := next(iter(self._due)))
        del self._due[call_sid]
        self._sent.update(fresh.reached)
        return fresh.line

    def pop(self) -> str | None:
        """The next delta, or None. Those of a call follow its snapshot, if one is due."""
        if not self._queue:
            return None
        key = next(iter(self._queue))
        delta = self._queue.pop(key)
        if delta.partial:
            self._partials = {turn: at for turn, at in self._partials.items() if at != key}
        from_n = self._sent.get(key[0], 0) + 1
        if delta.last:
            self._sent.pop(key[0], None)
        else:
            self._sent[key[0]] = delta.n
        return delta.line if from_n == delta.n else delta.line_from(from_n)

    def _supersede(self, turn: tuple[str, int], delta: Delta) -> None:
        """Take the turn's waiting partial out: this delta restates it."""
        waiting = self._partials.pop(turn, None)
        if waiting is not None and self._queue.pop(waiting, None) is not None:
            self._counters["partials_coalesced"] += 1
        if delta.partial:
            self._partials[turn] = (turn[0], delta.n)
