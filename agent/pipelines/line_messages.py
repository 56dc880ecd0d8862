"""Twilio's messages of one call to frames and back: sound, marks, keys, and the end.

Adds to Pipecat's Twilio serializer what it leaves out, and takes sound past the frames where somebody hears it without.
"""

from __future__ import annotations

import audioop
import binascii
import json
from typing import Any, cast

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import Frame, InputAudioRawFrame, InputDTMFFrame, InterruptionFrame
from pipecat.serializers.twilio import TwilioFrameSerializer

from agent.loudness import is_voiced
from agent.pipelines.line import SAMPLE_RATE, Line

MAX_PAYLOAD = 64 * 1024
MEDIA_BEGINS, PAYLOAD_BEGINS = b'{"event":"media"', b'"payload":"'


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
