"""The phone line of one call: Twilio's media stream as a Pipecat transport, with marks.

Adds to Pipecat's Twilio serializer and WebSocket transport what they leave out: marks both ways, `stop`,
digits as events, audio written before a pipeline exists, and a play-out lead so that a stalled event loop is
not heard. Wire: Twilio's "Media Streams WebSocket messages" reference.
"""

from __future__ import annotations

import asyncio
import audioop
import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from fastapi import WebSocket, WebSocketDisconnect
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    BotSpeakingFrame,
    BotStoppedSpeakingFrame,
    ControlFrame,
    EndWorkerFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketClient,
    FastAPIWebsocketOutputTransport,
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)

from agent.loudness import is_voiced, is_voiced_ulaw
from agent.model import AudioSide
from agent.pipelines.playout import Playout
from agent.recording.tape import Tape
from agent.stream_socket import TAKER, Taker

SAMPLE_RATE = 8000
MARK_EVERY_MS = 200.0
"""How finely we know what was heard. Twilio answers every mark, so finer costs messages both ways."""
CHUNK_MS = 200
MAX_PAYLOAD = 64 * 1024
MEDIA_BEGINS, PAYLOAD_BEGINS = b'{"event":"media"', b'"payload":"'
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


class Spoken(Protocol):
    """Ready-made audio: 8 kHz mu-law and the words in it."""

    @property
    def text(self) -> str: ...
    @property
    def ulaw(self) -> bytes: ...


class LineListener(Protocol):
    """Who wants to know what happens on the line."""

    def digit_pressed(self, digit: str) -> None: ...
    def caller_gone(self) -> None: ...
    def hanging_up(self, reason: str) -> None: ...
    def answer_began(self, voice_to_voice_ms: float) -> None: ...


class Ear(Protocol):
    """Who listens to a call's sound as it passes: 8 kHz mu-law. Called on the event loop; neither waits nor raises."""

    def caller_sound(self, ulaw: bytes) -> None: ...
    def agent_sound(self, ulaw: bytes, side: AudioSide = "agent") -> None:
        """Sound about to be written to the line, the agent's or an operator's; the caller hears it after what was
        written before."""
        ...

    def cleared(self) -> None:
        """What the caller has not heard yet was thrown away."""
        ...


class Hearer(Protocol):
    """Who makes words of the caller's sound without needing frames of it."""

    async def hear(self, pcm: bytes, *, sample_rate: int, voiced: bool) -> None: ...
    def has_room(self, pcm: bytes, *, sample_rate: int, voiced: bool) -> bool:
        """Whether `keep` will do for this."""
        ...

    def keep(self, pcm: bytes, *, sample_rate: int, voiced: bool) -> None:
        """Hear this later, with what comes next."""
        ...


