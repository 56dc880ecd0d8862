"""How to reach a shop: phone numbers, and the name over its door."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import phonenumbers

from agent.knowledge.extract import words
from agent.knowledge.extract.facts import Fact
from agent.knowledge.extract.page import Document, Line
from agent.knowledge.extract.structured import Structured, text_of

_FAX = words.whole(r"fax|telefax|télécopie")
_LABEL = words.whole(
    r"phone|tel|telephone|telefon|téléphone|teléfono|call|mobile|mobil|cell|handy|whats\s?app|text|sms|тел"
    r"|телефон|電話|tél|ruf(?:en)?|anrufen"
)
_FORBIDDEN = re.compile(r"55501\d\d$|^\+1\d{3}1234567$|(\d)\1{6}")
"""Numbers of templates and films."""
MAX_LINE = 1500
_DASHES = str.maketrans({"‑": "-", "–": "-", "—": "-", "‐": "-", "\u00a0": " "})


@dataclass(slots=True)
class _Seen:
    weight: float = 0
    fact: Fact[str] | None = None
    pages: set[str] = field(default_factory=set[str])


def read_phones(documents: Sequence[Document], structured: Sequence[Structured], country: str) -> tuple[Fact[str], ...]:
    """The shop's numbers as E.164, the one with most evidence first."""
    seen: dict[str, _Seen] = defaultdict(_Seen)
    for document, data in zip(documents, structured, strict=True):
        for number, quote, weight in _on_page(document, data, country):
            entry = seen[number]
            entry.weight += weight * (0.5 if document.url in entry.pages else 1)
            entry.pages.add(document.url)
            confidence = min(0.97, 0.6 + weight / 10)
            if entry.fact is None or confidence > entry.fact.confidence:
                entry.fact = Fact[str](value=number, source_url=document.url, quote=quote, confidence=confidence)
    ranked = sorted(seen.values(), key=lambda entry: -entry.weight)
    return tuple(entry.fact for entry in ranked if entry.fact)


def _on_page(document: Document, data: Structured, country: str) -> Iterator[tuple[str, str, float]]:
    for thing in data.businesses():
        if number := to_number(text_of(thing.get("telephone")), country):
            yield number, text_of(thing.get("telephone")), 3.5
    for link in document.links:
        if link.href.lower().startswith("tel:") and (number := to_number(link.href[4:], country)):
            yield number, link.text or link.href, 3
    for place, line in enumerate(document.lines):
        if line.hidden or len(line.text) > MAX_LINE or _FAX.search(line.text):
            continue
        before = document.lines[place - 1].text if place else ""
        labelled = bool(_LABEL.search(line.text) or (len(before) < 40 and _LABEL.search(before)))
        for number in _in_text(line.text, country, labelled):
            yield number, document.quote(line), 3 if labelled else 2


def _in_text(text: str, country: str, labelled: bool) -> Iterator[str]:
    text = text.translate(_DASHES)
    found = [number for m in phonenumbers.PhoneNumberMatcher(text, country or None) if (number := _format(m.number))]
    yield from found
    if (
        labelled and not found
    ):  # no number of any plan, but the shop calls it one: "999-12345678", an international one without its plus
        for match in re.finditer(r"(?<![\d+])\d{2,3}-\d{8,10}(?!\d)", text):
            if number := to_number("+" + match[0], country, strict=False):
                yield number


def to_number(text: str, country: str, *, strict: bool = True) -> str:
    """E.164, or "" when `text` is no number of `country`'s plan (or, not `strict`, not even a possible one)."""
    text = text.translate(_DASHES).strip()
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return ""
    return _format(number, strict=strict)


def _format(number: phonenumbers.PhoneNumber, *, strict: bool = True) -> str:
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    known = phonenumbers.is_valid_number(number) if strict else phonenumbers.is_possible_number(number)
    if not known or _FORBIDDEN.search(written):
        return ""
    return written


def read_name(documents: Sequence[Document], structured: Sequence[Structured]) -> Fact[str] | None:
    """What the shop calls itself: in its data, its titles, its logo, its copyright line."""
    votes: Counter[str] = Counter()
    written: dict[str, Fact[str]] = {}

    def vote(name: str, weight: float, url: str, quote: str) -> None:
        name = re.sub(
            r"^(?:welcome\s+to|willkommen\s+(?:bei|im)|bienvenue\s+chez|bienvenid[oa]s?\s+a)\s+",
            "",
            name.strip(" .,|-–—!©"),
            flags=re.I,
        )
        identity = re.sub(r"[\W_]+", "", name.casefold())
        if len(identity) > 2 and len(name) <= 60 and not words.GENERIC.match(name):
            votes[identity] += round(weight * 10)
            fact = Fact[str](value=name, source_url=url, quote=quote, confidence=min(0.95, 0.5 + weight / 8))
            written.setdefault(identity, fact)

    for document, data in zip(documents, structured, strict=True):
        for name, weight, quote in _names(document, data):
            vote(name, weight, document.url, quote)
    if not votes:
        return None
    return written[max(votes, key=lambda identity: (votes[identity], len(identity)))]


_COPYRIGHT = re.compile(
    r"(?:©|\(c\)|copyright)\s*(?:copyright)?\s*(?:©)?\s*(?:20\d\d)?(?:\s*[-–]\s*20\d\d)?\s*(?:by\s+)?(?P<name>[^.|·•—©]{3,60})",
    re.I,
)
_RIGHTS = re.compile(r"\W*(?:all\s+rights|alle\s+rechte|tous\s+droits|todos\s+los|все\s+права).*", re.I)
_TITLE_PARTS = re.compile(r"\s[-–—|·•:»]\s|\s?\|\s?|\s<br>\s?")


def _names(document: Document, data: Structured) -> Iterator[tuple[str, float, str]]:
    for thing in data.businesses()[:1]:
        yield text_of(thing.get("name")), 4, text_of(thing.get("name"))
    if site := document.meta.get("og:site_name"):
        yield site, 3, site
    parts = [part for part in _TITLE_PARTS.split(document.title) if part.strip()]
    for part in parts:
        yield part, 1, document.title
    for line in document.lines:
        if name := _owner(line):
            yield name, 1, line.text
    for line in document.lines[:12]:
        if _may_be_logo(line):
            yield line.text, 0.5, line.text


def _owner(line: Line) -> str:
    """Who holds the copyright; a link after the name is no part of it."""
    for text in (" ".join(part.text for part in line.parts[: n + 1]) for n in range(len(line.parts))):
        if match := _COPYRIGHT.search(text):
            return _RIGHTS.split(match["name"])[0]
    return ""


def _may_be_logo(line: Line) -> bool:
    names = " ".join(
        f"{e.attrs.get('class', '')} {e.attrs.get('id', '')}"
        for e in (line.element, *list(line.element.ancestors())[:3])
    )
    return line.level == 1 or bool(re.search(r"logo|brand|site-?title", names, re.I))
