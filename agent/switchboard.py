"""Who is on the line in this process: one entry per call, room for so many, what operators do, how calls ended."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Generator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import Protocol

from agent.errors import AccessError, NotFound
from agent.events import EndReason
from agent.model import AudioFrame, OperatorCommand
from agent.pulse import Pulse

STOP_S = 10.0
"""How long a stopped call may take to tidy up."""
EXPECTED_S = 10.0
"""How long after our answer Twilio may take to open the stream; one that has not come by then came elsewhere."""
ENDINGS_KEPT = 10_000
"""`/voice/after` asks within seconds of the end; this is hours of calls for one process."""


class LiveCall(Protocol):
    """A call under way, as far as the switchboard cares."""

    @property
    def ending(self) -> EndReason | None:
        """How the call is ending, once that is decided; the line may close before all is tidied up."""
        ...

    @property
    def location_id(self) -> int: ...
    @property
    def supervision(self) -> Supervised: ...
    async def stop(self, reason: EndReason) -> None: ...


class Supervised(Protocol):
    """What operators do to a call; the contract is that of `CallControl`."""

    async def obey(self, command: OperatorCommand) -> None: ...
    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[AudioFrame]]: ...
    async def speak(self, operator: str, ulaw: bytes) -> None: ...


class Switchboard:
    """Admits calls, knows the live ones, remembers how the ended ones ended. Implements `CallControl` for them."""

    def __init__(
        self, max_calls: int, pulse: Pulse | None = None, *, most_late_ms: float = 0.0, most_busy: float = 1.0
    ) -> None:
        """With a `pulse`, no call is answered while the loop runs later than `most_late_ms`, nor one with which it
        would use more of its core than `most_busy`."""
        self._max_calls = max_calls
        self._pulse, self._most_late_ms, self._most_busy = pulse, most_late_ms, most_busy
        self._lines: dict[str, LiveCall | None] = {}
        self._endings: OrderedDict[str, EndReason] = OrderedDict()
        self._expected: dict[str, asyncio.TimerHandle] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        if pulse is not None:
            pulse.live = lambda: self.live
        self.draining = False
        """Whether it is about to stop, and no more calls are to be brought here."""
        self.refused: Counter[str] = Counter()
        """How many were turned away, by code."""

    @property
    def live(self) -> int:
        return len(self._lines)

    def has_room(self) -> bool:
        """Whether one more call can be answered well."""
        return not self.draining and self._has_line() and self._is_in_time

    @property
    def _is_in_time(self) -> bool:
        pulse, calls = self._pulse, len(self._lines) + len(self._expected) + 1
        return pulse is None or (pulse.late_ms <= self._most_late_ms and pulse.busy_with(calls) <= self._most_busy)

    def _has_line(self) -> bool:
        return not self._closed and len(self._lines) < self._max_calls

    def ending_of(self, call_sid: str) -> EndReason | None:
        """How a call of this process ended or is ending; None while it goes on, or when it was never here."""
        live = self._lines.get(call_sid)
        return live.ending if live is not None else self._endings.get(call_sid)

    def expect(self, call_sid: str) -> None:
        """A call was answered, and its stream is to come: to this process, unless another one is given it."""
        self._forget(call_sid)
        self._expected[call_sid] = asyncio.get_running_loop().call_later(EXPECTED_S, self._forget, call_sid)
        self._idle.clear()

    def _forget(self, call_sid: str) -> None:
        timer = self._expected.pop(call_sid, None)
        if timer is not None:
            timer.cancel()
        if not self._expected and not self._lines:
            self._idle.set()

    @contextmanager
    def on_line(self, call_sid: str) -> Generator[None]:
        """Hold the line for one call, also while draining: whoever answered it promised so.

        Raises AccessError `call_already_live` for a second one, `no_room` when full.
        """
        if call_sid in self._lines:
            raise AccessError("call_already_live", f"call {call_sid} is already on the line")
        if not self._has_line():  # one that was answered is not sent away for a loop that has come to be late
            raise AccessError("no_room", "no room for another call")
        self._lines[call_sid] = None
        self._idle.clear()
        self._forget(call_sid)
        try:
            yield
        finally:
            del self._lines[call_sid]
            self._forget(call_sid)

    def connect(self, call_sid: str, call: LiveCall) -> None:
        """Name the conversation that holds a line, so that it can be stopped."""
        self._lines[call_sid] = call

    async def stop(self, call_sid: str, reason: EndReason) -> None:
        """End a call, if it is live."""
        call = self._lines.get(call_sid)
        if call is not None:
            await call.stop(reason)

    async def send(self, command: OperatorCommand) -> None:
        """Carry out an operator's command; see `CallControl.send`."""
        await self._held(command.location_id, command.call_sid).obey(command)

    def listen(self, location_id: int, call_sid: str) -> AbstractAsyncContextManager[AsyncIterator[AudioFrame]]:
        """Both sides' sound of a call of this process; see `CallControl.listen`."""
        return self._held(location_id, call_sid).listen()

    async def speak(self, location_id: int, call_sid: str, operator: str, ulaw: bytes) -> None:
        """Play an operator's sound to a caller; see `CallControl.speak`."""
        await self._held(location_id, call_sid).speak(operator, ulaw)

    def holds(self, call_sid: str) -> bool:
        """Whether a call is on the line in this process."""
        return self._lines.get(call_sid) is not None

    def _held(self, location_id: int, call_sid: str) -> Supervised:
        call = self._lines.get(call_sid)
        if call is None or call.location_id != location_id or call.ending is not None:
            raise NotFound("call_not_live", f"Call {call_sid} is not on the line.")
        return call.supervision

    def ended(self, call_sid: str, reason: EndReason) -> None:
        self._endings[call_sid] = reason
        while len(self._endings) > ENDINGS_KEPT:
            self._endings.popitem(last=False)

    async def drain(self, timeout: float) -> None:
        """Be ready no more; let running and answered calls finish for `timeout` seconds, then stop the rest."""
        self.draining = True
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            self._closed = True
            for call_sid in list(self._expected):
                self._forget(call_sid)
            await asyncio.gather(*(self.stop(call_sid, "server_stopped") for call_sid in list(self._lines)))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), STOP_S)
