"""What a caller says and nobody may keep: taken out once, where words come in, before model, screen, tape and log.

Card numbers always (13 to 19 digits that pass the Luhn check, ISO/IEC 7812, or 16 and more that do not: a digit
misheard), spoken or written; what else, a shop chooses. While somebody still speaks nobody knows what four digits will
become, so interim words withhold them until the final ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.model import Redacted

CARD = "[card number]"
WITHHELD = "…"
NOBODYS_DIGIT = "0"
"""As many of it as a card's number has are read as one, and are no card's."""
_LABELS: dict[Redacted, str] = {"phone": "[phone number]", "email": "[email address]"}
_CARD_DIGITS = range(13, 20)
_CERTAINLY_CARD = 16
_PHONE_DIGITS = range(7, 16)
_WITHHOLD_SINGLE, _WITHHOLD_ANY = 4, 6
"""Digits said one by one that are withheld, and digits said in whatever way: "ten thirty" is a time of day."""

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS: dict[str, str] = {
    **{word: str(value) for value, word in enumerate(_ONES)},
    **{word: str(value) for value, word in enumerate(_TEENS, 10)},
    **{word: str(value * 10) for value, word in enumerate(_TENS, 2)},
    "oh": "0",
    "o": "0",
    "nought": "0",
    "naught": "0",
    "fourty": "40",
}
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_BETWEEN = re.compile(r"[\s,.\-–_/]*(?:(?:and|then|um|uh|er)\b[\s,.\-–]*)?", re.IGNORECASE)
_PIECE = re.compile(r"\d+|[^\W\d_]+|[^\W_]+|.", re.DOTALL)
_EMAIL = re.compile(
    r"\b[\w.+-]+\s*(?:@|\bat\b)\s*[\w-]+(?:\s*(?:\.|\bdot\b)\s*[\w-]+)*\s*(?:\.|\bdot\b)\s*[a-z]{2,}\b", re.IGNORECASE
)


@dataclass(frozen=True)
class _Run:
    """Digits said one after the other: where they stand in the text, and which they are."""

    start: int
    end: int
    digits: str
    singles: int
    """How many were said one by one."""


class Redactor:
    """One call's. It remembers the digits a turn ended with: a number may be told over several turns."""

    def __init__(self, fields: Sequence[Redacted] = ()) -> None:
        self._fields = frozenset(fields)
        self._carried = ""

    def final(self, text: str) -> str:
        """The words of a turn, or of a part of one, that will not change any more."""
        if "email" in self._fields:
            text = _EMAIL.sub(_LABELS["email"], text)
        runs = list(_runs(text))
        for run in reversed(runs):
            label = self._label(run, self._carried if run is runs[0] and _leads(text, run) else "")
            if label is not None:
                text = text[: run.start] + label + text[run.end :]
        last = runs[-1] if runs else None
        ends_in_digits = last is not None and len(last.digits) >= _WITHHOLD_SINGLE
        alone = last is not None and len(runs) == 1 and _leads(text, last)
        self._carried = ((self._carried if alone else "") + last.digits)[-20:] if last and ends_in_digits else ""
        return text

    def split(self, text: str) -> tuple[str, str]:
        """A final piece of a turn in two: what is whole, and digits at its end that may go on in the next piece."""
        runs = list(_runs(text))
        if not runs or len(runs[-1].digits) < _WITHHOLD_SINGLE or re.search(r"[^\W_]", text[runs[-1].end :]):
            return text, ""
        return text[: runs[-1].start].rstrip(), text[runs[-1].start :]

    def interim(self, text: str) -> str:
        """Words that may still change."""
        if "email" in self._fields:
            text = _EMAIL.sub(_LABELS["email"], text)
        for run in reversed(list(_runs(text))):
            if run.singles >= _WITHHOLD_SINGLE or len(run.digits) >= _WITHHOLD_ANY:
                text = text[: run.start] + WITHHELD + text[run.end :]
        return text

    def _label(self, run: _Run, carried: str) -> str | None:
        if is_card(run.digits) or (carried and _completes_card(carried, run.digits)):
            return CARD
        if "phone" in self._fields and len(run.digits) in _PHONE_DIGITS:
            return _LABELS["phone"]
        return None


def is_withheld(text: str) -> bool:
    """Whether interim words hide something."""
    return WITHHELD in text


def hides_card(text: str) -> bool:
    """Whether a card number was taken out of these words."""
    return CARD in text


def is_card(digits: str) -> bool:
    """Whether digits are a card's number, or so many that they may well be one."""
    if not (digits.isascii() and digits.isdigit()):
        return False
    return len(digits) >= _CERTAINLY_CARD or (len(digits) in _CARD_DIGITS and _passes_luhn(digits))


def _completes_card(carried: str, digits: str) -> bool:
    """Whether the last turns' digits and these are a card number, from whichever digit it began."""
    return any(is_card(carried[at:] + digits) for at in range(len(carried)))


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _leads(text: str, run: _Run) -> bool:
    """Whether a text begins with these digits: they may go on from the turn before."""
    return not re.search(r"[^\W\d_]", text[: run.start])


def _runs(text: str) -> Iterator[_Run]:
    """Digits that follow each other with nothing but pauses between them, in figures and in words."""
    start = end = singles = 0
    digits = ""
    for at, until, said, one_by_one in _numerals(text):
        if digits and _BETWEEN.fullmatch(text[end:at]) is None:
            yield _Run(start, end, digits, singles)
            digits, singles = "", 0
        if not digits:
            start = at
        digits, end = digits + said, until
        singles += len(said) if one_by_one else 0
    if digits:
        yield _Run(start, end, digits, singles)


def _numerals(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Every number in a text: where it stands, its digits, and whether they were said one by one."""
    pieces = [(found.start(), found.end(), found.group()) for found in _PIECE.finditer(text)]
    words = [piece for piece in pieces if piece[2].strip(" \t\n-–")]
    at = 0
    while at < len(words):
        start, end, word = words[at]
        said, took = _number_at([piece[2].casefold() for piece in words[at : at + 2]])
        at += took
        if said:
            end = words[at - 1][1]
            yield start, end, said, word.isdigit() or len(said) == 1 or word.casefold() in _TIMES


def _number_at(words: list[str]) -> tuple[str, int]:
    """The digits that the first of these words say, with the second where both are one number; how many words."""
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first.isascii() and first.isdigit():
        return first, 1
    if first in _TIMES and len(_WORDS.get(second, second)) == 1 and (second in _WORDS or second.isdigit()):
        return _WORDS.get(second, second) * _TIMES[first], 2
    if first in _TENS and second in _ONES[1:]:
        return _WORDS[first][0] + _WORDS[second], 2
    return _WORDS.get(first, ""), 1
