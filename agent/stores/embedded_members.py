"""Members in the SQLite file."""

from __future__ import annotations

import sqlite3

from agent.errors import NotFound
from agent.model import Role
from agent.stores.booking_forms import known_id
from agent.stores.database import Database
from agent.stores.members import require_user

_SET = """
    INSERT INTO shop_members (user_id, location_id, role) VALUES (?, ?, ?)
    ON CONFLICT (user_id, location_id) DO UPDATE SET role = excluded.role
"""


class EmbeddedMembers:
    """Implements `Members` on the house's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def roles_of(self, user_id: str) -> dict[int, Role]:
        """What somebody is, by location."""
        known = known_id(user_id)
        query = "SELECT location_id, role FROM shop_members WHERE user_id = ? ORDER BY location_id"
        rows = await self._database.read(lambda db: db.execute(query, (known,)).fetchall())
        return {row["location_id"]: row["role"] for row in rows}

    async def set_role(self, location_id: int, user_id: str, role: Role | None) -> None:
        """Make somebody a member, or end it; see `Members.set_role`."""
        known = require_user(user_id)

        def write(db: sqlite3.Connection) -> None:
            shop = db.execute("SELECT 1 FROM salon_static_data WHERE location_id = ?", (location_id,)).fetchone()
            if shop is None:
                raise NotFound("location_unknown", f"Location {location_id} is not registered.")
            if role is None:
                db.execute("DELETE FROM shop_members WHERE user_id = ? AND location_id = ?", (known, location_id))
            else:
                db.execute(_SET, (known, location_id, role))

        await self._database.write(write)
