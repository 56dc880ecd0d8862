"""Whole calls in a real browser: emulated callers, the server as it runs, Redis and a second process where needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, expect
from rig.redis import RedisServer

from agent.access import COOKIE_NAME, MemberCookies
from agent.emulators.report import CallReport
from agent.emulators.scenario import parse_scenario
from agent.events import BookingMade, CallAnswered, CallEnded, OperatorActed, TurnHeard, TurnSpoken
from agent.wiring import utc_now
from tests.calls.conftest import brief
from tests.house import COPPER_LANE, PLUMERIA, House, open_house
from tests.servers import free_port, running_server, url_of
from tests.web.story import Story

CALLER = "+12025550177"
SHOPS = (brief(PLUMERIA), brief(COPPER_LANE))
SHOWN_MS = 15_000


def ring(house: House, *steps: dict[str, Any]) -> asyncio.Task[CallReport]:
    """A call to the first shop, under way."""
    scene = {"name": "watched", "to": PLUMERIA.phone_number, "caller": CALLER, "steps": list(steps)}
    return asyncio.create_task(house.call(parse_scenario(scene)))


@asynccontextmanager
async def page_at(browser: Browser, url: str, token: str) -> AsyncGenerator[Page]:
    """The operators' page, logged in by its start link."""
    context = await browser.new_context(reduced_motion="reduce")
    await context.grant_permissions(["microphone"], origin=url)
    page = await context.new_page()
    page.set_default_timeout(SHOWN_MS)
    await page.goto(f"{url}/#token={token}")
    await page.get_by_role("heading", name="Wall").wait_for()
    yield page
    await context.close()


async def open_call(page: Page) -> None:
    """From the wall into the call that is on it."""
    await page.get_by_role("list", name="Live calls").get_by_role("link").click(timeout=SHOWN_MS)


async def write(page: Page, act: str, label: str, text: str) -> None:
    """Press an act's button and give it words."""
    await page.get_by_role("button", name=act, exact=True).click()
    await page.get_by_label(label).fill(text)
    await page.keyboard.press("Enter")


async def test_words_arrive_as_they_fall_and_a_booking_shows(browser: Browser, dist: object) -> None:
    steps = (
        {"say": "Hello there, I would like a root touch-up with Ana on Wednesday at ten, please."},
        {"say": "Yes please. My name is Nora Quinn."},
        {"silence": 4},
    )
    async with (
        open_house(shops=SHOPS, operator_token="watch", port=free_port()) as house,
        page_at(browser, house.url, "watch") as page,
    ):
        call = ring(house, *steps)
        await open_call(page)
        log = page.get_by_role("log")
        interim = log.locator(".interim .said-text")
        await expect(interim).not_to_have_text("", timeout=SHOWN_MS)
        assert not house.told(TurnHeard, turn=1, final=True), "the words are shown before the sentence is over"
        await write(page, "Whisper", "Whisper to the receptionist", "Offer them a coffee.")
        await house.event(BookingMade, 30)
        await expect(page.get_by_text("Nora Quinn").first).to_be_visible(timeout=SHOWN_MS)
        assert not call.done(), "the booking shows while the call goes on"
        spoken = await house.event(OperatorActed, act="whisper")
        assert spoken.detail == "Offer them a coffee."
        await call


async def test_whispered_words_are_in_the_next_answer(browser: Browser, dist: object) -> None:
    async with (
        open_house(shops=SHOPS, operator_token="watch", port=free_port()) as house,
        page_at(browser, house.url, "watch") as page,
    ):
        call = ring(house, {"silence": 5}, {"say": "How much is a balayage?"}, {"wait": "agent_done"})
        await open_call(page)
        await write(page, "Whisper", "Whisper to the receptionist", "Offer them a gloss for free.")
        await house.event(OperatorActed, act="whisper")
        await expect(page.get_by_role("log").get_by_text("Offer them a gloss for free.")).to_be_visible(timeout=30_000)
        spoken = await house.event(TurnSpoken, 20, turn=1)
        assert spoken.heard_text.endswith("Offer them a gloss for free.")
        await call


