"""Rendering is a help that may be missing: then a page that needs it is named, as without."""

from __future__ import annotations

import pytest
from website import Names, limits, open_website, page

from agent.errors import ScrapeError
from agent.knowledge.address_guard import AddressGuard
from agent.knowledge.render import Renderer
from agent.knowledge.scrape import Scraper
from agent.settings import Settings

EMPTY = '<!doctype html><html><body><div id="root"></div><script src="/app.js"></script></body></html>'


def test_who_does_not_want_it_has_none():
    assert Renderer.of(Settings(scrape_render=False)) is None


async def test_a_browser_that_does_not_start_leaves_the_page_named_as_missing():
    renderer = Renderer("/bin/false", seconds=15, max_characters=100_000)
    guard = AddressGuard(Names().resolve, allow_loopback=True)
    scrape = Scraper(limits(), guard, contact="https://phones.example", renderer=renderer)
    async with open_website() as site:
        site.at = {"/": page('<a href="/menu">menu</a>'), "/menu": EMPTY}
        found = await scrape(site.of("127.0.0.1"))
        assert [problem.code for problem in found.problems] == ["needs_javascript"]
        assert len(found.pages) == 1
        site.at = {"/": EMPTY}
        with pytest.raises(ScrapeError) as refused:
            await scrape(site.of("127.0.0.1"))
    assert refused.value.code == "needs_javascript"
