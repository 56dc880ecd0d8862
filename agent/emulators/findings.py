"""What a replay was asked for that the call was not: each beside what comes nearest on the tape."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

_SHOWN_LINES = 24


@dataclass(frozen=True)
class Finding:
    """Something was asked that was not asked then."""

    code: str
    what: str
    difference: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join((f"[replay/{self.code}] {self.what}", *(f"    {line}" for line in self.difference)))


@dataclass
class Findings:
    """What a replay has found so far."""

    all: list[Finding] = field(default_factory=list[Finding])

    def unknown(self, code: str, what: str, asked: object, nearest: object | None) -> None:
        """Something was asked that the tape does not know; `nearest` is what comes closest on it."""
        shown = () if nearest is None else tuple(_difference(nearest, asked))
        self.all.append(Finding(code, what, shown))


def _difference(then: object, now: object) -> Iterable[str]:
    """The lines in which two JSON values differ; long texts sentence by sentence."""
    lines = list(difflib.unified_diff(_lines(then), _lines(now), "on tape", "now", n=0, lineterm=""))
    yield from (line[:300] for line in lines[:_SHOWN_LINES])
    if len(lines) > _SHOWN_LINES:
        yield f"… and {len(lines) - _SHOWN_LINES} more lines"


def _lines(value: object) -> list[str]:
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return [part for line in text.splitlines() for part in line.replace("\\n", "\n").splitlines()]
