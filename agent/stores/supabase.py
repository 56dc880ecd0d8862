"""KnowledgeStore and CallStore in a Supabase project; its tables are made by `supabase/migrations`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from agent.errors import Conflict, NotFound, Unreadable
from agent.events import EndReason, Outcome
from agent.model import (
    CallFound,
    CallRecord,
    CallSearch,
    ClaimMismatch,
    Message,
    Model,
    OpenQuestion,
    SalonInfo,
    ScrapedProfessional,
    ScrapedService,
    Shop,
    ShopListing,
    ShopVersion,
    Turn,
)
from agent.stores.supabase_bookings import SupabaseBookings
from agent.stores.supabase_client import Project, Row
from agent.stores.supabase_members import SupabaseMembers
from agent.stores.supabase_proposals import SupabaseProposals
from agent.stores.supabase_rows import (
    canonical,
    read,
    read_listing,
    read_shop,
    with_source,
    with_source_columns,
)
from agent.stores.supabase_search import find_calls, find_messages
from agent.stores.supabase_texts import SupabaseTexts

PAGE = 1000
"""Rows asked for at once. A project may give fewer (its setting "max rows"), so only an empty page is the last."""
SHOP_PAGE = 100
"""Whole shops asked for at once: about a megabyte, and as many ids as an address can well name."""


class SupabaseStore(SupabaseProposals):
    """Implements `KnowledgeStore`, `Proposals` and `CallStore`. Open it with `async with SupabaseStore.open(url, key)`.

    The secret key sees every shop: each request below names the location it is about.
    """

    def __init__(self, project: Project) -> None:
        super().__init__(project)
        self.bookings = SupabaseBookings(project)
        self.texts = SupabaseTexts(project)
        self.members = SupabaseMembers(project)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, key: str, *, timeout_s: float = 2.0) -> AsyncGenerator[SupabaseStore]:
        """The store in the project at `url`. Raises SettingsError when `key` is not a secret key.

        `timeout_s`: how long an answer may take before Unavailable is raised. Nothing is tried twice, except the
        writes of `bookings`, which carry a key.
        """
        async with Project.open(url, key, timeout_s=timeout_s) as project:
            yield cls(project)

    # Knowledge

    async def get_location_from_phone_number(self, phone_number: str) -> int | None:
        """The location an E.164 number leads to, or None."""
        query = self._project.table("phone_numbers").select("location_id").eq("phone_number", phone_number)
        rows = await self._project.rows(query)
        return int(rows[0]["location_id"]) if rows else None

    async def get_location_knowledge(self, location_id: int) -> Shop | None:
        """The newest approved version of a shop, or None. Raises StoreError when it is no Shop any more."""
        query = self._project.table("salon_static_data").select("data, version").eq("location_id", location_id)
        rows = await self._project.rows(query)
        return read_shop(location_id, rows[0]) if rows else None

    async def store_knowledge(self, key: str, data: Shop) -> Shop:
        """Store `data`, its version grown by one; see `KnowledgeStore.store_knowledge`. Raises Conflict."""
        if key != f"location_{data.location_id}":
            raise Conflict("key_mismatch", f"{key!r} is not the key of location {data.location_id}.")
        version = await self._project.call("store_knowledge", p_key=key, p_data=canonical(data))
        return data.model_copy(update={"version": version})

    async def list_shops(self) -> list[ShopListing]:
        """All shops, by location_id; what another program keeps under a key like ours is none."""
        columns = (
            "location_id, version, business_name:data->>business_name, phone_number:data->>phone_number,"
            " timezone:data->>timezone"
        )
        shops: list[ShopListing] = []
        while True:
            after = shops[-1].location_id if shops else 0
            query = self._project.table("salon_static_data").select(columns).gt("location_id", after)
            query = query.not_.is_("data->>location_id", "null")
            rows = await self._project.rows(query.order("location_id").limit(PAGE))
            if not rows:
                return shops
            shops += [read_listing(row) for row in rows]

    async def get_knowledge_versions(self) -> dict[int, int]:
        """The version of every shop by location_id. A function of the database: no "max rows" cuts it short."""
        found = await self._project.ask("get_knowledge_versions")
        return {int(location_id): int(version) for location_id, version in (found or {}).items()}

    async def get_knowledge_version(self, location_id: int) -> int | None:
        """The newest version of a shop, or None."""
        query = self._project.table("salon_static_data").select("version").eq("location_id", location_id)
        rows = await self._project.rows(query)
        return int(rows[0]["version"]) if rows else None

    async def get_version_from_phone_number(self, phone_number: str) -> ShopVersion | None:
        """The shop an E.164 number leads to, in its newest version, or None."""
        found = await self._project.ask("get_version_from_phone_number", p_phone_number=phone_number)
        return None if found is None else read(ShopVersion, found)

    async def get_all_knowledge(self, location_ids: Collection[int] | None = None) -> AsyncIterator[Shop | Unreadable]:
        """Every shop, or those named, by location_id; see `KnowledgeStore.get_all_knowledge`."""
        wanted = None if location_ids is None else sorted(location_ids)
        after = 0
        while wanted is None or (wanted := [location_id for location_id in wanted if location_id > after]):
            batch = None if wanted is None else wanted[:SHOP_PAGE]
            rows = await self._shops_after(after, batch)
            if not rows and batch is None:
                return
            for row in rows:
                try:
                    yield read_shop(row["location_id"], row)
                except Unreadable as why:
                    yield why
            # A short page may be the project's doing: only an empty one says that the rest of a batch is not there.
            after = rows[-1]["location_id"] if rows or batch is None else batch[-1]

    async def _shops_after(self, after: int, batch: list[int] | None) -> list[Row]:
        query = self._project.table("salon_static_data").select("location_id, data, version").gt("location_id", after)
        query = query.not_.is_("data->>location_id", "null")
        if batch is not None:
            query = query.in_("location_id", batch)
        return await self._project.rows(query.order("location_id").limit(SHOP_PAGE))

    # The last scrape

    async def insert_scraped_services(self, location_id: int, services: Sequence[ScrapedService]) -> None:
        """Put `services` in the place of those of the last scrape, in this order. All or nothing."""
        rows = [with_source_columns(service) for service in services]
        for row in rows:
            row["duration"] = row.pop("minutes")
        await self._project.call("insert_scraped_services", p_location_id=location_id, p_rows=rows)

    async def insert_scraped_professionals(
        self, location_id: int, professionals: Sequence[ScrapedProfessional]
    ) -> None:
        """Put `professionals` in the place of those of the last scrape, in this order. All or nothing."""
        rows = [with_source_columns(person) for person in professionals]
        await self._project.call("insert_scraped_professionals", p_location_id=location_id, p_rows=rows)

    async def insert_salon_info(self, location_id: int, info: SalonInfo) -> None:
        """Put `info` in the place of that of the last scrape."""
        await self._project.call("insert_salon_info", p_location_id=location_id, p_info=info.model_dump(mode="json"))

    async def get_scraped_services(self, location_id: int) -> list[ScrapedService]:
        """Those of the last scrape, in its order."""
        columns = "service_name, category, description, price, price_max, price_from, price_text, currency"
        rows = await self._scraped("scraped_services", location_id, f"{columns}, minutes:duration, duration_text")
        return [read(ScrapedService, with_source(row)) for row in rows]

    async def get_scraped_professionals(self, location_id: int) -> list[ScrapedProfessional]:
        """Those of the last scrape, in its order."""
        rows = await self._scraped("scraped_professionals", location_id, "name, role, specialties")
        return [read(ScrapedProfessional, with_source(row)) for row in rows]

    async def get_salon_info(self, location_id: int) -> SalonInfo | None:
        """That of the last scrape, or None."""
        columns = ", ".join(SalonInfo.model_fields)
        query = self._project.table("salon_info").select(f"{columns}, profiles!inner()")
        rows = await self._project.rows(query.eq("profiles.location_id", location_id))
        return read(SalonInfo, rows[0]) if rows else None

    async def _scraped(self, table: str, location_id: int, columns: str) -> list[Row]:
        columns += ", source_url, source_quote, confidence, position, profiles!inner()"
        found: list[Row] = []
        while True:
            after = found[-1]["position"] if found else -1
            query = self._project.table(table).select(columns).eq("profiles.location_id", location_id)
            rows = await self._project.rows(query.gt("position", after).order("position").limit(PAGE))
            if not rows:
                return found
            found += rows

    async def search_calls(self, search: CallSearch) -> list[CallFound]:
        """The calls that fit, newest first; see `CallStore.search_calls`."""
        return await find_calls(self._project, search)

    async def messages_of_call(self, location_id: int, call_sid: str) -> list[Message]:
        """Those left in one call, in the order in which they were left."""
        return await find_messages(self._project, location_id, call_sid)

    # Calls

    async def open_call(self, record: CallRecord) -> None:
        """Store a call that has begun; a call_sid already stored is left as it is."""
        await self._upsert("customer_interactions", record, on_conflict="call_sid", replace=False)

    async def add_turn(self, turn: Turn) -> None:
        """Insert or replace the turn with this (call_sid, index). Raises NotFound for an unknown call."""
        row = turn.model_dump(mode="json")
        row["turn_index"] = row.pop("index")
        await self._put("call_turns", row, on_conflict="call_sid,turn_index", replace=True)

    async def close_call(
        self, location_id: int, call_sid: str, *, ended_at: datetime, reason: EndReason, greeting: str
    ) -> None:
        """Mark a call as ended; the first closing wins. Raises NotFound for an unknown call."""
        end = {"ended_at": ended_at.isoformat(), "end_reason": reason, "greeting": greeting}
        await self._tell_once(location_id, call_sid, end, unless="ended_at")

    async def conclude_call(
        self,
        location_id: int,
        call_sid: str,
        *,
        outcome: Outcome,
        summary: str,
        mismatches: Sequence[ClaimMismatch],
        unanswered: Sequence[OpenQuestion],
    ) -> None:
        """Store what became of a call; the first conclusion wins. Raises NotFound for an unknown call."""
        conclusion = {
            "outcome": outcome,
            "summary": summary,
            "mismatches": [mismatch.model_dump() for mismatch in mismatches],
            "unanswered": [question.model_dump() for question in unanswered],
        }
        await self._tell_once(location_id, call_sid, conclusion, unless="outcome")

    async def _tell_once(self, location_id: int, call_sid: str, facts: dict[str, Any], *, unless: str) -> None:
        """Write `facts` of a call in which the column `unless` is still null. Raises NotFound."""
        query = self._project.table("customer_interactions").update(facts).eq("call_sid", call_sid)
        told = await self._project.rows(query.eq("location_id", location_id).is_(unless, "null"))
        if not told and await self.get_call(location_id, call_sid) is None:
            raise NotFound("call_unknown", f"Location {location_id} has no call {call_sid}.")

    async def take_message(self, message: Message) -> None:
        """Store a message durably before returning; (call_sid, tool_call_id) is stored once."""
        await self._upsert("messages", message, on_conflict="call_sid,tool_call_id", replace=False)

    async def get_call(self, location_id: int, call_sid: str) -> CallRecord | None:
        """The call, or None when this location has no such call."""
        query = self._select("customer_interactions", CallRecord, location_id).eq("call_sid", call_sid)
        rows = await self._project.rows(query)
        return read(CallRecord, rows[0]) if rows else None

    async def recent_calls(self, location_id: int, limit: int = 20) -> list[CallRecord]:
        """Newest first; `limit` is a number of calls, of which a project gives its "max rows" at most."""
        query = self._select("customer_interactions", CallRecord, location_id).not_.is_("call_sid", "null")
        query = query.order("started_at", desc=True).order("id").limit(max(limit, 0))
        return [read(CallRecord, row) for row in await self._project.rows(query)]

    async def get_turns(self, location_id: int, call_sid: str) -> list[Turn]:
        """By index; empty when this location has no such call."""
        columns = ", ".join(name for name in Turn.model_fields if name != "index")
        turns: list[Turn] = []
        while True:
            after = turns[-1].index if turns else 0
            query = self._project.table("call_turns").select(f"{columns}, index:turn_index")
            query = query.eq("location_id", location_id).eq("call_sid", call_sid).gt("turn_index", after)
            rows = await self._project.rows(query.order("turn_index").limit(PAGE))
            if not rows:
                return turns
            turns += [read(Turn, row) for row in rows]

    async def get_messages(self, location_id: int, limit: int = 20) -> list[Message]:
        """Newest first; `limit` is a number of messages, of which a project gives its "max rows" at most."""
        query = self._select("messages", Message, location_id).order("at", desc=True).order("id")
        return [read(Message, row) for row in await self._project.rows(query.limit(max(limit, 0)))]

    def _select(self, table: str, noun: type[Model], location_id: int) -> Any:
        return self._project.table(table).select(", ".join(noun.model_fields)).eq("location_id", location_id)

    async def _upsert(self, table: str, noun: Model, *, on_conflict: str, replace: bool) -> None:
        await self._put(table, noun.model_dump(mode="json"), on_conflict=on_conflict, replace=replace)

    async def _put(self, table: str, row: dict[str, Any], *, on_conflict: str, replace: bool) -> None:
        query = self._project.table(table).upsert(
            row, on_conflict=on_conflict, ignore_duplicates=not replace, returning="minimal"
        )
        await self._project.rows(query)
