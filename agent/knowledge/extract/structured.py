"""What a page says about itself for machines: JSON-LD and microdata, as plain dictionaries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from extruct.jsonld import JsonLdExtractor
from extruct.w3cmicrodata import MicrodataExtractor

from agent.knowledge.extract.page import Document, clean

Thing = dict[str, Any]
MAX_THINGS = 2000
_BUSINESS = re.compile(r"business|salon|organization|store|barber|spa$|hairsalon|nailsalon|dayspa|tattooparlor", re.I)


class Structured:
    """The things of one page, flat, by type."""

    def __init__(self, document: Document) -> None:
        self.url = document.url
        self.things: list[Thing] = [*_flatten(_json_ld(document.html)), *_flatten(_microdata(document.html))]

    def of(self, *types: str) -> list[Thing]:
        return [thing for thing in self.things if _types(thing) & set(types)]

    def businesses(self) -> list[Thing]:
        """What describes the shop itself, the most telling first."""
        found = [thing for thing in self.things if any(_BUSINESS.search(kind) for kind in _types(thing))]
        return sorted(found, key=len, reverse=True)


def text_of(value: object) -> str:
    """A value as text: the first of several, the name or text of a thing."""
    if isinstance(value, list):
        return text_of(cast("list[object]", value)[0]) if value else ""
    if isinstance(value, dict):
        thing = cast("Thing", value)
        return text_of(thing.get("name") or thing.get("text") or thing.get("@value") or "")
    return clean(re.sub(r"<[^>]{0,300}>", " ", str(value))) if value is not None else ""


def listed(value: object) -> list[object]:
    if isinstance(value, list):
        return cast("list[object]", value)
    return [] if value is None else [value]


def _types(thing: Thing) -> set[str]:
    return {str(kind).rsplit("/", 1)[-1].rsplit("#", 1)[-1] for kind in listed(thing.get("@type"))}


def _json_ld(html: str) -> list[object]:
    if "ld+json" not in html:
        return []
    try:
        return cast("list[object]", JsonLdExtractor().extract(html))
    except Exception:  # lxml's errors share no typed base, and no broken page may stop an import
        return [block for text in _scripts(html) for block in _loads(text)]


def _scripts(html: str) -> Iterator[str]:
    """The texts of the scripts that say they are JSON-LD, one by one: one broken block spoils no other."""
    at = html.find("ld+json")
    while at >= 0:
        start, end = html.find(">", at), html.find("</script", at)
        if start < 0 or end < 0:
            return
        yield html[start + 1 : end]
        at = html.find("ld+json", end)


def _loads(text: str) -> Iterator[object]:
    try:
        yield json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return


def _microdata(html: str) -> list[object]:
    if "itemtype" not in html.lower():
        return []
    try:
        return [_as_thing(item) for item in cast("list[object]", MicrodataExtractor().extract(html))]
    except Exception:  # lxml's errors share no typed base, and no broken page may stop an import
        return []


def _as_thing(item: object) -> object:
    """Microdata in the shape of JSON-LD."""
    if isinstance(item, list):
        return [_as_thing(each) for each in cast("list[object]", item)]
    if not isinstance(item, dict):
        return item
    thing = cast("Thing", item)
    if "properties" not in thing:
        return thing
    properties = cast("Thing", thing["properties"])
    return {"@type": thing.get("type"), **{name: _as_thing(value) for name, value in properties.items()}}


def _flatten(blocks: list[object]) -> Iterator[Thing]:
    """Every dictionary inside, outer before inner."""
    stack: list[object] = list(reversed(blocks))
    count = 0
    while stack and count < MAX_THINGS:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(cast("list[object]", node)))
        elif isinstance(node, dict):
            thing = cast("Thing", node)
            count += 1
            if "@type" in thing:
                yield thing
            stack.extend(reversed(list(thing.values())))
