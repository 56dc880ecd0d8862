"""Somebody of the shop changes what callers are told, by hand."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from agent.errors import Conflict, NotFound, ShopInvalid
from agent.events import ShopChanged
from agent.knowledge.approval import Shops
from agent.model import Shop
from agent.ports import Clock, EventBus

UNCHANGEABLE = ("location_id", "version")


class Editing:
    """What is stored of shops, and changes of it. A call under way keeps the version it began with."""

    def __init__(self, store: Shops, bus: EventBus, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    async def shop(self, location_id: int) -> Shop:
        """The newest version. Raises NotFound location_unknown, StoreError."""
        shop = await self._store.get_location_knowledge(location_id)
        if shop is None:
            raise NotFound("location_unknown", f"There is no shop with location {location_id}.")
        return shop

    async def edit(self, location_id: int, version: int, changes: Mapping[str, JsonValue]) -> Shop:
        """Put `changes` in the place of the fields of the same names, if `version` is still the newest; announce
        ShopChanged, unless that changes nothing. Returns the shop as stored.

        What the website said at the last approval stays as it is, so a field changed here is the owner's: what the
        website says of it later is proposed, never taken. Raises NotFound location_unknown, Conflict shop_changed or
        what `store_knowledge` raises, ShopInvalid.
        """
        shop = await self.shop(location_id)
        if shop.version != version:
            raise Conflict("shop_changed", f"The shop has version {shop.version}, and {version} was to be changed.")
        stored = await self._store.store_approved(_changed(shop, changes), None)
        if stored.version != version:
            self._bus.publish(ShopChanged(at=self._clock(), location_id=location_id, version=stored.version))
        return stored


def _changed(shop: Shop, changes: Mapping[str, JsonValue]) -> Shop:
    fixed = [(name, "This cannot be changed.") for name in UNCHANGEABLE if name in changes]
    if fixed:
        raise ShopInvalid(fixed)
    try:
        return Shop.model_validate(shop.model_dump(mode="json") | dict(changes))
    except ValidationError as why:
        raise ShopInvalid(
            # What is said of the shop as a whole is said of its services: that they name its people.
            (".".join(map(str, error["loc"])) or "services", error["msg"].removeprefix("Value error, "))
            for error in why.errors(include_url=False, include_input=False)
        ) from why
