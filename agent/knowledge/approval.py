"""Somebody of the shop says yes or no to what its website says anew."""

from __future__ import annotations

from typing import Literal, Protocol

from agent.errors import Conflict, NotFound
from agent.events import ShopChanged
from agent.knowledge.proposals import answered_scrape, apply, decide
from agent.model import Model, Proposal, Shop
from agent.ports import Clock, EventBus, KnowledgeStore, Proposals

ADMIN = "admin"
"""Who decided, when it was whoever holds ADMIN_TOKEN or the store itself."""


class Shops(KnowledgeStore, Proposals, Protocol):
    """A backend that keeps both."""


class Verdicts(Model):
    """What is said to changes, by their ids; "all" is every change that is undecided and not named otherwise."""

    approve: tuple[str, ...] | Literal["all"] = ()
    reject: tuple[str, ...] | Literal["all"] = ()


class Decided(Model):
    """What came of it: the version of the shop, and the proposal as it is now."""

    version: int
    proposal: Proposal


class Approval:
    """The open proposals of shops, and the word that is said to them."""

    def __init__(self, store: Shops, bus: EventBus, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    async def open_proposal(self, location_id: int) -> Proposal | None:
        """What waits for a word, or None. Raises NotFound location_unknown, StoreError."""
        await self._shop(location_id)
        return await self._store.get_open_proposal(location_id)

    async def decide(self, location_id: int, proposal_id: str, verdicts: Verdicts, *, by: str) -> Decided:
        """Make the approved changes and keep what was said; all of it, or nothing. Announces ShopChanged.

        Raises NotFound location_unknown, proposal_unknown; Conflict proposal_decided, proposal_outdated; SetupError
        proposal_outdated, proposal_invalid, change_unknown, change_decided, change_contradicted, nothing_decided.
        """
        shop = await self._shop(location_id)
        proposal = await self._store.get_proposal(location_id, proposal_id)
        if proposal is None:
            raise NotFound("proposal_unknown", f"Location {location_id} has no proposal {proposal_id[:40]!r}.")
        _require_open(proposal)
        decided, approved = decide(proposal, verdicts.approve, verdicts.reject, by=by, at=self._clock())
        changed = apply(shop, proposal, approved) if approved else None
        scraped = answered_scrape(decided, shop, await self._store.get_approved_scrape(location_id))
        version = await self._store.decide(decided, changed, scraped)
        if version != shop.version:
            self._bus.publish(ShopChanged(at=self._clock(), location_id=location_id, version=version))
        return Decided(version=version, proposal=decided.model_copy(update={"revision": decided.revision + 1}))

    async def _shop(self, location_id: int) -> Shop:
        shop = await self._store.get_location_knowledge(location_id)
        if shop is None:
            raise NotFound("location_unknown", f"There is no shop with location {location_id}.")
        return shop


def _require_open(proposal: Proposal) -> None:
    """The store checks again when it stores; here it is checked before anything is made of it."""
    if proposal.state == "superseded":
        raise Conflict("proposal_outdated", "The website was read again since; look at what it says now.")
    if proposal.state != "open":
        raise Conflict("proposal_decided", f"The proposal was {proposal.state} before.")
