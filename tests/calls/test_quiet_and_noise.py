"""A caller who says nothing, and sounds that are no words."""

from __future__ import annotations

from agent.events import CallEnded, TurnHeard, TurnSpoken
from tests.calls.conftest import scenes
from tests.house import COPPER_LANE, PLUMERIA


def test_a_silent_caller_is_asked_once_and_then_let_go_politely():
    steps = [{"wait": "agent_done"}, {"silence": 14}]
    call = scenes(("silence", PLUMERIA.phone_number, steps), user_idle_s=1.0)["silence"]
    spoken = [event.heard_text for event in call.told(TurnSpoken)]
    assert spoken[1] == "Are you still there?"
    assert "Goodbye" in spoken[2]
    assert call.told(CallEnded)[0].reason == "agent_hung_up"
    assert call.told(TurnHeard) == []
    assert call.turns == []


def test_a_cough_neither_interrupts_the_agent_nor_counts_as_a_turn():
    steps = [
        {"say": "What are your opening hours?"},
        {"wait": "agent_speaking"},
        {"silence": 1.0},
        {"noise": {"kind": "cough", "ms": 300}},
        {"silence": 1.5},
        {"hang_up": True},
    ]
    call = scenes(("cough", COPPER_LANE.phone_number, steps))["cough"]
    assert call.report.clears == 1  # for the question, with nothing to clear; none for the cough
    assert len(call.told(TurnHeard)) > 0
    assert {event.turn for event in call.told(TurnHeard)} == {1}
    assert len(call.turns[0].spoken.split()) > 4
