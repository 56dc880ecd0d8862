"""A call as a page shows it: what was said, done, booked and measured so far. Part of the wire of the full feed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from agent.events import ToolOutcome
from agent.model import Booking, BookingState

Stage = Literal["ringing", "greeting", "listening", "thinking", "speaking", "taken_over", "transferring", "ended"]


class Wire(BaseModel):
    """Frozen; defaults are always present in what is sent, so a page never meets a missing field."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class Line(Wire):
    """Something said. Lines are in the order of turns; within one, the caller's words come first."""

    turn: int
    speaker: Literal["caller", "agent", "operator"]
    text: str
    heard_text: str | None = None
    """Of the agent's words: those that reached the caller's ear."""
    final: bool = True
    interrupted: bool = False
    at: datetime


class ToolCard(Wire):
    """A tool the model called."""

    turn: int
    tool: str
    tool_call_id: str
    arguments: dict[str, object]
    outcome: ToolOutcome | None = None
    took_ms: float


class BookingCard(Wire):
    """An appointment in a few words."""

    booking_id: str
    state: BookingState
    what: str
    """Its services, and by whom: "Cut with Leilani, Colour"."""
    customer_name: str
    starts: datetime
    ends: datetime


class Timing(Wire):
    """How long one stage of a turn took."""

    turn: int
    stage: str
    ms: float


class CallState(Wire):
    """A live call, or one that ended less than a minute ago."""

    location_id: int
    call_sid: str
    business_name: str = ""
    caller: str = ""
    """E.164, or what the carrier sent; empty until known, when we joined in the middle of the call."""
    started_at: datetime
    state: Stage
    operator: str | None = None
    """Who has taken the call over."""
    lines: tuple[Line, ...] = ()
    tools: tuple[ToolCard, ...] = ()
    bookings: tuple[BookingCard, ...] = ()
    """Each once, as it stands now."""
    timings: tuple[Timing, ...] = ()
    flags: tuple[str, ...] = ()
    """`mismatch`, `unanswered`, `interrupted`, `vendor:<name>`: each once, in the order they came up."""
    n: int
    """The number of the last event that is in here."""


def card_of(booking: Booking) -> BookingCard:
    """A booking as pages show it."""
    parts = (f"{part.service} with {part.staff}" if part.staff else part.service for part in booking.visit.parts)
    return BookingCard(
        booking_id=booking.booking_id,
        state=booking.state,
        what=", ".join(parts),
        customer_name=booking.customer_name,
        starts=booking.visit.starts,
        ends=booking.visit.ends,
    )
