"""From the event bus to every browser that may see it. Publishing never waits for any of this."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

from loguru import logger

from agent.errors import StoreError
from agent.events import AnyEvent, BookingChanged, ShopChanged
from agent.model import CallRecord, Shop
from agent.ports import CallStore, Clock, EventBus
from dashboard_bridge.board import MAX_RECENT, CallBoard
from dashboard_bridge.browser import MAX_LINES, Browser, Parting
from dashboard_bridge.wire import Metrics, MetricsData, OpsMessage, shape

BUS_LIMIT = 2_000
"""Events the relay may lag behind the bus. It only shapes and queues: only a stuck loop gets this far."""


class ShopReader(Protocol):
    """What the relay asks about shops: an answer at once, from memory."""

    def shop(self, location_id: int) -> Shop | None:
        """The approved shop, or None."""
        ...

    def shops(self) -> Sequence[Shop]:
        """All approved shops, by location_id."""
        ...


class Relay:
    """Rooms by shop, a bounded queue per browser. An async context manager: it listens while entered.

    `counters` counts what went wrong or was given up: partials_coalesced, partials_shed, overflowed, stuck,
    oversized, malformed, refused, store_failures, events_failed.
    """

    def __init__(
        self,
        bus: EventBus,
        shops: ShopReader,
        calls: CallStore,
        *,
        clock: Clock,
        longest_call_s: int = 1800,
        max_lines: int = MAX_LINES,
    ) -> None:
        self.shops = shops
        self.counters: Counter[str] = Counter()
        self._bus = bus
        self._calls = calls
        self._clock = clock
        self._max_lines = max_lines
        self._board = CallBoard(timedelta(seconds=longest_call_s))
        self._browsers: dict[Browser, frozenset[int] | None] = {}
        self._stale: dict[int, None] = {}
        self._some_stale = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        events = await self._exit.enter_async_context(self._bus.subscribe(limit=BUS_LIMIT))
        self._tasks = [
            asyncio.create_task(self._listen(events), name="relay.listen"),
            asyncio.create_task(self._refresh(), name="relay.refresh"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for browser in list(self._browsers):
            browser.part(Parting(1001, "server_stopping", "The server is stopping."))
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._exit.aclose()

    @property
    def watching(self) -> int:
        """How many browsers are connected."""
        return len(self._browsers)

    @contextmanager
    def browser(self) -> Generator[Browser]:
        """A place for one browser, which sees nothing until `show` is called for it."""
        browser = Browser(self.counters, self._max_lines)
        self._browsers[browser] = frozenset()
        try:
            yield browser
        finally:
            del self._browsers[browser]

    async def show(self, browser: Browser, locations: frozenset[int] | None) -> None:
        """Let a browser see these shops and no others (None: all), beginning with one metrics of each."""
        known = [shop.location_id for shop in self.shops.shops()]
        shown = [at for at in known if locations is None or at in locations]
        stored = {location_id: await self._stored(location_id) for location_id in shown}
        # From here on nothing waits, so no call can begin or end between the snapshot and what follows it.
        browser.keep_only(locations)
        self._browsers[browser] = locations
        for location_id in shown:
            metrics = self._metrics(location_id, stored[location_id])
            if metrics is not None:
                browser.put(location_id, metrics, metrics.model_dump_json())

    def broadcast_to_location(self, location_id: int, message: OpsMessage) -> None:
        """Queue a message for every browser that watches this shop. Returns at once."""
        watchers = self._watchers(location_id)
        if watchers:
            line = message.model_dump_json()
            for browser in watchers:
                browser.put(location_id, message, line)

    def _watchers(self, location_id: int) -> list[Browser]:
        return [at for at, seen in self._browsers.items() if seen is None or location_id in seen]

    async def _listen(self, events: AsyncIterator[AnyEvent]) -> None:
        async for event in events:
            try:
                self._tell(event)
            except Exception:
                # One event that cannot be shaped must not end the transcript of every call.
                self.counters["events_failed"] += 1
                logger.exception("the dashboards were not told of {}", event.type)

    def _tell(self, event: AnyEvent) -> None:
        message = shape(event)
        if message is not None:
            self.broadcast_to_location(message.data.location_id, message)
        changed = event.location_id if isinstance(event, ShopChanged | BookingChanged) else self._board.note(event)
        if changed is not None:
            self._stale[changed] = None
            self._some_stale.set()

    async def _refresh(self) -> None:
        """Send new metrics of shops whose calls or facts changed; many changes at once make one message."""
        while True:
            await self._some_stale.wait()
            self._some_stale.clear()
            stale, self._stale = self._stale, {}
            for location_id in stale:
                if self._watchers(location_id):
                    metrics = self._metrics(location_id, await self._stored(location_id))
                    if metrics is not None:
                        self.broadcast_to_location(location_id, metrics)

    async def _stored(self, location_id: int) -> list[CallRecord]:
        try:
            return await self._calls.recent_calls(location_id, MAX_RECENT)
        except StoreError as why:
            # The live view goes on without the past; what events told is shown all the same.
            self.counters["store_failures"] += 1
            logger.warning("recent calls of location {} cannot be read: {}", location_id, why)
            return []

    def _metrics(self, location_id: int, stored: list[CallRecord]) -> Metrics | None:
        shop = self.shops.shop(location_id)
        if shop is None:
            return None
        data = MetricsData(
            location_id=location_id,
            business_name=shop.business_name,
            recentCalls=self._board.recent(location_id, stored, self._clock()),
            services=shop.services,
            professionals=shop.professionals,
        )
        return Metrics(data=data)
