"""One service stands on three pages: the facts of all pages become one list."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from agent.knowledge.extract import words
from agent.knowledge.extract.facts import Alternative, FaqFact, ServiceFact
from agent.knowledge.extract.menu import Entry
from agent.knowledge.extract.money import DASHED, Price
from agent.knowledge.extract.page import Document

TEASER = 8
"""A page with at most this many services may repeat some of a longer list under shorter names."""
_FILLERS = frozenset([
    "de", "la", "le", "les", "du", "des", "d", "l", "of", "the", "a", "and", "und", "et", "y", "mit", "avec", "con",
    "with", "pour", "for", "für", "complet",
])  # fmt: skip
_DOLLARS = frozenset(["USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"])
_KRONER = frozenset(["SEK", "NOK", "DKK"])


@dataclass(slots=True)
class _Kept:
    entry: Entry
    document: Document
    page: int
    alternatives: list[Alternative]


def merge_services(menus: Sequence[tuple[Document, list[Entry]]], currency: str) -> tuple[ServiceFact, ...]:
    """The services of all pages: repeats are dropped, another price for the same name is kept as an alternative.

    The page with most services goes first: it is the price list, the others speak of it.
    """
    order = sorted(range(len(menus)), key=lambda page: (-len(menus[page][1]), page))
    shelf = _Shelf()
    for page in order:
        document, entries = menus[page]
        names = Counter(key(entry.name) for entry in entries)
        for entry in entries:
            if len(entries) <= TEASER and shelf.sums_up(entry, page):
                continue
            if twin := shelf.twin(entry, page, len(entries) <= TEASER):
                _enrich(twin, entry)
            elif names[key(entry.name)] == 1 and (rival := shelf.rival(entry, page)):
                rival.alternatives.append(_alternative(entry, document, currency))
            else:
                shelf.keep(_Kept(entry, document, page, []))
    return tuple(_fact(each, currency) for each in shelf.kept)


class _Shelf:
    """What is known so far, found by name and by price."""

    def __init__(self) -> None:
        self.kept: list[_Kept] = []
        self._by_name: dict[str, list[_Kept]] = defaultdict(list)
        self._by_section: dict[str, list[_Kept]] = defaultdict(list)
        self._by_price: dict[tuple[Decimal, Decimal | None] | None, list[_Kept]] = defaultdict(list)

    def keep(self, new: _Kept) -> None:
        self.kept.append(new)
        self._by_name[key(new.entry.name)].append(new)
        self._by_price[_price_key(new.entry)].append(new)
        for part in new.entry.section.split(" – "):
            self._by_section[key(part)].append(new)

    def twin(self, entry: Entry, page: int, teaser: bool) -> _Kept | None:
        """The same service, already known: by its name, or on another page by other words and the same price."""
        for each in self._by_name[key(entry.name)]:
            if _same_price(entry.price, each.entry.price) and self._is_repeat(entry, page, each):
                return each
        for each in self._by_price[_price_key(entry)]:
            if each.page != page and not _are_apart(entry, each.entry) and self._is_retold(entry, each, teaser):
                return each
        return None

    def sums_up(self, entry: Entry, page: int) -> bool:
        """Whether a teaser names a whole section of the price list at its lowest price."""
        lines = [each.entry.price for each in self._by_section[key(entry.name)] if each.page != page]
        lowest = min((price.minimum for price in lines if price), default=None)
        return entry.price is not None and entry.price.minimum == lowest

    def rival(self, entry: Entry, page: int) -> _Kept | None:
        """The one service of the same name on another page with another price."""
        same = self._by_name[key(entry.name)]
        if len(same) != 1 or same[0].page == page or _are_apart(entry, same[0].entry):
            return None
        known = same[0].entry
        if entry.duration and known.duration and entry.duration.minutes != known.duration.minutes:
            return None
        alike = not entry.section or not known.section or tokens(entry.section) & tokens(known.section)
        return same[0] if alike else None

    def _is_repeat(self, entry: Entry, page: int, known: _Kept) -> bool:
        if known.page == page:
            same_section = entry.section == known.entry.section
            return _same_duration(entry, known.entry, strict=True) and (
                same_section or not _are_apart(entry, known.entry)
            )
        if _are_apart(entry, known.entry):
            return False
        return _same_duration(entry, known.entry, strict=False) or not self._is_timed(known)

    def _is_retold(self, entry: Entry, known: _Kept, teaser: bool) -> bool:
        mine, its = tokens(entry.name), tokens(known.entry.name)
        if not mine or not its:
            return False
        if mine == its:
            return _same_duration(entry, known.entry, strict=False) or not self._is_timed(known)
        short = min(mine, its, key=len)
        both_timed = bool(entry.duration and known.entry.duration)
        telling = len(short) >= 2 or both_timed or len(mine) < len(its)
        return teaser and telling and (mine < its or its < mine) and _same_duration(entry, known.entry, strict=False)

    def _is_timed(self, known: _Kept) -> bool:
        """Whether the same name stands several times on its page, told apart by duration."""
        return sum(each.page == known.page for each in self._by_name[key(known.entry.name)]) > 1


def _price_key(entry: Entry) -> tuple[Decimal, Decimal | None] | None:
    return (entry.price.minimum, entry.price.maximum) if entry.price else None


def _are_apart(a: Entry, b: Entry) -> bool:
    """For women here, for men there: the same name and price are still two lines of the menu."""
    here, there = _clientele(a.section), _clientele(b.section)
    return bool(here and there and here != there)


@lru_cache(maxsize=4096)
def _clientele(section: str) -> frozenset[str]:
    return frozenset(who for who, pattern in words.CLIENTELE.items() if pattern.search(section))


@lru_cache(maxsize=4096)
def key(text: str) -> str:
    """A name as compared: no accents, no case, no punctuation."""
    text = unicodedata.normalize("NFKD", text.casefold().replace("&", " and "))
    text = "".join(c for c in text if not unicodedata.combining(c))
    return " ".join(re.findall(r"[^\W_]+|½", text))


@lru_cache(maxsize=4096)
def tokens(text: str) -> frozenset[str]:
    return frozenset(word for word in key(text).split() if word not in _FILLERS)


def _same_price(a: Price | None, b: Price | None) -> bool:
    if a is None or b is None:
        return a is b
    return (a.minimum, a.maximum) == (b.minimum, b.maximum) and (a.sign == b.sign or not a.sign or not b.sign)


def _same_duration(a: Entry, b: Entry, *, strict: bool) -> bool:
    if a.duration is None or b.duration is None:
        return not strict or a.duration is b.duration
    return a.duration.minutes == b.duration.minutes


def _enrich(kept: _Kept, entry: Entry) -> None:
    """A repeat may know the duration that the first did not."""
    if kept.entry.duration is None and entry.duration is not None and kept.entry.price is not None:
        kept.entry = Entry(
            name=kept.entry.name, price=kept.entry.price, price_text=kept.entry.price_text, duration=entry.duration,
            first=kept.entry.first, last=kept.entry.last, names=kept.entry.names,
            confidence=kept.entry.confidence, section=kept.entry.section,
        )  # fmt: skip


def _alternative(entry: Entry, document: Document, currency: str) -> Alternative:
    price = entry.price
    return Alternative(
        price_min=price.minimum if price else None,
        price_max=price.maximum if price else None,
        price_text=entry.price_text,
        currency=currency_of(price, currency),
        source_url=document.url,
        quote=document.quote(entry.first, entry.last),
        confidence=entry.confidence,
    )


def _fact(kept: _Kept, currency: str) -> ServiceFact:
    entry, price = kept.entry, kept.entry.price
    return ServiceFact(
        name=entry.name[:200],
        section=entry.section,
        price_min=price.minimum if price else None,
        price_max=price.maximum if price else None,
        open_ended=price.open_ended if price else False,
        price_text=entry.price_text,
        currency=currency_of(price, currency),
        duration_min=entry.duration.minutes if entry.duration else None,
        duration_text=entry.duration.text if entry.duration else "",
        alternatives=tuple(kept.alternatives),
        source_url=kept.document.url,
        quote=kept.document.quote(entry.first, entry.last),
        confidence=max(0.0, entry.confidence - 0.2 * bool(kept.alternatives)),
    )


def currency_of(price: Price | None, currency: str) -> str | None:
    """A price's own currency; a bare $, kr or number means the shop's."""
    if price is None:
        return None
    if price.sign == "$":
        return currency if currency in _DOLLARS else "USD"
    if price.sign == "kr":
        return currency if currency in _KRONER else "SEK"
    if price.sign in ("", DASHED):
        return currency or None
    return price.sign


def merge_faq(facts: Sequence[FaqFact]) -> tuple[FaqFact, ...]:
    """Each question once, the surest and longest answer first."""
    best: dict[str, FaqFact] = {}
    for fact in facts:
        mine = key(fact.question)
        known = best.get(mine)
        if known is None or fact.confidence > known.confidence:
            best[mine] = fact
    return tuple(best.values())
