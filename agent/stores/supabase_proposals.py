"""Proposals in a Supabase project."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from pydantic import ValidationError

from agent.errors import StoreError
from agent.model import Proposal, Shop
from agent.stores.supabase_client import Project, Row
from agent.stores.supabase_rows import canonical, read

_COLUMNS = "id, location_id, based_on:base_version, revision, state, data, scraped, created_at, decided_at, decided_by"


class SupabaseProposals:
    """Implements `Proposals` in an open project."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def propose(self, proposal: Proposal) -> None:
        """Keep a new open proposal; see `Proposals.propose`. Raises Conflict."""
        row = proposal.model_dump(mode="json")
        await self._project.call(
            "propose_changes",
            p_id=proposal.id,
            p_location_id=proposal.location_id,
            p_base_version=proposal.based_on,
            p_data={"changes": row["changes"]},
            p_scraped=None if proposal.scraped is None else canonical(proposal.scraped),
            p_created_at=row["created_at"],
        )

    async def get_open_proposal(self, location_id: int) -> Proposal | None:
        """The open one, or None. Raises StoreError when it is no Proposal any more."""
        return await self._proposal(location_id, state="open")

    async def get_proposal(self, location_id: int, proposal_id: str) -> Proposal | None:
        """One of this location in whatever state, or None. Raises StoreError when it is no Proposal any more."""
        try:
            known = str(UUID(proposal_id))
        except ValueError:
            return None
        return await self._proposal(location_id, id=known)

    async def decide(self, proposal: Proposal, shop: Shop | None, scraped: Shop) -> int:
        """Store what was said, and the shop it makes; see `Proposals.decide`. Raises NotFound, Conflict."""
        row = proposal.model_dump(mode="json")
        return await self._project.call(
            "decide_proposal",
            p_id=proposal.id,
            p_location_id=proposal.location_id,
            p_revision=proposal.revision,
            p_data={"changes": row["changes"]},
            p_state=proposal.state,
            p_decided_at=row["decided_at"],
            p_decided_by=proposal.decided_by,
            p_shop=None if shop is None else canonical(shop),
            p_scraped=canonical(scraped),
        )

    async def store_approved(self, shop: Shop, scraped: Shop | None) -> Shop:
        """Store a shop with the scrape it was approved from; see `Proposals.store_approved`. Raises Conflict."""
        version = await self._project.call(
            "store_approved", p_shop=canonical(shop), p_scraped=None if scraped is None else canonical(scraped)
        )
        return shop.model_copy(update={"version": version})

    async def get_approved_scrape(self, location_id: int) -> Shop | None:
        """What the website said when the shop was last approved, or None. Raises StoreError when it is no Shop."""
        query = self._project.table("approved_scrapes").select("data").eq("location_id", location_id)
        rows = await self._project.rows(query)
        try:
            return Shop.model_validate(rows[0]["data"]) if rows else None
        except ValidationError as why:
            message = f"The approved scrape of location {location_id} is not one this Chairside can read."
            raise StoreError("stored_scrape_unreadable", message) from why

    async def _proposal(self, location_id: int, **alike: str) -> Proposal | None:
        query: Any = self._project.table("knowledge_proposals").select(_COLUMNS).eq("location_id", location_id)
        rows = await self._project.rows(query.match(alike))
        return _read_proposal(rows[0]) if rows else None


def _read_proposal(row: Row) -> Proposal:
    data = row["data"]
    changes = cast(Row, data).get("changes") if isinstance(data, dict) else None
    return read(Proposal, {**row, "changes": changes})
