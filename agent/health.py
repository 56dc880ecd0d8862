"""GET /healthz (the process lives) and /readyz (it may be given calls)."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from agent.switchboard import Switchboard


def health_router(switchboard: Switchboard, knowledge: Mapping[str, int]) -> APIRouter:
    """Liveness with a few numbers, and readiness for load balancers. `knowledge`: the cache's counters."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, object]:
        counts = {"refused": dict(switchboard.refused), "knowledge": dict(knowledge)}
        return {"status": "ok", "live_calls": switchboard.live, **counts}

    @router.get("/readyz")
    async def readyz() -> Response:
        ready = switchboard.has_room()
        return JSONResponse({"ready": ready, "draining": switchboard.draining}, 200 if ready else 503)

    return router
