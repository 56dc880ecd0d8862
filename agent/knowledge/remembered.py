"""Results remembered for things that never change, by the thing itself and not by its value.

A shop is frozen, and one object stands for its version as long as calls use it; comparing or hashing one with a long
menu takes longer than what is remembered for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class _Itself:
    """Equal to another only when both hold the same object, which is kept alive meanwhile."""

    held: Any

    def __hash__(self) -> int:
        return id(self.held)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.held is other.held


def remembered(work: Callable[[T], R]) -> Callable[[T], R]:
    """`work`, a pure function of one frozen thing, computed once for each of the last 128 things."""

    @lru_cache(maxsize=128)
    def once(thing: _Itself) -> R:
        return work(thing.held)

    @wraps(work)
    def ask(thing: T) -> R:
        return once(_Itself(thing))

    return ask
