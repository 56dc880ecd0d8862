"""One saved page, as a reader sees it: lines of text with their place in the layout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.knowledge.extract.markup import Element, decode, parse
from agent.knowledge.extract.money import find_prices

HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SKIPPED = frozenset([
    "script", "style", "noscript", "template", "svg", "iframe", "select", "textarea", "head", "object", "canvas",
    "video", "audio", "map", "del", "s", "strike", "math",
])  # fmt: skip
_INLINE = frozenset([
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "button", "cite", "code", "data", "dfn", "em", "font", "i",
    "img", "input", "ins", "kbd", "label", "mark", "meter", "nobr", "output", "picture", "progress", "q", "ruby",
    "rb", "rt", "rp", "samp", "small", "source", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
    "link", "meta",
])  # fmt: skip
_EMPHASIS = frozenset((
    "b", "strong", "em", "u", "i", "mark", "big"
))  # fmt: skip
_ROW_TEXT = 160
"""A table cell with more text than this is prose laid out by a table, not a cell of a price list."""
_SPACES = re.compile(r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad\ufe0f]")


def clean(text: str) -> str:
    """One line of plain text: runs of white space are one space, invisible characters are gone."""
    return _SPACES.sub(" ", _INVISIBLE.sub("", text)).strip()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a site as it was fetched."""

    url: str
    html: bytes | str
    charset: str | None = None
    """What the HTTP header said, if it did."""


@dataclass(frozen=True, slots=True)
class Part:
    """A run of text inside one inline element."""

    text: str
    tag: str
    classes: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Line:
    """One line of the page. `cells` is filled for a row of a table, `level` for a heading."""

    text: str
    parts: tuple[Part, ...]
    element: Element
    """The block the line lies in."""
    index: int
    start: int
    """Where the line stands in the document's text."""
    level: int = 0
    cells: tuple[str, ...] = ()
    region: str = "main"
    """main, nav, header, footer or form."""
    hidden: bool = False
    link: bool = False
    """The whole line is one link or button."""
    strong: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Link:
    href: str
    text: str
    region: str


@dataclass(frozen=True, eq=False, slots=True)
class Document:
    """A page read: its lines in order, and their text in one piece, which quotes are cut from."""

    url: str
    title: str
    language: str
    root: Element
    lines: tuple[Line, ...]
    text: str
    links: tuple[Link, ...]
    html: str
    meta: dict[str, str] = field(default_factory=dict[str, str])

    def quote(self, first: Line, last: Line | None = None) -> str:
        """The words from `first` to the end of `last`, as on the page, at most 400 characters."""
        return clean(self.text[first.start : (last or first).end])[:400].strip()


def read_page(page: Page) -> Document:
    """Never raises on bad HTML: what cannot be read is not there."""
    html = decode(page.html, page.charset) if isinstance(page.html, bytes) else page.html
    root = parse(html)
    composer = _Composer(frozenset(_controlled(root)))
    body = root.first("body") or root
    composer.block(body, _Context())
    composer.flush()
    title = root.first("title")
    html_tag = root if root.tag == "html" else root.first("html")
    return Document(
        url=page.url,
        title=clean(title.text()) if title else "",
        language=(html_tag.attrs.get("lang", "") if html_tag else "")[:2].lower(),
        root=root,
        lines=tuple(composer.lines),
        text="\n".join(line.text for line in composer.lines),
        links=tuple(_links(body)),
        html=html,
        meta=dict(_meta(root)),
    )


def _links(body: Element) -> Iterator[Link]:
    for element in body.all("a"):
        if href := element.attrs.get("href", "").strip():
            region = next((r for e in (element, *element.ancestors()) if (r := _region(e))), "main")
            yield Link(href, clean(element.text()), region)


def _meta(root: Element) -> Iterator[tuple[str, str]]:
    for element in root.all("meta"):
        name = element.attrs.get("property") or element.attrs.get("name") or ""
        if name and (content := clean(element.attrs.get("content", ""))):
            yield name.lower(), content


@dataclass(frozen=True, slots=True)
class _Context:
    level: int = 0
    region: str = "main"
    hidden: bool = False


