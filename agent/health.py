"""GET /healthz (the process lives), /readyz (it may be given calls), /metrics (what it counts, for Prometheus)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from agent.errors import AccessError, StoreError
from agent.figures import Figures
from agent.ports import Clock
from agent.stores.outbox_file import Backlog
from agent.switchboard import Switchboard


class Watched(Protocol):
    """The dashboards, as far as they are counted."""

    @property
    def watching(self) -> int: ...
    @property
    def counters(self) -> Mapping[str, int]: ...


def health_router(
    switchboard: Switchboard, knowledge: Mapping[str, int], backlog: Callable[[], Awaitable[Backlog]], clock: Clock
) -> APIRouter:
    """Liveness with a few numbers, and readiness for load balancers.

    `knowledge`: the cache's counters. `backlog`: what waits for the store; null when nobody can tell.
    """
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, object]:
        counts = {"refused": dict(switchboard.refused), "knowledge": dict(knowledge), "outbox": await outbox()}
        return {"status": "ok", "live_calls": switchboard.live, **counts}

    async def outbox() -> dict[str, float] | None:
        held = await _held(backlog)
        if held is None:
            return None
        oldest_s = 0.0 if held.oldest_at is None else (clock() - held.oldest_at).total_seconds()
        return {"waiting": held.waiting, "oldest_s": round(oldest_s, 1), "set_aside": held.set_aside}

    @router.get("/readyz")
    async def readyz() -> Response:
        ready = switchboard.has_room()
        return JSONResponse({"ready": ready, "draining": switchboard.draining}, 200 if ready else 503)

    return router


def metrics_router(
    figures: Figures,
    switchboard: Switchboard,
    knowledge: Mapping[str, int],
    watched: Watched,
    backlog: Callable[[], Awaitable[Backlog]],
    clock: Clock,
    check: Callable[[Request], Awaitable[object]],
) -> APIRouter:
    """`check` raises AccessError for whoever may not read figures of all shops."""
    router = APIRouter()

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        try:
            await check(request)
        except AccessError as why:
            status = 403 if why.code == "not_allowed" else 401
            return JSONResponse({"error": {"code": why.code, "message": why.message}}, status)
        held = await _held(backlog)
        text = figures.text(
            live=switchboard.live,
            watching=watched.watching,
            backlog=held,
            oldest_s=0.0 if held is None or held.oldest_at is None else (clock() - held.oldest_at).total_seconds(),
            counters={**{f"cache_{name}": count for name, count in knowledge.items()}, **watched.counters},
        )
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return router


async def _held(backlog: Callable[[], Awaitable[Backlog]]) -> Backlog | None:
    try:
        return await backlog()
    except StoreError:
        return None
