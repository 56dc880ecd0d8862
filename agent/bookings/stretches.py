"""Sets of time as lists of stretches: whole seconds since 1970 UTC, half open, in order, never touching. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

Stretch = tuple[int, int]
"""From the first second up to, not including, the second."""

ALWAYS: list[Stretch] = [(-(1 << 62), 1 << 62)]


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Any stretches as such a list; empty ones vanish, overlapping and touching ones become one."""
    result: list[Stretch] = []
    for begins, ends in sorted(stretches):
        if ends <= begins:
            continue
        if result and begins <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], ends))
        else:
            result.append((begins, ends))
    return result


def common(some: Sequence[Stretch], others: Sequence[Stretch]) -> list[Stretch]:
    """What lies in both."""
    result: list[Stretch] = []
    at = beside = 0
    while at < len(some) and beside < len(others):
        begins, ends = max(some[at][0], others[beside][0]), min(some[at][1], others[beside][1])
        if begins < ends:
            result.append((begins, ends))
        if some[at][1] <= others[beside][1]:
            at += 1
        else:
            beside += 1
    return result


def without(some: Sequence[Stretch], others: Sequence[Stretch]) -> list[Stretch]:
    """What lies in `some` and not in `others`."""
    if not others or not some:
        return list(some)
    edges = [some[0][0], *(edge for stretch in others for edge in stretch), some[-1][1]]
    between = [(edges[at], edges[at + 1]) for at in range(0, len(edges), 2) if edges[at] < edges[at + 1]]
    return common(some, between)


def over(stretches: Sequence[Stretch], begins: int, ends: int) -> Sequence[Stretch]:
    """Those that share a second with begins..ends, whole."""
    first = bisect_right(stretches, begins, key=lambda stretch: stretch[1])
    return stretches[first : bisect_left(stretches, ends, lo=first, key=lambda stretch: stretch[0])]


def starts_within(room: Sequence[Stretch], offset: int, seconds: int) -> list[Stretch]:
    """When something must begin so that what lasts `seconds` and comes `offset` after its beginning lies in `room`."""
    return [(begins - offset, ends - offset - seconds + 1) for begins, ends in room if ends - begins >= seconds]


def chosen(times: Sequence[int], stretches: Sequence[Stretch]) -> list[int]:
    """Those of `times` (in order) that lie in one of the stretches."""
    return [time for begins, ends in stretches for time in times[bisect_left(times, begins) : bisect_left(times, ends)]]
