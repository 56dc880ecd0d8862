"""What came of a scripted call, in the file's own terms, and how it differs from what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.bookings.dates import When, resolve
from agent.events import (
    BookingCancelled,
    BookingHeld,
    BookingMade,
    BookingMoved,
    CallTransferred,
    ClaimMismatched,
    MessageTaken,
    OfCall,
    ToolUsed,
    TurnHeard,
    TurnSpoken,
)
from agent.model import Booking, local
from tests.calls.scripted.models import BOAST, targets
from tests.calls.scripted.world import Script

READ_ONLY = frozenset({"check_availability", "find_bookings"})


@dataclass(frozen=True)
class Played:
    """A scripted call after its end."""

    script: Script
    events: Sequence[OfCall]
    book: Mapping[str, Booking]
    """The book after the call, by booking id: what is booked, and nothing else."""
    spoken: Sequence[TurnSpoken] = field(default_factory=tuple[TurnSpoken, ...])

    @property
    def heard(self) -> str:
        """Everything the caller heard."""
        return "\n".join(event.heard_text for event in self.spoken)

    @property
    def mismatches(self) -> list[ClaimMismatched]:
        return [event for event in self.events if isinstance(event, ClaimMismatched)]

    def told(self) -> Iterator[str]:
        """The call as a few lines, for whoever wonders why."""
        for event in self.events:
            match event:
                case TurnHeard(final=True):
                    yield f"caller: {event.text}"
                case TurnSpoken():
                    yield f"agent: {event.heard_text}{' (cut)' if event.interrupted else ''}"
                case ToolUsed():
                    yield f"    {event.tool} {str(event.arguments)[:200]}: {event.outcome}"
                case BookingHeld() | BookingMade() | BookingMoved() | BookingCancelled():
                    yield f"    {event.type} {self.row(event.booking)}"
                case _:
                    pass

    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """What was done, as calls of the file's abstract tools."""
        return [call for event in self.events for call in self._abstract(event)]

    def _abstract(self, event: OfCall) -> Iterator[tuple[str, dict[str, Any]]]:
        names = {booking.booking_id: name for name, booking in self.script.book.items()}
        match event:
            case ToolUsed(tool="check_availability" | "hold_appointment"):
                yield "check_availability", self._checked(event)
            case BookingHeld():
                yield "check_availability", self.row(event.booking)
            case ToolUsed(tool="find_my_appointments"):
                yield "find_bookings", {"phone": self.script.caller, "name": event.arguments.get("name")}
            case BookingMade():
                yield "create_booking", self.row(event.booking)
            case BookingMoved():
                row = self.row(event.booking)
                yield "reschedule_booking", {**row, "booking_id": names.get(event.booking.booking_id)}
            case BookingCancelled():
                yield "cancel_booking", {"booking_id": names.get(event.booking.booking_id)}
            case CallTransferred():
                yield "transfer_to_human", {"reason": event.reason}
            case MessageTaken():
                message = event.message
                facts = {"name": message.caller_name, "phone": message.callback_number, "message": message.text}
                yield "take_message", facts
            case ToolUsed(tool="end_call"):
                yield "end_call", {}
            case _:
                pass

    def _checked(self, event: ToolUsed) -> dict[str, Any]:
        shop = self.script.shop
        when = resolve(
            str(event.arguments.get("when", ""))[:500], now=self.script.now, zone=shop.zone, hours=shop.hours
        )
        services = event.arguments.get("services") or [""]
        day = {"date": when.first.isoformat()} if isinstance(when, When) else {}
        return {"service": services[0] if isinstance(services, list) else services, **day}

    def row(self, booking: Booking) -> dict[str, Any]:
        start = local(booking.visit.starts, self.script.shop)
        part = booking.visit.parts[0]
        return {
            "service": part.service,
            "date": start.date().isoformat(),
            "start": start.strftime("%Y-%m-%dT%H:%M"),
            "staff": part.staff,
            "name": booking.customer_name,
            "phone": booking.customer_phone,
        }


