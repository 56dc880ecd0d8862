"""The caller of a tape: sends what the caller sent, when they sent it, and plays what comes as a phone does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from agent.emulators.audio import duration_ms
from agent.emulators.caller import Caller
from agent.emulators.line import Line
from agent.emulators.media_socket import MediaSocket, Signing
from agent.emulators.phone import Mouth
from agent.emulators.scenario import Scenario
from agent.emulators.twilio import PhoneCall
from agent.emulators.twiml import Verb
from agent.events import CallEnded
from agent.recording.reel import Reel

BEFORE_S = 5.0
"""How long, by its clock, a replay's server is up before the call comes."""
EARLY_S = 0.001
GRACE_S = 10.0
"""How long a call that ended by itself then may take longer now."""


class TapedMouth(Mouth):
    """Sends each frame when it came then."""

    def __init__(self, reel: Reel, begins: Callable[[], None]) -> None:
        super().__init__(lambda _: None)
        self._sounds = reel.caller
        self._begins = begins

    async def speak_into(self, socket: MediaSocket) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._begins()
        for sound in self._sounds:
            if (left := began + sound.at - loop.time()) > 0:
                await asyncio.sleep(left)
            if socket.closed:
                return
            with suppress(ConnectionError, RuntimeError):
                await socket.send_media(sound.ulaw)
            self.played_ms += duration_ms(sound.ulaw)


class TapedLine(Line):
    """The caller's side of a recorded call."""

    def __init__(
        self,
        caller: Caller,
        state: PhoneCall,
        scenario: Scenario,
        signing: Signing,
        *,
        reel: Reel,
        begins: Callable[[], None],
    ) -> None:
        """`begins` is called when the media stream begins, time 0 of the tape."""
        super().__init__(caller, state, scenario, signing)
        self._reel = reel
        self._mouth = TapedMouth(reel, begins)
        self._marked_at = [(str(note.facts["name"]), note.at) for note in reel.of("line") if note.what == "mark"]

    async def _stream(self, verb: Verb) -> None:
        """Talk over a media socket, on a virtual clock from the moment by the loop's time at which it was then."""
        early_s = self._reel.manifest.loop_s - asyncio.get_running_loop().time()
        await asyncio.sleep(early_s if 0 < early_s < BEFORE_S else 0)
        await super()._stream(verb)

    async def _act(self) -> None:
        """Press the keys that were pressed, and hang up when they did."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for note in self._reel.of("line"):
            if note.what == "key" and note.at <= self._reel.until:
                await asyncio.sleep(max(0.0, began + note.at - loop.time()))
                if self._socket is not None:
                    await self._socket.send_dtmf(str(note.facts["key"]))
        await asyncio.sleep(max(0.0, began + self._hangs_up_at() - loop.time()))
        self._end = self._end or "hung_up_by_caller"
        self._leaving.set()

    def _hangs_up_at(self) -> float:
        """When the caller hung up then. Where we did, or a person took over, we are given time to do it again."""
        ended = next((event for event in self._reel.events if isinstance(event, CallEnded)), None)
        by_itself = ended is not None and ended.reason in ("agent_hung_up", "operator_hung_up", "transferred")
        stop = next((note.at for note in self._reel.of("line") if note.what == "stop"), self._reel.until)
        return stop + GRACE_S if by_itself and stop <= self._reel.until else min(stop, self._reel.until)

    def _mark(self, name: str, socket: MediaSocket, now: float) -> None:
        """A mark comes back when it came back then. One that was not sent then, or came back early because its sound
        was thrown away, comes when its sound has been played, or thrown away."""
        after_s = self._ear.buffered(now)
        taped = next((at for at in self._marked_at if at[0] == name), None)
        if taped is not None and self._started_at is not None:
            self._marked_at.remove(taped)
            then_s = self._started_at + taped[1] - now
            after_s = then_s if then_s > after_s - EARLY_S else after_s
        task = asyncio.create_task(self._send_mark(name, socket, max(0.0, after_s)))
        self._marks.add(task)
        self._due_marks[name] = task
        task.add_done_callback(self._marks.discard)
