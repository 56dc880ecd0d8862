"""Days of the calendar in the ways shops write them."""

from __future__ import annotations

import pytest

from agent.knowledge.extract.dates import find_dates, has_date


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2026-12-25", ["2026-12-25"]),
        ("25.12.2026 und 1.1.27", ["2026-12-25", "2027-01-01"]),
        ("25/12/2026", ["2026-12-25"]),
        ("12/25/2026", ["2026-12-25"]),
        ("New Year's Day: Friday, January 1, 2027", ["2027-01-01"]),
        ("Dec. 25th 2026", ["2026-12-25"]),
        ("the 25th of December 2026", ["2026-12-25"]),
        ("24 December 2026 – 1 January 2027", ["2026-12-24", "2027-01-01"]),
        ("24. Dezember 2026", ["2026-12-24"]),
        ("le 1er mai 2027", ["2027-05-01"]),
        ("15 août 2026", ["2026-08-15"]),
        ("6 de enero de 2027", ["2027-01-06"]),
        ("8 марта 2027", ["2027-03-08"]),
        ("31 June 2026", []),
        ("3/4/2026", []),
        ("25 December", []),
        ("open since March 2011", []),
        ("call 808 482 6296, Suite 4 2026", []),
    ],
)
def test_a_day_of_a_year_is_read(text: str, days: list[str]) -> None:
    assert [day.isoformat() for day in find_dates(text, "en")] == days
    assert has_date(text) or not days
