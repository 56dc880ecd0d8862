"""Holidays that move, by name, from the `holidays` package; and where in the world a time zone is."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from importlib.resources import files

import holidays

REGIONS = {"GB": "ENG"}
"""Countries whose holidays are those of their parts: the part callers mean."""

MONTH_FIRST = frozenset({"US", "PR", "GU", "VI", "AS", "MP", "FM", "MH", "PW", "PH", "UM"})
"""Countries that write the month before the day (CLDR's short date formats)."""
EITHER_ORDER = frozenset({"CA"})
"""Countries that write both."""


@lru_cache(maxsize=256)
def named_day(name: str, country: str, today: date) -> date | None:
    """The next day of this name that is not over, or None: no such day there, or the country is not known."""
    try:
        known = holidays.country_holidays(
            country, subdiv=REGIONS.get(country), years=[today.year, today.year + 1], observed=False, language="en_US"
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
