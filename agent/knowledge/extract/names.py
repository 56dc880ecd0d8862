"""Which words of a price list name a service, and which are notes, slogans, sentences and buttons."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.knowledge.extract import words
from agent.knowledge.extract.durations import Duration, find_durations, without_durations
from agent.knowledge.extract.money import ON_REQUEST, Price, find_prices
from agent.knowledge.extract.page import clean

MAX_NAME = 110
_LEADERS = re.compile(r"\s*(?:\.{2,}|…+(?=\s|$)|·{2,}|_{2,}|-{2,}|–{2,}|—{2,}|・{2,}|={2,}|\*+)\s*")
EDGES = " \t-–—|·•*:;,/.>»›→✺★☆✓✔●▪◦~=+✦✂_"
_HOURS_NOTE = re.compile(
    r"öffnungszeiten|opening\s+hours|business\s+hours|heures\s+d'ouverture|horario|営業時間|часы работы", re.I
)
_GLYPHS = re.compile(r"[✀-➿☀-⛿\U0001f300-\U0001faff■-◿]")


def tidy_name(text: str) -> str:
    """A service's name without bullets, dotted leaders, lengths of time and dangling dashes."""
    text = _GLYPHS.sub(" ", _LEADERS.sub(" ", text))
    text = re.sub(r"^\s*(?:0\d|#?\d{1,2}[.)])\s+(?=\D)", "", text)
    text = re.sub(r"(?<=\w)\(", " (", text)
    text = without_durations(text)
    text = re.sub(r"[(（]\s*[)）]|\s+(?=[,;:])", "", clean(text)).strip(EDGES)
    text = re.sub(r"\s*[-–—:,]?\s*(?:only|just|nur|price|preis|prix|precio|цена|cost)\s*:?$", "", text, flags=re.I)
    text = re.sub(rf"\s*[(–-]?\s*(?:{ON_REQUEST.pattern})\s*\)?$", "", text, flags=re.I)
    if text.endswith(")") and "(" not in text:
        text = text[:-1]
    if text.startswith("(") and text.endswith(")") and text.count("(") == 1:
        return ""
    return text.strip(EDGES)


def is_name(text: str) -> bool:
    """Whether a tidy text can be the name of a service: some letters, not a sentence, not a button."""
    letters = sum(c.isalpha() for c in text)
    if letters < 2 or len(text) > MAX_NAME or len(text.split()) > 15 or find_prices(text):
        return False
    if re.search(r"[.!?。]\s+\S+\s|\s[·•|]\s", text) or text.endswith(("!", "?")) or "@" in text:
        return False
    if words.WEEKDAY.fullmatch(text) or words.HOURS.match(text) or _HOURS_NOTE.search(text):
        return False
    found = words.NOT_A_NAME.search(text)
    return not (found and len(found[0]) >= len(text) - 3)


def is_prose(text: str, prices: list[Price]) -> bool:
    """Prices told in sentences are no menu."""
    lead, rest = text[: prices[0].start], text[prices[-1].end :].strip(" ,;–—-")
    words_after = len(rest.split())
    if len(lead) > 130 or len(text) / len(prices) > 220 or re.search(r"[.!?]\s+[A-ZÄÖÜÉÁ]\w*\s+\w+\s+\w+", lead):
        return True
    if words_after >= 4 and rest[0].islower():
        return True
    if re.match(r"(?:extra|more|aufpreis|aufschlag|en\s+plus|supplément|más|adicional)", rest, re.I) and (
        lead.startswith("(") or " is " in lead
    ):
        return True
    return text.rstrip().endswith((".", "!", "?")) and len(text.split()) >= 9 and not re.search(r"[:–—|.]\s*$", lead)


def is_sentence(text: str) -> bool:
    return len(text.split()) > 6 and text.rstrip().endswith((".", "!", "?", "。", "…"))


def is_bare(pieces: list[str]) -> bool:
    """Whether a line without a name is a price and no slogan with a price in it."""
    lead = words.NOT_A_NAME.sub("", without_durations(pieces[0]))
    return sum(c.isalpha() for c in lead) <= 6 and len(pieces[-1].split()) <= 12


def is_note(text: str) -> bool:
    """What follows a price and is no name: "per person", "incl. VAT", "and up"."""
    return bool(
        re.match(
            r"\s*[(/]|\s*(?:per|pro|par|por|each|inkl|incl|zzgl|plus|with|mit|avec|con|for|für|pour|para|and|off)\b",
            text,
            re.I,
        )
    )


def is_title(cell: str) -> bool:
    text = tidy_name(cell)
    return is_name(text) or bool(words.VARIANT.fullmatch(text))


def between(text: str, prices: list[Price]) -> list[str]:
    """The texts before, between and after the prices."""
    edges = [0, *(edge for price in prices for edge in (price.start, price.end)), len(text)]
    return [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]


def alternates(prices: list[Price], pieces: list[str], number: int) -> list[Price]:
    """The prices after `number` that only a slash, a bar or a space sets apart from it."""
    found: list[Price] = []
    for after in range(number + 1, len(prices)):
        if pieces[after].strip(" /|,·•-–—") or prices[after].sign != prices[number].sign:
            break
        found.append(prices[after])
    return found


def first_duration(texts: Sequence[str]) -> Duration | None:
    return next((duration for text in texts for duration in find_durations(text)), None)
