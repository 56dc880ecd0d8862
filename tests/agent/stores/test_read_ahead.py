"""What is free, told from a copy: the same as the store tells, no older than it says, and never after a write."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agent.bookings.desk import Declined, Desk, Offer
from agent.bookings.when import When
from agent.errors import Conflict, StoreError, Unavailable
from agent.model import Booking, BusyStretch, Visit, VisitPart
from agent.ports import BookingStore
from agent.stores.embedded import EmbeddedStore
from agent.stores.read_ahead import ReadAhead
from tests.agent.bookings.salon import CUT, SALON, ask
from tests.agent.bookings.salon import NOW as MORNING

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PHONE = "+18085550199"
EVER = datetime(2000, 1, 1, tzinfo=UTC)
keys = (f"key {number}" for number in count())


class Counted:
    """A book that tells what it was asked, waits where it is told to, and may be away."""

    def __init__(self, book: BookingStore) -> None:
        self.asked: list[str] = []
        self.is_away = False
        self.loses_answers = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._book = book

    def __getattr__(self, verb: str) -> Any:
        async def act(*args: Any, **kwargs: Any) -> Any:
            self.asked.append(verb)
            if self.is_away:
                raise Unavailable("store_unreachable", "away")
            answer = await getattr(self._book, verb)(*args, **kwargs)
            await self.may_answer.wait()
            if self.loses_answers:
                raise Unavailable("store_odd_answer", "lost")
            return answer

        return act


@dataclass
class Scene:
    book: BookingStore
    """The store itself, behind everybody's back."""
    counted: Counted
    ahead: ReadAhead
    now: datetime = NOW

    async def look(self) -> None:
        """Ahead, and wait until that is done."""
        self.ahead.look_ahead(1)
        await self.ahead.settled()

    async def tuesday(self, of: BookingStore | None = None) -> list[Booking]:
        return await (of or self.ahead).bookings_between(1, TEN - HOUR, TEN + 8 * HOUR, now=self.now)

    async def hold(
        self, book: BookingStore, starts: datetime = TEN, call_sid: str = "CA1", minutes: int = 3
    ) -> Booking:
        until = self.now + timedelta(minutes=minutes)
        return await book.hold(1, visit(starts), key=next(keys), call_sid=call_sid, now=self.now, expires_at=until)


def visit(starts: datetime, hours: int = 1, *, gap: bool = False) -> Visit:
    ends = starts + hours * HOUR
    stretches = [(starts, starts + HOUR / 2), (ends - HOUR / 2, ends)] if gap else [(starts, ends)]
    return Visit(
        parts=(VisitPart(service="Cut", staff="Ana", starts=starts, ends=ends),),
        busy=tuple(BusyStretch(staff="Ana", starts=since, ends=until) for since, until in stretches),
    )


def by_the_shop(starts: datetime, hours: int = 1, *, gap: bool = False) -> Booking:
    return Booking(
        booking_id=str(uuid.uuid4()),
        location_id=1,
        state="booked",
        visit=visit(starts, hours, gap=gap),
        customer_phone=PHONE,
        created_at=NOW,
        changed_at=NOW,
    )


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with EmbeddedStore.open(tmp_path / "chairside.db") as store:
        counted = Counted(store.bookings)
        made = Scene(store.bookings, counted, ReadAhead(counted, lambda: made.now))
        yield made
        await made.ahead.aclose()


async def test_what_was_read_ahead_is_told_without_asking_the_store(scene: Scene):
    held = await scene.hold(scene.book)
    await scene.look()
    scene.counted.asked.clear()
    assert await scene.tuesday() == [held]
    assert scene.counted.asked == []


async def test_a_copy_tells_the_same_as_the_store_of_every_stretch_at_every_moment(scene: Scene):
    await scene.book.put_booking(by_the_shop(TEN, 4, gap=True))
    await scene.book.put_booking(by_the_shop(TEN + DAY))
    await scene.book.cancel(1, (await scene.hold(scene.book, TEN + 5 * HOUR)).booking_id, key="x", now=NOW)
    await scene.hold(scene.book, TEN + 6 * HOUR, "CA2", minutes=1)
    await scene.hold(scene.book, TEN + 7 * HOUR, "CA3", minutes=5)
    await scene.look()
    scene.counted.asked.clear()
    for later in (0, 30, 60, 61, 299, 300, 301):
        scene.now = NOW + timedelta(seconds=later)
        for first in range(-1, 26):
            for hours in (0.25, 1, 3, 30):
                span = (TEN + first * HOUR, TEN + (first + hours) * HOUR)
                told = await scene.ahead.bookings_between(1, *span, now=scene.now)
                assert told == await scene.book.bookings_between(1, *span, now=scene.now), (later, span)
    assert scene.counted.asked == []


@pytest.mark.parametrize("span", [(TEN - 30 * DAY, TEN), (TEN, TEN + 30 * DAY)])
async def test_beyond_two_weeks_the_store_is_asked(scene: Scene, span: tuple[datetime, datetime]):
    far = by_the_shop(TEN + 20 * DAY)
    await scene.book.put_booking(far)
    await scene.look()
    told = await scene.ahead.bookings_between(1, *span, now=NOW)
    assert told == await scene.book.bookings_between(1, *span, now=NOW)
    assert scene.counted.asked == ["bookings_between"] * 2


async def test_a_moment_without_a_zone_is_the_stores_to_refuse(scene: Scene):
    await scene.look()
    with pytest.raises(StoreError) as refused:
        await scene.ahead.bookings_between(1, TEN.replace(tzinfo=None), TEN + HOUR, now=NOW)
    assert refused.value.code == "moment_naive"


