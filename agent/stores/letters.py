"""A write of `CallStore` as a letter: put into a file by one process, and stored later, perhaps by another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import AwareDatetime, ValidationError

from agent.errors import Conflict
from agent.events import EndReason, Outcome
from agent.model import CallRecord, ClaimMismatch, LocationId, Message, Model, OpenQuestion, Turn
from agent.ports import CallStore

Verb = Literal["open_call", "add_turn", "close_call", "conclude_call", "take_message"]
Noun = TypeVar("Noun", bound=Model)


class Closing(Model):
    """What `CallStore.close_call` is told."""

    location_id: LocationId
    call_sid: str
    ended_at: AwareDatetime
    reason: EndReason
    greeting: str


class Conclusion(Model):
    """What `CallStore.conclude_call` is told."""

    location_id: LocationId
    call_sid: str
    outcome: Outcome
    summary: str
    mismatches: tuple[ClaimMismatch, ...]
    unanswered: tuple[OpenQuestion, ...]


@dataclass(frozen=True)
class Letter:
    """One write. Letters with the same call, verb and key say the same, or the later one in place of the earlier."""

    call_sid: str
    verb: str
    """A `Verb`, unless another version wrote it."""
    key: str
    payload: str
    """What it says, as JSON."""

    @property
    def replaces(self) -> bool:
        """Whether the last one counts, not the first."""
        return self.verb == "add_turn"

    @property
    def begins(self) -> bool:
        """Whether a call is on the line from here on."""
        return self.verb == "open_call"

    @property
    def ends(self) -> bool:
        """Whether its call is over."""
        return self.verb == "close_call"

    def call(self) -> CallRecord:
        """The call that an opening opens. Raises Conflict letter_unreadable."""
        return _read(CallRecord, self.payload)

    async def deliver(self, calls: CallStore) -> None:
        """Store what it says. Raises StoreError; Conflict letter_unreadable when this Chairside cannot read it."""
        match self.verb:
            case "open_call":
                await calls.open_call(_read(CallRecord, self.payload))
            case "add_turn":
                await calls.add_turn(_read(Turn, self.payload))
            case "close_call":
                end = _read(Closing, self.payload)
                await calls.close_call(
                    end.location_id, end.call_sid, ended_at=end.ended_at, reason=end.reason, greeting=end.greeting
                )
            case "conclude_call":
                told = _read(Conclusion, self.payload)
                await calls.conclude_call(
                    told.location_id,
                    told.call_sid,
                    outcome=told.outcome,
                    summary=told.summary,
                    mismatches=told.mismatches,
                    unanswered=told.unanswered,
                )
            case "take_message":
                await calls.take_message(_read(Message, self.payload))
            case verb:
                raise Conflict("letter_unreadable", f"This Chairside knows no write {verb!r}.")


def letter(verb: Verb, noun: CallRecord | Turn | Closing | Conclusion | Message, name: str = "") -> Letter:
    """A write that says `noun`; `name` tells it from others of its verb and call. Raises Conflict text_unstorable."""
    try:
        payload = noun.model_dump_json()
    except ValueError as why:  # half a character
        raise Conflict("text_unstorable", "A text is not Unicode that can be stored.") from why
    return Letter(noun.call_sid, verb, f"{noun.location_id}/{name}", payload)


def _read(kind: type[Noun], payload: str) -> Noun:
    try:
        return kind.model_validate_json(payload)
    except ValidationError as why:  # which quotes what callers said
        raise Conflict("letter_unreadable", f"This is no {kind.__name__} this Chairside can read.") from why
