"""Deepgram nova: interim and final results over `/v1/listen`. One `NovaResults` a connection."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from agent.emulators.audio import FRAME_MS
from agent.emulators.latencies import DeepgramLatencies
from agent.emulators.phrasebook import BlockCutter, Ear, HeardWord, Phrasebook
from agent.emulators.vendor import Connection, Json, Outbox

_MODEL_UUID = "40bd3654-e622-47c4-a111-63a61b23bfe8"
_DEFAULT_ENDPOINTING_MS = 10
_QUIET_INTERIM_MS = 1000
"""The real one reports empty interims about once a second even in silence."""


class NovaResults:
    """Hears audio and reports transcripts, segment by segment."""

    def __init__(self, book: Phrasebook, connection: Connection, outbox: Outbox, latencies: DeepgramLatencies) -> None:
        self._connection, self._outbox, self._latencies = connection, outbox, latencies
        rate = int(connection.value("sample_rate", "16000"))
        self._cutter = BlockCutter(connection.value("encoding", "linear16"), rate)
        self._ear = Ear(book)
        self._interims = connection.value("interim_results") == "true"
        self._vad_events = connection.value("vad_events") == "true"
        self._endpoint_ms = _endpoint_ms(connection.value("endpointing"), latencies)
        self._utterance_end_ms = _number(connection.value("utterance_end_ms"))
        self._done = 0
        self._segment_ms = self._reported_ms = 0.0
        self._silent_ms = self._voiced_ms = 0.0
        self._spoken = self._ended = False

    def hear(self, data: bytes) -> None:
        """Take audio as it came over the wire."""
        for block in self._cutter.cut(data):
            voiced = self._ear.hear(block)
            self._connection.audio_ms += FRAME_MS
            self._silent_ms = 0.0 if voiced else self._silent_ms + FRAME_MS
            self._step(voiced)

    def control(self, message: Json) -> None:
        """Take a control message: Finalize; KeepAlive and others need no answer."""
        if message.get("type") == "Finalize":
            self._result(final=True, from_finalize=True, after_ms=self._latencies.finalize_ms)

    def close(self) -> None:
        """Report what is left and the stream's summary."""
        if self._words():
            self._result(final=True, after_ms=0)
        self._outbox.put(
            {
                "type": "Metadata",
                "transaction_key": "deprecated",
                "request_id": self._connection.id,
                "sha256": "incomplete",
                "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "duration": round(self._ear.clock_ms / 1000, 6),
                "channels": 1,
                "models": [_MODEL_UUID],
                "model_info": {_MODEL_UUID: self._model()},
            }
        )

    def _words(self) -> list[HeardWord]:
        return self._ear.words()[self._done :]

    def _step(self, voiced: bool) -> None:
        if voiced:
            if not self._spoken and self._vad_events:
                started = {"type": "SpeechStarted", "channel": [0, 1], "timestamp": self._seconds()}
                self._outbox.put(started, self._latencies.interim_ms)
            self._spoken, self._ended = True, False
        self._maybe_interim()
        if self._spoken and self._endpoint_ms is not None and self._silent_ms >= self._endpoint_ms:
            self._spoken = False
            if self._words():
                self._result(final=True, speech_final=True, after_ms=0)
        self._maybe_utterance_end()

    def _maybe_interim(self) -> None:
        if not self._interims:
            return
        since = self._ear.clock_ms - max(self._reported_ms, self._segment_ms)
        every = self._latencies.interim_every_ms if self._words() else _QUIET_INTERIM_MS
        if since >= every:
            self._reported_ms = self._ear.clock_ms
            self._result(final=False, after_ms=self._latencies.interim_ms)

    def _maybe_utterance_end(self) -> None:
        heard = self._ear.words()
        if self._utterance_end_ms is None or self._ended or not heard:
            return
        if self._silent_ms >= self._utterance_end_ms:
            self._ended, self._spoken = True, False
            end = {
                "type": "UtteranceEnd",
                "channel": [0, 1],
                "last_word_end": round(heard[-1].end_ms / 1000, 3),
            }
            self._outbox.put(end)

    def _result(self, *, final: bool, after_ms: float, speech_final: bool = False, from_finalize: bool = False) -> None:
        words = self._words()
        transcript = " ".join(word.text for word in words)
        confidence = 0.9902344 if words else 0.0
        alternative = {
            "transcript": transcript,
            "confidence": confidence,
            "words": [_word(word) for word in words],
        }
        message = {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": round((self._ear.clock_ms - self._segment_ms) / 1000, 6),
            "start": round(self._segment_ms / 1000, 6),
            "is_final": final,
            "speech_final": speech_final,
            "channel": {"alternatives": [alternative]},
            "metadata": {
                "request_id": self._connection.id,
                "model_info": self._model(),
                "model_uuid": _MODEL_UUID,
            },
            "from_finalize": from_finalize,
        }
        if final:
            self._outbox.forget(_is_interim)
            self._done = len(self._ear.words())
            self._segment_ms = self._ear.clock_ms
        self._outbox.put(message, after_ms)

    def _model(self) -> Json:
        return {"name": "general-nova-3", "version": "2025-04-17.21547", "arch": "nova-3"}

    def _seconds(self) -> float:
        return round(self._ear.clock_ms / 1000, 3)


def _word(word: HeardWord) -> Json:
    return {
        "word": re.sub(r"[^\w'$%.-]|[.]$", "", word.text).lower() or word.text,
        "start": round(word.start_ms / 1000, 6),
        "end": round(word.end_ms / 1000, 6),
        "confidence": 0.9902344,
        "punctuated_word": word.text,
    }


def _is_interim(message: Json) -> bool:
    return message.get("is_final") is False


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _endpoint_ms(asked: str, latencies: DeepgramLatencies) -> float | None:
    """Silence that ends a segment: what the query asks for, but no less than the vendor needs."""
    if asked == "false":
        return None
    return max(_number(asked) or _DEFAULT_ENDPOINTING_MS, latencies.endpoint_ms)
