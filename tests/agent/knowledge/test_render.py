"""Pages that need a browser, in a real one; and rendering as a help that may be missing: then the page is named."""

from __future__ import annotations

import os

import pytest
from website import WORDS, Names, fixed, limits, open_website, page

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


SCRIPT = (
    f"const words = {WORDS!r};"
    + """
const root = document.getElementById("root");
const tried = (url) => fetch(url).then(() => "reached", () => "refused");
fetch("/prices.json").then((answer) => answer.json()).then(async (prices) => {
  const inside = [await tried("http://10.0.0.1/"), await tried("http://metadata.example/")];
  const menu = prices.map((p) => `<p>${p.name} ${p.price}</p>`).join("");
  root.innerHTML = `<h1>Prices</h1>${menu}<p>${words}</p><p>${inside.join()}</p>`;
});
"""
)


async def test_a_page_of_scripts_is_read_as_a_browser_shows_it_and_reaches_nothing_private():
    settings = Settings(scrape_browser_sandbox=os.geteuid() != 0, scrape_page_s=45)
    renderer = Renderer.of(settings)
    assert renderer is not None
    names = Names(known={"metadata.example": [["169.254.169.254"]]})
    guard = AddressGuard(names.resolve, allow_loopback=True)
    scrape = Scraper(limits(page_s=45.0, total_s=90.0), guard, contact="https://phones.example", renderer=renderer)
    async with open_website() as site:
        site.at = {
            "/": EMPTY,
            "/app.js": fixed(SCRIPT, kind="text/javascript"),
            "/prices.json": fixed('[{"name": "Balayage", "price": "$180"}]', kind="application/json"),
        }
        found = await scrape(site.of("127.0.0.1"))
    assert not found.problems
    assert "<p>Balayage $180</p>" in found.pages[0].html
    assert "<p>refused,refused</p>" in found.pages[0].html
