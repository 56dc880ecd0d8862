"""The stream's socket goes on reading while messages wait to be taken, and no further than it should."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect

from agent.stream_socket import MOST_WAITING, TAKER, StreamSocket

BIG = "x" * 30_000


class App:
    """Takes no message before it is told to."""

    def __init__(self) -> None:
        self.sockets: list[StreamSocket] = []
        self.may_read = asyncio.Event()
        self.taken: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        self.sockets.append(receive.__self__)  # type: ignore[attr-defined]
        await receive()
        await send({"type": "websocket.accept"})
        await self.may_read.wait()
        while (message := await receive())["type"] == "websocket.receive":
            self.taken.append(message["text"])


@asynccontextmanager
async def served(app: App) -> AsyncGenerator[ClientConnection]:
    config = uvicorn.Config(app, ws=StreamSocket, log_level="error", lifespan="off", ws_ping_interval=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        url = f"ws://127.0.0.1:{listening.getsockname()[1]}/"
        async with connect(url, compression=None, ping_interval=None) as client:
            yield client
            app.may_read.set()
        server.should_exit = True
        await running


async def until(holds: object) -> None:
    async with asyncio.timeout(10):
        while not holds():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_what_waits_is_bounded_and_all_of_it_comes_in_order():
    app = App()
    async with served(app) as client:
        sending = asyncio.create_task(_send_all(client, 400))
        await until(lambda: app.sockets and app.sockets[0].read_paused)
        # One reading of the kernel's may hold several messages; what it has read is not thrown away.
        assert MOST_WAITING <= app.sockets[0].queue.qsize() < MOST_WAITING + 20
        app.may_read.set()
        await sending
    assert [text[:3] for text in app.taken] == [f"{number:03}" for number in range(400)]


async def test_a_few_messages_that_wait_do_not_stop_the_reading():
    app = App()
    async with served(app) as client:
        await _send_all(client, 10)
        await until(lambda: app.sockets and app.sockets[0].queue.qsize() == 10)
        assert not app.sockets[0].read_paused


class TakingApp(App):
    """Has some of the messages as they arrive, and receives the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope["extensions"][TAKER](self.take)
        await super().__call__(scope, receive, send)

    def take(self, data: bytes) -> bool:
        number = data[:3].decode()
        if int(number) % 4 == 0:
            return False
        self.at_once.append(number)
        self.taken.append(number)
        return True


async def test_what_is_taken_as_it_arrives_is_in_order_with_what_is_received():
    app = TakingApp()
    app.may_read.set()
    async with served(app) as client:
        await _send_all(client, 40)
        for number in range(40, 60):  # one by one, so that nothing waits when it comes
            await client.send(f"{number:03}")
            await until(lambda number=number: len(app.taken) == number + 1)
    assert [text[:3] for text in app.taken] == [f"{number:03}" for number in range(60)]
    assert set(app.at_once) >= {f"{number:03}" for number in range(40, 60) if number % 4}


async def test_nothing_is_taken_while_something_waits_to_be_received():
    app = TakingApp()
    async with served(app) as client:
        await _send_all(client, 10)
        await until(lambda: app.sockets and app.sockets[0].queue.qsize() == 10)
        assert app.at_once == []


async def _send_all(client: ClientConnection, count: int) -> None:
    for number in range(count):
        await client.send(f"{number:03}{BIG}")
