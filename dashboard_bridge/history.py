"""Looking back: `GET /calls` and `GET /calls/{call_sid}`."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, date, datetime, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent.errors import NotFound
from agent.model import CallFound, CallSearch, LocationId, Turn
from agent.ports import BookingStore, CallStore
from dashboard_bridge.answers import misasked, span_of
from dashboard_bridge.shops import ShopReader
from dashboard_bridge.visitor import Visitor

_CURSOR: TypeAdapter[tuple[datetime, str]] = TypeAdapter(tuple[AwareDatetime, str])


class CallsQuery(BaseModel):
    """What `GET /calls` may be asked. Days are those of the shop; of several zones at once, of UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    location_id: LocationId | None = None
    outcome: Annotated[str, Field(max_length=40)] = ""
    since: date | AwareDatetime | None = Field(default=None, alias="from")
    """A day, or a moment."""
    until: date | AwareDatetime | None = Field(default=None, alias="to")
    """A day, which is included, or a moment, which is not."""
    q: Annotated[str, Field(max_length=200)] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 25
    before: Annotated[str, Field(max_length=400)] = ""
    """The `next` of the page before."""


class History:
    """What is stored of calls, for somebody who may see it."""

    def __init__(self, shops: ShopReader, calls: CallStore, bookings: BookingStore) -> None:
        self._shops = shops
        self._calls = calls
        self._bookings = bookings

    async def calls(self, visitor: Visitor, asked: CallsQuery) -> dict[str, Any]:
        """A page of calls, newest first, with the cursor of the next one. Of a shop not theirs there are none."""
        wanted = None if asked.location_id is None else frozenset({asked.location_id})
        if visitor.locations is not None:
            wanted = visitor.locations if wanted is None else wanted & visitor.locations
        zone = self._zone(wanted)
        search = CallSearch(
            location_ids=wanted,
            outcome=asked.outcome,
            since=_moments(asked.since, zone, "from")[0],
            until=_moments(asked.until, zone, "to")[1],
            text=asked.q,
            before=_position(asked.before),
            limit=asked.limit,
        )
        found = await self._calls.search_calls(search)
        more = _cursor(found[-1]) if len(found) == asked.limit else None
        return {"calls": [summary(call) for call in found], "next": more}

    async def call(self, visitor: Visitor, call_sid: str) -> dict[str, Any]:
        """One call with all that is stored of it. Raises NotFound call_unknown, also for one of a shop not theirs."""
        found = await self._found(visitor, call_sid)
        location_id = found[0].record.location_id
        turns = await self._calls.get_turns(location_id, call_sid)
        messages = await self._calls.messages_of_call(location_id, call_sid)
        bookings = await self._bookings.bookings_of_call(location_id, call_sid)
        return {
            "call": summary(found[0]) | {"called": found[0].record.called, "greeting": found[0].record.greeting},
            "turns": [_turn(turn) for turn in turns],
            "tools": [],  # not stored; the live feed alone tells them
            "bookings": [booking.model_dump(mode="json") for booking in bookings],
            "messages": [message.model_dump(mode="json") for message in messages],
            "mismatches": [mismatch.model_dump() for mismatch in found[0].record.mismatches],
        }

    async def location_of(self, visitor: Visitor, call_sid: str) -> int:
        """Where a call led. Raises NotFound call_unknown, also for one of a shop not theirs."""
        return (await self._found(visitor, call_sid))[0].record.location_id

    async def _found(self, visitor: Visitor, call_sid: str) -> list[CallFound]:
        found = await self._calls.search_calls(CallSearch(location_ids=visitor.locations, call_sid=call_sid, limit=1))
        if not found or not call_sid:
            raise NotFound("call_unknown", f"There is no call {call_sid[:40]!r}.")
        return found

    def _zone(self, wanted: frozenset[int] | None) -> tzinfo:
        zones = {at.timezone for at in self._shops.listings() if wanted is None or at.location_id in wanted}
        return ZoneInfo(zones.pop()) if len(zones) == 1 else UTC


def summary(call: CallFound) -> dict[str, Any]:
    """A call as lists show it. What is not known of it (yet) is null."""
    record, kept = call.record, call.record.model_dump(mode="json")
    names = ("call_sid", "location_id", "caller", "started_at", "ended_at", "end_reason")
    flags = [flag for flag, is_so in (("mismatch", record.mismatches), ("unanswered", record.unanswered)) if is_so]
    conclusion = {"outcome": record.outcome, "summary": record.summary or None}
    return {name: kept[name] for name in names} | conclusion | {"flags": flags, "turns": call.turns}


def _turn(turn: Turn) -> dict[str, Any]:
    taken = turn.voice_to_voice_ms
    timings = [] if taken is None else [{"stage": "voice_to_voice", "ms": taken}]
    return turn.model_dump(mode="json") | {"timings": timings}


def _moments(asked: date | datetime | None, zone: tzinfo, name: str) -> tuple[datetime | None, datetime | None]:
    """Beginning and end of a day; a moment is both."""
    if asked is None or isinstance(asked, datetime):
        return asked, asked
    return span_of(asked, zone, name)


def _cursor(call: CallFound) -> str:
    return base64.urlsafe_b64encode(_CURSOR.dump_json((call.record.started_at, call.record.call_sid))).decode()


def _position(cursor: str) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    try:
        return _CURSOR.validate_json(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeError, ValidationError) as why:
        raise misasked({"before": "This is not the `next` of another page."}) from why
