"""What an operator's page is told and may ask, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import uvicorn
from fastapi import FastAPI
from patience import until

from agent.events import BookingChanged, CallRefused, ShopChanged
from agent.model import Booking, BusyStretch, CallRecord, Visit, VisitPart
from agent.settings import Settings
from dashboard_bridge.conversation import Limits
from dashboard_bridge.ops import operators_router
from dashboard_bridge.wire import OPS_MESSAGE, PROTOCOL_VERSION
from server import bound_socket

if TYPE_CHECKING:
    from bridge_rig import Bridge, Opener, Page


def a_booking(at: datetime) -> Booking:
    """An appointment in an hour."""
    times = {"staff": "Leilani", "starts": at + timedelta(hours=1), "ends": at + timedelta(hours=2)}
    visit = Visit(parts=(VisitPart(service="Cut", **times),), busy=(BusyStretch(**times),))
    return Booking(booking_id="b-1", location_id=1, state="cancelled", visit=visit, created_at=at, changed_at=at)


async def ready(page: Page, shops: int = 2) -> None:
    """Pass over the greeting and the first metrics."""
    await page.take(1 + shops)


async def test_a_page_that_asks_nothing_gets_every_shop_then_their_words(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        hello, one, two = await page.take(3)
        assert hello == {"type": "hello", "data": {"version": PROTOCOL_VERSION}}
        assert [one["type"], two["type"]] == ["metrics", "metrics"]
        (service,), (person,) = one["data"].pop("services"), one["data"].pop("professionals")
        assert one["data"] == {
            "location_id": 1,
            "business_name": "Tide & Tress",
            "recentCalls": [],
            "activeBookings": [],
        }
        # Fields beside these are new ones; those of before stay.
        assert service.items() >= {"name": "Cut", "price": "45.00", "price_from": False, "price_text": ""}.items()
        assert service.items() >= {"minutes": 30, "category": "", "description": ""}.items()
        assert service["staff"] == ["Leilani"]
        assert (person["name"], person["role"], person["specialties"]) == ("Leilani", "", ["curls"])
        bridge.heard("how much is", final=False)
        partial = await page.next_of("transcript")
        bridge.heard("How much is a cut?", final=True)
        bridge.spoken("It is 45 dollars, and", "It is 45")
        bridge.heard("Hello?", final=True, call_sid="CA2", at=2)
        final, answer, other = [await page.next_of("transcript") for _ in range(3)]
    assert (partial["text"], partial["speaker"], partial["final"]) == ("how much is", "caller", False)
    assert (final["text"], final["speaker"], final["final"]) == ("How much is a cut?", "caller", True)
    assert answer["text"] == "It is 45"
    assert (answer["speaker"], answer["final"], answer["interrupted"], answer["turn"]) == (
        "agent",
        True,
        True,
        1,
    )
    assert (other["location_id"], other["call_sid"]) == (2, "CA2")


async def test_every_message_is_of_the_documented_wire(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        messages = await page.take(3)
        await page.send({"type": "nonsense"})
        messages += await page.take(1)
        bridge.answered()
        bridge.spoken("Hi", "Hi", turn=0)
        bridge.ended()
        messages += await page.take(4)
    assert {OPS_MESSAGE.validate_python(message).type for message in messages} == {
        "hello",
        "metrics",
        "error",
        "call",
        "transcript",
    }


async def test_no_shop_sees_anothers_words(bridge: Bridge) -> None:
    async with bridge.ops("?location_id=1") as one, bridge.ops("?location_id=2") as two:
        await ready(one, shops=1)
        await ready(two, shops=1)
        for turn in range(1, 20):
            bridge.heard(f"of one {turn}", final=True, turn=turn)
            bridge.heard(f"of two {turn}", final=True, turn=turn, call_sid="CA2", at=2)
        bridge.ended()
        bridge.ended("CA2", at=2)
        for page, location_id in ((one, 1), (two, 2)):
            seen = await page.take(20)
            assert {at["data"]["location_id"] for at in seen} == {location_id}


async def test_a_page_may_narrow_and_widen_its_view(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        await ready(page)
        await page.send({"type": "subscribe", "locations": [2]})
        assert (await page.next_of("metrics"))["location_id"] == 2
        bridge.heard("not for this page", final=True)
        bridge.heard("for this page", final=True, call_sid="CA2", at=2)
        assert (await page.next_of("transcript"))["text"] == "for this page"
        await page.send({"type": "subscribe", "locations": None})
        assert {(await page.next_of("metrics"))["location_id"] for _ in range(2)} == {1, 2}
        bridge.heard("seen again", final=True)
        assert (await page.next_of("transcript"))["text"] == "seen again"


async def test_metrics_follow_calls_and_shops(bridge: Bridge) -> None:
    async with bridge.ops("?location_id=1") as page:
        await ready(page, shops=1)
        bridge.answered()
        call = await page.next_of("call")
        assert (call["state"], call["caller"], call["reason"]) == ("answered", "+14155550100", None)
        (live,) = (await page.next_of("metrics"))["recentCalls"]
        assert (live["call_sid"], live["live"], live["ended_at"]) == ("CA1", True, None)
        bridge.ended()
        assert (await page.next_of("call"))["reason"] == "caller_hung_up"
        (over,) = (await page.next_of("metrics"))["recentCalls"]
        assert (over["live"], over["end_reason"]) == (False, "caller_hung_up")
        bridge.shops.by_location[1] = bridge.shops.by_location[1].model_copy(update={"business_name": "New"})
        bridge.bus.publish(ShopChanged(at=bridge.now, location_id=1, version=2))
        assert (await page.next_of("metrics"))["business_name"] == "New"
        bridge.shops.by_location[1] = bridge.shops.by_location[1].model_copy(update={"business_name": "Newer"})
        bridge.bus.publish(BookingChanged(at=bridge.now, location_id=1, booking=a_booking(bridge.now)))
        assert (await page.next_of("metrics"))["business_name"] == "Newer"


async def test_recent_calls_are_stored_ones_and_those_just_heard_of(bridge: Bridge) -> None:
    head = {"location_id": 1, "caller": "anonymous", "called": "+18084826291"}
    for minutes, sid in ((40, "dead process"), (10, "running")):
        started = bridge.now.replace(hour=8, minute=60 - minutes)
        bridge.calls.records.append(CallRecord(call_sid=sid, started_at=started, **head))
    bridge.answered("CA9")
    async with bridge.ops("?location_id=1") as page:
        calls = (await page.next_of("metrics"))["recentCalls"]
    assert [(at["call_sid"], at["live"]) for at in calls] == [
        ("CA9", True),
        ("running", True),
        ("dead process", False),
    ]


async def test_a_store_in_trouble_costs_only_the_past(bridge: Bridge) -> None:
    bridge.calls.broken = True
    async with bridge.ops("?location_id=1") as page:
        assert (await page.next_of("metrics"))["recentCalls"] == []
        bridge.answered()
        assert len((await page.next_of("metrics"))["recentCalls"]) == 1
    assert bridge.relay.counters["store_failures"] == 2


async def test_what_belongs_to_no_shop_is_told_to_nobody(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        await ready(page)
        bridge.bus.publish(CallRefused(at=bridge.now, call_sid="CA3", caller="x", called="y", code="unknown_number"))
        bridge.heard("next", final=True)
        assert (await page.next())["data"]["text"] == "next"


@pytest.mark.parametrize(
    "command",
    [
        "not json",
        "[]",
        b"\xff\xfe",
        "[" * 20_000,
        '{"type": "listen"}',
        '{"type": "subscribe", "locations": []}',
        '{"type": "subscribe", "locations": [-1]}',
        '{"type": "subscribe", "locations": [1], "extra": 1}',
    ],
)
async def test_a_malformed_command_is_answered_and_forgiven(bridge: Bridge, command: str | bytes) -> None:
    async with bridge.ops() as page:
        await ready(page)
        await page.send(command)
        assert (await page.next_of("error"))["code"] == "malformed"
        bridge.heard("still here", final=True)
        assert (await page.next_of("transcript"))["text"] == "still here"
    assert bridge.relay.counters["malformed"] == 1


async def test_an_unknown_shop_changes_nothing(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        await ready(page)
        await page.send({"type": "subscribe", "locations": [2, 99]})
        assert (await page.next_of("error"))["code"] == "unknown_location"
        bridge.heard("of shop one", final=True)
        assert (await page.next_of("transcript"))["text"] == "of shop one"


@pytest.mark.parametrize(("query", "code"), [("?location_id=x", "malformed"), ("?location_id=99", "unknown_location")])
async def test_a_bad_query_shows_no_shop_at_all(bridge: Bridge, query: str, code: str) -> None:
    async with bridge.ops(query) as page:
        assert (await page.next_of("error"))["code"] == code
        bridge.heard("for nobody", final=True)
        await page.send({"type": "subscribe", "locations": [1]})
        assert (await page.next())["type"] == "metrics"


async def test_the_sixth_mistake_closes(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        await ready(page)
        for _ in range(6):
            await page.send("?")
        codes = [(await page.next_of("error"))["code"] for _ in range(6)]
        assert codes == ["malformed"] * 5 + ["too_many_mistakes"]
        assert await page.closed() == 1008


@pytest.mark.parametrize("size", [64 * 1024 + 1, 2_000_000])
async def test_an_oversized_message_closes(bridge: Bridge, size: int) -> None:
    async with bridge.ops() as page:
        await ready(page)
        await page.send("x" * size)
        assert (await page.next_of("error"))["code"] == "too_big"
        assert await page.closed() == 1009
    assert bridge.relay.counters["oversized"] == 1


async def test_the_servers_own_limit_closes_and_counts_too(open_bridge: Opener) -> None:
    bridge = await open_bridge(ws_max_size=64 * 1024)
    async with bridge.ops() as page:
        await ready(page)
        await page.send("x" * 2_000_000)
        assert await page.closed() == 1009
    await until(lambda: bridge.relay.counters["oversized"] == 1)


async def deaf_socket(bridge: Bridge) -> socket.socket:
    """A raw connection with a tiny receive buffer, for a browser that never reads."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", bridge.port))
    return raw


