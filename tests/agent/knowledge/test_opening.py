"""Open or closed, across split days, closures and the hours daylight saving takes and gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.knowledge.opening import open_status
from agent.model import OpeningHours, Shop


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%a %d %H:%M}"


@pytest.mark.parametrize(
    ("now", "closes", "opens"),
    [
        ("2026-11-23 09:59", None, "Mon 23 10:00"),
        ("2026-11-23 10:00", "Mon 23 13:00", "Mon 23 14:00"),
        ("2026-11-23 12:59", "Mon 23 13:00", "Mon 23 14:00"),
        ("2026-11-23 13:00", None, "Mon 23 14:00"),
        ("2026-11-23 17:59", "Mon 23 18:00", "Tue 24 09:00"),
        ("2026-11-23 18:00", None, "Tue 24 09:00"),
        (
            "2026-11-24 12:00",
            "Tue 24 17:00",
            "Sun 29 00:30",
        ),  # touching intervals are one
        ("2026-11-25 11:00", None, "Sun 29 00:30"),
    ],
)
def test_a_week(shop: Shop, now: str, closes: str | None, opens: str):
    status = open_status(shop, utc(now))

    assert (wall(status.closes_at), wall(status.next_opening)) == (closes, opens)
    assert status.is_open == (closes is not None)


def test_the_night_that_repeats_an_hour_is_open_an_hour_longer(shop: Shop):
    """On Sunday 25 October 2026 London's 01:00-02:00 happens twice."""
    opened = [
        minutes
        for minutes in range(-60, 400)
        if open_status(shop, utc("2026-10-24 23:30") + timedelta(minutes=minutes)).is_open
    ]
    assert (opened[0], opened[-1], len(opened)) == (0, 269, 270)


def test_the_night_that_skips_an_hour_is_open_an_hour_shorter(shop: Shop):
    """On Sunday 28 March 2027 London has no 01:00-02:00."""
    opened = [
        minutes
        for minutes in range(-60, 400)
        if open_status(shop, utc("2027-03-28 00:30") + timedelta(minutes=minutes)).is_open
    ]
    assert (opened[0], opened[-1], len(opened)) == (0, 149, 150)


def test_after_the_clocks_change_the_doors_still_open_at_ten_on_the_wall(shop: Shop):
    before = open_status(shop, utc("2026-10-18 12:00")).next_opening
    after = open_status(shop, utc("2026-10-25 12:00")).next_opening

    assert (wall(before), wall(after)) == ("Mon 19 10:00", "Mon 26 10:00")
    assert before is not None
    assert after is not None
    assert after.astimezone(UTC) - before.astimezone(UTC) == timedelta(days=7, hours=1)


def test_the_local_day_counts_not_the_utc_day(shop: Shop):
    honolulu = shop.model_copy(update={"timezone": "Pacific/Honolulu"})
    status = open_status(honolulu, utc("2026-11-24 02:00"))  # Monday 16:00 there

    assert wall(status.closes_at) == "Mon 23 18:00"


def test_without_hours_nothing_is_known(shop: Shop):
    status = open_status(shop.model_copy(update={"hours": OpeningHours()}), utc("2026-11-23 12:00"))

    assert (status.is_open, status.next_opening) == (False, None)
