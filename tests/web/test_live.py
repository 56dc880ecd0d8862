"""Live calls in a real browser: getting in, words as they fall, what was heard, and a connection that breaks."""

from __future__ import annotations

import json

from playwright.async_api import WebSocketRoute, expect

from agent.access import COOKIE_NAME
from tests.web.desk import Desk
from tests.web.story import Story


async def test_the_start_link_is_traded_and_leaves_no_token(desk: Desk) -> None:
    await desk.log_in()
    token = desk.house.settings.operator_token.get_secret_value()
    assert await desk.page.evaluate("location.href") == f"{desk.house.url}/app"
    assert token not in json.dumps(await desk.page.context.storage_state())
    (cookie,) = [at for at in await desk.page.context.cookies() if at.get("name") == COOKIE_NAME]
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Strict"
    await expect(desk.page.get_by_text("The phones are quiet")).to_be_visible()
    assert desk.complaints == []


async def test_without_the_link_a_form_lets_in(desk: Desk) -> None:
    await desk.page.goto(desk.house.url)
    field = desk.page.get_by_label("Operator token")
    await field.fill("guess")
    await field.press("Enter")
    await expect(desk.page.get_by_role("alert")).to_be_visible()
    await field.fill(desk.house.settings.operator_token.get_secret_value())
    await field.press("Enter")
    await expect(desk.page.get_by_role("heading", name="Wall")).to_be_visible()
    await desk.page.get_by_role("button", name="Log out").click()
    await expect(field).to_be_visible()


async def test_words_grow_in_place_and_what_was_not_heard_is_struck(desk: Desk) -> None:
    await desk.log_in()
    call = Story(desk.house)
    call.begins()
    await desk.page.get_by_role("list", name="Live calls").get_by_text("+1 202 555 0143").click()
    log = desk.page.get_by_role("log")
    for text in ("A", "A cut", "A cut tomorrow"):
        call.hears(text, final=False)
        await expect(log.locator(".interim .said-text")).to_have_text(text)
    call.hears("A cut tomorrow, please.")
    await expect(log.locator(".interim")).to_have_count(0)
    await expect(log.locator(".said-caller .said-text")).to_have_text("A cut tomorrow, please.")
    call.says("Eleven is free. Shall I book it?", "Eleven is")
    await expect(log.locator("del.unheard")).to_contain_text("free. Shall I book it?")
    call.ends()
    await expect(desk.page.get_by_text("This call is over.")).to_be_visible()
    assert desk.complaints == []


async def test_what_callers_send_is_only_ever_text(desk: Desk) -> None:
    markup = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    await desk.log_in()
    call = Story(desk.house, caller=markup)
    call.begins()
    call.hears(markup)
    await desk.page.get_by_role("list", name="Live calls").get_by_role("link").click()
    await expect(desk.page.get_by_role("log").locator(".said-caller .said-text")).to_have_text(markup)
    await expect(desk.page.locator("main img, main script")).to_have_count(0)
    assert "owned" not in await desk.page.title()
    assert desk.complaints == []


class Line:
    """The page's connection, with somebody between who can break it or lose a delta."""

    def __init__(self) -> None:
        self.loses = ""
        """The next message of the server that contains this is lost."""
        self.asked: list[str] = []
        self._page: WebSocketRoute | None = None

    def connect(self, page: WebSocketRoute) -> None:
        self._page, server = page, page.connect_to_server()
        page.on_message(lambda said: self._ask(server, said))
        server.on_message(lambda said: self._tell(page, said))

    async def breaks(self) -> None:
        assert self._page is not None
        await self._page.close(code=1012)

    def _ask(self, server: WebSocketRoute, said: str | bytes) -> None:
        self.asked.append(str(said))
        server.send(said)

    def _tell(self, page: WebSocketRoute, said: str | bytes) -> None:
        if self.loses and isinstance(said, str) and self.loses in said:
            self.loses = ""
        else:
            page.send(said)


async def test_a_break_loses_no_line_and_doubles_none(desk: Desk) -> None:
    line = Line()
    await desk.page.route_web_socket("**/ops*", line.connect)
    await desk.log_in()
    call = Story(desk.house)
    call.begins()
    await desk.page.get_by_role("list", name="Live calls").get_by_role("link").click()
    lines = desk.page.get_by_role("log").locator(".said-text")
    await expect(lines).to_have_text(["Hello."])
    await line.breaks()
    call.hears("Said while nobody listened.")
    await expect(desk.page.get_by_text("Reconnecting")).to_be_visible()
    await expect(desk.page.get_by_text("Everything is up to date")).to_be_visible()
    call.says("And the answer.")
    await expect(lines).to_have_text(["Hello.", "Said while nobody listened.", "And the answer."])


async def test_a_lost_delta_is_noticed_and_asked_for(desk: Desk) -> None:
    line = Line()
    await desk.page.route_web_socket("**/ops*", line.connect)
    await desk.log_in()
    call = Story(desk.house)
    call.begins()
    await desk.page.get_by_role("list", name="Live calls").get_by_role("link").click()
    lines = desk.page.get_by_role("log").locator(".said-text")
    await expect(lines).to_have_text(["Hello."])
    line.loses = "This is lost."
    call.hears("This is lost.")
    call.says("This comes.")
    await expect(lines).to_have_text(["Hello.", "This is lost.", "This comes."])
    assert [json.loads(said) for said in line.asked] == [{"type": "resync", "call_sid": call.call_sid}]


async def test_an_act_that_is_refused_says_why(desk: Desk) -> None:
    """The story's call is on no line, so nobody can whisper in it."""
    await desk.log_in()
    call = Story(desk.house)
    call.begins()
    await desk.page.get_by_role("list", name="Live calls").get_by_role("link").click()
    await desk.page.keyboard.press("w")
    await desk.page.get_by_label("Whisper to the receptionist").fill("Offer a gloss.")
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.locator(".acts-frame").get_by_role("alert")).to_be_visible()
    await desk.page.keyboard.press("Escape")
    await desk.page.get_by_role("button", name="Hang up").click()
    await expect(desk.page.get_by_role("alertdialog")).to_contain_text("cut off at once")
    await desk.page.get_by_role("button", name="Cancel").click()
    await expect(desk.page.get_by_role("alertdialog")).to_have_count(0)
    assert desk.complaints == []
