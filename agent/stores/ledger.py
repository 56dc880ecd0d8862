"""The ledger: what happened on the calls, written into a CallStore without a call ever waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from types import TracebackType

from loguru import logger

from agent.errors import Conflict, NotFound
from agent.events import (
    AnyEvent,
    CallAnswered,
    CallEnded,
    CallSummarised,
    ClaimMismatched,
    QuestionUnanswered,
    TurnHeard,
    TurnSpoken,
)
from agent.model import CallRecord, ClaimMismatch, OpenQuestion, Turn
from agent.ports import CallStore, EventBus

FIRST_RETRY_S = 0.05
LAST_RETRY_S = 2.0
"""Waits between attempts double from the first to the last: soon after a hiccup, gentle in an outage."""

Kept = TurnHeard | TurnSpoken | ClaimMismatched | QuestionUnanswered | CallSummarised | CallEnded
"""What is written down of a call that was answered."""


class Ledger:
    """Follows the bus and keeps a page for each call until all of it is stored.

    In a running house `calls` is the outbox (`agent.stores.outbox`), which takes writes while the store is away. What
    even that cannot write down (a full disk) is tried again for as long as the process lives; a Conflict or NotFound
    cannot get better and is logged and set aside. A page holds the newest state of its call, not a list of events, so
    that costs memory by the length of the transcripts only. Leaving the context stores what was published before, for
    at most `drain_timeout_s`.
    """

    def __init__(self, bus: EventBus, calls: CallStore, *, drain_timeout_s: float = 10.0) -> None:
        self._bus = bus
        self._calls = calls
        self._drain_timeout_s = drain_timeout_s
        self._pages: dict[str, _Page] = {}
        self._writers: set[asyncio.Task[None]] = set()
        self._subscription = AsyncExitStack()
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Ledger:
        subscription = await self._subscription.enter_async_context(self._bus.subscribe())
        self._reader = asyncio.create_task(self._read(subscription), name="ledger-reader")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            async with asyncio.timeout(self._drain_timeout_s):
                await self._subscription.aclose()
                if self._reader is not None:
                    await self._reader
                await self._written()
        except TimeoutError:
            lost = [page.call_sid for page in self._pages.values() if page.is_dirty]
            logger.error("ledger: the store did not answer in time; {} calls are incomplete: {}", len(lost), lost)
        finally:
            await self._stop()

    async def settled(self) -> None:
        """Wait until everything published so far is stored or set aside."""
        # The bus reaches a waiting reader within one turn of the loop; the second is for the reader's own.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self._written()

    async def _written(self) -> None:
        for page in list(self._pages.values()):
            await page.clean.wait()

    async def _stop(self) -> None:
        tasks = [*self._writers, *([self._reader] if self._reader is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, events: AsyncIterator[AnyEvent]) -> None:
        async for event in events:
            try:
                self._note(event)
            except Exception:  # one odd event must not end the record of every other call
                logger.exception("ledger: an event of type {} could not be noted", event.type)

    def _note(self, event: AnyEvent) -> None:
        match event:
            case CallAnswered():
                self._open_page(event)
            case TurnHeard(final=False):
                pass
            case TurnHeard() | TurnSpoken() | ClaimMismatched() | QuestionUnanswered() | CallSummarised() | CallEnded():
                page = self._pages.get(event.call_sid)
                if page is None:
                    logger.warning("ledger: {} of an unopened call {} set aside", event.type, event.call_sid)
                else:
                    page.note(event)
            case _:
                pass

    def _open_page(self, event: CallAnswered) -> None:
        if event.call_sid in self._pages:
            return
        page = self._pages[event.call_sid] = _Page(event)
        writer = asyncio.create_task(self._write(page), name=f"ledger-{event.call_sid}")
        self._writers.add(writer)
        writer.add_done_callback(self._writers.discard)

    async def _write(self, page: _Page) -> None:
        """Store a page as it grows, in order, until its call is over and all of it is stored."""
        while not page.is_done:
            await page.dirty.wait()
            wait_s, first = FIRST_RETRY_S, True
            while page.is_dirty:
                try:
                    await page.store(self._calls)
                except Exception as why:  # never lost while the process lives, whatever the store raised
                    if first:
                        logger.warning("ledger: call {} will be tried again: {}", page.call_sid, why)
                    first = False
                    await asyncio.sleep(wait_s)
                    wait_s = min(wait_s * 2, LAST_RETRY_S)
            if not first:
                logger.info("ledger: call {} is stored after all", page.call_sid)
        del self._pages[page.call_sid]


class _Page:
    """The newest state of one call, and what of it is not stored yet."""

    def __init__(self, answered: CallAnswered) -> None:
        self.call_sid = answered.call_sid
        self.dirty = asyncio.Event()
        self.clean = asyncio.Event()
        self._unopened: CallRecord | None = _record(answered)
        self._turns: dict[int, Turn] = {}
        self._unsaved: set[int] = set()
        self._greeting = ""
        self._mismatches: list[ClaimMismatch] = []
        self._unanswered: list[OpenQuestion] = []
        self._unconcluded: CallSummarised | None = None
        self._ended: CallEnded | None = None
        self._unclosed = False
        self._mark()

    @property
    def is_dirty(self) -> bool:
        return any((self._unopened, self._unsaved, self._unconcluded, self._unclosed))

    @property
    def is_done(self) -> bool:
        """The call is over, and all of it is stored or set aside."""
        return self._ended is not None and not self.is_dirty

    def note(self, event: Kept) -> None:
        match event:
            case ClaimMismatched():
                self._mismatches.append(ClaimMismatch(turn=event.turn, kind=event.kind, said=event.said, did=event.did))
            case QuestionUnanswered():
                self._unanswered.append(OpenQuestion(turn=event.turn, question=event.question))
            case CallSummarised():
                self._unconcluded = event
            case CallEnded():
                self._unclosed = self._ended is None
                self._ended = self._ended or event
            case TurnSpoken(turn=0):
                self._greeting = _joined(self._greeting, event.heard_text)
            case TurnSpoken() | TurnHeard():
                self._turns[event.turn] = _grown(self._turns.get(event.turn) or _blank(event), event)
                self._unsaved.add(event.turn)
        self._mark()

    async def store(self, calls: CallStore) -> None:
        """Write what is not stored yet, in order. Raises what the store raises but Conflict and NotFound."""
        if self._unopened is not None:
            await self._put(calls.open_call(self._unopened))
            self._unopened = None
        while self._unsaved:
            index = min(self._unsaved)
            turn = self._turns[index]
            await self._put(calls.add_turn(turn))
            if self._turns[index] is turn:  # else it has grown while it was written
                self._unsaved.discard(index)
        if self._unconcluded is not None:
            await self._put(self._conclusion(calls, self._unconcluded))
            self._unconcluded = None
        if self._unclosed and self._ended is not None:
            await self._put(_closing(calls, self._ended, self._greeting))
            self._unclosed = False
        self._mark()

    def _conclusion(self, calls: CallStore, told: CallSummarised) -> Awaitable[None]:
        return calls.conclude_call(
            told.location_id,
            told.call_sid,
            outcome=told.outcome,
            summary=told.summary,
            mismatches=self._mismatches,
            unanswered=self._unanswered,
        )

    async def _put(self, write: Awaitable[None]) -> None:
        try:
            await write
        except (Conflict, NotFound) as why:  # trying again cannot help
            logger.error("ledger: a row of call {} set aside: {}", self.call_sid, why)

    def _mark(self) -> None:
        full, empty = (self.dirty, self.clean) if self.is_dirty else (self.clean, self.dirty)
        full.set()
        empty.clear()


def _record(event: CallAnswered) -> CallRecord:
    return CallRecord(
        call_sid=event.call_sid,
        location_id=event.location_id,
        caller=event.caller,
        called=event.called,
        started_at=event.at,
    )


def _blank(event: TurnHeard | TurnSpoken) -> Turn:
    return Turn(call_sid=event.call_sid, location_id=event.location_id, index=event.turn, heard="", at=event.at)


def _grown(turn: Turn, event: TurnHeard | TurnSpoken) -> Turn:
    """A turn with one more event in it: an answer may come in pieces, and so may the words it answers."""
    if isinstance(event, TurnHeard):
        return turn.model_copy(update={"heard": _joined(turn.heard, event.text)})
    first_ms = event.voice_to_voice_ms if turn.voice_to_voice_ms is None else turn.voice_to_voice_ms
    return turn.model_copy(
        update={
            "said": _joined(turn.said, event.text),
            "spoken": _joined(turn.spoken, event.heard_text),
            "interrupted": turn.interrupted or event.interrupted,
            "voice_to_voice_ms": first_ms,
        }
    )


def _closing(calls: CallStore, ended: CallEnded, greeting: str) -> Awaitable[None]:
    return calls.close_call(
        ended.location_id, ended.call_sid, ended_at=ended.at, reason=ended.reason, greeting=greeting
    )


def _joined(before: str, more: str) -> str:
    return " ".join(part for part in (before, more.strip()) if part)
