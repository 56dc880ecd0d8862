"""The wall of a page, kept as the document says a page keeps it: from snapshots and numbered events, in plain JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Mirror:
    """What a page knows. Written against docs/operators-socket.md, not with the server's own code."""

    calls: dict[str, Json] = field(default_factory=dict)
    gaps: int = 0
    snapshots: int = 0

    def take(self, message: Json) -> str | None:
        """Learn from a message; a call_sid to ask a resync of when numbers are missing."""
        match message["type"]:
            case "snapshot":
                self._snapshot(message["data"])
            case "event":
                return self._event(message["data"])
        return None

    def _snapshot(self, data: Json) -> None:
        self.snapshots += 1
        if data["call_sid"] is None:
            self.calls.clear()
        else:
            self.calls.pop(data["call_sid"], None)
        self.calls |= {call["call_sid"]: call for call in data["calls"]}

    def _event(self, data: Json) -> str | None:
        call = self.calls.get(data["call_sid"])
        if call is None and data["event"]["type"] == "call.answered":
            call = self.calls[data["call_sid"]] = _new(data)
        known = call["n"] if call else 0
        if call is None or data["from_n"] > known + 1:
            self.gaps += 1
            return data["call_sid"]
        if data["n"] > known:
            call["n"] = data["n"]
            _apply(call, data["event"])
        return None


def _new(data: Json) -> Json:
    head = {"location_id": data["location_id"], "call_sid": data["call_sid"], "started_at": data["event"]["at"]}
    empty: Json = {"business_name": "", "caller": "", "state": "listening", "operator": None}
    return head | empty | {at: [] for at in ("lines", "tools", "bookings", "timings", "flags")} | {"n": 0}


def _apply(call: Json, event: Json) -> None:
    kind = event["type"]
    if kind == "call.answered":
        call |= {"business_name": event["business_name"], "caller": event["caller"], "started_at": event["at"]}
        _go(call, "greeting")
    elif kind == "call.ended":
        call |= {"state": "ended", "operator": None}
    elif kind == "turn.started":
        _go(call, "listening")
        if event["interrupting"]:
            _flag(call, "interrupted")
    elif kind == "turn.heard":
        _go(call, "thinking" if event["final"] else "listening")
        _heard(call, event)
    elif kind == "turn.spoken":
        _go(call, "listening")
        if event["interrupted"]:
            _flag(call, "interrupted")
        spoken = {"heard_text": event["heard_text"], "interrupted": event["interrupted"]}
        _last_of_turn(call, _line(event, "agent") | spoken)
    elif kind == "tool.used":
        call["tools"].append({k: event[k] for k in event if k not in {"type", "at", "seq", "call_sid", "location_id"}})
        _go(call, "thinking")
    elif kind == "stage.timed":
        call["timings"].append({at: event[at] for at in ("turn", "stage", "ms")})
        if event["stage"] in {"tts", "voice_to_voice"}:
            _go(call, "speaking")
    elif kind == "operator.acted":
        _acted(call, event)
    elif kind == "call.transferred":
        call["state"] = "transferring"
    elif kind in {"claim.mismatched", "question.unanswered", "vendor.degraded"}:
        names = {"claim.mismatched": "mismatch", "question.unanswered": "unanswered"}
        _flag(call, names.get(kind) or f"vendor:{event['vendor']}")


def _acted(call: Json, event: Json) -> None:
    if event["act"] == "take_over":
        call |= {"operator": event["operator"], "state": "taken_over"}
    elif event["act"] == "hand_back":
        call |= {"operator": None, "state": "listening"}


def _go(call: Json, state: str) -> None:
    if call["state"] not in {"taken_over", "transferring"}:
        call["state"] = state


def _flag(call: Json, flag: str) -> None:
    if flag not in call["flags"]:
        call["flags"].append(flag)


def _line(event: Json, speaker: str) -> Json:
    said = {"turn": event["turn"], "speaker": speaker, "text": event["text"], "at": event["at"]}
    return {"heard_text": None, "final": True, "interrupted": False} | said


def _heard(call: Json, event: Json) -> None:
    line = _line(event, "caller") | {"final": event["final"]}
    for place, old in enumerate(call["lines"]):
        if (old["turn"], old["speaker"]) == (line["turn"], "caller"):
            call["lines"][place] = line
            return
    before = sum(1 for old in call["lines"] if old["turn"] < line["turn"])
    call["lines"].insert(before, line)


def _last_of_turn(call: Json, line: Json) -> None:
    before = sum(1 for old in call["lines"] if old["turn"] <= line["turn"])
    call["lines"].insert(before, line)
