"""Many shops in little memory: each is kept packed, and unpacked when somebody asks for it.

As objects, a shop with forty services takes some 80 kB, ten thousand of them a whole machine; packed it takes 4 kB.
Unpacking takes a fraction of a millisecond, and the shops that are called now stay unpacked.
"""

from __future__ import annotations

import sys
import zlib
from collections import OrderedDict
from dataclasses import dataclass

from agent.model import Shop, ShopListing

UNPACKED = 64
"""Shops kept unpacked, the latest asked for: more than a process has calls. Each is a thousand objects, and what they
are in number the garbage collector's longest pause is in length."""


@dataclass(frozen=True, slots=True)
class _Packed:
    """One object a shop: ten thousand of anything richer would lengthen every pause of the garbage collector."""

    business_name: str
    phone_number: str
    timezone: str
    version: int
    asked: int
    data: bytes

    def listing(self, location_id: int) -> ShopListing:
        """What lists show of it; checked when the shop was."""
        return ShopListing.model_construct(
            location_id=location_id,
            business_name=self.business_name,
            phone_number=self.phone_number,
            timezone=self.timezone,
        )


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
        return tuple(self._packed[location_id].listing(location_id) for location_id in sorted(self._packed))

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
        data = zlib.compress(shop.model_dump_json().encode(), level=1)
        self._packed[shop.location_id] = _Packed(
            shop.business_name, shop.phone_number, sys.intern(shop.timezone), shop.version, asked, data
        )
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
        if before is not None and self._numbers.get(before.phone_number) == location_id:
            del self._numbers[before.phone_number]
