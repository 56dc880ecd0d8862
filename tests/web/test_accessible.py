"""Every view, narrow and wide, light and dark: axe finds nothing serious, nothing sticks out sideways."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, ViewportSize, expect

from tests.house import PLUMERIA, House
from tests.web.desk import WEB, Desk
from tests.web.story import Story

AXE = (WEB / "node_modules" / "axe-core" / "axe.min.js").read_text()
GRAVE = {"serious", "critical"}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKED_AT: dict[Literal["light", "dark"], dict[str, Any]] = {
    "light": {"type": "tag", "values": TAGS},
    "dark": {"type": "rule", "values": ["color-contrast"]},
}
"""Dark colours change nothing but contrast."""
SIDEWAYS = "[...document.querySelectorAll('html, main')].some((at) => at.scrollWidth > at.clientWidth)"
VIEWS = {
    "wall": ("/", "Wall"),
    "calls": ("/calls", "Calls"),
    "shops": ("/shops", "Shops"),
    "shop": ("/shops/1", PLUMERIA.business_name),
    "changes": ("/shops/1/changes", "Changes to approve"),
    "knowledge": ("/shops/1/knowledge", "Knowledge"),
    "new shop": ("/shops/new", "Add a shop"),
    "health": ("/health", "Health"),
}
"""Address and heading of each."""


@pytest.mark.parametrize("width", [1280, 375])
async def test_every_view(house: House, browser: Browser, width: int, tmp_path: Path) -> None:
    """Pictures of all are left in the test's folder, for people to look at."""
    screen = ViewportSize(width=width, height=800)
    context = await browser.new_context(viewport=screen, reduced_motion="reduce")
    desk = await Desk.open(house, context)
    await desk.page.goto(house.url)
    problems = await look(desk, "Chairside", tmp_path / "login")
    await desk.log_in()
    call = Story(house)
    call.begins()
    call.hears("A cut tomorrow with Leilani, please.")
    call.says("Eleven is free. Shall I book it?", "Eleven is free.")
    call.tells_a_lot()
    await desk.page.get_by_role("list", name="Live calls").get_by_role("link").wait_for()
    for name, (path, heading) in {**VIEWS, "call": (f"/live/{call.call_sid}", "+1 202 555 0143")}.items():
        await desk.go(path)
        problems += await look(desk, heading, tmp_path / name)
    await context.close()
    assert problems == []
    assert desk.complaints == []


async def look(desk: Desk, heading: str, picture: Path) -> list[Any]:
    """What is wrong with a view, once it has loaded: everything in light colours, and the contrast in dark ones."""
    page = desk.page
    await page.emulate_media(color_scheme="light")
    await page.get_by_role("heading", level=1, name=heading, exact=True).wait_for()
    await expect(page.locator(".state:visible")).to_have_count(0)  # neither loading nor failed
    inspector = await page.context.new_cdp_session(page)
    await inspector.send("Runtime.evaluate", {"expression": AXE})  # past the policy, which allows no such script
    problems: list[Any] = [(picture.name, "sticks out sideways")] if await page.evaluate(SIDEWAYS) else []
    for scheme, rules in LOOKED_AT.items():
        await page.emulate_media(color_scheme=scheme)
        await page.screenshot(path=f"{picture}-{scheme}.png")
        found = (await page.evaluate("(rules) => axe.run({ runOnly: rules })", rules))["violations"]
        problems += [
            (picture.name, scheme, at["id"], [node["html"][:200] for node in at["nodes"]])
            for at in found
            if at["impact"] in GRAVE
        ]
    return problems
