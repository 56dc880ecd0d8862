"""KnowledgeStore and CallStore in a Supabase project; its tables are made by `supabase/migrations`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import ValidationError

from agent.errors import Conflict, NotFound, StoreError
from agent.events import EndReason
from agent.model import (
    CallRecord,
    Message,
    Model,
    SalonInfo,
    ScrapedProfessional,
    ScrapedService,
    Shop,
    ShopListing,
    Turn,
)
from agent.stores.supabase_bookings import SupabaseBookings
from agent.stores.supabase_client import Project, Row
from agent.stores.supabase_texts import SupabaseTexts

Noun = TypeVar("Noun", bound=Model)

PAGE = 1000
"""Rows asked for at once. A project may give fewer (its setting "max rows"), so only an empty page is the last."""


class SupabaseStore:
    """Implements `KnowledgeStore` and `CallStore`. Open it with `async with SupabaseStore.open(url, key)`.

    The secret key sees every shop: each request below names the location it is about.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self.bookings = SupabaseBookings(project)
        self.texts = SupabaseTexts(project)

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
        return _shop(location_id, rows[0]) if rows else None

    async def store_knowledge(self, key: str, data: Shop) -> Shop:
        """Store `data`, its version grown by one; see `KnowledgeStore.store_knowledge`. Raises Conflict."""
        if key != f"location_{data.location_id}":
            raise Conflict("key_mismatch", f"{key!r} is not the key of location {data.location_id}.")
        version = await self._project.call("store_knowledge", p_key=key, p_data=_canonical(data))
        return data.model_copy(update={"version": version})

    async def list_shops(self) -> list[ShopListing]:
        """All shops, by location_id; what another program keeps under a key like ours is none."""
        columns = (
            "location_id, business_name:data->>business_name, phone_number:data->>phone_number,"
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
            shops += [_listing(row) for row in rows]

    # The last scrape

    async def insert_scraped_services(self, location_id: int, services: Sequence[ScrapedService]) -> None:
        """Put `services` in the place of those of the last scrape, in this order. All or nothing."""
        rows = [_with_source_columns(service) for service in services]
        for row in rows:
            row["duration"] = row.pop("minutes")
        await self._project.call("insert_scraped_services", p_location_id=location_id, p_rows=rows)

    async def insert_scraped_professionals(
        self, location_id: int, professionals: Sequence[ScrapedProfessional]
    ) -> None:
        """Put `professionals` in the place of those of the last scrape, in this order. All or nothing."""
        rows = [_with_source_columns(person) for person in professionals]
        await self._project.call("insert_scraped_professionals", p_location_id=location_id, p_rows=rows)

    async def insert_salon_info(self, location_id: int, info: SalonInfo) -> None:
        """Put `info` in the place of that of the last scrape."""
        await self._project.call("insert_salon_info", p_location_id=location_id, p_info=info.model_dump(mode="json"))

    async def get_scraped_services(self, location_id: int) -> list[ScrapedService]:
        """Those of the last scrape, in its order."""
        columns = "service_name, category, description, price, price_max, price_from, price_text, currency"
        rows = await self._scraped("scraped_services", location_id, f"{columns}, minutes:duration, duration_text")
        return [_read(ScrapedService, _with_source(row)) for row in rows]

    async def get_scraped_professionals(self, location_id: int) -> list[ScrapedProfessional]:
        """Those of the last scrape, in its order."""
        rows = await self._scraped("scraped_professionals", location_id, "name, role, specialties")
        return [_read(ScrapedProfessional, _with_source(row)) for row in rows]

    async def get_salon_info(self, location_id: int) -> SalonInfo | None:
        """That of the last scrape, or None."""
        columns = ", ".join(SalonInfo.model_fields)
        query = self._project.table("salon_info").select(f"{columns}, profiles!inner()")
        rows = await self._project.rows(query.eq("profiles.location_id", location_id))
        return _read(SalonInfo, rows[0]) if rows else None

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
        query = self._project.table("customer_interactions").update(end).eq("call_sid", call_sid)
        closed = await self._project.rows(query.eq("location_id", location_id).is_("ended_at", "null"))
        if not closed and await self.get_call(location_id, call_sid) is None:
            raise NotFound("call_unknown", f"Location {location_id} has no call {call_sid}.")

    async def take_message(self, message: Message) -> None:
        """Store a message durably before returning; (call_sid, tool_call_id) is stored once."""
        await self._upsert("messages", message, on_conflict="call_sid,tool_call_id", replace=False)

    async def get_call(self, location_id: int, call_sid: str) -> CallRecord | None:
        """The call, or None when this location has no such call."""
        query = self._select("customer_interactions", CallRecord, location_id).eq("call_sid", call_sid)
        rows = await self._project.rows(query)
        return _read(CallRecord, rows[0]) if rows else None

    async def recent_calls(self, location_id: int, limit: int = 20) -> list[CallRecord]:
        """Newest first; `limit` is a number of calls, of which a project gives its "max rows" at most."""
        query = self._select("customer_interactions", CallRecord, location_id).not_.is_("call_sid", "null")
        query = query.order("started_at", desc=True).order("id").limit(max(limit, 0))
        return [_read(CallRecord, row) for row in await self._project.rows(query)]

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
            turns += [_read(Turn, row) for row in rows]

    async def get_messages(self, location_id: int, limit: int = 20) -> list[Message]:
        """Newest first; `limit` is a number of messages, of which a project gives its "max rows" at most."""
        query = self._select("messages", Message, location_id).order("at", desc=True).order("id")
        return [_read(Message, row) for row in await self._project.rows(query.limit(max(limit, 0)))]

    def _select(self, table: str, noun: type[Model], location_id: int) -> Any:
        return self._project.table(table).select(", ".join(noun.model_fields)).eq("location_id", location_id)

    async def _upsert(self, table: str, noun: Model, *, on_conflict: str, replace: bool) -> None:
        await self._put(table, noun.model_dump(mode="json"), on_conflict=on_conflict, replace=replace)

    async def _put(self, table: str, row: dict[str, Any], *, on_conflict: str, replace: bool) -> None:
        query = self._project.table(table).upsert(
            row, on_conflict=on_conflict, ignore_duplicates=not replace, returning="minimal"
        )
        await self._project.rows(query)


_MOMENTS = ("started_at", "ended_at", "at")
_SOURCE = {"url": "source_url", "quote": "source_quote", "confidence": "confidence"}


def _read(noun: type[Noun], row: Row) -> Noun:
    """A row as the noun it holds, its moments in UTC whatever zone the database is set to."""
    try:
        fields = {name: row[name] for name in noun.model_fields}
        for name in _MOMENTS:
            if isinstance(moment := fields.get(name), str):
                fields[name] = datetime.fromisoformat(moment).astimezone(UTC)
        return noun.model_validate(fields)
    except (KeyError, ValueError) as why:
        raise StoreError("stored_row_unreadable", f"A stored {noun.__name__} is not one we can read.") from why


def _with_source_columns(fact: ScrapedService | ScrapedProfessional) -> dict[str, Any]:
    row = fact.model_dump(mode="json")
    source = row.pop("source")
    return row | {column: source[name] for name, column in _SOURCE.items()}


def _with_source(row: Row) -> Row:
    return {**row, "source": {name: row[column] for name, column in _SOURCE.items()}}


def _canonical(shop: Shop) -> dict[str, Any]:
    """A shop as JSON, so that equal shops are equal there too: the database decides whether anything has changed."""
    data = shop.model_dump(mode="json")
    for service in data["services"]:
        if service["price"] is not None:
            service["price"] = format(Decimal(service["price"]).normalize(), "f")
    return data


def _shop(location_id: int, row: Row) -> Shop:
    try:
        return Shop.model_validate(row["data"]).model_copy(update={"version": int(row["version"])})
    except (KeyError, TypeError, ValidationError) as why:
        raise _unreadable(location_id) from why


def _listing(row: Row) -> ShopListing:
    try:
        return ShopListing.model_validate(row)
    except ValidationError as why:
        raise _unreadable(row.get("location_id")) from why


def _unreadable(location_id: object) -> StoreError:
    return StoreError(
        "stored_shop_unreadable",
        f"What is stored for location {location_id} is not a shop this Chairside can read.",
    )
