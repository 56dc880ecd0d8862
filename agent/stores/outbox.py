"""The outbox: writes of calls and messages survive a store that is away, and the process that made them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from loguru import logger

from agent.errors import Conflict, Denied, NotFound, StoreError
from agent.events import EndReason, Outcome
from agent.model import CallFound, CallRecord, CallSearch, ClaimMismatch, Message, OpenQuestion, Turn
from agent.ports import CallStore, Clock
from agent.stores.letters import Closing, Conclusion, Letter, letter
from agent.stores.outbox_file import Backlog, OutboxFile, Waiting

AT_ONCE = 8
"""Calls forwarded side by side; the writes of one call go one after the other."""
ATTEMPTS = 100
"""How often a write may fail while others get through, before it is set aside: some minutes."""
LOOK_S = 1.0
"""How often the file is looked at for what other processes put there, and whether its lead is free."""
ORPHANS_S = 2.0
"""How often calls are looked for whose process has died."""
LEAVE_S = 5.0
"""How long leaving may take; what is not forwarded by then is in the file."""


@dataclass(frozen=True)
class Patience:
    """How a store that is away is asked again: the waits double from the first to the last, in seconds."""

    first_s: float = 0.25
    last_s: float = 2.0


@dataclass(frozen=True)
class _Parked:
    """A call whose oldest write failed while others got through: not tried before `until`, by the loop's clock."""

    until: float
    pause_s: float


@dataclass
class _Round:
    """What came of looking once through everything that waits."""

    passed: int = 0
    failed: list[tuple[Waiting, Exception]] = field(default_factory=list[tuple[Waiting, Exception]])

    @property
    def is_away(self) -> bool:
        """Nothing gets through: it is the store, not a row."""
        return bool(self.failed) and not self.passed


