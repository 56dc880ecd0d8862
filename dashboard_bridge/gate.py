"""How many sockets there may be: in total, and from one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from dashboard_bridge.browser import Parting


class Gate:
    """Counts the open sockets, let in or not yet: a flood is turned away before it costs anything."""

    def __init__(self, counters: Counter[str], total: int, per_address: int) -> None:
        self._counters = counters
        self._total = total
        self._per_address = per_address
        self._open: Counter[str] = Counter()

    @contextmanager
    def passed(self, address: str) -> Generator[None]:
        """Count a socket while it is open. Raises Parting 1013 `too_many_sockets`."""
        if self._open.total() >= self._total or self._open[address] >= self._per_address:
            self._counters["flooded"] += 1
            raise Parting(1013, "too_many_sockets", "Too many sockets are open; try again later.")
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
