"""The operators' doors: `WS /ops`, `POST /login`, `GET /shops`, `GET /health/vendors`. docs/operators-socket.md"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from agent.errors import AccessError
from agent.ports import CallControl
from agent.settings import Settings
from dashboard_bridge.conversation import Conversation, Limits
from dashboard_bridge.gate import Gate
from dashboard_bridge.relay import Relay
from dashboard_bridge.vendors import VendorsData
from dashboard_bridge.visitor import Doorkeeper
from dashboard_bridge.wire import LoginRequest, ShopsReply


def operators_router(
    relay: Relay,
    door: Doorkeeper,
    *,
    settings: Settings,
    control: CallControl | None = None,
    limits: Limits | None = None,
) -> APIRouter:
    """The routes, over an entered `relay`. Without `control`, acts are refused with `acts_unavailable`."""
    gate = Gate(relay.counters, settings.max_ops_sockets, settings.max_ops_sockets_per_address)
    router = APIRouter()

    @router.websocket("/ops")
    async def ops(socket: WebSocket) -> None:
        conversation = Conversation(socket, relay, door, control, limits or Limits())
        await conversation.run(gate)

    @router.post("/login", status_code=204)
    async def login(request: Request) -> Response:
        try:
            door.check_origin(request)
            asked = await _login_asked(request)
            visitor = await door.check_token(asked.token)
        except AccessError as refused:
            return _refusal(relay, refused)
        except ValidationError:
            error = {"code": "body_invalid", "message": 'The body must be a JSON object like {"token": "…"}.'}
            return JSONResponse({"error": error}, status_code=422)
        response = Response(status_code=204)
        door.hand_out_cookie(request, response, visitor)
        return response

    @router.get("/shops", response_model=ShopsReply)
    async def shops(request: Request) -> ShopsReply | Response:
        try:
            visitor = await door.admits(request)
            if visitor is None:
                raise AccessError("token_missing", "Send the operator token or log in.")
        except AccessError as refused:
            return _refusal(relay, refused)
        return ShopsReply(shops=[at for at in relay.shops.listings() if visitor.sees(at.location_id)])

    @router.get("/health/vendors", response_model=VendorsData)
    async def vendors(request: Request) -> VendorsData | Response:
        try:
            if await door.admits(request) is None:
                raise AccessError("token_missing", "Send the operator token or log in.")
        except AccessError as refused:
            return _refusal(relay, refused)
        return relay.vendor_states()

    return router


async def _login_asked(request: Request) -> LoginRequest:
    """Raises ValidationError. What does not say it is JSON is none: any site's form can send plain text."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return LoginRequest.model_validate_json(await request.body() if kind == "application/json" else b"")


def _refusal(relay: Relay, refused: AccessError) -> Response:
    relay.counters["refused"] += 1
    return JSONResponse({"error": {"code": refused.code, "message": refused.message}}, status_code=401)
