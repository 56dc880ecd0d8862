"""Operators' acts on calls of other processes: asked over a link, carried out where the call is."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from agent.bus.acts_wire import Link, frame_of, packed, raised_of, unpacked
from agent.errors import ChairsideError, NotFound, Unavailable
from agent.model import AudioFrame, OperatorCommand
from agent.ports import CallControl

ANSWER_S = 4.0
STILL_S = 4.0
"""How often a listener says that it still listens."""
MAX_WAITING = 100


class HomeControl(CallControl, Protocol):
    """The calls of this process."""

    def holds(self, call_sid: str) -> bool: ...


class FarControl:
    """Implements `CallControl` for a house of several processes. `owner_of` tells who else holds a call."""

    def __init__(self, home: HomeControl | None, link: Link, owner_of: Callable[[int, str], str | None]) -> None:
        """Without `home`, this process takes no calls."""
        self._home = home
        self._link = link
        self._owner_of = owner_of
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._heard: dict[str, _FarSound] = {}

    async def send(self, command: OperatorCommand) -> None:
        """Carry out a command, wherever the call is; see `CallControl.send`."""
        if (home := self._at_home(command.call_sid)) is not None:
            await home.send(command)
        else:
            owner = self._owner(command.location_id, command.call_sid)
            await self._ask(owner, {"act": "command", "command": command.model_dump(mode="json")})

    def listen(self, location_id: int, call_sid: str) -> AbstractAsyncContextManager[AsyncIterator[AudioFrame]]:
        """Both sides' sound, wherever the call is; see `CallControl.listen`."""
        if (home := self._at_home(call_sid)) is not None:
            return home.listen(location_id, call_sid)
        return self._listen_far(location_id, call_sid)

    async def speak(self, location_id: int, call_sid: str, operator: str, ulaw: bytes) -> None:
        """Play an operator's sound. To a far call it goes without an answer: sound that waited would come too late,
        and the process that holds the call drops what is nobody's."""
        if (home := self._at_home(call_sid)) is not None:
            await home.speak(location_id, call_sid, operator, ulaw)
            return
        owner = self._owner(location_id, call_sid)
        head = f"{location_id} {call_sid} {operator}".encode()
        self._link.send(packed("voice", _number(), sound=len(head).to_bytes(2, "big") + head + ulaw), owner)

    # What the link tells

    def connected(self) -> None:
        """What was asked meanwhile runs into its time limit."""

    def pulsed(self) -> None:
        """Nothing is to be done."""

    def received(self, sender: str, message: bytes) -> None:  # noqa: ARG002 - numbers tell whose it is
        """An answer, or the sound of a far call."""
        parcel = unpacked(message)
        if parcel is None:
            return
        if parcel.kind == "answer":
            answer = self._asked.get(parcel.number)
            if answer is not None and not answer.done():
                answer.set_result(parcel.facts)
        elif parcel.kind == "sound" and (sound := self._heard.get(parcel.number)) is not None:
            sound.put(parcel.body)

    def _at_home(self, call_sid: str) -> HomeControl | None:
        return self._home if self._home is not None and self._home.holds(call_sid) else None

    def _owner(self, location_id: int, call_sid: str) -> str:
        owner = self._owner_of(location_id, call_sid)
        if owner is None:
            raise NotFound("call_not_live", f"Call {call_sid} is not on the line.")
        return owner

    async def _ask(self, owner: str, question: dict[str, Any]) -> None:
        """Raises what the other process raised; Unavailable when it does not answer."""
        number = _number()
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self._link.send(packed("ask", number, question), owner)
            async with asyncio.timeout(ANSWER_S):
                told = await answer
        except TimeoutError:
            raise Unavailable("no_answer", "The process that holds the call does not answer.") from None
        finally:
            del self._asked[number]
        if "code" in told:
            raise raised_of(told)

    @asynccontextmanager
    async def _listen_far(self, location_id: int, call_sid: str) -> AsyncGenerator[AsyncIterator[AudioFrame]]:
        owner, ear = self._owner(location_id, call_sid), _number()
        sound = self._heard[ear] = _FarSound(call_sid)
        still: asyncio.Task[None] | None = None
        try:
            await self._ask(owner, {"act": "listen", "ear": ear, "location_id": location_id, "call_sid": call_sid})
            still = asyncio.create_task(self._still_here(owner, ear, sound), name="still listening")
            yield sound
        finally:
            del self._heard[ear]
            if still is not None:
                still.cancel()
                await asyncio.gather(still, return_exceptions=True)
                self._link.send(packed("ask", _number(), {"act": "unlisten", "ear": ear}), owner)

    async def _still_here(self, owner: str, ear: str, sound: _FarSound) -> None:
        """Until the other process says that the call is over, or says nothing any more."""
        try:
            while True:
                await asyncio.sleep(STILL_S)
                await self._ask(owner, {"act": "still", "ear": ear})
        except ChairsideError:
            sound.end()


class _FarSound:
    """The sound of a far call as it comes; what nobody takes in time is dropped."""

    def __init__(self, call_sid: str) -> None:
        self._call_sid = call_sid
        self._waiting: deque[AudioFrame] = deque(maxlen=MAX_WAITING)
        self._something = asyncio.Event()
        self._over = False

    def put(self, sound: bytes) -> None:
        if len(sound) > 5:
            self._waiting.append(frame_of(self._call_sid, sound))
        else:  # the last word of the process that sent it
            self._over = True
        self._something.set()

    def end(self) -> None:
        self._over = True
        self._something.set()

    def __aiter__(self) -> AsyncIterator[AudioFrame]:
        return self

    async def __anext__(self) -> AudioFrame:
        while not self._waiting:
            if self._over:
                raise StopAsyncIteration
            self._something.clear()
            await self._something.wait()
        return self._waiting.popleft()


def _number() -> str:
    return uuid.uuid4().hex
