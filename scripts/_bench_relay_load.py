"""Browsers of the relay's bench: as many as asked, in a process of their own, each noting when words reach it.

Frames are read with the least work possible: a full WebSocket client would be slower than the relay it measures.
Commands come on stdin, one JSON line each; the answer is one on stdout.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass

import uvloop

MARK = b"@ns"
"""Before the time of publishing, in nanoseconds of the monotonic clock, which is one for the whole machine."""


@dataclass(frozen=True)
class Load:
    """Which browsers: `dead` of them read nothing. Browser `i` watches room `i % rooms`."""

    port: int
    token: str
    browsers: int
    rooms: int
    first_location: int
    dead: int = 0
    feed: str = "full"


class Reader(asyncio.Protocol):
    """One browser that reads: finds each published time and notes how old it is."""

    def __init__(self, ages: list[int]) -> None:
        self.ages = ages
        self.finals = 0
        self._newest = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self._rest + data
        at = data.find(MARK)
        while at >= 0 and len(data) >= at + 30:
            end = data.index(b";", at)
            published = int(data[at + 3 : end])
            if published > self._newest and self.ready.done():  # a snapshot says again what was said
                self._newest = published
                self.ages.append(now - published)
                self.finals += 1
            at = data.find(MARK, end)
        # A time may be cut in two; nothing else is kept.
        self._rest = data[at:] if at >= 0 else data[-2:]
        if b'"type":"metrics"' in data and not self.ready.done():
            self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed at once"))


def request(load: Load, number: int) -> bytes:
    """The head of a browser's socket."""
    room = load.first_location + number % load.rooms
    query = f"location_id={room}" + ("&feed=full" if load.feed == "full" else "")
    return (
        f"GET /ops?{query} HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {load.token}\r\n\r\n"
    ).encode()


async def connect(load: Load, number: int, ages: list[int]) -> Reader:
    loop = asyncio.get_running_loop()
    transport, reader = await loop.create_connection(lambda: Reader(ages), "127.0.0.1", load.port)
    transport.write(request(load, number))
    await reader.ready
    return reader


def connect_dead(load: Load, number: int) -> socket.socket:
    """A browser that asks and never reads: its small buffer fills, then the server's."""
    dead = socket.socket()
    dead.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    dead.connect(("127.0.0.1", load.port))
    dead.sendall(request(load, number))
    return dead


async def work(load: Load) -> None:
    """Connect all, say so, and report when stdin says stop."""
    ages: list[int] = []
    dead = [connect_dead(load, number) for number in range(load.dead)]
    readers: list[Reader] = []
    for number in range(load.dead, load.browsers):
        readers.append(await connect(load, number, ages))
    print(json.dumps({"connected": len(readers)}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    got = Counter[int]()
    lost_most = [0] * load.rooms
    for number, reader in enumerate(readers, load.dead):
        got[number % load.rooms] += reader.finals
        lost_most[number % load.rooms] += 1
    ages.sort()
    print(
        json.dumps(
            {
                "deliveries": len(ages),
                "per_room": [[got[room], lost_most[room]] for room in range(load.rooms)],
                "p50_ms": _at(ages, 0.50),
                "p99_ms": _at(ages, 0.99),
                "max_ms": _at(ages, 1.0),
            }
        ),
        flush=True,
    )
    for browser in dead:
        browser.close()


def _at(ages: list[int], share: float) -> float | None:
    return round(ages[min(len(ages) - 1, int(len(ages) * share))] / 1e6, 3) if ages else None


if __name__ == "__main__":
    uvloop.run(work(Load(**json.loads(sys.argv[1]))))
