"""One page as the scraper sees it: is it a page at all, where does it lead, can its words be read.

It is scanned in one pass with bounded patterns, not parsed: the time is linear in the page's length, whatever a
stranger puts into it. Reading the facts is the extractor's trade.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Literal

from agent.errors import ScrapeError
from agent.knowledge.charset import to_text
from agent.knowledge.download import Download

MAX_LINKS = 2_000
FEW_WORDS = 200
"""Characters of visible text; a page with fewer and with signs of a program or a login says nothing by itself."""
VERY_FEW_WORDS = 60
NO_WORDS = 20

Trouble = Literal["needs_javascript", "login_wall", "page_empty"]
TROUBLES: dict[Trouble, str] = {
    "needs_javascript": "{url} shows its words only to a browser that runs its JavaScript.",
    "login_wall": "{url} shows its words only to those who log in.",
    "page_empty": "{url} is a page without words.",
}

_HTML_TYPES = ("text/html", "application/xhtml+xml")
_UNSURE_TYPES = ("", "text/plain", "application/octet-stream", "application/xml", "text/xml", "unknown/unknown")
_LOOKS_LIKE_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|meta|div|table|h1|p)[\s>/]", re.IGNORECASE)
_BINARY = (b"%PDF", b"PK\x03\x04", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"\x1f\x8b", b"RIFF", b"ID3", b"\x00\x00\x00")

# Each pattern stops at "<" or after a fixed number of characters: no input makes it start over and over.
_UNSEEN = ("script", "style", "noscript", "template", "svg", "head")
_HIDDEN = re.compile(rf"<({'|'.join(_UNSEEN)})\b[^<>]{{0,4000}}>", re.IGNORECASE)
_ENDS = {tag: re.compile(f"</{tag}", re.IGNORECASE) for tag in _UNSEEN}
_TAG = re.compile(r"<[a-zA-Z/!?][^<>]{0,8000}>")
_LINK = re.compile(r"<a\s([^<>]{1,4000})>(?=((?:[^<]|<(?!/?a[\s>])){0,400}))", re.IGNORECASE)
_HREF = re.compile(
    r"(?:^|\s)href\s{0,5}=\s{0,5}(?:\"([^\"]{0,2000})\"|'([^']{0,2000})'|([^\s\"'<>]{1,2000}))", re.IGNORECASE
)
_BASE = re.compile(r"<base\s([^<>]{1,4000})>", re.IGNORECASE)
_REFRESH = re.compile(
    r"<meta\s[^<>]{0,200}?refresh[^<>]{0,200}?url\s{0,5}=\s{0,5}['\"]?([^'\"<>\s]{1,2000})", re.IGNORECASE
)
_FRAME = re.compile(r"<frame\s[^<>]{0,500}?src\s{0,5}=\s{0,5}['\"]?([^'\"<>\s]{1,2000})", re.IGNORECASE)
_PASSWORD = re.compile(r"<input\s[^<>]{0,500}?type\s{0,5}=\s{0,5}['\"]?password", re.IGNORECASE)
_SCRIPT = re.compile(r"<script\b", re.IGNORECASE)
_MOUNT = re.compile(
    r"<(?:div|main|body)\s[^<>]{0,300}?id\s{0,5}=\s{0,5}['\"]?(?:root|app|__next|__nuxt|svelte|main-app)['\"\s>]",
    re.IGNORECASE,
)
_STRUCTURED = re.compile(r"<script\s[^<>]{0,300}?application/ld\+json", re.IGNORECASE)
_LOGIN_PATH = re.compile(r"/(?:log-?in|sign-?in|wp-login\.php|password|account/login|auth)/?$", re.IGNORECASE)


@dataclass(frozen=True)
class Link:
    """Where an anchor leads, as written, and its words."""

    href: str
    words: str


@dataclass(frozen=True)
class Page:
    """A page that was fetched: its final address and its text as the extractor wants it."""

    url: str
    html: str


@dataclass(frozen=True)
class Sight:
    """What a look at a page tells. `base` is what its links start from, if it says so."""

    links: tuple[Link, ...]
    base: str
    trouble: Trouble | None
    structured: bool
    """Has facts for machines (JSON-LD), which are worth reading even where no words are."""


def read_page(found: Download) -> Page:
    """The page in a download. Raises ScrapeError for a status or a kind of file that is not a page."""
    _check_status(found)
    _check_kind(found)
    return Page(str(found.url), to_text(found.body, found.content_type))


def look_at(page: Page) -> Sight:
    """Links, and whether the words can be read without a browser or a login. Never fails."""
    base = _BASE.search(page.html)
    structured = _STRUCTURED.search(page.html) is not None
    return Sight(tuple(_links(page.html)), _href(base[1]) if base else "", _trouble(page), structured)


def _check_status(found: Download) -> None:
    if found.status in (401, 407):
        raise ScrapeError("login_wall", TROUBLES["login_wall"].format(url=found.url))
    if found.status in (403, 451):
        raise ScrapeError("forbidden", f"{found.url} turns us away ({found.status}).")
    if found.status in (404, 410):
        raise ScrapeError("not_found", f"There is no page at {found.url} ({found.status}).")
    if found.status >= 500:
        raise ScrapeError("server_error", f"{found.url} answers with an error of its own ({found.status}).")
    if found.status != 200:
        raise ScrapeError("answer_invalid", f"{found.url} answers {found.status} instead of a page.")


def _check_kind(found: Download) -> None:
    kind = found.content_type.partition(";")[0].strip()
    head = found.body[:2_048].lstrip()
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    binary = head.startswith(_BINARY) or (b"\x00" in head and not wide)
    if kind in _HTML_TYPES and not binary:
        return
    if kind in _UNSURE_TYPES and not binary and (wide or _LOOKS_LIKE_HTML.search(head)):
        return
    raise ScrapeError("not_html", f"{found.url} is not a web page but {kind or 'something else'}.")


def _links(text: str) -> list[Link]:
    links = [Link(html.unescape(at[1]), "") for at in (*_REFRESH.finditer(text), *_FRAME.finditer(text))][:20]
    for anchor in _LINK.finditer(text):
        href = _href(anchor[1])
        if href:
            links.append(Link(href, " ".join(html.unescape(_TAG.sub(" ", anchor[2])).split())[:200]))
        if len(links) >= MAX_LINKS:
            break
    return links


def _href(attributes: str) -> str:
    found = _HREF.search(attributes)
    return html.unescape(next((part for part in found.groups() if part), "")).strip() if found else ""


def _trouble(page: Page) -> Trouble | None:
    words = len(_visible(page.html))
    if words >= FEW_WORDS:
        return None
    if _PASSWORD.search(page.html) or _LOGIN_PATH.search(page.url.partition("?")[0]):
        return "login_wall"
    if _SCRIPT.search(page.html) and (words < VERY_FEW_WORDS or _MOUNT.search(page.html)):
        return "needs_javascript"
    return "page_empty" if words < NO_WORDS else None


def _visible(text: str) -> str:
    """Roughly the words a reader without JavaScript sees."""
    shown: list[str] = []
    at = 0
    while hidden := _HIDDEN.search(text, at):
        shown.append(text[at : hidden.start()])
        end = _ENDS[hidden[1].lower()].search(text, hidden.end())
        at = end.start() if end else len(text)
    shown.append(text[at:])
    return " ".join(html.unescape(_TAG.sub(" ", "".join(shown))).split())
