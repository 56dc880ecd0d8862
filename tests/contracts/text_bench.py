"""What the tests of texts stand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.ports import TextStore


@dataclass(frozen=True)
class TextBench:
    """A TextStore, another process's view of the same one, and a way to owe texts, as the book does."""

    store: TextStore
    other: TextStore
    execute: Callable[[str, Sequence[object]], None]

    def owe(
        self,
        booking_id: str,
        *,
        location_id: int = 1,
        kind: str = "booked",
        revision: int = 1,
        to_number: str = "+12025550143",
        at: datetime = datetime(2026, 11, 6, 17, 45, 0, 123456, tzinfo=UTC),
    ) -> None:
        moment = at.isoformat(timespec="microseconds")
        row = (location_id, booking_id, kind, revision, to_number, moment, moment, moment)
        self.execute(
            "INSERT INTO text_messages (location_id, booking_id, kind, revision, to_number, not_before, created_at,"
            " changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