async def test_a_browser_that_does_not_read_is_let_go_and_delays_nobody(open_bridge: Opener) -> None:
    bridge = await open_bridge(send_wait_s=0.3)
    options = {"sock": await deaf_socket(bridge), "max_queue": 1, "compression": None}
    async with bridge.ops() as reader, bridge.ops(**options) as deaf:
        await ready(reader)
        await ready(deaf)
        # More than all buffers between the two hold, in messages that fit the queue.
        for turn in range(1, 400):
            bridge.heard("x" * 50_000, final=True, turn=turn)
        for turn in range(1, 400):
            assert (await reader.next_of("transcript"))["turn"] == turn
        await until(lambda: bridge.relay.counters["stuck"] == 1)
        await until(lambda: bridge.relay.watching == 1)
        bridge.heard("and on it goes", final=True, turn=400)
        assert (await reader.next_of("transcript"))["text"] == "and on it goes"
        deaf.socket.transport.abort()


async def test_a_browser_too_far_behind_is_told_and_closed(open_bridge: Opener) -> None:
    bridge = await open_bridge(max_lines=10)
    async with bridge.ops() as page:
        await ready(page)
        # All at once: the browser's writer has no chance to run between them.
        for turn in range(1, 12):
            bridge.heard("words", final=True, turn=turn)
        assert (await page.next_of("error"))["code"] == "too_slow"
        assert await page.closed() == 1013
    assert bridge.relay.counters["overflowed"] == 1


