"""From the event bus to every browser that may see it. Publishing never waits for any of this."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from loguru import logger

from agent.errors import StoreError
from agent.events import (
    AnyEvent,
    BookingCancelled,
    BookingChanged,
    BookingMade,
    BookingMoved,
    OfCall,
    ShopChanged,
    VendorDegraded,
)
from agent.model import CallRecord, Shop
from agent.ports import BookingStore, CallStore, Clock, EventBus
from dashboard_bridge.board import CallBoard
from dashboard_bridge.browser import MAX_LINES, Browser, Fresh, Parting
from dashboard_bridge.call_state import BookingCard
from dashboard_bridge.counters import new_counters
from dashboard_bridge.live import LiveCalls
from dashboard_bridge.past import BOOKINGS_KEPT_S, Past
from dashboard_bridge.rooms import Feed, Rooms
from dashboard_bridge.shelf import keep
from dashboard_bridge.shops import ShopReader
from dashboard_bridge.vendors import VendorBoard, VendorsData
from dashboard_bridge.wire import (
    Bookings,
    BookingsData,
    Metrics,
    MetricsData,
    OpsMessage,
    SnapshotData,
    Vendors,
    shape,
)

BUS_LIMIT = 2_000
"""Events the relay may lag behind the bus. It only shapes and queues: only a stuck loop gets this far."""
TICK_S = 1.0
MAX_TIMED = 200
"""Shops whose book is read every minute for those who watch all shops; more would be a load of its own."""


class Relay:
    """Rooms by shop, a bounded queue per browser. An async context manager: it listens while entered.

    `counters` counts what went wrong or was given up; `dashboard_bridge.counters` says what each means.
    """

    def __init__(
        self,
        bus: EventBus,
        shops: ShopReader,
        calls: CallStore,
        bookings: BookingStore | None = None,
        *,
        clock: Clock,
        longest_call_s: int = 1800,
        max_lines: int = MAX_LINES,
    ) -> None:
        longest_call = timedelta(seconds=longest_call_s)
        self.shops = shops
        self.counters: Counter[str] = new_counters()
        self.live = LiveCalls(longest_call)
        self.vendors = VendorBoard()
        self._bus = bus
        self._calls = calls
        self._clock = clock
        self._max_lines = max_lines
        self._board = CallBoard(longest_call)
        self._rooms = Rooms()
        self._past = Past(shops, calls, bookings, clock=clock, counters=self.counters, vendors=self.vendors)
        self._stale: dict[int, bool] = {}
        self._some_stale = asyncio.Event()
        self._vendors_told = VendorsData()
        self._metrics_told: dict[int, tuple[Shop, Metrics, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        events = await self._exit.enter_async_context(self._bus.subscribe(limit=BUS_LIMIT))
        self._exit.push_async_callback(self._past.aclose)
        self._start(self._listen(events), "relay.listen")
        self._start(self._refresh(), "relay.refresh")
        self._start(self._tick(), "relay.tick")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for browser in self._rooms:
            browser.part(Parting(1001, "server_stopping", "The server is stopping."))
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._exit.aclose()

    @property
    def watching(self) -> int:
        """How many browsers are connected."""
        return len(self._rooms)

    @property
    def waiting(self) -> int:
        """How many messages wait for them, all queues together."""
        return sum(map(len, self._rooms))

    def now(self) -> datetime:
        """By the house's clock."""
        return self._clock()

    def vendor_states(self) -> VendorsData:
        """How the vendors are doing, as far as calls tell."""
        return self.vendors.states(self._clock())

    @contextmanager
    def browser(self) -> Generator[Browser]:
        """A place for one browser, which sees nothing until `show` is called for it."""
        browser = Browser(self.counters, self._max_lines)
        self._rooms.enter(browser)
        try:
            yield browser
        finally:
            self._rooms.leave(browser)

    async def show(self, browser: Browser, locations: frozenset[int] | None, feed: Feed = "plain") -> None:
        """Let a browser see these shops and no others (None: all), beginning with how they stand.

        The full feed begins with the calls on the line at once; what has to be read from a store follows.
        """
        known = [shop.location_id for shop in self.shops.listings()]
        shown = [at for at in known if locations is None or at in locations]
        if feed == "full":
            self._show_live(browser, locations)
        stored = {at: (await self._past.calls(at), await self._past.bookings(at)) for at in shown}
        # From here on nothing waits, so no call can begin or end between the metrics and what follows them.
        if feed == "plain":
            browser.end_full()
            browser.keep_only(locations)
            self._rooms.place(browser, "plain", locations)
        for location_id in shown:
            self._show_stored(browser, feed, location_id, *stored[location_id])

    def snapshot(self, locations: frozenset[int] | None, call_sid: str | None = None) -> Fresh:
        """The calls of these shops as they are now, or one of them."""
        calls = [at for at in self.live.seen_from(locations) if call_sid is None or at.call_sid == call_sid]
        shops = [at for at in self.shops.listings() if locations is None or at.location_id in locations]
        frame = SnapshotData(at=self._clock(), call_sid=call_sid, calls=(), shops=tuple(shops)).model_dump_json()
        # The calls' JSON is made once for all browsers, and put where the frame has none.
        head, empty, tail = frame.partition('"calls":[]')
        data = f"{head}{empty[:-1]}{','.join(call.json for call in calls)}]{tail}"
        return Fresh(f'{{"type":"snapshot","data":{data}}}', {call.call_sid: call.n for call in calls})

    def broadcast_to_location(self, location_id: int, message: OpsMessage, feed: Feed = "plain") -> None:
        """Queue a message for every browser that watches this shop. Returns at once."""
        watchers = self._rooms.watching(location_id, feed)
        if watchers:
            line = message.model_dump_json()
            for browser in watchers:
                browser.put(location_id, message, line)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _show_live(self, browser: Browser, locations: frozenset[int] | None) -> None:
        browser.keep_only(locations)
        self._rooms.place(browser, "full", locations)
        browser.begin_full(lambda call_sid: self.snapshot(locations, call_sid))
        vendors = Vendors(data=self._vendors_told)
        browser.put(0, vendors, vendors.model_dump_json())

    def _show_stored(
        self, browser: Browser, feed: Feed, location_id: int, calls: list[CallRecord], cards: tuple[BookingCard, ...]
    ) -> None:
        metrics = self._metrics(location_id, calls, cards)
        if metrics is None:
            return
        browser.put(location_id, *metrics)
        if feed == "full":
            bookings = Bookings(data=BookingsData(location_id=location_id, bookings=cards))
            browser.put(location_id, bookings, bookings.model_dump_json())

    async def _listen(self, events: AsyncIterator[AnyEvent]) -> None:
        async for event in events:
            try:
                self._tell(event)
            except Exception:
                # One event that cannot be shaped must not end the transcript of every call.
                self.counters["events_failed"] += 1
                logger.exception("the dashboards were not told of {}", event.type)

    def _tell(self, event: AnyEvent) -> None:
        self._tell_live(event)
        message = shape(event)
        if message is not None:
            self.broadcast_to_location(message.data.location_id, message)
        self.vendors.note(event)
        if isinstance(event, VendorDegraded):
            self._tell_vendors()
        changed = event.location_id if isinstance(event, ShopChanged) else self._board.note(event)
        if isinstance(event, BookingMade | BookingMoved | BookingCancelled | BookingChanged):
            self._mark_stale(event.location_id, bookings=True)
        elif changed is not None:
            self._mark_stale(changed)

    def _tell_live(self, event: AnyEvent) -> None:
        before = self.live.get(event.call_sid) if isinstance(event, OfCall) else None
        delta = self.live.note(event)
        if delta is None:
            return
        call = self.live.get(delta.event.call_sid)
        told_anew = before is not None and call is not before
        joined_late = delta.n == 1 and call is not None and not call.known
        for browser in self._rooms.watching(delta.event.location_id, "full"):
            if joined_late or told_anew:
                browser.resync(delta.event.call_sid)  # no event tells the page how it stands
            else:
                browser.put_delta(delta)
        if joined_late:
            self._start(self._fill(delta.event), "relay.fill")

    async def _fill(self, event: OfCall) -> None:
        """A call we joined in its middle, because this process is younger: its beginning is in the store."""
        try:
            record = await self._calls.get_call(event.location_id, event.call_sid)
            turns = await self._calls.get_turns(event.location_id, event.call_sid)
        except StoreError as why:
            self.counters["store_failures"] += 1
            logger.warning("the beginning of call {} cannot be read: {}", event.call_sid, why)
            return
        call, shop = self.live.get(event.call_sid), self.shops.shop(event.location_id)
        if call is not None and record is not None:
            call.fill(record, turns, shop.business_name if shop else "")
            for browser in self._rooms.watching(event.location_id, "full"):
                browser.resync(event.call_sid)

    def _mark_stale(self, location_id: int, *, bookings: bool = False) -> None:
        self._stale[location_id] = bookings or self._stale.get(location_id, False)
        self._some_stale.set()

    async def _refresh(self) -> None:
        """Send new metrics of shops whose calls or facts changed; many changes at once make one message."""
        while True:
            await self._some_stale.wait()
            self._some_stale.clear()
            stale, self._stale = self._stale, {}
            await asyncio.gather(*(self._renew(at, books) for at, books in stale.items() if self._rooms.watched(at)))

    async def _renew(self, location_id: int, bookings_changed: bool) -> None:
        try:
            calls = await self._past.calls(location_id, anew=True)
            before = self._past.bookings_known(location_id)
            cards = await self._past.bookings(location_id, anew=bookings_changed)
            metrics = self._metrics(location_id, calls, cards)
            if metrics is not None:
                for browser in self._rooms.watching(location_id, "plain") + self._rooms.watching(location_id, "full"):
                    browser.put(location_id, *metrics)
            if cards != before:
                told = Bookings(data=BookingsData(location_id=location_id, bookings=cards))
                self.broadcast_to_location(location_id, told, "full")
        except Exception:
            self.counters["events_failed"] += 1
            logger.exception("the dashboards were not told how location {} stands", location_id)

    async def _tick(self) -> None:
        """What nobody announces: time."""
        looked = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(TICK_S)
            self.live.sweep(self._clock())
            self._tell_vendors()
            if asyncio.get_running_loop().time() - looked > BOOKINGS_KEPT_S:
                looked = asyncio.get_running_loop().time()
                for location_id in self._looked_at():
                    self._mark_stale(location_id, bookings=True)

    def _looked_at(self) -> set[int]:
        """The shops whose book is read again every minute: those watched by name, and all where they are few."""
        listings = self.shops.listings()
        few = {shop.location_id for shop in listings} if len(listings) <= MAX_TIMED else set[int]()
        return self._rooms.named() | few

    def _tell_vendors(self) -> None:
        states = self.vendors.states(self._clock())
        if states != self._vendors_told:
            self._vendors_told = states
            message = Vendors(data=states)
            line = message.model_dump_json()
            for browser in self._rooms.with_feed("full"):
                browser.put(0, message, line)

    def _metrics(
        self, location_id: int, calls: list[CallRecord], cards: tuple[BookingCard, ...]
    ) -> tuple[Metrics, str] | None:
        """A shop as it stands, with its JSON; what has not changed is not made again for every browser."""
        shop = self.shops.shop(location_id)
        if shop is None:
            return None
        recent = self._board.recent(location_id, calls, self._clock())
        told = self._metrics_told.get(location_id)
        if told is not None and told[0] == shop:
            data = told[1].data
            if data.recentCalls == recent and data.activeBookings == cards:
                return told[1:]
        metrics = Metrics(
            data=MetricsData(
                location_id=location_id,
                business_name=shop.business_name,
                recentCalls=recent,
                activeBookings=cards,
                services=shop.services,
                professionals=shop.professionals,
            )
        )
        return keep(self._metrics_told, location_id, (shop, metrics, metrics.model_dump_json()))[1:]
