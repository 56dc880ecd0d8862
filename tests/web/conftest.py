"""The built page, a real server, and a browser."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, ViewportSize, async_playwright

from dashboard_bridge.pages import DIST
from tests.house import COPPER_LANE, PLUMERIA, House, open_house
from tests.servers import free_port
from tests.web.desk import Desk, browser_of_this_machine

SHORT = "Hello, the automated assistant speaking."
SCREEN = ViewportSize(width=1280, height=800)


@pytest.fixture(scope="session")
def dist() -> Path:
    """The page as built. A missing one fails the test: none is skipped."""
    assert (DIST / "index.html").exists(), "The page is not built: run `make web`."
    return DIST


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=browser_of_this_machine(),
            args=[
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
            ],
        )
        yield browser
        await browser.close()


@pytest.fixture
async def house(dist: Path) -> AsyncIterator[House]:
    """A server with two shops on the port its settings name: cookies count only on pages of that origin."""
    shops = tuple(shop.model_copy(update={"greeting": SHORT}) for shop in (PLUMERIA, COPPER_LANE))
    async with open_house(shops=shops, port=free_port()) as house:
        yield house


@pytest.fixture
async def desk(house: House, browser: Browser) -> AsyncIterator[Desk]:
    context = await browser.new_context(viewport=SCREEN, reduced_motion="reduce")
    yield await Desk.open(house, context)
    await context.close()
