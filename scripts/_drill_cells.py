"""The cells of the drill: which vendor fails how and when, and what counts as a cell that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from agent.emulators.faults import Fault, FaultKind, Moment

MOST_SILENCE_MS = 3000
OUTCOMES = ("answer", "transfer", "message", "apology")
MOMENTS: tuple[Moment, ...] = ("start", "greeting", "first_turn", "mid_answer", "tool", "end")
TELEPHONY_MOMENTS: tuple[Moment, ...] = ("tool", "end")
"""Twilio's REST API is asked for two things: to put a caller through, and to hang up."""
SAMPLED = 12

_STATUS = {"401": 401, "429": 429, "503": 503}
_KINDS: dict[str, FaultKind] = {
    "refuse": "refuse",
    "slow connect": "slow_connect",
    **dict.fromkeys(_STATUS, "status"),
    "drop": "drop",
    "half-open": "half_open",
    "mute": "mute",
    "no audio": "zero_audio",
    "silent audio": "silent_audio",
    "garbage": "garbage",
    "drip": "drip",
    "late": "late",
    "answer lost": "lose_answer",
}
_BY_VENDOR: dict[str, tuple[str, ...]] = {
    "flux": ("refuse", "mute", "half-open", "503"),
    "deepgram": tuple(kind for kind in _KINDS if kind not in ("no audio", "silent audio", "answer lost")),
    "openai": tuple(kind for kind in _KINDS if kind not in ("no audio", "silent audio")),
    "cartesia": tuple(kind for kind in _KINDS if kind != "answer lost"),
    "twilio": tuple(kind for kind in _KINDS if kind not in ("no audio", "silent audio", "mute", "drip")),
}
_SECONDS = {"drip": 0.7, "late": 4.0, "slow connect": 6.0}
STORE_FAULTS = ("refuse", "slow connect", "503", "drop", "half-open", "garbage", "drip", "late", "answer lost")
REDIS_FAULTS = ("refuse", "slow connect", "drop", "half-open", "garbage", "drip", "late")
STORE_MOMENTS = ("ring", "tool")


@dataclass(frozen=True)
class Cell:
    """One failure: `fault` in the words of the matrix, `moment` of the call."""

    vendor: str
    fault: str
    moment: str

    @property
    def name(self) -> str:
        return f"{self.vendor} {self.fault} {self.moment}"

    @property
    def is_store(self) -> bool:
        """Whether an outside process plays in it, which knows no clock but the machine's."""
        return self.vendor in ("postgrest", "redis")

    def order(self) -> Fault:
        """What to order from the emulators."""
        only_flux = {"vendor": "deepgram", "path": "/v2/"} if self.vendor == "flux" else {"vendor": self.vendor}
        facts: dict[str, Any] = {**only_flux, "kind": _KINDS[self.fault], "at": self.moment, "for_s": 600}
        if self.fault in _STATUS:
            facts |= {"status": _STATUS[self.fault], "retry_after_s": 30 if self.fault == "429" else None}
        if self.fault == "drop":
            facts |= {"after_ms": 700}
        if self.fault in _SECONDS:
            facts |= {"seconds": _SECONDS[self.fault]}
        return Fault(**facts)


@dataclass(frozen=True)
class Result:
    """How a cell went."""

    cell: Cell
    longest_silence_ms: int
    outcome: str
    rows_lost: int
    rows_doubled: int
    note: str = ""

    @property
    def holds(self) -> bool:
        whole = self.rows_lost == self.rows_doubled == 0
        return whole and self.longest_silence_ms <= MOST_SILENCE_MS and self.outcome in OUTCOMES

    def row(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "vendor": self.cell.vendor,
            "fault": self.cell.fault,
            "moment": self.cell.moment,
            "longest_silence_ms": self.longest_silence_ms,
            "outcome": self.outcome,
            "rows_lost": self.rows_lost,
            "rows_doubled": self.rows_doubled,
        }

    def line(self) -> str:
        mark = "ok " if self.holds else "NO "
        rows = f"lost {self.rows_lost} doubled {self.rows_doubled}"
        return f"{mark}{self.cell.name}: {self.longest_silence_ms} ms, {self.outcome}, {rows} {self.note}".rstrip()


def matrix() -> list[Cell]:
    """Every cell, none twice."""
    cells = [
        Cell(vendor, fault, moment)
        for vendor, faults in _BY_VENDOR.items()
        for fault in faults
        for moment in (TELEPHONY_MOMENTS if vendor == "twilio" else MOMENTS)
    ]
    cells += [Cell("postgrest", fault, moment) for fault in STORE_FAULTS for moment in STORE_MOMENTS]
    cells += [Cell("redis", fault, moment) for fault in REDIS_FAULTS for moment in STORE_MOMENTS[1:]]
    return cells


def sample_of(cells: Sequence[Cell]) -> list[Cell]:
    """Some of those on the virtual clock, spread over the matrix and over the moments."""
    inside = [cell for cell in cells if not cell.is_store]
    step = max(1, len(inside) // SAMPLED)
    while gcd(step, len(MOMENTS)) > 1:
        step += 1
    return [inside[index * step % len(inside)] for index in range(min(SAMPLED, len(inside)))]
