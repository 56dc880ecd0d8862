"""The front door: `create_app(settings)` builds the whole server, `python server.py` runs it."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn
from fastapi import FastAPI
from loguru import logger

from agent.access import OperatorDesk, TicketBook, operator_token_for, secret_for
from agent.bus.choice import wires_of
from agent.call import Services
from agent.errors import ChairsideError, SettingsError
from agent.figures import Figures
from agent.health import health_router, metrics_router
from agent.knowledge.routes import setup_router
from agent.lookout import Lookout, open_lookout
from agent.pace import Pace
from agent.ports import Clock
from agent.settings import Settings, read_settings
from agent.shield import Shield
from agent.slow_requests import TimedHttp
from agent.stream_socket import StreamSocket
from agent.sweeper import Sweeper
from agent.telephony.forms import RequestRefused, refusal
from agent.telephony.media_stream import media_router
from agent.telephony.sms import ReplyDesk, sms_router
from agent.telephony.twilio import Signatures
from agent.telephony.webhook import voice_router
from agent.wiring import check_store, open_services, utc_now
from agent.workers import become
from dashboard_bridge.api import ApiPlugs, api_router
from dashboard_bridge.app import Plugs, create_bridge_app
from dashboard_bridge.door import Door
from dashboard_bridge.logins import Logins, open_logins
from dashboard_bridge.ops import operators_router
from dashboard_bridge.pages import pages_router
from dashboard_bridge.relay import Relay
from dashboard_bridge.rights import Rights

SHUTDOWN_S = 15
DEAD_AFTER_MS = 30_000
MAX_MESSAGE_BYTES = 64 * 1024
"""Twilio's media messages are some 300 bytes; whatever is larger than this is closed with 1009."""


