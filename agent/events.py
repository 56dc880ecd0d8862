"""What happened, in the past tense. Store, dashboard, tape and tests all read these same events.

A `CallEvent` belongs to one call and carries `seq`, which grows by one per event of that call from 1.
`at` is timezone-aware UTC. `turn` counts the caller's utterances from 1; 0 is the greeting.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agent.model import Act, Booking, LocationId, Message, Visit


class Event(BaseModel):
    """Frozen; every subclass fixes its own `type` tag."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)

    at: AwareDatetime


class OfCall(Event):
    """The head that every event of a call carries."""

    call_sid: str
    location_id: LocationId
    seq: Annotated[int, Field(ge=1)]


class CallAnswered(OfCall):
    """The media stream is open and the greeting is on the wire."""

    type: Literal["call.answered"] = "call.answered"
    caller: str
    called: str
    business_name: str
    greeting: str


class TurnStarted(OfCall):
    """The caller began to speak; `interrupting` when the agent was speaking."""

    type: Literal["turn.started"] = "turn.started"
    turn: int
    interrupting: bool


class TurnHeard(OfCall):
    """The caller's words: partial ones while they speak (each restates the turn so far), then the final ones."""

    type: Literal["turn.heard"] = "turn.heard"
    turn: int
    text: str
    final: bool


class TurnSpoken(OfCall):
    """The agent's answer to a turn is over: `text` was generated, `heard_text` reached the caller's ear."""

    type: Literal["turn.spoken"] = "turn.spoken"
    turn: int
    text: str
    heard_text: str
    interrupted: bool
    voice_to_voice_ms: float | None
    """End of the caller's voice to the first agent audio on the wire; None for the greeting."""


ToolOutcome = Literal["ok", "refused", "failed"]


class ToolUsed(OfCall):
    """The model called a tool and got its answer."""

    type: Literal["tool.used"] = "tool.used"
    turn: int
    tool: str
    tool_call_id: str
    arguments: dict[str, object]
    outcome: ToolOutcome
    took_ms: float


class MessageTaken(OfCall):
    """A message for the shop was stored."""

    type: Literal["message.taken"] = "message.taken"
    message: Message


class BookingHeld(OfCall):
    """A slot waits for the caller's yes."""

    type: Literal["booking.held"] = "booking.held"
    booking: Booking


class BookingMade(OfCall):
    """An appointment is in the book."""

    type: Literal["booking.made"] = "booking.made"
    booking: Booking


class BookingMoved(OfCall):
    """An appointment has another time; `before` is the one it had."""

    type: Literal["booking.moved"] = "booking.moved"
    booking: Booking
    before: Visit


class BookingCancelled(OfCall):
    """An appointment is cancelled."""

    type: Literal["booking.cancelled"] = "booking.cancelled"
    booking: Booking


class QuestionUnanswered(OfCall):
    """The caller asked what the shop's knowledge could not answer."""

    type: Literal["question.unanswered"] = "question.unanswered"
    turn: int
    question: str


class CallTransferred(OfCall):
    """The caller is being put through to a person."""

    type: Literal["call.transferred"] = "call.transferred"
    to: str
    reason: str


class ClaimMismatched(OfCall):
    """What was said in the call and what was done differ: both sides, for a person to look at."""

    type: Literal["claim.mismatched"] = "claim.mismatched"
    turn: int
    kind: Literal["booking", "price"]
    said: str
    did: str


class OperatorActed(OfCall):
    """An operator did something to the call. `detail` is the text of a whisper or of words to say, or the number."""

    type: Literal["operator.acted"] = "operator.acted"
    operator: str
    act: Act
    detail: str = ""


Outcome = Literal["booked", "moved", "cancelled", "question", "message", "transferred", "abandoned"]


class CallSummarised(OfCall):
    """What became of the call, told once, before it ends."""

    type: Literal["call.summarised"] = "call.summarised"
    outcome: Outcome
    summary: str


class DigitPressed(OfCall):
    """The caller pressed a key (DTMF)."""

    type: Literal["digit.pressed"] = "digit.pressed"
    digit: str


class StageTimed(OfCall):
    """How long one stage of a turn took."""

    type: Literal["stage.timed"] = "stage.timed"
    turn: int
    stage: Literal["greeting", "stt", "llm", "tts", "voice_to_voice"]
    ms: float


class VendorDegraded(OfCall):
    """A vendor failed in this call; the call went on as well as it could."""

    type: Literal["vendor.degraded"] = "vendor.degraded"
    vendor: str
    code: str
    message: str


EndReason = Literal[
    "caller_hung_up",
    "agent_hung_up",
    "operator_hung_up",
    "transferred",
    "failed",
    "server_stopped",
    "process_died",
]


class CallEnded(OfCall):
    """The call is over; published exactly once a call, and last."""

    type: Literal["call.ended"] = "call.ended"
    reason: EndReason
    duration_ms: float
    turns: int


class CallRefused(Event):
    """Somebody rang and was not put through: an unknown number, no room. Belongs to no location."""

    type: Literal["call.refused"] = "call.refused"
    call_sid: str
    caller: str
    called: str
    code: str


class DoorClosed(Event):
    """A media socket was turned away at the door: no ticket, a used one, another CallSid."""

    type: Literal["door.closed"] = "door.closed"
    call_sid: str
    code: str


class ShopChanged(Event):
    """A shop's knowledge has a new version."""

    type: Literal["shop.changed"] = "shop.changed"
    location_id: LocationId
    version: int


class BookingChanged(Event):
    """An appointment was changed outside a call: by text message, or by the shop."""

    type: Literal["booking.changed"] = "booking.changed"
    location_id: LocationId
    booking: Booking


_OneOfCall = (
    CallAnswered
    | TurnStarted
    | TurnHeard
    | TurnSpoken
    | ToolUsed
    | MessageTaken
    | BookingHeld
    | BookingMade
    | BookingMoved
    | BookingCancelled
    | QuestionUnanswered
    | CallTransferred
    | ClaimMismatched
    | CallSummarised
    | OperatorActed
    | DigitPressed
    | StageTimed
    | VendorDegraded
    | CallEnded
)
CallEvent = Annotated[_OneOfCall, Field(discriminator="type")]
AnyEvent = Annotated[_OneOfCall | CallRefused | DoorClosed | ShopChanged | BookingChanged, Field(discriminator="type")]
