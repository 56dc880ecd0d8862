"""Every shop in memory, so that answering a call never waits for a store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count
from types import TracebackType
from typing import TypeVar

from loguru import logger

from agent.errors import SettingsError, StoreError, Unreadable
from agent.events import AnyEvent, ShopChanged
from agent.knowledge.asking import Asking
from agent.knowledge.memory import ShopMemory
from agent.model import Shop, ShopListing, ShopVersion, to_e164
from agent.ports import EventBus, ShopSource

A = TypeVar("A")

FIRST_RETRY_S = 0.1
LAST_RETRY_S = 5.0


class KnowledgeCache:
    """The newest known version of each shop; lookups are in memory and immediate.

    Entering loads every shop. Three things keep them fresh: ShopChanged events, a look at the store's versions
    now and then, and the question put to the store when a phone rings, which no change of any process escapes.
    Shops are frozen: what a lookup returned stays as it was, so a call is pinned to its version by keeping the
    object. `counters`: checks_late and checks_failed, the calls answered from what was known.
    """

    def __init__(
        self,
        store: ShopSource,
        bus: EventBus,
        *,
        number_map: Mapping[str, int] | None = None,
        refresh_s: float | None = None,
        check_s: float = 0.3,
    ) -> None:
        """`number_map` (E.164 to location) goes before the shops' own numbers.

        `refresh_s`: also look into the store this often, for changes by processes whose bus is not ours
        (`setup_shop.py` beside an embedded server). `check_s`: how long a ringing phone waits for the store.
        Raises SettingsError for a number that is not E.164.
        """
        self.counters: Counter[str] = Counter()
        self._store = store
        self._bus = bus
        self._overrides = _checked(number_map or {})
        self._refresh_s = refresh_s
        self._check_s = check_s
        self._memory = ShopMemory()
        self._left_out: dict[int, int] = {}
        """The versions that could not be read: asked for again when there is another one."""
        self._order = count(1)
        self._called = Asking(self._look_up)
        self._reloads = Asking(self._reload)
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._watchers: dict[asyncio.Queue[int], None] = {}

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
        await self._called.stop()
        await self._reloads.stop()

    # From memory, at once

    def shop_for_number(self, e164: str) -> Shop | None:
        """The shop a called number leads to, or None."""
        location_id = self.get_location_from_phone_number(e164)
        return None if location_id is None else self.shop(location_id)

    def shop(self, location_id: int) -> Shop | None:
        """The newest known version of a shop, or None."""
        return self._memory.shop(location_id)

    def listings(self) -> tuple[ShopListing, ...]:
        """All shops, by location_id."""
        return self._memory.listings()

    def get_location_from_phone_number(self, phone_number: str) -> int | None:
        """The location an E.164 number leads to, the number map first, or None."""
        override = self._overrides.get(phone_number)
        return self._memory.location_of(phone_number) if override is None else override

    def get_location_knowledge(self, location_id: int) -> Shop | None:
        """The same as `shop`, under the name the KnowledgeStore port uses."""
        return self.shop(location_id)

    # While a phone rings

    async def shop_called(self, e164: str) -> Shop | None:
        """The shop a number leads to as the store has it now, whichever process stored it.

        Takes one small question, one for all who call that number at once. When the store does not answer within
        `check_s`, that is logged and counted, and the answer is what memory holds. Never raises for the store.
        """
        try:
            location_id = await self._in_time(self._called.answer(e164, self._check_s), e164)
        except _NotTold:
            return self.shop_for_number(e164)
        return None if location_id is None else self.shop(location_id)

    async def shop_at_least(self, location_id: int, version: int) -> Shop | None:
        """A shop in this version or a newer one: at once when memory has it, else as `shop_called`.

        For the process that is given a call of which another one heard the ringing.
        """
        known = self._memory.version_of(location_id)
        if known is None or known < version:
            with suppress(_NotTold):
                await self._in_time(self._reloads.answer(location_id, self._check_s), location_id)
        return self.shop(location_id)

    async def _in_time(self, answer: Awaitable[A], subject: object) -> A:
        try:
            return await answer
        except TimeoutError as why:
            self.counters["checks_late"] += 1
            logger.warning("knowledge: {} is answered from memory, the store is slow", subject)
            raise _NotTold from why
        except StoreError as why:
            self.counters["checks_failed"] += 1
            logger.warning("knowledge: {} is answered from memory: {}", subject, why)
            raise _NotTold from why

    async def _look_up(self, e164: str) -> int | None:
        called = await self._led_to(e164)
        stale: set[int] = set()
        if called is not None and called.version != self._known_version(called.location_id):
            stale.add(called.location_id)
        before = self.get_location_from_phone_number(e164)
        if before is not None and (called is None or called.location_id != before):
            stale.add(before)  # the number is no longer that shop's
        if stale:
            await self._load(stale)
        return None if called is None else called.location_id

    async def _led_to(self, e164: str) -> ShopVersion | None:
        override = self._overrides.get(e164)
        if override is None:
            return await self._store.get_version_from_phone_number(e164)
        version = await self._store.get_knowledge_version(override)
        return None if version is None else ShopVersion(location_id=override, version=version)

    async def _reload(self, location_id: int) -> None:
        await self._load([location_id])

    # Behind the calls

    @asynccontextmanager
    async def changes(self) -> AsyncGenerator[AsyncIterator[Shop]]:
        """Every shop that changes from entering on, once lookups return its new version, whoever stored it.

        A reader of ShopChanged alone may look here before the new version is loaded; a reader of this cannot. One
        that falls behind is given the newest version.
        """
        queue: asyncio.Queue[int] = asyncio.Queue()
        self._watchers[queue] = None
        try:
            yield self._drained(queue)
        finally:
            self._watchers.pop(queue, None)

    async def _drained(self, queue: asyncio.Queue[int]) -> AsyncIterator[Shop]:
        while True:
            shop = self.shop(await queue.get())
            if shop is not None:
                yield shop

    async def refresh(self) -> None:
        """Ask the store for every shop's version, load what has changed, forget what is gone. Raises StoreError.

        A shop that cannot be read is logged and left as it was: it must not take the others off the line.
        """
        asked = next(self._order)
        versions = await self._store.get_knowledge_versions()
        for location_id in self._memory.locations() - versions.keys():
            self._memory.drop(location_id, asked)
        for location_id in self._left_out.keys() - versions.keys():
            del self._left_out[location_id]
        changed = [at for at, version in versions.items() if version != self._known_version(at)]
        if changed:
            await self._load(changed if len(self._memory) else None)

    def _known_version(self, location_id: int) -> int | None:
        """The version of the store that was last looked at, readable or not."""
        return self._left_out.get(location_id, self._memory.version_of(location_id))

    async def _load(self, location_ids: Collection[int] | None) -> None:
        """Read these shops, or all, from the store. Raises StoreError; what came before that stays."""
        asked = next(self._order)
        missing = set(location_ids or ())
        async for found in self._store.get_all_knowledge(location_ids):
            missing.discard(found.location_id)
            self._accept(found, asked)
            await asyncio.sleep(0)  # calls go on beside a thousand shops
        for location_id in missing:
            self._memory.drop(location_id, asked)

    def _accept(self, found: Shop | Unreadable, asked: int) -> None:
        if isinstance(found, Unreadable):
            logger.error("knowledge: location {} was left out: {}", found.location_id, found)
            self._left_out[found.location_id] = found.version
            return
        self._left_out.pop(found.location_id, None)
        if self._memory.put(found, asked):
            for watcher in self._watchers:
                watcher.put_nowait(found.location_id)

    async def _follow(self, events: AsyncIterator[AnyEvent]) -> None:
        async for event in events:
            if isinstance(event, ShopChanged):
                await self._catch_up(event)

    async def _catch_up(self, event: ShopChanged) -> None:
        wait_s = FIRST_RETRY_S
        while (self._known_version(event.location_id) or 0) < event.version:
            try:
                await self._load([event.location_id])
                return
            except StoreError as why:
                logger.warning("knowledge: location {} will be loaded again: {}", event.location_id, why)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, LAST_RETRY_S)

    async def _look(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.refresh()
            except StoreError as why:
                logger.warning("knowledge: the store could not be looked into: {}", why)


class _NotTold(Exception):
    """The store did not say in time."""


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
