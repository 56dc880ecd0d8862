"""A table of phrases and what they mean, matched longest first. Languages differ in their tables alone.

A pattern is words divided by spaces: `a|b` either, `[a]` maybe, `<hour>` a word of that sort, kept under its name,
`<from:time>` kept under another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from agent.bookings.day_meanings import DayMeaning, OnWeekday, Since
from agent.bookings.spoken_time import Clock, Link
from agent.bookings.spoken_words import Word

Sort = Callable[[Word], bool]


def _number(word: Word, longest: int, low: int, high: int) -> bool:
    return word.kind == "number" and len(word.text) <= longest and low <= word.value <= high


SORTS: dict[str, Sort] = {
    "n": lambda word: _number(word, 3, 1, 366),
    "hour": lambda word: _number(word, 2, 0, 24),
    "minute": lambda word: len(word.text) == 2 and _number(word, 2, 0, 59),
    "digit": lambda word: _number(word, 1, 1, 9),
    "hhmm": lambda word: len(word.text) >= 3 and _number(word, 4, 0, 2400) and word.value % 100 < 60,
    "year": lambda word: len(word.text) == 4 and _number(word, 4, 2000, 2199),
    "yy": lambda word: len(word.text) == 2 and _number(word, 2, 24, 29),
    "dom": lambda word: word.kind == "ordinal" or _number(word, 2, 0, 99),
    "time": lambda word: isinstance(word.means, Clock) or _number(word, 2, 0, 24),
    "five": lambda word: word.kind == "number" and word.text in ("5", "10", "20", "25"),
    "since": lambda word: isinstance(word.means, Since) and word.means.days != 0,
    "which": lambda word: isinstance(word.means, OnWeekday),
    "or_later": lambda word: word.means == Link("or_later"),
    "or_earlier": lambda word: word.means == Link("or_earlier"),
    "from": lambda word: word.means == Link("from"),
    "until": lambda word: word.means == Link("until"),
    "days": lambda word: isinstance(word.means, DayMeaning),
}
"""Other sorts are kinds of word: weekday, month, ordinal, clock, ampm, numeric, iso, end."""


class Found:
    """The words a pattern kept, by name."""

    def __init__(self, kept: dict[str, Word]) -> None:
        self._kept = kept

    def __contains__(self, name: str) -> bool:
        return name in self._kept

    def get(self, name: str, default: int = 0) -> int:
        return self._kept[name].value if name in self._kept else default

    def text(self, name: str) -> str:
        return self._kept[name].text

    def clock(self, name: str = "time") -> Clock:
        word = self._kept[name]
        return word.means if isinstance(word.means, Clock) else Clock(word.value, exact=word.text.startswith("0"))

    def kept(self, name: str) -> object:
        return self._kept[name].means

    def days(self, name: str = "days") -> DayMeaning:
        means = self._kept[name].means
        if not isinstance(means, DayMeaning):
            raise TypeError(f"<{name}> keeps no days")
        return means


@dataclass(frozen=True)
class _Element:
    """One place of a pattern: any of `words`, or a word of sort `sort`."""

    words: frozenset[str]
    sort: str
    name: str
    optional: bool

    def fits(self, word: Word) -> bool:
        if not self.sort:
            return word.means is None and word.text in self.words
        sort = SORTS.get(self.sort)
        return sort(word) if sort else word.kind == self.sort


def _element(written: str) -> _Element:
    optional = written.startswith("[")
    inner = written.strip("[]")
    if inner.startswith("<"):
        name, _, sort = inner.strip("<>").partition(":")
        return _Element(frozenset(), sort or name, name, optional)
    return _Element(frozenset(inner.split("|")), "", "", optional)


@dataclass(frozen=True)
class Rule:
    """A pattern, and the meanings it has; no meaning makes words nobody needs go away."""

    pattern: str
    make: Callable[[Found], tuple[object, ...]] = field(compare=False)

    @cached_property
    def elements(self) -> tuple[_Element, ...]:
        return tuple(_element(written) for written in self.pattern.split())

    @cached_property
    def beginnings(self) -> frozenset[str] | None:
        """The words it can begin with, or None when it may begin with a sort of word."""
        words: frozenset[str] = frozenset()
        for element in self.elements:
            if element.sort:
                return None
            words |= element.words
            if not element.optional:
                return words
        return words

    def match(self, words: Sequence[Word], at: int) -> tuple[int, Found] | None:
        """How many words from `at` fit, and what was kept; optional places are taken whenever they fit."""
        kept: dict[str, Word] = {}
        reached = at
        for element in self.elements:
            if reached < len(words) and element.fits(words[reached]):
                if element.name:
                    kept[element.name] = words[reached]
                reached += 1
            elif not element.optional:
                return None
        return (reached - at, Found(kept)) if reached > at else None


def always(meaning: object, *patterns: str) -> tuple[Rule, ...]:
    """Rules for phrases that keep nothing; a tuple is several meanings, or none."""
    meanings = cast("tuple[object, ...]", meaning) if isinstance(meaning, tuple) else (meaning,)
    return tuple(Rule(pattern, lambda _: meanings) for pattern in patterns)


class Table:
    """Rules, found by the words they can begin with."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._open: list[tuple[int, Rule]] = []
        self._by_word: dict[str, list[tuple[int, Rule]]] = {}
        for order, rule in enumerate(rules):
            first = rule.beginnings
            for word in first or ():
                self._by_word.setdefault(word, []).append((order, rule))
            if first is None:
                self._open.append((order, rule))

    def longest(self, words: Sequence[Word], at: int) -> tuple[int, Found, Rule] | None:
        """The rule that takes the most words from `at`, the first of the table where several do."""
        best: tuple[int, int, Found, Rule] | None = None
        for order, rule in (*self._by_word.get(words[at].text, ()), *self._open):
            fit = rule.match(words, at)
            if fit and (best is None or (fit[0], -order) > (best[0], -best[1])):
                best = (fit[0], order, fit[1], rule)
        return None if best is None else (best[0], *best[2:])


def reduce(words: Sequence[Word], table: Table) -> list[Word]:
    """`words` with every phrase of the table replaced by its meanings; the longest wins, then the first."""
    reduced: list[Word] = []
    at = 0
    while at < len(words):
        best = table.longest(words, at)
        if best is None:
            reduced.append(words[at])
            at += 1
            continue
        length, found, rule = best
        length -= words[at + length - 1].kind == "end"
        text = " ".join(word.text for word in words[at : at + length])
        reduced.extend(Word(text, "meaning", means=means) for means in rule.make(found))
        at += length
    return reduced
