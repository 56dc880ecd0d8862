"""Deepgram Flux: turns instead of transcripts. One `FluxTurns` a connection."""

from __future__ import annotations

import math
from typing import Any, Literal

from agent.emulators.audio import FRAME_MS
from agent.emulators.latencies import DeepgramLatencies
from agent.emulators.phrasebook import BlockCutter, Ear, HeardWord, Phrasebook
from agent.emulators.vendor import Connection, Json, Outbox

TurnEvent = Literal["StartOfTurn", "Update", "EagerEndOfTurn", "TurnResumed", "EndOfTurn"]

_CONFIDENCE: dict[TurnEvent, float] = {
    "StartOfTurn": 0.0189,
    "Update": 0.0198,
    "EagerEndOfTurn": 0.5503,
    "TurnResumed": 0.0412,
    "EndOfTurn": 0.8517,
}


class FluxTurns:
    """Hears audio and announces turns.

    StartOfTurn needs a word; EagerEndOfTurn comes only when asked for, is never empty, and its transcript is
    that of the EndOfTurn after it; a word after it withdraws it first. Only received audio moves time on.
    """

    def __init__(self, book: Phrasebook, connection: Connection, outbox: Outbox, latencies: DeepgramLatencies) -> None:
        self._connection, self._outbox, self._latencies = connection, outbox, latencies
        rate = int(connection.value("sample_rate", "16000"))
        self._cutter = BlockCutter(connection.value("encoding", "linear16"), rate)
        self._ear = Ear(book)
        self._thresholds = _thresholds(connection)
        self._keyterms = connection.values("keyterm")
        self._state: Literal["idle", "speaking", "eager"] = "idle"
        self._voiced_ms = self._silent_ms = 0.0
        self._turn = self._sequence = self._done = 0
        self._window_start_ms = self._updated_ms = 0.0
        self._eager_words = 0
        self._send({"type": "Connected", "request_id": connection.id}, after_ms=0)

    def hear(self, data: bytes) -> None:
        """Take audio as it came over the wire."""
        for block in self._cutter.cut(data):
            voiced = self._ear.hear(block)
            self._connection.audio_ms += FRAME_MS
            self._silent_ms = 0.0 if voiced else self._silent_ms + FRAME_MS
            self._voiced_ms += FRAME_MS if voiced else 0.0
            self._step(voiced)

    def control(self, message: Json) -> None:
        """Take a control message: Configure or ForceEndTurn; others are ignored."""
        if message.get("type") == "Configure":
            self._configure(message)
        elif message.get("type") == "ForceEndTurn" and self._state != "idle":
            self._end("manual")

    def _words(self) -> list[HeardWord]:
        return self._ear.words()[self._done :]

    def _step(self, voiced: bool) -> None:
        words = len(self._words())
        if self._state == "idle":
            if words and self._voiced_ms >= self._latencies.flux_start_ms:
                self._start()
            elif self._silent_ms >= self._latencies.flux_end_ms:
                self._voiced_ms = 0.0
            return
        if self._state == "eager" and (voiced or words != self._eager_words):
            self._state = "speaking"
            self._announce("TurnResumed")
        if self._state == "speaking" and self._ear.clock_ms - self._updated_ms >= self._update_every:
            self._announce("Update")
        if self._wants_eager():
            self._state, self._eager_words = "eager", words
            self._announce("EagerEndOfTurn")
        if self._silent_ms >= self._latencies.flux_end_ms:
            self._end("model")
        elif self._silent_ms >= self._timeout_ms:
            self._end("timeout")

    @property
    def _update_every(self) -> float:
        return self._latencies.flux_update_every_ms

    @property
    def _timeout_ms(self) -> float:
        return float(self._thresholds["eot_timeout_ms"] or math.inf)

    def _wants_eager(self) -> bool:
        return (
            self._state == "speaking"
            and self._thresholds["eager_eot_threshold"] is not None
            and self._silent_ms >= self._latencies.flux_eager_ms
            and bool(self._words())
        )

    def _start(self) -> None:
        self._state = "speaking"
        self._announce("StartOfTurn")

    def _end(self, trigger: str) -> None:
        self._announce("EndOfTurn", trigger=trigger)
        self._done = len(self._ear.words())
        self._turn += 1
        self._state = "idle"
        self._voiced_ms = 0.0
        self._window_start_ms = self._ear.clock_ms

    def _announce(self, event: TurnEvent, **more: Any) -> None:
        words = self._words()
        self._updated_ms = self._ear.clock_ms
        self._send(
            {
                "type": "TurnInfo",
                "request_id": self._connection.id,
                "event": event,
                "turn_index": self._turn,
                "audio_window_start": round(self._window_start_ms / 1000, 3),
                "audio_window_end": round(self._ear.clock_ms / 1000, 3),
                "transcript": " ".join(word.text for word in words),
                "words": [{"word": word.text, "confidence": 0.9956} for word in words],
                "end_of_turn_confidence": _CONFIDENCE[event],
                **more,
            },
            after_ms=self._latencies.flux_result_ms,
        )

    def _configure(self, message: Json) -> None:
        self._thresholds |= message.get("thresholds") or {}
        self._keyterms = message.get("keyterms", self._keyterms)
        self._send(
            {
                "type": "ConfigureSuccess",
                "request_id": self._connection.id,
                "thresholds": dict(self._thresholds),
                "keyterms": list(self._keyterms),
            },
            after_ms=0,
        )

    def _send(self, message: Json, after_ms: float) -> None:
        self._outbox.put({**message, "sequence_id": self._sequence}, after_ms)
        self._sequence += 1


def _thresholds(connection: Connection) -> dict[str, float | int | None]:
    eager = connection.value("eager_eot_threshold")
    return {
        "eager_eot_threshold": float(eager) if eager else None,
        "eot_threshold": float(connection.value("eot_threshold", "0.7")),
        "eot_timeout_ms": int(connection.value("eot_timeout_ms", "5000")),
    }
