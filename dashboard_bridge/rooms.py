"""Which browser watches which shop, and with which feed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Literal

from dashboard_bridge.browser import Browser

Feed = Literal["plain", "full"]


class Rooms:
    """A room per shop and feed, and one for those who watch every shop. A browser is in one feed at a time."""

    def __init__(self) -> None:
        self._rooms: defaultdict[tuple[Feed, int | None], dict[Browser, None]] = defaultdict(dict)
        self._places: dict[Browser, tuple[Feed, frozenset[int] | None]] = {}

    def enter(self, browser: Browser) -> None:
        """Known, and in no room yet."""
        self._places[browser] = ("plain", frozenset())

    def leave(self, browser: Browser) -> None:
        self._clear(browser)
        del self._places[browser]

    def place(self, browser: Browser, feed: Feed, locations: frozenset[int] | None) -> None:
        """Into these rooms and out of all others; None means every shop, also those that come later."""
        self._clear(browser)
        self._places[browser] = (feed, locations)
        for location_id in (None,) if locations is None else locations:
            self._rooms[feed, location_id][browser] = None

    def watching(self, location_id: int, feed: Feed) -> list[Browser]:
        """Who sees a shop with this feed."""
        rooms = self._rooms
        return [*rooms.get((feed, location_id), ()), *rooms.get((feed, None), ())]

    def watched(self, location_id: int) -> bool:
        return bool(self.watching(location_id, "plain") or self.watching(location_id, "full"))

    def named(self) -> set[int]:
        """The shops that somebody watches by name."""
        return {location_id for _, location_id in self._rooms if location_id is not None}

    def with_feed(self, feed: Feed) -> list[Browser]:
        """Everybody with this feed, whatever they watch."""
        return [browser for browser, (has, _) in self._places.items() if has == feed]

    def __iter__(self) -> Iterator[Browser]:
        return iter(list(self._places))

    def __len__(self) -> int:
        return len(self._places)

    def _clear(self, browser: Browser) -> None:
        feed, locations = self._places[browser]
        for location_id in chain((None,), locations or ()):
            room = self._rooms.get((feed, location_id))
            if room is not None:
                room.pop(browser, None)
                if not room:
                    del self._rooms[feed, location_id]
