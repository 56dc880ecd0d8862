"""Every view, narrow and wide, light and dark: axe finds nothing serious, nothing sticks out sideways."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, ViewportSize

from tests.house import House
from tests.web.desk import WEB, Desk
from tests.web.story import Story

AXE = (WEB / "node_modules" / "axe-core" / "axe.min.js").read_text()
GRAVE = {"serious", "critical"}
SIDEWAYS = "[document.documentElement, document.querySelector('main')].some((at) => at.scrollWidth > at.clientWidth)"
VIEWS = {
    "wall": "/",
    "calls": "/calls",
    "shops": "/shops",
    "shop": "/shops/1",
    "changes": "/shops/1/changes",
    "knowledge": "/shops/1/knowledge",
    "new shop": "/shops/new",
    "health": "/health",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
async def test_every_view(
    house: House, browser: Browser, width: int, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    """Pictures of all are left in the test's folder, for people to look at."""
    context = await browser.new_context(
        viewport=ViewportSize(width=width, height=800), color_scheme=scheme, reduced_motion="reduce"
    )
    desk = await Desk.open(house, context)
    problems = await look(desk, tmp_path / "login.png", house.url)
    await desk.log_in()
    call = Story(house)
    call.begins()
    call.hears("A cut tomorrow with Leilani, please.")
    call.says("Eleven is free. Shall I book it?", "Eleven is free.")
    call.tells_a_lot()
    await desk.page.get_by_role("list", name="Live calls").get_by_role("link").wait_for()
    for name, path in {**VIEWS, "call": f"/live/{call.call_sid}"}.items():
        problems += await look(desk, tmp_path / f"{name}.png", f"{house.url}/app{path}")
    await context.close()
    assert problems == []
    assert desk.complaints == []


async def look(desk: Desk, picture: Path, url: str) -> list[Any]:
    """What is wrong with a view, once it has loaded."""
    await desk.page.goto(url)
    await desk.page.locator("h1").first.wait_for()
    await desk.page.wait_for_load_state("networkidle")
    await desk.page.screenshot(path=picture)
    inspector = await desk.page.context.new_cdp_session(desk.page)
    await inspector.send("Runtime.evaluate", {"expression": AXE})  # past the policy, which allows no such script
    found = (await desk.page.evaluate("axe.run()"))["violations"]
    grave = [
        (picture.stem, at["id"], [node["html"][:200] for node in at["nodes"]]) for at in found if at["impact"] in GRAVE
    ]
    sideways = [(picture.stem, "sticks out sideways")] if await desk.page.evaluate(SIDEWAYS) else []
    if picture.stem == "login":
        desk.complaints.clear()  # whoever is not in yet is told 401
    return [*grave, *sideways]
