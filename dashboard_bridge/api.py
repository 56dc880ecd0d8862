"""What pages read and write over HTTP, beside the socket. The routes are in docs/pages-api.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from agent.ports import BookingStore, CallStore, Clock, TextStore
from agent.recording.recorder import Shelf
from dashboard_bridge.answers import answered, location_in, query_of
from dashboard_bridge.history import CallsQuery, History
from dashboard_bridge.home import DayQuery, ProposalReader, ShopDay
from dashboard_bridge.knowledge import ShopEditor, changed, shown
from dashboard_bridge.rights import Rights, audit
from dashboard_bridge.shops import ShopReader
from dashboard_bridge.tapes import Tapes
from dashboard_bridge.visitor import Doorkeeper, Visitor


@dataclass(frozen=True)
class ApiPlugs:
    """What the routes need of the house."""

    shops: ShopReader
    calls: CallStore
    bookings: BookingStore
    texts: TextStore
    proposals: ProposalReader
    editor: ShopEditor
    tapes: Shelf
    clock: Clock


def api_router(plugs: ApiPlugs, door: Doorkeeper) -> APIRouter:
    """The routes. Every error is `{"error": {"code", "message"}}`, with `fields` where single ones are wrong."""
    router = APIRouter()
    rights = Rights(door)
    _add_self(router, rights, door)
    history, tapes = History(plugs.shops, plugs.calls, plugs.bookings), Tapes(plugs.tapes)
    _add_calls(router, rights, history, tapes)
    _add_tapes(router, rights, history, tapes)
    day = ShopDay(plugs.shops, plugs.calls, plugs.bookings, plugs.texts, plugs.proposals, plugs.clock)
    _add_day(router, rights, day)
    _add_knowledge(router, rights, plugs.editor)
    return router


def _add_self(router: APIRouter, rights: Rights, door: Doorkeeper) -> None:
    @router.get("/me")
    async def me(request: Request) -> Response:
        async def told() -> dict[str, Any]:
            return _portrait(await rights.visitor(request))

        return await answered(told())

    @router.post("/logout", status_code=204)
    async def logout(request: Request) -> Response:
        async def gone() -> Response:
            door.check_origin(request)
            response = Response(status_code=204)
            door.take_back_cookie(response)
            return response

        return await answered(gone())


def _add_calls(router: APIRouter, rights: Rights, history: History, tapes: Tapes) -> None:
    @router.get("/calls")
    async def calls(request: Request) -> Response:
        async def found() -> dict[str, Any]:
            return await history.calls(await rights.visitor(request), query_of(CallsQuery, request))

        return await answered(found())

    @router.get("/calls/{call_sid}")
    async def call(call_sid: str, request: Request) -> Response:
        async def found() -> dict[str, Any]:
            return await tapes.enrich(await history.call(await rights.visitor(request), call_sid))

        return await answered(found())


def _add_tapes(router: APIRouter, rights: Rights, history: History, tapes: Tapes) -> None:
    @router.get("/calls/{call_sid}/audio")
    async def audio(call_sid: str, request: Request) -> Response:
        async def found() -> Response:
            location = await history.location_of(await rights.visitor(request), call_sid)
            return await tapes.audio(location, call_sid, request.headers.get("range", ""))

        return await answered(found())

    @router.get("/calls/{call_sid}/tape")
    async def tape(call_sid: str, request: Request) -> Response:
        async def found() -> Response:
            location = await history.location_of(await rights.visitor(request), call_sid)
            who = await rights.check_owner(request, location)
            audit(who, "took the tape of", location, call_sid)
            return await tapes.packed(location, call_sid)

        return await answered(found())

    @router.delete("/shops/{location_id}/tapes")
    async def forget(location_id: str, request: Request) -> Response:
        async def forgotten() -> dict[str, int]:
            location = location_in(location_id)
            who = await rights.check_owner(request, location)
            done = await tapes.forget(location, request.query_params.get("caller", ""))
            audit(who, "deleted tapes", location, f"{done['deleted']} of one caller")
            return done

        return await answered(forgotten())


def _add_day(router: APIRouter, rights: Rights, day: ShopDay) -> None:
    @router.get("/bookings")
    async def bookings(request: Request) -> Response:
        async def found() -> dict[str, Any]:
            await rights.visitor(request)
            asked = query_of(DayQuery, request)
            await rights.check_read(request, asked.location_id)
            return {"bookings": await day.book(asked.location_id, asked.day)}

        return await answered(found())

    @router.get("/shops/{location_id}/home")
    async def home(location_id: str, request: Request) -> Response:
        async def found() -> dict[str, Any]:
            location = location_in(location_id)
            await rights.check_read(request, location)
            return await day.home(location)

        return await answered(found())


def _add_knowledge(router: APIRouter, rights: Rights, editor: ShopEditor) -> None:
    @router.get("/shops/{location_id}/knowledge")
    async def knowledge(location_id: str, request: Request) -> Response:
        async def found() -> Response:
            location = location_in(location_id)
            await rights.check_read(request, location)
            return shown(await editor.shop(location))

        return await answered(found())

    @router.patch("/shops/{location_id}/knowledge")
    async def change(location_id: str, request: Request) -> Response:
        async def made() -> Response:
            location = location_in(location_id)
            who = await rights.check_owner(request, location)
            return await changed(editor, request, location, who)

        return await answered(made())


def _portrait(visitor: Visitor) -> dict[str, Any]:
    """Somebody as their page knows them."""
    if isinstance(visitor.roles, str):
        return {"name": visitor.name, "role_by_location": "all", "roles": [visitor.roles]}
    by_location = {str(location_id): role for location_id, role in sorted(visitor.roles.items())}
    return {"name": visitor.name, "role_by_location": by_location, "roles": sorted(set(by_location.values()))}
