"""Bytes of a page become text, whatever the server says they are."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

HEAD = 2_048
"""A page says its charset this early, or not at all (HTML's own rule is 1024 bytes)."""
SAMPLE = 64_000

_META = re.compile(rb"<meta[^<>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# What browsers take these names for.
_MEANT = {"iso8859-1": "cp1252", "ascii": "cp1252", "shift_jis": "cp932", "gb2312": "gb18030"}
_GUESSES = ["cp1252", "cp1251", "koi8_r", "cp932", "euc_jp"]


def to_text(body: bytes, content_type: str = "") -> str:
    """The text of a page: by its byte order mark, header, `meta`, and then by what fits. Never fails.

    UTF-8 that is valid and has characters beyond ASCII is UTF-8, whatever is declared: no other charset looks
    like it by chance.
    """
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body.decode(codec, "replace")
    said = [name for name in (_codec(_in_header(content_type)), _codec(_in_meta(body))) if name]
    for codec in ["utf-8", *said] if not body.isascii() else [*said, "utf-8"]:
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            continue
    return _damaged(body, said)


def _damaged(body: bytes, said: list[str]) -> str:
    """Nothing fits without loss: a few bad bytes in what was declared, or the best guess of all."""
    for codec in ["utf-8", *said]:
        text = body.decode(codec, "replace")
        if text.count("\ufffd") * 200 < len(text):
            return text
    best = from_bytes(body[:SAMPLE], cp_isolation=_GUESSES).best()
    return body.decode(best.encoding if best else "cp1252", "replace")


def _in_header(content_type: str) -> str:
    found = _HEADER.search(content_type)
    return found[1] if found else ""


def _in_meta(body: bytes) -> str:
    found = _META.search(body[:HEAD])
    return found[1].decode("ascii") if found else ""


def _codec(name: str) -> str | None:
    """Python's name of a text encoding, or None: a page must not choose `zip` or `idna`."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    if not getattr(codec, "_is_text_encoding", True) or codec.name.startswith(("utf-7", "utf-16", "utf-32", "idna")):
        return None  # a page in UTF-16 has a byte order mark; without one the word is a mistake
    if codec.name in ("punycode", "raw-unicode-escape", "unicode-escape", "undefined"):
        return None
    return _MEANT.get(codec.name, codec.name)
