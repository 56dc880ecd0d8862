"""Under which heading a service stands."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from agent.knowledge.extract import words
from agent.knowledge.extract.page import Document, Line

if TYPE_CHECKING:
    from agent.knowledge.extract.menu import Entry
MAX_SECTION = 70
_SUB = 7
_Heading = tuple[int, str]
"""Below all six headings: a row across a table, a bold line."""


class Sections:
    """Walks the lines once and knows for each the headings above it."""

    def __init__(
        self, lines: Sequence[Line], names: set[int], priced: set[int], repeated: Collection[str], topic: str
    ) -> None:
        self._topic = topic
        self._prefixes: set[str] = set()
        self._above: dict[int, tuple[_Heading, ...]] = {}
        stack: list[_Heading] = []
        for place, line in enumerate(lines):
            self._above[line.index] = tuple(stack)
            if (line.index in names and not line.level) or line.index in priced:
                continue
            level = line.level or (_SUB if _is_band(lines, place, priced | names) else 0)
            if (
                level
                and line.text not in repeated
                and len(line.text) <= MAX_SECTION
                and any(c.isalpha() for c in line.text)
            ):
                stack = [each for each in stack if each[0] < level]
                if line.index not in names:
                    stack.append((level, line.text.strip(" :*✺✦•-–—")))

    def name(self, entry: Entry) -> Entry:
        """`entry` with its section; what has no name of its own takes the section's."""
        above = list(self._above.get(entry.first.index, ()))
        band = above[-1][1] if above and above[-1][0] == _SUB else ""
        if not entry.name:
            own = above.pop()[1] if above else ""
            return replace(entry, name=own, section=self._path(above))
        if band and words.VARIANT.fullmatch(entry.name):
            self._prefixes.add(band)
            return replace(entry, name=f"{band} {entry.name}", section=self._path(above[:-1]))
        if band in self._prefixes:
            above.pop()
        return replace(entry, section=self._path(above))

    def _path(self, above: list[_Heading]) -> str:
        """The last two headings that say something; the page's own title only when nothing else does."""
        telling = [
            each for each in above if not words.GENERIC.match(each[1]) and not each[1].endswith((".", "?", "!", "…"))
        ]
        deeper = [text for level, text in telling if level > 1]
        if deeper:
            return " – ".join(deeper[-2:])
        if self._topic:
            return self._topic
        return telling[-1][1] if telling else above[-1][1] if above else ""


def title_section(title: str) -> str:
    """The part of a page's title that is not the shop: "Beauty by Ana - Nails" is about nails."""
    parts = [part.strip() for part in re.split(r"\s[-–—|·•:]\s|\s?\|\s?", title) if part.strip()]
    return parts[-1] if len(parts) == 2 and len(parts[-1]) <= 40 else ""


def _is_band(lines: Sequence[Line], place: int, priced: set[int]) -> bool:
    """A short line without a price over priced lines: a row across the table, a bold or a list title."""
    line = lines[place]
    follower = next((each for each in lines[place + 1 : place + 3] if each.index in priced), None)
    if words.PRICE.fullmatch(line.text) or words.DURATION.fullmatch(line.text):
        return False
    if line.element.tag == "caption":
        return len(line.text) <= MAX_SECTION
    if sum(bool(cell) for cell in line.cells) > 1:
        return False
    if follower is None or len(line.text) > 50 or line.link or line.text.endswith((".", "!", "?")):
        return False
    in_row = line.element.tag in ("td", "th", "tr", "caption") and bool(follower.cells)
    return in_row or line.strong or line.element.tag in ("legend", "dt", "summary")


def page_topic(document: Document, documents: Sequence[Document]) -> str:
    """What a page is about when no heading says it: its title, or else its address."""
    section = title_section(document.title)
    titles = [each.title for each in documents]
    if section and titles.count(document.title) == 1:
        others = [title_section(title) for title in titles if title != document.title]
        if section not in others and not words.GENERIC.match(section):
            return section
    slug = re.sub(r"\.\w{2,5}$", "", document.url.split("?")[0].rstrip("/").rsplit("/", 1)[-1])
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[-_+]+", " ", unquote(slug))).strip()
    return text[:1].upper() + text[1:] if 2 < len(text) <= 40 and not _PLAIN_SLUG.search(text) else ""


_PLAIN_SLUG = re.compile(
    r"^(?:index|home|default|start|main|menu|\d+)$|www\.|\.(?:com|net|org|de|fr|uk)$|services?|pric|preis|tarif"
    r"|prestation|precio|услуг|цен",
    re.I,
)
