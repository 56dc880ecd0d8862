"""Calls and messages found in a Supabase project, for people who look back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from agent.model import CallFound, CallRecord, CallSearch, Message
from agent.stores.supabase_client import Project, Row
from agent.stores.supabase_rows import read

MAX_MESSAGES = 100


async def find_calls(project: Project, search: CallSearch) -> list[CallFound]:
    """See `CallStore.search_calls`. One value, which "max rows" of a project cuts no shorter."""
    answer = await project.ask("search_calls", p_search=_asked(search))
    rows = cast("Sequence[Row]", (answer or {}).get("calls", []))
    return [CallFound(record=read(CallRecord, row["call"]), turns=row["turns"]) for row in rows]


async def find_messages(project: Project, location_id: int, call_sid: str) -> list[Message]:
    """See `CallStore.messages_of_call`."""
    query = project.table("messages").select(", ".join(Message.model_fields)).eq("location_id", location_id)
    rows = await project.rows(query.eq("call_sid", call_sid).order("at").order("id").limit(MAX_MESSAGES))
    return [read(Message, row) for row in rows]


def _asked(search: CallSearch) -> Mapping[str, object]:
    """What is asked, as JSON; what is left open is left out."""
    asked = search.model_dump(mode="json", exclude={"text", "before"}, exclude_none=True)
    asked = {name: value for name, value in asked.items() if value != ""}
    if search.before is not None:
        asked |= {"before_at": search.before[0].isoformat(), "before_sid": search.before[1]}
    return asked | {"words": search.words}
