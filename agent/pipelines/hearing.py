"""The caller's sound on its way to Flux, past the frames' road, and a guess at the turn's end from its silence.

In frames, every 20 ms of every call would go through three processors, six queues and as many tasks: half of what a
call costs, for sound that only the vendor needs. Turns, words and everything else go the usual way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, cast

from deepgram.listen.v1.types import ListenV1Results
from pipecat.frames.frames import Frame, InputAudioRawFrame, VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.turns.user_stop import NormalizedMatch
from websockets.asyncio.client import ClientConnection

from agent.pipelines.intake import Intake
from agent.pipelines.sockets import OpensBehind
from agent.redaction import is_withheld

PACKET_MS = 80
"""What Flux works in; it recommends this length (Deepgram, "Flux quickstart")."""
QUIET_PACKET_MS, QUIET_AFTER_MS = 240, 1000
"""While nobody speaks, three packets in one: a third of the messages. Before a turn has ended, Flux counts silence."""
LEAST_WORDS = 2
"""A guess on less is an answer to "I"."""
KEPT_PACKETS = 8000 // PACKET_MS
"""How much is kept for a connection that is not open yet: eight seconds."""
TELLS_S = 1.0


class NovaTurns:
    """Nova's results as turns: the words so far, and whether they have ended."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._finals: list[str] = []

    def take(self, message: dict[str, Any]) -> tuple[str, bool]:
        """The words of the turn after one of nova's messages, and whether it ends with them."""
        channel = message.get("channel")
        if message.get("type") == "UtteranceEnd":  # after it comes nothing that digits could go on in
            message, channel = {**message, "type": "Results", "is_final": True, "speech_final": True}, {}
        if message.get("type") != "Results" or not isinstance(channel, dict):
            return "", False
        alternatives = cast("list[dict[str, Any]]", cast("dict[str, Any]", channel).get("alternatives") or [])
        words = str(alternatives[0].get("transcript") or "") if alternatives else ""
        is_final, ends = bool(message.get("is_final")), bool(message.get("speech_final"))
        words = self._intake.nova(words, is_final=is_final, ends_turn=ends)
        self._intake.nova_said({**message, "channel": {"alternatives": [{"transcript": words}]}})
        if is_final and words:
            self._finals.append(words)
            words = ""
        if ends:
            return self._end()
        return " ".join([*self._finals, words]).strip(), False

    def _end(self) -> tuple[str, bool]:
        words, self._finals = " ".join(self._finals), []
        return words, bool(words)


