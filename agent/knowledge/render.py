"""Pages that show their words only to a browser: a Chromium runs their program, and we fetch what it asks for.

The browser itself reaches no network: no name resolves in it, its proxy leads nowhere, and every request it makes is
answered by us, over the same guarded connections as any other page, or not at all. Needs the extra `render`.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx
from loguru import logger

from agent.errors import ScrapeError
from agent.knowledge.download import Download
from agent.knowledge.page import Page
from agent.settings import Settings

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Playwright, Route

Fetch = Callable[[httpx.URL], Awaitable[Download]]
"""Gets what a page asks for. Raises ScrapeError for what it must not have."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAX_REQUESTS = 80
"""Of one page; what it asks for beyond is refused."""
QUIET_S = 4.0
"""How long a page may take to come to rest once its document is there."""
_WANTED = frozenset(("script", "xhr", "fetch"))
"""Kinds of request that bring words. Pictures, styles, fonts and frames do not."""
_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--js-flags=--max-old-space-size=256",
)
_NOWHERE = "http://127.0.0.1:1"


class Renderer:
    """Renders one page at a time; a browser is started for each and ended with it."""

    def __init__(self, executable: str, *, seconds: float, max_characters: int, sandbox: bool = True) -> None:
        """`executable`: a Chromium; empty: Playwright's own. `seconds`: for one page, the browser's start included."""
        self._executable = executable
        self._seconds = seconds
        self._max_characters = max_characters
        self._sandbox = sandbox
        self._alone = asyncio.Lock()
        self._is_broken = False

    @classmethod
    def of(cls, settings: Settings) -> Renderer | None:
        """As a deployment wants it; None where the extra `render` is not installed, or rendering not wanted."""
        if not settings.scrape_render or find_spec("playwright") is None:
            return None
        executable = settings.scrape_browser or next(filter(None, map(shutil.which, BROWSERS)), "")
        return cls(
            executable,
            seconds=settings.scrape_page_s,
            max_characters=settings.scrape_max_page_bytes,
            sandbox=settings.scrape_browser_sandbox,
        )

    async def __call__(self, page: Page, fetch: Fetch) -> Page | None:
        """`page` as it stands after its program ran, or None when that cannot be had. Never raises for a page."""
        from playwright.async_api import Error, async_playwright

        async with self._alone:
            if self._is_broken:
                return None
            try:
                with TemporaryDirectory(prefix="chairside-browser-", ignore_cleanup_errors=True) as home:
                    async with asyncio.timeout(self._seconds), async_playwright() as playwright:
                        return await self._render(playwright, page, fetch, home)
            except TimeoutError:
                logger.info("render: {} did not come to rest within {:g} seconds", page.url, self._seconds)
            except Error as why:
                logger.info("render: {} could not be rendered: {}", page.url, why.message.partition("\n")[0][:200])
            return None

    async def _render(self, playwright: Playwright, page: Page, fetch: Fetch, home: str) -> Page | None:
        from playwright.async_api import Error

        try:
            browser = await playwright.chromium.launch(
                executable_path=self._executable or None,
                chromium_sandbox=self._sandbox,
                args=list(_ARGUMENTS),
                proxy={"server": _NOWHERE},
                env={"HOME": home, "PATH": "/usr/bin:/bin"},  # our keys are not there
            )
        except Error as why:
            self._is_broken = True  # the next page will not have it either
            reason = why.message.strip().partition("\n")[0][:200]
            logger.warning("render: no browser can be started, pages that need one are left out: {}", reason)
            return None
        try:
            context = await browser.new_context(service_workers="block", accept_downloads=False)
            return await _visit(context, page, _Waiter(page, fetch), self._max_characters)
        finally:
            await browser.close()


async def _visit(context: BrowserContext, page: Page, waiter: _Waiter, max_characters: int) -> Page | None:
    from playwright.async_api import TimeoutError as NotInTime

    await context.route("**/*", waiter.serve)
    await context.route_web_socket("**", lambda socket: socket.close())
    tab = await context.new_page()
    await tab.goto(page.url, wait_until="domcontentloaded")
    with suppress(NotInTime):
        await tab.wait_for_load_state("networkidle", timeout=QUIET_S * 1000)
    html = await tab.content()
    await context.unroute_all(behavior="ignoreErrors")
    return Page(page.url, html) if len(html) <= max_characters else None


@dataclass
class _Waiter:
    """Answers what the browser asks for."""

    page: Page
    fetch: Fetch
    asked: int = 0
    is_served: bool = False
    """The document itself, which is not fetched a second time."""

    async def serve(self, route: Route) -> None:
        from playwright.async_api import Error

        with suppress(Error):  # the page may be gone by now
            await self._answer(route)

    async def _answer(self, route: Route) -> None:
        request = route.request
        if request.resource_type == "document" and not self.is_served:
            self.is_served = True
            await route.fulfill(status=200, content_type="text/html; charset=utf-8", body=self.page.html)
            return
        self.asked += 1
        if request.method != "GET" or request.resource_type not in _WANTED or self.asked > MAX_REQUESTS:
            await route.abort("blockedbyclient")
            return
        try:
            found = await self.fetch(httpx.URL(request.url))
        except (ScrapeError, httpx.InvalidURL, ValueError) as why:
            logger.debug("render: {} was refused: {}", request.url[:200], why)
            await route.abort("blockedbyclient")
            return
        origin = request.headers.get("origin", "*")
        headers = {"content-type": found.content_type, "access-control-allow-origin": origin}
        await route.fulfill(status=found.status, headers=headers, body=found.body)
