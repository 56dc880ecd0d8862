"""What a process counts and measures, for Prometheus: made of the events everybody reads, so a call pays nothing.

Names follow Prometheus' naming practices: base units, `_total` for counters. `location` is the shop's number.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from agent.events import (
    AnyEvent,
    CallAnswered,
    CallEnded,
    CallRefused,
    DoorClosed,
    StageTimed,
    ToolUsed,
    VendorDegraded,
)
from agent.ports import EventBus
from agent.pulse import Pulse
from agent.stores.outbox_file import Backlog

MAX_WAITING = 10_000
RECENT = 500
"""Turns a shop's percentiles are made of: some fifty calls."""
BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0)
LAGS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Figures:
    """A registry of the process's own, fed from the bus and the loop's pulse. Enter it; leaving stops the counting."""

    def __init__(self, bus: EventBus, pulse: Pulse) -> None:
        self._bus, self._pulse = bus, pulse
        self._registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        shop, code = ["location"], ["code"]
        self._answered = Counter("chairside_calls_answered", "Calls answered.", shop, registry=own)
        self._ended = Counter("chairside_calls_ended", "Calls that are over.", [*shop, "reason"], registry=own)
        self._refused = Counter("chairside_calls_refused", "Calls nobody could take.", code, registry=own)
        self._doors = Counter("chairside_media_refused", "Media sockets turned away.", code, registry=own)
        self._tools = Counter("chairside_tools_used", "Tools the model used.", ["tool", "outcome"], registry=own)
        self._failures = Counter("chairside_vendor_failures", "Failures of vendors.", ["vendor", "code"], registry=own)
        self._stages = Histogram(
            "chairside_stage_seconds", "Time of one stage of a turn.", [*shop, "stage"], buckets=BUCKETS, registry=own
        )
        self._median = Gauge(
            "chairside_stage_recent_seconds",
            f"Percentiles of the shop's last {RECENT} turns.",
            [*shop, "stage", "quantile"],
            registry=own,
        )
        self._lag = Histogram("chairside_loop_lag_seconds", "How late the event loop is.", buckets=LAGS, registry=own)
        self._plain = {
            "live": Gauge("chairside_calls_live", "Calls on the line in this process.", registry=own),
            "waiting": Gauge("chairside_outbox_waiting", "Writes that wait for the store.", registry=own),
            "oldest_s": Gauge("chairside_outbox_oldest_seconds", "Age of the oldest of them.", registry=own),
            "set_aside": Gauge("chairside_outbox_set_aside", "Writes the store refused for good.", registry=own),
            "tasks": Gauge("chairside_tasks", "Tasks of the event loop.", registry=own),
            "watching": Gauge("chairside_dashboards", "Browsers that are connected.", registry=own),
        }
        self._counted = Gauge("chairside_counted", "Counters of the dashboards and the cache.", ["what"], registry=own)
        self._recent: dict[tuple[int, str], deque[float]] = {}
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        events = await self._exit.enter_async_context(self._bus.subscribe(limit=MAX_WAITING))
        self._exit.push_async_callback(_stop, asyncio.create_task(self._follow(events), name="figures"))
        self._pulse.on_beat = lambda beat: self._lag.observe(beat.late_ms / 1000)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pulse.on_beat = lambda _: None
        await self._exit.aclose()

    def text(
        self, *, live: int, watching: int, backlog: Backlog | None, oldest_s: float, counters: Mapping[str, int]
    ) -> bytes:
        """Everything in Prometheus' text format. `backlog` None: the outbox cannot be read, and is left as it was."""
        self._plain["live"].set(live)
        self._plain["watching"].set(watching)
        self._plain["tasks"].set(len(asyncio.all_tasks()))
        if backlog is not None:
            self._plain["waiting"].set(backlog.waiting)
            self._plain["oldest_s"].set(oldest_s)
            self._plain["set_aside"].set(backlog.set_aside)
        for what, count in counters.items():
            self._counted.labels(what).set(count)
        for (location, stage), times in self._recent.items():
            for quantile in (0.5, 0.95):
                value = sorted(times)[round(quantile * (len(times) - 1))]
                self._median.labels(str(location), stage, str(quantile)).set(value)
        return generate_latest(self._registry)

    async def _follow(self, events: AsyncIterator[AnyEvent]) -> None:
        async for event in events:
            self._note(event)

    def _note(self, event: AnyEvent) -> None:
        match event:
            case StageTimed():
                self._time(event.location_id, event.stage, event.ms / 1000)
            case CallAnswered():
                self._answered.labels(str(event.location_id)).inc()
            case CallEnded():
                self._ended.labels(str(event.location_id), event.reason).inc()
            case CallRefused():
                self._refused.labels(event.code).inc()
            case DoorClosed():
                self._doors.labels(event.code).inc()
            case ToolUsed():
                self._tools.labels(event.tool[:40], event.outcome).inc()
            case VendorDegraded():
                self._failures.labels(event.vendor, event.code).inc()
            case _:
                pass

    def _time(self, location_id: int, stage: str, seconds: float) -> None:
        self._stages.labels(str(location_id), stage).observe(seconds)
        self._recent.setdefault((location_id, stage), deque(maxlen=RECENT)).append(seconds)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
