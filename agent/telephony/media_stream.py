"""WS /media: Twilio's media socket. Without a ticket nobody gets past the handshake, and no vendor is dialled."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, cast

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from loguru import logger

from agent.access import TicketBook
from agent.call import Services, run_call
from agent.errors import AccessError, ChairsideError
from agent.events import DoorClosed
from agent.model import Caller
from agent.pipelines.line import Line

HANDSHAKE_S = 5.0
"""Twilio sends `connected` and `start` at once; whoever is slower is not Twilio."""
MAX_HANDSHAKE_MESSAGES = 3
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011


@dataclass(frozen=True)
class _Start:
    stream_sid: str
    call_sid: str
    ticket: str


def media_router(services: Services, tickets: TicketBook) -> APIRouter:
    """The media socket of every call."""
    router = APIRouter()

    @router.websocket("/media")
    async def media(websocket: WebSocket) -> None:
        await websocket.accept()
        start = None
        try:
            start = await _handshake(websocket)
            caller = tickets.redeem(start.ticket, start.call_sid)
            with services.switchboard.on_line(caller.call_sid):
                await run_call(caller, _line(websocket, start, caller, services), services)
            await _close(websocket, 1000, "call over")
        except AccessError as why:
            _count(services, start, why)
            await _close(websocket, POLICY_VIOLATION, why.code)
        except WebSocketDisconnect:
            _count(services, start, AccessError("handshake_broken", "The socket closed before the call began."))
        except ChairsideError as why:
            logger.error("media socket: {}", why)
            await _close(websocket, INTERNAL_ERROR, why.code)

    return router


def _line(websocket: WebSocket, start: _Start, caller: Caller, services: Services) -> Line:
    return Line(
        websocket,
        stream_sid=start.stream_sid,
        call_sid=caller.call_sid,
        lead_ms=services.settings.playout_lead_ms,
    )


async def _handshake(websocket: WebSocket) -> _Start:
    """Read up to `start`. Raises AccessError when what comes is not Twilio's handshake."""
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            for _ in range(MAX_HANDSHAKE_MESSAGES):
                message = _object(await _receive_text(websocket))
                if message.get("event") == "start":
                    return _start(message)
                if message.get("event") != "connected":
                    break
    except TimeoutError as why:
        raise AccessError("handshake_slow", f"No start message within {HANDSHAKE_S:.0f} s.") from why
    raise AccessError("handshake_malformed", "The socket does not open like a Twilio media stream.")


async def _receive_text(websocket: WebSocket) -> str:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise AccessError("handshake_broken", "The socket closed before the call began.")
    return message.get("text") or ""


def _object(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise AccessError("handshake_malformed", "The socket sent something that is no JSON object.")
    return cast(dict[str, Any], message)


def _start(message: dict[str, Any]) -> _Start:
    start = message.get("start")
    facts = cast(dict[str, Any], start) if isinstance(start, dict) else {}
    parameters = facts.get("customParameters")
    custom = cast(dict[str, Any], parameters) if isinstance(parameters, dict) else {}
    stream_sid, call_sid, ticket = facts.get("streamSid"), facts.get("callSid"), custom.get("ticket")
    if not (isinstance(stream_sid, str) and isinstance(call_sid, str)):
        raise AccessError("handshake_malformed", "The start message names no stream and call.")
    return _Start(stream_sid, call_sid, ticket if isinstance(ticket, str) else "")


def _count(services: Services, start: _Start | None, why: AccessError) -> None:
    services.switchboard.refused[why.code] += 1
    call_sid = start.call_sid if start else ""
    services.bus.publish(DoorClosed(at=services.clock(), call_sid=call_sid, code=why.code))


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close, unless the other side was faster."""
    try:
        await websocket.close(code, reason)
    except (RuntimeError, OSError, WebSocketDisconnect):
        return
