"""What stands before PostgREST in a Supabase project: API keys become roles. Outages can be ordered."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Literal

import httpx
import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

Fault = Literal["503", "html502", "html200", "hang", "lost answer"]
METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"]
NOT_PASSED_ON = {"host", "authorization", "apikey", "content-length", "connection", "accept-encoding"}
NOT_PASSED_BACK = {"content-length", "transfer-encoding", "content-encoding", "connection", "date", "server"}


class Gateway:
    """The keys of a project, and its door. `faults` are taken one a request, `asked` has the paths
    of all; those in `away` cannot be reached."""

    def __init__(self, upstream: str, jwt_secret: str) -> None:
        self.secret_key = f"sb_secret_{secrets.token_hex(16)}"
        self.publishable_key = f"sb_publishable_{secrets.token_hex(16)}"
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.away: set[str] = set()
        self._upstream = upstream
        self._jwt_secret = jwt_secret
        self.service_role_key = self.token("service_role")  # what older projects have
        self.anon_key = self.token("anon")
        self._roles = {
            self.secret_key: "service_role",
            self.service_role_key: "service_role",
            self.publishable_key: "anon",
            self.anon_key: "anon",
        }

    @property
    def requests(self) -> int:
        return len(self.asked)

    def token(self, role: str, user_id: str | None = None, ttl_s: int = 3600) -> str:
        """What Supabase Auth would give to a user who signs in."""
        claims: dict[str, object] = {"role": role, "exp": int(time.time()) + ttl_s}
        if user_id is not None:
            claims |= {"sub": user_id, "aud": "authenticated"}
        return jwt.encode(claims, self._jwt_secret, "HS256")

    async def _rest(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        key = request.headers.get("apikey", "")
        role = self._roles.get(key)
        if role is None:
            hint = "Double check your Supabase `anon` or `service_role` API key."
            return JSONResponse({"message": "Invalid API key", "hint": hint}, 401)
        fault = self.faults.pop(0) if self.faults else None
        if request.url.path in self.away:
            fault = "503"
        if fault and fault != "lost answer":
            return await _failure(fault)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        headers = {name: value for name, value in request.headers.items() if name not in NOT_PASSED_ON}
        headers["authorization"] = "Bearer " + (self.token(role) if bearer in ("", key) else bearer)
        url = self._upstream + request.url.path.removeprefix("/rest/v1")
        client: httpx.AsyncClient = request.state.client
        answer = await client.request(
            request.method, url, params=request.url.query, content=await request.body(), headers=headers
        )
        if fault == "lost answer":
            return await _failure("html502")
        passed = {name: value for name, value in answer.headers.items() if name not in NOT_PASSED_BACK}
        return Response(answer.content, answer.status_code, passed)

    @contextmanager
    def open(self) -> Iterator[str]:
        """Serve in a thread of its own; yields the address of the project."""
        app = Starlette(routes=[Route("/rest/v1/{path:path}", self._rest, methods=METHODS)], lifespan=_with_client)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="on", ws="none"))
        thread = threading.Thread(target=server.run, name="gateway")
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@asynccontextmanager
async def _with_client(app: Starlette) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield {"client": client}


async def _failure(fault: Fault) -> Response:
    match fault:
        case "503":
            words = "Could not query the database for the schema cache. Retrying."
            return JSONResponse({"code": "PGRST002", "message": words, "details": None, "hint": None}, 503)
        case "hang":
            await asyncio.sleep(1)
    return PlainTextResponse("<html>Bad Gateway</html>", 200 if fault == "html200" else 502, media_type="text/html")
