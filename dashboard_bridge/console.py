"""What one operator does to calls from one socket: acts, listening, taking over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from loguru import logger

from agent.errors import AccessError, ChairsideError, NotFound, Unavailable
from agent.model import Act, AudioFrame, OperatorCommand, to_e164
from agent.ports import CallControl
from dashboard_bridge.browser import Browser
from dashboard_bridge.live import LiveCall, LiveCalls
from dashboard_bridge.visitor import Visitor
from dashboard_bridge.wire import ActCommand, Audio, AudioData, problem

ACT_WAIT_S = 5.0
MAX_TEXT = 1_000
MAX_SOUND = 1_600
"""Bytes of mu-law in one frame: 200 ms."""
OPERATOR_SOUND = 0x10
"""The first byte of a binary frame that holds an operator's sound."""
_SIDES = {"caller": 0, "agent": 1, "operator": 2}
_TEXTS: frozenset[Act] = frozenset({"whisper", "say"})


class Console:
    """One call's sound at a time, because frames do not name their call; a socket may take over one call."""

    def __init__(
        self,
        visitor: Visitor,
        live: LiveCalls,
        control: CallControl | None,
        browser: Browser,
        counters: Counter[str],
    ) -> None:
        self._visitor = visitor
        self._live = live
        self._control = control
        self._browser = browser
        self._counters = counters
        self._taken: LiveCall | None = None
        self._heard: LiveCall | None = None
        self._listening: asyncio.Task[None] | None = None

    async def act(self, asked: ActCommand) -> None:
        """Carry out an act. Raises ChairsideError with the code that the page is told."""
        call = self._call(asked)
        control = self._control
        if control is None:
            raise Unavailable("acts_unavailable", "This server cannot act on calls.")
        command = _command(asked, call.location_id, self._visitor.name)
        try:
            async with asyncio.timeout(ACT_WAIT_S):
                await control.send(command)
        except TimeoutError:
            raise Unavailable("no_answer", "The process that holds the call does not answer.") from None
        await self._follow(asked.act, call, control)

    async def speak(self, frame: bytes) -> None:
        """Pass on a frame of the operator's sound; what no call takes is counted, for frames may cross a hand-back."""
        ulaw = frame[1:]
        if self._taken is None or self._control is None or not 0 < len(ulaw) <= MAX_SOUND:
            self._counters["audio_refused"] += 1
            return
        try:
            async with asyncio.timeout(ACT_WAIT_S):
                await self._control.speak(self._taken.location_id, self._taken.call_sid, self._visitor.name, ulaw)
        except (ChairsideError, TimeoutError):
            self._counters["audio_refused"] += 1
            self._taken = None

    async def aclose(self) -> None:
        """Stop listening, and give back a call that was taken over: its caller would talk to nobody."""
        await self._stop_listening()
        call, self._taken = self._taken, None
        if call is None or self._control is None or call.state == "ended":
            return
        command = OperatorCommand(
            command="hand_back", location_id=call.location_id, call_sid=call.call_sid, operator=self._visitor.name
        )
        try:
            async with asyncio.timeout(ACT_WAIT_S):
                await self._control.send(command)
        except (ChairsideError, TimeoutError) as why:
            logger.warning("call {} could not be handed back: {!r}", call.call_sid, why)

    def _call(self, asked: ActCommand) -> LiveCall:
        """The call they may act on. Whoever may not see it is told the same as for one that is not there."""
        call = self._live.get(asked.call_sid)
        if call is None or call.state == "ended" or not self._visitor.sees(call.location_id):
            raise NotFound("call_not_live", f"Call {asked.call_sid} is not on the line.")
        if not self._visitor.may(asked.act, call.location_id):
            raise AccessError("not_allowed", f"Your role does not allow {asked.act}.")
        return call

    async def _follow(self, act: Act, call: LiveCall, control: CallControl) -> None:
        match act:
            case "listen":
                await self._listen(call, control)
            case "take_over":
                self._taken = call
                await self._listen(call, control)
            case "hand_back" if self._taken is call:
                self._taken = None
                await self._stop_listening()
            case "unlisten" if self._heard is call:
                await self._stop_listening()
            case _:
                pass

    async def _listen(self, call: LiveCall, control: CallControl) -> None:
        if self._heard is call and self._listening is not None and not self._listening.done():
            return
        await self._stop_listening()
        began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heard = call
        self._listening = asyncio.create_task(self._stream(call, control, began), name="ops.listen")
        await began

    async def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        self._heard = self._listening = None

    async def _stream(self, call: LiveCall, control: CallControl, began: asyncio.Future[None]) -> None:
        try:
            async with control.listen(call.location_id, call.call_sid) as frames:
                self._tell(call, on=True)
                began.set_result(None)
                try:
                    await self._pass_on(frames)
                finally:
                    self._browser.drop_audio()
                    self._tell(call, on=False)
        except ChairsideError as why:
            if not began.done():
                began.set_exception(why)
            else:
                told = problem(why.code, why.message)
                self._browser.put(0, told, told.model_dump_json())
        except Exception:
            # A mistake of ours must not leave the page waiting, nor a call taken.
            logger.exception("listening to call {} failed", call.call_sid)
            if not began.done():
                began.set_exception(Unavailable("listening_failed", "The call's sound cannot be had."))
        finally:
            began.cancel()

    async def _pass_on(self, frames: AsyncIterator[AudioFrame]) -> None:
        async for frame in frames:
            self._browser.put_audio(packed(frame))

    def _tell(self, call: LiveCall, *, on: bool) -> None:
        told = Audio(data=AudioData(call_sid=call.call_sid, on=on))
        self._browser.put(0, told, told.model_dump_json())


def packed(frame: AudioFrame) -> bytes:
    """A frame as browsers get it: side (1 byte), ms since the start of the call (4 bytes, big-endian), mu-law."""
    return bytes((_SIDES[frame.side],)) + frame.at_ms.to_bytes(4, "big") + frame.ulaw


def _command(asked: ActCommand, location_id: int, operator: str) -> OperatorCommand:
    text = (asked.text or "").strip()
    if asked.act in _TEXTS and not text:
        raise AccessError("text_missing", f"Nothing to {asked.act}.")
    if len(text) > MAX_TEXT:
        raise AccessError("text_too_long", f"At most {MAX_TEXT} characters.")
    return OperatorCommand(
        command=asked.act,
        location_id=location_id,
        call_sid=asked.call_sid,
        operator=operator,
        text=text,
        to=_number(asked.to),
    )


def _number(text: str | None) -> str | None:
    if not text:
        return None
    try:
        return to_e164(text)
    except ValueError as why:
        raise AccessError("number_invalid", str(why)) from why
