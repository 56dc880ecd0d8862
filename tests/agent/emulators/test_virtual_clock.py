"""Time that jumps: what takes none, what is waited for, and in which order things come back."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from subprocess import run as run_process

import pytest

from agent.emulators import virtual_clock
from agent.emulators.virtual_clock import VirtualClockError, holding


def test_an_hour_passes_at_once_and_every_clock_agrees():
    async def wait_an_hour() -> list[float]:
        clocks = (time.time, time.monotonic, time.perf_counter, asyncio.get_running_loop().time)
        nanoseconds = (time.time_ns, time.monotonic_ns, time.perf_counter_ns)
        before = [clock() for clock in clocks] + [clock() / 1e9 for clock in nanoseconds]
        assert virtual_clock.now() == virtual_clock.STARTS
        await asyncio.sleep(3600)
        after = [clock() for clock in clocks] + [clock() / 1e9 for clock in nanoseconds]
        return [late - early for early, late in zip(before, after, strict=True)]

    began = time.perf_counter()
    assert virtual_clock.run(wait_an_hour()) == pytest.approx([3600] * 7)
    assert time.perf_counter() - began < 5
    assert abs(virtual_clock.now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_every_run_begins_at_the_same_instant():
    async def instants() -> tuple[float, datetime]:
        await asyncio.sleep(0.1)
        return time.monotonic(), virtual_clock.now()

    assert virtual_clock.run(instants()) == virtual_clock.run(instants())


def test_jobs_in_threads_take_no_time_and_come_back_in_the_order_they_were_asked_for():
    async def ask() -> tuple[list[str], float]:
        done: list[str] = []

        async def job(name: str, real_s: float) -> None:
            await asyncio.to_thread(time.sleep, real_s)
            done.append(name)

        began = time.monotonic()
        await asyncio.gather(job("slow", 0.2), job("quick", 0), job("second", 0.1))
        return done, time.monotonic() - began

    assert virtual_clock.run(ask()) == (["slow", "quick", "second"], 0)


def test_a_job_is_done_before_a_timeout_that_is_shorter_than_its_work():
    async def ask() -> str:
        async with asyncio.timeout(0.001):
            return await asyncio.to_thread(lambda: time.sleep(0.1) or "done")

    assert virtual_clock.run(ask()) == "done"


def test_a_job_that_fails_and_one_that_is_given_up():
    def fail() -> None:
        raise KeyError("lost")

    async def ask() -> None:
        with pytest.raises(KeyError, match="lost"):
            await asyncio.to_thread(fail)
        waiting = asyncio.create_task(asyncio.to_thread(time.sleep, 0.05))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.to_thread(lambda: 7) == 7

    virtual_clock.run(ask())


def test_a_job_may_ask_the_loop_while_it_works():
    async def ask() -> str:
        loop = asyncio.get_running_loop()

        async def answer() -> str:
            return "heard"

        return await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(answer(), loop).result(5))

    assert virtual_clock.run(ask()) == "heard"


def test_sockets_on_loopback_take_no_time():
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async def ask() -> tuple[bytes, float]:
        began = time.monotonic()
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            answer = await reader.readline()
            writer.close()
        return answer, time.monotonic() - began

    assert virtual_clock.run(ask()) == (b"hello\n", 0)


def test_the_clock_stands_while_somebody_outside_is_waited_for():
    async def ask(*, held: bool) -> None:
        loop, answered, late = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def answer() -> None:
            late.wait(0.2)
            loop.call_soon_threadsafe(answered.set)

        outside = threading.Thread(target=answer)
        outside.start()
        try:
            with holding() if held else nullcontext():
                async with asyncio.timeout(0.1):
                    await answered.wait()
        finally:
            late.set()
            outside.join()

    virtual_clock.run(ask(held=True))
    with pytest.raises(TimeoutError):
        virtual_clock.run(ask(held=False))


def test_no_run_within_a_run():
    async def nothing() -> None: ...

    async def again() -> None:
        virtual_clock.run(nothing())

    with pytest.raises(VirtualClockError, match="runs already"):
        virtual_clock.run(again())


def test_it_is_installed_before_others_look_at_the_clock_or_refused():
    code = "import aiohttp\nfrom agent.emulators import virtual_clock\nvirtual_clock.install()"
    done = run_process(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "before importing aiohttp" in done.stderr
