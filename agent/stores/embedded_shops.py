"""A shop's rows in the embedded store: its approved knowledge, its number, its services and professionals."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal
from uuid import uuid4

from pydantic import ValidationError

from agent.errors import Conflict, StoreError, Unreadable
from agent.model import Shop

ProjectedTable = Literal["services", "professionals"]
Fields = Mapping[str, object]


def owner(db: sqlite3.Connection, phone_number: str) -> int | None:
    """The location a number leads to, or None."""
    row = db.execute("SELECT location_id FROM phone_numbers WHERE phone_number = ?", (phone_number,)).fetchone()
    return None if row is None else int(row["location_id"])


def shop_row(db: sqlite3.Connection, location_id: int) -> sqlite3.Row | None:
    """What is stored of a shop, or None."""
    query = "SELECT location_id, data, version FROM salon_static_data WHERE location_id = ?"
    return db.execute(query, (location_id,)).fetchone()


def store_if_current(db: sqlite3.Connection, shop: Shop, refusal: str) -> Shop:
    """Store a shop made from `shop.version`, or the same again. Raises Conflict with the code `refusal`, else."""
    row = shop_row(db, shop.location_id)
    version = 0 if row is None else int(row["version"])
    if version != shop.version and not (row is not None and _same_knowledge(row, shop)):
        raise Conflict(refusal, f"Location {shop.location_id} was changed meanwhile; look at it again.")
    return store_shop(db, f"location_{shop.location_id}", shop)


def store_shop(db: sqlite3.Connection, key: str, data: Shop) -> Shop:
    """Store a shop and the rows of what it names, its version grown by one if it differs. Raises Conflict."""
    led = owner(db, data.phone_number)
    if led not in (None, data.location_id):
        raise Conflict("phone_number_taken", f"{data.phone_number} already leads to location {led}.")
    row = shop_row(db, data.location_id)
    if row is not None and _same_knowledge(row, data):
        return data.model_copy(update={"version": int(row["version"])})
    stored = data.model_copy(update={"version": 1 if row is None else int(row["version"]) + 1})
    db.execute(
        "INSERT INTO salon_static_data (key, location_id, data, version) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET data = excluded.data, version = excluded.version",
        (key, stored.location_id, stored.model_dump_json(), stored.version),
    )
    db.execute("DELETE FROM phone_numbers WHERE location_id = ?", (stored.location_id,))
    db.execute("INSERT INTO phone_numbers VALUES (?, ?)", (stored.phone_number, stored.location_id))
    _project(db, stored)
    return stored


def project_all(db: sqlite3.Connection) -> None:
    """Give the shops of an older file their rows; one that cannot be read gets them when it is stored again."""
    for row in db.execute("SELECT location_id, data, version FROM salon_static_data").fetchall():
        with suppress(StoreError):
            _project(db, read_shop(row))


def _project(db: sqlite3.Connection, shop: Shop) -> None:
    services = [
        {
            "name": service.name,
            "category": service.category,
            "description": service.description,
            "price": None if service.price is None else format(service.price.normalize(), "f"),
            "duration": service.minutes,
            "position": position,
        }
        for position, service in enumerate(shop.services, 1)
    ]
    people = [{"name": person.name, "role": person.role} for person in shop.professionals]
    _put_rows(db, "services", shop.location_id, services)
    _put_rows(db, "professionals", shop.location_id, people)


def _put_rows(db: sqlite3.Connection, table: ProjectedTable, location_id: int, items: Sequence[Fields]) -> None:
    found = _find_rows(db, table, location_id, items)
    query = f"UPDATE {table} SET active = 0 WHERE location_id = ?"  # noqa: S608 - our own names, here and below
    db.execute(query, (location_id,))
    for item, row_id in zip(items, found, strict=True):
        fields = {**item, "id": row_id or str(uuid4()), "location_id": location_id, "active": 1}
        names, places = ", ".join(fields), ", ".join(f":{name}" for name in fields)
        news = ", ".join(f"{name} = excluded.{name}" for name in fields if name != "id")
        put = f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {news}"  # noqa: S608
        db.execute(put, fields)


def _find_rows(
    db: sqlite3.Connection, table: ProjectedTable, location_id: int, items: Sequence[Fields]
) -> list[str | None]:
    """For each item the id of its row: of equal names that of its category first, then any, what is active first."""
    query = f"SELECT * FROM {table} WHERE location_id = ? ORDER BY active DESC, id"  # noqa: S608
    free = [dict(row) for row in db.execute(query, (location_id,))]
    found: list[str | None] = [None] * len(items)
    for alike in (("name", "category"), ("name",)):
        for at, item in enumerate(items):
            same = (row for row in free if all(_folded(row.get(part)) == _folded(item.get(part)) for part in alike))
            if found[at] is None and (row := next(same, None)) is not None:
                found[at] = str(row["id"])
                free.remove(row)
    return found


def _folded(text: object) -> str:
    return " ".join(str(text or "").casefold().split())


def _same_knowledge(row: sqlite3.Row, data: Shop) -> bool:
    try:
        return read_shop(row).model_copy(update={"version": data.version}) == data
    except StoreError:
        return False  # what cannot be read any more is replaced


def read_shop(row: sqlite3.Row) -> Shop:
    """The shop in a row. Raises Unreadable when it is none any more."""
    try:
        return Shop.model_validate_json(row["data"]).model_copy(update={"version": int(row["version"])})
    except ValidationError as why:
        raise unreadable(row) from why


def unreadable(row: sqlite3.Row) -> Unreadable:
    """What a row that holds no shop is refused with."""
    return Unreadable(int(row["location_id"]), int(row["version"]))
