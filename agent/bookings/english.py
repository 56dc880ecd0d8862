"""English: the words, phrases and sentences by which `dates` understands callers. Another language is another table."""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.bookings.day_meanings import Around, Between, DayMeaning, Following, OnWeekday, Since
from agent.bookings.english_days import DAY_PHRASES, MONTHS, WEEKDAYS
from agent.bookings.english_manners import LINK_PHRASES, MANNER_PHRASES
from agent.bookings.english_times import CLOCK_PHRASES, PART_PHRASES, RELATIVE_PHRASES
from agent.bookings.language import Language
from agent.bookings.phrases import Found, Rule, Table
from agent.bookings.spoken_time import Bounds
from agent.bookings.spoken_words import Vocabulary

_NUMBERS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|thirty|forty|noon|midday"

_DAYS = "|".join(WEEKDAYS)

_DROPPED = frozenset({
    "the", "a", "an", "um", "uh", "er", "erm", "hmm", "mm", "please", "just", "maybe", "perhaps", "probably",
    "possibly", "well", "like", "okay", "ok", "yeah", "yes", "hi", "hello", "then", "but", "there's", "is", "it's",
    "it", "my", "your", "our",
})  # fmt: skip

VOCABULARY = Vocabulary(
    code="en",
    rewrites=tuple(
        (re.compile(pattern), instead)
        for pattern, instead in (
            (rf"\b({_DAYS}) ?[-–] ?(?=(?:{_DAYS})\b)", r"\1 to "),
            (r"(?<=[a-z])-(?=[a-z])", " "),
            (r"\bin (about|around|roughly|approximately)\b", r"\1 in"),
            (r"\bi am\b|\bi'm\b", "i "),
            (r"(?<![a-z])([ap])\.? ?m(?![a-z])\.?", r" \1m "),
            (r"\b(?:o|oh)[' ]? ?clock\b", " oclock "),
            (rf"\b({_NUMBERS}|lunchtime|\d+)[ -]?ish\b", r"\1 ish "),
            (r"\b(?:just )?(?:a|one|1) (?:second|sec|moment|min)\b", " "),
            (r"\b(?:how|what) about\b|\bafter all\b|\bif possible\b", " "),
            (r"\bas soon as\b", "asap"),
            (r"\b(\d+) ?hrs?\b", r"\1 hours "),
        )
    ),
    dropped=_DROPPED,
    lexicon={**WEEKDAYS, **MONTHS, "am": ("ampm", 0), "pm": ("ampm", 1)},
    zeros=frozenset({"oh", "o"}),
    month_verbs=frozenset({"may", "march", "mar", "dec", "sep"}),
    month_signs=frozenset({"in", "of", "next", "this", "early", "late", "mid", "end", "start", "beginning", "by"}),
)


def _bounds(found: Found) -> tuple[object, ...]:
    return (Bounds(found.clock("a") if "a" in found else None, found.clock("b") if "b" in found else None),)


def _days_between(found: Found) -> tuple[object, ...]:
    return (Between(found.days("a") if "a" in found else None, found.days("b") if "b" in found else None),)


def _around_day(found: Found) -> tuple[object, ...]:
    since = found.kept("since")
    assert isinstance(since, Since)  # noqa: S101 - the sort <since> keeps nothing else
    return (Around(found.days(), since.days, since.whole),)


def _weekday_beside(back: bool) -> Callable[[Found], tuple[object, ...]]:
    def make(found: Found) -> tuple[object, ...]:
        which: DayMeaning = found.days("which")
        return (Following(which.day, found.days(), back) if isinstance(which, OnWeekday) else which,)

    return make


BOUND_PHRASES: tuple[Rule, ...] = (
    Rule("between <a:time> and|- <b:time>", _bounds),
    Rule("from <a:time> to|till|until|til|- <b:time>", _bounds),
    Rule("<a:time> to|till|until|til|- <b:time>", _bounds),
    Rule("<a:time> <or_later>", _bounds),
    Rule("<from> <a:time> [onwards]", _bounds),
    Rule("after|past|from|since <a:time> [<or_later>]", _bounds),
    Rule("<b:time> <or_earlier>", _bounds),
    Rule("<until> <b:time>", _bounds),
    Rule("before|until|till|til|by <b:time> [<or_earlier>]", _bounds),
    Rule("<from> <a:time> and|but before <b:time>", _bounds),
    Rule("after <a:time> and|but before <b:time>", _bounds),
    Rule("for|say|towards|nearer|make <time>", lambda f: (f.clock(),)),
    Rule("between <a:days> and|- <b:days>", _days_between),
    Rule("from <a:days> to|till|until|through|thru|- <b:days>", _days_between),
    Rule("<a:days> to|till|until|through|thru|- <b:days>", _days_between),
    Rule("from <a:days> [on] [<or_later>]", _days_between),
    Rule("<a:days> <or_later>", _days_between),
    Rule("<from> <a:days>", lambda f: (Between(Around(f.days("a"), 1), None),)),
    Rule("after|past <a:days>", lambda f: (Between(Around(f.days("a"), 1), None),)),
    Rule("before <b:days>", lambda f: (Between(None, Around(f.days("b"), -1)),)),
    Rule("by|until|till <b:days>", _days_between),
    Rule("<until> <b:days>", _days_between),
    Rule("<since> <days>", _around_day),
    Rule("week of|commencing|beginning|starting <days>", lambda f: (Around(f.days(), 0, whole=True),)),
    Rule("<days> week", lambda f: (Around(f.days(), 0, whole=True),)),
    Rule("<which> after <days>", _weekday_beside(back=False)),
    Rule("<which> before <days>", _weekday_beside(back=True)),
)

SENTENCES = {
    "not_understood": "Today is {today}: which day and time would you like?",
    "too_vague": "Today is {today}: which day would suit you?",
    "past_day": "That was {day}, which has passed. Which day would you like?",
    "past_days": "That has passed: today is {today}. Which day would you like?",
    "past_time": "{time} on {day} has passed. What time would you like?",
    "past_time_today": "{time} today, {day}, has passed. What time would you like?",
    "ambiguous_day": "Did you mean {options}?",
    "ambiguous_day_unknown": "Today is {today}: which day do you mean?",
    "ambiguous_time": "Did you mean {options}?",
    "no_such_date": "There is no such date; today is {today}. Which day would you like?",
    "no_such_date_near": "There is no such day in that month. Did you mean {options}?",
    "no_such_time": "There is no such time. What time would you like on {day}?",
    "clocks_change": "The clocks go forward on {day}, so there is no {time}. What time would you like?",
    "same_as_what": "Today is {today}: which time do you mean?",
    "named_day": "Today is {today}: on which date is {name}?",
    "or": ", or ",
}

ENGLISH = Language(
    vocabulary=VOCABULARY,
    phrases=Table((*DAY_PHRASES, *CLOCK_PHRASES, *RELATIVE_PHRASES, *PART_PHRASES, *MANNER_PHRASES, *LINK_PHRASES)),
    bounds=Table(BOUND_PHRASES),
    beside=frozenset({"at", "around", "about", "by", "for", "say", "or", "like", "till", "until"}),
    skipped=frozenset({"on", "in", "of", "at", "for", "with", "or", "i", "do", "have", "that"}),
    sentences=SENTENCES,
)  # fmt: skip
