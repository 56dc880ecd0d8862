"""What is read back to callers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from agent.bookings.readback import (
    ordinal,
    spelled,
    spoken_day,
    spoken_email,
    spoken_minutes,
    spoken_phone,
    spoken_time,
    spoken_when,
)

TODAY = date(2026, 10, 28)


@pytest.mark.parametrize(
    ("day", "country", "said"),
    [
        (date(2026, 11, 6), "US", "Friday, November 6th"),
        (date(2026, 11, 6), "GB", "Friday the 6th of November"),
        (date(2026, 11, 6), "", "Friday the 6th of November"),
        (date(2026, 10, 28), "US", "today, Wednesday, October 28th"),
        (date(2026, 10, 29), "us", "tomorrow, Thursday, October 29th"),
        (date(2026, 10, 29), "GB", "tomorrow, Thursday the 29th of October"),
        (date(2026, 10, 26), "US", "Monday, October 26th"),
        (date(2027, 1, 1), "US", "Friday, January 1st"),
        (date(2027, 10, 28), "US", "Thursday, October 28th, 2027"),
        (date(2025, 10, 28), "GB", "Tuesday the 28th of October, 2025"),
    ],
)
def test_a_day_is_said_with_weekday_and_date(day: date, country: str, said: str) -> None:
    assert spoken_day(day, today=TODAY, country=country) == said


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (time(17, 45), "5:45 PM"),
        (time(9), "9 AM"),
        (time(9, 5), "9:05 AM"),
        (time(12), "12 noon"),
        (time(12, 30), "12:30 PM"),
        (time(0), "12 midnight"),
        (time(0, 15), "12:15 AM"),
    ],
)
def test_times(at: time, said: str) -> None:
    assert spoken_time(at) == said


def test_a_moment() -> None:
    assert spoken_when(datetime(2026, 10, 29, 15, tzinfo=UTC), today=TODAY, country="US") == (
        "tomorrow, Thursday, October 29th at 3 PM"
    )


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (45, "45 minutes"),
        (60, "1 hour"),
        (61, "1 hour and 1 minute"),
        (150, "2 hours and 30 minutes"),
        (0, "0 minutes"),
    ],
)
def test_durations(minutes: int, said: str) -> None:
    assert spoken_minutes(minutes) == said


@pytest.mark.parametrize(
    ("number", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd"), (113, "113th")]
)
def test_ordinals(number: int, said: str) -> None:
    assert ordinal(number) == said


@pytest.mark.parametrize(
    ("number", "country", "said"),
    [
        ("+12125550101", "US", "two one two, five five five, zero one zero one"),
        ("+442079460018", "GB", "zero two zero, seven nine four six, zero zero one eight"),
        ("+442079460018", "US", "plus four four, two zero, seven nine four six, zero zero one eight"),
        ("anonymous", "US", "anonymous"),
    ],
)
def test_phone_numbers_go_in_groups(number: str, country: str, said: str) -> None:
    assert spoken_phone(number, country=country) == said


def test_addresses_and_names() -> None:
    assert spoken_email("jane.doe@gmail.com") == "jane dot doe at gmail dot com"
    assert spoken_email("j_doe-42@example.co.uk") == "j underscore doe dash four two at example dot co dot uk"
    assert spelled("Siobhan O'Hara") == "S, I, O, B, H, A, N. O, apostrophe, H, A, R, A"
