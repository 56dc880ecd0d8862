"""The desk between the calendar and the book: every answer is of now, and no is an answer with what could be had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from agent.bookings.desk import Declined, Desk, Offer
from agent.bookings.rules import Wanted
from agent.bookings.when import When
from agent.errors import StoreError
from agent.model import Booking, Visit
from agent.stores.embedded import EmbeddedStore
from tests.agent.bookings.front_desk import FrontDesk, open_front_desk
from tests.agent.bookings.salon import ANA, BEARD, CUT, FRINGE, NOW, SALON, SHAVE, ask, at, said

THURSDAY = date(2026, 10, 29)


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with open_front_desk(tmp_path) as desk:
        yield desk


def on(day: date, clock: str = "", **more: time) -> When:
    return When(first=day, last=day, at=time.fromisoformat(clock) if clock else None, **more)


async def hold(desk: Desk, wanted: Wanted, when: str, call: str = "CA-one", moves: str | None = None):
    return await desk.hold(1, wanted, at(when), key=f"{call} {when} {moves}", call_sid=call, moves=moves)


async def confirm(desk: Desk, held: Booking, key: str = "yes"):
    return await desk.confirm(held, key=key, customer_name="Ada Bell", customer_phone="+442079460171")


async def test_a_time_that_is_free_is_offered_as_it_was_asked_for(front: FrontDesk):
    offer = await front.desk.offer(1, ask(CUT), on(THURSDAY, "15:00"))
    assert isinstance(offer, Offer)
    assert (offer.exact, [said(visit) for visit in offer.visits]) == (True, ["Ana 15:00 Ladies' Cut"])
    between = await front.desk.offer(1, ask(CUT), on(THURSDAY, "15:07"))
    assert isinstance(between, Offer)
    assert said(between.visits[0]) == "Ana 15:15 Ladies' Cut"


async def test_a_day_is_offered_by_its_first_its_last_and_one_between(front: FrontDesk):
    offer = await front.desk.offer(1, ask(SHAVE), on(THURSDAY))
    assert isinstance(offer, Offer)
    assert not offer.exact
    # The last leaves Marcus a quarter of an hour for cleaning up before he goes at four.
    starts = [visit.starts.astimezone(SALON.zone).time() for visit in offer.visits]
    assert (starts[0], starts[-1], starts) == (time(10), time(15, 15), sorted(starts))


async def test_alternatives_are_nearest_first_and_none_of_them_is_taken(front: FrontDesk):
    await front.has(ask(CUT, staff="Ana"), "2026-10-29 15:00", "Nora Finch")
    no = await front.desk.offer(1, ask(CUT), on(THURSDAY, "15:00"))
    assert isinstance(no, Declined)
    assert no.code == "taken"
    away = [abs(visit.starts - at("2026-10-29 15:00")) for visit in no.alternatives]
    assert (len(away), away) == (3, sorted(away))
    for visit in no.alternatives:
        held = await front.desk.hold(1, ask(CUT), visit.starts, key=f"try {visit.starts}", call_sid=f"CA{visit.starts}")
        if isinstance(held, Declined):
            assert any(visit.busy[0].starts < other.busy[0].ends for other in no.alternatives), "only of one another"


async def test_of_two_who_want_one_slot_one_gets_it_and_the_other_hears_at_once_what_is_near(front: FrontDesk):
    async with EmbeddedStore.open(front.path) as elsewhere:
        desks = [front.desk, Desk(elsewhere.bookings, lambda _: SALON, lambda: NOW)]
        got = await asyncio.gather(
            *(hold(desk, ask(CUT), "2026-10-29 15:00", f"CA{n}") for n, desk in enumerate(desks * 3))
        )
        held = [one for one in got if isinstance(one, Booking)]
        lost = [one for one in got if isinstance(one, Declined)]
        assert (len(held), len(lost)) == (1, 5)
        assert len(front.rows("held", "booked")) == 1
        for no in lost:
            assert (no.code, len(no.alternatives)) == ("taken", 3)
            ours = held[0].visit
            assert all(visit.starts >= ours.ends or visit.ends <= ours.starts for visit in no.alternatives)


async def test_a_call_that_asks_for_the_time_it_holds_gets_it(front: FrontDesk):
    first = await hold(front.desk, ask(CUT), "2026-10-29 15:00")
    again = await front.desk.hold(1, ask(CUT), at("2026-10-29 15:15"), key="later", call_sid="CA-one")
    assert isinstance(first, Booking)
    assert isinstance(again, Booking)
    assert front.rows("held") == ["held 2026-10-29 15:15 Ladies' Cut, Ana: "]


async def test_what_is_held_longer_than_the_notice_may_still_be_confirmed(front: FrontDesk):
    front.shop = SALON.model_copy(update={"booking": SALON.booking.model_copy(update={"notice_minutes": 10})})
    held = await hold(front.desk, ask(FRINGE), "2026-10-28 10:15")
    assert isinstance(held, Booking)
    front.now += timedelta(minutes=2)
    assert isinstance(await confirm(front.desk, held), Booking)


@pytest.mark.parametrize("code", ["closed_day", "rules_changed", "staff_unknown", "not_by_phone"])
async def test_what_changed_since_it_was_held_is_declined_and_its_time_is_free(front: FrontDesk, code: str):
    held = await hold(front.desk, ask(BEARD), "2026-10-29 15:00")
    assert isinstance(held, Booking)
    changes = {
        "closed_day": {"hours": SALON.hours.model_copy(update={"closures": (THURSDAY,)})},
        "rules_changed": {"services": (CUT,)},
        "staff_unknown": {"professionals": (ANA,), "services": (BEARD.model_copy(update={"staff": ()}),)},
        "not_by_phone": {"booking": SALON.booking.model_copy(update={"by_phone": False})},
    }
    front.shop = SALON.model_copy(update=changes[code])
    no = await confirm(front.desk, held)
    assert isinstance(no, Declined)
    assert no.code == code
    assert front.rows("held", "booked") == []
    assert front.texts() == []
    if code == "closed_day":
        assert len(no.alternatives) == 3
        assert all(visit.starts.date() > THURSDAY for visit in no.alternatives)


async def test_one_hold_becomes_one_booking_however_often_it_is_confirmed(front: FrontDesk):
    held = await hold(front.desk, ask(CUT), "2026-10-29 15:00")
    assert isinstance(held, Booking)
    first, second = await asyncio.gather(confirm(front.desk, held), confirm(front.desk, held))
    assert first == second
    assert len(front.rows()) == 1
    assert front.texts() == ["booked"]


EDGES = [
    When(first=date.min, last=date.min),
    When(first=date.min, last=date.max),
    When(first=date.max, last=date.max),
    When(first=date.max, last=date.max, at=time.max),
    When(first=date(2026, 10, 27), last=date(2026, 10, 27), at=time(12)),
    When(first=THURSDAY, last=THURSDAY, after=time(23, 59), before=time(0)),
]


@pytest.mark.parametrize("when", EDGES, ids=str)
async def test_whatever_the_day_there_is_an_answer(front: FrontDesk, when: When):
    answer = await front.desk.offer(1, ask(CUT), when)
    assert isinstance(answer, Offer | Declined)
    visits: tuple[Visit, ...] = answer.visits if isinstance(answer, Offer) else answer.alternatives
    assert all(visit.starts >= NOW for visit in visits)


async def test_a_booking_that_is_gone_is_no_error(front: FrontDesk):
    held = await hold(front.desk, ask(CUT), "2026-10-29 15:00")
    assert isinstance(held, Booking)
    stranger = held.model_copy(update={"booking_id": "not a uuid"})
    for answer in (
        await front.desk.cancel(stranger, key="k"),
        await confirm(front.desk, stranger),
        await hold(front.desk, ask(CUT), "2026-10-30 15:00", moves="not a uuid"),
        await hold(front.desk, ask(CUT), "2026-10-30 15:00", moves=held.booking_id),
    ):
        assert isinstance(answer, Declined)
        assert answer.code == "booking_unknown"


@pytest.mark.parametrize("table", ["bookings", "booking_segments", "booking_keys"])
async def test_a_book_that_is_away_raises_store_errors_and_nothing_is_half_done(front: FrontDesk, table: str):
    held = await hold(front.desk, ask(CUT), "2026-10-29 15:00")
    assert isinstance(held, Booking)
    before = front.rows()
    with front.without(table):
        with pytest.raises(StoreError):
            await confirm(front.desk, held)
        with pytest.raises(StoreError):
            await hold(front.desk, ask(CUT), "2026-10-30 15:00")
        with pytest.raises(StoreError):
            await front.desk.cancel(held, key="let go")
    assert front.rows() == before
    assert isinstance(await confirm(front.desk, held), Booking)


async def test_late_is_counted_to_the_minute(front: FrontDesk):
    booking = await front.has(ask(CUT), "2026-10-29 15:00", "Nora Finch")
    assert not front.desk.is_late(booking)
    front.shop = SALON.model_copy(update={"booking": SALON.booking.model_copy(update={"cancel_notice_hours": 24})})
    moments: list[tuple[datetime, bool]] = [(at("2026-10-28 15:00"), False), (at("2026-10-28 15:01"), True)]
    for now, late in moments:
        front.now = now
        assert front.desk.is_late(booking) == late
