"""What a caller said about time, gathered phrase by phrase: later words amend earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.bookings.day_meanings import (
    WHOLE,
    Around,
    Both,
    DayMeaning,
    Numeric,
    Offset,
    OnDate,
    OnWeekday,
    Since,
    Week,
    Within,
)
from agent.bookings.language import Language
from agent.bookings.phrases import SORTS, reduce
from agent.bookings.spoken_time import Bounds, Clock, FromNow, Link, Manner, Part, Shift, TimeMeaning
from agent.bookings.spoken_words import Word, split


@dataclass(frozen=True)
class Other:
    """A day that would do as well, and its own time where one was said ("Friday at two or Saturday at three")."""

    day: DayMeaning
    clock: Clock | None = None


@dataclass
class Said:
    """The parts of a phrase about time; what was not said is None or empty."""

    day: DayMeaning | None = None
    others: list[Other] = field(default_factory=list[Other])
    """Days after "or"."""
    clock: Clock | None = None
    other_clocks: list[Clock] = field(default_factory=list[Clock])
    bounds: Bounds | None = None
    part: Part | None = None
    from_now: FromNow | None = None
    shift: Shift | None = None
    manners: set[str] = field(default_factory=set[str])
    excluded: bool = False
    """A day was ruled out ("not Friday"), and none named."""

    @property
    def names_time(self) -> bool:
        said = (self.clock, self.bounds, self.part, self.from_now, self.shift)
        return any(each is not None for each in said) or bool(
            self.manners & {"any_time", "earliest", "first_thing", "latest", "same_time", "from_now_on"}
        )

    @property
    def nothing(self) -> bool:
        return self.day is None and not self.names_time and not self.manners and not self.excluded

    def forget_time(self) -> None:
        self.clock = self.bounds = self.part = self.from_now = self.shift = None
        self.other_clocks.clear()
        self.manners.clear()


def listen(words: str, language: Language) -> Said:
    """What `words` say; a Said with `nothing` when they are not about time, or too long to be."""
    tokens = [*split(words, language.vocabulary), Word("", "end")]
    tokens = reduce(tokens, language.phrases)
    moving = any(token.means == Link("move") for token in tokens)
    if not moving:  # "move it from Friday to Saturday" names no range
        tokens = reduce(tokens, language.bounds)
    return _gather(_hours(tokens[:-1], language))


def _hours(tokens: list[Word], language: Language) -> list[Word]:
    """Bare numbers that stand where a time would, as times."""
    return [
        Word(token.text, "meaning", means=Clock(token.value, exact=token.text.startswith("0")))
        if SORTS["hour"](token) and _beside_time(tokens, at, language)
        else token
        for at, token in enumerate(tokens)
    ]


def _beside_time(tokens: Sequence[Word], at: int, language: Language) -> bool:
    if len(tokens) == 1 or (at and tokens[at - 1].text in language.beside):
        return True
    for step in (-1, 1):
        other = at + step
        while 0 <= other < len(tokens) and tokens[other].means is None and tokens[other].text in language.skipped:
            other += step
        if 0 <= other < len(tokens) and isinstance(tokens[other].means, DayMeaning | Part | Manner | Link):
            return True
    return False


def _gather(tokens: Sequence[Word]) -> Said:
    said = Said()
    either = excluding = amended = sentence = moving = False
    for token in tokens:
        means = token.means
        if isinstance(means, Link):
            either, excluding = means.what == "or", means.what == "not"
            amended = amended or means.what == "correction"
            moving = moving or means.what == "move"
        elif isinstance(means, DayMeaning):
            if excluding:
                said.excluded = True
            else:
                _add_day(said, means, either=either, amended=amended or sentence or moving)
            either = excluding = amended = sentence = False
        elif isinstance(means, TimeMeaning):
            if amended and not isinstance(means, Manner):
                said.forget_time()
                amended = False
            if not excluding:
                _add_time(said, means, either=either)
            either = excluding = False
        elif token.kind == "stop":
            sentence = True
    return said


def _add_day(said: Said, day: DayMeaning, *, either: bool, amended: bool) -> None:
    if isinstance(day, Since) and said.day is not None:  # "tomorrow or the day after"
        day = Around(said.day, day.days, day.whole)
    if said.day is None or (amended and not either):
        said.day = day
        said.others.clear()
    elif either or _rivals(said.day, day):
        said.others.append(Other(_alike(said.day, day)))
    elif said.others:
        said.others[-1] = Other(_together(said.others[-1].day, day))
    else:
        said.day = _together(said.day, day)


def _rivals(one: DayMeaning, other: DayMeaning) -> bool:
    """ "Monday, Tuesday or Wednesday": weekdays in a row are a choice."""
    return isinstance(one, OnWeekday) and isinstance(other, OnWeekday) and one != other


def _alike(one: DayMeaning, other: DayMeaning) -> DayMeaning:
    """ "Next Thursday or Friday": both are next week's."""
    if isinstance(one, OnWeekday) and isinstance(other, OnWeekday) and other == OnWeekday(other.day):
        return OnWeekday(other.day, one.week, one.plus_weeks)
    return other


def _together(one: DayMeaning, other: DayMeaning) -> DayMeaning:
    """Two ways of naming days beside each other: a weekday within, a weekday that must agree, or the later words."""
    for weekday, day in ((one, other), (other, one)):
        if not isinstance(weekday, OnWeekday) or weekday.week == "last" or weekday.plus_weeks:
            continue
        if isinstance(day, WHOLE) or (isinstance(day, Around | Since) and day.whole):
            return Within(weekday.day, day)
        if isinstance(day, Offset) and day.days and day.days % 7 == 0:
            return Within(weekday.day, Week(day.days // 7))
        if isinstance(day, Offset | OnDate | Numeric):
            return Both(weekday.day, day)
    if isinstance(one, OnDate | Both) and isinstance(other, WHOLE):
        return one
    return other


def _add_time(said: Said, means: object, *, either: bool) -> None:
    match means:
        case Clock() if either and said.clock is not None:
            said.other_clocks.append(means)
        case Clock() if said.others and said.clock is not None:
            said.others[-1] = Other(said.others[-1].day, means)
        case Clock():
            said.clock = means
            said.other_clocks.clear()
        case Bounds(after, before) if said.bounds is not None:
            said.bounds = Bounds(after or said.bounds.after, before or said.bounds.before)
        case Bounds():
            said.bounds = means
        case Part():
            said.part = means
        case FromNow():
            said.from_now = means
        case Shift():
            said.shift = means
        case Manner(what):
            said.manners.add(what)
        case _:
            raise TypeError(f"{means!r} is no meaning of time")
