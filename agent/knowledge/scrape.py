"""A website becomes its pages: the most telling ones first, politely, and within bounds."""

from __future__ import annotations

import asyncio
import heapq
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
from loguru import logger

from agent.errors import ScrapeError
from agent.knowledge.address_guard import AddressGuard, Resolve, parse_url
from agent.knowledge.download import Admit, Download, Downloader, Limits
from agent.knowledge.guarded_client import open_client
from agent.knowledge.links import identity, resolve, same_site, score
from agent.knowledge.page import TROUBLES, Link, Page, Sight, look_at, read_page
from agent.knowledge.render import Renderer
from agent.knowledge.robots import ROBOT, Robots
from agent.knowledge.sitemap import read_sitemap
from agent.settings import Settings

Progress = Callable[[int, int], None]
"""Called with pages read so far and pages known to be wanted."""

MAX_SITEMAPS = 5
MAX_SITEMAP_BYTES = 2_000_000
MAX_WAITING = 5_000
"""Links remembered at once; what comes beyond is forgotten."""
MAX_PROBLEMS = 50
MAX_RENDERED = 8
"""Pages of one site that a browser renders: each takes seconds."""
TRIES_A_PAGE = 3
"""A site of dead links is left after so many requests for each page we would have read."""


@dataclass(frozen=True)
class PageProblem:
    """A page that was wanted and is missing, or a bound that was met; `code` as in ScrapeError."""

    url: str
    code: str
    message: str


@dataclass(frozen=True)
class Site:
    """The pages of a website in the order they were chosen, the start page first."""

    url: str
    pages: tuple[Page, ...]
    problems: tuple[PageProblem, ...] = ()

    def texts(self) -> list[tuple[str, str]]:
        """(url, html) of each page, as the extractor takes them."""
        return [(page.url, page.html) for page in self.pages]


class Scraper:
    """Fetches sites. One for the process; every site gets connections and robots' rules of its own."""

    def __init__(
        self,
        limits: Limits,
        guard: AddressGuard,
        *,
        contact: str,
        tls: ssl.SSLContext | None = None,
        renderer: Renderer | None = None,
    ) -> None:
        """`contact`: where a site's owner may complain. `tls`: trust other authorities than the usual.

        `renderer`: for pages that need a browser; without one they are named as missing.
        """
        self._limits = limits
        self._guard = guard
        self._user_agent = f"{ROBOT}/1.0 (+{contact})"
        self._tls = tls or httpx.create_ssl_context()
        self._renderer = renderer

    @classmethod
    def of(cls, settings: Settings, *, resolve: Resolve | None = None) -> Scraper:
        """As a deployment wants it."""
        guard = AddressGuard(resolve, allow_loopback=settings.scrape_allow_loopback)
        contact = settings.scrape_contact or settings.public_url
        return cls(Limits.of(settings), guard, contact=contact, renderer=Renderer.of(settings))

    async def __call__(self, website_url: str, progress: Progress | None = None) -> Site:
        """The pages of the site at `website_url`.

        Raises ScrapeError when its first page cannot be had, or when no page at all can be read. What else is
        missing stands in `Site.problems`.
        """
        start = parse_url(website_url)
        self._guard.check_url(start)
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                open_client(
                    self._guard,
                    user_agent=self._user_agent,
                    timeout_s=self._limits.page_s,
                    connections=self._limits.concurrency + 1,
                    tls=self._tls,
                )
            )
            downloader = Downloader(client, self._guard, self._limits)
            robots = Robots(downloader)
            stack.push_async_callback(robots.aclose)
            return await _Visit(start, downloader, robots, self._limits, progress, self._renderer).run()


