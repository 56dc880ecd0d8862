"""GET /healthz (the process lives) and /readyz (it may be given calls)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from agent.errors import StoreError
from agent.ports import Clock
from agent.stores.outbox_file import Backlog
from agent.switchboard import Switchboard


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
        try:
            held = await backlog()
        except StoreError:
            return None
        oldest_s = 0.0 if held.oldest_at is None else (clock() - held.oldest_at).total_seconds()
        return {"waiting": held.waiting, "oldest_s": round(oldest_s, 1), "set_aside": held.set_aside}

    @router.get("/readyz")
    async def readyz() -> Response:
        ready = switchboard.has_room()
        return JSONResponse({"ready": ready, "draining": switchboard.draining}, 200 if ready else 503)

    return router
