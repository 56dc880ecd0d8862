"""What became of a call: its outcome, a summary for the shop, and what a person should look at. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from agent.bookings import wordings
from agent.events import (
    BookingCancelled,
    BookingMade,
    BookingMoved,
    CallEvent,
    CallTransferred,
    MessageTaken,
    Outcome,
    TurnHeard,
    TurnSpoken,
)
from agent.model import Shop

_DOES_NOT_KNOW = re.compile(
    r"\bI(?: do not|'m not| am not|'m afraid I do not| don't|'m sorry, I do not)[^.?!]{0,30}"
    r"\b(?:know|have (?:that|this|it|any|an?)\b[^.?!]{0,40}\b(?:here|information|details?)|sure about)\b",
    re.IGNORECASE,
)
"""How the model is told to say that the shop's knowledge does not answer a question."""
MAX_SUMMARY = 600


def outcome_of(story: Sequence[CallEvent]) -> Outcome:
    """The most that a call came to: a booking counts for more than a message, a message for more than a question."""
    kinds = {type(event) for event in story}
    came_to: list[tuple[type[CallEvent], Outcome]] = [
        (BookingMade, "booked"),
        (BookingMoved, "moved"),
        (BookingCancelled, "cancelled"),
        (CallTransferred, "transferred"),
        (MessageTaken, "message"),
    ]
    for kind, outcome in came_to:
        if kind in kinds:
            return outcome
    answered = {event.turn for event in story if isinstance(event, TurnSpoken) and event.turn > 0 and event.heard_text}
    asked = {event.turn for event in story if isinstance(event, TurnHeard)}
    return "question" if answered & asked else "abandoned"


def summary_of(story: Sequence[CallEvent], shop: Shop, *, now: datetime) -> str:
    """A few sentences for the people of the shop: what was done, else what was asked."""
    done = [line for event in story if (line := _deed(event, shop, now))]
    done += [f'Not answered: "{question}"' for _, question in unanswered(story)]
    if not done:
        asked = [event.text for event in story if isinstance(event, TurnHeard)]
        done = [f'Asked: "{asked[0]}"'] if asked else ["Said nothing."]
    return " ".join(done)[:MAX_SUMMARY]


def unanswered(story: Sequence[CallEvent]) -> list[tuple[int, str]]:
    """What callers asked and the shop's knowledge could not answer: the turn, and their words."""
    asked = {event.turn: event.text for event in story if isinstance(event, TurnHeard)}
    return [
        (event.turn, asked[event.turn])
        for event in story
        if isinstance(event, TurnSpoken) and event.turn in asked and _DOES_NOT_KNOW.search(event.heard_text)
    ]


def _deed(event: CallEvent, shop: Shop, now: datetime) -> str:
    match event:
        case BookingMade():
            what = wordings.visit_words(event.booking.visit, shop, now=now)
            return f"Booked {what}, for {event.booking.customer_name}."
        case BookingMoved():
            before = wordings.when_words(event.before.starts, shop, now=now)
            return f"Moved {wordings.visit_words(event.booking.visit, shop, now=now)}, from {before}."
        case BookingCancelled():
            return f"Cancelled {wordings.visit_words(event.booking.visit, shop, now=now)}."
        case CallTransferred():
            return f"Put through to {event.to}: {event.reason}."
        case MessageTaken():
            return f'Left a message: "{event.message.text}"'
        case _:
            return ""
