"""English phrases for how a time is wanted, and for the words between times and days."""

from __future__ import annotations

from agent.bookings.day_meanings import AnyDay, Since
from agent.bookings.english_times import MORNING, TODAY
from agent.bookings.phrases import Rule, always
from agent.bookings.spoken_time import Link, Manner

_EARLIEST = Manner("earliest")

# fmt: off
MANNER_PHRASES: tuple[Rule, ...] = (
    *always(Manner("first_thing"), "first|1st thing", "when|as you open", "when you first|1st open"),
    *always((Manner("first_thing"), MORNING), "first|1st thing [in] morning"),
    *always(
        _EARLIEST,
        "first|1st|next|soonest|earliest available|free [appointment|slot|time|opening]",
        "first|1st|next|soonest|earliest appointment|slot|time|opening|1 [available|free]",
        "asap [possible|you|we] [can|could]", "soonest|earliest", "early|soon as possible",
        "soonest|earliest possible", "straight|right away", "right now", "now", "immediately", "soon", "quickest",
    ),
    *always(
        Manner("latest"),
        "last thing", "end of day|business", "close of business", "last appointment|slot|1 [of] [day]",
        "as late as possible|you [can|could]", "before you close|shut", "towards end of day",
    ),
    *always(
        Manner("any_time"),
        "any time [at] [all]", "anytime [at] [all]", "whenever", "whatever time", "don't mind|care", "do not mind",
        "doesn't matter", "no preference", "anything [at] [all]", "all day", "flexible",
        "not fussed|bothered|fussy", "any", "whichever", "whatever", "time doesn't matter",
    ),
    *always((AnyDay(), Manner("any_time")), "any day [any] [time]", "any day at all", "whatever day", "whichever day"),
    *always((TODAY, Manner("from_now_on")), "later today", "later on today", "rest of day", "today later [on]"),
    *always(Manner("same_time"), "[at] same time", "that time", "[at] same hour"),
    *always(
        (Since(7), Manner("same_time")),
        "[at] same time next|following week", "[at] same time week after", "[at] this time next week",
        "same day and time next week",
    ),
    *always((Since(0), Manner("same_time")), "same day and time", "same day same time"),
    *always(
        Manner("approximate"),
        "around", "about", "roughly", "approximately", "ish", "or so", "give or take", "thereabouts",
    ),
    *always(
        Manner("vague"),
        "sometime", "some time", "some day", "someday", "1 of these days", "[in] few days|weeks|months",
        "[in] couple [of] days|months", "month from|on <weekday>", "[in] <ordinal> week",
        "next year", "in [new] year", "another day|time", "different day|time",
    ),
)

LINK_PHRASES: tuple[Rule, ...] = (
    *always(
        Link("or_later"),
        "or|and later|after|onwards|onward", "onwards|onward", "at earliest", "or any time after",
    ),
    *always(Link("or_earlier"), "or|and earlier|before|sooner", "at latest", "or any time before"),
    *always(
        Link("from"),
        "not before", "no|not earlier|sooner than", "any time after|from", "anything after|past|from",
        "anytime after|from", "later than", "starting|beginning from|at", "starting",
    ),
    *always(
        Link("until"),
        "not after|past", "no|not later than", "any time before", "anything before", "anytime before",
        "earlier than", "sooner than", "up to|until|till",
    ),
    *always(Link("or"), "or"),
    *always(
        Link("not"),
        "not", "except [for]", "apart from", "other than", "rather than", "instead of", "can't do|make",
        "cannot do|make", "anything|any day but", "never", "isn't", "no good",
    ),
    *always(
        Link("correction"),
        "no", "nope", "sorry", "actually", "i mean|meant", "make it|that", "scratch that", "wait", "hang on",
        "hold on", "correction", "instead", "better", "let's say",
    ),
    *always(Link("move"), "move", "push", "change", "reschedule", "swap", "switch", "shift"),
    *always(
        (),
        "<ordinal> 1|appointment|option|choice|person|visit|time", "<ordinal> already", "that|this|which 1",
        "<n> of us|you|them", "<n> people|persons|kids|children|adults|girls|boys|haircuts|cuts|appointments",
        "no worries|problem|thanks", "if you have it|1|anything|that", "day|days in advance",
    ),
)