class _Composer:
    """Walks the tree and sets lines, as a browser would break them."""

    def __init__(self, controlled: frozenset[str]) -> None:
        self._controlled = controlled
        self.lines: list[Line] = []
        self._runs: list[tuple[str, Element]] = []
        self._block: Element | None = None
        self._context = _Context()
        self._at = 0

    def block(self, element: Element, context: _Context) -> None:
        """Set `element` on lines of its own."""
        context = _enter(element, context, self._controlled)
        self.flush()
        if element.tag == "tr" and (cells := _cells(element)):
            self._emit(element, context, tuple(cells), [(c, element) for c in cells])
            return
        self._inside(element, element, context)
        self.flush()

    def _inside(self, element: Element, block: Element, context: _Context) -> None:
        for child in element.children:
            if isinstance(child, str):
                self._block, self._context = block, context
                self._runs.append((child, element))
            elif child.tag == "br":
                self.flush()
            elif child.tag in _SKIPPED:
                continue
            elif child.tag in _INLINE and not child.holds_blocks(_INLINE):
                self._inside(child, block, _enter(child, context, self._controlled))
            else:
                self.block(child, context)
                self.flush()

    def flush(self) -> None:
        """End the line under way."""
        runs, self._runs = self._runs, []
        if self._block is not None and any(clean(text) for text, _ in runs):
            self._emit(self._block, self._context, (), runs)

    def _emit(self, block: Element, context: _Context, cells: tuple[str, ...], runs: list[tuple[str, Element]]) -> None:
        text = clean((" " if cells else "").join(text for text, _ in runs))
        if not text:
            return
        parts = tuple(Part(clean(t), e.tag, e.attrs.get("class", "")) for t, e in runs if clean(t))
        line = Line(
            text=text,
            parts=parts,
            element=block,
            index=len(self.lines),
            start=self._at,
            level=context.level,
            cells=cells,
            region=context.region,
            hidden=context.hidden,
            link=all(any(up.tag in ("a", "button") for up in (e, *e.ancestors())) for t, e in runs if clean(t)),
            strong=all(_emphasised(e, block) for t, e in runs if clean(t)),
        )
        self.lines.append(line)
        self._at = line.end + 1


def _emphasised(element: Element, block: Element) -> bool:
    for up in (element, *element.ancestors()):
        if up.tag in _EMPHASIS or up.tag in ("th", "dt", "summary", "caption"):
            return True
        if up is block:
            return False
    return False


def _controlled(root: Element) -> Iterator[str]:
    """The ids of panels that a tab, an accordion or a button on the page opens."""
    for element in root.walk():
        for name in ("aria-controls", "data-target", "data-bs-target", "data-tab", "href"):
            target = element.attrs.get(name, "")
            if name != "href" or target.startswith("#"):
                yield from target.replace("#", " ").split()


def _enter(element: Element, context: _Context, controlled: frozenset[str]) -> _Context:
    level = HEADINGS.get(element.tag, context.level)
    if element.attrs.get("role") == "heading" and not level:
        digits = element.attrs.get("aria-level", "2")
        level = int(digits) if digits in "123456" else 2
    region = _region(element) or context.region
    if region == "main" and context.region == "footer":
        region = "footer"
    hidden = context.hidden or (element.attrs.get("id", "") not in controlled and is_hidden(element))
    return _Context(level, region, hidden)


def _region(element: Element) -> str:
    """Which part of the page an element opens, "" when none."""
    role = element.attrs.get("role", "")
    if element.tag == "nav" or role in ("navigation", "menubar"):
        return "nav"
    if element.tag in ("main", "section", "article"):
        return "main"
    if element.tag == "footer" or role == "contentinfo":
        return "footer"
    if element.tag == "form":
        return "form"
    if element.tag in ("ul", "div") and _NAV.search(_names(element)) and not find_prices(element.text()[:5000]):
        return "nav"
    if element.tag == "div" and _FOOTER.search(_names(element)):
        return "footer"
    return ""


_NAV = re.compile(r"(?:^|[\s_-])(?:nav|navbar|navigation|main-?menu|site-?menu|breadcrumbs?)(?:$|[\s_-])", re.I)
_FOOTER = re.compile(r"(?:^|\s)(?:(?:site|page|main)[-_]?)?footer(?:$|\s)", re.I)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])")
_HIDDEN_CLASS = re.compile(r"(?:^|\s)(?:sr-only|visually-hidden|screen-reader-text|d-none|hidden|invisible)(?:$|\s)")
_SHOWN_CLASS = re.compile(
    r"(?:^|\s)(?:d-(?:sm|md|lg|xl|xxl)-\w+|(?:sm|md|lg|xl):\w+|wow|aos-\S+|animated?|elementor-invisible)(?:$|\s)"
)


def _names(element: Element) -> str:
    return f"{element.attrs.get('id', '')} {element.attrs.get('class', '')}"


def is_hidden(element: Element) -> bool:
    """Not shown. What a tab, an accordion, an animation or a wider screen brings out counts as shown."""
    attrs = element.attrs
    if attrs.get("role") == "tabpanel" or "aria-labelledby" in attrs or _SHOWN_CLASS.search(attrs.get("class", "")):
        return False
    if "hidden" in attrs or _HIDDEN_STYLE.search(attrs.get("style", "").lower()):
        return True
    return bool(_HIDDEN_CLASS.search(attrs.get("class", "")))


def _cells(row: Element) -> list[str]:
    """The cells of a row of data; none when the table only arranges the page."""
    cells = [child for child in row.children if isinstance(child, Element) and child.tag in ("td", "th")]
    texts = [text for cell in cells for text in (clean(cell.text(_SKIPPED)), *_spanned(cell))]
    filled = [text for text in texts if text]
    if len(filled) < 2 or any(len(text) > _ROW_TEXT for text in filled):
        return []
    crowded = ("table", "ul", "ol", "h1", "h2", "h3", "form")
    return [] if any(cell.first(tag) for cell in cells for tag in crowded) else texts


def _spanned(cell: Element) -> list[str]:
    """Empty cells for the further columns that `cell` covers."""
    span = cell.attrs.get("colspan", "1")
    return [""] * (min(int(span), 50) - 1) if span.isdecimal() and len(span) < 4 else []
