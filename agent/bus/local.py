"""The bus within one process: a queue for each reader, filled as an event is published."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from agent.events import AnyEvent, StageTimed, TurnHeard


class LocalBus:
    """Implements `EventBus`. An event reaches a waiting reader within one turn of the event loop."""

    def __init__(self) -> None:
        self._readers: dict[_Reader, None] = {}  # in the order they came: the same on every run

    def publish(self, event: AnyEvent) -> None:
        """Hand `event` to every subscriber, in publishing order. Never waits, never fails."""
        for reader in self._readers:
            reader.put(event)

    @asynccontextmanager
    async def subscribe(self, *, limit: int | None = None) -> AsyncGenerator[AsyncIterator[AnyEvent]]:
        """Receive what is published from entering on; see `EventBus.subscribe`. A limit is at least 1."""
        if limit is not None and limit < 1:
            raise ValueError(f"a subscription needs room for at least one event, not {limit}")
        reader = _Reader(limit)
        self._readers[reader] = None
        try:
            yield reader
        finally:
            self._readers.pop(reader, None)
            reader.close()


class _Reader:
    """One subscriber's queue, and the iterator that empties it."""

    def __init__(self, limit: int | None) -> None:
        self._events: deque[AnyEvent] = deque()
        self._limit = limit
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, event: AnyEvent) -> None:
        self._events.append(event)
        if self._limit is not None and len(self._events) > self._limit:
            del self._events[_least_missed(self._events)]
        self._changed.set()

    def close(self) -> None:
        self._closed = True
        if self._limit is not None:
            self._events.clear()
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[AnyEvent]:
        return self

    async def __anext__(self) -> AnyEvent:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()


def _least_missed(events: deque[AnyEvent]) -> int:
    """The place of the event that gives way: oldest partial words, then oldest timing, then the oldest."""
    timing: int | None = None
    for place, event in enumerate(events):
        if isinstance(event, TurnHeard) and not event.final:
            return place
        if timing is None and isinstance(event, StageTimed):
            timing = place
    return timing or 0
