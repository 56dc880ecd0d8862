"""Which bus a process is on: its own alone, or that of several processes when REDIS_URL is set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from loguru import logger

from agent.bus.far_control import FarControl, HomeControl
from agent.bus.local import LocalBus
from agent.bus.mirror import MirroredBus
from agent.bus.redis import RedisLink
from agent.bus.served_control import ServedControl
from agent.errors import SettingsError
from agent.ports import CallControl, Clock, EventBus
from agent.settings import Settings

CONNECT_S = 3.0
"""How long a start waits for Redis. Calls are answered without it; dashboards follow when it is there."""


@dataclass(frozen=True)
class Wires:
    """`own` holds what happens in this process; `bus` what happens in any, as far as they are connected."""

    own: LocalBus
    bus: EventBus
    link: RedisLink | None = None

    @asynccontextmanager
    async def connected(self, home: HomeControl | None) -> AsyncGenerator[CallControl | None]:
        """Connect to the other processes; gives the control of calls, wherever they are. `home` holds those of here."""
        if self.link is None or not isinstance(self.bus, MirroredBus):
            yield home
            return
        far = FarControl(home, self.link, self.bus.owner_of)
        self.link.listeners.extend((self.bus, far))
        async with AsyncExitStack() as stack:
            if home is not None:
                self.link.listeners.append(await stack.enter_async_context(ServedControl(home, self.link)))
            await stack.enter_async_context(self.link)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.link.is_up.wait(), CONNECT_S)
            if not self.link.is_up.is_set():
                logger.warning("redis: not reached yet; other processes' calls are not seen until it is")
            yield far


def wires_of(settings: Settings, clock: Clock) -> Wires:
    """Raises SettingsError for a REDIS_URL that is none."""
    own = LocalBus()
    url = settings.redis_url.get_secret_value()
    if not url:
        return Wires(own, own)
    try:
        link = RedisLink(url)
    except ValueError as why:
        raise SettingsError([f"REDIS_URL: {why}"]) from why
    return Wires(own, MirroredBus(own, link, clock), link)
