"""What a call opened is closed when it is over."""

import asyncio
import sys
import threading
from pathlib import Path

import pytest
from house import House, open_house

from agent.events import CallEnded


def sockets() -> int:
    """Open sockets of this process."""
    return sum(1 for at in Path("/proc/self/fd").iterdir() if _target(at).startswith("socket:"))


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:  # the descriptor that was listing them
        return ""


async def short_call(house: House) -> None:
    async with house.pick_up() as handset:
        await handset.hear("mark")
        await handset.stop()
        await house.event(CallEnded, call_sid=handset.call_sid)


def held() -> tuple[int, int, int]:
    return len(asyncio.all_tasks()), sockets(), threading.active_count()


@pytest.mark.skipif(sys.platform != "linux", reason="counts sockets in /proc")
async def test_ten_short_calls_leave_no_task_socket_or_thread():
    async with open_house() as house:
        await short_call(house)  # what the first call loads stays for all
        await asyncio.sleep(0.3)
        before = held()
        await asyncio.gather(*(short_call(house) for _ in range(10)))
        async with asyncio.timeout(3):
            while any(now > then for now, then in zip(held(), before, strict=True)):
                await asyncio.sleep(0.02)


async def test_ten_strangers_leave_no_task():
    async with open_house() as house:
        before = len(asyncio.all_tasks())
        for _ in range(10):
            async with house.handset() as stranger:
                await stranger.start("no ticket of ours")
                await stranger.closed()
        async with asyncio.timeout(3):
            while len(asyncio.all_tasks()) > before:
                await asyncio.sleep(0.02)
