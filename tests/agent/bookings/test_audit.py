"""Said versus did: a claim without a deed, or with another one, is found; a true sentence is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.bookings.audit import Mismatch, audit
from agent.events import BookingCancelled, BookingMade, BookingMoved, CallEvent, TurnSpoken
from agent.model import Booking, BusyStretch, Faq, OpeningHours, Policy, Service, Shop, Visit, VisitPart

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
SHOP = Shop(
    location_id=7,
    business_name="Hawthorn & Wren",
    phone_number="+12025550170",
    timezone="America/New_York",
    currency="USD",
    hours=OpeningHours(),
    services=(
        Service.model_validate({"name": "Balayage", "price": 180, "price_from": True, "minutes": 150}),
        Service.model_validate({"name": "Cut", "price": 65, "minutes": 45}),
        Service.model_validate({"name": "Dry Cut", "price": 40, "minutes": 30}),
        Service.model_validate({"name": "Colour Correction", "price_text": "by consultation"}),
    ),
    faq=(Faq(question="Is there a deposit?", answer="50 dollars for a balayage."),),
    policies=(Policy(name="Late", text="After that it is 25 dollars."),),
)


def _booking(starts: datetime) -> Booking:
    ends = starts + timedelta(minutes=45)
    return Booking(
        booking_id="b1",
        location_id=7,
        state="booked",
        visit=Visit(
            parts=(VisitPart(service="Cut", staff="Ana", starts=starts, ends=ends),),
            busy=(BusyStretch(staff="Ana", starts=starts, ends=ends),),
        ),
        customer_name="Rosa Diaz",
        customer_phone="+12025550111",
        created_at=NOW,
        changed_at=NOW,
    )


FRIDAY = _booking(datetime(2026, 11, 6, 22, 45, tzinfo=UTC))  # 5:45 PM in New York


def _event(kind: type[CallEvent], **facts: Any) -> CallEvent:
    return kind.model_validate({"call_sid": "CA1", "location_id": 7, "seq": 1, "at": NOW, **facts})


def _said(text: str, *, turn: int = 2, heard: str | None = None) -> CallEvent:
    heard = text if heard is None else heard
    facts = {"text": text, "heard_text": heard, "interrupted": heard != text, "voice_to_voice_ms": None}
    return _event(TurnSpoken, turn=turn, **facts)


MADE = _event(BookingMade, booking=FRIDAY)
MOVED = _event(BookingMoved, booking=FRIDAY, before=FRIDAY.visit)
CANCELLED = _event(BookingCancelled, booking=FRIDAY)


@pytest.mark.parametrize(
    "words",
    [
        "You're booked for Friday at three.",
        "Great, I have booked you in.",
        "Your appointment is confirmed.",
        "I've cancelled that for you.",
        "It's been moved to Saturday.",
        "Perfect, see you on Friday!",
    ],
)
def test_a_deed_that_was_not_done_is_found(words: str):
    (found,) = audit([_said(words)], SHOP)
    assert found.kind == "booking"
    assert found.said == words
    assert "in this call" in found.did


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (MADE, "You're booked: Cut with Ana on Friday, November 6th at 5:45 PM, under Rosa Diaz."),
        (MOVED, "It's moved: Cut is now on Friday, November 6th at 5:45 PM."),
        (CANCELLED, "It's cancelled: Cut with Ana on Friday, November 6th at 5:45 PM."),
    ],
)
def test_what_was_done_may_be_said(deed: CallEvent, words: str):
    assert audit([deed, _said(words)], SHOP) == ()


@pytest.mark.parametrize(
    "words",
    [
        "You're booked for Saturday at 5:45 PM.",
        "You're booked for Friday at 3 PM.",
        "You're booked on Friday at 5:45 AM.",
    ],
)
def test_another_day_or_time_than_the_row_says_is_found(words: str):
    (found,) = audit([MADE, _said(words)], SHOP)
    assert "2026-11-06" in found.did


def test_a_claim_made_before_the_deed_is_found():
    assert len(audit([_said("You're booked!"), MADE], SHOP)) == 1


@pytest.mark.parametrize(
    "words",
    [
        "Shall I book that?",
        "Nothing is booked yet.",
        "I could not move it.",
        "Once you say yes, it's booked.",
        "Ana is booked then.",
        "That time is already booked.",
        "I have Friday at 3 PM or 4 PM.",
        "You have one appointment: Cut with Ana on Friday, November 6th at 5:45 PM.",
    ],
)
def test_what_claims_nothing_is_left_alone(words: str):
    assert audit([_said(words)], SHOP) == ()


def test_only_what_the_caller_heard_counts():
    assert audit([_said("One moment. You're booked!", heard="One moment.")], SHOP) == ()


@pytest.mark.parametrize(
    "words",
    [
        "A balayage is from 180 dollars.",
        "A balayage starts at $180.",
        "The cut is 65 dollars.",
        "The dry cut is 40 USD.",
        "Balayage and cut come to 245 dollars.",
        "There is a deposit of 50 dollars.",
        "A late fee of $25 applies.",
        "It takes 45 minutes.",
    ],
)
def test_true_prices_are_left_alone(words: str):
    assert audit([_said(words)], SHOP) == ()


@pytest.mark.parametrize(
    ("words", "did"),
    [
        ("A balayage is 85 dollars.", "Balayage: from 180"),
        ("The dry cut is $65.", "Dry Cut: 40"),
        ("Colour correction is about 200 dollars.", "Colour Correction: by consultation"),
        ("It costs £33.", "no price of 33 is known"),
    ],
)
def test_a_wrong_price_is_found_with_the_right_one(words: str, did: str):
    assert audit([_said(words, turn=3)], SHOP) == (Mismatch(3, "price", words, did),)
