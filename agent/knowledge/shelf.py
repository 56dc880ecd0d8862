"""Where a set-up leaves what it found: the approved shop, the scrape behind it, and what is proposed."""

from __future__ import annotations

from typing import Protocol, TypeVar
from uuid import uuid4

from agent.events import ShopChanged
from agent.knowledge.approval import Shops
from agent.knowledge.extract.facts import SiteFacts
from agent.knowledge.scraped import salon_info, scraped_professionals, scraped_services
from agent.knowledge.sources import with_sources
from agent.model import Proposal, Shop
from agent.ports import Clock, EventBus

F = TypeVar("F")
F_contra = TypeVar("F_contra", contravariant=True)


class Shelf(Protocol[F_contra]):
    """What onboarding needs of a backend. Raises StoreError; then nothing of that call is stored.

    `facts` is what the extractor found, with its sources; `scraped` is the shop those facts make by themselves.
    """

    async def is_known(self, location_id: int) -> bool:
        """True when a shop may be set up here; a backend where salons are registered elsewhere knows them."""
        ...

    async def last_scrape(self, location_id: int) -> Shop | None:
        """What the website said when the shop was last approved, or None."""
        ...

    async def put(self, shop: Shop, scraped: Shop | None, facts: F_contra | None) -> Shop:
        """Store shop and scrape together, announce ShopChanged when that made a new version, return it as stored.

        `shop.version` is the one it was made from. Without a scrape, the one before stays, and so does an open
        proposal. Raises Conflict phone_number_taken, shop_changed, NotFound location_unknown.
        """
        ...

    async def propose(self, proposal: Proposal, scraped: Shop, facts: F_contra) -> Proposal:
        """Keep a proposal in place of an older one for the same shop, and the scrape with it; return it as kept."""
        ...


class PlainShelf(Shelf[F]):
    """Shops, approved scrapes and proposals in the store; facts, which it does not know, nowhere."""

    def __init__(self, store: Shops, bus: EventBus, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    async def is_known(self, location_id: int) -> bool:
        """Always: here, setting a shop up is what makes it known."""
        return location_id > 0

    async def last_scrape(self, location_id: int) -> Shop | None:
        """See `Shelf.last_scrape`."""
        return await self._store.get_approved_scrape(location_id)

    async def put(self, shop: Shop, scraped: Shop | None, facts: F | None) -> Shop:  # noqa: ARG002
        """See `Shelf.put`."""
        stored = await self._store.store_approved(shop, scraped)
        if stored.version != shop.version:
            self._bus.publish(ShopChanged(at=self._clock(), location_id=stored.location_id, version=stored.version))
        return stored

    async def propose(self, proposal: Proposal, scraped: Shop, facts: F) -> Proposal:  # noqa: ARG002
        """See `Shelf.propose`. The approved scrape stays, so that what nobody answered is proposed again."""
        news = {"id": str(uuid4()), "created_at": self._clock(), "scraped": scraped}
        proposal = proposal.model_copy(update=news)
        await self._store.propose(proposal)
        return proposal


class StoreShelf(PlainShelf[SiteFacts]):
    """As PlainShelf, with the rows of the last scrape kept in the store, sources included.

    They are written before the shop: the approved shop, which is all that a call reads, is the last thing stored
    and stored whole. A scrape whose shop was refused in the end stays as what it is, the last scrape.
    """

    async def put(self, shop: Shop, scraped: Shop | None, facts: SiteFacts | None) -> Shop:
        """See `Shelf.put`."""
        if scraped is not None and facts is not None:
            await self._keep(scraped, facts)
        return await super().put(shop, scraped, facts)

    async def propose(self, proposal: Proposal, scraped: Shop, facts: SiteFacts) -> Proposal:
        """See `Shelf.propose`. Each change tells where the website says so."""
        await self._keep(scraped, facts)
        return await super().propose(with_sources(proposal, facts), scraped, facts)

    async def _keep(self, scraped: Shop, facts: SiteFacts) -> None:
        location_id = scraped.location_id
        await self._store.insert_scraped_services(location_id, scraped_services(facts))
        await self._store.insert_scraped_professionals(location_id, scraped_professionals(facts))
        await self._store.insert_salon_info(location_id, salon_info(facts, scraped))
