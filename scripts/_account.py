"""The account of a call: what the caller met, what operators saw, what was stored, side by side."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.table import Table

from agent.emulators.phrasebook import UNINTELLIGIBLE
from agent.emulators.report import CallReport, Exchange
from agent.errors import ChairsideError
from agent.model import CallRecord
from agent.stores.embedded import EmbeddedStore
from dashboard_bridge.wire import TranscriptData

_SETTLE_S = 10.0
_LOOK_S = 0.05
_ODD_ENDS = {"socket_closed", "dialled", "recorded", "failed"}


class Account(BaseModel):
    """Frozen; its fields are the JSON that scripts write."""

    model_config = ConfigDict(frozen=True)


class TurnAccount(Account):
    """A caller's utterance with its answer, as operators saw them."""

    heard: str
    spoken: str
    voice_to_voice_ms: float | None
    """From the caller's side; None when no answer came."""


class CallAccount(Account):
    """A call. None stands for what cannot be known from outside a server that is not ours to look into."""

    call_sid: str
    location_id: int | None
    scene: str
    greeting_ms: float | None
    turns: tuple[TurnAccount, ...]
    tools: tuple[str, ...] | None
    end_reason: str | None
    ops_transcripts: int | None
    stored_turns: int | None
    error: str | None
    outcome: str | None = None
    """What the call came to, as the shop's people are told."""


class ShopAccount(Account):
    """What a website and its owner's words made of a shop."""

    location_id: int
    business_name: str
    website_url: str
    pages_read: int
    services: int
    professionals: int
    open_days: int
    faq: int
    questions: tuple[str, ...]
    """What is still to be asked of its owner."""
    outcome: str
    version: int
    """Of the shop as it is stored."""


class BookingAccount(Account):
    """A row of the appointment book; times are the shop's."""

    booking_id: str
    location_id: int
    call_sid: str
    """Of the call that made it."""
    service: str
    staff: str
    starts: datetime
    ends: datetime
    customer_name: str
    customer_phone: str
    state: str
    states: tuple[str, ...]
    """That it was seen in, this one last."""
    revision: int


class TextAccount(Account):
    """A text that reached a customer's phone."""

    sender: str
    to: str
    body: str


class Book(Account):
    """What `--json` writes."""

    calls: tuple[CallAccount, ...]


class DemoBook(Book):
    """The demo's: the shops that were set up, what was booked and texted, too."""

    shops: tuple[ShopAccount, ...]
    bookings: tuple[BookingAccount, ...]
    texts: tuple[TextAccount, ...]


async def read_back(path: Path, location_id: int, call_sid: str) -> tuple[CallRecord | None, int]:
    """A call and the number of its turns, over a connection of our own, once the ledger has closed it.

    What is there is returned when the ledger takes too long. Raises StoreError.
    """
    async with EmbeddedStore.open(path) as store:
        until = asyncio.get_running_loop().time() + _SETTLE_S
        while True:
            record = await store.get_call(location_id, call_sid)
            closed = record is not None and record.ended_at is not None
            if closed or asyncio.get_running_loop().time() > until:
                return record, len(await store.get_turns(location_id, call_sid))
            await asyncio.sleep(_LOOK_S)


def turns_of(finals: Sequence[TranscriptData], exchanges: Sequence[Exchange]) -> tuple[TurnAccount, ...]:
    """The turns operators saw, each with the caller's own measure of how long the answer took."""
    numbers = sorted({at.turn for at in finals if at.turn > 0})
    heard = [_words(finals, number, "caller") or UNINTELLIGIBLE for number in numbers]
    measured = _match(heard, exchanges)
    return tuple(
        TurnAccount(heard=words, spoken=_words(finals, number, "agent"), voice_to_voice_ms=_rounded(ms))
        for number, words, ms in zip(numbers, heard, measured, strict=True)
    )


def turns_unseen(exchanges: Sequence[Exchange]) -> tuple[TurnAccount, ...]:
    """What the caller alone knows of the turns."""
    return tuple(
        TurnAccount(heard=at.said or UNINTELLIGIBLE, spoken="", voice_to_voice_ms=_rounded(at.voice_to_voice_ms))
        for at in exchanges
    )


def greeting_of(report: CallReport) -> float | None:
    return _rounded(report.greeting_ms)


def error_of(report: CallReport) -> str | None:
    """Why a call failed, from the caller's side; None when it did not."""
    if report.error is not None and report.error.endswith("answered 403"):
        return f"{report.error}: the server expects another TWILIO_AUTH_TOKEN or PUBLIC_URL"
    if report.error is None and report.end == "refused":
        return f"the server turned the call away; {report.to} leads to no shop, or all lines are busy"
    if report.error is None and report.end in _ODD_ENDS:
        return f"the call ended oddly: {report.end.replace('_', ' ')}"
    return report.error


def problems_of(call: CallAccount, *, least_turns: int) -> list[str]:
    """What is wrong with a call, one sentence each."""
    name = f"call {call.call_sid} ({call.scene})"
    if call.error is not None:
        return [f"{name} failed: {call.error}"]
    count = len(call.turns)
    problems: list[str] = []
    if count < least_turns:
        problems.append(f"{name} has {count} turns, not at least {least_turns}")
    if call.ops_transcripts is not None and call.ops_transcripts < count:
        problems.append(f"{name} has {count} turns, but operators received {call.ops_transcripts} transcripts")
    if call.stored_turns is not None and call.stored_turns != count:
        problems.append(f"{name} has {count} turns, but {call.stored_turns} are stored")
    return problems


def tell(console: Console, calls: Sequence[CallAccount]) -> None:
    """The calls as a table. Times are milliseconds."""
    table = Table("call", "greeting", "turns", "answers after", "tools", "outcome", "end")
    for call in calls:
        table.add_row(
            call.scene,
            _milliseconds(call.greeting_ms),
            str(len(call.turns)),
            ", ".join(_milliseconds(at.voice_to_voice_ms) for at in call.turns) or "-",
            "?" if call.tools is None else ", ".join(call.tools) or "-",
            call.outcome or "-",
            call.error or (call.end_reason or "?").replace("_", " "),
        )
    console.print(table)


def write(book: Book, target: str) -> None:
    """The book into a file, or on standard output for `-`. Raises OSError."""
    write_json(book.model_dump_json(indent=2, serialize_as_any=True), target)


def write_json(text: str, target: str) -> None:
    """A text into a file, or on standard output for `-`. Raises OSError."""
    if target == "-":
        print(text)
    else:
        Path(target).write_text(text + "\n", encoding="utf-8")


def _milliseconds(ms: float | None) -> str:
    return "-" if ms is None else f"{ms:.0f}"


def complain(why: ChairsideError | str) -> None:
    """One sentence on standard error."""
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(str(why))


def _words(finals: Sequence[TranscriptData], turn: int, speaker: str) -> str:
    return " ".join(at.text for at in finals if at.turn == turn and at.speaker == speaker and at.text)


def _match(heard: Sequence[str], exchanges: Sequence[Exchange]) -> list[float | None]:
    """A time for each turn. An utterance heard as several turns was answered for good after the last of them."""
    if len(heard) == len(exchanges):
        return [at.voice_to_voice_ms for at in exchanges]
    times: list[float | None] = [None] * len(heard)
    at = 0
    for exchange in exchanges:
        said = _letters(exchange.said)
        while at < len(heard) and said:
            part = _letters(heard[at])
            if not said.startswith(part):
                break
            said = said[len(part) :]
            times[at] = None if said else exchange.voice_to_voice_ms
            at += 1
    return times


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text).lower()


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
