"""Numbers that a caller keys in become a turn of theirs: "(keyed) 07911123456".

Pipecat's DTMFAggregator does not fit: it interrupts at the first key, a cheek's included, and tells words without
a turn, which nobody answers where Deepgram decides on turns.
"""

from __future__ import annotations

import asyncio

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputDTMFFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.time import time_now_iso8601

from agent.pipelines.intake import Intake

KEYED = "(keyed) "
"""What a keyed turn begins with, for the model to know; recognition writes no brackets."""
LEAST = 4
"""Fewer keys are an accident, or meant for a menu that is not ours: they disturb nobody and are told to nobody."""
MOST = 40
"""More is no number; the first ones count."""
PAUSE_S = 2.5
"""Without a key for so long, the number is complete: long enough to look at the next digits on a piece of paper."""
END = "#"


class Keypad(FrameProcessor):
    """Stands before the ears, and passes everything on.

    The caller's turn begins with the key that makes it a number, and ends with `#` or a pause of `pause_s`.
    `proposes`: turns begin and end by proposals, as Flux makes them; otherwise the words make the turn (`turns.py`).
    """

    def __init__(self, intake: Intake, *, proposes: bool, pause_s: float = PAUSE_S) -> None:
        super().__init__()
        self._intake = intake
        self._proposes = proposes
        self._pause_s = pause_s
        self._keys = ""
        self._pausing: asyncio.Task[None] | None = None

    async def cleanup(self) -> None:
        """The call is over: what was not complete by then is nobody's."""
        await self._key_came()
        await super().cleanup()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Gather keys on their way through."""
        await super().process_frame(frame, direction)
        if isinstance(frame, (EndFrame, CancelFrame)):
            await self._key_came()
        await self.push_frame(frame, direction)
        if isinstance(frame, InputDTMFFrame):
            await self._pressed(frame.button.value)

    async def _pressed(self, key: str) -> None:
        await self._key_came()
        if key == END:
            await self._complete()
            return
        self._keys = (self._keys + key)[:MOST]
        if len(self._keys) == LEAST and self._proposes:
            await self.broadcast_frame(ProposedUserStartedSpeakingFrame)
        elif len(self._keys) == LEAST:
            await self.broadcast_interruption()
        self._pausing = self.create_task(self._wait(), "keypad_pause")

    async def _key_came(self) -> None:
        waiting, self._pausing = self._pausing, None
        if waiting is not None:
            await self.cancel_task(waiting)

    async def _wait(self) -> None:
        await asyncio.sleep(self._pause_s)
        self._pausing = None  # it is this one, and it must not cancel itself
        await self._complete()

    async def _complete(self) -> None:
        keys, self._keys = self._keys, ""
        if len(keys) < LEAST:
            return
        words = KEYED + self._intake.keyed(keys)
        await self.push_frame(TranscriptionFrame(words, "", time_now_iso8601(), finalized=True))
        if self._proposes:
            await self.broadcast_frame(ProposedUserStoppedSpeakingFrame)
