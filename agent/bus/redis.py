"""The way to the house's other processes: Redis pub/sub, in one task that sends and one that receives.

Nothing here is kept by Redis. What is sent while it is away is lost, and whoever needs it whole asks the others for a
fresh picture once it is back (`LinkListener.connected`). Channels carry the database's number in their names, because
Redis' pub/sub knows no databases and two houses may share one server.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self, cast

from loguru import logger
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

PULSE_S = 3.0
"""How often a process says that it is there; it must hear its own word, or the connection is made anew."""
DEAF_S = 10.0
RETRY_S = 0.5
FLUSH_S = 1.0
MAX_WAITING = 20_000
"""Messages that wait to be sent. More is an outage; after one, everybody asks anew in any case."""
BATCH = 500
EVERYBODY = "all"
_PULSE = b"\0pulse"


class LinkListener(Protocol):
    """Who takes what comes. Called on the event loop; must not wait."""

    def connected(self) -> None:
        """For the first time, or again: what others sent meanwhile is lost."""
        ...

    def received(self, sender: str, message: bytes) -> None:
        """From another process; its pulse comes as an empty message."""
        ...

    def pulsed(self) -> None:
        """Our own pulse came back: what others sent meanwhile has come, too."""
        ...


class RedisLink:
    """This process's name, its mailbox, and everybody's. Enter it once its listeners are set."""

    def __init__(self, url: str) -> None:
        """Raises ValueError for what is no address of a Redis."""
        self.name = uuid.uuid4().hex
        self.listeners: list[LinkListener] = []
        self.is_up = asyncio.Event()
        self._client = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=2.0,
            socket_keepalive=True,
            single_connection_client=False,
        )
        database = self._client.connection_pool.connection_kwargs.get("db") or 0
        self._prefix = f"chairside:{database}:"
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MAX_WAITING)
        self._something = asyncio.Event()
        self._heard_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._receive(), name="redis-receive"),
            asyncio.create_task(self._send(), name="redis-send"),
            asyncio.create_task(self._pulse(), name="redis-pulse"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(RedisError, OSError, TimeoutError):  # the ends of calls that the house's own end has ended
            async with asyncio.timeout(FLUSH_S):
                while self._waiting and self.is_up.is_set():
                    await self._publish([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])
        pending = set(self._tasks)
        while pending:  # redis-py may take a cancellation that meets a message for a timeout, and go on
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=0.5)
        await self._client.aclose()

    def send(self, message: bytes, to: str = EVERYBODY) -> None:
        """Send to everybody, or to one process by name. Returns at once; what cannot be sent is dropped."""
        self._waiting.append((to, message))
        self._something.set()

    async def _send(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                try:
                    await self._publish(batch)
                except (RedisError, OSError) as why:
                    self._lost(why)
                    await asyncio.sleep(RETRY_S)

    async def _publish(self, batch: list[tuple[str, bytes]]) -> None:
        mine = self.name.encode()
        if len(batch) == 1:
            to, message = batch[0]
            await self._client.publish(self._prefix + to, mine + message)
            return
        async with self._client.pipeline(transaction=False) as pipeline:
            for to, message in batch:
                pipeline.publish(self._prefix + to, mine + message)
            await pipeline.execute()

    async def _pulse(self) -> None:
        while True:
            self.send(_PULSE)
            await asyncio.sleep(PULSE_S)

    async def _receive(self) -> None:
        while True:
            try:
                await self._read()
            except (RedisError, OSError, TimeoutError) as why:
                self._lost(why)
            await asyncio.sleep(RETRY_S)

    async def _read(self) -> None:
        """Until the connection breaks, or nothing comes any more, not even our own pulse. Raises what broke it."""
        loop = asyncio.get_running_loop()
        async with self._client.pubsub() as mailbox:
            await mailbox.subscribe(self._prefix + EVERYBODY, self._prefix + self.name)
            self._heard_at = loop.time()
            while True:
                message = cast("dict[str, object] | None", await mailbox.get_message(timeout=PULSE_S))
                if message is not None:
                    self._heard_at = loop.time()
                    self._take(message)
                elif loop.time() - self._heard_at > DEAF_S:
                    raise TimeoutError("our own pulse does not come back")

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "subscribe":
            if message["data"] == 2:  # both mailboxes are ours from here on
                logger.info("redis: connected")
                self.is_up.set()
                for listener in self.listeners:
                    self._call(listener.connected)
            return
        data = message["data"]
        if not isinstance(data, bytes) or len(data) < 32:
            return
        sender, body = data[:32].decode("ascii", "replace"), data[32:]
        if sender == self.name:
            if body == _PULSE:
                for listener in self.listeners:
                    self._call(listener.pulsed)
        else:
            for listener in self.listeners:
                self._call(listener.received, sender, b"" if body == _PULSE else body)

    def _call(self, told: Callable[..., None], *arguments: object) -> None:
        try:
            told(*arguments)
        except Exception:
            # One message that cannot be understood, perhaps of a newer house, must not end the hearing of all.
            logger.exception("redis: a message of another process was not understood")

    def _lost(self, why: Exception) -> None:
        if self.is_up.is_set():
            logger.warning("redis: connection lost, {}: {}", type(why).__name__, why)
        self.is_up.clear()
