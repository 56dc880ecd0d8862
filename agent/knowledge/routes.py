"""Setting shops up over HTTP: `POST /shop/setup`, `GET /shop/setup/{job}`, `GET /shop/{location_id}/config`,
`GET /shop/{location_id}/proposals`, `POST /shop/{location_id}/proposals/{proposal_id}`.

Every error is `{"error": {"code", "message"}}`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from loguru import logger
from pydantic import ValidationError

from agent.errors import AccessError, ChairsideError, Conflict, Denied, NotFound, SetupError, Unavailable
from agent.knowledge.approval import Approval, Verdicts
from agent.knowledge.jobs import Job, SetupRequest
from agent.knowledge.onboarding import Onboarding
from agent.model import Model

MAX_BODY_BYTES = 64 * 1024
MAX_VERDICT_BYTES = 256 * 1024
"""Every change of a long menu may be named in one."""

_STATUS_BY_CODE = {
    "token_missing": 401,
    "token_refused": 403,
    "origin_refused": 403,
    "not_allowed": 403,
    "body_too_large": 413,
    "setup_running": 409,
    "proposal_outdated": 409,
    "change_decided": 409,
    "change_unknown": 404,
    "too_many_setups": 503,
    "server_stopping": 503,
    "setup_broke": 500,
    "reading_failed": 500,
    "stored_shop_unreadable": 500,
}
_STATUS_BY_KIND: tuple[tuple[type[ChairsideError], int], ...] = (
    (Conflict, 409),
    (NotFound, 404),
    (Unavailable, 503),
    (Denied, 502),
)
_KINDS = {kind.__name__: kind for kind, _ in _STATUS_BY_KIND}
M = TypeVar("M", bound=Model)
UNREADABLE = 422
"""What was given is understood and cannot be used: a website that is none, a number that is not E.164."""


class SetupDesk(Protocol):
    """Who may set shops up, and who may read how they are set up. `location_id` None is any shop of theirs.

    Both return the name of who asks, and raise AccessError, or NotFound location_unknown for a shop not theirs.
    """

    async def check_read(self, request: Request, location_id: int | None) -> str: ...

    async def check_write(self, request: Request, location_id: int | None) -> str: ...


def setup_router(onboarding: Onboarding[Any], approval: Approval, desk: SetupDesk) -> APIRouter:
    """The routes, over an entered `onboarding`."""
    router = APIRouter(prefix="/shop")

    @router.post("/setup")
    async def set_up(request: Request) -> Response:
        return await _answered(_set_up(request, onboarding, desk))

    @router.get("/setup/{job_id}")
    async def progress(job_id: str, request: Request) -> Response:
        return await _answered(_progress(request, job_id, onboarding, desk))

    @router.get("/{location_id}/config")
    async def config(location_id: str, request: Request) -> Response:
        return await _answered(_config(request, location_id, onboarding, desk))

    @router.get("/{location_id}/proposals")
    async def proposals(location_id: str, request: Request) -> Response:
        return await _answered(_proposals(request, location_id, approval, desk))

    @router.post("/{location_id}/proposals/{proposal_id}")
    async def decide(location_id: str, proposal_id: str, request: Request) -> Response:
        return await _answered(_decide(request, location_id, proposal_id, approval, desk))

    return router


async def _set_up(request: Request, onboarding: Onboarding[Any], desk: SetupDesk) -> Response:
    await desk.check_write(request, None)
    asked = _read(SetupRequest, await _body(request, MAX_BODY_BYTES))
    who = await desk.check_write(request, asked.location_id)
    job = await onboarding.start(asked)
    logger.info("audit: {} began set-up {} of location {}", who, job.id, asked.location_id)
    if request.query_params.get("wait", "").lower() in ("true", "1", "yes"):
        job = await onboarding.finished(job.id)
    return _told(job)


async def _progress(request: Request, job_id: str, onboarding: Onboarding[Any], desk: SetupDesk) -> Response:
    await desk.check_read(request, None)
    job = onboarding.job(job_id)
    if job is None:
        raise NotFound("job_unknown", f"There is no set-up {job_id[:40]!r} (any more).")
    await desk.check_read(request, job.request.location_id)
    return JSONResponse(_shown(job))


async def _config(request: Request, location_id: str, onboarding: Onboarding[Any], desk: SetupDesk) -> Response:
    await desk.check_read(request, None)
    location = _number(location_id)
    await desk.check_read(request, location)
    shop = await onboarding.shop(location)
    if shop is None:
        raise _unknown(location_id)
    return JSONResponse(shop.model_dump(mode="json"))


async def _proposals(request: Request, location_id: str, approval: Approval, desk: SetupDesk) -> Response:
    await desk.check_read(request, None)
    location = _number(location_id)
    await desk.check_read(request, location)
    proposal = await approval.open_proposal(location)
    return JSONResponse({"proposal": None if proposal is None else proposal.model_dump(mode="json")})


async def _decide(
    request: Request, location_id: str, proposal_id: str, approval: Approval, desk: SetupDesk
) -> Response:
    await desk.check_write(request, None)
    location = _number(location_id)
    who = await desk.check_write(request, location)
    verdicts = _read(Verdicts, await _body(request, MAX_VERDICT_BYTES))
    decided = await approval.decide(location, proposal_id, verdicts, by=who)
    logger.info("audit: {} decided on proposal {} of location {}", who, proposal_id[:40], location)
    return JSONResponse(decided.model_dump(mode="json"))


def _number(location_id: str) -> int:
    if location_id.isdecimal() and len(location_id) < 19 and int(location_id):
        return int(location_id)
    raise _unknown(location_id)


def _unknown(location_id: str) -> NotFound:
    return NotFound("location_unknown", f"There is no shop with location {location_id[:40]}.")


async def _answered(answer: Awaitable[Response]) -> Response:
    try:
        return await answer
    except ChairsideError as why:
        headers = {"WWW-Authenticate": "Bearer"} if isinstance(why, AccessError) else None
        return JSONResponse(_error(why.code, why.message), status_code=_status(why.code, type(why)), headers=headers)


def _told(job: Job) -> Response:
    """202 while it runs, 200 when it is done; when it failed, the status that its error has anywhere else."""
    if not job.is_over:
        return JSONResponse(_shown(job), status_code=202, headers={"Location": _address(job)})
    if job.error is None:
        return JSONResponse(_shown(job))
    status = _status(job.error.code, _KINDS.get(job.error.kind, SetupError))
    return JSONResponse(_shown(job) | _error(job.error.code, job.error.message), status_code=status)


def _shown(job: Job) -> dict[str, Any]:
    return {"job": job.model_dump(mode="json"), "progress": _address(job)}


def _address(job: Job) -> str:
    return f"/shop/setup/{job.id}"


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _status(code: str, kind: type[ChairsideError]) -> int:
    by_kind = next((status for of, status in _STATUS_BY_KIND if issubclass(kind, of)), UNREADABLE)
    return _STATUS_BY_CODE.get(code, by_kind)


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise SetupError("body_too_large", f"A request holds at most {most} bytes.")
    return bytes(body)


def _read(kind: type[M], body: bytes) -> M:
    """Raises SetupError: `<field>_invalid` for the first field that is wrong, body_invalid when it is no object."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as why:
        first = why.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        known = field in kind.model_fields
        place = ".".join(map(str, first["loc"]))
        message = f"{place}: {first['msg']}" if field else "The body must be a JSON object."
        raise SetupError(f"{field}_invalid" if known else "body_invalid", message) from why
