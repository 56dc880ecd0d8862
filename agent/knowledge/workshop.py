"""Heavy work on a stranger's text, in a process of its own: it may take long or break without a caller hearing it.

A page can be built so that parsing it takes minutes. In the server's own process that would hold up every call
on the line, a thread included.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import resource
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar, cast

from agent.errors import ChairsideError, SetupError

A = TypeVar("A")
R = TypeVar("R")

MEMORY_BYTES = 2_000_000_000
NICENESS = 10
"""Calls come first."""


async def apart(work: Callable[[A], R], argument: A, *, timeout_s: float) -> R:
    """`work(argument)`, computed in a process that is killed after `timeout_s`.

    `work` is a function at the top of a module; argument and result can be pickled. Raises what it raises as
    ChairsideError, SetupError reading_failed for any other end, reading_timed_out.
    """
    job = pickle.dumps(sys.path) + pickle.dumps((work.__module__, work.__qualname__, argument))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(timeout_s):
            out, _ = await process.communicate(job)
    except TimeoutError as why:
        raise SetupError("reading_timed_out", f"The pages could not be read within {timeout_s:g} seconds.") from why
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not out:
        raise SetupError("reading_failed", "Reading the pages broke down; the log has the details.")
    result = pickle.loads(out)  # noqa: S301 - from our own process
    if isinstance(result, ChairsideError):
        raise result
    return cast(R, result)


def _main() -> None:
    job, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whoever prints must not write into the answer
    os.nice(NICENESS)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.path = pickle.load(job)  # noqa: S301 - from our own process
    module, name, argument = pickle.load(job)  # noqa: S301
    try:
        result: Any = getattr(import_module(module), name)(argument)
    except ChairsideError as why:
        result = SetupError(why.code, why.message)
    out.write(pickle.dumps(result))
    out.flush()


if __name__ == "__main__":
    _main()
