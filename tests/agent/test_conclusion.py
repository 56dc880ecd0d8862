"""What became of a call: its outcome, a summary that stays short, and the questions nobody could answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.conclusion import MAX_SUMMARY, outcome_of, summary_of, unanswered
from agent.events import (
    BookingCancelled,
    BookingHeld,
    BookingMade,
    BookingMoved,
    CallAnswered,
    CallEvent,
    CallTransferred,
    MessageTaken,
    TurnHeard,
    TurnSpoken,
)
from agent.model import Booking, BusyStretch, Message, Visit, VisitPart
from tests.house import COPPER_LANE

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, 11, tzinfo=UTC)
HEAD: dict[str, Any] = {"call_sid": "CA1", "location_id": 2, "seq": 1, "at": NOW}


def visit(starts: datetime = TUESDAY) -> Visit:
    ends = starts + timedelta(minutes=45)
    return Visit(
        parts=(VisitPart(service="Skin Fade", staff="Tunde Okafor", starts=starts, ends=ends),),
        busy=(BusyStretch(staff="Tunde Okafor", starts=starts, ends=ends),),
    )


BOOKING = Booking(
    booking_id="8c6d0c2e-0d38-4f0e-8d2c-6f7b4f3e9a11",
    location_id=2,
    state="booked",
    visit=visit(),
    customer_name="Rosa Lind",
    customer_phone="+447700900123",
    created_at=NOW,
    changed_at=NOW,
)
MESSAGE = Message(call_sid="CA1", location_id=2, tool_call_id="t1", text="Please call me back.", at=NOW)
ANSWERED = CallAnswered(
    **HEAD, caller="+447700900123", called="+442079460123", business_name="Copper Lane", greeting="Hello."
)
MADE = BookingMade(**HEAD, booking=BOOKING)
MOVED = BookingMoved(**HEAD, booking=BOOKING, before=visit(TUESDAY + timedelta(days=1)))
CANCELLED = BookingCancelled(**HEAD, booking=BOOKING)
TRANSFERRED = CallTransferred(**HEAD, to="+442079460177", reason="asked for a person")
TAKEN = MessageTaken(**HEAD, message=MESSAGE)
HELD = BookingHeld(**HEAD, booking=BOOKING)


def heard(text: str, turn: int = 1) -> TurnHeard:
    return TurnHeard(**HEAD, turn=turn, text=text, final=True)


def spoken(text: str, turn: int = 1) -> TurnSpoken:
    return TurnSpoken(**HEAD, turn=turn, text=text, heard_text=text, interrupted=False, voice_to_voice_ms=None)


TALK = (heard("How much is a skin fade?"), spoken("It is thirty-eight pounds."))


@pytest.mark.parametrize(
    ("happened", "outcome"),
    [
        ([TAKEN, TRANSFERRED, CANCELLED, MOVED, MADE], "booked"),
        ([TAKEN, TRANSFERRED, CANCELLED, MOVED], "moved"),
        ([TAKEN, TRANSFERRED, CANCELLED], "cancelled"),
        ([TAKEN, TRANSFERRED], "transferred"),
        ([TAKEN], "message"),
        ([HELD], "question"),
        ([], "question"),
    ],
)
def test_a_call_is_told_by_the_most_it_came_to(happened: list[CallEvent], outcome: str):
    assert outcome_of([ANSWERED, *TALK, *happened]) == outcome


@pytest.mark.parametrize(
    "story",
    [
        [],
        [ANSWERED],
        [ANSWERED, spoken("Hello, the automated assistant speaking.", turn=0)],
        [ANSWERED, heard("How much is a skin fade?")],
        [ANSWERED, heard("How much is a skin fade?"), spoken("")],
        [ANSWERED, spoken("Are you still there?")],
    ],
)
def test_who_asked_nothing_or_heard_no_answer_has_hung_up_on_us(story: list[CallEvent]):
    assert outcome_of(story) == "abandoned"


def summary(*story: CallEvent) -> str:
    return summary_of(story, COPPER_LANE, now=NOW)


def test_the_summary_tells_what_was_done_in_its_order_and_in_the_shops_time():
    told = summary(ANSWERED, *TALK, MADE, MOVED, CANCELLED, TRANSFERRED, TAKEN)
    assert told == (
        "Booked Skin Fade with Tunde Okafor, tomorrow, Tuesday the 24th of November at 11 AM, for Rosa Lind."
        " Moved Skin Fade with Tunde Okafor, tomorrow, Tuesday the 24th of November at 11 AM,"
        " from Wednesday the 25th of November at 11 AM."
        " Cancelled Skin Fade with Tunde Okafor, tomorrow, Tuesday the 24th of November at 11 AM."
        " Put through to +442079460177: asked for a person."
        ' Left a message: "Please call me back."'
    )


def test_where_nothing_was_done_it_tells_what_was_asked_first():
    assert summary(ANSWERED, *TALK, heard("And a shave?", turn=2)) == 'Asked: "How much is a skin fade?"'
    assert summary(ANSWERED) == "Said nothing."


def test_it_stays_short_whatever_was_said():
    assert len(summary(ANSWERED, heard("blah " * 1000))) == MAX_SUMMARY
    assert len(summary(*[TAKEN] * 100)) == MAX_SUMMARY


@pytest.mark.parametrize(
    "answer",
    [
        "I don't have that here. I can take a message for you.",
        "I'm afraid I do not have that information.",
        "I do not know, but I can ask.",
        "I'm not sure about that.",
        "I don't have a price for that here.",
    ],
)
def test_a_question_that_was_not_answered_is_told_with_its_words(answer: str):
    story = [*TALK, heard("Do you pierce ears?", turn=2), spoken(answer, turn=2)]
    assert unanswered(story) == [(2, "Do you pierce ears?")]
    assert 'Not answered: "Do you pierce ears?"' in summary(*story)


@pytest.mark.parametrize("answer", ["I know a good place to park.", "You don't need an appointment for that.", "Yes."])
def test_an_answer_is_an_answer(answer: str):
    assert unanswered([heard("Where can I park?"), spoken(answer)]) == []


def test_what_was_said_unasked_answers_no_question():
    assert unanswered([spoken("I don't have that here.", turn=3)]) == []
