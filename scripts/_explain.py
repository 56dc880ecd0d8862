"""Where the time of each turn of a recorded call went, and what went wrong in it: for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from agent.events import (
    BookingCancelled,
    BookingMade,
    BookingMoved,
    CallEnded,
    ClaimMismatched,
    ToolUsed,
    TurnHeard,
    TurnSpoken,
    TurnStarted,
    VendorDegraded,
)
from agent.loudness import is_voiced_ulaw
from agent.recording.reel import Reel

LATE_MS = 60.0
"""A gap in the agent's voice that a caller hears as one."""
PAUSE_MS = 350.0
"""A gap longer than this is a pause between sentences, or a slow vendor: told as waiting."""
SLOW_TURN_MS = 1500.0


@dataclass(frozen=True)
class Span:
    """A stretch of a turn's time, in ms since the caller's last voice."""

    name: str
    begins: float
    ends: float


@dataclass(frozen=True)
class TurnStory:
    """One turn: what was heard and said, where its time went."""

    turn: int
    heard: str
    said: str
    at_s: float
    spans: tuple[Span, ...]
    voice_to_voice_ms: float | None


def explain(reel: Reel, console: Console) -> None:
    """Print it."""
    caller = reel.manifest.caller
    console.print(
        f"[bold]{reel.manifest.shop.business_name}[/], {caller.caller} at"
        f" {reel.manifest.began_at.astimezone(reel.manifest.shop.zone):%a %d %b %Y %H:%M:%S %Z},"
        f" {reel.until:.1f} s, {_ended(reel)}"
    )
    for story in turns_of(reel):
        took = "no answer" if story.voice_to_voice_ms is None else f"{story.voice_to_voice_ms:.0f} ms to the answer"
        table = Table("stage", "from ms", "to ms", "took ms", title=f"turn {story.turn} at {story.at_s:.1f} s: {took}")
        for span in story.spans:
            table.add_row(span.name, f"{span.begins:.0f}", f"{span.ends:.0f}", f"{span.ends - span.begins:.0f}")
        console.print(f"\n[bold]caller[/] {story.heard}\n[bold]agent[/]  {story.said or '(nothing)'}")
        console.print(table)
    troubles = list(troubles_of(reel))
    console.print("\n[bold]What went wrong[/]" if troubles else "\nNothing went wrong.")
    for at_s, what in sorted(troubles):
        console.print(f"  {at_s:7.1f} s  {what}", highlight=False)


def _ended(reel: Reel) -> str:
    ended = next((event for event in reel.events if isinstance(event, CallEnded)), None)
    return "cut off: the process did not live to its end" if ended is None else ended.reason.replace("_", " ")


def turns_of(reel: Reel) -> list[TurnStory]:
    """Every turn with final words, in order."""
    finals = [event for event in reel.events if isinstance(event, TurnHeard) and event.final]
    starts = {event.turn: _at(reel, event) for event in reel.events if isinstance(event, TurnStarted)}
    begins = [starts.get(final.turn, _at(reel, final)) for final in finals]
    spans = zip(finals, begins, [*begins[1:], reel.until], strict=True)
    return [_story(reel, final, since, until) for final, since, until in spans]


def _story(reel: Reel, final: TurnHeard, since: float, until: float) -> TurnStory:
    final_at = _at(reel, final)
    silent_since = max(
        (s.at + 0.02 for s in reel.caller if s.at < final_at and is_voiced_ulaw(s.ulaw)), default=final_at
    )
    spoken = [e for e in reel.events if isinstance(e, TurnSpoken) and e.turn == final.turn]
    spans = [Span("hearing: last voice to final words", 0.0, (final_at - silent_since) * 1000)]

    def ms(at: float) -> float:
        return (at - silent_since) * 1000

    for number, exchange in enumerate(_exchanges(reel, "openai", since, until), 1):
        first = next((note.at for note in exchange if note.what == "part"), None)
        begun = " (begun before the end of the turn)" if exchange[0].at < final_at else ""
        dropped = "" if any(note.facts.get("whole") for note in exchange) else ", dropped"
        if first is not None:
            spans.append(Span(f"model {number}: to the first token{begun}{dropped}", ms(exchange[0].at), ms(first)))
            spans.append(Span(f"model {number}: the rest", ms(first), ms(exchange[-1].at)))
    for event in reel.events:
        if isinstance(event, ToolUsed) and event.turn == final.turn:
            ends = _at(reel, event)
            spans.append(Span(f"tool {event.tool} ({event.outcome})", ms(ends) - event.took_ms, ms(ends)))
    spans += _speech(reel, silent_since, until)
    heard_at = next(
        (s.at for s in reel.agent if silent_since < s.at < until and s.ulaw and is_voiced_ulaw(s.ulaw)), None
    )
    if heard_at is not None:
        spans.append(Span("first voice on the line", ms(heard_at), ms(heard_at)))
    return TurnStory(
        turn=final.turn,
        heard=final.text,
        said=" ".join(event.heard_text for event in spoken),
        at_s=silent_since,
        spans=tuple(sorted(spans, key=lambda span: span.begins)),
        voice_to_voice_ms=None if heard_at is None else ms(heard_at),
    )


