"""Where a set-up leaves what it found: the approved shop, the scrape behind it, and what is proposed."""

from __future__ import annotations

from typing import Protocol, TypeVar

from agent.knowledge.extract.facts import SiteFacts
from agent.knowledge.proposals import Proposal
from agent.knowledge.registry import register_shop
from agent.knowledge.scraped import salon_info, scraped_professionals, scraped_services
from agent.model import Shop
from agent.ports import Clock, EventBus, KnowledgeStore

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
        """What the website said the time before, or None."""
        ...

    async def put(self, shop: Shop, scraped: Shop | None, facts: F_contra | None) -> Shop:
        """Store shop and scrape together, announce ShopChanged when that made a new version, return it as stored.

        Without a scrape, the one before stays.
        Raises Conflict phone_number_taken, NotFound location_unknown.
        """
        ...

    async def propose(self, proposal: Proposal, scraped: Shop, facts: F_contra) -> None:
        """Keep a proposal in place of an older one for the same shop, and the scrape with it."""
        ...


class PlainShelf(Shelf[F]):
    """Shops in the KnowledgeStore, scrapes and proposals in memory: enough until a backend keeps those too."""

    def __init__(self, store: KnowledgeStore, bus: EventBus, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._scrapes: dict[int, Shop] = {}
        self.proposals: dict[int, Proposal] = {}

    async def is_known(self, location_id: int) -> bool:
        """Always: here, setting a shop up is what makes it known."""
        return location_id > 0

    async def last_scrape(self, location_id: int) -> Shop | None:
        """What the website said the time before, in this process."""
        return self._scrapes.get(location_id)

    async def put(self, shop: Shop, scraped: Shop | None, facts: F | None) -> Shop:  # noqa: ARG002
        """See `Shelf.put`."""
        stored = await register_shop(self._store, self._bus, shop, clock=self._clock)
        if scraped is not None:
            self._scrapes[shop.location_id] = scraped
        self.proposals.pop(shop.location_id, None)
        return stored

    async def propose(self, proposal: Proposal, scraped: Shop, facts: F) -> None:  # noqa: ARG002
        """See `Shelf.propose`. The last scrape stays what was last approved, so that a proposal can be repeated."""
        self.proposals[proposal.location_id] = proposal


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

    async def propose(self, proposal: Proposal, scraped: Shop, facts: SiteFacts) -> None:
        """See `Shelf.propose`."""
        await self._keep(scraped, facts)
        await super().propose(proposal, scraped, facts)

    async def _keep(self, scraped: Shop, facts: SiteFacts) -> None:
        location_id = scraped.location_id
        await self._store.insert_scraped_services(location_id, scraped_services(facts))
        await self._store.insert_scraped_professionals(location_id, scraped_professionals(facts))
        await self._store.insert_salon_info(location_id, salon_info(facts, scraped))
