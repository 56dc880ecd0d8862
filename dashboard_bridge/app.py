"""The dashboards as a server of their own, beside the processes that answer calls: what happens comes over the bus."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from agent.access import OperatorDesk, operator_token_for, secret_for
from agent.ports import BookingStore, CallControl, CallStore, Clock, EventBus, Members
from agent.settings import Settings
from dashboard_bridge.api import ApiPlugs, api_router
from dashboard_bridge.door import Door
from dashboard_bridge.logins import open_logins
from dashboard_bridge.ops import operators_router
from dashboard_bridge.pages import pages_router
from dashboard_bridge.relay import Relay
from dashboard_bridge.shops import ShopReader


@dataclass(frozen=True)
class Plugs:
    """What the dashboards need of the house."""

    bus: EventBus
    shops: ShopReader
    calls: CallStore
    bookings: BookingStore | None = None
    control: CallControl | None = None
    members: Members | None = None
    api: ApiPlugs | None = None
    """What the pages read and write; without it there is neither page nor API."""


def create_bridge_app(
    settings: Settings, open_plugs: Callable[[], AbstractAsyncContextManager[Plugs]], *, clock: Clock
) -> FastAPI:
    """`/ops`, `/login`, `/shops`, `/healthz`, page and API, without telephony. `app.state.relay`: the relay, entered.

    The lifespan raises SettingsError in production without SECRET_KEY or OPERATOR_TOKEN, and what `open_plugs` raises.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with (
            open_plugs() as plugs,
            relay_of(plugs, settings, clock) as relay,
            open_logins(settings, plugs.members, clock) as logins,
        ):
            door = Door(OperatorDesk(operator_token_for(settings)), secret_for(settings), settings, clock, logins)
            app.include_router(operators_router(relay, door, settings=settings, control=plugs.control))
            if plugs.api is not None:
                app.include_router(api_router(plugs.api, door))
                app.include_router(pages_router())
            app.state.relay = relay
            yield

    app = FastAPI(title="Chairside dashboards", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, object]:
        return {"status": "ok", "watching": app.state.relay.watching}

    return app


def relay_of(plugs: Plugs, settings: Settings, clock: Clock) -> Relay:
    """A relay over these plugs, not yet entered."""
    return Relay(plugs.bus, plugs.shops, plugs.calls, plugs.bookings, clock=clock, longest_call_s=settings.max_call_s)
