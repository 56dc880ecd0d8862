"""How often somebody may do something: so many times in a minute, counted for each of them apart."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

PER = timedelta(minutes=1)
MAX_REMEMBERED = 10_000
"""People kept in mind; who was heard of longest ago is forgotten first."""


class Pace:
    """Counts over a sliding minute. `clock` returns now as aware UTC."""

    def __init__(self, most: int, clock: Callable[[], datetime]) -> None:
        self._most = most
        self._clock = clock
        self._times: OrderedDict[str, deque[datetime]] = OrderedDict()

    def is_over(self, who: str) -> bool:
        """Whether they have done it as often as they may."""
        times = self._times.get(who)
        if times is None:
            return False
        since = self._clock() - PER
        while times and times[0] <= since:
            times.popleft()
        return len(times) >= self._most

    def count(self, who: str) -> None:
        """They did it now."""
        times = self._times.setdefault(who, deque(maxlen=self._most))
        times.append(self._clock())
        self._times.move_to_end(who)
        while len(self._times) > MAX_REMEMBERED:
            self._times.popitem(last=False)

    def allows(self, who: str) -> bool:
        """Count it, unless they have done it as often as they may."""
        if self.is_over(who):
            return False
        self.count(who)
        return True


def household(address: str) -> str:
    """What one person has of addresses: one of IPv4, a /64 of IPv6; the text itself when it is no address."""
    try:
        at = ip_address(address)
    except ValueError:
        return address
    if not isinstance(at, IPv6Address):
        return str(at)
    return str(at.ipv4_mapped or IPv6Address(int(at) >> 64 << 64))
