"""What happened in a call and when, as lines that can be compared: events of the house, sound at the caller's ear.

Two runs on the virtual clock give the same lines. Names that are new in each run (call, booking, vendor ids) are
replaced by their order of appearance; where a call stands in the calendar is left out.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.emulators.audio import duration_ms
from agent.emulators.report import CallReport
from agent.events import OfCall
from agent.recording.comparing import naming

_LEFT_OUT = {"at", "seq", "type", "call_sid"}
_FORMAT = "chairside-timeline 1"


class TimelineError(ValueError):
    """A file is no timeline."""


@dataclass(frozen=True)
class Moment:
    """`at_ms` counts from when the stream of the call began; `what` is a line of text."""

    at_ms: float
    what: str

    def __str__(self) -> str:
        return f"{self.at_ms / 1000:10.4f}  {self.what}"


@dataclass(frozen=True)
class Timeline:
    """The moments of one call, in order."""

    moments: tuple[Moment, ...]

    def lines(self) -> tuple[str, ...]:
        return tuple(map(str, self.moments))

    def text(self) -> str:
        """As a file, to be read by people and by `read_timeline`."""
        return "\n".join((_FORMAT, *self.lines(), ""))

    def digest(self) -> str:
        """The same for the same timeline, and for no other."""
        return hashlib.sha256(self.text().encode()).hexdigest()


def timeline_of(report: CallReport, events: Iterable[OfCall]) -> Timeline:
    """The two sides of one call: what the caller's phone received, and what the house told of it.

    Times of events count from the first of them, which is told as the stream begins.
    """
    told = [event for event in events if event.call_sid == report.call_sid]
    moments = [*_heard(report)]
    for event in told:
        facts = event.model_dump(mode="json", exclude=_LEFT_OUT)
        line = f"house  {getattr(event, 'type', '?')} {json.dumps(facts, ensure_ascii=False, sort_keys=True)}"
        moments.append(Moment(round((event.at - told[0].at).total_seconds() * 1000, 3), line))
    moments.append(Moment(round(report.duration_ms, 3), f"phone  {report.end} {report.error or ''}".rstrip()))
    return Timeline(tuple(_named(sorted(moments, key=lambda moment: moment.at_ms))))


def _heard(report: CallReport) -> Iterable[Moment]:
    """Every media message, clear and mark at the caller."""
    for at_s, ulaw in report.received:
        sound = f"phone  media {duration_ms(ulaw):.0f} ms {hashlib.sha256(ulaw).hexdigest()[:8]}"
        yield Moment(round(at_s * 1000, 3), sound)
    for at_s in report.cleared_at:
        yield Moment(round(at_s * 1000, 3), "phone  clear")


def _named(moments: Iterable[Moment]) -> Iterable[Moment]:
    """The same moments with ids by their order of appearance."""
    named = naming()
    for moment in moments:
        yield Moment(moment.at_ms, named(moment.what))


def read_timeline(path: Path) -> tuple[str, ...]:
    """The lines of a timeline file. Raises TimelineError, OSError."""
    try:
        first, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    except UnicodeDecodeError as why:
        raise TimelineError(f"{path}: not text: {why}") from why
    if first != _FORMAT:
        raise TimelineError(f"{path}: not a timeline: the first line is not {_FORMAT!r}")
    return tuple(lines)


def differences(expected: Sequence[str], found: Sequence[str], *, at_most: int = 60) -> list[str]:
    """What a person reads to see where two timelines part; [] when they are the same."""
    diff = list(difflib.unified_diff(expected, found, "expected", "found", n=2, lineterm=""))
    if len(diff) > at_most:
        return [*diff[:at_most], f"… and {len(diff) - at_most} more lines"]
    return diff
