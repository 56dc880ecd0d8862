"""A voice goes on at once as long as little of it is ahead, and then in larger pieces; nothing of it is lost."""

from __future__ import annotations

from pipecat.frames.frames import TTSAudioRawFrame

from agent.pipelines.pieces import Pieces


class Clock:
    """Seconds that stand still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def sound(ms: int, context: str = "one", byte: bytes = b"\1") -> TTSAudioRawFrame:
    return TTSAudioRawFrame(byte * (16 * ms), 8000, 1, context_id=context)


def ms_of(frames: list[TTSAudioRawFrame]) -> list[int]:
    return [len(frame.audio) // 16 for frame in frames]


def fed(pieces: Pieces, ms: int, times: int) -> list[int]:
    return [piece for _ in range(times) for piece in ms_of(pieces.take(sound(ms)))]


def test_the_first_sound_goes_on_as_it_comes_and_the_rest_in_larger_pieces():
    assert fed(Pieces(Clock()), 100, 15) == [100] * 7 + [400, 400]


def test_a_vendor_that_is_no_faster_than_speech_is_never_waited_for():
    clock = Clock()
    pieces = Pieces(clock)
    for _ in range(30):
        assert ms_of(pieces.take(sound(100))) == [100]
        clock.now += 0.1


def test_what_is_held_comes_first_and_once():
    pieces = Pieces(Clock())
    fed(pieces, 100, 9)
    assert pieces.is_holding
    assert ms_of(pieces.rest()) == [200]
    assert not pieces.is_holding
    assert pieces.rest() == []


def test_two_answers_are_not_mixed():
    pieces = Pieces(Clock())
    fed(pieces, 100, 9)
    after = pieces.take(sound(100, "two"))
    assert [(frame.context_id, len(frame.audio) // 16) for frame in after] == [("one", 200), ("two", 100)]


def test_the_first_sound_of_an_answer_never_waits_for_words_are_timed_by_it():
    pieces = Pieces(Clock())
    fed(pieces, 100, 20)
    pieces.rest()
    assert ms_of(pieces.take(sound(100, "two"))) == [100]
    assert ms_of(pieces.take(sound(100, "two"))) == []


def test_nothing_of_an_interrupted_answer_is_left_and_the_next_one_begins_at_once():
    pieces = Pieces(Clock())
    fed(pieces, 100, 9)
    pieces.interrupted()
    assert not pieces.is_holding
    assert ms_of(pieces.take(sound(100, "two"))) == [100]
