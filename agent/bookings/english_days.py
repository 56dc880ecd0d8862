"""English phrases for days. The rules they follow are those of `spoken_day`."""

from __future__ import annotations

from collections.abc import Callable

from agent.bookings.day_meanings import (
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
from agent.bookings.phrases import Found, Rule, always

_DAY_NAMES = (
    "monday mondays mon", "tuesday tuesdays tues tue", "wednesday wednesdays weds wed",
    "thursday thursdays thurs thur thu", "friday fridays fri", "saturday saturdays sat", "sunday sundays sun",
)  # fmt: skip
_MONTH_NAMES = (
    "january jan", "february feb febuary", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
    "september sept sep", "october oct", "november nov", "december dec",
)  # fmt: skip

WEEKDAYS = {
    written: ("weekday", at)
    for at, names in enumerate(_DAY_NAMES)
    for name in names.split()
    for written in (name, f"{name}'s")
}
MONTHS = {name: ("month", at) for at, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}


def _in_days(scale: int, plus: int = 0) -> Callable[[Found], tuple[object, ...]]:
    return lambda found: (Offset(days=scale * found.get("n", 1) + plus),)


def _weekday(plus_weeks: int = 0, *, following: bool = False) -> Callable[[Found], tuple[object, ...]]:
    """`plus_weeks` and what <n> says after the coming (or the next) one."""
    week = "next" if following else "coming"
    return lambda found: (OnWeekday(found.get("weekday"), week, plus_weeks + found.get("n")),)


def _date(found: Found) -> tuple[object, ...]:
    year = 2000 + found.get("yy") if "yy" in found else found.get("year")
    return (OnDate(found.get("dom") or found.get("ordinal"), found.get("month"), year),)


def _date_on(months: int) -> Callable[[Found], tuple[object, ...]]:
    return lambda found: (OnDate(found.get("dom"), months_on=months),)


def _nth(found: Found) -> tuple[object, ...]:
    on = 0 if "month" in found or "next" not in found else 1
    return (Nth(found.get("ordinal") or -1, found.get("weekday"), found.get("month"), on),)


def _nth_next(found: Found) -> tuple[object, ...]:
    return (Nth(found.get("ordinal") or -1, found.get("weekday"), 0, 1),)


def _iso(found: Found) -> tuple[object, ...]:
    year, month, day = (int(part) for part in found.text("iso").split("-"))
    return (OnDate(day, month, year),)


RELATIVE_DAYS: tuple[Rule, ...] = (
    *always(Offset(0), "today", "today's"),
    *always(Offset(1), "tomorrow", "tomorrow's", "tmrw", "tmr", "tomoz"),
    *always(Offset(2), "day after tomorrow"),
    *always(Offset(3), "2 days after tomorrow"),
    *always(Offset(-1), "yesterday", "day before today"),
    *always(Offset(-2), "day before yesterday"),
    *always(Offset(7), "today week", "week [from] today", "week from now", "in week [time]", "in week's|weeks time",
             "1 week from now|today", "this day next week", "same day next week"),
    *always(Offset(8), "tomorrow week", "week [from] tomorrow", "week from tomorrow"),
    *always(Offset(9), "week day after tomorrow"),
    *always(Offset(14), "in fortnight [time]", "in fortnight's time", "fortnight [from] [now|today]",
             "in couple [of] weeks [time]", "couple [of] weeks from now|today", "couple [of] weeks"),
    *always(Offset(15), "fortnight [from] tomorrow"),
    *always(Offset(months=1), "in month [time]", "in month's time", "month from now|today", "month today"),
    Rule("in <n> day|days|days' [time]", _in_days(1)),
    Rule("<n> day|days from now|today", _in_days(1)),
    Rule("<n> day|days from tomorrow", _in_days(1, 1)),
    Rule("<n> days time", _in_days(1)),
    Rule("in <n> week|weeks [time]", _in_days(7)),
    Rule("<n> week|weeks time", _in_days(7)),
    Rule("<n> week|weeks from now|today", _in_days(7)),
    Rule("<n> weeks today", _in_days(7)),
    Rule("<n> week|weeks [from] tomorrow", _in_days(7, 1)),
    Rule("in <n> month|months [time]", lambda f: (Offset(months=f.get("n")),)),
    Rule("<n> month|months from now|today", lambda f: (Offset(months=f.get("n")),)),
)  # fmt: skip

WEEKDAY_PHRASES: tuple[Rule, ...] = (
    Rule("[on] [this|coming] [coming] <weekday> [coming]", _weekday()),
    Rule("[on] next <weekday>", _weekday(following=True)),
    Rule("[on] <weekday> next [week]", _weekday(following=True)),
    Rule("[on] <weekday> of|in next week", _weekday(following=True)),
    Rule("[on] <weekday> of|in [this] week", lambda f: (Within(f.get("weekday"), Week(0)),)),
    Rule("[on] <weekday> this week", lambda f: (Within(f.get("weekday"), Week(0)),)),
    Rule("[on] [this] <weekday> week", _weekday(1)),
    Rule("[on] next <weekday> week", _weekday(1, following=True)),
    Rule("<n> <weekday> from now", lambda f: (OnWeekday(f.get("weekday"), plus_weeks=f.get("n") - 1),)),
    Rule("week on|from|this [this|coming] <weekday>", _weekday(1)),
    Rule("week on|from next <weekday>", _weekday(1, following=True)),
    Rule("week next <weekday>", _weekday(1)),
    Rule("<n> weeks on|from|this [this|coming] <weekday>", _weekday()),
    Rule("<n> weeks <weekday>", _weekday()),
    Rule("fortnight|couple [of] [weeks] on|from [this|coming] <weekday>", _weekday(2)),
    Rule("[on] <weekday> fortnight", _weekday(2)),
    Rule("[on] <weekday> in <n> week|weeks [time]", lambda f: (Within(f.get("weekday"), Week(f.get("n"))),)),
    Rule("[on] <weekday> in fortnight [time]", lambda f: (Within(f.get("weekday"), Week(2)),)),
    Rule("[on] <weekday> after next", _weekday(1, following=True)),
    Rule("[on] <weekday> week after next", _weekday(1, following=True)),
    Rule("[on] <weekday> of|in week after", lambda f: (Within(f.get("weekday"), Since(7, whole=True)),)),
    Rule("[on] <weekday> [of|in] following week", lambda f: (Within(f.get("weekday"), Since(7, whole=True)),)),
    Rule("[on] <weekday> after that", lambda f: (Following(f.get("weekday")),)),
    Rule("[on] <weekday> after <end>", lambda f: (Following(f.get("weekday")),)),
    Rule("following <weekday>", lambda f: (Following(f.get("weekday")),)),
    Rule("last|past <weekday>", lambda f: (OnWeekday(f.get("weekday"), "last"),)),
    Rule("<weekday> just gone", lambda f: (OnWeekday(f.get("weekday"), "last"),)),
    Rule("[on] <ordinal> <weekday> in|of <month>", _nth),
    Rule("[on] <ordinal> <weekday> [in|of] next month", _nth_next),
    Rule("[on] <ordinal> <weekday> in|of [this] month", _nth),
    Rule("[on] last <weekday> in|of <month>", _nth),
    Rule("[on] last <weekday> [in|of] next month", _nth_next),
    Rule("[on] last <weekday> in|of [this] month", _nth),
)

DATE_PHRASES: tuple[Rule, ...] = (
    Rule("[on] <dom> [of] <month> [<year>]", _date),
    Rule("[on] <month> <dom> [<year>]", _date),
    Rule("[on] <dom> [of] <month> 20 <yy>", _date),
    Rule("[on] <month> <dom> 20 <yy>", _date),
    Rule("[on] <ordinal>", _date),
    Rule("[on] <dom> of|in next month", _date_on(1)),
    Rule("[on] <dom> next month", _date_on(1)),
    Rule("[on] <dom> of month", _date),
    Rule("[on] <dom> of|in this month", _date_on(0)),
    Rule("[on] <dom> this month", _date_on(0)),
    Rule("[on] <dom> month after next", _date_on(2)),
    Rule("[on] <ordinal> of <month:ordinal> [<year>]", _date),
    Rule("[on] <numeric>", lambda f: (Numeric(f.text("numeric")),)),
    Rule("[on] <iso>", _iso),
    *always(OnDate(24, 12), "[on] christmas|xmas eve", "eve of christmas"),
    *always(OnDate(25, 12), "[on] christmas|xmas [day]"),
    *always(OnDate(26, 12), "[on] boxing day", "st|saint stephen's day"),
    *always(OnDate(31, 12), "[on] new year's|years|year eve", "hogmanay"),
    *always(OnDate(1, 1), "[on] new year's|years|year day", "[on] new year's|years"),
    *always(OnDate(31, 10), "[on] halloween"),
    *always(OnDate(5, 11), "[on] bonfire night", "guy fawkes [night]"),
    *always(OnDate(14, 2), "[on] valentine's|valentines [day]"),
    *always(OnDate(17, 3), "[on] st|saint patrick's|patricks day", "st paddy's day"),
    *always(OnDate(4, 7), "[on] independence day"),
    *always(Named("Thanksgiving"), "[on] thanksgiving [day]"),
    *always(Named("Labor Day"), "[on] labor|labour day"),
    *always(Named("Memorial Day"), "[on] memorial day"),
    *always(Named("Veterans Day"), "[on] veterans|veteran's day"),
    *always(Named("Martin Luther King"), "[on] martin luther king [jr] [day]", "mlk day"),
    *always(Named("Columbus Day"), "columbus day"),
    *always(Named("Washington's Birthday"), "[on] presidents|president's day"),
    *always(Named("Good Friday"), "[on] good <weekday>"),
    *always(Named("Easter Monday"), "[on] easter <weekday>"),
    *always(Named("May Day"), "[on] may day", "early may bank holiday"),
    *always(Named("Bank Holiday"), "[on] [next] bank holiday [<weekday>]"),
)

STRETCH_PHRASES: tuple[Rule, ...] = (
    *always(Week(0), "[in] this week", "rest of [this] week", "during week"),
    *always(Week(0, "late"), "[at|by] end of [this] week", "late|later this|in week", "later on this week"),
    *always(Week(0, "middle"), "midweek", "mid week", "middle of [this] week"),
    *always(Week(1), "[in] next week"),
    *always(Week(1, "early"), "early|start|beginning [of|in] next week", "early on next week"),
    *always(Week(1, "middle"), "middle|mid [of] next week"),
    *always(Week(1, "late"), "[at] end|late|later|back [end] [of|in] next week"),
    *always(Week(2), "week after next", "in week after next"),
    *always(Week(2, "early"), "early|start|beginning [of] week after next"),
    *always(Week(-1), "last week"),
    *always(Week(0, weekend=True), "[on|at|this|over|coming] [this|coming] weekend", "weekends"),
    *always(
        Week(1, weekend=True), "[at] next weekend", "weekend after this", "weekend of next week", "weekend next week"
    ),
    *always(Week(2, weekend=True), "weekend after next"),
    *always(Week(-1, weekend=True), "last weekend"),
    *always(Month(), "[in] this month", "[later] [in] this month", "rest of [this] month"),
    *always(Month(stretch="late"), "[at|towards] end of [this] month", "late [in] this month", "month end"),
    *always(Month(stretch="middle"), "middle of [this] month", "mid month"),
    *always(Month(on=1), "[in] next month"),
    *always(Month(on=1, stretch="early"), "early|start|beginning [of|in] next month"),
    *always(Month(on=1, stretch="middle"), "middle|mid [of] next month"),
    *always(Month(on=1, stretch="late"), "end|late [of|in] next month"),
    *always(Month(on=-1), "last month"),
    *always(Month(on=2), "month after next"),
    Rule("[in|during|this|next] <month> [<year>]", lambda f: (Month(f.get("month"), year=f.get("year")),)),
    Rule("[in] early|start|beginning [of|in] <month>", lambda f: (Month(f.get("month"), stretch="early"),)),
    Rule("[in] middle|mid [of] <month>", lambda f: (Month(f.get("month"), stretch="middle"),)),
    Rule("[at] end|late [of|in] <month>", lambda f: (Month(f.get("month"), stretch="late"),)),
    Rule("[in] <ordinal> week of|in <month>", lambda f: (Month(f.get("month"), week=f.get("ordinal")),)),
    Rule("[in] <ordinal> week of|in next month", lambda f: (Month(on=1, week=f.get("ordinal")),)),
    Rule("[in] last week of|in <month>", lambda f: (Month(f.get("month"), stretch="late"),)),
    *always(Month(stretch="late"), "[in] last week of|in [this] month"),
    *always(Month(1, week=1), "[in] 1st week of|in new year"),
    *always(Week(2), "not next week week after"),
    *always(Since(0), "[on] same day", "[on] that day"),
    *always(Since(1), "day after [that]", "next|following day"),
    *always(Since(-1), "day before [that]"),
    *always(Since(2), "2 days after|later"),
    *always(Since(7), "week later", "1 week later"),
    *always(Since(7, whole=True), "[in] week after [that]", "following week"),
    *always(Since(-7, whole=True), "week before [that]"),
    Rule("<n> days later", lambda f: (Since(f.get("n")),)),
    Rule("<n> weeks later", lambda f: (Since(7 * f.get("n")),)),
)

DAY_PHRASES = (*RELATIVE_DAYS, *WEEKDAY_PHRASES, *DATE_PHRASES, *STRETCH_PHRASES)
