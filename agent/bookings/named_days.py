"""Holidays that move, by name, from the `holidays` package; and where in the world a time zone is."""

from __future__ import annotations

import warnings
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import holidays
import holidays.countries  # pyright: ignore[reportUnusedImport] - loaded now: at first use it would hold up a call

DayOrder = Literal["day_first", "month_first", ""]

REGIONS = {"GB": "ENG"}
"""Countries whose holidays are those of their parts: the part callers mean."""

MONTH_FIRST = frozenset({"US", "PR", "GU", "VI", "AS", "MP", "FM", "MH", "PW", "PH", "UM"})
"""Countries that write the month before the day (CLDR's short date formats)."""
EITHER_ORDER = frozenset({"CA"})
"""Countries that write both."""


@lru_cache(maxsize=256)
def named_day(name: str, country: str, today: date) -> date | None:
    """The next day of this name that is not over, or None: no such day there, or the country is not known."""
    years = [today.year, today.year + 1]
    try:
        with warnings.catch_warnings():
            # Said of countries whose holidays are known for some years only; a day not found is asked for.
            warnings.simplefilter("ignore", UserWarning)
            known = holidays.country_holidays(
                country, subdiv=REGIONS.get(country), years=years, observed=False, language="en_US"
            )
    except NotImplementedError:
        return None
    return min((day for day in known.get_named(name, lookup="icontains") if day >= today), default=None)


@lru_cache
def _countries() -> dict[str, str]:
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text("utf-8")
    rows = [line.split("\t") for line in table.splitlines() if line and not line.startswith("#")]
    return {row[2]: row[0] for row in rows}


def country_of(zone: str) -> str:
    """The ISO country a time zone lies in, or "" for those that lie in none ("UTC")."""
    return _countries().get(zone, "US" if zone.startswith("US/") else "")


def day_order(country: str) -> DayOrder:
    """How dates in digits are written there; "" where both ways are, or the country is not known."""
    if not country or country in EITHER_ORDER:
        return ""
    return "month_first" if country in MONTH_FIRST else "day_first"
