"""What a site asks of robots, and that we keep to it."""

from __future__ import annotations

import asyncio

import httpx
from protego import Protego

from agent.errors import ScrapeError
from agent.knowledge.charset import to_text
from agent.knowledge.download import Download, Downloader

ROBOT = "Chairside"
"""The name robots.txt knows us by."""
MAX_BYTES = 512_000
"""RFC 9309 asks to read at least this much."""
MAX_DELAY_S = 30.0
"""A longer Crawl-delay is read as this; the time for the whole site bounds it anyway."""


class Robots:
    """The rules of each origin of a site, fetched once, when first needed."""

    def __init__(self, downloader: Downloader) -> None:
        self._downloader = downloader
        self._rules: dict[str, asyncio.Task[Protego]] = {}

    async def check(self, url: httpx.URL) -> None:
        """Raises ScrapeError robots_denied, or what kept us from reading the rules: then nothing is allowed."""
        rules = await self._of(url)
        if not rules.can_fetch(str(url), ROBOT):
            raise ScrapeError("robots_denied", f"The robots.txt of {url.host} keeps robots from {url}.")

    async def sitemaps(self, url: httpx.URL) -> list[str]:
        """The sitemaps that the rules of this origin name."""
        return list((await self._of(url)).sitemaps)

    async def delay_s(self, url: httpx.URL) -> float:
        """Seconds to leave between two requests; 0 when nothing is asked."""
        delay = (await self._of(url)).crawl_delay(ROBOT)
        return min(max(float(delay or 0), 0), MAX_DELAY_S)

    async def aclose(self) -> None:
        """Stop what is still being fetched."""
        for task in self._rules.values():
            task.cancel()
        await asyncio.gather(*self._rules.values(), return_exceptions=True)

    async def _of(self, url: httpx.URL) -> Protego:
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        if origin not in self._rules:
            self._rules[origin] = asyncio.create_task(self._fetch(url.join("/robots.txt")), name="robots")
        return await asyncio.shield(self._rules[origin])

    async def _fetch(self, url: httpx.URL) -> Protego:
        try:
            found = await self._downloader.get(url, _anywhere, max_bytes=MAX_BYTES, cut=True)
        except ScrapeError as why:
            if why.code != "too_many_redirects":
                raise
            return Protego.parse("")  # RFC 9309: as if there were none
        return await asyncio.to_thread(_read, found)


def _read(found: Download) -> Protego:
    return Protego.parse(to_text(found.body, found.content_type) if found.status == 200 else "")


async def _anywhere(url: httpx.URL) -> None:
    """The rules themselves stand under no rules; the guard still checks each address."""
