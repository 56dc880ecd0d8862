"""English phrases for times of day: by the clock, from now, parts of the day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time

from agent.bookings.day_meanings import Offset
from agent.bookings.phrases import Found, Rule, always
from agent.bookings.spoken_time import Bounds, Clock, FromNow, Half, Part, Shift, minus


def _half(found: Found) -> Half:
    if "ampm" not in found:
        return ""
    return "pm" if found.get("ampm") else "am"


def _clock(found: Found) -> tuple[object, ...]:
    """Digits as they come: "17:45", "5 45", "1530", "5"."""
    if "clock" in found:
        text = found.text("clock")
        return (Clock(*divmod(found.get("clock"), 60), _half(found), exact=text.startswith("0")),)
    if "hhmm" in found:
        text = found.text("hhmm")
        return (Clock(*divmod(found.get("hhmm"), 100), _half(found), exact=text.startswith("0")),)
    minute = found.get("minute") or found.get("digit")
    return (Clock(found.get("hour"), minute, _half(found), exact=found.text("hour").startswith("0")),)


def _past(minutes: int) -> Callable[[Found], tuple[object, ...]]:
    return lambda found: (Clock(found.get("hour"), minutes or found.get("n") or found.get("five"), _half(found)),)


def _to(minutes: int) -> Callable[[Found], tuple[object, ...]]:
    def make(found: Found) -> tuple[object, ...]:
        before = minutes or found.get("n") or found.get("five")
        return (minus(Clock(found.get("hour"), 0, _half(found)), before),) if before < 60 else (Clock(99),)

    return make


def _shift(later: bool, scale: int) -> Callable[[Found], tuple[object, ...]]:
    return lambda found: (Shift(scale * found.get("n", 1), later),)


def _from_to(found: Found) -> tuple[object, ...]:
    """ "From ten to eleven", which is no "ten to eleven"."""
    return (Bounds(Clock(found.get("a")), Clock(found.get("b"), half=_half(found))),)


CLOCK_PHRASES: tuple[Rule, ...] = (
    Rule("[at] <clock> [<ampm>]", _clock),
    Rule("[at] <hour> <ampm>", _clock),
    Rule("[at] <hour> <minute> [<ampm>]", _clock),
    Rule("[at] <hour> oh|o|0 <digit> [<ampm>]", _clock),
    Rule("[at] <hour> oclock [<ampm>]", _clock),
    Rule("[at] <hour> hundred [hours]", lambda f: (Clock(f.get("hour"), exact=True),)),
    Rule("[at] <hhmm> [<ampm>] [hours]", _clock),
    Rule("from <a:hour> to|till|until|- <b:hour> [<ampm>]", _from_to),
    Rule("at <hour>", _clock),
    Rule("at <number>", lambda _: (Clock(99),)),
    Rule("[at] <impossible>", lambda _: (Clock(99),)),
    Rule("[at] half [past] <hour> [<ampm>]", _past(30)),
    Rule("[at] quarter past|after <hour> [<ampm>]", _past(15)),
    Rule("[at] quarter to|till|til|of|before <hour> [<ampm>]", _to(15)),
    Rule("[at] <five> past|after <hour> [<ampm>]", _past(0)),
    Rule("[at] <five> to|till|til|of|before <hour> [<ampm>]", _to(0)),
    Rule("[at] <n> minutes|minute|mins past|after <hour> [<ampm>]", _past(0)),
    Rule("[at] <n> minutes|minute|mins to|till|til|of|before <hour> [<ampm>]", _to(0)),
    Rule("[at] half past noon|midday", lambda _: (Clock(12, 30, "pm"),)),
    Rule("[at] quarter past noon|midday", lambda _: (Clock(12, 15, "pm"),)),
    Rule("[at] quarter to noon|midday", lambda _: (Clock(11, 45, "am"),)),
    *always(Clock(12, 0, "pm"), "[at] noon|midday", "[at] 12 noon|midday"),
    *always(Clock(0), "[at] midnight", "[at] 12 midnight"),
)

RELATIVE_PHRASES: tuple[Rule, ...] = (
    Rule("in <n> minutes|minute|mins [time]", lambda f: (FromNow(f.get("n")),)),
    Rule("<n> minutes|minute|mins from now", lambda f: (FromNow(f.get("n")),)),
    Rule("in <n> hours|hour [time]", lambda f: (FromNow(60 * f.get("n")),)),
    Rule("<n> hours|hour from now", lambda f: (FromNow(60 * f.get("n")),)),
    Rule("in <n> and half hours", lambda f: (FromNow(60 * f.get("n") + 30),)),
    *always(FromNow(30), "in half [of] hour [time]", "half hour from now", "half hours|hour's time"),
    *always(FromNow(15), "in quarter [of] hour [time]", "quarter [of] hour from now"),
    *always(FromNow(45), "in 3 quarters of hour", "3 quarters of hour from now"),
    *always(FromNow(60), "in hour [time]", "hour from now", "in hour's|hours time", "hour's time"),
    *always(FromNow(90), "in hour and half", "hour and half from now", "in 1 and half hours"),
    *always(FromNow(120), "in couple [of] hours", "couple [of] hours from now"),
    Rule("<n> minutes|mins later|after", _shift(True, 1)),
    Rule("<n> minutes|mins earlier|sooner|before", _shift(False, 1)),
    Rule("[<n>] hour|hours later|after [that]", _shift(True, 60)),
    Rule("[<n>] hour|hours earlier|sooner|before [that]", _shift(False, 60)),
    *always(Shift(30), "half hour later|after [that]"),
    *always(Shift(30, later=False), "half hour earlier|sooner|before [that]"),
    *always(Shift(), "[bit|little|any|anything|something|slightly] later [on]", "after that"),
    *always(Shift(later=False), "[bit|little|any|anything|something|slightly] earlier|sooner", "before that"),
)

MORNING = Part("am", None, time(12))
_AFTERNOON = Part("pm", time(12), time(17))
_EVENING = Part("pm", time(17))
TODAY = Offset(0)

PART_PHRASES: tuple[Rule, ...] = (
    *always(MORNING, "[in|during] morning|mornings"),
    *always(_AFTERNOON, "[in|during] afternoon|afternoons|arvo", "pm"),
    *always(_EVENING, "[in|during|at] evening|evenings|night", "after hours"),
    *always((TODAY, MORNING), "this morning"),
    *always((TODAY, _AFTERNOON), "this afternoon|arvo"),
    *always((TODAY, _EVENING), "this evening", "tonight"),
    *always(Part("am", None, time(10)), "early [in] morning", "bright and early"),
    *always(Part("am", time(9, 30), time(11, 30)), "mid morning", "middle of morning"),
    *always(Part("am", time(10, 30), time(12)), "late|later [in] morning", "end of morning"),
    *always(Part("pm", time(12), time(14)), "early [in] afternoon", "[around|at] lunch|lunchtime", "lunch time"),
    *always(Part("pm", time(14), time(16)), "mid afternoon", "middle of afternoon"),
    *always(Part("pm", time(15), time(18)), "late|later [in] afternoon", "end of afternoon"),
    *always(Part("pm", time(17), time(19)), "early [in] evening", "teatime"),
    *always(Part("pm", time(18, 30)), "late|later [in] evening"),
    *always(Part("pm", time(17)), "after work"),
    *always(Part("pm", time(15, 30)), "after school", "after school run"),
    *always(Part("pm", time(13)), "after lunch"),
    *always(Part("am", None, time(12)), "before lunch", "before noon|midday", "am"),
    *always(Part("am", None, time(9)), "before work", "before school"),
    *always(Part("", time(11), time(15)), "middle of day"),
    *always(Part("am", None, time(11)), "early [on]", "early in day"),
    *always(Part("pm", time(16)), "late [on]", "late in day"),
)
