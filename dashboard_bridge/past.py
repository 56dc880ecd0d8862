"""What the stores know of each shop: its latest calls, and what is booked from today on."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, time, timedelta

from loguru import logger

from agent.errors import StoreError
from agent.model import CallRecord, Shop
from agent.ports import BookingStore, CallStore, Clock
from dashboard_bridge.board import MAX_RECENT
from dashboard_bridge.call_state import BookingCard, card_of
from dashboard_bridge.shelf import Shelf, keep
from dashboard_bridge.shops import ShopReader
from dashboard_bridge.vendors import VendorBoard

CALLS_KEPT_S = 2.0
"""Events tell of newer calls; this only spares the store when many browsers come at once."""
BOOKINGS_KEPT_S = 60.0
"""Appointments made in our calls are told by events; others are noticed after this long."""
MAX_BOOKINGS = 500


class Past:
    """Bounded reads. A store in trouble costs only what is new: the last that was read is shown on."""

    def __init__(
        self,
        shops: ShopReader,
        calls: CallStore,
        bookings: BookingStore | None,
        *,
        clock: Clock,
        counters: Counter[str],
        vendors: VendorBoard,
    ) -> None:
        self._shops = shops
        self._call_store = calls
        self._booking_store = bookings
        self._clock = clock
        self._counters = counters
        self._vendors = vendors
        self._last_calls: dict[int, list[CallRecord]] = {}
        self._last_bookings: dict[int, tuple[BookingCard, ...]] = {}
        self._calls = Shelf(self._read_calls, CALLS_KEPT_S)
        self._bookings = Shelf(self._read_bookings, BOOKINGS_KEPT_S)

    async def calls(self, location_id: int, *, anew: bool = False) -> list[CallRecord]:
        """The latest calls that are stored, newest first."""
        return await self._calls.get(location_id, anew=anew)

    async def bookings(self, location_id: int, *, anew: bool = False) -> tuple[BookingCard, ...]:
        """What is booked for today, in the shop's time, and later; by start, at most MAX_BOOKINGS."""
        return await self._bookings.get(location_id, anew=anew)

    def bookings_known(self, location_id: int) -> tuple[BookingCard, ...]:
        """What was read last."""
        return self._last_bookings.get(location_id, ())

    async def aclose(self) -> None:
        await self._calls.aclose()
        await self._bookings.aclose()

    async def _read_calls(self, location_id: int) -> list[CallRecord]:
        try:
            return keep(self._last_calls, location_id, await self._call_store.recent_calls(location_id, MAX_RECENT))
        except StoreError as why:
            self._failed(f"recent calls of location {location_id}", why)
            return self._last_calls.get(location_id, [])

    async def _read_bookings(self, location_id: int) -> tuple[BookingCard, ...]:
        shop = self._shops.shop(location_id)
        if shop is None or self._booking_store is None:
            return ()
        now = self._clock()
        starts, ends = _from_today(shop, now)
        try:
            found = await self._booking_store.bookings_between(location_id, starts, ends, now=now)
        except StoreError as why:
            self._failed(f"bookings of location {location_id}", why)
        else:
            booked = (booking for booking in found if booking.state == "booked")
            keep(self._last_bookings, location_id, tuple(map(card_of, booked))[:MAX_BOOKINGS])
        return self.bookings_known(location_id)

    def _failed(self, what: str, why: StoreError) -> None:
        # The live view goes on without what is stored; what events tell is shown all the same.
        self._counters["store_failures"] += 1
        self._vendors.failed("store", what, self._clock())
        logger.warning("{} cannot be read: {}", what, why)


def _from_today(shop: Shop, now: datetime) -> tuple[datetime, datetime]:
    """From the shop's midnight to the end of what may be booked."""
    midnight = datetime.combine(now.astimezone(shop.zone).date(), time(), tzinfo=shop.zone)
    return midnight, midnight + timedelta(days=shop.booking.horizon_days + 1)
