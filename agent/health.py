"""GET /healthz (the process lives) and /readyz (it may be given calls)."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from agent.switchboard import Switchboard


def health_router(switchboard: Switchboard) -> APIRouter:
    """Liveness with a few numbers, and readiness for load balancers."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, object]:
        return {"status": "ok", "live_calls": switchboard.live, "refused": dict(switchboard.refused)}

    @router.get("/readyz")
    async def readyz() -> Response:
        ready = switchboard.has_room()
        return JSONResponse({"ready": ready, "draining": switchboard.draining}, 200 if ready else 503)

    return router
