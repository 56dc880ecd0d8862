"""Every shop in memory, so that answering a call never waits for a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType

from loguru import logger

from agent.errors import SettingsError, StoreError, Unavailable
from agent.events import AnyEvent, ShopChanged
from agent.model import Shop, to_e164
from agent.ports import EventBus, KnowledgeStore

FIRST_RETRY_S = 0.1
LAST_RETRY_S = 5.0


class KnowledgeCache:
    """The newest known version of each shop; lookups are in memory and immediate.

    Entering loads every shop, then ShopChanged events keep the cache fresh. Shops are frozen: what a lookup
    returned stays as it was, so a call is pinned to its version by keeping the object.
    """

    def __init__(
        self,
        store: KnowledgeStore,
        bus: EventBus,
        *,
        number_map: Mapping[str, int] | None = None,
        refresh_s: float | None = None,
    ) -> None:
        """`number_map` (E.164 to location) goes before the shops' own numbers.

        `refresh_s`: also look into the store this often, for changes by processes whose bus is not ours
        (`setup_shop.py` beside an embedded server). Raises SettingsError for a number that is not E.164.
        """
        self._store = store
        self._bus = bus
        self._overrides = _checked(number_map or {})
        self._refresh_s = refresh_s
        self._shops: dict[int, Shop] = {}
        self._numbers: dict[str, int] = {}
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._watchers: set[asyncio.Queue[Shop]] = set()

    async def __aenter__(self) -> KnowledgeCache:
        try:
            # Subscribed before loading, so that no change falls between the two.
            events = await self._stack.enter_async_context(self._bus.subscribe())
            await self.refresh()
        except BaseException:
            await self._stack.aclose()
            raise
        self._tasks.append(asyncio.create_task(self._follow(events), name="knowledge-follow"))
        if self._refresh_s is not None:
            self._tasks.append(asyncio.create_task(self._look(self._refresh_s), name="knowledge-refresh"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def shop_for_number(self, e164: str) -> Shop | None:
        """The shop a called number leads to, or None."""
        location_id = self.get_location_from_phone_number(e164)
        return None if location_id is None else self.shop(location_id)

    def shop(self, location_id: int) -> Shop | None:
        """The newest known version of a shop, or None."""
        return self._shops.get(location_id)

    def shops(self) -> tuple[Shop, ...]:
        """All shops, by location_id."""
        return tuple(self._shops[location_id] for location_id in sorted(self._shops))

    def get_location_from_phone_number(self, phone_number: str) -> int | None:
        """The location an E.164 number leads to, the number map first, or None."""
        override = self._overrides.get(phone_number)
        return self._numbers.get(phone_number) if override is None else override

    def get_location_knowledge(self, location_id: int) -> Shop | None:
        """The same as `shop`, under the name the KnowledgeStore port uses."""
        return self.shop(location_id)

    @asynccontextmanager
    async def changes(self) -> AsyncGenerator[AsyncIterator[Shop]]:
        """Every new version from entering on, once lookups return it, whoever stored it.

        A reader of ShopChanged alone may look here before the new version is loaded; a reader of this cannot.
        """
        queue: asyncio.Queue[Shop] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            yield _drained(queue)
        finally:
            self._watchers.discard(queue)

    async def refresh(self) -> None:
        """Load every shop anew. Raises StoreError, and then the cache is as it was.

        One shop that cannot be read is logged and left as it was: it must not take the others off the line.
        """
        shops: dict[int, Shop] = {}
        for listing in await self._store.list_shops():
            shop = await self._load(listing.location_id) or self._shops.get(listing.location_id)
            if shop is not None:
                shops[shop.location_id] = shop
        self._accept(shops)

    async def _load(self, location_id: int) -> Shop | None:
        try:
            return await self._store.get_location_knowledge(location_id)
        except Unavailable:
            raise
        except StoreError as why:
            logger.error("knowledge: location {} was left out: {}", location_id, why)
            return None

    async def _follow(self, events: AsyncIterator[AnyEvent]) -> None:
        async for event in events:
            if isinstance(event, ShopChanged):
                await self._reload(event)

    async def _reload(self, event: ShopChanged) -> None:
        wait_s = FIRST_RETRY_S
        while True:
            known = self._shops.get(event.location_id)
            if known is not None and known.version >= event.version:
                return
            try:
                shop = await self._load(event.location_id)
                break
            except StoreError as why:
                logger.warning("knowledge: location {} will be loaded again: {}", event.location_id, why)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, LAST_RETRY_S)
        if shop is not None:
            self._accept({**self._shops, shop.location_id: shop})

    async def _look(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.refresh()
            except StoreError as why:
                logger.warning("knowledge: the store could not be looked into: {}", why)

    def _accept(self, shops: dict[int, Shop]) -> None:
        before, self._shops = self._shops, shops
        self._numbers = {shop.phone_number: shop.location_id for shop in shops.values()}
        for location_id, shop in shops.items():
            known = before.get(location_id)
            if known is None or known.version != shop.version:
                for watcher in self._watchers:
                    watcher.put_nowait(shop)


async def _drained(queue: asyncio.Queue[Shop]) -> AsyncIterator[Shop]:
    while True:
        yield await queue.get()


def _checked(number_map: Mapping[str, int]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    problems: list[str] = []
    for number, location_id in number_map.items():
        try:
            numbers[to_e164(number)] = location_id
        except ValueError as why:
            problems.append(f"PHONE_TO_LOCATION_MAP: {why}")
    if problems:
        raise SettingsError(problems)
    return numbers