class Line:
    """One call's two-way audio with Twilio, from the `start` message on."""

    def __init__(self, websocket: WebSocket, *, stream_sid: str, call_sid: str, lead_ms: int) -> None:
        self.websocket = websocket
        self.stream_sid = stream_sid
        self.call_sid = call_sid
        self.playout = Playout()
        self.lead = lead_ms / 1000
        self.malformed = 0
        self.listener: LineListener | None = None
        self.ears: list[Ear] = []
        self.tape: Tape | None = None
        self.hearer: Hearer | None = None
        """Given the caller's sound in place of the pipeline, where there is one."""
        self._now = asyncio.get_running_loop().time
        self.began_at = self._now()
        self.is_attended = False
        """An operator talks with the caller: what the caller says interrupts nobody."""
        self.caller_voiced_ms = 0.0
        """How much voice of the caller's there was so far."""
        self.agent_voice_until: float | None = None
        """When the last voice that was written will have been played; None before the first."""
        self.answer_voice_at: float | None = None
        """When voice of an answer was last written."""
        self._caller_voice_at: float | None = None
        self._answer_due_since: float | None = None
        self._last_mark = 0.0

    def transport(self) -> LineTransport:
        """The line as a Pipecat transport; build it once the greeting is on the wire."""
        return LineTransport(self)

    def take_with(self, taker: Taker | None) -> None:
        """Have messages that need no waiting taken as they arrive, where the server can do that."""
        if (take_with := self.websocket.scope.get("extensions", {}).get(TAKER)) is not None:
            take_with(taker)

    def let_go(self) -> None:
        """The conversation is over: nobody of it listens any more."""
        self.listener = self.hearer = None
        self.take_with(None)

    async def say(self, spoken: Spoken, heard: Callable[[str], None]) -> None:
        """Write ready-made audio to the wire at once; `heard` gets each word when the caller has heard it."""
        start = self.playout.written_ms
        if self.tape is not None:
            self.tape.phrase(spoken.text, spoken.ulaw)
        for at in range(0, len(spoken.ulaw), CHUNK_MS * 8):
            await self.write(spoken.ulaw[at : at + CHUNK_MS * 8])
            await self.mark()
        for word, at_ms in spread_words(spoken.text, len(spoken.ulaw) / 8):
            self.playout.await_heard(lambda at=start + at_ms: at, lambda word=word: heard(word))

    async def clear(self) -> None:
        """Throw away what the caller has not heard yet."""
        self.forget_unheard()
        await self.send({"event": "clear", "streamSid": self.stream_sid})

    def forget_unheard(self) -> None:
        """The line's buffer is being emptied: what has not been heard never will be."""
        self.playout.interrupt()
        if self.agent_voice_until is not None:
            self.agent_voice_until = min(self.agent_voice_until, self._now())
        for ear in self.ears:
            ear.cleared()

    async def write(self, ulaw: bytes, side: AudioSide = "agent") -> float:
        """Send mu-law audio; return the seconds of play-out that are now ahead of the clock."""
        for ear in self.ears:
            ear.agent_sound(ulaw, side)
        await self.send(
            {
                "event": "media",
                "streamSid": self.stream_sid,
                "media": {"payload": base64.b64encode(ulaw).decode()},
            }
        )
        now = self._now()
        ahead = self.playout.write(len(ulaw) / 8, now)
        if is_voiced_ulaw(ulaw):
            self.agent_voice_until = now + ahead
        return ahead

    async def mark(self) -> None:
        """Ask to be told when what was written so far has been played."""
        name = self.playout.mark()
        if name is not None:
            self._last_mark = self.playout.written_ms
            await self.send({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": name}})

    async def mark_if_due(self) -> None:
        if self.playout.written_ms - self._last_mark >= MARK_EVERY_MS or self._last_mark > self.playout.written_ms:
            await self.mark()

    async def send(self, message: Mapping[str, object]) -> None:
        """Send one message; a socket that is gone is somebody else's news, and no error here."""
        try:
            await self.websocket.send_text(json.dumps(message))
        except (RuntimeError, OSError, WebSocketDisconnect):
            self.gone()

    def gone(self) -> None:
        """The caller's side is over: `stop`, or the socket closed."""
        if self.listener is not None:
            self.listener.caller_gone()

    def expect_answer(self) -> None:
        """A turn was heard: the clock of voice-to-voice runs from the caller's last voiced audio."""
        self._answer_due_since = self._caller_voice_at

    def caller_audio(self, ulaw: bytes, *, voiced: bool) -> None:
        """Note when the caller's voice was last on the line, and let it be heard."""
        for ear in self.ears:
            ear.caller_sound(ulaw)
        if voiced:
            self._caller_voice_at = self._now()
            self.caller_voiced_ms += len(ulaw) / 8

    def caller_keyed(self) -> None:
        """Note when a key was last pressed: an answer to a keyed number is waited for from then on."""
        self._caller_voice_at = self._now()

    def agent_audio(self, pcm: bytes) -> None:
        """Note the first voiced audio of an answer."""
        if not is_voiced(pcm):
            return
        self.answer_voice_at = self._now()
        if self._answer_due_since is None:
            return
        waited = self._now() - self._answer_due_since
        self._answer_due_since = None
        if self.listener is not None:
            self.listener.answer_began(waited * 1000)

    @property
    def caller_voice_at(self) -> float | None:
        """When the caller's voice, or a key, was last on the line; None before the first."""
        return self._caller_voice_at

    def ms_since_caller_voice(self) -> float | None:
        """How long ago the caller's voice, or a key, was last heard on the line; None before the first."""
        if self._caller_voice_at is None:
            return None
        return (self._now() - self._caller_voice_at) * 1000


class LineSerializer(TwilioFrameSerializer):
    """Twilio's messages to frames and back. What is malformed is counted and ignored: one bad message must
    not end a call."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.stream_sid, line.call_sid, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
        self._line = line

    def take(self, data: bytes) -> bool:
        """A message as it arrives: whether it was sound, and the hearer wants more before it does anything."""
        hearer = self._line.hearer
        if hearer is None or (payload := _sound_of(data)) is None or (ulaw := _ulaw(payload)) is None:
            return False
        pcm = audioop.ulaw2lin(ulaw, 2)
        voiced = is_voiced(pcm)
        if not hearer.has_room(pcm, sample_rate=SAMPLE_RATE, voiced=voiced):
            return False
        self._line.caller_audio(ulaw, voiced=voiced)
        hearer.keep(pcm, sample_rate=SAMPLE_RATE, voiced=voiced)
        return True

    async def serialize(self, frame: Frame) -> str | bytes | None:
        if isinstance(frame, InterruptionFrame) and self._line.is_attended:
            return None  # `clear` would cut the operator short
        return await super().serialize(frame)

    async def deserialize(self, data: str | bytes) -> Frame | None:
        if isinstance(data, str) and (payload := _sound_of(data.encode())) is not None:
            return await self._audio(payload)
        message = _parse(data)
        if message is None:
            self._line.malformed += 1
            return None
        match message.get("event"):
            case "media":
                return await self._audio(_field(message.get("media"), "payload"))
            case "mark":
                self._mark(str(_field(message.get("mark"), "name") or ""))
            case "dtmf":
                return self._digit(_field(message.get("dtmf"), "digit"))
            case "stop":
                if self._line.tape is not None:
                    self._line.tape.note("line", "stop")
                self._line.gone()
            case _:
                self._line.malformed += message.get("event") not in ("connected", "start")
        return None

    async def _audio(self, payload: object) -> Frame | None:
        ulaw = _ulaw(payload)
        if ulaw is None:
            self._line.malformed += 1
            return None
        pcm = audioop.ulaw2lin(ulaw, 2)
        voiced = is_voiced(pcm)
        self._line.caller_audio(ulaw, voiced=voiced)
        if self._line.hearer is not None:
            await self._line.hearer.hear(pcm, sample_rate=SAMPLE_RATE, voiced=voiced)
            return None
        return InputAudioRawFrame(audio=pcm, sample_rate=SAMPLE_RATE, num_channels=1)

    def _mark(self, name: str) -> None:
        if self._line.tape is not None:
            self._line.tape.note("line", "mark", name=name[:40])
        self._line.playout.reached(name)

    def _digit(self, digit: object) -> Frame | None:
        try:
            key = KeypadEntry(digit)
        except ValueError:
            self._line.malformed += 1
            return None
        self._line.caller_keyed()
        if self._line.tape is not None:
            self._line.tape.key_pressed(key.value)
        if self._line.listener is not None:
            self._line.listener.digit_pressed(key.value)
        return InputDTMFFrame(button=key)


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


def spread_words(text: str, total_ms: float) -> list[tuple[str, float]]:
    """Words with the millisecond each begins at, in proportion to their letters: near enough for a greeting."""
    words = text.split()
    letters = sum(len(word) + 1 for word in words) or 1
    starts: list[tuple[str, float]] = []
    at = 0.0
    for word in words:
        starts.append((word, at))
        at += total_ms * (len(word) + 1) / letters
    return starts


def _sound_of(data: bytes) -> bytes | None:
    """The payload of a media message as Twilio writes it, fifty times a second, without reading the rest."""
    if not data.startswith(MEDIA_BEGINS) or (begin := data.find(PAYLOAD_BEGINS)) < 0:
        return None
    begin += len(PAYLOAD_BEGINS)
    return data[begin:end] if (end := data.find(b'"', begin)) > 0 else None


def _ulaw(payload: object) -> bytes | None:
    """The sound of a payload; None when there is none in it."""
    if not isinstance(payload, str | bytes) or not 0 < len(payload) <= MAX_PAYLOAD:
        return None
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except (ValueError, binascii.Error):
        return None


def _parse(data: str | bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], message) if isinstance(message, dict) else None


def _field(part: object, name: str) -> object:
    return cast(dict[str, object], part).get(name) if isinstance(part, dict) else None
