"""The questions `dates` puts to a caller: one sentence, with weekday and date in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import get_args

from agent.bookings.readback import spoken_day, spoken_time
from agent.bookings.spoken_day import Days, Trouble
from agent.bookings.when import DateQuestion, QuestionCode, When

_CODES: tuple[QuestionCode, ...] = get_args(QuestionCode)


@dataclass(frozen=True)
class Asking:
    """Questions of one call: the moment (local), the shop's country, a language's sentences."""

    now: datetime
    country: str
    sentences: dict[str, str]

    def question(
        self,
        sentence: str,
        code: QuestionCode | None = None,
        *,
        day: date | None = None,
        at: time | None = None,
        options: tuple[When, ...] = (),
        name: str = "",
    ) -> DateQuestion:
        """The question asked with `sentence`; its code is that name where none is given."""
        code = code or next(known for known in _CODES if known == sentence)
        say = self.sentences[sentence].format(
            today=self._day(self.now.date()),
            day=self._day(day or self.now.date()),
            time=spoken_time(at) if at else "",
            options=self.sentences["or"].join(self._option(option) for option in options),
            name=name,
        )
        return DateQuestion(code=code, say=say, options=options)

    def choose(self, code: QuestionCode, options: tuple[When, ...]) -> DateQuestion:
        return self.question(code, code, options=options[:3])

    def trouble(self, trouble: Trouble, as_when: Callable[[Days], When]) -> DateQuestion:
        """The question a day that cannot be placed leads to."""
        options = tuple(as_when(days) for days in trouble.options)
        if trouble.name:
            return self.question("named_day", "not_understood", name=trouble.name)
        if trouble.code == "past":
            return self.question("past_day" if trouble.day else "past_days", "past", day=trouble.day)
        if trouble.code == "ambiguous_day":
            return self.question(
                "ambiguous_day" if options else "ambiguous_day_unknown", "ambiguous_day", options=options
            )
        if trouble.code == "no_such_date" and options:
            return self.question("no_such_date_near", "no_such_date", options=options)
        return self.question(trouble.code)

    def _day(self, day: date) -> str:
        return spoken_day(day, today=day, country=self.country, near=False)

    def _option(self, when: When) -> str:
        day = self._day(when.first)
        return f"{day} at {spoken_time(when.at)}" if when.at else day
