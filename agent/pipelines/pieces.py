"""A voice in fewer, larger pieces: each walks the frames' road by itself, and vendors send ten a second of play-out."""

from __future__ import annotations

from collections.abc import Callable

from pipecat.frames.frames import TTSAudioRawFrame

AHEAD_S = 0.6
"""As long as less than this lies ahead of the ear, sound goes on as it comes."""
PIECE_S = 0.4
HELD_S = 0.2
"""How long sound may wait for more: the vendor may have stopped."""


class Pieces:
    """One call's sound, 16-bit mono; `clock` counts seconds. What else comes goes behind `rest()`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._given_until = 0.0
        self._held: TTSAudioRawFrame | None = None
        self._context: str | None = None

    @property
    def is_holding(self) -> bool:
        return self._held is not None

    def take(self, frame: TTSAudioRawFrame) -> list[TTSAudioRawFrame]:
        """The next of the sound; returns what is to go on now."""
        now = self._clock()
        # The first sound of an answer is what its words are timed by.
        may_wait = self._given_until - now > AHEAD_S and frame.context_id == self._context
        self._context = frame.context_id
        self._given_until = max(now, self._given_until) + _seconds(frame)
        due = self.rest()
        if due and due[0].context_id == frame.context_id:
            frame = _joined(due.pop(), frame)
        if may_wait and _seconds(frame) < PIECE_S:
            self._held = frame
            return due
        return [*due, frame]

    def rest(self) -> list[TTSAudioRawFrame]:
        """What is held; it is not any more."""
        held, self._held = self._held, None
        return [] if held is None else [held]

    def interrupted(self) -> None:
        """Nobody will hear the rest."""
        self._held, self._given_until = None, 0.0


def _seconds(frame: TTSAudioRawFrame) -> float:
    return len(frame.audio) / (2 * frame.sample_rate)


def _joined(first: TTSAudioRawFrame, second: TTSAudioRawFrame) -> TTSAudioRawFrame:
    audio = first.audio + second.audio
    return TTSAudioRawFrame(audio, second.sample_rate, second.num_channels, context_id=second.context_id)
