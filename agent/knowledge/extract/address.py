"""Where a shop is: postal addresses in text and in data."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from agent.knowledge.extract import words
from agent.knowledge.extract.country import CA_CODE, CH_CODE, EU_CODE, JP_CODE, RU_CODE, UK_CODE, US_STATE, US_ZIP
from agent.knowledge.extract.facts import Fact
from agent.knowledge.extract.merge import tokens
from agent.knowledge.extract.money import find_prices
from agent.knowledge.extract.page import Document, Line, clean
from agent.knowledge.extract.structured import Structured, Thing, text_of

_STREET_WORD = (
    r"street|st|road|rd|avenue|ave|boulevard|blvd|lane|ln|drive|dr|way|court|ct|place|pl|square|sq|highway|hwy"
    r"|parkway|pkwy|close|crescent|terrace|mall"
    r"|crossing|unit|suite|plaza"
)
STREET = re.compile(
    rf"(?<!\w)\d{{1,5}}[A-Za-z]?(?:[-/]\d{{1,4}})?,?\s+(?:[A-Z][\w'.’-]*\s+){{1,4}}(?:{_STREET_WORD})(?!\w)"
    r"|\w*(?:straße|strasse|str\.|gasse|weg|platz|allee|ring|ufer|damm)\s+\d{1,4}\s?[a-z]?(?!\w)"
    r"|\d{1,4}(?:\s?(?:bis|ter))?,?\s+(?:rue|avenue|av\.|boulevard|bd|place|chemin|allée|quai|impasse|route"
    r"|cours)\s+\w+"
    r"|(?<!\w)(?:calle|c/|avda?\.?|avenida|jr\.?|jirón|paseo|plaza|carrera|cra\.?"
    r"|ronda)\s+[\w .'-]{2,40},?\s+(?:n[º°.]?\s*)?\d{1,5}"
    r"|(?:ул\.|улица|проспект|пр-т|пер\.)\s*[\w .-]+,\s*(?:д\.\s*)?\d+|[都道府県市区町村][^\s、。]{0,20}\d+[-−‐丁]\d*",
    re.IGNORECASE,
)
_CODES = (US_ZIP, UK_CODE, CA_CODE, JP_CODE, RU_CODE)
_FIVE_DIGITS = ("DE", "FR", "ES", "IT", "MX", "FI", "MC", "HR", "TR", "UA")
_FOUR_DIGITS = ("CH", "LI", "AT", "DK", "NO", "BE", "LU", "AU", "NZ")
_IN_CODE = re.compile(r"[A-Z][a-z]+\s?,?\s*\d{6}(?!\d)")
_LABEL = re.compile(
    r"^(?:(?:our\s+)?(?:address|location|visit(?:\s+us)?|find\s+us|where)|adresse|anschrift|standort|kontakt"
    r"|contact|dirección|direccion|ubicación|адрес|住所|所在地"
    r"|nous\s+trouver|coordonnées)\s*:?\s*$",
    re.IGNORECASE,
)
_LABEL_START = re.compile(
    r"^(?:address|location|adresse|anschrift|dirección|адрес|住所|所在地)\s*[:：]\s*", re.IGNORECASE
)
_OTHER = re.compile(r"@|https?:|www\.|©|copyright|(?:\+?\d[\s().‑-]?){9,}|\d{1,2}:\d\d", re.IGNORECASE)
MAX_ADDRESS = 110
_IMPRINT = re.compile(r"impressum|imprint|mentions|aviso", re.I)


def read_addresses(
    documents: Sequence[Document], structured: Sequence[Structured], country: str
) -> tuple[Fact[str], ...]:
    """The shop's addresses, the one that most pages give first; more than one for more than one shop."""
    groups: dict[frozenset[str], list[Fact[str]]] = defaultdict(list)
    for document, data in zip(documents, structured, strict=True):
        found = {fact.value: fact for fact in (*_from_data(document, data), *_from_page(document, country))}
        for fact in found.values():
            mine = tokens(fact.value)
            known = next((group for group in groups if _same(group, mine)), mine)
            groups[known].append(fact)
    ranked = sorted(groups.values(), key=lambda facts: -_weight(facts))
    return tuple(max(facts, key=lambda f: (f.confidence, len(f.value))) for facts in ranked)[:10]


def _weight(facts: list[Fact[str]]) -> float:
    return sum(fact.confidence**2 for fact in facts)


def _same(a: frozenset[str], b: frozenset[str]) -> bool:
    shared = a & b
    return len(shared) >= 2 and len(shared) >= 0.6 * min(len(a), len(b))


