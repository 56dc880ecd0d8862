"""The phone line of one call as a Pipecat transport, with a play-out lead so that a stalled event loop is not heard."""

from __future__ import annotations

import asyncio
import audioop
from dataclasses import dataclass
from typing import Any

from pipecat.frames.frames import (
    BotSpeakingFrame,
    BotStoppedSpeakingFrame,
    ControlFrame,
    EndWorkerFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketClient,
    FastAPIWebsocketOutputTransport,
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)

from agent.pipelines.line import SAMPLE_RATE, Line
from agent.pipelines.line_messages import LineSerializer

OUTPUT_CHUNK_MS = 100
"""Audio travels to the line in pieces of this length: each costs a walk along the frames' road."""
NO_SOUND_OF_ITS_OWN = float("-inf")
"""Where a frame without audio stands in the written audio: heard as soon as what came before it was."""
GOODBYE_TIMEOUT_S = 10.0
"""How long a goodbye may take to be heard before the line is closed over it."""


@dataclass
class HangUpFrame(ControlFrame):
    """End the call once everything before this was heard. A caller who speaks up in time cancels it."""

    reason: str = ""


class LineOutput(FastAPIWebsocketOutputTransport):
    """Output that keeps a lead over play-out, marks what it writes, and lets words pass when they were heard.

    Pipecat times word frames by its own clock; here they wait for Twilio's word that the caller heard them, so
    the history and the transcript hold what was heard and nothing else.
    """

    def __init__(
        self,
        transport: LineTransport,
        line: Line,
        client: FastAPIWebsocketClient,
        params: FastAPIWebsocketParams,
    ) -> None:
        super().__init__(transport, client, params)
        self._line = line
        self._started_at_ms: dict[str | None, float] = {}
        self._clock_zero: dict[str | None, int] = {}
        self._last_pts = 0
        self._heard: asyncio.Queue[Frame] = asyncio.Queue()
        self._heard_task: asyncio.Task[None] | None = None

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        self._heard_task = self.create_task(self._pass_on_heard(), "heard")

    async def cleanup(self) -> None:
        if self._heard_task is not None:
            await self.cancel_task(self._heard_task)
            self._heard_task = None
        await super().cleanup()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if direction is FrameDirection.DOWNSTREAM:
            if isinstance(frame, InterruptionFrame):
                self._forget_unheard()
            elif isinstance(frame, TTSStartedFrame):
                # Who keeps the transcript must not learn of an answer before the one before it was heard to its end.
                self._line.playout.await_heard(lambda: NO_SOUND_OF_ITS_OWN, lambda: self._release(frame))
            elif isinstance(frame, TTSAudioRawFrame):
                self._clock_zero.setdefault(frame.context_id, max(self._last_pts, self.get_clock().get_time()))
            elif isinstance(frame, TTSTextFrame) and frame.context_id not in self._clock_zero:
                return  # words whose audio never came: Pipecat lets them through, but nobody heard them
            elif frame.pts and not isinstance(frame, (OutputAudioRawFrame, TTSStoppedFrame)):
                self._hold_until_heard(frame)
                return
        await super().process_frame(frame, direction)

    def _hold_until_heard(self, frame: Frame) -> None:
        """Words wait for their own audio, what follows them (the end of a reply) waits behind them."""
        pts, context_id = frame.pts or 0, None
        if isinstance(frame, TTSTextFrame):
            context_id = frame.context_id
            self._last_pts = max(self._last_pts, pts)
        zero = self._clock_zero.get(context_id, pts)

        def position() -> float | None:
            if context_id is None:
                return NO_SOUND_OF_ITS_OWN
            start = self._started_at_ms.get(context_id)
            return None if start is None else start + (pts - zero) / 1e6

        self._line.playout.await_heard(position, lambda: self._release(frame))

    def _release(self, frame: Frame) -> None:
        frame.pts = None
        self._heard.put_nowait(frame)

    async def _pass_on_heard(self) -> None:
        while True:
            await super().push_frame(await self._heard.get())

    def _forget_unheard(self) -> None:
        if not self._line.is_attended:
            self._line.forget_unheard()
        self._started_at_ms.clear()
        self._clock_zero.clear()
        # As Pipecat's own tracker does: the next words are timed from their audio, not from words never spoken.
        self._last_pts = 0

    async def write_transport_frame(self, frame: Frame) -> None:
        """Called when everything queued before `frame` has been written."""
        if isinstance(frame, TTSStartedFrame):
            self._started_at_ms[frame.context_id] = self._line.playout.written_ms
        elif isinstance(frame, HangUpFrame):
            await self._line.mark()
            if await self._line.playout.played(GOODBYE_TIMEOUT_S):
                if self._line.listener is not None:
                    self._line.listener.hanging_up(frame.reason)
                await self.push_frame(EndWorkerFrame(reason=frame.reason))
        await super().write_transport_frame(frame)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        if direction is FrameDirection.DOWNSTREAM:
            if isinstance(frame, (TTSStartedFrame, OutputAudioRawFrame)):
                return  # released when its turn comes to be heard; sound ends here
            if isinstance(frame, BotStoppedSpeakingFrame):
                await self._line.mark()
        await super().push_frame(frame, direction)

    async def broadcast_frame(self, frame_cls: type[Frame], **kwargs: Any) -> None:
        if frame_cls is not BotSpeakingFrame:  # five a second along the whole road, for an idle timer that is off
            await super().broadcast_frame(frame_cls, **kwargs)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Write one chunk and sleep only while more than the lead lies ahead of the caller's ear."""
        if self._client.is_closing or not self._client.is_connected:
            return False
        self._line.agent_audio(frame.audio)
        ahead = await self._line.write(audioop.lin2ulaw(frame.audio, 2))
        await self._line.mark_if_due()
        if ahead > self._line.lead:
            await asyncio.sleep(ahead - self._line.lead)
        return True


class LineTransport(FastAPIWebsocketTransport):
    """Pipecat's WebSocket transport with a `LineOutput`. Audio is 8 kHz from end to end."""

    def __init__(self, line: Line) -> None:
        serializer = LineSerializer(line)
        params = FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=SAMPLE_RATE,
            audio_out_sample_rate=SAMPLE_RATE,
            audio_out_end_silence_secs=0,
            audio_out_10ms_chunks=OUTPUT_CHUNK_MS // 10,
            serializer=serializer,
        )
        super().__init__(line.websocket, params)
        self._output = LineOutput(self, line, self._client, self._params)
        line.take_with(serializer.take)

    def output(self) -> LineOutput:
        return self._output
