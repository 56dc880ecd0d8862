"""A caller's words, tidied into words, numbers, ordinals and clock times. No meaning yet; time is linear."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import groupby

from agent.bookings.numerals import in_digits

LONGEST = 400
"""Characters; a caller's phrase about time is shorter, and what is longer is not read."""
DIALLED = 7
"""Digits in a row, years aside, that no date and time have and every phone number does."""

_TOKEN = re.compile(
    r"(?P<iso>\d{4}-\d{1,2}-\d{1,2})(?:t(?=\d))?"
    r"|(?P<numeric>\d{1,2}/\d{1,2}(?:/\d{2,4})?|\d{1,2}([.-])\d{1,2}\3\d{2,4})"
    r"|(?P<clock>\d{1,2}[:.h]\d{2}(?!\d))(?::\d{2}(?!\d))?"
    r"|(?P<ordinal>\d{1,4}) ?(?:st|nd|rd|th)\b"
    r"|(?P<number>\d+)"
    r"|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)?)"
    r"|(?P<dash>[-–—](?=\s?\d))"
    r"|(?P<stop>[.!?;…](?=\s|$))"
)


@dataclass(frozen=True)
class Word:
    """One word, or what a phrase of several was reduced to (`means`). `value` is a number's, else a table's."""

    text: str
    kind: str = "word"
    value: int = 0
    means: object = None


@dataclass(frozen=True)
class Vocabulary:
    """What tidying needs to know of a language."""

    code: str
    """As text2num names it."""
    rewrites: tuple[tuple[re.Pattern[str], str], ...]
    dropped: frozenset[str]
    """Articles, fillers, courtesies."""
    lexicon: dict[str, tuple[str, int]]
    """Word → kind and value, for weekdays, months and the like."""
    zeros: frozenset[str] = frozenset()
    """Words for nought that are no numbers to text2num ("oh")."""
    month_verbs: frozenset[str] = frozenset()
    """Month names that are other words too ("may"): months only beside a number or one of `month_signs`."""
    month_signs: frozenset[str] = frozenset()


def split(words: str, vocabulary: Vocabulary) -> list[Word]:
    """`words` in order, fillers gone. Text longer than LONGEST gives nothing."""
    if len(words) > LONGEST:
        return []
    text = unicodedata.normalize("NFKC", words).lower().replace("’", "'").replace("`", "'")
    # After normalising: one character can become eighteen.
    text = _digits(text[: 2 * LONGEST], vocabulary)
    tokens = [_word(match, vocabulary) for match in _TOKEN.finditer(text)]
    tokens = _without_dialling([token for token in tokens if token.text not in vocabulary.dropped], vocabulary)
    return _months(_without_abbreviating(tokens), vocabulary)


def _without_dialling(words: list[Word], vocabulary: Vocabulary) -> list[Word]:
    """`words` without rows of numbers too long for a date and a time: those are phone numbers."""
    kept: list[Word] = []
    dialled = {*vocabulary.zeros, "-"}
    for row, grouped in groupby(words, lambda word: word.kind == "number" or word.text in dialled):
        run = list(grouped)
        digits = sum(len(word.text) for word in run if word.kind == "number" and not _is_year(word))
        kept.extend(run if not row or digits < DIALLED else [])
    return kept


def _without_abbreviating(words: list[Word]) -> list[Word]:
    """`words` without the stop that only shortens a name: "Nov. 5" is one sentence."""
    kept: list[Word] = []
    for word in words:
        named = bool(kept) and kept[-1].kind in ("weekday", "month") and len(kept[-1].text) < 6
        if word.kind != "stop" or not named:
            kept.append(word)
    return kept


def _is_year(word: Word) -> bool:
    return len(word.text) == 4 and 2000 <= word.value < 2200


def _digits(text: str, vocabulary: Vocabulary) -> str:
    for pattern, instead in vocabulary.rewrites:
        text = pattern.sub(instead, text)
    # \d knows the digits of every script; what follows knows ours.
    text = "".join(_ascii_digit(character) for character in text)
    return in_digits(text, vocabulary.code)


def _ascii_digit(character: str) -> str:
    return str(unicodedata.digit(character, " ")) if character.isdigit() and not character.isascii() else character


def _word(match: re.Match[str], vocabulary: Vocabulary) -> Word:
    kind = match.lastgroup or "word"
    text = match.group(kind)
    if kind in ("number", "ordinal"):
        return Word(match.group().replace(" ", ""), kind, int(text[:9]))
    if kind == "clock":
        hour, minute = re.split(r"[:.h]", text)
        return Word(text, kind, int(hour) * 60 + int(minute)) if int(minute) < 60 else Word(text, "impossible")
    if kind == "dash":
        return Word("-")
    known, value = vocabulary.lexicon.get(text, (kind, 0))
    return Word(text, known, value)


def _months(words: list[Word], vocabulary: Vocabulary) -> list[Word]:
    def is_month(at: int) -> bool:
        beside = [words[other] for other in (at - 1, at + 1) if 0 <= other < len(words)]
        of = at and words[at - 1].text in vocabulary.month_signs
        return bool(of) or any(word.kind in ("number", "ordinal") for word in beside)

    return [
        Word(word.text) if word.text in vocabulary.month_verbs and not is_month(at) else word
        for at, word in enumerate(words)
    ]
