"""TextStore in a Supabase project."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ValidationError

from agent.errors import StoreError
from agent.model import TextMessage
from agent.stores.supabase_client import Project, Row

OPEN = ("due", "sending")


class SupabaseTexts:
    """Implements `TextStore`. Every change names the state it expects, so that of two processes one makes it."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def claim_texts(self, *, now: datetime, until: datetime, limit: int = 10) -> list[TextMessage]:
        """Take texts that are due at `now`, oldest first; nobody else gets them before `until`."""
        query = self._project.table("text_messages").select(_COLUMNS).in_("state", OPEN)
        query = query.lte("not_before", now.isoformat()).order("created_at").order("id").limit(max(limit, 0))
        due = [_noun(row) for row in await self._project.rows(query)] if limit > 0 else []
        claimed = [await self._claim(text, now, until) for text in due]
        return [text for text in claimed if text is not None]

    async def _claim(self, text: TextMessage, now: datetime, until: datetime) -> TextMessage | None:
        """The text on lease, or None when another was faster."""
        change = {
            "state": "sending",
            "attempts": text.attempts + 1,
            "not_before": until.isoformat(),
            "changed_at": now.isoformat(),
        }
        query = self._change(text, change).eq("state", text.state).eq("attempts", text.attempts)
        query = query.lte("not_before", now.isoformat())
        rows = await self._project.rows(query)
        return _noun(_renamed(rows[0])) if rows else None

    async def settle_text(
        self,
        text: TextMessage,
        state: Literal["sent", "failed", "stopped", "skipped"],
        *,
        now: datetime,
        provider_sid: str = "",
        error: str = "",
    ) -> bool:
        """Say for good what became of a claimed text. False when its lease has passed to another."""
        change = {"state": state, "provider_sid": provider_sid, "last_error": error}
        return await self._end_lease(text, now, change)

    async def postpone_text(self, text: TextMessage, *, not_before: datetime, now: datetime, error: str) -> bool:
        """Make a claimed text due again later. False when its lease has passed to another."""
        change = {"state": "due", "last_error": error, "not_before": not_before.isoformat()}
        return await self._end_lease(text, now, change)

    async def withdraw_text(self, location_id: int, booking_id: str, revision: int, *, now: datetime) -> bool:
        """Skip the `cancelled` text of a booking that is not taken up yet: the customer was told. False: none."""
        change = {"state": "skipped", "last_error": "told_already", "changed_at": now.isoformat()}
        query = self._project.table("text_messages").update(change).eq("location_id", location_id)
        query = query.eq("booking_id", booking_id).eq("kind", "cancelled").eq("revision", revision)
        return bool(await self._project.rows(query.eq("state", "due").eq("attempts", 0)))

    async def get_texts(self, location_id: int, limit: int = 20) -> list[TextMessage]:
        """Those changed last first; a project gives its "max rows" at most."""
        query = self._project.table("text_messages").select(_COLUMNS).eq("location_id", location_id)
        query = query.order("changed_at", desc=True).order("id", desc=True).limit(max(limit, 0))
        return [_noun(row) for row in await self._project.rows(query)]

    async def opt_out(self, location_id: int, phone_number: str, *, since: datetime) -> None:
        """Send no more texts of this shop to an E.164 number; the first time stands."""
        row = {"location_id": location_id, "phone_number": phone_number, "since": since.isoformat()}
        query = self._project.table("text_optouts").upsert(
            row, on_conflict="location_id,phone_number", ignore_duplicates=True, returning="minimal"
        )
        await self._project.rows(query)

    async def opt_in(self, location_id: int, phone_number: str) -> None:
        """Take an opt-out back, if there is one."""
        query = self._project.table("text_optouts").delete().eq("location_id", location_id)
        await self._project.rows(query.eq("phone_number", phone_number))

    async def is_opted_out(self, location_id: int, phone_number: str) -> bool:
        """Whether this shop may send the number no texts."""
        query = self._project.table("text_optouts").select("since").eq("location_id", location_id)
        return bool(await self._project.rows(query.eq("phone_number", phone_number)))

    async def _end_lease(self, text: TextMessage, now: datetime, change: dict[str, str]) -> bool:
        query = self._change(text, {**change, "changed_at": now.isoformat()})
        return bool(await self._project.rows(query.eq("state", "sending").eq("attempts", text.attempts)))

    def _change(self, text: TextMessage, change: dict[str, Any]) -> Any:
        query = self._project.table("text_messages").update(change)
        return query.eq("id", text.text_id).eq("location_id", text.location_id)


_COLUMNS = ", ".join("text_id:id" if name == "text_id" else name for name in TextMessage.model_fields)
_MOMENTS = ("not_before", "created_at", "changed_at")


def _renamed(row: Row) -> Row:
    """A changed row comes back whole, under the table's own names."""
    return {**row, "text_id": row["id"]}


def _noun(row: Row) -> TextMessage:
    """A row as the noun it holds, its moments in UTC whatever zone the database is set to."""
    try:
        fields = {name: row[name] for name in TextMessage.model_fields}
        fields |= {name: datetime.fromisoformat(str(row[name])).astimezone(UTC) for name in _MOMENTS}
        return TextMessage.model_validate(fields)
    except (KeyError, ValueError, ValidationError) as why:
        raise StoreError("stored_row_unreadable", "A stored TextMessage is not one we can read.") from why
