"""Days as callers say them, placed on the calendar.

The week runs from Monday to Sunday. "Friday", "this Friday", "on Friday" is the next one to come; "next Friday" the
Friday of the next calendar week, whatever today is; "Friday week" seven days after the next one to come. A date
without a year is this year's if it lies ahead or no more than RECENT days back (then it has passed, and the caller is
asked), else next year's. A bare "the 5th" is the next 5th to come.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from agent.bookings.day_meanings import (
    AnyDay,
    Around,
    Between,
    Both,
    DayMeaning,
    Following,
    Month,
    Named,
    Nth,
    Numeric,
    Offset,
    OnDate,
    OnWeekday,
    Since,
    Week,
    Within,
)
from agent.bookings.named_days import DayOrder, named_day
from agent.bookings.when import QuestionCode

RECENT = 30
"""Days for which a date that has passed is still the one meant."""
SEARCHED = 30
"""Days, today first, that "any time" and "the first available" reach."""
OPEN_ENDED = 13
"""Days that "after the fifth" reaches on."""


@dataclass(frozen=True)
class Days:
    """The days meant, last included."""

    first: date
    last: date


@dataclass(frozen=True)
class Trouble:
    """Why there are no such days; `day` is what the words come nearest to, `options` what may be meant."""

    code: QuestionCode
    day: date | None = None
    options: tuple[Days, ...] = ()
    name: str = ""


Place = Days | Trouble


@dataclass(frozen=True)
class Horizon:
    """What days are told from: today at the shop, what was talked about before, where the shop is."""

    today: date
    before: Days | None = None
    order: DayOrder = ""
    country: str = ""


def place(meaning: DayMeaning, horizon: Horizon) -> Place:
    """The days meant. Those that have passed are cut off; all passed is a trouble with code "past"."""
    placed = _placed(meaning, horizon)
    if isinstance(placed, Trouble):
        return placed
    if placed.last < horizon.today:
        return Trouble("past", placed.last if placed.first == placed.last else None)
    return Days(max(placed.first, horizon.today), placed.last)


def _placed(meaning: DayMeaning, horizon: Horizon) -> Place:
    try:
        return _PLACERS[type(meaning)](meaning, horizon)
    except (OverflowError, ValueError):  # beyond the calendar
        return Trouble("no_such_date")


def _one(day: date) -> Days:
    return Days(day, day)


def _month_on(day: date, months: int) -> tuple[int, int]:
    """Year and month, so many months on."""
    return day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1


def _offset(said: Offset, horizon: Horizon) -> Place:
    year, month = _month_on(horizon.today, said.months)
    day = date(year, month, min(horizon.today.day, monthrange(year, month)[1]))
    return _one(day + timedelta(days=said.days))


def _on_weekday(said: OnWeekday, horizon: Horizon) -> Place:
    monday = horizon.today - timedelta(days=horizon.today.weekday())
    if said.week == "next":
        day = monday + timedelta(days=7 + said.day)
    elif said.week == "last":
        day = horizon.today - timedelta(days=(horizon.today.weekday() - said.day - 1) % 7 + 1)
    else:
        day = horizon.today + timedelta(days=(said.day - horizon.today.weekday()) % 7)
    return _one(day + timedelta(weeks=said.plus_weeks))


def _on_date(said: OnDate, horizon: Horizon) -> Place:
    today = horizon.today
    if said.months_on is not None:
        return _checked(*_month_on(today, said.months_on), said.day)
    if said.month:
        if said.year:
            return _checked(said.year, said.month, said.day)
        this = _checked(today.year, said.month, said.day)
        if isinstance(this, Days) and this.first >= today - timedelta(days=RECENT):
            later = _checked(today.year - 1, said.month, said.day)
            # In January, "December 28th" has just passed.
            recent = isinstance(later, Days) and later.first >= today - timedelta(days=RECENT)
            return later if recent else this
        return this if _month_ahead(said, today) else _checked(today.year + 1, said.month, said.day)
    return _checked(*_month_on(today, 0 if said.day >= today.day else 1), said.day, bare=True)


def _month_ahead(said: OnDate, today: date) -> bool:
    """Whether a date this year does not have would still be ahead."""
    return (said.month, said.day) >= (today.month, today.day)


def _checked(year: int, month: int, day: int, *, bare: bool = False) -> Place:
    """That day, or what is near it: the next month that has it where none was said, else the end of that month."""
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return Trouble("no_such_date")
    length = monthrange(year, month)[1]
    if day <= length:
        return _one(date(year, month, day))
    end = date(year, month, length)
    following = end + timedelta(days=1)
    # Every second month at least has 31 days.
    near = (_one(following.replace(day=day)),) if bare else (_one(end), _one(following))
    return Trouble("no_such_date", end, near)


def _numeric(said: Numeric, horizon: Horizon) -> Place:
    parts = [int(part) for part in said.text.replace(".", "/").replace("-", "/").split("/")]
    year = (parts[2] + 2000 if parts[2] < 100 else parts[2]) if len(parts) > 2 else 0
    readings = {"day_first": [(parts[0], parts[1])], "month_first": [(parts[1], parts[0])]}
    either = readings["day_first"] + readings["month_first"]
    placed = [_placed(OnDate(day, month, year), horizon) for day, month in either if 1 <= month <= 12 and day]
    days = [found for found in placed if isinstance(found, Days)]
    for day, month in readings.get(horizon.order, []):
        if 1 <= month <= 12:
            return _placed(OnDate(day, month, year), horizon)
    if len({found.first for found in days}) > 1:
        return Trouble("ambiguous_day", options=_ordered(*(found for found in days if found.first >= horizon.today)))
    return days[0] if days else Trouble("no_such_date")


def _nth(said: Nth, horizon: Horizon) -> Place:
    year, month = _said_month(said.month, said.months_on, horizon.today)
    length = monthrange(year, month)[1]
    all_of_them = [day for day in range(1, length + 1) if date(year, month, day).weekday() == said.weekday]
    if said.nth > len(all_of_them) or said.nth == 0:
        return Trouble("no_such_date", date(year, month, 1))
    return _one(date(year, month, all_of_them[said.nth - 1 if said.nth > 0 else said.nth]))


def _said_month(month: int, on: int, today: date) -> tuple[int, int]:
    if not month:
        return _month_on(today, on)
    return (today.year if month >= today.month else today.year + 1), month


def _week(said: Week, horizon: Horizon) -> Place:
    monday = horizon.today - timedelta(days=horizon.today.weekday()) + timedelta(weeks=said.on)
    if said.weekend:
        return Days(monday + timedelta(days=5), monday + timedelta(days=6))
    from_day, to_day = {"": (0, 6), "early": (0, 2), "middle": (1, 3), "late": (3, 5)}[said.stretch]
    return Days(monday + timedelta(days=from_day), monday + timedelta(days=to_day))


def _month(said: Month, horizon: Horizon) -> Place:
    year, month = _said_month(said.month, said.on, horizon.today)
    year = said.year or year
    if said.week > 4:
        return Trouble("no_such_date")
    if said.week:
        return Days(date(year, month, 7 * said.week - 6), date(year, month, 7 * said.week))
    end = monthrange(year, month)[1]
    from_day, to_day = {"": (1, end), "early": (1, 10), "middle": (11, 20), "late": (end - 6, end)}[said.stretch]
    return Days(date(year, month, from_day), date(year, month, to_day))


def _named(said: Named, horizon: Horizon) -> Place:
    day = named_day(said.name, horizon.country, horizon.today)
    return _one(day) if day else Trouble("not_understood", name=said.name)


def _since(said: Since, horizon: Horizon) -> Place:
    base = horizon.before
    if base is None:
        return Trouble("not_understood")
    first = (base.last if said.days > 0 and not said.whole else base.first) + timedelta(days=said.days)
    if said.whole:
        monday = first - timedelta(days=first.weekday())
        return Days(monday, monday + timedelta(days=6))
    return Days(first, base.last if not said.days else first)


def _any_day(_: AnyDay, horizon: Horizon) -> Place:
    return Days(horizon.today, horizon.today + timedelta(days=SEARCHED - 1))


def _around(said: Around, horizon: Horizon) -> Place:
    base = _placed(said.day, horizon)
    if isinstance(base, Trouble):
        return base
    first = (base.first if said.days < 0 or said.whole else base.last) + timedelta(days=said.days)
    if said.whole:
        monday = first - timedelta(days=first.weekday())
        return Days(monday, monday + timedelta(days=6))
    return _one(first)


def _between(said: Between, horizon: Horizon) -> Place:
    first = place(said.first, horizon) if said.first else _one(horizon.today)
    if isinstance(first, Trouble):
        return first
    if said.last is None:
        return Days(first.first, first.first + timedelta(days=OPEN_ENDED))
    # "Friday to Monday" is the Monday after that Friday.
    last = place(said.last, Horizon(first.first, horizon.before, horizon.order, horizon.country))
    return last if isinstance(last, Trouble) else Days(first.first, last.last)


def _within(said: Within, horizon: Horizon) -> Place:
    of = _placed(said.of, horizon)
    if isinstance(of, Trouble):
        return of
    start = max(of.first, min(horizon.today, of.last))
    day = start + timedelta(days=(said.weekday - start.weekday()) % 7)
    if day > of.last:  # it has passed this week, or is not in the stretch: the one before
        day -= timedelta(days=7)
    return _one(day) if day >= of.first else Trouble("ambiguous_day")


def _following(said: Following, horizon: Horizon) -> Place:
    base = _placed(said.day, horizon) if said.day else horizon.before or _one(horizon.today)
    if isinstance(base, Trouble):
        return base
    if said.back:
        return _one(base.first - timedelta(days=(base.first.weekday() - said.weekday - 1) % 7 + 1))
    return _one(base.last + timedelta(days=(said.weekday - base.last.weekday() - 1) % 7 + 1))


def _both(said: Both, horizon: Horizon) -> Place:
    placed = _placed(said.day, horizon)
    if isinstance(placed, Trouble) or placed.first.weekday() == said.weekday or placed.first != placed.last:
        return placed
    coming = _placed(OnWeekday(said.weekday), horizon)
    if isinstance(said.day, OnDate) and not said.day.month and said.day.months_on is None:
        return _bare_both(said.weekday, placed, coming, horizon)
    nearest = placed.first + timedelta(days=(said.weekday - placed.first.weekday() + 3) % 7 - 3)
    if placed.first < horizon.today:
        return placed
    if nearest < horizon.today or isinstance(said.day, Offset):
        return Trouble("ambiguous_day", options=_ordered(placed, coming))
    return Trouble("ambiguous_day", options=_ordered(placed, _one(nearest)))


def _bare_both(weekday: int, placed: Days, coming: Place, horizon: Horizon) -> Place:
    """ "Monday the 26th", where the next 26th is no Monday: one just passed, or one of the months to come."""
    day = placed.first.day
    for months in (-1, 0):
        recent = _checked(*_month_on(horizon.today, months), day)
        if not isinstance(recent, Days) or recent.first.weekday() != weekday:
            continue
        if horizon.today - timedelta(days=RECENT) <= recent.first < horizon.today:
            return recent
    return Trouble("ambiguous_day", options=_ordered(placed, coming))


def _ordered(*places: Place) -> tuple[Days, ...]:
    return tuple(sorted((found for found in places if isinstance(found, Days)), key=lambda days: days.first))


_PLACERS: dict[type, Callable[..., Place]] = {
    Offset: _offset, OnWeekday: _on_weekday, OnDate: _on_date, Numeric: _numeric, Nth: _nth, Week: _week,
    Month: _month, Named: _named, Since: _since, AnyDay: _any_day, Around: _around, Between: _between,
    Within: _within, Following: _following, Both: _both,
}  # fmt: skip
