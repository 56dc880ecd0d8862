"""Why something cannot be booked: a code for programs, a sentence for the caller, and what to go on with. Pure."""

from __future__ import annotations

from datetime import date, time
from typing import Literal

from pydantic import AwareDatetime

from agent.model import Model

ReasonCode = Literal[
    "not_by_phone",
    "hours_unknown",
    "duration_unknown",
    "add_on_alone",
    "staff_unknown",
    "staff_does_not",
    "nobody_does",
    "consultation_first",
    "patch_test",
    "past",
    "too_soon",
    "too_far",
    "closed_day",
    "outside_hours",
    "staff_off",
    "staff_away",
    "staff_break",
    "taken",
    "off_grid",
    "no_such_time",
]


class Reason(Model):
    """What stands in the way. Fields that do not bear on `code` are None or empty. Days and times are the shop's."""

    code: ReasonCode
    say: str
    """One sentence to be read aloud."""
    day: date | None = None
    """The day asked for."""
    at: AwareDatetime | None = None
    """The moment asked for, UTC."""
    staff: str | None = None
    """Whom it is about; None when it is about everybody who could do it."""
    service: str | None = None
    opens: time | None = None
    """outside_hours, staff_off: since when the shop, or that person, is there that day. staff_break: its beginning."""
    closes: time | None = None
    """The end of it."""
    earliest: AwareDatetime | None = None
    """past, too_soon, patch_test: from when on it could be booked, UTC; not that this very moment is free."""
    latest: AwareDatetime | None = None
    """outside_hours: the last moment that day at which it could begin, UTC."""
    last_day: date | None = None
    """too_far: the last day that can be booked. staff_away: the last day they are away."""
    instead: tuple[AwareDatetime, ...] = ()
    """off_grid: the free moments just before and just after, UTC."""


def spoken_name(name: str) -> str:
    """A name of the shop's on one line."""
    return " ".join(name.split())
