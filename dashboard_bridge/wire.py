"""What a browser receives and sends over `/ops`: JSON with a `type`, one message per text frame.

A message's shape changes only with `PROTOCOL_VERSION`; new fields and new types may come without. Moments are
ISO 8601 in UTC, prices decimal strings in the shop's currency, durations whole minutes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from agent.events import AnyEvent, CallAnswered, CallEnded, EndReason, TurnHeard, TurnSpoken
from agent.model import LocationId, Professional, Service, ShopListing

PROTOCOL_VERSION = 1


class Wire(BaseModel):
    """Frozen; defaults are always present in what is sent, so a page never meets a missing field."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class HelloData(Wire):
    version: int = PROTOCOL_VERSION


class Hello(Wire):
    """The first message of a socket that was let in."""

    type: Literal["hello"] = "hello"
    data: HelloData = HelloData()


class RecentCall(Wire):
    """A line of a shop's list of calls."""

    call_sid: str
    caller: str
    started_at: datetime
    ended_at: datetime | None = None
    end_reason: str | None = None
    live: bool = False


class MetricsData(Wire):
    location_id: int
    business_name: str
    recentCalls: tuple[RecentCall, ...] = ()
    """Newest first."""
    activeBookings: tuple[dict[str, object], ...] = ()
    """Empty until the receptionist can book."""
    services: tuple[Service, ...] = ()
    professionals: tuple[Professional, ...] = ()


class Metrics(Wire):
    """A shop as it stands; each replaces the one before."""

    type: Literal["metrics"] = "metrics"
    data: MetricsData


class TranscriptData(Wire):
    location_id: int
    call_sid: str
    text: str
    """The caller's words, or those of the agent's that reached the caller's ear."""
    speaker: Literal["caller", "agent"]
    final: bool
    """False while the caller still speaks; each such message restates the turn so far."""
    turn: int
    """The caller's utterances count from 1; 0 is the greeting."""
    interrupted: bool = False
    """The caller cut the agent short: `text` ends where they stopped hearing it."""
    at: datetime


class Transcript(Wire):
    """Words of a call, as they fall."""

    type: Literal["transcript"] = "transcript"
    data: TranscriptData


class CallData(Wire):
    location_id: int
    call_sid: str
    state: Literal["answered", "ended"]
    caller: str | None = None
    """Known when answered."""
    reason: EndReason | None = None
    """Known when ended."""
    at: datetime


class Call(Wire):
    """A call began or ended."""

    type: Literal["call"] = "call"
    data: CallData


class ProblemData(Wire):
    code: str
    message: str


class Problem(Wire):
    """What was refused, and why. `code` is stable; `message` is for people."""

    type: Literal["error"] = "error"
    data: ProblemData


OpsMessage = Annotated[Hello | Metrics | Transcript | Call | Problem, Field(discriminator="type")]
OPS_MESSAGE: TypeAdapter[OpsMessage] = TypeAdapter(OpsMessage)


class Auth(Wire):
    """The operator token, from a page that has neither header nor cookie. Must be the first message."""

    type: Literal["auth"]
    token: Annotated[str, Field(max_length=1024)]


class Subscribe(Wire):
    """From now on only these shops; `null` means all. Their metrics follow."""

    type: Literal["subscribe"]
    locations: Annotated[tuple[LocationId, ...], Field(min_length=1, max_length=10_000)] | None


OpsCommand = Annotated[Auth | Subscribe, Field(discriminator="type")]
OPS_COMMAND: TypeAdapter[OpsCommand] = TypeAdapter(OpsCommand)


class LoginRequest(Wire):
    """The body of `POST /login`."""

    token: Annotated[str, Field(max_length=1024)]


class ShopsReply(Wire):
    """The answer of `GET /shops`."""

    shops: list[ShopListing]


def problem(code: str, message: str) -> Problem:
    return Problem(data=ProblemData(code=code, message=message))


def shape(event: AnyEvent) -> Transcript | Call | None:
    """What a browser is told of an event; None when it is not told."""
    match event:
        case TurnHeard():
            return _transcript(event, "caller", event.text, final=event.final)
        case TurnSpoken():
            return _transcript(event, "agent", event.heard_text, interrupted=event.interrupted)
        case CallAnswered():
            return _call(event, "answered", caller=event.caller)
        case CallEnded():
            return _call(event, "ended", reason=event.reason)
        case _:
            return None


def _transcript(
    event: TurnHeard | TurnSpoken,
    speaker: Literal["caller", "agent"],
    text: str,
    *,
    final: bool = True,
    interrupted: bool = False,
) -> Transcript:
    data = TranscriptData(
        location_id=event.location_id,
        call_sid=event.call_sid,
        text=text,
        speaker=speaker,
        final=final,
        turn=event.turn,
        interrupted=interrupted,
        at=event.at,
    )
    return Transcript(data=data)


def _call(
    event: CallAnswered | CallEnded,
    state: Literal["answered", "ended"],
    *,
    caller: str | None = None,
    reason: EndReason | None = None,
) -> Call:
    data = CallData(
        location_id=event.location_id,
        call_sid=event.call_sid,
        state=state,
        caller=caller,
        reason=reason,
        at=event.at,
    )
    return Call(data=data)
