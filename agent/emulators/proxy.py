"""A wire between a program and a server not of ours (Redis, a database's gateway), on which anything goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Literal

WireFault = Literal["refuse", "slow_connect", "drop", "half_open", "garbage", "drip", "late", "status", "lose_answer"]
NO_ANSWER = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
NONSENSE = b"\x16\x03garbage, neither this protocol nor that\r\n\r\n"
PIECE = 4096


class Wire:
    """Passes bytes on, as well as its `fault` lets it; `order` sets it from now on.

    `refuse`: nobody listens; `slow_connect`: nothing passes in a connection's first `seconds`; `drop`: one ends
    with the first bytes of an answer; `half_open`: connections stand, nothing passes; `garbage` in place of answers;
    `drip`: a byte each 100 ms; `late`: answers come `seconds` late; `status`: 503 in HTTP; `lose_answer`: what was
    asked is done, and the connection ends instead of the answer.
    """

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._fault: WireFault | None = None
        self._seconds = 0.0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    def order(self, fault: WireFault | None, seconds: float = 4.0) -> None:
        """Let it go wrong from now on; None: all is well again. Live connections suffer it too."""
        self._fault, self._seconds = fault, seconds
        if fault in ("refuse", "slow_connect", "drop"):
            self.cut()

    def cut(self) -> None:
        """End every connection without a goodbye."""
        for writer in self._open:
            writer.transport.abort()

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[Wire]:
        """Pass on what comes to `port` of 127.0.0.1 while open."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._server.close()
            self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._fault == "refuse":
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            if self._fault == "slow_connect":
                await asyncio.sleep(self._seconds)
            there, back = await asyncio.open_connection(*self._to)
            self._open.add(back)
            try:
                await _first_ended(self._pass(reader, back), self._answer(there, writer, back))
            finally:
                self._open.discard(back)
                back.close()
        except OSError:
            return
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What is asked."""
        while data := await reader.read(PIECE):
            while self._fault == "half_open":  # noqa: ASYNC110 - rarely, and only in a drill
                await asyncio.sleep(0.05)
            writer.write(data)
            await writer.drain()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.StreamWriter
    ) -> None:
        """What is answered."""
        while data := await reader.read(PIECE):
            match self._fault:
                case "late":
                    await asyncio.sleep(self._seconds)
                case "garbage":
                    data = NONSENSE
                case "status":
                    data = NO_ANSWER
                case "lose_answer":
                    asked.close()
                    writer.transport.abort()
                    return
                case "drop":
                    writer.write(data[:3])
                    await writer.drain()
                    return
                case "half_open":
                    await asyncio.Event().wait()
                case _:
                    pass
            await self._write(data, writer)

    async def _write(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        pieces = [data[at : at + 1] for at in range(len(data))] if self._fault == "drip" else [data]
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if self._fault == "drip":
                await asyncio.sleep(0.1)


async def _first_ended(*works: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
