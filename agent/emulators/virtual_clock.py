"""Time that jumps: a whole call, every vendor on its true loopback socket, as fast as the processor allows.

    virtual_clock.install()                 # first thing in the process, before anything reads a clock
    report = virtual_clock.run(play(scene)) # an event loop and a clock of its own

When nothing is left to do at one moment, the clock jumps to the next one somebody waits for. So a call takes the time
of its work alone, and its timeline is the same on every run, on a busy machine too. It proves order and logic, never
speed. What the house does in threads happens within the moment it was asked for, and its results come back in the
order of asking. While an outside process works (PostgREST, a browser), `holding()` keeps the clock still.

Not on this clock: a thread that sleeps or that nobody awaits, and a job that waits for what happens at a later moment
(a database lock that a test lets go after a pause): it would wait for ever. Such tests stay on the real clock.
"""

from __future__ import annotations

import asyncio
import contextvars
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")

STARTS = datetime(2026, 1, 5, 18, 0, tzinfo=UTC)
"""When every run begins unless told otherwise: a Monday, eight in the morning in Honolulu, evening in London.
The same instant each time, so that floating point rounds the same."""
LOOP_STARTS_S = 1000.0
_DIGITS, _LEAST_S = 6, 1e-6
"""Of a second: what floating point makes of a sum of many times is rounded away, or two runs would break ties apart."""
_LOOK_S = 0.02
"""How often, in real seconds, the sockets are looked at while the clock is held."""
_READERS = ("pipecat", "uvicorn", "aiohttp", "openai")
"""Libraries that may keep a clock they found when they were imported."""

_real_monotonic, _real_time, _real_perf_counter = time.monotonic, time.time, time.perf_counter


class VirtualClockError(RuntimeError):
    """The virtual clock was not installed in time, or is asked to run within itself."""


class _Installed:
    """Which loop this process reads its clocks from; None: the machine's own."""

    loop: VirtualLoop | None = None
    done = False


def install() -> None:
    """Let this process read its clocks from a virtual loop while one runs, and from the machine at all other times.

    Idempotent. Raises VirtualClockError when a library that keeps clocks has been imported already.
    """
    if _Installed.done:
        return
    if early := [name for name in _READERS if name in sys.modules]:
        raise VirtualClockError(f"install the virtual clock before importing {', '.join(early)}")
    time.monotonic = _reader(_real_monotonic, lambda loop: loop.time())
    time.perf_counter = _reader(_real_perf_counter, lambda loop: loop.time())
    time.time = _reader(_real_time, lambda loop: loop.timestamp())
    time.monotonic_ns = _reader(time.monotonic_ns, lambda loop: round(loop.time() * 1e9))
    time.perf_counter_ns = _reader(time.perf_counter_ns, lambda loop: round(loop.time() * 1e9))
    time.time_ns = _reader(time.time_ns, lambda loop: round(loop.timestamp() * 1e9))
    _Installed.done = True


def _reader(real: Callable[[], T], virtual: Callable[[VirtualLoop], T]) -> Callable[[], T]:
    def read() -> T:
        loop = _Installed.loop
        return real() if loop is None else virtual(loop)

    return read


def now() -> datetime:
    """The house's `Clock` on a virtual run; the machine's time outside one."""
    return datetime.fromtimestamp(time.time(), UTC)


def real_time() -> float:
    """Seconds that really passed, since some moment."""
    return _real_monotonic()


def run(main: Coroutine[Any, Any, T], *, starts: datetime = STARTS, loop_starts_s: float = LOOP_STARTS_S) -> T:
    """Run a coroutine on a fresh loop whose clock begins at `starts`, and whose own time at `loop_starts_s`.

    Raises what it raises, and VirtualClockError.
    """
    if not _Installed.done or _Installed.loop is not None:
        main.close()
        why = "it runs already" if _Installed.done else "it is not installed"
        raise VirtualClockError(f"no run on the virtual clock: {why}")
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(starts, loop_starts_s)) as runner:
        # A context of its own: nothing that an earlier run left in it.
        return runner.run(main, context=contextvars.Context())


@contextmanager
def holding() -> Generator[None]:
    """The clock stands while an outside process works on something. On the real clock it means nothing."""
    loop = _Installed.loop
    if loop is None:
        yield
        return
    loop.hold(1)
    try:
        yield
    finally:
        loop.hold(-1)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own. Jobs in threads take none of it."""

    def __init__(self, starts: datetime = STARTS, loop_starts_s: float = LOOP_STARTS_S) -> None:
        self._selector_of_time = _Selector()
        self._loop_starts_s = loop_starts_s
        self._epoch = starts.timestamp() - loop_starts_s
        self._threads = ThreadPoolExecutor(thread_name_prefix="virtual")
        super().__init__(self._selector_of_time)
        self.set_default_executor(self._threads)

    def time(self) -> float:
        return round(self._loop_starts_s + self._selector_of_time.passed_s, _DIGITS)

    def timestamp(self) -> float:
        """Seconds since 1970, as `time.time()`."""
        return self._epoch + self.time()

    def hold(self, more: int) -> None:
        """One more, or one fewer, for whom the clock has to stand."""
        self._selector_of_time.held += more

    def run_in_executor(  # type: ignore[override]  # the same, typed
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """As ever, but the result comes when the loop has nothing else to do, and after those of earlier jobs."""
        job = (executor or self._threads).submit(func, *args)
        result: asyncio.Future[T] = self.create_future()
        result.add_done_callback(lambda waited: job.cancel() if waited.cancelled() else None)
        self._selector_of_time.jobs.append((job, result))
        return result

    def run_forever(self) -> None:
        _Installed.loop = self
        try:
            super().run_forever()
        finally:
            _Installed.loop = None

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002 - asyncio's own
        """Wait for the threads in real time: a timeout of this loop's would be over at once."""
        self._threads.shutdown(wait=True)


class _Selector(selectors.DefaultSelector):
    """Where the loop would wait, time passes instead."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0
        self.held = 0
        self.jobs: deque[tuple[Future[Any], asyncio.Future[Any]]] = deque()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What can be read or written now. `timeout`: virtual seconds until somebody's time has come; None: never."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.jobs:
            return self._first_job_done()
        if self.held:
            return super().select(_LOOK_S)
        if timeout is None:
            return super().select(None)
        until = round(self.passed_s + timeout, _DIGITS)
        self.passed_s = until if until > self.passed_s else round(self.passed_s + _LEAST_S, _DIGITS)
        return []

    def _first_job_done(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Hand over the result of the oldest job. One that wakes the loop meanwhile is heard first."""
        job, result = self.jobs[0]
        while not job.done():
            wait([job], timeout=_LOOK_S)
            if not job.done() and (ready := super().select(0)):
                return ready
        self.jobs.popleft()
        if result.cancelled():
            return []
        if (why := job.exception()) is not None:
            result.set_exception(why)
        else:
            result.set_result(job.result())
        return []
