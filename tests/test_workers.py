"""Several workers on one port: all answer, one that dies is replaced, and none is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from agent.emulators.stage import Stage, open_stage
from agent.settings import Settings
from tests.rig.redis import RedisServer
from tests.servers import free_port, running_server, url_of
from tests.test_server import KEYS, start


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncGenerator[Stage]:
    async with open_stage(database_path=tmp_path / "chairside.db") as stage:
        yield stage


@pytest.fixture
def settings(stage: Stage, redis: RedisServer) -> Settings:
    return stage.settings(port=free_port(), workers=2, redis_url=redis.url)


def workers_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children()


async def until(holds: Callable[[], object], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.05)


async def who_answers(settings: Settings, parent: int) -> list[int]:
    """How many of a series of connections came to each worker; each of them is served."""
    async with AsyncExitStack() as stack:
        for _ in range(20):
            http = await stack.enter_async_context(httpx.AsyncClient())
            (await http.get(f"{url_of(settings)}/readyz")).raise_for_status()
        return [len(_connections(worker, settings.port)) for worker in workers_of(parent)]


def _connections(process: psutil.Process, port: int) -> list[object]:
    return [at for at in process.net_connections() if at.status == psutil.CONN_ESTABLISHED and at.laddr.port == port]


async def both_answer(settings: Settings, parent: int) -> None:
    async with asyncio.timeout(30):
        while len([count for count in await who_answers(settings, parent) if count > 2]) < 2:  # one may be starting
            await asyncio.sleep(0.1)


async def test_two_workers_share_a_port_one_that_dies_is_replaced_and_they_end_together(settings: Settings):
    async with running_server(settings) as parent:
        await both_answer(settings, parent.pid)
        first, second = workers_of(parent.pid)
        first.kill()
        await until(lambda: len({child.pid for child in workers_of(parent.pid)} - {first.pid, second.pid}) == 1)
        assert second.is_running()
        await both_answer(settings, parent.pid)
        children = workers_of(parent.pid)
        parent.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(parent.wait(), 20) == 0
        assert not [child for child in children if child.is_running()]


async def test_workers_do_not_outlive_their_parent(settings: Settings):
    async with running_server(settings) as parent:
        children = workers_of(parent.pid)
        os.kill(parent.pid, signal.SIGKILL)
        await until(lambda: not [child for child in children if _lives(child)])


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_port_that_somebody_else_has_ends_all_of_them_with_their_code(tmp_path: Path, redis: RedisServer):
    shared = {"WORKERS": "2", "REDIS_URL": redis.url, "SECRET_KEY": "nobody's " * 5, "OPERATOR_TOKEN": "no one's " * 5}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = start(tmp_path, **KEYS, **shared, PORT=str(taken.getsockname()[1]))
    assert code == 1
    assert "Address already in use" in "".join(said)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"PORT": "5001"}, "REDIS_URL is not set"),
        ({"PORT": "0", "REDIS_URL": "redis://127.0.0.1:1/0"}, "PORT is 0"),
    ],
)
def test_what_several_workers_need_is_named(tmp_path: Path, more: dict[str, str], problem: str):
    code, said = start(tmp_path, **KEYS, WORKERS="2", **more)
    assert code == 2
    assert said[0].startswith(f"chairside: {problem}")