def _exchanges(reel: Reel, vendor: str, since: float, until: float) -> Iterator[list[Any]]:
    names = dict.fromkeys(note.of for note in reel.of(vendor))
    for name in names:
        notes = list(reel.of(name))
        if since <= notes[0].at < until:
            yield notes


def _speech(reel: Reel, since: float, until: float) -> Iterator[Span]:
    asked: dict[str, float] = {}
    for note in reel.of("cartesia"):
        message = _json(note.raw)
        context = str(message.get("context_id"))
        if note.what == "out" and "transcript" in message:
            asked.setdefault(context, note.at)
        elif message.get("type") == "chunk" and context in asked:
            begun = asked.pop(context)
            if since <= begun < until:
                yield Span("voice: to its first sound", (begun - since) * 1000, (note.at - since) * 1000)


def troubles_of(reel: Reel) -> Iterator[tuple[float, str]]:
    """When (seconds), and what."""
    yield from _late_audio(reel)
    yield from _false_barge_ins(reel)
    for event in reel.events:
        at = _at(reel, event)
        if isinstance(event, ToolUsed) and event.outcome == "failed":
            yield at, f"tool {event.tool} failed"
        elif isinstance(event, VendorDegraded):
            yield at, f"{event.vendor} failed ({event.code}): {event.message}"
        elif isinstance(event, ClaimMismatched):
            yield at, f"said {event.said!r}, but {event.did}"
        elif isinstance(event, TurnSpoken) and (event.voice_to_voice_ms or 0) > SLOW_TURN_MS:
            yield at, f"turn {event.turn} was answered only after {event.voice_to_voice_ms:.0f} ms"
    for note in reel.notes:
        if note.what in ("refused", "broken") and note.of.partition(".")[0] in ("deepgram", "openai", "cartesia"):
            yield note.at, f"{note.of}: {note.what} {note.facts.get('status', '')}".rstrip()
        elif note.what == "close" and note.of.startswith("deepgram") and note.at < reel.until - 1:
            yield note.at, f"{note.of}: the vendor closed the connection"
        elif "failed" in note.facts:
            yield note.at, f"{note.of}: {note.what} failed ({note.facts['failed']['code']})"
    if not any(isinstance(event, BookingMade | BookingMoved | BookingCancelled) for event in reel.events):
        held = [event for event in reel.events if isinstance(event, ToolUsed) and event.tool == "hold_appointment"]
        if held:
            yield _at(reel, held[-1]), "a time was kept, and nothing was booked"


def _late_audio(reel: Reel) -> Iterator[tuple[float, str]]:
    plays_until = 0.0
    for sound in reel.agent:
        if not sound.ulaw:
            plays_until = min(plays_until, sound.at)
            continue
        gap_ms = (sound.at - plays_until) * 1000
        if LATE_MS < gap_ms < PAUSE_MS and plays_until:
            yield sound.at, f"the agent's voice stopped for {gap_ms:.0f} ms: its sound came late"
        plays_until = max(plays_until, sound.at) + len(sound.ulaw) / 8000


def _false_barge_ins(reel: Reel) -> Iterator[tuple[float, str]]:
    finals = {event.turn: _at(reel, event) for event in reel.events if isinstance(event, TurnHeard) and event.final}
    for event in reel.events:
        if isinstance(event, TurnStarted) and event.interrupting:
            at = _at(reel, event)
            if not any(turn == event.turn and heard >= at for turn, heard in finals.items()):
                yield at, "the agent was interrupted by something that was no words"


def _at(reel: Reel, event: Any) -> float:
    return (event.at - reel.manifest.began_at).total_seconds()


def _json(raw: str | None) -> dict[str, Any]:
    if raw is None:
        return {}
    value = json.loads(raw)
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
