"""Proposals in the embedded store."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime

from pydantic import ValidationError

from agent.errors import Conflict, NotFound, StoreError
from agent.model import Proposal, Shop
from agent.stores.database import Database
from agent.stores.embedded_shops import shop_row, store_if_current


class EmbeddedProposals:
    """Implements `Proposals` over an open database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def propose(self, proposal: Proposal) -> None:
        """Keep a new open proposal; see `Proposals.propose`. Raises Conflict."""
        await self._database.write(lambda db: _propose(db, proposal))

    async def get_open_proposal(self, location_id: int) -> Proposal | None:
        """The open one, or None. Raises StoreError when it is no Proposal any more."""
        return _read(await self._database.read(lambda db: db.execute(_OPEN, (location_id,)).fetchone()))

    async def get_proposal(self, location_id: int, proposal_id: str) -> Proposal | None:
        """One of this location in whatever state, or None. Raises StoreError when it is no Proposal any more."""
        return _read(await self._database.read(lambda db: _proposal_row(db, location_id, proposal_id)))

    async def decide(self, proposal: Proposal, shop: Shop | None, scraped: Shop) -> int:
        """Store what was said, and the shop it makes; see `Proposals.decide`. Raises NotFound, Conflict."""
        return await self._database.write(lambda db: _decide(db, proposal, shop, scraped))

    async def store_approved(self, shop: Shop, scraped: Shop | None) -> Shop:
        """Store a shop with the scrape it was approved from; see `Proposals.store_approved`. Raises Conflict."""
        return await self._database.write(lambda db: _store_approved(db, shop, scraped))

    async def get_approved_scrape(self, location_id: int) -> Shop | None:
        """What the website said when the shop was last approved, or None. Raises StoreError when it is no Shop."""
        query = "SELECT data FROM approved_scrapes WHERE location_id = ?"
        row = await self._database.read(lambda db: db.execute(query, (location_id,)).fetchone())
        try:
            return None if row is None else Shop.model_validate_json(row["data"])
        except ValidationError as why:
            message = f"The approved scrape of location {location_id} is not one this Chairside can read."
            raise StoreError("stored_scrape_unreadable", message) from why


_OPEN = "SELECT * FROM knowledge_proposals WHERE location_id = ? AND state = 'open'"
_SUPERSEDE = "UPDATE knowledge_proposals SET state = 'superseded' WHERE location_id = ? AND state = 'open'"
_PROPOSE = """
    INSERT INTO knowledge_proposals (id, location_id, base_version, data, scraped, created_at)
    VALUES (?, ?, ?, ?, ?, ?)
"""
_DECIDE = """
    UPDATE knowledge_proposals
    SET data = ?, state = ?, revision = revision + 1, decided_at = ?, decided_by = ? WHERE id = ?
"""
_APPROVE_SCRAPE = """
    INSERT INTO approved_scrapes (location_id, data) VALUES (?, ?)
    ON CONFLICT (location_id) DO UPDATE SET data = excluded.data
"""


def _proposal_row(db: sqlite3.Connection, location_id: int, proposal_id: str) -> sqlite3.Row | None:
    query = "SELECT * FROM knowledge_proposals WHERE location_id = ? AND id = ?"
    return db.execute(query, (location_id, proposal_id)).fetchone()


def _propose(db: sqlite3.Connection, proposal: Proposal) -> None:
    known = db.execute("SELECT location_id FROM knowledge_proposals WHERE id = ?", (proposal.id,)).fetchone()
    if known is not None and known["location_id"] == proposal.location_id:
        return
    if known is not None:
        raise Conflict("proposal_exists", "A proposal of another shop has this id.")
    scraped = None if proposal.scraped is None else proposal.scraped.model_dump_json()
    created_at = _text(proposal.created_at)
    db.execute(_SUPERSEDE, (proposal.location_id,))
    row = (proposal.id, proposal.location_id, proposal.based_on, _data(proposal), scraped, created_at)
    db.execute(_PROPOSE, row)


def _decide(db: sqlite3.Connection, proposal: Proposal, shop: Shop | None, scraped: Shop) -> int:
    location_id = proposal.location_id
    row = _proposal_row(db, location_id, proposal.id)
    if row is None:
        raise NotFound("proposal_unknown", f"Location {location_id} has no proposal {proposal.id}.")
    if row["state"] in ("approved", "rejected"):
        raise Conflict("proposal_decided", f"The proposal was {row['state']} before.")
    if row["state"] == "superseded" or row["revision"] != proposal.revision:
        raise Conflict("proposal_outdated", "The proposal was changed meanwhile; look at it again.")
    version = _version(db, location_id) if shop is None else store_if_current(db, shop, "proposal_outdated").version
    db.execute(_APPROVE_SCRAPE, (location_id, scraped.model_dump_json()))
    decided_at = _text(proposal.decided_at)
    db.execute(_DECIDE, (_data(proposal), proposal.state, decided_at, proposal.decided_by, proposal.id))
    return version


def _version(db: sqlite3.Connection, location_id: int) -> int:
    row = shop_row(db, location_id)
    return 0 if row is None else int(row["version"])


def _store_approved(db: sqlite3.Connection, shop: Shop, scraped: Shop | None) -> Shop:
    stored = store_if_current(db, shop, "shop_changed")
    if scraped is not None:
        db.execute(_APPROVE_SCRAPE, (shop.location_id, scraped.model_dump_json()))
        db.execute(_SUPERSEDE, (shop.location_id,))
    return stored


def _data(proposal: Proposal) -> str:
    return json.dumps({"changes": [change.model_dump(mode="json") for change in proposal.changes]})


def _read(row: sqlite3.Row | None) -> Proposal | None:
    if row is None:
        return None
    try:
        return Proposal.model_validate(
            {
                **{name: row[name] for name in ("id", "location_id", "revision", "state")},
                **{name: row[name] for name in ("created_at", "decided_at", "decided_by")},
                "based_on": row["base_version"],
                "changes": json.loads(row["data"])["changes"],
                "scraped": row["scraped"] and json.loads(row["scraped"]),
            }
        )
    except (ValueError, KeyError, TypeError) as why:
        raise StoreError("stored_row_unreadable", "A stored Proposal is not one we can read.") from why


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")
