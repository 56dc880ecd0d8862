"""What a process remembers of a vendor that fails, so that not every call has to find out for itself."""

from __future__ import annotations

import time
from collections.abc import Callable

FAILURES = 3
"""So many in a row, and the vendor is left alone."""
REST_S = 20.0
"""For so long; then one may try again."""


class Breaker:
    """Counts the failures of one vendor. `clock` gives seconds that never go back."""

    def __init__(self, vendor: str, *, clock: Callable[[], float] = lambda: time.monotonic()) -> None:
        self.vendor = vendor
        self._clock = clock
        self._failures = 0
        self._rests_until = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether the vendor is left alone for now."""
        return self._clock() < self._rests_until

    def failed(self) -> None:
        """It did not do what it was asked for."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._rests_until = self._clock() + REST_S

    def worked(self) -> None:
        """It did: what was before is forgotten."""
        self._failures = 0
        self._rests_until = float("-inf")
