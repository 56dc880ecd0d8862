"""What a browser receives and sends over `/ops`: JSON with a `type`, one message per text frame.

A message's shape changes only with `PROTOCOL_VERSION`; new fields and new types may come without. Moments are
ISO 8601 in UTC, prices decimal strings in the shop's currency, durations whole minutes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from agent.events import AnyEvent, CallAnswered, CallEnded, CallEvent, EndReason, TurnHeard, TurnSpoken
from agent.model import Act, LocationId, Professional, Service, ShopListing
from dashboard_bridge.call_state import BookingCard, CallState, Wire
from dashboard_bridge.vendors import VendorsData

PROTOCOL_VERSION = 1


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
    activeBookings: tuple[BookingCard, ...] = ()
    """What is booked for today and later, by start."""
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


class ActProblemData(ProblemData):
    id: str
    """Of the act that was refused."""


class Problem(Wire):
    """What was refused, and why. `code` is stable; `message` is for people."""

    type: Literal["error"] = "error"
    data: ActProblemData | ProblemData


class SnapshotData(Wire):
    at: datetime
    call_sid: str | None = None
    """None: `calls` are all there are, in place of what was known. Else they are this call alone, or nothing when
    it is not on the line any more."""
    calls: tuple[CallState, ...]
    shops: tuple[ShopListing, ...]


class Snapshot(Wire):
    """The calls on the line as they are now; deltas go on from there."""

    type: Literal["snapshot"] = "snapshot"
    data: SnapshotData


class EventData(Wire):
    location_id: int
    call_sid: str
    n: int
    """Counts the events of a call from 1."""
    from_n: int
    """The first number this one stands for: those before `n` were half-said words that it, or a later one, restates."""
    event: CallEvent


class Event(Wire):
    """What happened in a call. Apply it when `from_n` is one more than the last `n`; else ask for a `resync`."""

    type: Literal["event"] = "event"
    data: EventData


class Vendors(Wire):
    """How the vendors are doing, whenever that changes."""

    type: Literal["vendors"] = "vendors"
    data: VendorsData


class BookingsData(Wire):
    location_id: int
    bookings: tuple[BookingCard, ...]
    """What is booked for today and later, by start."""


class Bookings(Wire):
    """A shop's appointments, whenever they change; each replaces the one before."""

    type: Literal["bookings"] = "bookings"
    data: BookingsData


class ActedData(Wire):
    id: str
    ok: Literal[True] = True


class Acted(Wire):
    """An act was carried out."""

    type: Literal["acted"] = "acted"
    data: ActedData


class AudioData(Wire):
    call_sid: str
    on: bool


class Audio(Wire):
    """From here on binary frames are the sound of this call, or no longer."""

    type: Literal["audio"] = "audio"
    data: AudioData


OpsMessage = Annotated[
    Hello | Metrics | Transcript | Call | Problem | Snapshot | Event | Vendors | Bookings | Acted | Audio,
    Field(discriminator="type"),
]
OPS_MESSAGE: TypeAdapter[OpsMessage] = TypeAdapter(OpsMessage)


class Auth(Wire):
    """The operator token, from a page that has neither header nor cookie. Must be the first message."""

    type: Literal["auth"]
    token: Annotated[str, Field(max_length=1024)]


class Subscribe(Wire):
    """From now on only these shops; `null` means all. Their metrics follow.

    `full` begins with a `snapshot` and goes on with `event` in place of `transcript` and `call`, and with `vendors` and
    `bookings`.
    """

    type: Literal["subscribe"]
    locations: Annotated[tuple[LocationId, ...], Field(min_length=1, max_length=10_000)] | None
    feed: Literal["full"] | None = None


CallSid = Annotated[str, Field(min_length=1, max_length=64)]


class Resync(Wire):
    """A snapshot of one call, or of all: numbers are missing, or the page wants to be sure."""

    type: Literal["resync"]
    call_sid: CallSid | None = None


class ActCommand(Wire):
    """Do something to a live call. `acted` or `error` with the same `id` follows."""

    type: Literal["act"]
    id: Annotated[str, Field(min_length=1, max_length=64)]
    """The page's own name for this act."""
    act: Act
    call_sid: CallSid
    text: str | None = None
    """What to whisper to the receptionist, or to say to the caller."""
    to: str | None = None
    """Where to transfer, in E.164; without it, to the shop's own number for that."""


OpsCommand = Annotated[Auth | Subscribe | Resync | ActCommand, Field(discriminator="type")]
OPS_COMMAND: TypeAdapter[OpsCommand] = TypeAdapter(OpsCommand)


class LoginRequest(Wire):
    """The body of `POST /login`."""

    token: Annotated[str, Field(max_length=1024)]


class ShopsReply(Wire):
    """The answer of `GET /shops`."""

    shops: list[ShopListing]


def problem(code: str, message: str, act_id: str | None = None) -> Problem:
    if act_id is None:
        return Problem(data=ProblemData(code=code, message=message))
    return Problem(data=ActProblemData(code=code, message=message, id=act_id))


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
