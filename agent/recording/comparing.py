"""What happened in a recorded call, told so that two tapings of it can be compared.

The house's events and the sound on the line are told apart: they are compared each in its own order. Ids that are new
in every call are replaced by their order of appearance; times and measured durations may differ by a tolerance.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from agent.recording.reel import Reel

_NEW_EACH_TIME = re.compile(
    r"\b(?:CA|MZ|RE|SM)[0-9a-f]{32}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\bcall_[0-9a-f]{24}\b"
)
_LEFT_OUT = {"at", "seq", "type", "call_sid"}
_MEASURED = ("ms", "took_ms", "voice_to_voice_ms", "duration_ms")
EXACT_MS = 0.5
"""What floating point makes of the same times twice is far less; what the virtual clock makes of others, more."""


@dataclass(frozen=True)
class Told:
    """`at_ms` counts from when the media stream began; `measured` are durations in ms, by name."""

    at_ms: float
    what: str
    measured: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        took = "".join(f"  {name}={ms:.1f}" for name, ms in self.measured)
        return f"{self.at_ms / 1000:9.3f}  {self.what}{took}"

    def is_like(self, other: Told, tolerance_ms: float) -> bool:
        """The same, as far as times can be."""
        return (
            self.what == other.what
            and abs(self.at_ms - other.at_ms) <= tolerance_ms
            and [name for name, _ in self.measured] == [name for name, _ in other.measured]
            and all(
                abs(mine - theirs) <= tolerance_ms
                for (_, mine), (_, theirs) in zip(self.measured, other.measured, strict=True)
            )
        )


def house_of(reel: Reel, since_ms: float = 0.0, until_ms: float = float("inf")) -> list[Told]:
    """What the house told, in its order."""
    named = naming()
    told: list[Told] = []
    for event in reel.events:
        facts: dict[str, Any] = event.model_dump(mode="json", exclude=_LEFT_OUT)
        measured = tuple((name, float(facts.pop(name))) for name in _MEASURED if facts.get(name) is not None)
        line = f"{event.type} {json.dumps(facts, ensure_ascii=False, sort_keys=True)}"
        at_ms = (event.at - reel.manifest.began_at).total_seconds() * 1000
        told.append(Told(at_ms, named(line), measured))
    return [at for at in told if since_ms <= at.at_ms < until_ms]


def lasting(told: Iterable[Told]) -> list[Told]:
    """Without what a busy machine may leave out or tell twice: partial words, and timings of single stages."""
    passing = ("stage.timed {", 'turn.heard {"final": false')
    return [at for at in told if not at.what.startswith(passing)]


def line_of(reel: Reel, since_ms: float = 0.0, until_ms: float = float("inf")) -> list[Told]:
    """What was written to the line, in its order."""
    told = [
        Told(
            sound.at * 1000,
            f"{sound.side} {len(sound.ulaw) / 8:.0f} ms {hashlib.sha256(sound.ulaw).hexdigest()[:8]}"
            if sound.ulaw
            else "cleared",
        )
        for sound in reel.agent
    ]
    return [at for at in told if since_ms <= at.at_ms < until_ms]


def parted(
    expected: Sequence[Told], found: Sequence[Told], tolerance_ms: float = EXACT_MS, *, at_most: int = 40
) -> list[str]:
    """What a person reads to see where two accounts part; [] when they do not."""
    shown = [str(at) for at in found]
    matcher = difflib.SequenceMatcher(None, [at.what for at in expected], [at.what for at in found], autojunk=False)
    for block in matcher.get_matching_blocks():
        for step in range(block.size):
            then, now = expected[block.a + step], found[block.b + step]
            if then.is_like(now, tolerance_ms):
                shown[block.b + step] = str(then)
    diff = list(difflib.unified_diff([str(at) for at in expected], shown, "on tape", "now", n=1, lineterm=""))
    return diff if len(diff) <= at_most else [*diff[:at_most], f"… and {len(diff) - at_most} more lines"]


def naming() -> Callable[[str], str]:
    """Puts numbers in the place of ids that are new in every call, in the order in which it meets them."""
    names: dict[str, str] = {}
    return lambda text: _NEW_EACH_TIME.sub(lambda id_: names.setdefault(id_[0], f"<id {len(names) + 1}>"), text)


def as_text(told: Iterable[Told]) -> str:
    """A line each."""
    return "".join(f"{at}\n" for at in told)
