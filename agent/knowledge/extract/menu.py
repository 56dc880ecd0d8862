"""The menu of one page: which words are a service, which price is its own, under which heading."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.knowledge.extract import words
from agent.knowledge.extract.durations import Duration, find_durations, without_durations
from agent.knowledge.extract.markup import Element
from agent.knowledge.extract.money import ON_REQUEST, Price, bare_price, find_prices, spanned
from agent.knowledge.extract.names import (
    EDGES,
    MAX_NAME,
    alternates,
    between,
    first_duration,
    is_bare,
    is_name,
    is_note,
    is_prose,
    is_sentence,
    is_title,
    tidy_name,
)
from agent.knowledge.extract.page import Document, Line
from agent.knowledge.extract.sections import Sections
from agent.knowledge.extract.spans import Spans, reading

LOOK_BACK = 16
"""A name stands at most this many lines from its price."""
MAX_LINE = 1500
"""A longer line is prose."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One service as one page tells it."""

    name: str
    price: Price | None
    price_text: str
    duration: Duration | None
    first: Line
    last: Line
    names: tuple[int, ...]
    """The lines that the name stands on."""
    confidence: float
    section: str = ""


def read_menu(
    document: Document,
    repeated: Collection[str] = (),
    topic: str = "",
    answers: Collection[int] = (),
    hidden: bool = False,
) -> list[Entry]:
    """Every service of one page, in order, with its section.

    `repeated` are lines that stand on most pages of the site, `topic` is what the page as a whole is about,
    `answers` the numbers of the lines that answer questions. With `hidden`, what the page does not show is read too.
    """
    if words.LEGAL_PAGE.search(document.url.rsplit("/", 1)[-1]) or words.LEGAL_PAGE.match(document.title):
        return []
    return _Reader(document, repeated, topic, answers, hidden).entries()


