"""The full feed: a snapshot, numbered events after it, and nothing a page cannot explain."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from page_mirror import Mirror
from patience import until

from agent.events import (
    BookingCancelled,
    BookingHeld,
    BookingMade,
    CallTransferred,
    ClaimMismatched,
    OperatorActed,
    QuestionUnanswered,
    StageTimed,
    ToolUsed,
    TurnStarted,
    VendorDegraded,
)
from agent.model import Booking, CallRecord, Turn
from agent.stores.embedded import EmbeddedStore
from dashboard_bridge.visitor import Visitor
from dashboard_bridge.wire import OPS_MESSAGE

if TYPE_CHECKING:
    from pathlib import Path

    from bridge_rig import Bridge, Opener, Page

B1, B2, B3 = (f"00000000-0000-4000-8000-00000000000{at}" for at in range(1, 4))
FULL = {"type": "subscribe", "locations": None, "feed": "full"}


async def begin(page: Page) -> dict[str, Any]:
    """Ask for the full feed; the first snapshot."""
    await page.send(FULL)
    return await page.next_of("snapshot")


async def server_state(bridge: Bridge) -> dict[str, Any]:
    """What the relay knows, once it has taken all that was published."""
    live = bridge.relay.live
    await until(lambda: {at.call_sid: at.n for at in live.seen_from(None)} == bridge.published)
    return {at.call_sid: at.snapshot().model_dump(mode="json") for at in bridge.relay.live.seen_from(None)}


def booking(bridge: Bridge, booking_id: str = B1, state: str = "booked", days: int = 1, at: int = 1) -> Booking:
    starts = bridge.now + timedelta(days=days)
    part = {"service": "Cut", "staff": "Leilani", "starts": starts, "ends": starts + timedelta(minutes=30)}
    busy = {"staff": "Leilani", "starts": starts, "ends": starts + timedelta(minutes=30)}
    facts = {"visit": {"parts": [part], "busy": [busy]}, "customer_name": "Ann", "state": state}
    moments = {"created_at": bridge.now, "changed_at": bridge.now}
    return Booking.model_validate({"booking_id": booking_id, "location_id": at} | facts | moments)


async def test_a_snapshot_holds_the_calls_on_the_line(bridge: Bridge) -> None:
    bridge.answered()
    bridge.spoken("Hi", "Hi", turn=0)
    bridge.heard("A cut, please", final=True)
    bridge.publish(
        ToolUsed, turn=1, tool="offer", tool_call_id="t1", arguments={"service": "Cut"}, outcome="ok", took_ms=3.0
    )
    bridge.publish(BookingHeld, booking=booking(bridge, B2, "held"))
    bridge.publish(BookingMade, booking=booking(bridge))
    bridge.publish(StageTimed, turn=1, stage="llm", ms=300.0)
    bridge.publish(QuestionUnanswered, turn=1, question="Parking?")
    bridge.publish(VendorDegraded, vendor="openai", code="timeout", message="slow")
    async with bridge.ops() as page:
        data = await begin(page)
    (call,) = data["calls"]
    assert (call["caller"], call["state"], call["n"], call["operator"]) == ("+14155550100", "thinking", 9, None)
    assert [(at["speaker"], at["text"]) for at in call["lines"]] == [("agent", "Hi"), ("caller", "A cut, please")]
    assert [(at["tool"], at["outcome"]) for at in call["tools"]] == [("offer", "ok")]
    assert [(at["booking_id"], at["what"], at["customer_name"]) for at in call["bookings"]] == [
        (B1, "Cut with Leilani", "Ann")
    ]
    assert call["timings"] == [{"turn": 1, "stage": "llm", "ms": 300.0}]
    assert call["flags"] == ["unanswered", "vendor:openai"]
    assert [at["location_id"] for at in data["shops"]] == [1, 2]


async def test_events_follow_numbered_and_of_the_documented_wire(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        assert (await begin(page))["calls"] == []
        bridge.answered()
        bridge.publish(TurnStarted, turn=1, interrupting=False)
        bridge.heard("Hello?", final=True)
        bridge.publish(BookingCancelled, booking=booking(bridge, state="cancelled"))
        bridge.ended()
        seen = []
        while len(seen) < 5:
            message = await page.next()
            OPS_MESSAGE.validate_python(message)
            assert message["type"] not in {"transcript", "call"}
            seen += [message["data"]] if message["type"] == "event" else []
    assert [(at["n"], at["from_n"], at["event"]["type"]) for at in seen] == [
        (1, 1, "call.answered"),
        (2, 2, "turn.started"),
        (3, 3, "turn.heard"),
        (4, 4, "booking.cancelled"),
        (5, 5, "call.ended"),
    ]
    assert seen[2]["event"]["text"] == "Hello?"


async def test_half_said_words_coalesce_and_the_numbers_tell(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        await begin(page)
        bridge.answered()
        for words in range(1, 6):
            bridge.heard("so " * words, final=False)
        bridge.publish(StageTimed, turn=1, stage="stt", ms=9.0)
        bridge.heard("So what?", final=True)
        events = [await page.next_of("event") for _ in range(3)]
    assert [(at["from_n"], at["n"]) for at in events] == [(1, 1), (2, 7), (8, 8)]
    assert events[2]["event"]["text"] == "So what?"
    assert bridge.relay.counters["partials_coalesced"] == 5


@pytest.mark.parametrize("call_sid", [None, "CA1", "CA-gone"])
async def test_a_resync_tells_one_call_or_all(bridge: Bridge, call_sid: str | None) -> None:
    bridge.answered()
    bridge.answered("CA2", at=2)
    async with bridge.ops() as page:
        await begin(page)
        await page.send({"type": "resync"} | ({"call_sid": call_sid} if call_sid else {}))
        data = await page.next_of("snapshot")
        expected = {None: ["CA1", "CA2"], "CA1": ["CA1"], "CA-gone": []}[call_sid]
        assert (data["call_sid"], [at["call_sid"] for at in data["calls"]]) == (call_sid, expected)
        bridge.heard("and on", final=True)
        assert (await page.next_of("event"))["n"] == 2
    assert bridge.relay.counters["resynced"] == 1


async def test_a_resync_belongs_to_the_full_feed(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        await page.send({"type": "resync"})
        assert (await page.next_of("error"))["code"] == "malformed"


async def test_a_page_may_go_back_to_the_plain_feed(bridge: Bridge) -> None:
    async with bridge.ops("?feed=full") as page:
        assert [at["type"] for at in await page.take(2)] == ["hello", "snapshot"]
        for _ in range(2):
            await page.next_of("bookings")
        await page.send({"type": "subscribe", "locations": [1]})
        await page.next_of("metrics")
        bridge.answered()
        await page.next_of("call")
        bridge.heard("plain words", final=True)
        message = await page.next_of("transcript")
    assert message["text"] == "plain words"


async def test_a_full_queue_becomes_a_snapshot(open_bridge: Opener) -> None:
    bridge = await open_bridge(max_lines=10)
    mirror = Mirror()
    async with bridge.ops() as page:
        await page.send(FULL)
        while not mirror.snapshots:
            mirror.take(await page.next())
        # All at once: the browser's writer has no chance to run between them.
        bridge.answered()
        for turn in range(1, 40):
            bridge.heard(f"words {turn}", final=True, turn=turn)
        while mirror.calls != await server_state(bridge):
            mirror.take(await page.next())
        bridge.ended()
        while mirror.calls != await server_state(bridge):
            mirror.take(await page.next())
    assert (mirror.snapshots, mirror.gaps) == (2, 0)
    assert [at["text"] for at in mirror.calls["CA1"]["lines"]] == [f"words {turn}" for turn in range(1, 40)]
    assert bridge.relay.counters["overflowed"] == 1


def something(bridge: Bridge, dice: random.Random, call_sid: str, at: int) -> None:
    """Any event that a call may have next."""
    turn = dice.randrange(1, 6)
    text = f"words {dice.randrange(1000)}"
    facts: list[tuple[type[Any], dict[str, object]]] = [
        (TurnStarted, {"turn": turn, "interrupting": False}),
        (StageTimed, {"turn": turn, "stage": dice.choice(["llm", "voice_to_voice"]), "ms": 5.0}),
        (ClaimMismatched, {"turn": turn, "kind": "price", "said": "45", "did": "50"}),
        (QuestionUnanswered, {"turn": turn, "question": "?"}),
        (VendorDegraded, {"vendor": dice.choice(["openai", "elsewhere"]), "code": "x", "message": "y"}),
        (OperatorActed, {"operator": "Kai", "act": dice.choice(["take_over", "hand_back", "whisper"])}),
        (CallTransferred, {"to": "+18084826299", "reason": "asked"}),
    ]
    match dice.randrange(10):
        case 0 | 1 | 2 | 3 | 4:
            bridge.heard(text, final=False, call_sid=call_sid, at=at, turn=turn)
        case 5:
            bridge.heard(text, final=True, call_sid=call_sid, at=at, turn=turn)
        case 6:
            bridge.spoken(text, text[: dice.randrange(1, 9)], call_sid=call_sid, at=at, turn=turn)
        case _:
            kind, told = dice.choice(facts if dice.random() < 0.1 else facts[:-1])
            bridge.publish(kind, call_sid, at, **told)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_a_page_ends_up_knowing_what_the_server_knows(open_bridge: Opener, seed: int) -> None:
    dice = random.Random(seed)
    bridge = await open_bridge(max_lines=dice.choice([4, 12, 500]))
    lines = [(f"CA{number}", 1 + number % 2) for number in range(6)]
    mirror = Mirror()
    for _ in range(6):  # each time a new socket: the last one was torn
        async with bridge.ops() as page:
            await page.send(FULL)
            seen = mirror.snapshots
            while mirror.snapshots == seen:
                mirror.take(await page.next())
            for _ in range(dice.randrange(5, 15)):
                for _ in range(dice.randrange(1, 30)):
                    something(bridge, dice, *dice.choice(lines))
                if dice.random() < 0.2:
                    await page.send({"type": "resync"} | dice.choice([{}, {"call_sid": dice.choice(lines)[0]}]))
                for _ in range(dice.randrange(4)):
                    assert mirror.take(await page.next()) is None
                    something(bridge, dice, *dice.choice(lines))
            await page.send({"type": "resync", "call_sid": "no more"})
            while mirror.calls != await server_state(bridge):
                assert mirror.take(await page.next()) is None
            page.socket.transport.abort()
        mirror.calls.clear()
    assert mirror.gaps == 0


async def test_two_operators_of_two_shops_never_see_each_others(bridge: Bridge) -> None:
    bridge.people.update(one=Visitor("Ann", {1: "operator"}), two=Visitor("Bo", {2: "operator"}))
    bridge.answered("CA0")
    seen: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    async with (
        bridge.ops(headers={"Authorization": "Bearer one"}) as one,
        bridge.ops(headers={"Authorization": "Bearer two"}) as two,
    ):
        for page in (one, two):
            await begin(page)
        for turn in range(1, 30):
            bridge.heard(f"of one {turn}", final=True, turn=turn)
            bridge.heard(f"of two {turn}", final=True, turn=turn, call_sid="CA2", at=2)
        for location_id, page, call_sid in ((1, one, "CA2"), (2, two, "CA1")):
            await page.send({"type": "subscribe", "locations": [3 - location_id], "feed": "full"})
            assert (await page.next_of("error"))["code"] == "unknown_location"
            await page.send({"type": "act", "id": "a", "act": "listen", "call_sid": call_sid})
            await page.send({"type": "resync", "call_sid": call_sid})
            while not (seen[location_id] and seen[location_id][-1]["data"].get("call_sid") == call_sid):
                seen[location_id].append(await page.next())
    for location_id, messages in seen.items():
        text = json.dumps(messages)
        assert f'"location_id": {3 - location_id}' not in text
        assert {1: "of two", 2: "of one"}[location_id] not in text
        assert "call_not_live" in text
        assert messages[-1]["data"]["calls"] == []
    assert bridge.control.commands == []


async def test_a_call_found_in_its_middle_is_filled_from_the_store(bridge: Bridge) -> None:
    head = {"location_id": 1, "call_sid": "CA7"}
    started = bridge.now - timedelta(minutes=2)
    bridge.calls.records.append(
        CallRecord.model_validate({**head, "caller": "+14155550199", "called": "+18084826291", "started_at": started})
    )
    bridge.calls.turns.append(
        Turn.model_validate({**head, "index": 1, "heard": "Hi", "said": "Hello", "spoken": "Hello", "at": started})
    )
    async with bridge.ops() as page:
        await begin(page)
        bridge.heard("Are you there?", final=True, call_sid="CA7", turn=2)
        (call,) = (await page.next_of("snapshot"))["calls"]
        while not call["caller"]:
            (call,) = (await page.next_of("snapshot"))["calls"]
        bridge.heard("Yes?", final=True, call_sid="CA7", turn=3)
        assert (await page.next_of("event"))["from_n"] == 2
    assert (call["caller"], call["business_name"], call["n"]) == ("+14155550199", "Tide & Tress", 1)
    assert [(at["turn"], at["text"]) for at in call["lines"]] == [(1, "Hi"), (1, "Hello"), (2, "Are you there?")]


async def test_ended_calls_leave_after_a_while(bridge: Bridge) -> None:
    bridge.answered()
    bridge.ended()
    bridge.answered("CA2")
    async with bridge.ops() as page:
        assert [at["state"] for at in (await begin(page))["calls"]] == ["ended", "greeting"]
        bridge.now += timedelta(seconds=61)
        bridge.relay.live.sweep(bridge.now)
        await page.send({"type": "resync"})
        assert [at["call_sid"] for at in (await page.next_of("snapshot"))["calls"]] == ["CA2"]
        bridge.now += timedelta(hours=1)  # longer than any call: its process died without a word
        bridge.relay.live.sweep(bridge.now)
    assert len(bridge.relay.live) == 0


async def test_vendors_are_told_when_they_fail_and_recover(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        await page.send(FULL)
        assert set((await page.next_of("vendors")).values()) == {"ok"}
        bridge.publish(VendorDegraded, vendor="cartesia", code="x", message="y")
        assert (await page.next_of("vendors"))["cartesia"] == "degraded"
        for call_sid in ("CA2", "CA3"):
            bridge.publish(VendorDegraded, call_sid, vendor="cartesia", code="x", message="y")
        assert (await page.next_of("vendors"))["cartesia"] == "down"
        bridge.now += timedelta(seconds=61)
        assert (await page.next_of("vendors"))["cartesia"] == "ok"


async def test_bookings_are_live(open_bridge: Opener, tmp_path: Path) -> None:
    async with EmbeddedStore.open(tmp_path / "book.db") as store:
        bridge = await open_bridge(bookings=store.bookings)
        await store.store_knowledge("location_1", bridge.shops.by_location[1])
        await store.bookings.put_booking(booking(bridge, B3, days=-1))
        await store.bookings.put_booking(booking(bridge))
        async with bridge.ops("?location_id=1") as plain, bridge.ops() as full:
            (card,) = (await plain.next_of("metrics"))["activeBookings"]
            assert (card["booking_id"], card["what"], card["state"]) == (B1, "Cut with Leilani", "booked")
            await full.send({"type": "subscribe", "locations": [1], "feed": "full"})
            assert [at["booking_id"] for at in (await full.next_of("bookings"))["bookings"]] == [B1]
            made = await store.bookings.put_booking(booking(bridge, B2, days=2))
            bridge.publish(BookingMade, booking=made)
            assert [at["booking_id"] for at in (await full.next_of("bookings"))["bookings"]] == [B1, B2]
            assert len((await plain.next_of("metrics"))["activeBookings"]) == 2
