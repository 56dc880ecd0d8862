"""The ways callers name days, before they are placed on the calendar by `spoken_day`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stretch = Literal["", "early", "middle", "late"]


@dataclass(frozen=True)
class Offset:
    days: int = 0
    months: int = 0


@dataclass(frozen=True)
class OnWeekday:
    day: int
    """0 is Monday."""
    week: Literal["coming", "next", "last"] = "coming"
    plus_weeks: int = 0


@dataclass(frozen=True)
class OnDate:
    day: int
    month: int = 0
    """0: not said."""
    year: int = 0
    months_on: int | None = None
    """"Of next month" is 1."""


@dataclass(frozen=True)
class Numeric:
    """6/11 or 6/11/2026: which is the month depends on the country."""

    text: str


@dataclass(frozen=True)
class Nth:
    """The second Tuesday of a month; -1 is the last."""

    nth: int
    weekday: int
    month: int = 0
    months_on: int = 0


@dataclass(frozen=True)
class Week:
    on: int = 0
    stretch: Stretch = ""
    weekend: bool = False


@dataclass(frozen=True)
class Month:
    month: int = 0
    on: int = 0
    stretch: Stretch = ""
    year: int = 0
    week: int = 0
    """The first seven days are 1; 0 is all of it."""


@dataclass(frozen=True)
class Named:
    """A holiday that moves, by its name in the `holidays` package."""

    name: str


@dataclass(frozen=True)
class Since:
    """So many days after what was talked about ("the day after", "the same day"); `whole` for its week."""

    days: int = 0
    whole: bool = False


@dataclass(frozen=True)
class AnyDay:
    pass


@dataclass(frozen=True)
class Around:
    """Another day, and so many days from it; `whole` for its week."""

    day: DayMeaning
    days: int = 0
    whole: bool = False


@dataclass(frozen=True)
class Between:
    """From one to another, both included; an end not said is today, or OPEN_ENDED days on."""

    first: DayMeaning | None
    last: DayMeaning | None


@dataclass(frozen=True)
class Within:
    """A weekday of a week or month said beside it."""

    weekday: int
    of: DayMeaning


@dataclass(frozen=True)
class Following:
    """The first such weekday after (or the last before) another day; None is the day talked about, else today."""

    weekday: int
    day: DayMeaning | None = None
    back: bool = False


@dataclass(frozen=True)
class Both:
    """A weekday said together with a date: they must agree."""

    weekday: int
    day: DayMeaning


DayMeaning = (
    Offset | OnWeekday | OnDate | Numeric | Nth | Week | Month | Named | Since | AnyDay | Around | Between | Within
    | Following | Both
)  # fmt: skip
WHOLE = (Week, Month, Between, AnyDay)
"""Meanings of several days, in which a weekday said beside them lies."""
