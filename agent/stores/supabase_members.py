"""Members in a Supabase project: the table `shop_members`, which row-level security asks too."""

from __future__ import annotations

from typing import Any, cast

from agent.errors import NotFound
from agent.model import Role
from agent.stores.booking_forms import known_id
from agent.stores.members import require_user
from agent.stores.supabase_client import Project


class SupabaseMembers:
    """Implements `Members`."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def roles_of(self, user_id: str) -> dict[int, Role]:
        """What somebody is, by location."""
        known = known_id(user_id)
        if known is None:
            return {}
        query = self._project.table("shop_members").select("role, profiles!inner(location_id)").eq("user_id", known)
        rows = await self._project.rows(query.not_.is_("profiles.location_id", "null"))
        roles: dict[int, Role] = {}
        for row in rows:
            roles[int(cast(dict[str, Any], row["profiles"])["location_id"])] = cast(Role, row["role"])
        return dict(sorted(roles.items()))

    async def set_role(self, location_id: int, user_id: str, role: Role | None) -> None:
        """Make somebody a member, or end it; see `Members.set_role`."""
        known = require_user(user_id)
        found = await self._project.rows(
            self._project.table("profiles").select("id").eq("location_id", location_id).limit(1)
        )
        if not found:
            raise NotFound("location_unknown", f"Location {location_id} is not registered.")
        member = {"user_id": known, "salon_id": found[0]["id"]}
        table = self._project.table("shop_members")
        if role is None:
            await self._project.rows(table.delete().match(member))
        else:
            await self._project.rows(table.upsert({**member, "role": role}, on_conflict="user_id,salon_id"))
