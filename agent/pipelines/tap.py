"""Frames become events here: what the caller said, what the agent said and the caller heard, how long it took.

`CallLog` numbers and publishes the events of one call. `Tap` listens to the pipeline's own turn events and to
two places of the frames' road, and knows which turn everything belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InterimTranscriptionFrame,
    MetricsFrame,
    TranscriptionFrame,
)
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.processors.aggregators.llm_response_universal import (
    AssistantTurnStoppedMessage,
    LLMAssistantAggregator,
    LLMUserAggregator,
    UserTurnStoppedMessage,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.tts_service import TTSService

from agent.events import (
    CallEvent,
    DigitPressed,
    OfCall,
    StageTimed,
    TurnHeard,
    TurnSpoken,
    TurnStarted,
)
from agent.model import Caller
from agent.pipelines.line import Line
from agent.ports import Clock, EventBus
from agent.recording.tape import Tape

E = TypeVar("E", bound=OfCall)
DIGITS_TOLD = 12
"""Of the keys pressed between two turns: a card's number has more."""
Stage = Literal["greeting", "stt", "llm", "tts", "voice_to_voice"]


class CallLog:
    """Publishes the events of one call, numbered and dated."""

    def __init__(self, caller: Caller, bus: EventBus, clock: Clock, tape: Tape | None = None) -> None:
        self.caller = caller
        self.clock = clock
        self.story: list[CallEvent] = []
        """What happened so far, without partial words and timings."""
        self._bus = bus
        self._tape = tape
        self._seq = 0

    def publish(self, kind: type[E], /, **facts: object) -> E:
        """Build an event of this call from its facts, publish and return it."""
        self._seq += 1
        head: dict[str, Any] = {
            "call_sid": self.caller.call_sid,
            "location_id": self.caller.location_id,
            "seq": self._seq,
            "at": self.clock(),
        }
        event = kind.model_validate({**head, **facts})
        told = cast(CallEvent, event)
        if not isinstance(told, StageTimed) and not (isinstance(told, TurnHeard) and not told.final):
            self.story.append(told)
        if self._tape is not None:
            self._tape.happened(told)
        self._bus.publish(told)
        return event


