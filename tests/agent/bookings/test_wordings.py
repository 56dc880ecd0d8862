"""What a caller hears when the time they want is gone: nothing said twice, nothing left open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.bookings import wordings
from agent.model import BusyStretch, Visit, VisitPart
from tests.agent.bookings.salon import SALON

NOW = datetime(2026, 10, 28, 10, tzinfo=UTC)
GONE = "Ana is already booked at 11 AM on Friday the 30th of October."


def visit(day: int, hour: int, staff: str = "Ana") -> Visit:
    starts = datetime(2026, 10, day, hour, 15, tzinfo=UTC)
    ends = starts + timedelta(minutes=45)
    part = VisitPart(service="Cut", staff=staff, starts=starts, ends=ends)
    return Visit(parts=(part,), busy=(BusyStretch(staff=staff, starts=starts, ends=ends),))


def declined(*instead: Visit) -> str:
    said = wordings.declined(GONE, instead, SALON, now=NOW)
    assert said.startswith(GONE)
    return said.removeprefix(GONE).strip()


def test_the_day_and_the_person_just_named_are_not_named_again():
    assert declined(visit(30, 10), visit(30, 12)) == (
        "I do have 10:15 AM or 12:15 PM that day. Would one of those suit you?"
    )
    assert declined(visit(30, 10)) == "I do have 10:15 AM that day. Would that suit you?"


def test_another_day_or_somebody_else_is_named():
    assert declined(visit(31, 10)) == (
        "I do have Saturday the 31st of October at 10:15 AM with Ana. Would that suit you?"
    )
    assert declined(visit(30, 10, "Priya")) == (
        "I do have Friday the 30th of October at 10:15 AM with Priya. Would that suit you?"
    )
    assert "Friday the 30th of October at 10:15 AM with Ana, and Saturday" in declined(visit(30, 10), visit(31, 10))
    assert declined() == ""