def create_app(
    settings: Settings, *, clock: Clock = utc_now, dressed: Callable[[Services], Services] = lambda services: services
) -> FastAPI:
    """The server as an ASGI application. Its lifespan raises SettingsError when keys are missing.

    `dressed` may put something else in a service's place, for a replay.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with (
            open_services(settings, clock=clock) as opened,
            _relay(services := dressed(opened)) as relay,
            Figures(services.own, services.pulse) as figures,
            open_logins(settings, services.members, clock) as logins,
        ):
            _open_doors(app, services, relay, figures, logins)
            yield

    app = FastAPI(title="Chairside", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(RequestRefused, refusal)
    return app


def _relay(services: Services) -> Relay:
    return Relay(
        services.bus,
        services.knowledge,
        services.calls,
        services.bookings,
        clock=services.clock,
        longest_call_s=services.settings.max_call_s,
    )


def _api_plugs(services: Services | Lookout, clock: Clock) -> ApiPlugs:
    return ApiPlugs(
        shops=services.knowledge,
        calls=services.calls,
        bookings=services.bookings,
        texts=services.texts,
        proposals=services.approval,
        editor=services.editing,
        tapes=services.tapes,
        clock=clock,
    )


def create_bridge(settings: Settings, *, clock: Clock = utc_now) -> FastAPI:
    """The dashboards as a server of their own, for the calls of the processes on the same Redis."""

    @asynccontextmanager
    async def plugs() -> AsyncGenerator[Plugs]:
        wires = wires_of(settings, clock)
        async with open_lookout(settings, wires.bus, clock) as lookout, wires.connected(None) as control:
            yield Plugs(
                bus=wires.bus,
                shops=lookout.knowledge,
                calls=lookout.calls,
                bookings=lookout.bookings,
                control=control,
                members=lookout.members,
                api=_api_plugs(lookout, clock),
            )

    return create_bridge_app(settings, plugs, clock=clock)


def _open_doors(app: FastAPI, services: Services, relay: Relay, figures: Figures, logins: Logins | None) -> None:
    settings = services.settings
    secret, operator_token = secret_for(settings), operator_token_for(settings)
    tickets = TicketBook(secret, settings.ticket_ttl_s, services.clock)
    signatures = Signatures(settings.twilio_auth_token.get_secret_value(), settings.public_url)
    most = settings.max_per_caller_per_minute
    app.include_router(voice_router(services, signatures, tickets, Pace(most, services.clock)))
    app.include_router(media_router(services, tickets))
    replies = ReplyDesk(
        services.knowledge, services.bookings, services.texts, services.bus, services.clock, Pace(most, services.clock)
    )
    app.include_router(sms_router(replies, signatures))
    app.include_router(
        health_router(services.switchboard, services.knowledge.counters, services.backlog, services.clock)
    )
    door = Door(OperatorDesk(operator_token), secret, settings, services.clock, logins)
    rights, cache = Rights(door), services.knowledge.counters
    app.include_router(
        metrics_router(figures, services.switchboard, cache, relay, services.backlog, services.clock, rights.check_all)
    )
    app.include_router(operators_router(relay, door, settings=settings, control=services.control))
    app.include_router(api_router(_api_plugs(services, services.clock), door))
    app.include_router(setup_router(services.onboarding, services.approval, rights))
    app.include_router(pages_router())
    app.state.services = services
    app.state.relay = relay
    if not settings.operator_token.get_secret_value():
        logger.info("the operators' page: {}/#token={}", settings.public_url, operator_token)


def uvicorn_config(settings: Settings, app: FastAPI | None = None) -> uvicorn.Config:
    """How the server is served; the same for production, demo and tests."""
    shielded = Shield(
        app or create_app(settings),
        most_refusals=settings.max_refusals_per_minute,
        https=settings.public_url.startswith("https:"),
        clock=utc_now,
    )
    return uvicorn.Config(
        shielded,
        http=TimedHttp,
        ws=StreamSocket,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        # Twilio does not answer pings in time under load, and `stop` tells us when a call is over.
        ws_ping_interval=None,
        # Whose X-Forwarded-For counts. What Twilio signed never depends on it.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        # A browser that reads nothing must not keep the process from going.
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


def bound_socket(
    config: uvicorn.Config, dead_after_ms: int = DEAD_AFTER_MS, *, is_shared: bool = False
) -> socket.socket:
    """The socket to listen on; `is_shared`: others may listen on the same port.

    A peer that takes no data for so long is cut off by the kernel: closing would wait for what is still to be sent, and
    a browser that never reads would hold its connection for good.
    """
    if is_shared:
        family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        try:
            listening = socket.create_server((config.host, config.port), family=family, reuse_port=True)
        except OSError as why:  # as uvicorn has it for a port of its own
            logger.error(why)
            sys.exit(1)
    else:
        listening = config.bind_socket()
    if sys.platform == "linux":
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, dead_after_ms)
    return listening


class DrainingServer(uvicorn.Server):
    """Lets running calls finish before their sockets are closed. Asked a second time, it goes at once."""

    def __init__(self, settings: Settings, *, parent: int | None = None) -> None:
        """`parent`: the process without which it is not to go on."""
        self._parent = parent
        self.application = create_app(settings)
        self._drain_s = settings.drain_s
        self._sweeping = AsyncExitStack()
        super().__init__(uvicorn_config(settings, self.application))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        services: Services | None = getattr(self.application.state, "services", None)
        if services is not None:
            sweeper = Sweeper(lambda: services.switchboard.live)
            await self._sweeping.enter_async_context(sweeper.sweeping())

    async def on_tick(self, counter: int) -> bool:
        is_orphan = self._parent is not None and os.getppid() != self._parent
        return await super().on_tick(counter) or is_orphan

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        services: Services | None = getattr(self.application.state, "services", None)
        if services is not None and not self.force_exit:
            await services.switchboard.drain(self._drain_s)
        await super().shutdown(sockets)
        await self._sweeping.aclose()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until stopped. Exit code 2: not startable as configured; every problem is named."""
    parser = argparse.ArgumentParser(description="Answer calls, and show them on dashboards.")
    parser.add_argument("--only", choices=["bridge"], help="bridge: dashboards alone, for calls of other processes")
    parser.add_argument("--worker-of", type=int, metavar="PID", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    only_bridge = asked.only == "bridge"
    try:
        settings = read_settings()
        _require(settings, only_bridge=only_bridge)
    except SettingsError as why:
        for problem in why.problems:
            print(f"chairside: {problem}", file=sys.stderr)
        print("chairside: see docs/settings.md; `make demo` needs no keys.", file=sys.stderr)
        return 2
    logger.remove()
    logger.add(sys.stderr, level=settings.log_level)
    try:
        # Tried here because the server would wrap what goes wrong into a traceback.
        asyncio.run(check_store(settings))
    except ChairsideError as why:
        print(f"chairside: {why}", file=sys.stderr)
        return 1
    if settings.workers > 1 and not only_bridge and asked.worker_of is None:
        become(settings.workers, [sys.executable, __file__, "--worker-of", str(os.getpid())])
    if only_bridge:
        server = uvicorn.Server(uvicorn_config(settings, create_bridge(settings)))
    else:
        server = DrainingServer(settings, parent=asked.worker_of)
    server.run(sockets=[bound_socket(server.config, is_shared=asked.worker_of is not None)])
    return 0


def _require(settings: Settings, *, only_bridge: bool) -> None:
    """Raises SettingsError for what is missing, or does not go together."""
    redis = settings.redis_url.get_secret_value()
    if only_bridge and not redis:
        raise SettingsError(["REDIS_URL is not set: a bridge by itself hears of calls through Redis"])
    if not only_bridge:
        settings.require_vendor_keys()
        if settings.workers > 1 and not redis:
            raise SettingsError(
                ["REDIS_URL is not set: each of several workers hears of the others' calls through Redis"]
            )
        if settings.workers > 1 and settings.port == 0:
            raise SettingsError(["PORT is 0: several workers need one they can share"])
    if redis:
        secret_for(settings)
        operator_token_for(settings)


if __name__ == "__main__":
    sys.exit(main())
