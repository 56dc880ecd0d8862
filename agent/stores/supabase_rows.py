"""Rows of a Supabase project as the nouns they hold, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import ValidationError

from agent.errors import StoreError, Unreadable
from agent.model import Model, ScrapedProfessional, ScrapedService, Shop, ShopListing
from agent.stores.supabase_client import Row

Noun = TypeVar("Noun", bound=Model)

_MOMENTS = ("started_at", "ended_at", "at", "created_at", "decided_at")
_SOURCE = {"url": "source_url", "quote": "source_quote", "confidence": "confidence"}


def read(noun: type[Noun], row: Row) -> Noun:
    """A row as the noun it holds, its moments in UTC whatever zone the database is set to."""
    try:
        fields = {name: row[name] for name in noun.model_fields}
        for name in _MOMENTS:
            if isinstance(moment := fields.get(name), str):
                fields[name] = datetime.fromisoformat(moment).astimezone(UTC)
        return noun.model_validate(fields)
    except (KeyError, ValueError) as why:
        raise StoreError("stored_row_unreadable", f"A stored {noun.__name__} is not one we can read.") from why


def with_source_columns(fact: ScrapedService | ScrapedProfessional) -> dict[str, Any]:
    """A fact as a row, its source in columns of its own."""
    row = fact.model_dump(mode="json")
    source = row.pop("source")
    return row | {column: source[name] for name, column in _SOURCE.items()}


def with_source(row: Row) -> Row:
    """A row with its source in one."""
    return {**row, "source": {name: row[column] for name, column in _SOURCE.items()}}


def canonical(shop: Shop) -> dict[str, Any]:
    """A shop as JSON, so that equal shops are equal there too: the database decides whether anything has changed."""
    data = shop.model_dump(mode="json")
    for service in data["services"]:
        if service["price"] is not None:
            service["price"] = format(Decimal(service["price"]).normalize(), "f")
    return data


def read_shop(location_id: int, row: Row) -> Shop:
    """The shop in a row. Raises Unreadable when it is none any more."""
    try:
        return Shop.model_validate(row["data"]).model_copy(update={"version": int(row["version"])})
    except (KeyError, TypeError, ValidationError) as why:
        raise Unreadable(location_id, int(row["version"])) from why


def read_listing(row: Row) -> ShopListing:
    """The listing in a row. Raises Unreadable when it is none any more."""
    try:
        return ShopListing.model_validate({name: row[name] for name in ShopListing.model_fields})
    except ValidationError as why:
        raise Unreadable(int(row["location_id"]), int(row["version"])) from why
