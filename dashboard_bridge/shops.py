"""The shops, as the bridge reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agent.model import Shop, ShopListing


class ShopReader(Protocol):
    """What the bridge asks about shops: an answer at once, from memory."""

    def shop(self, location_id: int) -> Shop | None:
        """The approved shop, or None."""
        ...

    def listings(self) -> Sequence[ShopListing]:
        """All approved shops, by location_id."""
        ...
