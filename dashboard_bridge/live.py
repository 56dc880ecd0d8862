"""The calls on the line, each as its events have made it so far, and what every new event adds to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from agent.events import (
    AnyEvent,
    BookingCancelled,
    BookingHeld,
    BookingMade,
    BookingMoved,
    CallAnswered,
    CallEnded,
    CallEvent,
    CallTransferred,
    ClaimMismatched,
    OfCall,
    OperatorActed,
    QuestionUnanswered,
    StageTimed,
    ToolUsed,
    TurnHeard,
    TurnSpoken,
    TurnStarted,
    VendorDegraded,
)
from agent.model import CallRecord, Turn
from dashboard_bridge.call_state import BookingCard, CallState, Line, Stage, Timing, ToolCard, card_of

ENDED_KEPT = timedelta(seconds=60)
"""How long an ended call is still in snapshots, so that nobody misses how it ended."""
MAX_LIVE = 5_000
MAX_LINES_KEPT = 1_000
"""Lines, tools and timings of one call, each: more than the longest call allowed can have."""


@dataclass(frozen=True)
class Delta:
    """The `n`-th event of a call, with its JSON made once for all browsers."""

    event: CallEvent
    n: int

    @cached_property
    def _event_json(self) -> str:
        return self.event.model_dump_json()

    @cached_property
    def line(self) -> str:
        """The message for a browser that has everything before it."""
        return self.line_from(self.n)

    @cached_property
    def heard(self) -> tuple[str, int] | None:
        """The call and turn of the caller's words; such a delta restates the partial before it."""
        return (self.event.call_sid, self.event.turn) if isinstance(self.event, TurnHeard) else None

    @cached_property
    def partial(self) -> bool:
        """Whether a later one of its turn restates it."""
        return isinstance(self.event, TurnHeard) and not self.event.final

    @cached_property
    def last(self) -> bool:
        return isinstance(self.event, CallEnded)

    def line_from(self, from_n: int) -> str:
        """The message for a browser that has everything before `from_n`; what lies between is superseded."""
        event = self.event
        return (
            f'{{"type":"event","data":{{"location_id":{event.location_id},"call_sid":{json.dumps(event.call_sid)},'
            f'"n":{self.n},"from_n":{from_n},"event":{self._event_json}}}}}'
        )


class LiveCall:
    """One call, growing with its events. Leaving out partials that were superseded leads to the same state."""

    def __init__(self, first: OfCall) -> None:
        self.location_id = first.location_id
        self.call_sid = first.call_sid
        self.known = isinstance(first, CallAnswered)
        """False for one we joined in its middle, until `fill` tells how it began."""
        self.n = 0
        self.state: Stage = "listening"
        self.touched_at = first.at
        self._business_name, self._caller, self._started_at = "", "", first.at
        self._operator: str | None = None
        self._turn = 0
        self._lines: list[Line] = []
        self._tools: list[ToolCard] = []
        self._bookings: dict[str, BookingCard] = {}
        self._timings: list[Timing] = []
        self._flags: dict[str, None] = {}
        self._json: str | None = None

    def take(self, event: CallEvent) -> Delta:
        """Grow by one event."""
        self.n += 1
        self.touched_at = event.at
        self._json = None
        self._note(event)
        return Delta(event, self.n)

    def fill(self, record: CallRecord, turns: Iterable[Turn], business_name: str) -> None:
        """Tell a call we joined late how it began, as far as it is stored."""
        self.known = True
        self._json = None
        self._business_name, self._caller, self._started_at = business_name, record.caller, record.started_at
        have = {(line.turn, line.speaker) for line in self._lines}
        for line in [line for turn in turns for line in _lines_of(turn)]:
            if (line.turn, line.speaker) not in have:
                self._insert(line, first=line.speaker == "caller")

    def snapshot(self) -> CallState:
        """The call as it is now."""
        return CallState(
            location_id=self.location_id,
            call_sid=self.call_sid,
            business_name=self._business_name,
            caller=self._caller,
            started_at=self._started_at,
            state=self.state,
            operator=self._operator,
            lines=tuple(self._lines),
            tools=tuple(self._tools),
            bookings=tuple(self._bookings.values()),
            timings=tuple(self._timings),
            flags=tuple(self._flags),
            n=self.n,
        )

    @property
    def json(self) -> str:
        """The snapshot as JSON; made again only after a change, however many browsers ask."""
        if self._json is None:
            self._json = self.snapshot().model_dump_json()
        return self._json

    def _note(self, event: CallEvent) -> None:
        match event:
            case CallAnswered():
                self._business_name, self._caller, self._started_at = event.business_name, event.caller, event.at
                self._go("greeting")
            case TurnStarted():
                self._turn = event.turn
                self._go("listening")
                if event.interrupting:
                    self._flags["interrupted"] = None
            case TurnHeard():
                self._heard(event)
            case TurnSpoken():
                self._spoken(event)
            case ToolUsed():
                self._tools.append(_tool(event))
                _trim(self._tools)
                self._go("thinking")
            case StageTimed():
                self._timings.append(Timing(turn=event.turn, stage=event.stage, ms=event.ms))
                _trim(self._timings)
                if event.stage in {"tts", "voice_to_voice"}:  # measured when the first sound is there
                    self._go("speaking")
            case OperatorActed():
                self._acted(event)
            case CallTransferred():
                self.state = "transferring"
            case CallEnded():
                self._operator, self.state = None, "ended"
            case _:
                self._mark(event)

    def _mark(self, event: CallEvent) -> None:
        match event:
            case BookingHeld() | BookingMade() | BookingMoved() | BookingCancelled():
                self._book(event)
            case ClaimMismatched():
                self._flags["mismatch"] = None
            case QuestionUnanswered():
                self._flags["unanswered"] = None
            case VendorDegraded():
                self._flags[f"vendor:{event.vendor}"] = None
            case _:
                pass

    def _go(self, state: Stage) -> None:
        """Who has taken the call over, and a transfer, are not ended by what is said meanwhile."""
        if self.state not in {"taken_over", "transferring"}:
            self.state = state

    def _heard(self, event: TurnHeard) -> None:
        self._turn = event.turn
        self._go("thinking" if event.final else "listening")
        line = Line(turn=event.turn, speaker="caller", text=event.text, final=event.final, at=event.at)
        for place in range(len(self._lines) - 1, -1, -1):
            old = self._lines[place]
            if old.turn < event.turn:
                break
            if old.turn == event.turn and old.speaker == "caller":
                self._lines[place] = line
                return
        self._insert(line, first=True)

    def _spoken(self, event: TurnSpoken) -> None:
        self._go("listening")
        if event.interrupted:
            self._flags["interrupted"] = None
        line = Line(
            turn=event.turn,
            speaker="agent",
            text=event.text,
            heard_text=event.heard_text,
            interrupted=event.interrupted,
            at=event.at,
        )
        for place, old in enumerate(self._lines):
            if old.speaker == "operator" and old.heard_text is None and old.text == event.text:
                # An operator's words, spoken by the agent's voice: the line is there, now it is known what was heard.
                heard = {"heard_text": event.heard_text, "interrupted": event.interrupted}
                self._lines[place] = old.model_copy(update=heard)
                return
        self._insert(line)

    def _acted(self, event: OperatorActed) -> None:
        match event.act:
            case "take_over":
                self._operator, self.state = event.operator, "taken_over"
            case "hand_back":
                self._operator, self.state = None, "listening"
            case "transfer":
                self.state = "transferring"
            case "say":
                self._insert(Line(turn=self._turn, speaker="operator", text=event.detail, at=event.at))
            case _:
                pass

    def _book(self, event: BookingHeld | BookingMade | BookingMoved | BookingCancelled) -> None:
        if isinstance(event, BookingMade | BookingMoved):
            # What was held has become this; a caller has one hold at a time.
            self._bookings = {at: card for at, card in self._bookings.items() if card.state != "held"}
        card = card_of(event.booking)
        self._bookings[card.booking_id] = card

    def _insert(self, line: Line, *, first: bool = False) -> None:
        """Into its turn: the caller's words first, all others in the order they come."""
        place = len(self._lines)
        while place and (at := self._lines[place - 1].turn) >= line.turn and (first or at > line.turn):
            place -= 1
        self._lines.insert(place, line)
        _trim(self._lines)


