"""The other ears: nova-3 with Silero and smart-turn, chosen by a setting. Few calls at once: each runs two models."""

from __future__ import annotations

import pytest

from agent.events import MessageTaken, ToolUsed, TurnHeard
from tests.calls.conftest import SHORT, Played, scenes
from tests.house import PLUMERIA


@pytest.fixture(scope="module")
def played() -> dict[str, Played]:
    return scenes(
        (
            "whole call",
            PLUMERIA.phone_number,
            [
                {"say": "How much is a balayage?"},
                {"say": "Please take a message for Kim, I am running late."},
                {"say": "Thank you, goodbye."},
                {"wait": 6},
            ],
        ),
        (
            "barge-in",
            PLUMERIA.phone_number,
            [
                {"say": "What are your opening hours?"},
                {"barge_in": {"after_ms": 1500, "say": "Sorry, how much is a balayage?"}},
            ],
        ),
        stt="nova",
    )


def test_a_whole_call(played: dict[str, Played]):
    call = played["whole call"]
    assert [turn.heard for turn in call.turns] == [exchange.said for exchange in call.report.exchanges]
    assert "180" in call.turns[0].spoken
    assert [used.tool for used in call.told(ToolUsed)] == ["take_message", "end_call"]
    assert "late" in call.told(MessageTaken)[0].message.text
    assert call.record.end_reason == "agent_hung_up"
    assert call.record.greeting == SHORT


def test_partial_words_come_first(played: dict[str, Played]):
    heard = [event.final for event in played["whole call"].told(TurnHeard) if event.turn == 2]
    assert heard == [False] * (len(heard) - 1) + [True]
    assert len(heard) > 2


def test_barge_in(played: dict[str, Played]):
    call = played["barge-in"]
    cut, answer = call.turns
    assert call.report.clears >= 1
    assert cut.interrupted
    assert 0 < len(cut.spoken.split()) < len(cut.said.split())
    assert "180" in answer.spoken
    told_the_model = [m["content"] for m in call.requests[-1]["messages"] if m["role"] == "assistant"]
    assert told_the_model == [SHORT, cut.spoken]
