"""Ten thousand shops in the memory of one server: how long until they are there, and what they cost then."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from _bench import Figure, percentile, resident_kb, spread
from _bench_shops import realistic_shop
from loguru import logger

from agent.bus.local import LocalBus
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.memory import ShopMemory
from agent.knowledge.registry import location_key
from agent.model import Shop
from agent.stores.embedded import EmbeddedStore

LOOKUP_P99_US = 1000
REFRESHES, CHANGES, RINGS, AT_ONCE, BUSY = 100, 50, 2000, 100, 50
WEIGHED = 200
"""Shops weighed one for one, which is slow."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--shops", type=_count, default=10_000, metavar="N", help="shops in the store (10000)")
    parser.add_argument("--lookups", type=_count, default=20_000, metavar="N", help="of each kind (20000)")


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    """Fill a SQLite file, then measure in a process of its own, whose memory holds nothing else."""
    with tempfile.TemporaryDirectory(prefix="chairside-bench-") as folder:
        path = Path(folder) / "chairside.db"
        await _fill(path, arguments.shops)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
            job = apart.submit(_measure_apart, path, arguments.shops, arguments.lookups)
            return await asyncio.wrap_future(job)


async def _fill(path: Path, shops: int) -> None:
    async with EmbeddedStore.open(path) as store:
        for location_id in range(1, shops + 1):
            await store.store_knowledge(location_key(location_id), realistic_shop(location_id))


def _measure_apart(path: Path, shops: int, lookups: int) -> list[Figure]:
    logger.remove()
    return asyncio.run(_measure(path, shops, lookups))


async def _measure(path: Path, shops: int, lookups: int) -> list[Figure]:
    async with EmbeddedStore.open(path) as store:
        before = resident_kb()
        began, cpu = time.perf_counter(), time.process_time()
        async with KnowledgeCache(store, LocalBus()) as cache:
            started, worked = time.perf_counter() - began, time.process_time() - cpu
            grown = (resident_kb() - before) / shops
            figures = [
                Figure(f"start with {shops} shops", started, "s"),
                Figure(f"start with {shops} shops, processor", worked, "s"),
                Figure("memory per shop, of the process", grown, "kB"),
                *_weights(min(WEIGHED, shops)),
                *await _refreshes(cache, path, shops),
                *_lookups(cache, shops, lookups),
                *await _rings(cache, shops),
            ]
            figures.append(Figure("memory per shop after all that", (resident_kb() - before) / shops, "kB"))
            return figures


def _weights(shops: int) -> list[Figure]:
    """What one shop takes packed, and what it would take as it is, as Python's own allocations tell."""
    tracemalloc.start()
    fresh = [Shop.model_validate_json(realistic_shop(at).model_dump_json()) for at in range(1, shops + 1)]
    unpacked = tracemalloc.get_traced_memory()[0] / shops / 1000
    memory = ShopMemory()
    before = tracemalloc.get_traced_memory()[0]
    for shop in fresh:
        memory.put(shop, asked=1)
    packed = (tracemalloc.get_traced_memory()[0] - before) / shops / 1000
    tracemalloc.stop()
    return [
        Figure("a shop packed, allocated", packed, "kB"),
        Figure("a shop unpacked, allocated", unpacked, "kB"),
    ]


async def _refreshes(cache: KnowledgeCache, path: Path, shops: int) -> list[Figure]:
    idle, idle_cpu = await _timed(cache.refresh, REFRESHES)
    changed: list[float] = []
    async with EmbeddedStore.open(path) as elsewhere:
        for at in range(1, min(CHANGES, shops) + 1):
            shop = realistic_shop(at).model_copy(update={"address": "1 New Street"})
            await elsewhere.store_knowledge(location_key(at), shop)
            took, _ = await _timed(cache.refresh, 1)
            changed += took
    return [
        *spread("refresh, nothing changed", idle, "ms"),
        Figure("refresh, nothing changed, processor", idle_cpu, "ms"),
        *spread("refresh, one shop changed", changed, "ms"),
    ]


async def _timed(work: Callable[[], Awaitable[object]], times: int) -> tuple[list[float], float]:
    """Milliseconds each time, and of processor time on average."""
    took: list[float] = []
    cpu = time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1000)
    return took, (time.process_time() - cpu) * 1000 / times


def _lookups(cache: KnowledgeCache, shops: int, lookups: int) -> list[Figure]:
    dice = random.Random(1)  # noqa: S311 - nothing secret
    numbers = [listing.phone_number for listing in cache.listings()]
    any_shop = dice.choices(numbers, k=lookups)
    busy = dice.choices(dice.sample(numbers, min(BUSY, shops)), k=lookups)
    return [
        *_spread("lookup by number, any shop", _looked_up(cache, any_shop)),
        *_spread(f"lookup by number, {BUSY} busy shops", _looked_up(cache, busy)),
    ]


def _spread(name: str, took: list[tuple[float, float]]) -> list[Figure]:
    """By the clock, which others on the machine make go faster, and by the processor, which they do not."""
    by_clock, by_processor = [clock for clock, _ in took], [processor for _, processor in took]
    figures = spread(name, by_clock, "µs", p99_target=LOOKUP_P99_US)
    return [*figures, Figure(f"{name}, processor, p99", percentile(by_processor, 0.99), "µs")]


def _looked_up(cache: KnowledgeCache, numbers: list[str]) -> list[tuple[float, float]]:
    """Microseconds of each lookup, by the clock and of the processor."""
    took: list[tuple[float, float]] = []
    for number in numbers:
        began, cpu = time.perf_counter_ns(), time.thread_time_ns()
        shop = cache.shop_for_number(number)
        spent = time.thread_time_ns() - cpu
        took.append(((time.perf_counter_ns() - began) / 1000, spent / 1000))
        if shop is None or shop.phone_number != number:
            raise ValueError(f"{number} led to {shop}")
    return took


async def _rings(cache: KnowledgeCache, shops: int) -> list[Figure]:
    """The same while a phone rings: with the store asked for the newest version."""
    dice = random.Random(2)  # noqa: S311 - nothing secret
    numbers = [listing.phone_number for listing in cache.listings()]
    one_by_one: list[float] = []
    for number in dice.choices(numbers, k=RINGS):
        took, _ = await _timed(lambda number=number: cache.shop_called(number), 1)
        one_by_one += took
    at_once: list[float] = []
    for number in dice.sample(numbers, min(20, shops)):
        calls = [cache.shop_called(number) for _ in range(AT_ONCE)]
        took, _ = await _timed(lambda calls=calls: asyncio.gather(*calls), 1)
        at_once += took
    return [
        *spread("a phone rings, the store is asked", one_by_one, "ms"),
        *spread(f"{AT_ONCE} phones ring at one shop, the last answered", at_once, "ms"),
    ]


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)
