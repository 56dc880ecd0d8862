"""A site is read politely: robots' rules, the telling pages first, and no further than allowed."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncGenerator

import pytest
from aiohttp import web
from website import HOST, Names, Website, fixed, links, open_website, page, paths_of, redirect, scrape

from agent.knowledge.robots import ROBOT
from agent.knowledge.scrape import Scraper
from agent.settings import Settings


@pytest.fixture
async def site() -> AsyncGenerator[Website]:
    async with open_website() as opened:
        yield opened


async def test_the_telling_pages_come_first(site: Website) -> None:
    later = ["/blog/ten-tips", "/gallery", "/about", "/kontakt", "/team", "/preise", "/nothing-special"]
    site.at = {"/": page(links(*later))} | {path: page(path) for path in later}
    found = await scrape(site.url, pages=5)
    assert paths_of(found) == ["/", "/preise", "/team", "/kontakt", "/about"]
    assert found.problems == ()
    assert [url for url, _ in found.texts()][1] == site.of(HOST, "/preise")


async def test_links_are_found_however_they_are_written(site: Website) -> None:
    written = f"""
        <a class="x" href='prices.html?utm_source=mail#top'>a</a> <A HREF=/team.php>b</A>
        <a href="//www.salon.example:{site.port}/faq">c</a> <a href="/menu&amp;more">d</a>
        <a href="/flyer.pdf">e</a> <a href="mailto:x@salon.example">f</a> <a href="https://other.example/prices">g</a>
        <a href="javascript:void(0)">h</a> <a href="http://[">i</a> <a href="/">home</a> <a href="/index.html">home</a>
    """
    site.at = {"/": page(written)}
    await scrape(site.url)
    assert sorted(site.paths) == ["/", "/faq", "/menu&more", "/prices.html", "/team.php"]


async def test_a_page_is_read_once_however_it_is_reached(site: Website) -> None:
    site.at = {
        "/": redirect("/home"),
        "/home": page(links("/prices", "/prices/", "/prices#a", "/old-prices", "/home", "/")),
        "/prices": page("p"),
        "/old-prices": redirect("/prices"),
    }
    found = await scrape(site.url)
    assert paths_of(found) == ["/home", "/prices"]


async def test_depth_is_bounded(site: Website) -> None:
    site.at = {f"/{at}": page(links(f"/{at + 1}")) for at in range(9)} | {"/": page(links("/0"))}
    assert paths_of(await scrape(site.url, depth=2)) == ["/", "/0", "/1"]
    assert paths_of(await scrape(site.url, depth=0)) == ["/"]


async def test_bytes_in_total_are_bounded(site: Website) -> None:
    site.at = {"/": page(links(*(f"/{at}" for at in range(9))))} | {f"/{at}": page("x" * 50_000) for at in range(9)}
    found = await scrape(site.url, total_bytes=180_000)
    assert sum(len(at.html) for at in found.pages) <= 180_000
    assert len(found.pages) == 4
    assert "site_too_large" in {at.code for at in found.problems}


async def test_dead_links_do_not_go_on_for_ever(site: Website) -> None:
    site.at = {"/": page(links(*(f"/price-{at}" for at in range(100))))}
    found = await scrape(site.url, pages=4)
    assert paths_of(found) == ["/"]
    assert len(site.paths) <= 1 + 4 * 3 + 4
    assert {at.code for at in found.problems} == {"not_found"}


async def test_time_in_total_is_bounded_and_what_was_read_is_kept(site: Website) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(10)
        return web.Response()

    site.at = {"/": page(links("/prices")), "/prices": slow}
    found = await scrape(site.url, total_s=0.5)
    assert paths_of(found) == ["/"]
    assert [at.code for at in found.problems] == ["timed_out"]


async def test_pages_are_fetched_at_once_but_not_too_many(site: Website) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.05)
        return web.Response(text=page(), content_type="text/html")

    site.at = {"/": page(links(*(f"/{at}" for at in range(9))))} | {f"/{at}": slow for at in range(9)}
    assert len((await scrape(site.url, concurrency=3)).pages) == 10
    assert site.most_at_once == 3


async def test_the_sitemap_leads_where_no_link_does(site: Website) -> None:
    index = f"<sitemapindex><sitemap><loc>{site.of(HOST, '/pages.xml.gz')}</loc></sitemap></sitemapindex>"
    locations = [site.of(HOST, "/unlinked-prices"), site.of(HOST, "/a?x=1&amp;y=2"), "https://other.example/prices"]
    urls = "<urlset>" + "".join(f"<url><loc> {at} </loc></url>" for at in locations) + "</urlset>"
    site.at = {
        "/": page(),
        "/sitemap.xml": fixed(index, kind="application/xml"),
        "/pages.xml.gz": fixed(gzip.compress(urls.encode()), kind="application/gzip"),
        "/unlinked-prices": page("1"),
        "/a": page("2"),
    }
    assert paths_of(await scrape(site.url)) == ["/", "/unlinked-prices", "/a?x=1&y=2"]


async def test_robots_rules_are_kept(site: Website) -> None:
    rules = f"User-agent: *\nDisallow: /\n\nUser-agent: {ROBOT}\nDisallow: /private\nSitemap: {site.of(HOST, '/map')}\n"
    site.at = {
        "/robots.txt": fixed(rules, kind="text/plain"),
        "/": page(links("/private/prices", "/way-in", "/prices")),
        "/private/prices": page("secret"),
        "/way-in": redirect("/private/prices"),
        "/prices": page("open"),
        "/map": fixed(site.of(HOST, "/faq"), kind="text/plain"),
        "/faq": page("asked"),
    }
    found = await scrape(site.url)
    assert sorted(paths_of(found)) == ["/", "/faq", "/prices"]
    assert "/private/prices" not in site.paths
    assert {at.code for at in found.problems} == {"robots_denied"}


async def test_a_crawl_delay_is_kept(site: Website) -> None:
    site.at = {
        "/robots.txt": fixed("User-agent: *\nCrawl-delay: 0.2", kind="text/plain"),
        "/": page(links("/1", "/2")),
        "/1": page("1"),
        "/2": page("2"),
    }
    began = asyncio.get_running_loop().time()
    assert len((await scrape(site.url)).pages) == 3
    assert asyncio.get_running_loop().time() - began >= 0.4
    assert site.most_at_once == 1


async def test_who_asks_is_told_and_nothing_is_kept_between_requests(site: Website) -> None:
    site.at = {"/": fixed(page(links("/prices")), Set_Cookie="visitor=7; Path=/"), "/prices": page("p")}
    await scrape(site.url)
    agents = {headers["User-Agent"] for headers in site.headers}
    assert agents == {"Chairside/1.0 (+https://phones.example)"}
    assert not any("Cookie" in headers for headers in site.headers)
    assert {headers["Host"] for headers in site.headers} == {f"{HOST}:{site.port}"}


async def test_another_language_of_the_same_pages_comes_last(site: Website) -> None:
    later = ["/fr/prix", "/de/preise", "/de/impressum", "/de/team"]
    site.at = {"/": redirect("/de/"), "/de/": page(links(*later))} | {path: page(path) for path in later}
    assert paths_of(await scrape(site.url, pages=4)) == ["/de/", "/de/preise", "/de/team", "/de/impressum"]


async def test_a_site_of_frames_is_read_through_them(site: Website) -> None:
    site.at = {"/": '<html><frameset><frame src="main.htm"></frameset></html>', "/main.htm": page("in a frame")}
    found = await scrape(site.url)
    assert paths_of(found) == ["/main.htm"]
    assert [at.code for at in found.problems] == ["page_empty"]


async def test_progress_is_told(site: Website) -> None:
    site.at = {"/": page(links("/1", "/2")), "/1": page("1"), "/2": page("2")}
    told: list[tuple[int, int]] = []
    scraper = Scraper.of(Settings(scrape_allow_loopback=True), resolve=Names().resolve)
    await scraper(site.url, lambda done, known: told.append((done, known)))
    assert told == [(1, 3), (2, 3), (3, 3)] or told[-1] == (3, 3)
