"""Time as SQLite keeps it: moments as text that sorts as it reads, and stretches of it."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from itertools import groupby

from agent.model import BusyStretch
from agent.stores.booking_forms import utc

Span = tuple[str, str]
"""From and until, as stored."""


def stored(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds. Raises StoreError moment_naive."""
    return utc(moment).isoformat(timespec="microseconds")


def spans_by_name(busy: tuple[BusyStretch, ...]) -> dict[str, list[Span]]:
    """Everybody's time by folded name, in order; what touches is one."""
    every = sorted((_folded(b.staff), stored(b.starts), stored(b.ends)) for b in busy)
    by_name: dict[str, list[Span]] = {}
    for name, theirs in groupby(every, key=lambda stretch: stretch[0]):
        merged: list[Span] = []
        for _, starts, ends in theirs:
            if merged and starts <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(ends, merged[-1][1]))
            else:
                merged.append((starts, ends))
        by_name[name] = merged
    return by_name


def without(spans: list[Span], taken: list[Span]) -> list[Span]:
    """What of `spans` lies outside `taken`; each in order."""
    left = spans
    for starts, ends in taken:
        cut = [piece for a, b in left for piece in ((a, min(b, starts)), (max(a, ends), b))]
        left = [(a, b) for a, b in cut if a < b]
    return left


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).lower().split())
