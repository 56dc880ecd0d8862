"""What is asked of pages' routes, read strictly, and refusals in the house's form."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, TypeVar

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from agent.errors import AccessError, ChairsideError, Conflict, Denied, NotFound, ShopInvalid, StoreError, Unavailable
from dashboard_bridge.rights import unknown

M = TypeVar("M", bound=BaseModel)

_BY_CODE = {"not_allowed": 403, "body_too_large": 413, "version_missing": 428, "version_invalid": 400}
_BY_KIND: tuple[tuple[type[ChairsideError], int], ...] = (
    (AccessError, 401),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
    (Denied, 502),
    (StoreError, 500),
)
UNUSABLE = 422
"""Understood, and not to be used."""


class Misasked(ChairsideError):
    """A request that says something impossible; `fields` holds the place and the fault of each mistake."""

    stage = "request"

    def __init__(self, code: str, message: str, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(code, message)
        self.fields = fields


async def answered(answer: Awaitable[Any]) -> Response:
    """What was awaited as JSON, or the error it raised."""
    try:
        found = await answer
    except ChairsideError as why:
        return refusal(why)
    return found if isinstance(found, Response) else JSONResponse(found)


def refusal(why: ChairsideError) -> Response:
    """`{"error": {"code", "message"}}`, with `fields` where single ones are wrong."""
    by_kind = next((status for kind, status in _BY_KIND if isinstance(why, kind)), UNUSABLE)
    error: dict[str, Any] = {"code": why.code, "message": why.message}
    if isinstance(why, Misasked | ShopInvalid) and why.fields:
        error["fields"] = [{"field": place, "message": fault} for place, fault in why.fields]
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(why, AccessError) else None
    return JSONResponse({"error": error}, status_code=_BY_CODE.get(why.code, by_kind), headers=headers)


def query_of(kind: type[M], request: Request) -> M:
    """The query of a request; what is empty counts as left out. Raises Misasked `query_invalid`."""
    try:
        return kind.model_validate({name: value for name, value in request.query_params.items() if value.strip()})
    except ValidationError as why:
        errors = why.errors(include_url=False, include_input=False)
        faults = {str(error["loc"][0]): error["msg"].removeprefix("Value error, ") for error in reversed(errors)}
        raise misasked(faults) from why


def misasked(faults: dict[str, str]) -> Misasked:
    """What is wrong in a query, by the name that it was asked under."""
    message = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
    return Misasked("query_invalid", message, tuple(faults.items()))


def location_in(path: str) -> int:
    """A location as a path names it. Raises NotFound location_unknown."""
    if path.isdecimal() and len(path) < 19 and int(path):
        return int(path)
    raise unknown(path)


def span_of(day: date, zone: tzinfo, asked_as: str) -> tuple[datetime, datetime]:
    """The first moments of a day there and of the day after, UTC. Raises Misasked at the ends of the calendar."""
    try:
        starts, ends = (datetime.combine(at, time(), zone).astimezone(UTC) for at in (day, day + timedelta(days=1)))
    except OverflowError as why:
        raise misasked({asked_as: f"{day} is not a day that can be looked at."}) from why
    return starts, ends
