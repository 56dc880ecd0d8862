"""The latest calls of each shop: what events told, over what is stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from agent.events import AnyEvent, CallAnswered, CallEnded
from agent.model import CallRecord
from dashboard_bridge.wire import RecentCall

MAX_RECENT = 20


class CallBoard:
    """Keeps the last calls it heard of, because a record may reach the store after the news reached us.

    `longest_call` bounds how long a stored call without an end counts as live: a dying process leaves such.
    """

    def __init__(self, longest_call: timedelta) -> None:
        self._longest_call = longest_call
        self._calls: dict[int, dict[str, RecentCall]] = {}

    def note(self, event: AnyEvent) -> int | None:
        """Learn from an event; returns the location whose list of calls it changes."""
        match event:
            case CallAnswered():
                self._put(
                    event.location_id,
                    RecentCall(call_sid=event.call_sid, caller=event.caller, started_at=event.at, live=True),
                )
                return event.location_id
            case CallEnded():
                self._end(event)
                return event.location_id
            case _:
                return None

    def recent(self, location_id: int, stored: Iterable[CallRecord], now: datetime) -> tuple[RecentCall, ...]:
        """The newest calls of a shop, newest first."""
        calls = {record.call_sid: self._from_store(record, now) for record in stored}
        calls |= self._calls.get(location_id, {})
        newest_first = sorted(calls.values(), key=lambda call: call.started_at, reverse=True)
        return tuple(newest_first[:MAX_RECENT])

    def _put(self, location_id: int, call: RecentCall) -> None:
        calls = self._calls.setdefault(location_id, {})
        calls[call.call_sid] = call
        while len(calls) > MAX_RECENT:
            del calls[next(iter(calls))]

    def _end(self, event: CallEnded) -> None:
        call = self._calls.get(event.location_id, {}).get(event.call_sid)
        if call is not None:
            ended = {"ended_at": event.at, "end_reason": event.reason, "live": False}
            self._put(event.location_id, call.model_copy(update=ended))

    def _from_store(self, record: CallRecord, now: datetime) -> RecentCall:
        return RecentCall(
            call_sid=record.call_sid,
            caller=record.caller,
            started_at=record.started_at,
            ended_at=record.ended_at,
            end_reason=record.end_reason,
            live=record.ended_at is None and now - record.started_at < self._longest_call,
        )