def faults(played: Played, *, misbehaving: bool) -> list[str]:
    """What is not as expected. A misbehaving model is judged by what it brought about, not by what it said or tried."""
    found = list(_state_faults(played, wholly=not misbehaving))
    found += [f"said what must not be said: {pattern}" for pattern in _leaks(played)]
    if not misbehaving:
        found += _call_faults(played)
        found += _speech_faults(played)
        if played.mismatches:
            found.append(f"the audit complains: {[(m.said, m.did) for m in played.mismatches]}")
    elif BOAST in played.heard and not played.mismatches:  # what the caller cut short was claimed to nobody
        found.append("the audit marked nothing")
    return found


def _leaks(played: Played) -> list[str]:
    return [pattern for pattern in played.script.must_not_say if re.search(pattern, played.heard)]


def _speech_faults(played: Played) -> list[str]:
    wanted = played.script.expect.get("must_say", ())
    return [f"did not say {pattern}" for pattern in wanted if not re.search(pattern, played.heard, re.I)]


def _call_faults(played: Played) -> list[str]:
    expect, made = played.script.expect, played.calls()
    found = [f"forbidden: {name}" for name in expect.get("forbidden", ()) if any(name == call for call, _ in made)]
    for rule in expect.get("forbidden_args", ()):
        name, arguments = next(iter(rule.items()))
        found += [f"forbidden: {call}" for call in made if call[0] == name and _fits(arguments, call[1])]
    if expect.get("tools_any_order"):
        return found + [f"not made: {call}" for call in targets(expect) if not any(_is(call, one) for one in made)]
    choices = expect.get("tools_one_of") or [expect.get("tools", [])]
    missing = [list(_missing([next(iter(call.items())) for call in choice], made)) for choice in choices]
    return found + (min(missing, key=len) if missing else [])


def _missing(
    wanted: Sequence[tuple[str, Mapping[str, Any]]], made: Sequence[tuple[str, dict[str, Any]]]
) -> Iterator[str]:
    """What of `wanted` does not occur in `made`, in this order."""
    at = 0
    for call in wanted:
        place = next((n for n in range(at, len(made)) if _is(call, made[n])), None)
        if place is None:
            yield f"not made: {call}; made: {made}"
            return
        at = place if call[0] in READ_ONLY else place + 1


def _is(wanted: tuple[str, Mapping[str, Any]], made: tuple[str, Mapping[str, Any]]) -> bool:
    return wanted[0] == made[0] and _fits(wanted[1], made[1])


def _fits(wanted: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    return all(_matches(value, made.get(name)) for name, value in wanted.items())


def _matches(wanted: object, value: object) -> bool:
    if isinstance(wanted, dict):
        rule: dict[str, Any] = wanted
        if rule.get("any"):
            return True
        if "one_of" in rule:
            return value in rule["one_of"]
        return re.search(str(rule.get("re", "")), str(value or ""), re.I) is not None
    return wanted is None or str(wanted).casefold() == str(value).casefold()


def _state_faults(played: Played, *, wholly: bool) -> Iterator[str]:
    """What is in the book and should not be; `wholly`: and what should be and is not."""
    before = {booking.booking_id: (name, booking) for name, booking in played.script.book.items()}
    after = played.book
    wanted = targets(played.script.expect)
    made = [arguments for name, arguments in wanted if name == "create_booking"]
    state = {"added": len(made), "removed": [], "moved": [], **played.script.expect.get("state", {})}
    added = [booking for booking in after.values() if booking.booking_id not in before]
    removed = {name for booking_id, (name, _) in before.items() if booking_id not in after}
    moved = {
        name
        for booking_id, (name, booking) in before.items()
        if booking_id in after and after[booking_id].visit.starts != booking.visit.starts
    }
    may_move = {
        *(state["moved"] or []),
        *(args.get("booking_id") for name, args in wanted if name == "reschedule_booking"),
    }
    for booking in added:
        if not any(_fits(arguments, played.row(booking)) for arguments in made):
            yield f"added what nobody wanted: {played.row(booking)}"
    if len(added) > state["added"] or (wholly and len(added) < state["added"]):
        yield f"added {[played.row(booking) for booking in added]}, expected {state['added']}"
    for what, found, expected in (("removed", removed, {*(state["removed"] or [])}), ("moved", moved, may_move)):
        if not found <= expected or (wholly and found != expected):
            yield f"{what} {sorted(found)}, expected {sorted(map(str, expected))}"
