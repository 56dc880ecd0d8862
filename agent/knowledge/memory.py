"""Many shops in little memory: each is kept packed, and unpacked when somebody asks for it.

As objects, a shop with forty services takes some 70 kB, ten thousand of them a whole machine; packed it takes 3 kB.
Unpacking takes a fraction of a millisecond, and the shops that are called now stay unpacked.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from typing import NamedTuple

from agent.model import Shop, ShopListing

UNPACKED = 256
"""Shops kept unpacked, the latest asked for: some 20 MB at most."""


class _Packed(NamedTuple):
    listing: ShopListing
    version: int
    asked: int
    data: bytes


class ShopMemory:
    """Shops by location and by number. Everything is answered at once; nothing here waits."""

    def __init__(self, unpacked: int = UNPACKED) -> None:
        self._packed: dict[int, _Packed] = {}
        self._numbers: dict[str, int] = {}
        self._unpacked: OrderedDict[int, Shop] = OrderedDict()
        self._limit = unpacked

    def __len__(self) -> int:
        return len(self._packed)

    def locations(self) -> frozenset[int]:
        """Of every shop that is kept."""
        return frozenset(self._packed)

    def listings(self) -> tuple[ShopListing, ...]:
        """All shops, by location_id."""
        return tuple(packed.listing for _, packed in sorted(self._packed.items()))

    def version_of(self, location_id: int) -> int | None:
        """The version that is kept, or None."""
        packed = self._packed.get(location_id)
        return None if packed is None else packed.version

    def location_of(self, phone_number: str) -> int | None:
        """The location an E.164 number leads to, or None."""
        return self._numbers.get(phone_number)

    def shop(self, location_id: int) -> Shop | None:
        """The version that is kept, or None."""
        shop = self._unpacked.get(location_id)
        if shop is None:
            packed = self._packed.get(location_id)
            if packed is None:
                return None
            shop = Shop.model_validate_json(zlib.decompress(packed.data))
            self._unpacked[location_id] = shop
            if len(self._unpacked) > self._limit:
                self._unpacked.popitem(last=False)
        else:
            self._unpacked.move_to_end(location_id)
        return shop

    def put(self, shop: Shop, asked: int) -> bool:
        """Keep a shop as the store gave it; True when it is another version than was kept.

        `asked` grows with each question put to the store: what an earlier question brought never takes the place
        of what a later one did, in whatever order the answers come.
        """
        before = self._packed.get(shop.location_id)
        if before is not None and before.asked > asked:
            return False
        self._forget(shop.location_id)
        listing = ShopListing.model_construct(**{name: getattr(shop, name) for name in ShopListing.model_fields})
        data = zlib.compress(shop.model_dump_json().encode(), level=1)
        self._packed[shop.location_id] = _Packed(listing, shop.version, asked, data)
        self._numbers[shop.phone_number] = shop.location_id
        return before is None or before.version != shop.version

    def drop(self, location_id: int, asked: int) -> None:
        """Forget a shop that the store did not have when it was asked."""
        before = self._packed.get(location_id)
        if before is not None and before.asked <= asked:
            self._forget(location_id)

    def _forget(self, location_id: int) -> None:
        self._unpacked.pop(location_id, None)
        before = self._packed.pop(location_id, None)
        # The number may lead to another shop by now, which was read first.
        if before is not None and self._numbers.get(before.listing.phone_number) == location_id:
            del self._numbers[before.listing.phone_number]
