"""What happens in a call, from the caller's ear to the store."""

from __future__ import annotations

import pytest

from agent.events import CallAnswered, CallEnded, DigitPressed, MessageTaken, ToolUsed, TurnHeard, TurnSpoken
from tests.calls.conftest import SHORT, Played, scenes
from tests.house import COPPER_LANE, PLUMERIA

HONOLULU, LONDON = PLUMERIA.phone_number, COPPER_LANE.phone_number


@pytest.fixture(scope="module")
def played() -> dict[str, Played]:
    return scenes(
        (
            "whole call",
            HONOLULU,
            [
                {"say": "How much is a balayage?"},
                {"say": "Please take a message for Kim, I am running late."},
                {"say": "Thank you, goodbye."},
                {"wait": 6},
            ],
        ),
        ("other shop", LONDON, [{"say": "How much is a balayage?"}]),
        (
            "barge-in",
            HONOLULU,
            [
                {"say": "What are your opening hours?"},
                {"barge_in": {"after_ms": 1500, "say": "Sorry, how much is a balayage?"}},
            ],
        ),
        (
            "two barge-ins",
            LONDON,
            [
                {"say": "What are your opening hours?"},
                {"barge_in": {"after_ms": 1200, "say": "Sorry, what are your opening hours again?"}},
                {"barge_in": {"after_ms": 1200, "say": "How much is a balayage?"}},
            ],
        ),
        ("greeting cut short", HONOLULU, [{"barge_in": {"after_ms": 600, "say": "How much is a balayage?"}}]),
        ("keys", HONOLULU, [{"wait": "agent_done"}, {"dtmf": "12#"}, {"silence": 0.5}, {"hang_up": True}]),
        (
            "hang-up in the middle",
            LONDON,
            [{"say": "What are your opening hours?"}, {"wait": "agent_speaking"}, {"silence": 0.7}, {"hang_up": True}],
        ),
    )


def test_the_caller_hears_the_price_of_the_shop_they_called(played: dict[str, Played]):
    assert "180" in played["whole call"].turns[0].spoken
    assert "180" not in played["other shop"].turns[0].spoken
    assert _price(COPPER_LANE) in played["other shop"].turns[0].spoken


def test_what_was_said_and_heard_is_kept(played: dict[str, Played]):
    call = played["whole call"]
    assert [turn.index for turn in call.turns] == [1, 2, 3]
    assert [turn.heard for turn in call.turns] == [exchange.said for exchange in call.report.exchanges]
    assert all(turn.spoken and turn.spoken == turn.said for turn in call.turns)
    assert all(turn.voice_to_voice_ms for turn in call.turns)
    assert call.record.greeting == SHORT


def test_events_are_numbered_and_begin_and_end_a_call_once(played: dict[str, Played]):
    for call in played.values():
        assert [event.seq for event in call.events] == list(range(1, len(call.events) + 1))
        assert isinstance(call.events[0], CallAnswered)
        assert isinstance(call.events[-1], CallEnded)
        assert len(call.told(CallAnswered)) == len(call.told(CallEnded)) == 1


def test_partial_words_come_before_the_final_ones(played: dict[str, Played]):
    heard = [event for event in played["whole call"].told(TurnHeard) if event.turn == 2]
    assert [event.final for event in heard] == [False] * (len(heard) - 1) + [True]
    assert len(heard) > 2
    assert heard[-1].text.startswith(heard[0].text.split()[0])


def test_a_message_is_stored_before_it_is_confirmed(played: dict[str, Played]):
    call = played["whole call"]
    taken = call.told(MessageTaken)[0]
    confirmed = next(event for event in call.told(TurnSpoken) if event.turn == 2)
    assert "late" in taken.message.text
    assert taken.message.callback_number == call.record.caller
    assert taken.seq < confirmed.seq
    assert [used.tool for used in call.told(ToolUsed)] == ["take_message", "end_call"]


def test_the_agent_hangs_up_when_its_goodbye_was_heard(played: dict[str, Played]):
    call = played["whole call"]
    assert call.report.end == "hung_up_by_server"
    assert call.record.end_reason == "agent_hung_up"
    assert "Goodbye" in call.turns[-1].spoken


def test_barge_in_empties_twilios_buffer_and_the_history_holds_what_was_heard(played: dict[str, Played]):
    call = played["barge-in"]
    cut, answer = call.turns
    assert call.report.clears >= 1
    assert cut.interrupted
    assert cut.said.startswith(cut.spoken)
    assert 0 < len(cut.spoken.split()) < len(cut.said.split())
    assert "180" in answer.spoken
    told_the_model = [m["content"] for m in call.requests[-1]["messages"] if m["role"] == "assistant"]
    assert told_the_model == [SHORT, cut.spoken]


def test_after_an_interruption_the_next_answer_is_heard_from_its_own_beginning(played: dict[str, Played]):
    first, second, last = played["two barge-ins"].turns
    for cut in (first, second):
        assert cut.interrupted
        assert 0 < len(cut.spoken.split()) < len(cut.said.split()) / 2
    assert last.spoken == last.said


def test_a_greeting_cut_short_is_remembered_as_far_as_it_was_heard(played: dict[str, Played]):
    call = played["greeting cut short"]
    assert SHORT.startswith(call.record.greeting)
    assert len(call.record.greeting.split()) < len(SHORT.split())
    assert "180" in call.turns[0].spoken
    assert call.requests[-1]["messages"][2]["content"] in (call.record.greeting, "(interrupted)")


def test_keys_are_told(played: dict[str, Played]):
    assert "".join(event.digit for event in played["keys"].told(DigitPressed)) == "12#"


def test_a_caller_who_hangs_up_in_the_middle_ends_the_call(played: dict[str, Played]):
    call = played["hang-up in the middle"]
    assert call.record.end_reason == "caller_hung_up"
    assert call.turns[0].interrupted
    assert len(call.turns[0].spoken) < len(call.turns[0].said)


def test_the_prompt_prefix_is_the_same_for_every_call_of_a_shop(played: dict[str, Played]):
    first, other = played["whole call"].requests[0], played["barge-in"].requests[0]
    assert first["messages"][0] == other["messages"][0]
    assert first["prompt_cache_key"] == other["prompt_cache_key"] == "location_1_v1"
    assert first["messages"][1] != other["messages"][1]  # who calls


def _price(shop: object) -> str:
    service = next(service for service in COPPER_LANE.services if service.name == "Balayage")
    return f"{service.price:.0f}"