async def test_another_shops_book_is_not_this_ones(scene: Scene):
    await scene.hold(scene.book)
    await scene.look()
    assert await scene.ahead.bookings_between(2, TEN, TEN + HOUR, now=NOW) == []


async def test_what_is_written_through_it_is_seen_at_once(scene: Scene):
    await scene.look()
    held = await scene.hold(scene.ahead)
    assert await scene.tuesday() == [held]
    booked = await scene.ahead.confirm(
        1, held.booking_id, key="yes", call_sid="CA1", now=NOW, customer_name="Noa", customer_phone=PHONE
    )
    assert await scene.tuesday() == [booked]
    await scene.ahead.settled()  # it was read anew after that
    assert await scene.tuesday() == [booked]
    await scene.ahead.cancel(1, held.booking_id, key="no", now=NOW)
    assert await scene.tuesday() == []
    own = by_the_shop(TEN)
    await scene.ahead.put_booking(own)
    assert await scene.tuesday() == await scene.tuesday(scene.book) != []


async def test_a_write_that_was_refused_or_whose_answer_was_lost_leaves_no_copy(scene: Scene):
    await scene.look()
    theirs = await scene.hold(scene.book, call_sid="CA-another process")
    assert await scene.tuesday() == [], "the copy is a moment older"
    with pytest.raises(Conflict):
        await scene.hold(scene.ahead)
    assert await scene.tuesday() == [theirs]

    await scene.ahead.settled()
    scene.counted.loses_answers = True
    with pytest.raises(Unavailable):
        await scene.hold(scene.ahead, TEN + HOUR)
    await scene.ahead.settled()
    scene.counted.loses_answers = False
    assert len(await scene.tuesday()) == 2


async def test_what_was_being_read_while_something_was_written_is_not_kept(scene: Scene):
    scene.counted.may_answer.clear()
    scene.ahead.look_ahead(1)
    while scene.counted.asked != ["bookings_between"]:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)  # the store has read, its answer is on the way
    writing = asyncio.create_task(scene.hold(scene.ahead))
    while await scene.tuesday(scene.book) == []:
        await asyncio.sleep(0.01)
    scene.counted.may_answer.set()
    held = await writing
    assert await scene.tuesday() == [held]


async def test_a_copy_is_read_anew_behind_the_caller_and_never_told_when_it_is_old(tmp_path: Path):
    async with EmbeddedStore.open(tmp_path / "chairside.db") as store:
        counted = Counted(store.bookings)
        ahead = ReadAhead(counted, lambda: NOW, fresh_s=0.05, kept_s=0.4)
        scene = Scene(store.bookings, counted, ahead)
        await scene.look()
        held = await scene.hold(scene.book)
        await asyncio.sleep(0.1)
        assert await scene.tuesday() == [], "a moment old is told"
        await scene.ahead.settled()
        assert await scene.tuesday() == [held], "and was read anew for the next"
        await scene.ahead.settled()
        await scene.book.cancel(1, held.booking_id, key="no", now=NOW)
        await asyncio.sleep(0.5)
        assert await scene.tuesday() == []
        await ahead.aclose()


async def test_looking_again_at_once_asks_for_nothing(scene: Scene):
    for _ in range(3):
        scene.ahead.look_ahead(1)
    await scene.ahead.settled()
    await scene.look()
    assert scene.counted.asked == ["bookings_between"]


async def test_a_store_that_is_away_is_told_to_whoever_asks_and_to_nobody_else(scene: Scene):
    scene.counted.is_away = True
    await scene.look()
    with pytest.raises(StoreError):
        await scene.tuesday()
    scene.counted.is_away = False
    assert await scene.tuesday() == []


async def test_whether_a_number_was_ever_here_is_remembered_and_what_is_to_come_is_not(scene: Scene):
    await scene.book.put_booking(by_the_shop(TEN))
    for _ in range(3):
        assert len(await scene.ahead.bookings_of(1, PHONE, since=EVER)) == 1
    assert scene.counted.asked == ["bookings_of"]
    for _ in range(2):
        assert len(await scene.ahead.bookings_of(1, PHONE, since=NOW)) == 1
    assert scene.counted.asked == ["bookings_of"] * 3
    await scene.ahead.put_booking(by_the_shop(TEN + DAY))
    assert len(await scene.ahead.bookings_of(1, PHONE, since=EVER)) == 2


async def test_who_loses_to_another_process_is_offered_nothing_that_is_taken(tmp_path: Path):
    async with EmbeddedStore.open(tmp_path / "chairside.db") as store:
        ahead = ReadAhead(store.bookings, lambda: MORNING)
        desk, elsewhere = (Desk(book, lambda _: SALON, lambda: MORNING) for book in (ahead, store.bookings))
        ahead.look_ahead(1)
        await ahead.settled()
        day = (MORNING + DAY).date()
        three = When(first=day, last=day, at=time(15))
        offer = await elsewhere.offer(1, ask(CUT), three)
        assert isinstance(offer, Offer)
        at = offer.visits[0].starts
        taken = await elsewhere.hold(1, ask(CUT), at, key="theirs", call_sid="CA-theirs")
        assert isinstance(taken, Booking)
        stale = await desk.offer(1, ask(CUT), three)
        assert isinstance(stale, Offer), "an offer keeps nothing"
        lost = await desk.hold(1, ask(CUT), at, key="ours", call_sid="CA-ours")
        assert isinstance(lost, Declined)
        assert lost.code == "taken"
        assert lost.alternatives
        assert all(one.starts >= taken.visit.ends or one.ends <= taken.visit.starts for one in lost.alternatives)
        await ahead.aclose()