async def test_partials_of_a_turn_coalesce_to_the_newest(open_bridge: Opener) -> None:
    bridge = await open_bridge(max_lines=10)
    async with bridge.ops() as page:
        await ready(page)
        for words in range(1, 100):
            bridge.heard("so " * words, final=False)
            bridge.heard("and " * words, final=False, call_sid="CA2", at=2)
        one, two = await page.next_of("transcript"), await page.next_of("transcript")
        assert {one["text"], two["text"]} == {"so " * 99, "and " * 99}
        bridge.heard("so", final=False, turn=2)
        bridge.heard("So what?", final=True, turn=2)
        assert (await page.next_of("transcript"))["text"] == "So what?"
    assert bridge.relay.counters["partials_coalesced"] == 2 * 98
    assert bridge.relay.counters["overflowed"] == 0


async def test_a_full_queue_gives_up_partials_before_it_gives_up(open_bridge: Opener) -> None:
    bridge = await open_bridge(max_lines=10)
    async with bridge.ops() as page:
        await ready(page)
        for call in range(10):
            bridge.heard("hm", final=False, call_sid=f"partial {call}")
        for call in range(10):
            bridge.heard("Well.", final=True, call_sid=f"final {call}")
        bridge.heard("uh", final=False, call_sid="late")
        texts = [(await page.next_of("transcript"))["text"] for _ in range(10)]
        assert texts == ["Well."] * 10
    assert bridge.relay.counters["partials_shed"] == 11


