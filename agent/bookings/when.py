"""What a caller's words about time were taken to mean, or the question to put to them."""

from __future__ import annotations

from datetime import date, time
from typing import Literal

from pydantic import model_validator

from agent.model import Model

QuestionCode = Literal[
    "not_understood", "past", "ambiguous_day", "ambiguous_time", "no_such_date", "no_such_time", "too_vague"
]


class When(Model):
    """A day or a stretch of days, and perhaps a time of day; all local to the shop.

    `at` is an exact time; `after` (inclusive) and `before` (exclusive) bound a part of the day. With neither,
    any time will do.
    """

    first: date
    last: date
    """Equal to `first` for one day."""
    at: time | None = None
    after: time | None = None
    before: time | None = None
    approximate: bool = False
    """"Around five", "noon-ish"."""
    earliest: bool = False
    """"First thing", "as soon as possible": the earliest that is free."""

    @model_validator(mode="after")
    def _in_order(self) -> When:
        if self.last < self.first:
            raise ValueError(f"last {self.last} lies before first {self.first}")
        return self

    @property
    def one_day(self) -> bool:
        return self.first == self.last


class DateQuestion(Model):
    """The words alone do not say when: `say` is one sentence for the caller, `options` what they may have meant."""

    code: QuestionCode
    say: str
    options: tuple[When, ...] = ()