async def test_operators_of_two_shops_never_see_each_others(browser: Browser, dist: object) -> None:
    secret = "a secret that signs cookies"
    issuer = "http://127.0.0.1:9"  # nobody is asked: the cookies are good already
    settings: dict[str, Any] = {"secret_key": secret, "jwt_issuer": issuer, "port": free_port()}
    async with open_house(shops=SHOPS, operator_token="watch", **settings) as house:
        people = {1: "6f1c2a52-0000-4000-8000-000000000001", 2: "6f1c2a52-0000-4000-8000-000000000002"}
        pages: dict[int, Page] = {}
        contexts: list[BrowserContext] = []
        for location_id, user_id in people.items():
            await house.services.members.set_role(location_id, user_id, "operator")
            cookies = MemberCookies(secret.encode(), utc_now)
            value = cookies.issue(user_id, f"kai{location_id}@example.com", utc_now() + timedelta(hours=1))
            context = await browser.new_context()
            await context.add_cookies([{"name": COOKIE_NAME, "value": value, "url": house.url, "httpOnly": True}])
            contexts.append(context)
            pages[location_id] = await context.new_page()
            await pages[location_id].goto(house.url)
            await pages[location_id].get_by_role("heading", name="Wall").wait_for()
        mine = Story(house)  # a call to shop 1
        mine.begins()
        mine.hears("A secret of the first shop.")
        await expect(pages[1].get_by_text("A secret of the first shop.")).to_be_visible(timeout=SHOWN_MS)
        for view in ("/app", "/app/calls", "/app/shops", f"/app/live/{mine.call_sid}", f"/app/calls/{mine.call_sid}"):
            await pages[2].goto(house.url + view)
            await pages[2].get_by_role("main").wait_for()
            await pages[2].wait_for_load_state("networkidle")
            await expect(pages[2].get_by_text("A secret of the first shop.")).to_have_count(0)
            await expect(pages[2].get_by_text(PLUMERIA.business_name)).to_have_count(0)
        for context in contexts:
            await context.close()


async def test_take_over_carries_sound_both_ways_from_a_process_apart(
    browser: Browser, dist: object, redis: RedisServer
) -> None:
    """Chromium's pretended microphone beeps; the caller hears it, and the page gets the caller's voice."""
    async with open_house(shops=SHOPS, operator_token="watch", redis_url=redis.url) as house:
        apart = house.settings.model_copy(update={"port": free_port()})
        async with (
            running_server(apart, "--only", "bridge", ready="/healthz"),
            page_at(browser, url_of(apart), "watch") as page,
        ):
            frames: list[bytes] = []
            talks_over = {"after_ms": 9000, "say": "How much is a balayage?"}  # the microphone beeps all the time
            call = ring(house, {"barge_in": talks_over}, {"silence": 4})
            answered = await house.event(CallAnswered)
            await open_call(page)
            await page.get_by_role("button", name="Take over", exact=True).click()
            await house.event(OperatorActed, act="take_over")
            await expect(page.get_by_label("Microphone level")).to_be_visible(timeout=SHOWN_MS)
            async with house.services.switchboard.listen(1, answered.call_sid) as sound:
                async with asyncio.timeout(10):
                    async for frame in sound:
                        if frame.side == "operator":
                            frames.append(frame.ulaw)
                        if len({byte for heard in frames for byte in heard}) > 8:
                            break
            heard = await house.event(TurnHeard, 20, turn=1, final=True)
            assert heard.text == "How much is a balayage?"
            await expect(page.get_by_role("log").get_by_text(heard.text)).to_be_visible(timeout=SHOWN_MS)
            await page.get_by_role("button", name="Hand back", exact=True).click()
            await house.event(OperatorActed, act="hand_back")
            report = await call
    assert b"".join(frames)[:40] in report.agent_audio


async def test_restarts_of_redis_and_of_the_server_lose_no_line_and_need_no_reload(
    browser: Browser, dist: object, redis: RedisServer
) -> None:
    async with open_house(shops=SHOPS, operator_token="watch", redis_url=redis.url, secret_key="kept") as house:
        apart = house.settings.model_copy(update={"port": free_port()})
        story = Story(house)
        async with (
            running_server(apart, "--only", "bridge", ready="/healthz") as bridge,
            page_at(browser, url_of(apart), "watch") as page,
        ):
            story.begins()
            await open_call(page)
            lines = page.get_by_role("log").locator(".said-text")
            await expect(lines).to_have_text(["Hello."], timeout=SHOWN_MS)
            redis.kill()
            story.hears("Said while Redis was away.")
            await asyncio.sleep(0.3)
            redis.start()
            await expect(lines).to_have_text(["Hello.", "Said while Redis was away."], timeout=SHOWN_MS)
            bridge.kill()
            await bridge.wait()
            story.says("And while the server was.")
            await expect(page.get_by_text("Reconnecting")).to_be_visible(timeout=SHOWN_MS)
            async with running_server(apart, "--only", "bridge", ready="/healthz"):
                expected = ["Hello.", "Said while Redis was away.", "And while the server was."]
                await expect(lines).to_have_text(expected, timeout=30_000)
                story.hears("How nice.", turn=2)
                await expect(lines).to_have_text([*expected, "How nice."], timeout=SHOWN_MS)
                story.ends()
                await expect(page.get_by_text("This call is over.")).to_be_visible(timeout=SHOWN_MS)
        await house.event(CallEnded)