async def test_stopping_tells_the_pages(bridge: Bridge) -> None:
    async with bridge.ops() as page:
        await ready(page)
        await bridge.relay.__aexit__(None, None, None)
        assert (await page.next_of("error"))["code"] == "server_stopping"
        assert await page.closed() == 1001


async def test_a_gone_browser_leaves_nothing_behind(bridge: Bridge) -> None:
    for _ in range(5):
        async with bridge.ops() as page:
            await ready(page)
    await until(lambda: bridge.relay.watching == 0)
    await until(lambda: not [at for at in asyncio.all_tasks() if at.get_name().startswith("ops.")])


@pytest.mark.parametrize("limits", [{"max_ops_sockets": 3}, {"max_ops_sockets_per_address": 3}])
async def test_a_flood_of_sockets_is_turned_away(open_bridge: Opener, limits: dict[str, int]) -> None:
    bridge = await open_bridge(**limits)
    async with bridge.ops() as one, bridge.ops(), bridge.ops(headers={}):
        async with bridge.ops() as fourth:
            assert (await fourth.next())["data"]["code"] == "too_many_sockets"
            assert await fourth.closed() == 1013
        await one.socket.close()
        await until(lambda: bridge.relay.watching == 1)
        async with bridge.ops() as again:
            assert (await again.next())["type"] == "hello"
    assert bridge.relay.counters["flooded"] == 1


async def test_dead_readers_cost_a_bounded_queue_and_nobody_elses_words(open_bridge: Opener) -> None:
    bridge = await open_bridge(max_lines=50)
    async with AsyncExitStack() as stack:
        living = [await stack.enter_async_context(bridge.ops("?feed=full")) for _ in range(5)]
        for number in range(5):
            options = {"sock": await deaf_socket(bridge), "max_queue": 1, "compression": None}
            deaf = await stack.enter_async_context(bridge.ops("?feed=full" if number % 2 else "", **options))
            stack.callback(deaf.socket.transport.abort)
        for page in living:
            await page.next_of("snapshot")
        await until(lambda: bridge.relay.watching == 10)
        bridge.answered()
        for turn in range(1, 300):
            bridge.heard("x" * 30_000, final=True, turn=turn)
            assert bridge.relay.waiting < 10 * (50 + 10)
            for page in living:
                while (at := (await page.next_of("event"))["event"])["type"] != "turn.heard":
                    pass
                assert at["turn"] == turn
    counters = bridge.relay.counters
    assert counters["overflowed"] >= 5
    assert counters["events_failed"] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the option is Linux's")
async def test_a_dead_reader_does_not_keep_its_connection(bridge: Bridge) -> None:
    """After the relay has let go, the server still waits to send the rest: the kernel has to cut it off."""
    app = FastAPI()
    limits = Limits(send_wait_s=0.2)
    app.include_router(operators_router(bridge.relay, bridge.door, settings=Settings(), limits=limits))
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    with bound_socket(config, dead_after_ms=500) as listening:
        bridge.port = listening.getsockname()[1]
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        options = {"sock": await deaf_socket(bridge), "max_queue": 1, "compression": None}
        async with bridge.ops(**options) as deaf:
            await ready(deaf)
            for turn in range(1, 400):
                bridge.heard("x" * 50_000, final=True, turn=turn)
            await until(lambda: bridge.relay.watching == 0)
            await until(lambda: not server.server_state.connections, 10)
            deaf.socket.transport.abort()
        server.should_exit = True
        await serving
