"""What operators do to calls from a page: acts, listening, taking over; and who may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from patience import until

from agent.errors import Conflict, NotFound
from agent.model import AudioFrame
from dashboard_bridge.visitor import Visitor

if TYPE_CHECKING:
    from bridge_rig import Bridge, Page


async def act(page: Page, name: str, call_sid: str = "CA1", **facts: object) -> dict[str, Any]:
    """Ask for an act; the answer, whichever it is."""
    await page.send({"type": "act", "id": f"my {name}", "act": name, "call_sid": call_sid, **facts})
    while True:
        message = await page.next()
        if message["data"].get("id") == f"my {name}":
            return message


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("whisper", {"text": "Offer Tuesday."}),
        ("say", {"text": "One moment."}),
        ("take_over", {}),
        ("transfer", {"to": "+1 808 482 6299"}),
        ("transfer", {}),
        ("hang_up", {}),
        ("listen", {}),
    ],
)
async def test_an_act_reaches_the_call_with_who_did_it(bridge: Bridge, name: str, facts: dict[str, str]) -> None:
    bridge.answered()
    async with bridge.ops() as page:
        assert await act(page, name, **facts) == {"type": "acted", "data": {"id": f"my {name}", "ok": True}}
        command = bridge.control.commands[0]
    assert (command.command, command.location_id, command.call_sid) == (name, 1, "CA1")
    assert (command.operator, command.text) == ("operator", facts.get("text", ""))
    assert command.to == ("+18084826299" if facts.get("to") else None)
    assert bridge.relay.counters["acts"] == 1


@pytest.mark.parametrize(
    ("name", "call_sid", "facts", "code"),
    [
        ("say", "CA1", {}, "text_missing"),
        ("whisper", "CA1", {"text": "  "}, "text_missing"),
        ("say", "CA1", {"text": "x" * 1001}, "text_too_long"),
        ("transfer", "CA1", {"to": "the manager"}, "number_invalid"),
        ("hang_up", "CA-never", {}, "call_not_live"),
        ("hang_up", "CA-over", {}, "call_not_live"),
    ],
)
async def test_an_act_that_cannot_be_is_refused(
    bridge: Bridge, name: str, call_sid: str, facts: dict[str, str], code: str
) -> None:
    bridge.answered()
    bridge.answered("CA-over")
    bridge.ended("CA-over")
    async with bridge.ops() as page:
        answer = await act(page, name, call_sid, **facts)
    assert (answer["type"], answer["data"]["code"]) == ("error", code)
    assert bridge.control.commands == []
    assert bridge.relay.counters["acts_refused"] == 1


async def test_what_the_call_refuses_is_told_with_its_code(bridge: Bridge) -> None:
    bridge.answered()
    bridge.control.refusal = Conflict("already_taken_over", "Kai has it.")
    async with bridge.ops() as page:
        answer = await act(page, "take_over")
    assert answer["data"] == {"code": "already_taken_over", "message": "Kai has it.", "id": "my take_over"}


async def test_a_viewer_looks_and_listens(bridge: Bridge) -> None:
    bridge.people["eyes"] = Visitor("Vi", {1: "viewer"})
    bridge.answered()
    async with bridge.ops(headers={"Authorization": "Bearer eyes"}) as page:
        for name in ("whisper", "say", "take_over", "hand_back", "transfer", "hang_up"):
            assert (await act(page, name, text="x"))["data"]["code"] == "not_allowed"
        assert (await act(page, "listen"))["type"] == "acted"
    assert bridge.control.acts == ["listen"]


async def test_listening_is_binary_frames_between_two_messages(bridge: Bridge) -> None:
    bridge.answered()
    async with bridge.ops() as page:
        await act(page, "listen")
        for side, ulaw in (("caller", b"\xff" * 160), ("agent", b"\x7f" * 160), ("operator", b"\x01")):
            frame = AudioFrame.model_validate({"call_sid": "CA1", "side": side, "at_ms": 70_000, "ulaw": ulaw})
            bridge.control.sound.put_nowait(frame)
        frames = [await page.frame() for _ in range(3)]
        assert frames[0] == b"\x00\x00\x01\x11\x70" + b"\xff" * 160
        assert [at[0] for at in frames] == [0, 1, 2]
        await page.send({"type": "act", "id": "stop", "act": "unlisten", "call_sid": "CA1"})
        assert await page.next_of("audio") == {"call_sid": "CA1", "on": False}
        await until(lambda: bridge.control.listening == 0)


async def test_listening_to_another_call_ends_the_first(bridge: Bridge) -> None:
    bridge.answered()
    bridge.answered("CA2", at=2)
    async with bridge.ops() as page:
        await page.send({"type": "act", "id": "1", "act": "listen", "call_sid": "CA1"})
        assert await page.next_of("audio") == {"call_sid": "CA1", "on": True}
        await page.send({"type": "act", "id": "2", "act": "listen", "call_sid": "CA2"})
        assert await page.next_of("audio") == {"call_sid": "CA1", "on": False}
        assert await page.next_of("audio") == {"call_sid": "CA2", "on": True}
        assert bridge.control.listening == 1
    await until(lambda: bridge.control.listening == 0)


@pytest.mark.parametrize(
    ("why", "code"),
    [(NotFound("call_not_live", "It has just ended."), "call_not_live"), (OSError("a bug"), "listening_failed")],
)
async def test_listening_that_fails_leaves_the_page_at_work(bridge: Bridge, why: Exception, code: str) -> None:
    bridge.answered()
    bridge.control.silence = why
    async with bridge.ops() as page:
        assert (await act(page, "listen"))["data"]["code"] == code
        bridge.control.silence = None
        assert (await act(page, "listen"))["type"] == "acted"


async def test_the_operator_is_heard_only_while_the_call_is_theirs(bridge: Bridge) -> None:
    bridge.answered()
    async with bridge.ops() as page:
        await page.send(b"\x10too soon")
        await act(page, "take_over")
        await page.send(b"\x10" + b"\x55" * 160)
        await page.send(b"\x10" + b"\x55" * 1601)
        await page.send(b"\x10")
        await act(page, "hand_back")
        await page.send(b"\x10too late")
        await act(page, "hang_up")
    assert bridge.control.spoken == [("CA1", "operator", b"\x55" * 160)]
    assert bridge.relay.counters["audio_refused"] == 4
    assert bridge.relay.counters["malformed"] == 0


async def test_a_torn_socket_hands_the_call_back(bridge: Bridge) -> None:
    bridge.answered()
    async with bridge.ops() as page:
        await act(page, "take_over")
        page.socket.transport.abort()
    await until(lambda: bridge.control.acts == ["take_over", "hand_back"])
    assert bridge.control.commands[1].operator == "operator"


async def test_a_browser_that_lags_loses_old_sound_not_words(bridge: Bridge) -> None:
    bridge.answered()
    with bridge.relay.browser() as browser:
        await bridge.relay.show(browser, None)
        for number in range(300):
            browser.put_audio(bytes((number % 256,)))
        frames = []
        while len(frames) < 100:
            line = await browser.next_line()
            frames += [line] if isinstance(line, bytes) else []
    assert frames[-1] == bytes((299 % 256,))
    assert bridge.relay.counters["audio_shed"] == 200
