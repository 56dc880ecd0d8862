"""The addresses a sitemap names, read without an XML parser: many are broken, some are hostile."""

from __future__ import annotations

import html
import re
import zlib

from agent.knowledge.charset import to_text

MAX_LOCATIONS = 5_000

_LOCATION = re.compile(r"<(?:\w{1,20}:)?loc\s{0,9}>\s{0,20}(?:<!\[CDATA\[)?\s{0,20}([^<>\s\]]{1,2000})", re.IGNORECASE)
_IS_INDEX = re.compile(r"<(?:\w{1,20}:)?sitemapindex[\s>]", re.IGNORECASE)
_GZIP = b"\x1f\x8b"


def read_sitemap(body: bytes, max_bytes: int) -> tuple[list[str], list[str]]:
    """The pages and the further sitemaps a sitemap names (XML or plain text, gzip or not)."""
    text = to_text(_unpacked(body, max_bytes))
    found = [html.unescape(at[1]) for at, _ in zip(_LOCATION.finditer(text), range(MAX_LOCATIONS), strict=False)]
    if _IS_INDEX.search(text[:2_000]):
        return [], found
    if not found and "<" not in text[:200]:
        found = [line for line in text.split()[:MAX_LOCATIONS] if line.startswith(("http://", "https://"))]
    return found, []


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    if not body.startswith(_GZIP):
        return body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, max_bytes)
    except zlib.error:
        return b""
