"""A shop's day: what is booked, and what its people should look at."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from agent.model import CallFound, CallSearch, LocationId, Message, Proposal, Shop, TextMessage
from agent.ports import BookingStore, CallStore, Clock, TextStore
from dashboard_bridge.answers import span_of
from dashboard_bridge.rights import unknown
from dashboard_bridge.shops import ShopReader

LOOKED_BACK = timedelta(days=7)
"""Calls and texts older than that need nobody any more."""
MAX_CALLS = 100
MAX_MESSAGES = 20
MAX_TEXTS = 100

_TEXTS = {"booked": "the confirmation", "moved": "the new time", "cancelled": "the cancellation"}


class ProposalReader(Protocol):
    """What waits for a shop's word; `agent.knowledge.approval.Approval` is the one of the house."""

    async def open_proposal(self, location_id: int) -> Proposal | None:
        """The open one, or None. Raises NotFound location_unknown, StoreError."""
        ...


class DayQuery(BaseModel):
    """What `GET /bookings` may be asked. Without a day, today in the shop's time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    location_id: LocationId
    day: date | None = None


class ShopDay:
    """The book and the to-do list of shops."""

    def __init__(
        self,
        shops: ShopReader,
        calls: CallStore,
        bookings: BookingStore,
        texts: TextStore,
        proposals: ProposalReader,
        clock: Clock,
    ) -> None:
        self._shops = shops
        self._calls = calls
        self._bookings = bookings
        self._texts = texts
        self._proposals = proposals
        self._clock = clock

    async def book(self, location_id: int, day: date | None = None) -> list[dict[str, Any]]:
        """What is booked or held on a day of the shop, by start. Raises NotFound location_unknown."""
        shop, now = self._shop(location_id), self._clock()
        wanted = day or now.astimezone(shop.zone).date()
        starts, ends = span_of(wanted, shop.zone, "day")
        found = await self._bookings.bookings_between(location_id, starts, ends, now=now)
        return [booking.model_dump(mode="json") for booking in found]

    async def home(self, location_id: int) -> dict[str, Any]:
        """Today's book, what needs somebody, what callers asked in vain, and how many changes wait for a word."""
        today = await self.book(location_id)
        since = self._clock() - LOOKED_BACK
        search = CallSearch(location_ids=frozenset({location_id}), since=since, limit=MAX_CALLS)
        calls = await self._calls.search_calls(search)
        messages = await self._calls.get_messages(location_id, MAX_MESSAGES)
        texts = [at for at in await self._texts.get_texts(location_id, MAX_TEXTS) if _is_lost(at, since)]
        needed = [*map(_left, messages), *map(_unsent, texts), *(item for call in calls for item in _wrong(call))]
        proposal = await self._proposals.open_proposal(location_id)
        return {
            "today": today,
            "needs_action": sorted(needed, key=lambda item: datetime.fromisoformat(item["at"]), reverse=True),
            "unanswered": _asked_in_vain(calls),
            "proposals": 0 if proposal is None else len(proposal.undecided),
        }

    def _shop(self, location_id: int) -> Shop:
        shop = self._shops.shop(location_id)
        if shop is None:
            raise unknown(location_id)
        return shop


def _left(message: Message) -> dict[str, Any]:
    names = {"call_sid", "caller_name", "callback_number", "text", "at"}
    return {"kind": "message"} | message.model_dump(mode="json", include=names)


def _is_lost(text: TextMessage, since: datetime) -> bool:
    return text.state == "failed" and text.changed_at >= since


def _unsent(text: TextMessage) -> dict[str, Any]:
    told = {"kind": "failed_text", "call_sid": None, "callback_number": text.to_number}
    words = f"The customer was not sent {_TEXTS[text.kind]} ({text.last_error or 'no reason given'})."
    return told | {"text": words, "booking_id": text.booking_id, "at": text.changed_at.isoformat()}


def _wrong(call: CallFound) -> list[dict[str, Any]]:
    """What was said in a call and is not so."""
    told = {"kind": "mismatch", "call_sid": call.record.call_sid, "at": call.record.started_at.isoformat()}
    return [told | {"text": f"Said: {at.said} Done: {at.did}", "of": at.kind} for at in call.record.mismatches]


def _asked_in_vain(calls: list[CallFound]) -> list[dict[str, Any]]:
    """Questions without an answer, each once, with the newest call in which it was asked."""
    asked: dict[str, dict[str, Any]] = {}
    for call in calls:
        for question in (at.question for at in call.record.unanswered):
            told = {"question": question, "at": call.record.started_at.isoformat(), "times": 0}
            entry = asked.setdefault(question.strip().casefold(), told | {"call_sid": call.record.call_sid})
            entry["times"] += 1
    return list(asked.values())
