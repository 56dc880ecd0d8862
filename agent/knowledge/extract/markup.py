"""HTML text becomes a tree of our own: shallow enough to walk, nothing executed, nothing fetched."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_DEPTH = 120
"""Elements nested deeper are read as if they lay at this depth."""
MAX_NODES = 200_000
"""A page with more than this is read up to here."""
MAX_NESTING = 1500
"""Tags nested deeper are dropped before parsing."""
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]{0,30})[^<>]{0,2000}>")
_FLAT = frozenset([
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "p", "li",
    "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "colgroup", "rt", "rp",
])  # fmt: skip
"""Elements that never nest in themselves: void ones, and those whose end tag may be left out."""
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w:.-]{2,40})""", re.I)


@dataclass(eq=False, slots=True)
class Element:
    tag: str
    attrs: dict[str, str] = field(default_factory=dict[str, str])
    parent: Element | None = None
    children: list[Element | str] = field(default_factory=list["Element | str"])
    depth: int = 0

    @property
    def mem(self) -> int:
        """Tells elements of one tree apart."""
        return id(self)

    def ancestors(self) -> Iterator[Element]:
        element = self.parent
        while element is not None:
            yield element
            element = element.parent

    def walk(self) -> Iterator[Element]:
        """This element and everything in it, in order."""
        stack: list[Element] = [self]
        while stack:
            element = stack.pop()
            yield element
            stack.extend(child for child in reversed(element.children) if isinstance(child, Element))

    def all(self, tag: str) -> Iterator[Element]:
        return (element for element in self.walk() if element.tag == tag)

    def first(self, tag: str) -> Element | None:
        return next(self.all(tag), None)

    def text(self, skipped: Collection[str] = ()) -> str:
        """All text inside, as written, with a space where a block or a line ends."""
        pieces: list[str] = []
        stack: list[Element | str] = [self]
        while stack:
            node = stack.pop()
            if isinstance(node, str):
                pieces.append(node)
            elif node.tag in ("br", "p", "div", "li", "tr", "td"):
                pieces.append(" ")
                stack.extend([" ", *reversed(node.children)])
            elif node.tag not in skipped:
                stack.extend(reversed(node.children))
        return "".join(pieces)

    def holds_blocks(self, inline: Collection[str]) -> bool:
        """Whether an element that should be inline contains blocks (a card that is one link)."""
        return any(element.tag not in inline and element.tag not in ("svg", "br") for element in self._outside_svg())

    def _outside_svg(self) -> Iterator[Element]:
        stack = [child for child in self.children if isinstance(child, Element)]
        while stack:
            element = stack.pop()
            yield element
            if element.tag not in ("svg", "select"):
                stack.extend(child for child in element.children if isinstance(child, Element))


def decode(html: bytes, header: str | None = None) -> str:
    """Bytes as text: byte order mark, then UTF-8 if it fits, then what the page or the header says."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if html.startswith(mark):
            return html.decode(name, "replace").removeprefix("\ufeff")
    declared = _CHARSET.search(html[:4096])
    stated = declared.group(1).decode("ascii") if declared else None
    for name in ("utf-8", stated, header, "cp1252"):
        try:
            if name:
                return html.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return html.decode("utf-8", "replace")


def parse(html: str) -> Element:
    """The tree of a page, as an HTML5 browser builds it."""
    root = LexborHTMLParser(_levelled(html) or "<html></html>").root
    return _convert(root) if root is not None else Element("html")


def _levelled(html: str) -> str:
    """Without the tags that nest deeper than any page needs: the parser's time grows with the square of depth."""
    if html.count("<") < MAX_NESTING:
        return html
    pieces: list[str] = []
    depth, at = 0, 0
    for match in _TAG.finditer(html):
        closes, tag = bool(match[1]), match[2].lower()
        if tag in _FLAT:
            continue
        depth = max(0, depth - 1) if closes else depth + 1
        if depth > MAX_NESTING:
            pieces.append(html[at : match.start()])
            at = match.end()
    return "".join([*pieces, html[at:]]) if pieces else html


def _convert(root: LexborNode) -> Element:
    top = _element(root, None)
    stack: list[tuple[LexborNode | None, Element]] = [(root.child, top)]
    count = 0
    while stack and count < MAX_NODES:
        node, parent = stack.pop()
        if node is None:
            continue
        count += 1
        stack.append((node.next, parent))
        if node.tag == "-text":
            parent.children.append(node.text_content or "")
        elif node.tag and node.tag[0] not in "-_!":
            element = _element(node, parent)
            into = parent
            if element.depth <= MAX_DEPTH:
                parent.children.append(element)
                into = element
            stack.append((node.child, into))
    return top


def _element(node: LexborNode, parent: Element | None) -> Element:
    attrs = {name.lower(): value or "" for name, value in node.attributes.items()}
    return Element(node.tag or "", attrs, parent, depth=parent.depth + 1 if parent else 0)
