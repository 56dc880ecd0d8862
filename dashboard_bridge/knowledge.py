"""What callers are told about a shop: `GET` and `PATCH /shops/{location_id}/knowledge`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fastapi.responses import JSONResponse
from pydantic import JsonValue, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from agent.model import Shop
from dashboard_bridge.answers import Misasked
from dashboard_bridge.rights import audit

MAX_BODY_BYTES = 1024 * 1024
"""A menu of a thousand lines."""

_CHANGES: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class ShopEditor(Protocol):
    """Who changes shops; `agent.knowledge.editing.Editing` is the one of the house."""

    async def shop(self, location_id: int) -> Shop:
        """The newest version. Raises NotFound location_unknown, StoreError."""
        ...

    async def edit(self, location_id: int, version: int, changes: Mapping[str, JsonValue]) -> Shop:
        """Put `changes` in place of the fields of these names, and announce it; returns what is stored.

        Raises NotFound location_unknown, Conflict, ShopInvalid, StoreError.
        """
        ...


async def changed(editor: ShopEditor, request: Request, location_id: int, who: str) -> Response:
    """Carry out a PATCH: a JSON object with the fields to change, on the version that If-Match names."""
    version = _version(request)
    changes = _changes(await _body(request))
    stored = await editor.edit(location_id, version, changes)
    audit(who, "changed knowledge", location_id, f"({', '.join(sorted(changes))}) to version {stored.version}")
    return shown(stored)


def shown(shop: Shop) -> Response:
    """A shop, its version in the ETag, too."""
    return JSONResponse(
        shop.model_dump(mode="json"), headers={"ETag": f'"{shop.version}"', "Cache-Control": "no-store"}
    )


def _version(request: Request) -> int:
    given = request.headers.get("if-match")
    if given is None:
        raise Misasked("version_missing", "Say in If-Match which version is to be changed.")
    number = given.strip().removeprefix("W/").strip('"')
    if not number.isdecimal() or len(number) > 18:
        raise Misasked("version_invalid", 'If-Match holds the version of the shop, like "7".')
    return int(number)


def _changes(body: bytes) -> dict[str, JsonValue]:
    try:
        return _CHANGES.validate_json(body)
    except ValidationError as why:
        raise Misasked("body_invalid", "The body must be a JSON object with the fields to change.") from why


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise Misasked("body_too_large", f"A request holds at most {MAX_BODY_BYTES} bytes.")
    return bytes(body)