class _Visit:
    """One walk through one site."""

    def __init__(
        self,
        start: httpx.URL,
        downloader: Downloader,
        robots: Robots,
        limits: Limits,
        progress: Progress | None,
        renderer: Renderer | None,
    ) -> None:
        self._home = start
        self._downloader = downloader
        self._robots = robots
        self._limits = limits
        self._progress = progress or _in_silence
        self._renderer = renderer
        self._rendered = 0
        self._waiting: list[tuple[int, int, int, httpx.URL]] = []
        """A heap of (-score, depth, order, url)."""
        self._seen: set[str] = set()
        self._pages: list[Page] = []
        self._bytes = 0
        self._tried = 0
        self._full = False
        self._problems: list[PageProblem] = []

    async def run(self) -> Site:
        start = self._home
        try:
            async with asyncio.timeout(self._limits.total_s):
                await self._arrive()
                await self._read_sitemaps()
                await self._walk()
        except TimeoutError as why:
            over = ScrapeError("timed_out", f"{start.host} could not be read within {self._limits.total_s:g} seconds.")
            if not self._pages:
                raise over from why
            self._miss(start, over)
        if not self._pages:
            first = self._problems[0]
            raise ScrapeError(first.code, first.message)
        return Site(str(self._home), tuple(self._pages), tuple(self._problems))

    async def _arrive(self) -> None:
        """The first page; the host it is found on in the end is the site's."""
        self._seen.add(identity(self._home))
        page, sight = await self._fetch(self._home, self._robots.check)
        self._home = httpx.URL(page.url)
        self._seen.add(identity(self._home))
        self._keep(self._home, page, sight, depth=0)

    async def _read_sitemaps(self) -> None:
        queue = [*await self._robots.sitemaps(self._home), str(self._home.join("/sitemap.xml"))]
        asked: set[str] = set()
        while queue and len(asked) < MAX_SITEMAPS and self._limits.pages > 1 and self._limits.depth > 0:
            text = queue.pop(0)
            if text in asked:
                continue
            asked.add(text)
            pages, further = await self._read_sitemap(text)
            queue += sorted(further, key=lambda at: "page" not in at)[:MAX_SITEMAPS]
            for at in pages:
                self._want(at, "", self._home, depth=1)

    async def _read_sitemap(self, text: str) -> tuple[list[str], list[str]]:
        try:
            url = self._home.join(text)
            found = await self._downloader.get(url, self._admit, max_bytes=MAX_SITEMAP_BYTES, cut=True)
        except (ScrapeError, httpx.InvalidURL, ValueError) as why:
            logger.debug("scrape: no sitemap at {}: {}", text[:200], why)
            return [], []
        if found.status != 200:
            return [], []
        return await asyncio.to_thread(read_sitemap, found.body, MAX_SITEMAP_BYTES)

    async def _walk(self) -> None:
        delay_s = await self._robots.delay_s(self._home)
        while self._waiting and not self._is_full():
            if delay_s:
                await asyncio.sleep(delay_s)
            batch = [heapq.heappop(self._waiting) for _ in range(self._room(delay_s))]
            self._tried += len(batch)
            found = await asyncio.gather(*(self._try(url) for *_, url in batch))
            for (_, depth, _, url), outcome in zip(batch, found, strict=True):
                if outcome is not None:
                    self._keep(url, *outcome, depth=depth)

    def _room(self, delay_s: float) -> int:
        """How many pages to fetch at once: one after the other where the site or the last bytes ask for it."""
        bytes_left = self._limits.total_bytes - self._bytes
        at_once = 1 if delay_s else min(self._limits.concurrency, bytes_left // self._limits.page_bytes)
        return min(max(at_once, 1), self._limits.pages - len(self._pages), len(self._waiting))

    def _is_full(self) -> bool:
        tried_enough = self._tried >= self._limits.pages * TRIES_A_PAGE
        return self._full or tried_enough or len(self._pages) >= self._limits.pages

    def _too_large(self) -> ScrapeError:
        self._full = True
        message = f"{self._home.host} holds more than {self._limits.total_bytes} bytes; the rest was left out."
        return ScrapeError("site_too_large", message)

    async def _try(self, url: httpx.URL) -> tuple[Page, Sight] | None:
        try:
            return await self._fetch(url, self._admit)
        except ScrapeError as why:
            self._miss(url, why)
            return None

    async def _fetch(self, url: httpx.URL, admit: Admit) -> tuple[Page, Sight]:
        room = min(self._limits.page_bytes, self._limits.total_bytes - self._bytes)
        if room <= 0:
            raise self._too_large()
        self._bytes += room  # set aside, so that pages fetched at once stay within the total together
        try:
            found = await self._downloader.get(url, admit, max_bytes=room)
        except ScrapeError as why:
            if why.code != "page_too_large":
                self._bytes -= room
            elif room < self._limits.page_bytes:
                raise self._too_large() from why
            raise
        self._bytes -= room - len(found.body)
        page, sight = await asyncio.to_thread(_look, found)
        if sight.trouble == "needs_javascript" and self._renderer is not None and self._rendered < MAX_RENDERED:
            self._rendered += 1
            if (shown := await self._renderer(page, self._for_browser)) is not None:
                return shown, await asyncio.to_thread(look_at, shown)
        return page, sight

    async def _for_browser(self, url: httpx.URL) -> Download:
        """What a rendered page asks for: from any public host, since programs lie elsewhere, within the same bounds."""
        room = min(self._limits.page_bytes, self._limits.total_bytes - self._bytes)
        if room <= 0:
            raise self._too_large()
        found = await self._downloader.get(url, self._robots.check, max_bytes=room)
        self._bytes += len(found.body)
        return found

    async def _admit(self, url: httpx.URL) -> None:
        if not same_site(url, self._home):
            raise ScrapeError("off_site", f"{url} belongs to another site than {self._home.host}.")
        await self._robots.check(url)

    def _keep(self, asked: httpx.URL, page: Page, sight: Sight, *, depth: int) -> None:
        """A page to hand on, and the links it leads to."""
        url = httpx.URL(page.url)
        if url != asked and depth > 0:
            if identity(url) in self._seen:
                return  # a redirect to a page that was read under its own name
            self._seen.add(identity(url))
        if sight.trouble is not None:
            self._miss(url, ScrapeError(sight.trouble, TROUBLES[sight.trouble].format(url=url)))
        if sight.trouble is None or sight.structured:
            self._pages.append(page)
        for link in sight.links:
            self._want(link.href, link.words, _base(url, sight.base), depth + 1)
        self._progress(len(self._pages), min(len(self._pages) + len(self._waiting), self._limits.pages))

    def _want(self, href: str, words: str, base: httpx.URL, depth: int) -> None:
        url = resolve(Link(href, words), base)
        if url is None or depth > self._limits.depth or not same_site(url, self._home) or identity(url) in self._seen:
            return
        if len(self._waiting) >= MAX_WAITING:
            return
        self._seen.add(identity(url))
        heapq.heappush(self._waiting, (-score(url, words, self._home), depth, len(self._seen), url))

    def _miss(self, url: httpx.URL, why: ScrapeError) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(PageProblem(str(url), why.code, why.message))


def _look(found: Download) -> tuple[Page, Sight]:
    page = read_page(found)
    return page, look_at(page)


def _in_silence(done: int, known: int) -> None:
    pass


def _base(url: httpx.URL, base: str) -> httpx.URL:
    try:
        return url.join(base) if base else url
    except (httpx.InvalidURL, ValueError):
        return url
