"""A load balancer in small: every new connection goes to a process that says it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from urllib.parse import urlsplit

import httpx

LOOK_S = 0.2
"""How often `/readyz` is asked: until the next look, a process that is on its way out is given connections."""
CHUNK = 65_536


class Balancer:
    """Open it with `async with Balancer.open(urls)`; connections that are open stay where they are."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = list(urls)
        self._ready: list[str] = []
        self._turn = count()
        self._pipes: set[asyncio.Task[None]] = set()
        self.url = ""
        self.turned_away = 0
        """Connections that came while nobody was ready."""

    @classmethod
    @asynccontextmanager
    async def open(cls, urls: Sequence[str]) -> AsyncGenerator[Balancer]:
        """On a free port of this machine."""
        balancer = cls(urls)
        await balancer._look()
        looking = asyncio.create_task(balancer._look_on(), name="balancer")
        async with await asyncio.start_server(balancer._take, "127.0.0.1", 0) as server:
            balancer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            try:
                yield balancer
            finally:
                tasks = [looking, *balancer._pipes]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look()

    async def _look(self) -> None:
        async with httpx.AsyncClient(timeout=1) as http:
            said = await asyncio.gather(*(self._is_ready(http, url) for url in self._urls))
        self._ready = [url for url, ready in zip(self._urls, said, strict=True) if ready]

    async def _is_ready(self, http: httpx.AsyncClient, url: str) -> bool:
        """A late answer says nothing: it stays as it was, for it may be we who are late."""
        try:
            return (await http.get(f"{url}/readyz")).status_code == 200
        except httpx.TimeoutException:
            return url in self._ready
        except httpx.TransportError:
            return False

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ready = list(self._ready)
        for _ in ready:
            to = urlsplit(ready[next(self._turn) % len(ready)])
            try:
                there = await asyncio.open_connection(to.hostname, to.port)
            except OSError:  # it has gone since we looked
                continue
            await self._connect((reader, writer), there)
            return
        self.turned_away += 1
        writer.close()

    async def _connect(
        self,
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        both = {
            asyncio.create_task(_pipe(here[0], there[1])),
            asyncio.create_task(_pipe(there[0], here[1])),
        }
        self._pipes |= both
        try:
            await asyncio.gather(*both)
        finally:
            self._pipes -= both
            for writer in (here[1], there[1]):
                writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
