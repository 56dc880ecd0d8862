"""What operators do to one call: hints, words, taking over, transfer, hanging up, listening.

Who may do it was checked before; here is what it does. The contract of errors is that of `agent.ports.CallControl`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from loguru import logger

from agent.errors import Conflict
from agent.events import OperatorActed
from agent.model import AudioFrame, AudioSide, OperatorCommand
from agent.pipelines.line import Line
from agent.pipelines.tap import CallLog

MAX_WAITING = 100
"""Stretches of sound that wait for a listener: a second of both sides. Older ones give way."""
MAX_AHEAD_S = 1.0
"""An operator's sound comes at the pace of speech; what would be heard later than this is dropped."""
SILENT_S = 15.0
"""A microphone sends all the time. An operator who sends nothing for so long is gone, and the agent takes over."""


class Conversation(Protocol):
    """What operators can have a call do. Raises TelephonyError when the phone company refuses."""

    async def take_hint(self, text: str) -> None: ...
    async def say(self, text: str) -> None: ...
    async def fall_silent(self) -> None: ...
    async def resume(self) -> None: ...
    async def ring(self, to: str | None) -> str:
        """Put the caller through; returns the number that is rung. Raises Conflict transfer_unknown."""
        ...

    async def end(self) -> None: ...


class Supervision:
    """The operators of one call: who has taken it over, and who listens."""

    def __init__(self, line: Line, log: CallLog, conversation: Conversation, *, silent_s: float = SILENT_S) -> None:
        self._silent_s = silent_s
        self._line = line
        self._log = log
        self._conversation = conversation
        self._taken_by: str | None = None
        self._sounded = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._listeners: dict[_Listener, None] = {}

    @property
    def is_attended(self) -> bool:
        """Whether an operator has the call, and the agent is to be silent."""
        return self._taken_by is not None

    async def obey(self, command: OperatorCommand) -> None:
        """Carry out a command, then publish that it was; ending acts are published before the call is over.

        Raises Conflict already_taken_over, not_yours or transfer_unknown, TelephonyError.
        """
        match command.command:
            case "whisper":
                await self._conversation.take_hint(command.text)
            case "say":
                await self._conversation.say(command.text)
            case "take_over":
                await self._take_over(command.operator)
            case "hand_back":
                await self._hand_back(command.operator)
            case "transfer":
                number = await self._conversation.ring(command.to)
                self._tell(command, number)
                return
            case "hang_up":
                self._tell(command, command.text)
                await self._conversation.end()
                return
            case "listen" | "unlisten":
                pass
        self._tell(command, command.text)

    async def speak(self, operator: str, ulaw: bytes) -> None:
        """Play an operator's sound to the caller. Raises Conflict not_yours unless they have taken the call over."""
        self._require(operator)
        self._sounded.set()
        now = asyncio.get_running_loop().time()
        if self._line.playout.ahead(now) < MAX_AHEAD_S:
            await self._line.write(ulaw, side="operator")

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[AsyncIterator[AudioFrame]]:
        """Both sides' sound from entering on, until the call ends."""
        listener = _Listener(self._line)
        self._listeners[listener] = None
        self._line.ears.append(listener)
        try:
            yield listener
        finally:
            self._line.ears.remove(listener)
            self._listeners.pop(listener, None)

    async def close(self) -> None:
        """The call is over: nobody hears anything any more."""
        await self._stop_watching()
        for listener in self._listeners:
            listener.close()

    async def _take_over(self, operator: str) -> None:
        if self._taken_by not in (None, operator):
            raise Conflict("already_taken_over", f"{self._taken_by} has taken this call over.")
        if self._taken_by is None:
            self._taken_by = operator
            self._watch = asyncio.create_task(self._hand_back_when_silent(), name="taken over")
            await self._conversation.fall_silent()

    async def _hand_back(self, operator: str) -> None:
        self._require(operator)
        self._taken_by = None
        await self._stop_watching()
        await self._conversation.resume()

    async def _hand_back_when_silent(self) -> None:
        """A caller must not be left with nobody: an operator's browser, or its server, may be gone without a word."""
        with suppress(TimeoutError):
            while True:
                self._sounded.clear()
                async with asyncio.timeout(self._silent_s):
                    await self._sounded.wait()
        operator, self._taken_by, self._watch = self._taken_by or "", None, None
        self._log.publish(
            OperatorActed, operator=operator, act="hand_back", detail=f"no sound for {self._silent_s:g} seconds"
        )
        await self._conversation.resume()

    async def _stop_watching(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None and watch is not asyncio.current_task():
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def _require(self, operator: str) -> None:
        if self._taken_by != operator:
            raise Conflict("not_yours", "You have not taken this call over.")

    def _tell(self, command: OperatorCommand, detail: str) -> None:
        call = self._log.caller
        who, act = command.operator, command.command
        logger.info("audit: {} did {} in call {} of location {}", who, act, call.call_sid, call.location_id)
        self._log.publish(OperatorActed, operator=who, act=act, detail=detail)


class _Listener:
    """An ear whose sound somebody takes in their own time; an `Ear` of the line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: deque[AudioFrame] = deque(maxlen=MAX_WAITING)
        self._something = asyncio.Event()
        self._closed = False
        self._clock: Callable[[], float] = asyncio.get_running_loop().time

    def caller_sound(self, ulaw: bytes) -> None:
        self._put("caller", self._clock(), ulaw)

    def agent_sound(self, ulaw: bytes, side: AudioSide = "agent") -> None:
        now = self._clock()
        self._put(side, now + self._line.playout.ahead(now), ulaw)

    def cleared(self) -> None:
        """The caller never hears it; a listener who has is none the worse."""

    def close(self) -> None:
        self._closed = True
        self._something.set()

    def _put(self, side: AudioSide, at: float, ulaw: bytes) -> None:
        at_ms = max(0, round((at - self._line.began_at) * 1000))
        self._waiting.append(AudioFrame(call_sid=self._line.call_sid, side=side, at_ms=at_ms, ulaw=ulaw))
        self._something.set()

    def __aiter__(self) -> AsyncIterator[AudioFrame]:
        return self

    async def __anext__(self) -> AudioFrame:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._something.clear()
            await self._something.wait()
        return self._waiting.popleft()
