"""Small websites of our own, and the extractor that reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.knowledge.extract.facts import SiteFacts
from agent.knowledge.extract.page import Page
from agent.knowledge.extract.site import extract_site

Read = Callable[..., SiteFacts]
Menu = Callable[..., list[tuple[object, ...]]]


@pytest.fixture
def read() -> Read:
    """`read(html, ...)`: the facts of a site of these pages."""

    def facts(*pages: str | bytes) -> SiteFacts:
        return extract_site([Page(f"https://salon.example/page-{number}", html) for number, html in enumerate(pages)])

    return facts


@pytest.fixture
def menu(read: Read) -> Menu:
    """`menu(html, ...)`: (name, lowest price, highest price or None, minutes or None) of each service."""

    def rows(*pages: str) -> list[tuple[object, ...]]:
        return [
            (
                s.name,
                None if s.price_min is None else float(s.price_min),
                s.price_max and float(s.price_max),
                s.duration_min,
            )
            for s in read(*pages).services
        ]

    return rows