class Tap:
    """Follows one call's conversation and tells the log. `turn` counts the caller's utterances from 1."""

    def __init__(self, log: CallLog, line: Line, greeting_heard: list[str]) -> None:
        self.turn = 0
        self.greeting_heard = greeting_heard
        self.ears = _Watch(self._heard_frame)
        self.mouth = _Watch(self._spoken_frame)
        self.last_voice_to_voice_ms: float | None = None
        self.on_silent: Callable[[], None] = lambda: None
        """Called when what was to be said so far is written to its end, or was interrupted."""
        self._log = log
        self._line = line
        self._speaking = False
        self._open = False
        self._keys = 0
        self._said: list[str] = []

    @property
    def caller_speaks(self) -> bool:
        """Whether a turn of the caller's is under way."""
        return self._open

    @property
    def is_speaking(self) -> bool:
        """Whether our voice is being written to the line."""
        return self._speaking

    def follow(self, user: LLMUserAggregator, assistant: LLMAssistantAggregator, tts: TTSService) -> None:
        """Subscribe to the turn events of the pipeline's own processors."""
        user.add_event_handler("on_user_turn_started", self._turn_started)
        user.add_event_handler("on_user_turn_stopped", self._turn_stopped)
        assistant.add_event_handler("on_assistant_turn_stopped", self._answer_stopped)
        tts.add_event_handler("on_tts_request", self._speech_asked)

    def digit_pressed(self, digit: str) -> None:
        """What goes on for longer than a phone number may be a card's: the rest is told by its number of keys alone."""
        self._keys += 1
        self._log.publish(DigitPressed, digit=digit if self._keys <= DIGITS_TOLD else "•")

    def answer_began(self, voice_to_voice_ms: float) -> None:
        self.last_voice_to_voice_ms = round(voice_to_voice_ms, 1)
        self._time("voice_to_voice", voice_to_voice_ms)

    def greeting_over(self, text: str, *, interrupted: bool) -> None:
        """Turn 0: what the caller heard of the greeting."""
        self._log.publish(
            TurnSpoken,
            turn=0,
            text=text,
            heard_text=" ".join(self.greeting_heard),
            interrupted=interrupted,
            voice_to_voice_ms=None,
        )

    async def _turn_started(self, *_: object) -> None:
        self._open_turn()

    def _open_turn(self) -> None:
        if not self._open:
            self._open = True
            self.turn += 1
            interrupting = self._speaking or self._line.playout.speaking
            self._log.publish(TurnStarted, turn=self.turn, interrupting=interrupting)

    async def _turn_stopped(self, _: object, __: object, message: UserTurnStoppedMessage) -> None:
        self._open = False
        self._keys = 0
        if not message.content:
            # A noise: the next words are this turn.
            self.turn = max(0, self.turn - 1)
            return
        since_voice = self._line.ms_since_caller_voice()
        self._line.expect_answer()
        self.last_voice_to_voice_ms = None
        self._log.publish(TurnHeard, turn=self.turn, text=message.content, final=True)
        if since_voice is not None:
            self._time("stt", since_voice)

    async def _answer_stopped(self, _: object, message: AssistantTurnStoppedMessage) -> None:
        if not message.content and not (message.interrupted and self._said):
            return  # a pass of the model that only called a tool
        said = self._generated(message)
        interrupted = message.interrupted and said != message.content
        # An interruption is told after the turn that interrupts has begun.
        turn = self.turn - 1 if self._open and message.interrupted else self.turn
        self._log.publish(
            TurnSpoken,
            turn=max(turn, 0),
            text=said or message.content,
            heard_text=message.content,
            interrupted=interrupted,
            voice_to_voice_ms=self.last_voice_to_voice_ms,
        )

    def _generated(self, message: AssistantTurnStoppedMessage) -> str:
        """What was to be said in an answer that is over. Of an answer heard to its end that is what was heard: the
        words of one that follows it may be under way already."""
        if message.interrupted:
            said, self._said = " ".join(self._said), []
            return said
        self._said = [words for words in self._said if words not in message.content]
        return message.content

    async def _speech_asked(self, _: object, __: str, text: str) -> None:
        self._said.append(_SPACES.sub(" ", text).strip())

    def _heard_frame(self, frame: Frame) -> None:
        if isinstance(frame, InterimTranscriptionFrame) and frame.text and self._open:
            self._log.publish(TurnHeard, turn=self.turn, text=frame.text, final=False)
        elif isinstance(frame, TranscriptionFrame) and not self._open:
            # Words that no start announced (a VAD that slept): the turn begins with them.
            self._open_turn()

    def _spoken_frame(self, frame: Frame) -> None:
        if isinstance(frame, BotStartedSpeakingFrame):
            self._speaking = True
        elif isinstance(frame, BotStoppedSpeakingFrame):
            self._speaking = False
            self.on_silent()
        elif isinstance(frame, MetricsFrame):
            for data in frame.data:
                if isinstance(data, TTFBMetricsData) and data.value > 0 and (stage := _stage_of(data.processor)):
                    self._time(stage, data.value * 1000)

    def _time(self, stage: Stage, ms: float) -> None:
        self._log.publish(StageTimed, turn=self.turn, stage=stage, ms=round(ms, 1))


class _Watch(FrameProcessor):
    """Looks at every frame that comes by and passes it on, without queues of its own: looking never waits."""

    def __init__(self, look: Callable[[Frame], None]) -> None:
        super().__init__(enable_direct_mode=True)
        self._look = look

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is FrameDirection.DOWNSTREAM:
            self._look(frame)
        await self.push_frame(frame, direction)


_SPACES = re.compile(r"\s+")


def _stage_of(processor: str) -> Stage | None:
    """Which stage a Pipecat service's name belongs to. ("STTService" holds the letters TTS as well.)"""
    if "LLMService" in processor or "LLM#" in processor:
        return "llm"
    return "tts" if "TTSService" in processor else None