class LiveCalls:
    """Every call that is on the line, and those that just ended."""

    def __init__(self, longest_call: timedelta) -> None:
        self._longest_call = longest_call
        self._calls: dict[str, LiveCall] = {}

    def note(self, event: AnyEvent) -> Delta | None:
        """Learn from an event; None when it belongs to no live call."""
        if not isinstance(event, OfCall):
            return None
        call = self._calls.get(event.call_sid)
        if call is None:
            if isinstance(event, CallEnded):
                return None
            call = self._calls[event.call_sid] = LiveCall(event)
            while len(self._calls) > MAX_LIVE:
                del self._calls[next(iter(self._calls))]
        elif call.location_id != event.location_id:
            return None
        elif isinstance(event, CallAnswered):  # taken for lost, and told anew from its beginning
            call = self._calls[event.call_sid] = LiveCall(event)
        return call.take(event)

    def get(self, call_sid: str) -> LiveCall | None:
        """A call that is on the line or just ended."""
        return self._calls.get(call_sid)

    def seen_from(self, locations: frozenset[int] | None) -> list[LiveCall]:
        """Those of some shops; None means all."""
        return [call for call in self._calls.values() if locations is None or call.location_id in locations]

    def sweep(self, now: datetime) -> None:
        """Let go of calls that ended a while ago, and of those whose process died without a word."""
        for call in list(self._calls.values()):
            silent = now - call.touched_at
            if silent > (ENDED_KEPT if call.state == "ended" else self._longest_call):
                del self._calls[call.call_sid]

    def __len__(self) -> int:
        return len(self._calls)


def _tool(event: ToolUsed) -> ToolCard:
    return ToolCard(
        turn=event.turn,
        tool=event.tool,
        tool_call_id=event.tool_call_id,
        arguments=event.arguments,
        outcome=event.outcome,
        took_ms=event.took_ms,
    )


def _lines_of(turn: Turn) -> list[Line]:
    heard = Line(turn=turn.index, speaker="caller", text=turn.heard, at=turn.at)
    if not turn.said:
        return [heard]
    said = Line(
        turn=turn.index,
        speaker="agent",
        text=turn.said,
        heard_text=turn.spoken,
        interrupted=turn.interrupted,
        at=turn.at,
    )
    return [heard, said]


def _trim(kept: list[Line] | list[ToolCard] | list[Timing]) -> None:
    del kept[:-MAX_LINES_KEPT]