class _Reader:
    def __init__(
        self, document: Document, repeated: Collection[str], topic: str, answers: Collection[int], hidden: bool
    ) -> None:
        self.document = document
        self.repeated, self.topic = repeated, topic
        self.lines = [line for line in document.lines if _is_read(line, hidden) and line.index not in answers]
        self.place = {line.index: place for place, line in enumerate(self.lines)}
        self.spans = Spans(self.lines)
        self.texts = [reading(line) for line in self.lines]
        self.prices = [find_prices(text) if len(text) <= MAX_LINE else [] for text in self.texts]
        self.found: list[Entry] = []
        self.headers: dict[int, tuple[str, ...]] = {}

    def entries(self) -> list[Entry]:
        for place in range(len(self.lines)):
            self.found += [self._with_later_duration(entry) for entry in self._at(place)]
        found = self.found
        names = {n for entry in found for n in entry.names}
        sections = Sections(self.lines, names, _found_at(found), self.repeated, self.topic)
        named = self._whole([sections.name(entry) for entry in found])
        return [entry for entry in named if is_name(entry.name) and not _is_retail(entry, self.document)]

    def _at(self, place: int) -> Iterator[Entry]:
        line = self.lines[place]
        if line.cells:
            yield from self._row(place)
        elif self.prices[place]:
            yield from self._priced(place)
        elif len(self.texts[place]) <= 110 and ON_REQUEST.search(self.texts[place]):
            yield from self._on_request(place)

    def _whole(self, entries: list[Entry]) -> list[Entry]:
        """A "Refill" inside the card of "Lash set" is its refill."""
        whole: list[Entry] = []
        for entry in entries:
            before = whole[-1] if whole else None
            if before and words.DEPENDENT.match(entry.name) and before.names and self._is_card(before, entry):
                entry = replace(entry, name=f"{before.name} {entry.name}")
            whole.append(entry)
        return whole

    def _is_card(self, before: Entry, entry: Entry) -> bool:
        title = self.lines[self.place[before.names[0]]]
        return bool(title.level) and title.element.parent in (entry.first.element, *entry.first.element.ancestors())

    # Rows of tables

    def _row(self, place: int) -> Iterator[Entry]:
        line = self.lines[place]
        table = next((e.mem for e in line.element.ancestors() if e.tag == "table"), 0)
        priced = {c: p for c, text in enumerate(line.cells) if (p := self._cell_price(text, table, c))}
        if not priced:
            yield from self._row_without_price(line, table)
            return
        titles = [c for c, text in enumerate(line.cells) if c not in priced and is_title(text)]
        others = [
            text for c, text in enumerate(line.cells) if c not in priced and sum(map(str.isalpha, tidy_name(text))) > 1
        ]
        if others and not titles:
            return
        if len(priced) > 1 and len(titles) == len(priced) and all(t < c for t, c in zip(titles, priced, strict=True)):
            yield from self._lists_side_by_side(line, titles, priced)
            return
        name = tidy_name(line.cells[titles[0]]) if titles else self._name_beside_price(line, priced)
        yield from self._columns_of(line, name, priced, self.headers.get(table, ()))

    def _lists_side_by_side(self, line: Line, titles: list[int], priced: dict[int, Price]) -> Iterator[Entry]:
        for title, price in zip(titles, priced.values(), strict=True):
            cell = line.cells[title]
            yield Entry(tidy_name(cell), price, price.text, first_duration([cell]), line, line, (line.index,), 0.9)

    def _columns_of(self, line: Line, name: str, priced: dict[int, Price], headers: tuple[str, ...]) -> Iterator[Entry]:
        """One service for each headed column of prices; columns that nothing heads are one range."""
        headed = {c: headers[c] for c in priced if c < len(headers) and headers[c]} if len(priced) > 1 else {}
        if len(headed) < len(priced):
            price = spanned(list(priced.values()))
            yield Entry(name, price, price.text, first_duration(line.cells), line, line, (line.index,), 0.95)
            return
        for column, header in headed.items():
            price, own = priced[column], first_duration([header]) or first_duration(line.cells)
            plain = bool(first_duration([header]) or words.PRICE.search(header))
            label = name if plain else f"{name} ({tidy_name(header)})"
            yield Entry(label, price, price.text, own, line, line, (line.index,), 0.95)

    def _cell_price(self, text: str, table: int, column: int) -> Price | None:
        prices = find_prices(text)
        if prices and (column or len(text) - len(prices[0].text) < MAX_NAME):
            return prices[0]
        headers = self.headers.get(table, ())
        header = headers[column] if column < len(headers) else ""
        if (
            words.PRICE.search(header)
            or find_prices(f"1 {header.strip('() ')}")
            or find_prices(f"{header.strip('() ')} 1")
        ):
            price = bare_price(text)
            signs = find_prices(re.sub(r"^.*?([^\w\s]|\b[A-Z]{3}\b).*$", r"1 \1", header))
            return replace(price, sign=signs[0].sign) if price and signs else price
        return None

    def _row_without_price(self, line: Line, table: int) -> Iterator[Entry]:
        request = next((m for text in line.cells[1:] if (m := ON_REQUEST.search(text))), None)
        name = tidy_name(line.cells[0])
        if request and is_name(name):
            yield Entry(name, None, request[0], first_duration(line.cells), line, line, (line.index,), 0.9)
        elif not any(find_durations(text) for text in line.cells[:1]):
            self.headers.setdefault(table, line.cells)

    def _name_beside_price(self, line: Line, priced: dict[int, Price]) -> str:
        column, price = next(iter(priced.items()))
        rest = tidy_name(line.cells[column][: price.start])
        return rest if is_name(rest) else ""

    # Lines

    def _priced(self, place: int) -> Iterator[Entry]:
        line, text, prices = self.lines[place], self.texts[place], self.prices[place]
        if is_prose(text, prices) or (line.level and len(text.split()) > 10):
            return
        pieces = between(text, prices)
        names = [tidy_name(piece) for piece in pieces[:-1]]
        if not any(is_name(name) for name in names):
            yield from self._bare_line(place, pieces)
            return
        base = ""
        for number, price in enumerate(prices):
            own = names[number] if is_name(names[number]) else ""
            price = spanned([price, *alternates(prices, pieces, number)])
            duration = first_duration([pieces[number], pieces[number + 1] if number == len(prices) - 1 else ""])
            if not own and (not duration or not base) and number:
                continue
            base = own or base
            yield Entry(base, price, price.text, duration, line, line, (line.index,), 0.9)

    def _bare_line(self, place: int, pieces: list[str]) -> Iterator[Entry]:
        """A line that has prices but no name before them: the name follows, or stands on another line."""
        line, prices = self.lines[place], self.prices[place]
        after = tidy_name(pieces[-1])
        button = line.parts[-1].tag in ("a", "button") or pieces[-1].rstrip().endswith(("→", "›", "»", ">"))
        follows = len(prices) == 1 and not pieces[0].strip(EDGES) and not is_note(pieces[-1]) and not button
        if follows and is_name(after) and len(after) < 60:
            yield Entry(after, prices[0], prices[0].text, first_duration(pieces), line, line, (line.index,), 0.8)
        elif (column := self._column(place)) is not None:
            yield from self._beside(place, column)
        elif is_bare(pieces):
            yield from self._owned(place, pieces)

    def _owned(self, place: int, pieces: list[str]) -> Iterator[Entry]:
        line, prices = self.lines[place], self.prices[place]
        owner = self._owner(place)
        for number, price in enumerate(prices):
            own = first_duration([pieces[number]]) or (
                first_duration([pieces[number + 1]]) if number == len(prices) - 1 else None
            )
            if number and own is None:
                continue
            price = spanned([price, *alternates(prices, pieces, number)])
            if owner is None:
                before = self._same_as_before(place) if own else None
                yield Entry(before.name if before else "", price, price.text, own, line, line, (), 0.7)
                continue
            first, last = sorted((owner, line), key=lambda each: each.index)
            duration = own or self._nearby_duration(owner, place)
            yield Entry(tidy_name(reading(owner)), price, price.text, duration, first, last, (owner.index,), 0.85)

    # Names in one column, prices in another

    def _column(self, place: int) -> list[int] | None:
        """The places of a column of prices: two or more bare ones in one block, with nothing between them."""
        block = self.lines[place].element
        first, last = self.spans.of(block)
        bare = [p for p in range(first, last + 1) if self.prices[p] and is_bare(between(self.texts[p], self.prices[p]))]
        return bare if len(bare) > 1 and len(bare) == last - first + 1 else None

    def _beside(self, place: int, column: list[int]) -> Iterator[Entry]:
        """The name in the same row of a neighbouring column that is as long; nothing when no column is."""
        block = self.lines[place].element
        row = column.index(place)
        columns = [
            c for c in (block.parent.children if block.parent else []) if isinstance(c, Element) and c is not block
        ]
        timed: Duration | None = None
        named: Line | None = None
        for other in columns:
            first, last = self.spans.of(other)
            if last - first + 1 != len(column):
                continue
            text = self.texts[first + row]
            if is_name(tidy_name(text)):
                named = named or self.lines[first + row]
            else:
                timed = timed or first_duration([text])
        if named is not None:
            price = self.prices[place][0]
            duration = timed or first_duration([reading(named)])
            name = tidy_name(reading(named))
            yield Entry(name, price, price.text, duration, named, self.lines[place], (named.index,), 0.8)

    def _same_as_before(self, place: int) -> Entry | None:
        """ "60 min $80" and on the next line "90 min $110": the second is for what the first was for."""
        last = self.found[-1] if self.found else None
        if last is None or last.duration is None or self.place[last.last.index] != place - 1:
            return None
        here, there = self.lines[place].element, last.last.element
        return last if here is there or here.parent is there.parent else None

    def _on_request(self, place: int) -> Iterator[Entry]:
        line, text = self.lines[place], self.texts[place]
        match = ON_REQUEST.search(text)
        if match is None or len(text) > 110 or line.link or line.level:
            return
        before = tidy_name(re.sub(r"\(?\s*$", "", text[: match.start()]))
        before = re.split(r"\s+(?:varies|vary|depends|variiert|varient?|dépend|varía|depende)(?!\w)", before)[0].strip(
            EDGES
        )
        if is_name(before) and len(text) - match.end() < 12 and len(before.split()) <= 8 and not is_sentence(before):
            yield Entry(before, None, match[0], first_duration([text]), line, line, (line.index,), 0.8)
        elif len(match[0]) >= len(text.strip(EDGES)) - 3 and (owner := self._owner(place)):
            first, last = sorted((owner, line), key=lambda each: each.index)
            yield Entry(tidy_name(reading(owner)), None, match[0], None, first, last, (owner.index,), 0.8)

    # Names on other lines

    def _owner(self, place: int) -> Line | None:
        """The line that names what the price at `place` is for: nearest in the layout, then before it."""
        for element in (self.lines[place].element, *self.lines[place].element.ancestors()):
            first, last = self.spans.of(element)
            first = max(first, place - LOOK_BACK)
            last = min(last, place + LOOK_BACK)
            start = max([first, *(p + 1 for p in range(first, place) if self._is_taken(p))])
            before = [p for p in range(start, place) if self._can_name(p)]
            if before:
                return self.lines[self._choose(before, first, last, place)]
            after = [p for p in range(place + 1, last + 1) if self._can_name(p)]
            if any(self._is_taken(p) for p in range(first, place)):
                return None
            if after and not any(self._is_taken(p) for p in range(place + 1, after[0])):
                return self.lines[after[0]]
        return None

    def _is_taken(self, place: int) -> bool:
        return bool(self.prices[place]) or bool(self.lines[place].cells)

    def _can_name(self, place: int) -> bool:
        line = self.lines[place]
        if self.prices[place] or line.cells or (line.link and words.NOT_A_NAME.search(line.text)):
            return False
        return is_name(tidy_name(self.texts[place])) and not is_sentence(self.texts[place])

    def _choose(self, before: list[int], first: int, last: int, place: int) -> int:
        heads = [p for p in before if self.lines[p].level]
        plain = [p for p in before if not self.lines[p].level and p > (heads[-1] if heads else -1)]
        others = [p for p in range(place + 1, last + 1) if self.prices[p]]
        if heads and not (plain and others and self._serves_several(heads[-1], place, others)):
            return heads[-1]
        pool = plain or before
        strong = [p for p in pool if self.lines[p].strong]
        if strong:
            return strong[-1]
        opening = [p for p in range(first, place) if self._is_taken(p)]
        lead = (
            [p for p in range(first, opening[0]) if self._can_name(p) and not self.lines[p].level] if opening else pool
        )
        return pool[-1] if len(lead) == 1 and opening else pool[0]

    def _serves_several(self, head: int, place: int, others: list[int]) -> bool:
        """Whether the heading at `head` stands over more than one named price."""
        level = self.lines[head].level
        for other in others:
            between = self.lines[place + 1 : other]
            if any(line.level and line.level <= level for line in between):
                return False
            if any(self._can_name(p) for p in range(place + 1, other)):
                return True
        return False

    def _nearby_duration(self, owner: Line, place: int) -> Duration | None:
        start = self.place[owner.index]
        low, high = min(start, place), max(start, place)
        return first_duration([t for t in self.texts[low : high + 1] if len(t) < 120])

    def _with_later_duration(self, entry: Entry) -> Entry:
        """A line that holds nothing but a length of time belongs to the service before it."""
        after = self.place[entry.last.index] + 1
        if entry.duration or after >= len(self.lines):
            return entry
        line, text = self.lines[after], self.texts[after]
        found = find_durations(text)
        close = line.element is entry.last.element or line.element.parent is entry.last.element.parent
        if not found or not close or line.cells or len(without_durations(text).strip("() ")) > 2:
            return entry
        return replace(entry, duration=found[0], last=line)


def _is_read(line: Line, hidden: bool) -> bool:
    return line.region == "main" and (hidden or not line.hidden)


def _found_at(entries: Sequence[Entry]) -> set[int]:
    """The lines on which prices stand."""
    return {entry.last.index for entry in entries} | {entry.first.index for entry in entries}


def _is_retail(entry: Entry, document: Document) -> bool:
    """Fees, vouchers and things to take home are not services."""
    if words.FEES.search(entry.name) or words.GIFTS.search(entry.name) or words.PACKAGE.search(entry.name):
        return True
    context = f"{entry.section} {document.url.rsplit('/', 1)[-1]}"
    return bool(words.FEES.search(context) or words.GIFTS.search(context) or words.RETAIL.search(entry.section))
