"""Heavy work on a stranger's text, in a process of its own: it may take long or break without a caller hearing it.

A page can be built so that parsing it takes minutes. In the server's own process that would hold up every call
on the line, a thread included.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from agent.errors import ChairsideError, SetupError

A = TypeVar("A")
R = TypeVar("R")

MEMORY_BYTES = 2_000_000_000
NICENESS = 10
"""Calls come first."""


async def apart(work: Callable[[A], R], argument: A, *, gives: type[R], timeout_s: float) -> R:
    """`work(argument)`, computed in a process that is killed after `timeout_s`.

    `work` is a function at the top of a module. Argument and result travel as JSON; `gives`, a model or another
    type pydantic knows, says what the result is. Raises what `work` raises as ChairsideError, SetupError
    reading_timed_out, and reading_failed for any other end.
    """
    job = to_json({"module": work.__module__, "name": work.__qualname__, "argument": argument})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # Our modules and nothing else: whatever a page does to its reader, our keys are not there.
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"},
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
    return _result(out, gives) if process.returncode == 0 else _broken()


def _result(out: bytes, gives: type[R]) -> R:
    kind, _, told = out.partition(b"\n")
    try:
        if kind == b"error":
            code, message = TypeAdapter(tuple[str, str]).validate_json(told)
            raise SetupError(code, message)
        return TypeAdapter(gives).validate_json(told)
    except ValidationError:
        return _broken()


def _broken() -> NoReturn:
    raise SetupError("reading_failed", "Reading the pages broke down; the log has the details.")


def _main() -> None:
    out = sys.stdout.buffer
    sys.stdout = sys.stderr  # whoever prints must not write into the answer
    os.nice(NICENESS)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    job = from_json(sys.stdin.buffer.read())
    try:
        result = getattr(import_module(job["module"]), job["name"])(job["argument"])
        out.write(b"result\n" + to_json(result))
    except ChairsideError as why:
        out.write(b"error\n" + to_json([why.code, why.message]))
    out.flush()


if __name__ == "__main__":
    _main()
