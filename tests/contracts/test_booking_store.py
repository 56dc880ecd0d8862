"""What every BookingStore promises (`agent.ports.BookingStore`)."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.errors import Conflict, NotFound, StoreError
from agent.model import Booking, BusyStretch, Visit, VisitPart
from agent.ports import BookingStore

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PHONE = "+18085550199"
keys = (f"CA-any/call_{number}" for number in count(1))


def visit(starts: datetime = TEN, minutes: int = 60, staff: str = "Ana") -> Visit:
    ends = (starts.astimezone(UTC) + minutes * MINUTE).astimezone(starts.tzinfo)
    return Visit(
        parts=(VisitPart(service="Cut", staff=staff, starts=starts, ends=ends),),
        busy=(BusyStretch(staff=staff, starts=starts, ends=ends),),
    )


def blocked(starts: datetime = TEN, minutes: int = 60, **fields: Any) -> Booking:
    facts: dict[str, Any] = {
        "booking_id": str(uuid.uuid4()),
        "location_id": 1,
        "state": "booked",
        "visit": visit(starts, minutes),
        "created_at": NOW,
        "changed_at": NOW,
    }
    return Booking.model_validate(facts | fields)


async def hold(book: BookingStore, wanted: Visit | None = None, *, location_id: int = 1, **how: Any) -> Booking:
    at = how.pop("now", NOW)
    asked: dict[str, Any] = {"key": next(keys), "call_sid": "CA1", "now": at, "expires_at": at + 3 * MINUTE}
    return await book.hold(location_id, wanted or visit(), **(asked | how))


async def confirm(book: BookingStore, booking_id: str, *, location_id: int = 1, **how: Any) -> Booking:
    asked = {"key": next(keys), "call_sid": "CA1", "now": NOW + MINUTE, "customer_name": "Noa", "customer_phone": PHONE}
    return await book.confirm(location_id, booking_id, **(asked | how))


async def cancel(book: BookingStore, booking_id: str, *, location_id: int = 1, **how: Any) -> Booking:
    return await book.cancel(location_id, booking_id, **({"key": next(keys), "now": NOW + 2 * MINUTE} | how))


async def booked(book: BookingStore, wanted: Visit | None = None, **how: Any) -> Booking:
    call = {"call_sid": how.pop("call_sid", "CA1")}
    held = await hold(book, wanted, **call, location_id=how.get("location_id", 1))
    return await confirm(book, held.booking_id, **call, **how)


async def day(book: BookingStore, *, location_id: int = 1, now: datetime = NOW) -> list[str]:
    start = TEN.replace(hour=0)
    found = await book.bookings_between(location_id, start, start + timedelta(days=1), now=now)
    return [booking.booking_id for booking in found]


async def test_a_hold_keeps_its_time_and_comes_back_whole(book: BookingStore):
    held = await hold(book)

    assert (held.state, held.visit, held.call_sid, held.revision) == ("held", visit(), "CA1", 1)
    assert (held.created_at, held.changed_at, held.expires_at) == (NOW, NOW, NOW + 3 * MINUTE)
    assert await book.get_booking(1, held.booking_id) == held
    with pytest.raises(Conflict) as refused:
        await hold(book, visit(TEN + HOUR - MINUTE), call_sid="CA2")
    assert refused.value.code == "slot_taken"


@pytest.mark.parametrize("staff", ["ana", "  ANA ", "Ａna"])
async def test_somebody_is_one_person_however_the_name_is_written(book: BookingStore, staff: str):
    await hold(book)
    with pytest.raises(Conflict):
        await hold(book, visit(staff=staff), call_sid="CA2")


async def test_what_only_touches_or_is_somebody_elses_is_free(book: BookingStore):
    await hold(book)
    for number, wanted in enumerate(
        [visit(TEN + HOUR), visit(TEN - HOUR), visit(staff="Imogen"), visit(staff="")], start=2
    ):
        await hold(book, wanted, call_sid=f"CA{number}")
    await hold(book, location_id=2)
    with pytest.raises(Conflict):
        await hold(book, visit(TEN + MINUTE, 5, staff=""), call_sid="CA9")


async def test_a_processing_gap_is_free_and_the_rest_is_not(book: BookingStore):
    colour = Visit(
        parts=(VisitPart(service="Colour", staff="Ana", starts=TEN, ends=TEN + 2 * HOUR),),
        busy=(
            BusyStretch(staff="Ana", starts=TEN, ends=TEN + 30 * MINUTE),
            BusyStretch(staff="Ana", starts=TEN + 90 * MINUTE, ends=TEN + 130 * MINUTE),
        ),
    )
    assert (await hold(book, colour)).visit == colour
    await hold(book, visit(TEN + 30 * MINUTE, 60), call_sid="CA2")
    with pytest.raises(Conflict):
        await hold(book, visit(TEN + 125 * MINUTE, 15), call_sid="CA3")


async def test_several_people_are_taken_together_or_not_at_all(book: BookingStore):
    await hold(book, visit(TEN + HOUR, staff="Imogen"))
    both = Visit(parts=visit().parts, busy=visit().busy + visit(TEN + HOUR, staff="Imogen").busy)
    with pytest.raises(Conflict):
        await hold(book, both, call_sid="CA2")
    assert (await hold(book, call_sid="CA3")).state == "held"  # Ana is free still


async def test_a_visit_that_names_the_same_time_twice_takes_it_once(book: BookingStore):
    twice = Visit(parts=visit().parts, busy=visit().busy + visit(TEN + 30 * MINUTE).busy)
    assert (await booked(book, twice)).visit == twice


async def test_an_expired_hold_gives_its_time_back(book: BookingStore):
    held = await hold(book)
    later = NOW + 3 * MINUTE
    assert await day(book, now=later - timedelta(microseconds=1)) == [held.booking_id]
    assert await day(book, now=later) == []
    with pytest.raises(Conflict):
        await hold(book, call_sid="CA2", now=later - timedelta(microseconds=1))
    second = await hold(book, call_sid="CA2", now=later)

    assert await day(book, now=later) == [second.booking_id]
    with pytest.raises(Conflict) as refused:
        await confirm(book, held.booking_id, now=later)
    assert refused.value.code == "hold_expired"
    released = await book.get_booking(1, held.booking_id)
    assert released is not None
    assert (released.state, released.expires_at) == ("cancelled", later)


async def test_a_hold_expires_though_nobody_wants_its_time(book: BookingStore):
    held = await hold(book)
    with pytest.raises(Conflict) as refused:
        await confirm(book, held.booking_id, now=NOW + 3 * MINUTE)
    assert refused.value.code == "hold_expired"


async def test_what_another_hold_released_cannot_be_confirmed_by_a_slow_clock(book: BookingStore):
    held = await hold(book)
    await hold(book, visit(TEN + 5 * HOUR), call_sid="CA2", now=NOW + 3 * MINUTE)
    with pytest.raises(Conflict) as refused:
        await confirm(book, held.booking_id, now=NOW + MINUTE)
    assert refused.value.code == "hold_expired"


async def test_an_earlier_hold_of_a_call_gives_way_but_not_to_one_that_is_refused(book: BookingStore):
    await hold(book, visit(TEN + 3 * HOUR), call_sid="CA2")
    first = await hold(book)
    with pytest.raises(Conflict):
        await hold(book, visit(TEN + 3 * HOUR))
    assert first.booking_id in await day(book)

    second = await hold(book, visit(TEN + 30 * MINUTE))
    assert first.booking_id not in await day(book)
    with pytest.raises(Conflict):
        await confirm(book, first.booking_id)
    assert (await confirm(book, second.booking_id)).state == "booked"


async def test_a_call_may_hold_a_new_time_and_one_to_move_to_at_once(book: BookingStore):
    mine = await confirm(book, (await hold(book)).booking_id)
    moving = await hold(book, visit(TEN + 3 * HOUR), moves=mine.booking_id)
    new = await hold(book, visit(TEN + 4 * HOUR))
    later = await hold(book, visit(TEN + 5 * HOUR), moves=mine.booking_id)

    assert await day(book) == [mine.booking_id, new.booking_id, later.booking_id]
    with pytest.raises(Conflict):
        await confirm(book, moving.booking_id)
    assert (await confirm(book, new.booking_id)).state == "booked"
    assert (await confirm(book, later.booking_id)).booking_id == mine.booking_id


async def test_the_same_call_at_another_shop_keeps_its_hold(book: BookingStore):
    held = await hold(book)
    await hold(book, location_id=2)
    assert await day(book) == [held.booking_id]


async def test_a_confirmed_hold_is_an_appointment(book: BookingStore):
    held = await hold(book)
    made = await confirm(book, held.booking_id, customer_name=" Zoë ", notes="first visit")

    assert made == held.model_copy(
        update={
            "state": "booked",
            "expires_at": None,
            "changed_at": NOW + MINUTE,
            "customer_name": "Zoë",
            "customer_phone": PHONE,
            "notes": "first visit",
        }
    )
    assert await book.get_booking(1, made.booking_id) == made
    assert await day(book, now=NOW + 9 * HOUR) == [made.booking_id]
    with pytest.raises(Conflict):
        await hold(book, call_sid="CA2", now=NOW + 9 * HOUR)


async def test_only_the_call_that_holds_may_confirm_and_only_a_hold(book: BookingStore):
    held = await hold(book)
    for location_id, booking_id, call_sid in [
        (1, held.booking_id, "CA2"),
        (2, held.booking_id, "CA1"),
        (1, str(uuid.uuid4()), "CA1"),
        (1, "nonsense", "CA1"),
    ]:
        with pytest.raises(NotFound) as refused:
            await confirm(book, booking_id, location_id=location_id, call_sid=call_sid)
        assert refused.value.code == "booking_unknown"
    made = await confirm(book, held.booking_id)
    with pytest.raises(NotFound):
        await confirm(book, made.booking_id)


async def test_words_too_long_are_refused_and_the_hold_stays(book: BookingStore):
    held = await hold(book)
    for words in ({"customer_name": "x" * 201}, {"customer_phone": "1" * 41}, {"notes": "x" * 1001}):
        with pytest.raises(StoreError) as refused:
            await confirm(book, held.booking_id, **words)
        assert refused.value.code == "booking_invalid"
    assert (await confirm(book, held.booking_id)).state == "booked"


async def test_a_moved_booking_keeps_who_it_is(book: BookingStore):
    made = await booked(book, notes="likes tea")
    held = await hold(book, visit(TEN + 4 * HOUR), call_sid="CA2", moves=made.booking_id)
    assert held.moves == made.booking_id
    assert await day(book) == [made.booking_id, held.booking_id]

    moved = await confirm(
        book, held.booking_id, call_sid="CA2", customer_name="Somebody", customer_phone="+18085550100"
    )
    assert moved == made.model_copy(update={"visit": visit(TEN + 4 * HOUR), "revision": 2, "changed_at": NOW + MINUTE})
    assert await day(book) == [made.booking_id]
    assert await book.get_booking(1, held.booking_id) is None
    await hold(book, call_sid="CA3")  # where it was is free
    with pytest.raises(Conflict):
        await hold(book, visit(TEN + 4 * HOUR), call_sid="CA4")


@pytest.mark.parametrize(
    "to",
    [
        visit(TEN + 30 * MINUTE),
        visit(TEN - 15 * MINUTE),
        visit(TEN, 30),
        visit(TEN + 15 * MINUTE, 30),
        visit(TEN - HOUR, 180),
        visit(),
    ],
    ids=["later", "earlier", "shorter", "within", "around", "same"],
)
async def test_a_booking_moves_into_its_own_time(book: BookingStore, to: Visit):
    made = await booked(book)
    held = await hold(book, to, moves=made.booking_id)
    for taken in (visit(), to):  # neither the old nor the new time is anybody else's meanwhile
        with pytest.raises(Conflict):
            await hold(book, taken, call_sid="CA2")

    moved = await confirm(book, held.booking_id)
    assert (moved.booking_id, moved.visit, moved.revision) == (made.booking_id, to, 2)
    with pytest.raises(Conflict):
        await hold(book, to, call_sid="CA2")
    if to == visit(TEN, 30):
        await hold(book, visit(TEN + 30 * MINUTE, 30), call_sid="CA2")


async def test_a_hold_that_moves_nothing_that_is_booked_is_unknown(book: BookingStore):
    held = await hold(book, visit(TEN + 5 * HOUR), call_sid="CA9")
    gone = await booked(book)
    await cancel(book, gone.booking_id)
    elsewhere = await booked(book, location_id=2)
    for moves in (held.booking_id, gone.booking_id, elsewhere.booking_id, str(uuid.uuid4()), "nonsense"):
        with pytest.raises(NotFound) as refused:
            await hold(book, visit(TEN + 2 * HOUR), call_sid="CA2", moves=moves)
        assert refused.value.code == "booking_unknown"


async def test_a_hold_to_move_what_is_then_cancelled_is_unknown(book: BookingStore):
    made = await booked(book)
    held = await hold(book, visit(TEN + 30 * MINUTE), moves=made.booking_id)
    await cancel(book, made.booking_id)

    await hold(book, visit(TEN, 90), call_sid="CA2")  # neither stands in the way any more
    with pytest.raises(NotFound):
        await confirm(book, held.booking_id)


async def test_of_two_moves_of_one_booking_the_first_to_confirm_wins(book: BookingStore):
    made = await booked(book)
    slow = await hold(book, visit(TEN + 30 * MINUTE), call_sid="CA2", moves=made.booking_id)
    quick = await hold(book, visit(TEN + 4 * HOUR), call_sid="CA3", moves=made.booking_id)
    await confirm(book, quick.booking_id, call_sid="CA3")
    await hold(book, visit(TEN, 90), call_sid="CA4")

    with pytest.raises(Conflict) as refused:
        await confirm(book, slow.booking_id, call_sid="CA2")
    assert refused.value.code == "hold_expired"


async def test_cancelling_frees_the_time_and_keeps_the_visit(book: BookingStore):
    made = await booked(book)
    gone = await cancel(book, made.booking_id)

    assert gone == made.model_copy(update={"state": "cancelled", "changed_at": NOW + 2 * MINUTE})
    assert await book.get_booking(1, made.booking_id) == gone
    assert await day(book) == []
    assert await cancel(book, made.booking_id, now=NOW + HOUR) == gone
    assert (await booked(book, call_sid="CA2")).state == "booked"


async def test_letting_go_of_a_hold_frees_its_time(book: BookingStore):
    held = await hold(book)
    gone = await cancel(book, held.booking_id)

    assert (gone.state, gone.visit) == ("cancelled", held.visit)
    await hold(book, call_sid="CA2")
    with pytest.raises(Conflict) as refused:
        await confirm(book, held.booking_id)
    assert refused.value.code == "hold_expired"


async def test_another_shops_booking_is_unknown(book: BookingStore):
    made = await booked(book)
    for booking_id in (made.booking_id, str(uuid.uuid4()), "nonsense"):
        assert await book.get_booking(2, booking_id) is None
        with pytest.raises(NotFound) as refused:
            await cancel(book, booking_id, location_id=2)
        assert refused.value.code == "booking_unknown"
    assert await day(book, location_id=2) == []
    assert await book.bookings_of(2, PHONE, since=NOW) == []
    assert await book.get_booking(1, made.booking_id) == made


async def test_a_hold_asked_for_again_is_the_one_that_was_made(book: BookingStore):
    held = await hold(book, key="CA1/call_1")
    assert await hold(book, visit(TEN + 5 * HOUR), key="CA1/call_1") == held
    await confirm(book, held.booking_id)
    await cancel(book, held.booking_id)
    assert await hold(book, key="CA1/call_1", now=NOW + HOUR) == held
    assert await day(book) == []
    other = await hold(book, key="CA1/call_1", location_id=2)
    assert other.booking_id != held.booking_id


async def test_a_confirmation_asked_for_again_is_the_one_that_was_made(book: BookingStore):
    held = await hold(book, key="CA1/call_1")
    made = await confirm(book, held.booking_id, key="CA1/call_1")  # a verb's keys are its own
    to = await hold(book, visit(TEN + 4 * HOUR), moves=made.booking_id)
    moved = await confirm(book, to.booking_id, key="CA1/call_2")
    await cancel(book, made.booking_id)

    assert await confirm(book, held.booking_id, key="CA1/call_1", now=NOW + HOUR) == made
    assert await confirm(book, to.booking_id, key="CA1/call_2", customer_name="Other") == moved
    assert await day(book) == []


async def test_a_cancellation_asked_for_again_is_the_one_that_was_made(book: BookingStore):
    made = await booked(book)
    gone = await cancel(book, made.booking_id, key="CA1/call_1")
    again = await booked(book, call_sid="CA2")
    assert await cancel(book, made.booking_id, key="CA1/call_1", now=NOW + HOUR) == gone
    assert await cancel(book, again.booking_id, key="CA1/call_1") == gone
    assert await day(book) == [again.booking_id]


async def test_a_refusal_is_not_remembered(book: BookingStore):
    other = await hold(book, call_sid="CA2")
    with pytest.raises(Conflict):
        await hold(book, key="CA1/call_1")
    await cancel(book, other.booking_id)
    assert (await hold(book, key="CA1/call_1")).state == "held"


async def test_what_came_to_nothing_is_gone_a_day_later(book: BookingStore):
    held, kept = await hold(book, key="CA1/call_1"), await booked(book, visit(TEN + 5 * HOUR), call_sid="CA2")
    gone = await cancel(book, kept.booking_id)
    await hold(book, visit(TEN + 2 * HOUR), now=NOW + timedelta(hours=23), call_sid="CA3")
    assert await book.get_booking(1, held.booking_id) is not None
    await hold(book, visit(TEN + 2 * HOUR), now=NOW + timedelta(hours=25), call_sid="CA3")

    assert await book.get_booking(1, held.booking_id) is None
    assert await book.get_booking(1, kept.booking_id) == gone  # an appointment is history
    assert (await hold(book, key="CA1/call_1", now=NOW + timedelta(hours=25))).booking_id != held.booking_id


async def test_blocked_time_blocks(book: BookingStore):
    lunch = blocked(notes="lunch")
    assert await book.put_booking(lunch) == lunch
    assert await book.put_booking(lunch) == lunch
    with pytest.raises(Conflict) as refused:
        await hold(book)
    assert refused.value.code == "slot_taken"
    assert await book.bookings_of(1, "", since=NOW) == []

    await cancel(book, lunch.booking_id)
    await hold(book)


async def test_what_the_shop_books_overlaps_nothing_either(book: BookingStore):
    held = await hold(book)
    with pytest.raises(Conflict) as refused:
        await book.put_booking(blocked())
    assert refused.value.code == "slot_taken"
    assert held.expires_at is not None
    await book.put_booking(blocked(changed_at=held.expires_at))


async def test_an_id_is_put_in_once(book: BookingStore):
    lunch = await book.put_booking(blocked(customer_name="Noa", customer_phone=PHONE))
    for other in (
        lunch.model_copy(update={"notes": "dinner"}),
        lunch.model_copy(update={"location_id": 2}),
        lunch.model_copy(update={"visit": visit(TEN + HOUR)}),
    ):
        with pytest.raises(Conflict) as refused:
            await book.put_booking(other)
        assert refused.value.code == "booking_exists"
    assert await book.get_booking(1, lunch.booking_id) == lunch
    for wrong in ({"booking_id": "lunch"}, {"state": "held"}):
        with pytest.raises(StoreError) as refused:
            await book.put_booking(blocked(TEN + 9 * HOUR, **wrong))
        assert refused.value.code == "booking_invalid"


async def test_a_cancelled_one_put_in_takes_no_time(book: BookingStore):
    old = blocked(state="cancelled", customer_name="Noa", customer_phone=PHONE, call_sid="CA0", revision=3)
    assert await book.put_booking(old) == old
    assert await book.get_booking(1, old.booking_id) == old
    await hold(book)


async def test_what_is_busy_between_two_moments(book: BookingStore):
    colour = Visit(
        parts=(VisitPart(service="Colour", staff="Ana", starts=TEN, ends=TEN + 2 * HOUR),),
        busy=(
            BusyStretch(staff="Ana", starts=TEN, ends=TEN + 30 * MINUTE),
            BusyStretch(staff="Ana", starts=TEN + 90 * MINUTE, ends=TEN + 130 * MINUTE),
        ),
    )
    late = await booked(book, visit(TEN + 5 * HOUR), call_sid="CA2")
    early = await booked(book, colour)

    async def between(starts: datetime, ends: datetime) -> list[Booking]:
        return await book.bookings_between(1, starts, ends, now=NOW)

    assert await between(TEN - HOUR, TEN + 9 * HOUR) == [early, late]
    assert await between(TEN - HOUR, TEN) == []
    assert await between(TEN - HOUR, TEN + timedelta(microseconds=1)) == [early]
    assert await between(TEN + 30 * MINUTE, TEN + 90 * MINUTE) == []  # the gap
    assert await between(TEN + 125 * MINUTE, TEN + 3 * HOUR) == [early]  # the buffer after the client has left
    assert await between(TEN + 130 * MINUTE, TEN + 5 * HOUR) == []
    assert await between(TEN + 5 * HOUR, TEN + 5 * HOUR) == []
    assert await between(TEN + 9 * HOUR, TEN) == []


async def test_a_full_week_comes_back_whole(book: BookingStore):
    """More bookings than a networked store hands out at once."""
    puts = [blocked(TEN + number * HOUR, 45) for number in range(60)]
    for put in reversed(puts):
        await book.put_booking(put)
    assert await book.bookings_between(1, TEN, TEN + 60 * HOUR, now=NOW) == puts


async def test_whose_bookings_are_to_come(book: BookingStore):
    second = await booked(book, visit(TEN + 4 * HOUR))
    first = await booked(book, visit(TEN))
    await booked(book, visit(TEN + 2 * HOUR), customer_phone="+18085550100")
    cancelled = await booked(book, visit(TEN + 6 * HOUR))
    await cancel(book, cancelled.booking_id)
    await hold(book, visit(TEN + 8 * HOUR))

    assert await book.bookings_of(1, PHONE, since=NOW) == [first, second]
    assert await book.bookings_of(1, PHONE, since=TEN + HOUR - MINUTE) == [first, second]
    assert await book.bookings_of(1, PHONE, since=TEN + HOUR) == [second]
    assert await book.bookings_of(1, PHONE[1:], since=NOW) == []


@pytest.mark.parametrize("hour", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("zone", "day_of_change"), [("Europe/London", (2026, 10, 25)), ("America/New_York", (2027, 3, 14))]
)
async def test_moments_survive_the_change_of_clocks(
    book: BookingStore, zone: str, day_of_change: tuple[int, int, int], hour: int
):
    for fold in (0, 1):
        local = datetime(*day_of_change, hour, 30, tzinfo=ZoneInfo(zone), fold=fold)
        held = await hold(book, visit(local, 30, staff=f"Ana {fold}"), call_sid=f"CA{fold}")
        assert held.visit.starts.utcoffset() == timedelta(0)
        # Compared in UTC: between two wall clocks of one zone Python compares what they show.
        assert held.visit.starts == local.astimezone(UTC)
        assert await book.get_booking(1, held.booking_id) == held


async def test_a_moment_without_a_zone_is_refused(book: BookingStore):
    held = await hold(book)
    naive = NOW.replace(tzinfo=None)
    for asked in (
        hold(book, visit(TEN + HOUR), now=naive, expires_at=NOW),
        hold(book, visit(TEN + HOUR), expires_at=naive),
        confirm(book, held.booking_id, now=naive),
        cancel(book, held.booking_id, now=naive),
        book.bookings_between(1, naive, TEN, now=NOW),
        book.bookings_between(1, TEN, naive, now=NOW),
        book.bookings_between(1, NOW, TEN, now=naive),
        book.bookings_of(1, PHONE, since=naive),
    ):
        with pytest.raises(StoreError) as refused:
            await asked
        assert refused.value.code == "moment_naive"
    assert await book.get_booking(1, held.booking_id) == held


async def test_odd_words_survive(book: BookingStore):
    odd = "Zoë'; DROP TABLE bookings; -- \u202e\U0001f33a"
    held = await hold(book, visit(staff=odd))
    made = await confirm(book, held.booking_id, customer_name=odd, notes=odd)
    assert (made.customer_name, made.notes, made.visit.busy[0].staff) == (odd, odd, odd)
    assert await book.get_booking(1, made.booking_id) == made


async def test_of_fifty_at_once_one_gets_the_time(book: BookingStore):
    refusals: list[str] = []

    async def book_it(number: int) -> Booking | None:
        wanted = visit(TEN + 15 * (number % 3) * MINUTE)
        try:
            held = await hold(book, wanted, call_sid=f"CA{number}", key=f"CA{number}/1")
        except Conflict as why:
            refusals.append(why.code)
            return None
        return await confirm(book, held.booking_id, call_sid=f"CA{number}", key=f"CA{number}/2")

    async with asyncio.timeout(20):
        made = [booking for booking in await asyncio.gather(*map(book_it, range(50))) if booking]
    assert (len(made), refusals) == (1, ["slot_taken"] * 49)
    assert await day(book) == [made[0].booking_id]


async def test_one_write_asked_for_many_times_at_once_is_made_once(book: BookingStore):
    held = await asyncio.gather(*(hold(book, key="CA1/call_1") for _ in range(10)))
    assert set(held) == {held[0]}
    made = await asyncio.gather(*(confirm(book, held[0].booking_id, key="CA1/call_2") for _ in range(10)))
    assert set(made) == {made[0]}
    gone = await asyncio.gather(*(cancel(book, held[0].booking_id, key="CA1/call_3") for _ in range(10)))
    assert set(gone) == {gone[0]}


async def test_the_appointments_of_a_call_are_those_made_in_it_as_they_are_now(book: BookingStore):
    late = await confirm(book, (await hold(book, visit(TEN + 5 * HOUR))).booking_id)
    early = await confirm(book, (await hold(book)).booking_id)
    await hold(book, visit(TEN + 8 * HOUR))
    await confirm(book, (await hold(book, visit(TEN + 2 * HOUR), call_sid="CA2")).booking_id, call_sid="CA2")
    await book.put_booking(blocked(TEN + 3 * HOUR))
    gone = await cancel(book, late.booking_id)

    assert await book.bookings_of_call(1, "CA1") == [early, gone]
    assert await book.bookings_of_call(2, "CA1") == []
    assert await book.bookings_of_call(1, "") == []