class DeepgramOnLine(OpensBehind, DeepgramFluxSTTService):
    """Flux, given what is heard by the line itself. Mutes, reconnects and counts as Pipecat's does.

    Its own prediction of a turn's end comes a quarter of a second after the last voice. Most of that is the silence it
    needs to be sure of; to begin an answer that is held until the turn's end is confirmed, and dropped when the words
    change, a shorter one will do: that is the guess, at `guess_after_ms` of silence (0: none). With
    `guess_while_speaking` every change of the words is a guess.
    """

    def __init__(
        self,
        *,
        intake: Intake,
        guess_after_ms: int = 0,
        guess_while_speaking: bool = False,
        second_url: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._intake = intake
        self.be_impatient()
        self._second_url = second_url
        self._misses = 0
        """How many connections have failed."""
        self._nova: NovaTurns | None = None
        self.add_event_handler("on_connected", self._hear_what_was_kept)
        self._kept: deque[InputAudioRawFrame] = deque(maxlen=KEPT_PACKETS)
        self._lately: deque[InputAudioRawFrame] = deque(maxlen=KEPT_PACKETS)
        """What was sent since a turn was last told of."""
        self._told_at = 0
        self._guess_after_ms = guess_after_ms
        self._guesses_while_speaking = guess_while_speaking
        self._same = NormalizedMatch()
        self._wanted: str | None = None
        self._guessed: str | None = None
        """The words an answer is under way to."""
        self._taken_up = False
        self._held = b""
        self._held_voiced = False
        self._quiet_ms = 0
        self._is_busy = False

    @property
    def tells(self) -> bool:
        """Whether something of an open turn was told lately: Flux does so four times a second."""
        return self.get_clock().get_time() - self._told_at < TELLS_S * 1e9

    async def distrust(self) -> None:
        """The connection is up, and does not hear what is said: have another, and let it hear that again.

        What was heard of an open turn is told when the connection ends.
        """
        if self._websocket is not None:
            if not self._user_is_speaking:
                self._kept.extendleft(reversed(self._lately))
            cast(ClientConnection, self._websocket).transport.abort()  # the receiving task sees it, and connects again

    # Connections

    async def _connect_websocket(self) -> None:
        if self._transport_is_active():
            return
        self._nova = NovaTurns(self._intake) if self._second_url and self._misses % 2 else None
        own_url = f"{self._url}?{self._build_query_string()}"
        self._websocket_url = own_url if self._nova is None else self._second_url
        self._intake.dialling()
        await super()._connect_websocket()
        self._intake.opened(is_open=self._transport_is_active())
        if self._transport_is_active() and self._nova is not None:
            self._connection_established_event.set()  # nova has no word for it
        elif not self._transport_is_active():
            self._misses += 1

    async def _receive_messages(self) -> None:
        try:
            await super()._receive_messages()
            self._intake.closed()
        finally:
            self._misses += 1

    async def _handle_message(self, data: dict[str, Any]) -> None:
        self._told_at = self.get_clock().get_time()
        self._lately.clear()
        if self._nova is None:
            await super()._handle_message(self._intake.flux(data))
            return
        words, ended = self._nova.take(data)
        if not words:
            return
        if not self._user_is_speaking:
            self._intake.turn_began()
            await self._handle_start_of_turn(words)
        if ended:
            await self._handle_end_of_turn(words, data)
        else:
            await self._handle_update(words, data)

    async def hear(self, pcm: bytes, *, sample_rate: int, voiced: bool) -> None:
        """Take the next of the caller's sound: 16-bit, mono.

        A packet never spans the beginning or the end of a voice, so that neither waits for a packet to fill: that would
        be up to 60 ms of every answer.
        """
        self._is_busy = True  # what comes meanwhile comes behind this
        try:
            if voiced != self._held_voiced and self._held:
                await self._send(sample_rate)
            self._held, self._held_voiced = self._held + pcm, voiced
            if len(self._held) >= self._packet_bytes(sample_rate):
                await self._send(sample_rate)
            was_quiet, self._quiet_ms = self._is_quiet, self._quiet_with(pcm, sample_rate, voiced=voiced)
            if self._is_quiet and not was_quiet:
                await self._guess()
        finally:
            self._is_busy = False

    def has_room(self, pcm: bytes, *, sample_rate: int, voiced: bool) -> bool:
        """Whether the next of the caller's sound belongs to the packet that is filling, and neither fills it nor ends
        a silence's wait: then `keep` does all that `hear` would."""
        if self._is_busy or (self._held and voiced != self._held_voiced):
            return False
        if not self._is_quiet and 0 < self._guess_after_ms <= self._quiet_with(pcm, sample_rate, voiced=voiced):
            return False
        filled = len(self._held) + len(pcm)
        return filled < sample_rate // 1000 * PACKET_MS * 2 or filled < self._packet_bytes(sample_rate)

    def keep(self, pcm: bytes, *, sample_rate: int, voiced: bool) -> None:
        """Put this to the packet that is filling; `has_room` has said that it may be."""
        self._held, self._held_voiced = self._held + pcm, voiced
        self._quiet_ms = self._quiet_with(pcm, sample_rate, voiced=voiced)

    def _quiet_with(self, pcm: bytes, sample_rate: int, *, voiced: bool) -> int:
        """For how long there was no voice, this included; ms."""
        return 0 if voiced else self._quiet_ms + len(pcm) * 500 // sample_rate

    @property
    def _is_quiet(self) -> bool:
        return 0 < self._guess_after_ms <= self._quiet_ms

    def _packet_bytes(self, sample_rate: int) -> int:
        return sample_rate // 1000 * self._packet_ms * 2

    @property
    def _packet_ms(self) -> int:
        nobody_speaks = self._quiet_ms >= QUIET_AFTER_MS and not self._user_is_speaking and self._is_connected
        return QUIET_PACKET_MS if nobody_speaks else PACKET_MS

    async def _send(self, sample_rate: int) -> None:
        packet, self._held = self._held, b""
        frame = InputAudioRawFrame(audio=packet, sample_rate=sample_rate, num_channels=1)
        if self._is_connected and not self._kept:
            if len(packet) <= sample_rate // 1000 * PACKET_MS * 2:  # silence need not be heard again
                self._lately.append(frame)
            await self.process_audio_frame(frame, FrameDirection.DOWNSTREAM)
        else:
            self._kept.append(frame)

    @property
    def _is_connected(self) -> bool:
        return self._transport_is_active() and self._connection_established_event.is_set()

    async def _hear_what_was_kept(self, *_: object) -> None:
        while self._kept:
            self._lately.append(self._kept.popleft())
            await self.process_audio_frame(self._lately[-1], FrameDirection.DOWNSTREAM)

    # What goes out and comes in

    async def _transport_send_audio(self, audio: bytes) -> None:
        self._intake.sent(audio)
        await super()._transport_send_audio(audio)

    async def _transport_send_json(self, message: dict[str, Any]) -> None:
        self._intake.asked(message)
        await super()._transport_send_json(message)

    async def _disconnect_websocket(self) -> None:
        was_open = self._websocket is not None
        self._intake.leaving()
        await super()._disconnect_websocket()
        if was_open:
            self._intake.left()

    # Guessing

    async def _guess(self) -> None:
        """Have an answer to the words so far begun."""
        if self._user_is_speaking and len(self._turn_transcript.split()) >= LEAST_WORDS:
            await self._want(self._turn_transcript)

    async def _want(self, words: str | None) -> None:
        """Have an answer to these words under way and no other; None: no answer. Nor to words that hide something:
        they will be others when the turn is over."""
        self._wanted = None if words is not None and is_withheld(words) else words
        await self._settle()

    async def taken_up(self) -> None:
        """The model has begun on the last guess. Until then it must not be withdrawn: Pipecat 1.14 lets a withdrawal
        overtake what it withdraws, and both answers would be given."""
        self._taken_up = True
        await self._settle()

    async def _settle(self) -> None:
        if self._guessed is not None and (self._wanted is None or not self._same.matches(self._guessed, self._wanted)):
            if not self._taken_up:
                return
            self._guessed = None
            await self._cancel_eager_end_of_turn()
        if self._guessed is None and self._wanted is not None:
            self._guessed, self._taken_up = self._wanted, False
            await self._push_eager_end_of_turn(self._guessed, user_id=self._user_id, language=self._turn_language)

    def _over(self) -> None:
        """The turn is another one's to settle."""
        self._guessed = self._wanted = None

    # What Flux tells

    async def _handle_start_of_turn(self, transcript: str) -> None:
        self._over()
        await super()._handle_start_of_turn(transcript)

    async def _handle_update(self, transcript: str, data: dict[str, Any]) -> None:
        await super()._handle_update(transcript, data)
        if self._is_quiet or self._guesses_while_speaking:
            await self._guess()
        elif self._wanted is not None and not self._same.matches(self._wanted, transcript):
            await self._want(None)

    async def _handle_eager_end_of_turn(self, transcript: str, data: dict[str, Any]) -> None:  # noqa: ARG002
        await self._want(transcript)
        await self._call_event_handler("on_eager_end_of_turn", transcript)

    async def _handle_turn_resumed(self, event: str) -> None:  # noqa: ARG002
        await self._want(None)
        await self._call_event_handler("on_turn_resumed")

    async def _handle_end_of_turn(self, transcript: str, data: dict[str, Any]) -> None:
        self._over()
        await super()._handle_end_of_turn(transcript, data)


class NovaOnLine(DeepgramSTTService):
    """Nova, whose words pass the intake."""

    def __init__(self, *, intake: Intake, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._intake = intake

    async def _connect(self) -> None:
        self._intake.dialling()
        await super()._connect()
        self._intake.opened(is_open=self._connection is not None)

    async def _disconnect(self) -> None:
        was_open = self._connection is not None
        self._intake.leaving()
        await super()._disconnect()
        if was_open:
            self._intake.left()

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        if self._connection:
            self._intake.sent(audio)
        async for frame in super().run_stt(audio):
            yield frame

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self._intake.turn_began()
        elif isinstance(frame, VADUserStoppedSpeakingFrame) and self._connection:
            self._intake.asked({"type": "Finalize"})
        await super().process_frame(frame, direction)

    async def _on_message(self, message: Any) -> None:
        if isinstance(message, ListenV1Results) and message.channel.alternatives:
            first, *others = message.channel.alternatives
            is_final, ends_turn = bool(message.is_final), bool(message.from_finalize)
            kept = self._intake.nova(first.transcript, is_final=is_final, ends_turn=ends_turn)
            if kept != first.transcript:
                first = first.model_copy(update={"transcript": kept, "words": []})
                channel = message.channel.model_copy(update={"alternatives": [first, *others]})
                message = message.model_copy(update={"channel": channel})
        if hasattr(message, "model_dump"):
            self._intake.nova_said(message.model_dump(mode="json", by_alias=True, exclude_none=True))
        await super()._on_message(message)
