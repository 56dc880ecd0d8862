"""Nova's results told as turns, when it stands in for Flux."""

from __future__ import annotations

from typing import Any

from agent.pipelines.hearing import NovaTurns
from agent.pipelines.intake import Intake
from agent.redaction import Redactor


def result(words: str, *, final: bool = False, speech_final: bool = False) -> dict[str, Any]:
    channel = {"alternatives": [{"transcript": words}]}
    return {"type": "Results", "channel": channel, "is_final": final, "speech_final": speech_final}


def test_words_gather_until_the_speech_is_over():
    turns = NovaTurns(Intake(Redactor(), None))
    assert turns.take(result("how")) == ("how", False)
    assert turns.take(result("how much", final=True)) == ("how much", False)
    assert turns.take(result("is a")) == ("how much is a", False)
    assert turns.take(result("is a haircut", final=True, speech_final=True)) == ("how much is a haircut", True)
    assert turns.take(result("and")) == ("and", False)


def test_an_utterance_that_ends_ends_the_turn_once():
    turns = NovaTurns(Intake(Redactor(), None))
    turns.take(result("hello there", final=True))
    assert turns.take({"type": "UtteranceEnd"}) == ("hello there", True)
    assert turns.take({"type": "UtteranceEnd"}) == ("", False)


def test_what_is_no_result_is_passed_over():
    turns = NovaTurns(Intake(Redactor(), None))
    for odd in ({"type": "Metadata"}, {"type": "Results"}, {"type": "Results", "channel": {}}, {}):
        assert turns.take(odd) == ("", False)


def test_digits_that_wait_for_more_are_told_when_the_utterance_ends():
    turns = NovaTurns(Intake(Redactor(), None))
    assert turns.take(result("my number is 808 555", final=True)) == ("my number is", False)
    assert turns.take(result("0143", final=True)) == ("my number is", False)
    assert turns.take({"type": "UtteranceEnd"}) == ("my number is 808 555 0143", True)