def _from_data(document: Document, data: Structured) -> Iterator[Fact[str]]:
    for thing in data.of("PostalAddress"):
        if value := _joined(thing):
            quote = text_of(thing.get("streetAddress")) or value
            yield Fact[str](value=value, source_url=document.url, quote=quote, confidence=0.95)
    for business in data.businesses():
        if isinstance(business.get("address"), str) and (value := clean(business["address"])):
            yield Fact[str](value=value, source_url=document.url, quote=value, confidence=0.9)


def _joined(thing: Thing) -> str:
    street, town, region, code = (
        text_of(thing.get(f"{n}")) for n in ("streetAddress", "addressLocality", "addressRegion", "postalCode")
    )
    if not street or not (town or code):
        return ""
    return ", ".join(part for part in (street, town, f"{region} {code}".strip()) if part)


def _from_page(document: Document, country: str) -> Iterator[Fact[str]]:
    where = f"{document.title} {document.url}"
    if words.LEGAL_PAGE.search(where) and not _IMPRINT.search(where):
        return
    segments = [(line, segment) for line in document.lines if not line.hidden for segment in _segments(line)]
    used = -1
    codes = _codes(country)
    for place, (_, segment) in enumerate(segments):
        if place <= used or len(segment) > MAX_ADDRESS or _is_other(segment):
            continue
        coded = any(code.search(segment) for code in codes)
        if not coded and not _is_street(segment):
            continue
        first, last = _reach(segments, place, coded, codes)
        used = last
        value = _LABEL_START.sub("", ", ".join(_bare(text) for _, text in segments[first : last + 1] if _bare(text)))
        if re.search(r"(?<!\d)0{4,5}(?!\d)", value):
            continue  # a template's
        full = coded or any(code.search(value) for code in codes)
        confidence = 0.9 if full else 0.7
        yield Fact[str](
            value=value,
            source_url=document.url,
            quote=document.quote(segments[first][0], segments[last][0]),
            confidence=confidence,
        )


def _is_street(text: str) -> bool:
    return bool(STREET.search(text)) and len(text.split()) <= 10 and not text.rstrip().endswith(("!", "?"))


def _segments(line: Line) -> list[str]:
    if line.cells:
        return [cell for cell in line.cells if cell]
    pieces = [part.text for part in line.parts] if len(line.parts) > 2 else [line.text]
    return [clean(piece) for part in pieces for piece in re.split(r"\s[|·•]\s", part) if clean(piece)]


def _codes(country: str) -> tuple[re.Pattern[str], ...]:
    """Patterns of a postal code with its town; plain digits are one only where the country has them."""
    own = {"IN": (_IN_CODE,)} | dict.fromkeys(_FIVE_DIGITS, (EU_CODE,)) | dict.fromkeys(_FOUR_DIGITS, (CH_CODE,))
    return (*_CODES, *own.get(country, ()))


def _reach(
    segments: list[tuple[Line, str]], place: int, coded: bool, codes: tuple[re.Pattern[str], ...]
) -> tuple[int, int]:
    """From the street, up to three lines above the town, to the town, up to two lines below the street."""
    first = last = place
    if coded and not _is_street(segments[place][1]):
        for up in range(place - 1, max(-1, place - 4), -1):
            if not _belongs(segments, up, place):
                break
            first = up
            if STREET.search(segments[up][1]) or re.match(r"\d+\w?\s+\w", segments[up][1]):
                break
    if not coded:
        for down in range(place + 1, min(len(segments), place + 3)):
            if not _belongs(segments, down, place):
                break
            if any(code.search(segments[down][1]) for code in (*codes, US_STATE)):
                last = down
                break
    return first, last


def _belongs(segments: list[tuple[Line, str]], at: int, place: int) -> bool:
    (line, text), (home, _) = segments[at], segments[place]
    near = line is home or line.element.parent is home.element.parent or bool({*_near(line)} & {*_near(home)})
    return near and len(text) <= 70 and not _LABEL.match(text) and not _is_other(text) and not line.level


def _near(line: Line) -> list[int]:
    return [e.mem for e in [line.element, *line.element.ancestors()][:3] if e.tag not in ("body", "html", "main")]


def _is_other(text: str) -> bool:
    return bool(_OTHER.search(text) or words.WEEKDAY.match(text) or find_prices(text))


def _bare(text: str) -> str:
    return _LABEL_START.sub("", text).strip(" ,;|·-–")
