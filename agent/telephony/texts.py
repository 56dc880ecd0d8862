"""The sender of texts: takes what has become due, says what is in the book now, and sends it once.

It stands beside the calls and no call waits for it. What it could not send stays in the store with the reason.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Literal

from loguru import logger

from agent.errors import (
    ChairsideError,
    NotFound,
    OutcomeUnknown,
    StoreError,
    TelephonyError,
    TextRefused,
    TooManyRequests,
)
from agent.events import AnyEvent, BookingCancelled, BookingChanged, BookingMade, BookingMoved
from agent.knowledge.cache import KnowledgeCache
from agent.model import Booking, Shop, TextMessage, to_e164
from agent.ports import BookingStore, Clock, EventBus, Telephone, TextStore
from agent.telephony.text_words import confirmation, reference

AT_ONCE = 5
"""Texts sent side by side."""


@dataclass(frozen=True)
class Patience:
    """How often the sender looks and tries. Seconds."""

    look_s: float = 5.0
    """Between looks when no event says that something is due."""
    lease_s: float = 60.0
    """Longer than all that is asked of store and phone company for one text can take."""
    first_wait_s: float = 30.0
    most_wait_s: float = 1800.0
    """Between attempts; doubled from the first to the most. Twilio shows a text it accepted well within the first."""
    attempts: int = 6
    stop_s: float = 8.0
    """What is being sent when the house closes may take this long."""


class TextSender:
    """A background task: enter it to start, leave it to stop. `counters` counts what became of texts, by state or
    error code; a text that was tried in vain for the last time is an error in the log."""

    def __init__(
        self,
        texts: TextStore,
        book: BookingStore,
        telephone: Telephone,
        knowledge: KnowledgeCache,
        bus: EventBus,
        *,
        clock: Clock,
        patience: Patience | None = None,
    ) -> None:
        self._texts, self._book, self._telephone = texts, book, telephone
        self._knowledge, self._bus, self._clock = knowledge, bus, clock
        self._patience = patience or Patience()
        self._due = asyncio.Event()
        self._stopping = False
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self.counters: Counter[str] = Counter()

    async def __aenter__(self) -> TextSender:
        events = await self._stack.enter_async_context(self._bus.subscribe(limit=100))
        self._tasks = [
            asyncio.create_task(self._follow(events), name="texts-follow"),
            asyncio.create_task(self._work(), name="texts-sender"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._due.set()
        await self._stack.aclose()
        await asyncio.wait(self._tasks, timeout=self._patience.stop_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, events: AsyncIterator[AnyEvent]) -> None:
        async for event in events:
            if isinstance(event, BookingMade | BookingMoved | BookingCancelled | BookingChanged):
                self._due.set()

    async def _work(self) -> None:
        while not self._stopping:
            self._due.clear()
            if not await self._round():
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._patience.look_s):
                await self._due.wait()
        except TimeoutError:
            return

    async def _round(self) -> bool:
        """Send what is due; whether there may be more at once."""
        now = self._clock()
        until = now + timedelta(seconds=self._patience.lease_s)
        try:
            texts = await self._texts.claim_texts(now=now, until=until, limit=AT_ONCE)
        except StoreError as why:
            self._complain(why, "texts cannot be looked for")
            return False
        except Exception:  # the sender outlives whatever it is that one round does not
            logger.exception("texts cannot be looked for")
            return False
        await asyncio.gather(*(self._try(text) for text in texts))
        return len(texts) == AT_ONCE

    async def _try(self, text: TextMessage) -> None:
        """One text. What goes wrong with it leaves it on lease, to be taken up again when that ends."""
        try:
            await self._deliver(text)
        except StoreError as why:
            self._complain(why, f"text {text.text_id} waits")
        except Exception:
            logger.exception("text {} failed", text.text_id)
            self.counters["broken"] += 1

    def _complain(self, why: StoreError, what: str) -> None:
        self.counters[why.code] += 1
        logger.warning("{}: {}", what, why)

    async def _deliver(self, text: TextMessage) -> None:
        shop = self._knowledge.shop(text.location_id)
        if shop is None:  # not one that this process has heard of yet
            await self._again(text, NotFound("shop_unknown", f"location {text.location_id} is not registered"))
            return
        booking = await self._book.get_booking(text.location_id, text.booking_id)
        reason = self._no_need(text, shop, booking)
        if booking is None or reason:
            await self._settle(text, "skipped", error=reason)
        elif await self._texts.is_opted_out(text.location_id, text.to_number):
            await self._settle(text, "stopped", error="text_stopped")
        else:
            await self._send(text, booking, shop)

    def _no_need(self, text: TextMessage, shop: Shop, booking: Booking | None) -> str:
        """Why a text is not to be sent, or ""."""
        if not shop.booking.texts:
            return "texts_off"
        if booking is None:
            return "booking_unknown"
        if not _is_e164(text.to_number):
            return "number_unknown"
        if booking.revision != text.revision or (booking.state == "cancelled") != (text.kind == "cancelled"):
            return "superseded"  # what became of it has a text of its own
        return "too_late" if booking.visit.starts <= self._clock() else ""

    async def _send(self, text: TextMessage, booking: Booking, shop: Shop) -> None:
        try:
            sid = await self._sent_before(text, shop)
            if sid is None and text.attempts > self._patience.attempts:
                await self._give_up(text, text.last_error or "attempts_used_up")
                return
            body = confirmation(text, booking, shop, self._clock())
            sid = sid or await self._telephone.send_text(sender=shop.phone_number, to=text.to_number, body=body)
        except TextRefused as why:
            await self._refused(text, why)
        except TelephonyError as why:
            await self._again(text, why)
        else:
            await self._settle(text, "sent", provider_sid=sid)

    async def _sent_before(self, text: TextMessage, shop: Shop) -> str | None:
        """An earlier attempt may have been accepted without our knowing: a lost answer, a process that died."""
        if text.attempts <= 1:
            return None
        return await self._telephone.find_text(
            sender=shop.phone_number, to=text.to_number, containing=reference(text), since=text.created_at
        )

    async def _refused(self, text: TextMessage, why: TextRefused) -> None:
        if why.code != "text_stopped":
            await self._give_up(text, why.code)
            return
        await self._texts.opt_out(text.location_id, text.to_number, since=self._clock())
        await self._settle(text, "stopped", error=why.code)

    async def _again(self, text: TextMessage, why: ChairsideError) -> None:
        """Later, if it has not been tried often enough. What may have been accepted is looked for once more."""
        tries, patience = text.attempts, self._patience
        if tries > patience.attempts or (tries == patience.attempts and not isinstance(why, OutcomeUnknown)):
            await self._give_up(text, why.code)
            return
        wait_s = min(patience.first_wait_s * 2 ** (tries - 1), patience.most_wait_s)
        if isinstance(why, TooManyRequests) and why.retry_after_s is not None:
            wait_s = min(max(wait_s, why.retry_after_s), max(wait_s, patience.most_wait_s))
        now = self._clock()
        self.counters["postponed"] += 1
        logger.warning("text {} is tried again in {:.0f} s: {}", text.text_id, wait_s, why)
        await self._texts.postpone_text(text, not_before=now + timedelta(seconds=wait_s), now=now, error=why.code)

    async def _give_up(self, text: TextMessage, code: str) -> None:
        logger.error("text {} of booking {} is not sent: {}", text.text_id, text.booking_id, code)
        await self._settle(text, "failed", error=code)

    async def _settle(
        self,
        text: TextMessage,
        state: Literal["sent", "failed", "stopped", "skipped"],
        *,
        provider_sid: str = "",
        error: str = "",
    ) -> None:
        ours = await self._texts.settle_text(text, state, now=self._clock(), provider_sid=provider_sid, error=error)
        self.counters[state if ours else "lease_lost"] += 1


def _is_e164(number: str) -> bool:
    try:
        return to_e164(number) == number
    except ValueError:
        return False