class Outbox:
    """Implements `CallStore` before another one. Open it with `async with Outbox.open(path, store, clock=clock)`.

    A write that returned is on the disk of this machine, and reaches the store as soon as it can be reached: in the
    order of its call, once, also after a restart. What can never be stored (Conflict, NotFound, or it alone
    fails again and again) is set aside in the file with the reason. Reads are the store's: they may be behind.

    `direct`: the store is a file of this machine, too. Then writes go straight to it, and raise what it raises for
    them; only what it cannot take now (Unavailable, Denied) waits in the outbox, and what of its call comes after.

    Several processes may use one file; one forwards for all. A call whose process died in its middle is closed by
    whichever of them is there, or comes next: as `process_died`, at the moment when that process was seen last.
    """

    def __init__(
        self, file: OutboxFile, store: CallStore, *, clock: Clock, direct: bool, patience: Patience, attempts: int
    ) -> None:
        self._file = file
        self._store = store
        self._clock = clock
        self._direct = direct
        self._patience = patience
        self._attempts = attempts
        self._news = asyncio.Event()
        self._failed_last: frozenset[str] = frozenset()
        self._parked: dict[str, _Parked] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        store: CallStore,
        *,
        clock: Clock,
        direct: bool = False,
        patience: Patience | None = None,
        attempts: int = ATTEMPTS,
    ) -> AsyncGenerator[Outbox]:
        """The outbox in the file `path`, created when missing; forwards while open. Raises StoreError."""
        async with OutboxFile.open(path) as file:
            outbox = cls(file, store, clock=clock, direct=direct, patience=patience or Patience(), attempts=attempts)
            tasks = (
                asyncio.create_task(outbox._forward_on(), name="outbox"),
                asyncio.create_task(outbox._look_for_orphans(), name="outbox-orphans"),
            )
            try:
                yield outbox
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await outbox._leave()

    # Writes

    async def open_call(self, record: CallRecord) -> None:
        """Store a call that has begun; see `CallStore.open_call`."""
        opening = letter("open_call", record)
        if self._direct:
            await self._note(self._file.hold(opening))
        await self._write(opening)

    async def add_turn(self, turn: Turn) -> None:
        """Insert or replace a turn; see `CallStore.add_turn`."""
        await self._write(letter("add_turn", turn, str(turn.index)))

    async def close_call(
        self, location_id: int, call_sid: str, *, ended_at: datetime, reason: EndReason, greeting: str
    ) -> None:
        """Mark a call as ended; see `CallStore.close_call`."""
        end = Closing(location_id=location_id, call_sid=call_sid, ended_at=ended_at, reason=reason, greeting=greeting)
        await self._write(letter("close_call", end))
        if self._direct:
            await self._note(self._file.let_go(call_sid))

    async def conclude_call(
        self,
        location_id: int,
        call_sid: str,
        *,
        outcome: Outcome,
        summary: str,
        mismatches: Sequence[ClaimMismatch],
        unanswered: Sequence[OpenQuestion],
    ) -> None:
        """Store what became of a call; see `CallStore.conclude_call`."""
        told = Conclusion(
            location_id=location_id,
            call_sid=call_sid,
            outcome=outcome,
            summary=summary,
            mismatches=tuple(mismatches),
            unanswered=tuple(unanswered),
        )
        await self._write(letter("conclude_call", told))

    async def take_message(self, message: Message) -> None:
        """Keep a message durably before returning, also while the store is away; see `CallStore.take_message`."""
        await self._write(letter("take_message", message, message.tool_call_id))

    # Reads

    async def get_call(self, location_id: int, call_sid: str) -> CallRecord | None:
        """The call as the store has it by now, or None."""
        return await self._store.get_call(location_id, call_sid)

    async def recent_calls(self, location_id: int, limit: int = 20) -> list[CallRecord]:
        """Newest first, as the store has them by now."""
        return await self._store.recent_calls(location_id, limit)

    async def get_turns(self, location_id: int, call_sid: str) -> list[Turn]:
        """By index, as the store has them by now."""
        return await self._store.get_turns(location_id, call_sid)

    async def get_messages(self, location_id: int, limit: int = 20) -> list[Message]:
        """Newest first, as the store has them by now."""
        return await self._store.get_messages(location_id, limit)

    async def messages_of_call(self, location_id: int, call_sid: str) -> list[Message]:
        """Those left in one call, as far as they have reached the store."""
        return await self._store.messages_of_call(location_id, call_sid)

    async def search_calls(self, search: CallSearch) -> list[CallFound]:
        """The calls that fit, as far as they have reached the store."""
        return await self._store.search_calls(search)

    async def backlog(self) -> Backlog:
        """How much waits, since when, and how much is set aside; of all processes that share the file."""
        return await self._file.backlog()

    # Forwarding

    async def _write(self, what: Letter) -> None:
        if self._direct and not await self._waits(what.call_sid):
            try:
                await what.deliver(self._store)
                return
            except (Conflict, NotFound):
                raise
            except StoreError as why:
                logger.warning("outbox: {} of call {} waits for the store: {}", what.verb, what.call_sid, why)
        await self._file.put(what, self._clock())
        self._news.set()

    async def _note(self, note: Awaitable[None]) -> None:
        """Who holds a call. An outbox in trouble is no reason to leave a good store alone."""
        try:
            await note
        except StoreError as why:
            logger.warning("outbox: who holds which call cannot be noted: {}", why)

    async def _waits(self, call_sid: str) -> bool:
        """Whether earlier writes of the call wait. An outbox in trouble is no reason to leave a good store alone."""
        try:
            return await self._file.holds(call_sid)
        except StoreError:
            return False

    async def _forward_on(self) -> None:
        """Forward whatever comes, for as long as it takes."""
        self._news.set()  # what the process before this one left
        pause_s = 0.0
        while True:
            await self._due(pause_s)
            self._news.clear()
            try:
                away = self._file.take_lead() and (await self._round()).is_away
            except Exception as why:  # our own file is in trouble: what comes is refused by `put`, not lost here
                logger.error("outbox: the file cannot be used now: {}", why)
                away = True
            if away and not pause_s:
                logger.warning("outbox: the store is away; what is written waits")
            if pause_s and not away:
                logger.info("outbox: the store is back")
            pause_s = self._longer(pause_s) if away else 0.0

    async def _due(self, pause_s: float) -> None:
        """Wait for something to forward; while the store is away, the whole pause."""
        if pause_s:
            await asyncio.sleep(pause_s)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._news.wait()

    def _longer(self, pause_s: float) -> float:
        return min(max(pause_s * 2, self._patience.first_s), self._patience.last_s)

    async def _round(self) -> _Round:
        """Look once through everything that waits, call by call."""
        now = asyncio.get_running_loop().time()
        calls = [sid for sid in await self._file.calls() if sid not in self._parked or self._parked[sid].until <= now]
        calls.sort(key=lambda sid: sid in self._failed_last)  # a few bad ones do not stop all others
        at, queue = _Round(), deque(calls)
        await asyncio.gather(*(self._forward_some(queue, at) for _ in range(min(AT_ONCE, len(queue)))))
        self._failed_last = frozenset(row.letter.call_sid for row, _ in at.failed)
        for sid in [sid for sid in self._parked if sid in calls and sid not in self._failed_last]:
            del self._parked[sid]
        if not at.is_away:
            for row, why in at.failed:
                await self._park(row, why)
        return at

    async def _forward_some(self, calls: deque[str], at: _Round) -> None:
        while calls and not at.is_away:
            await self._forward(calls.popleft(), at)

    async def _forward(self, call_sid: str, at: _Round) -> None:
        """Forward one call's writes in order, until none waits or one fails."""
        while (row := await self._file.first(call_sid)) is not None:
            try:
                await row.letter.deliver(self._store)
            except (Conflict, NotFound) as why:  # trying again cannot help
                await self._set_aside(row, why)
            except Exception as why:  # whatever a store raises, it must not stop the other calls
                at.failed.append((row, why))
                return
            else:
                at.passed += 1
                await self._file.remove(row.id)

    async def _park(self, row: Waiting, why: Exception) -> None:
        """Others got through and this one did not: its call waits, and not for ever."""
        if row.attempts + 1 >= self._attempts and not isinstance(why, Denied):  # a missing right is a person's to give
            await self._set_aside(row, why)
            return
        await self._file.count_attempt(row.id)
        sid = row.letter.call_sid
        pause_s = self._longer(self._parked[sid].pause_s if sid in self._parked else 0.0)
        self._parked[sid] = _Parked(asyncio.get_running_loop().time() + pause_s, pause_s)
        logger.warning("outbox: {} of call {} will be tried again: {}", row.letter.verb, sid, str(why))

    async def _set_aside(self, row: Waiting, why: Exception) -> None:
        await self._file.set_aside(row.id, str(why))
        logger.error("outbox: {} of call {} set aside: {}", row.letter.verb, row.letter.call_sid, str(why))

    # Calls whose process has died

    async def _look_for_orphans(self) -> None:
        while True:
            try:
                for call_sid in await self._file.close_orphans(self._clock(), _end_of_orphan):
                    logger.warning("outbox: call {} is closed: the process that held it died", call_sid)
                    self._news.set()
            except StoreError as why:
                logger.warning("outbox: calls of processes that died are looked for later: {}", why)
            await asyncio.sleep(ORPHANS_S)

    async def _leave(self) -> None:
        """Forward what can be forwarded at once; the rest is in the file."""
        try:
            async with asyncio.timeout(LEAVE_S):
                if self._file.take_lead():
                    await self._round()
            if (waiting := (await self._file.backlog()).waiting) and self._file.take_lead():
                logger.warning("outbox: {} writes wait in the file for the next start", waiting)
        except (TimeoutError, StoreError) as why:
            logger.warning("outbox: what waits stays in the file: {}", why or "the store is slow")


def _end_of_orphan(opening: Letter, seen_at: datetime) -> Letter:
    """Nobody knows better than the last sign of life of its process."""
    call = opening.call()
    return letter(
        "close_call",
        Closing(
            location_id=call.location_id,
            call_sid=call.call_sid,
            ended_at=max(call.started_at, seen_at),
            reason="process_died",
            greeting="",
        ),
    )
