"""A test on a clock that jumps, outside of `tests/calls`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

from agent.emulators import virtual_clock

P = ParamSpec("P")


def on_virtual_clock(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a coroutine test on a virtual clock of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        virtual_clock.run(test(*args, **kwargs))

    return run
