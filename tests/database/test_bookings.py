"""The book as other programs meet it: raw writes, a salon's old rows, its dashboard, lost answers."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import rig.project
from psycopg.rows import dict_row
from rig.postgres import Cluster
from rig.project import Project, bootstrap, migrate, settle

from agent.errors import Conflict, Unavailable
from agent.model import Booking, BusyStretch, Visit, VisitPart
from agent.ports import BookingStore
from agent.stores.supabase import SupabaseStore

PLUMERIA = "00000000-0000-4000-8000-000000000001"
ANA = "00000000-0000-4000-8000-0000000000a1"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
numbers = itertools.count(1)

Database = psycopg.Connection[Any]


def visit(starts: datetime = TEN, minutes: int = 60, staff: str = "Ana", service: str = "Balayage") -> Visit:
    ends = starts + timedelta(minutes=minutes)
    return Visit(
        parts=(VisitPart(service=service, staff=staff, starts=starts, ends=ends),),
        busy=(BusyStretch(staff=staff, starts=starts, ends=ends),),
    )


def segments(database: Database) -> list[tuple[str, str]]:
    """Who is busy from when to when, by name and time of day."""
    query = (
        "select s.name, to_char(lower(during) at time zone 'UTC', 'HH24:MI') || '-' ||"
        " to_char(upper(during) at time zone 'UTC', 'HH24:MI')"
        " from booking_segments join booking_staff s using (staff_no) order by s.name, during"
    )
    return database.execute(query).fetchall()


def insert(database: Database, start: str, end: str, professional: str | None = ANA, **columns: Any) -> str:
    """A row as the salon's own program writes one; returns its id."""
    row = {"salon_id": PLUMERIA, "professional_id": professional, "start_time": start, "end_time": end} | columns
    names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
    query = f"insert into bookings ({names}) values ({marks}) returning id::text"
    found = database.execute(query.encode(), list(row.values())).fetchone()
    assert found is not None
    return found[0]


@pytest.fixture
def old_salon(postgres: Cluster) -> Iterator[Database]:
    """A salon's project of before us, migrated; its salons have no location yet."""
    name = f"bookings_{next(numbers)}"
    postgres.create_database(name)
    with postgres.connect(name) as connection:
        bootstrap(connection)
        settle(connection)
        migrate(connection)
        yield connection


@pytest.fixture
def salon(old_salon: Database) -> Database:
    """The same, when Plumeria has become location 1."""
    old_salon.execute("update profiles set location_id = 1 where id = %s", [PLUMERIA])
    return old_salon


@pytest.fixture(scope="module")
def own_project(postgres: Cluster) -> Iterator[Project]:
    """An old salon's project of this file's own, with Plumeria as location 1."""
    with rig.project.running(postgres, "bookings_project", rig.project.settle, rig.project.migrate) as project:
        with project.connect() as database:
            database.execute("update profiles set location_id = 1 where id = %s", [PLUMERIA])
        yield project


@pytest.fixture
async def book(own_project: Project) -> AsyncIterator[BookingStore]:
    with own_project.connect() as database:
        database.execute("truncate bookings, booking_keys, text_messages cascade")
    own_project.gateway.faults.clear()
    async with SupabaseStore.open(own_project.url, own_project.gateway.secret_key) as store:
        yield store.bookings


async def hold(book: BookingStore, wanted: Visit | None = None, **how: Any) -> Booking:
    asked: dict[str, Any] = {"key": str(uuid.uuid4()), "call_sid": "CA1", "now": NOW, "expires_at": NOW + HOUR}
    return await book.hold(1, wanted or visit(), **(asked | how))


async def confirm(book: BookingStore, held: Booking, **how: Any) -> Booking:
    asked: dict[str, Any] = {"key": str(uuid.uuid4()), "call_sid": "CA1", "now": NOW, "customer_name": "Noa"}
    return await book.confirm(1, held.booking_id, **(asked | {"customer_phone": "+18085550199"} | how))


def row_of(project: Project, booking_id: str) -> dict[str, Any]:
    with project.connect() as database:
        found = database.cursor(row_factory=dict_row).execute("select * from bookings where id = %s", [booking_id])
        row = found.fetchone()
    assert row is not None
    return row


# What is there when we come


def test_old_overlapping_bookings_stay_and_their_time_is_taken(old_salon: Database):
    assert segments(old_salon) == []
    old_salon.execute("update profiles set location_id = 1 where id = %s", [PLUMERIA])

    assert segments(old_salon) == [("ana", "10:00-11:00"), ("ana", "11:00-11:30")]
    states = old_salon.execute("select state, status, location_id from bookings where salon_id = %s", [PLUMERIA])
    assert states.fetchall() == [("booked", "confirmed", 1)] * 2
    with pytest.raises(psycopg.errors.ExclusionViolation):
        insert(old_salon, "2025-05-01T11:15Z", "2025-05-01T12:00Z")


def test_an_old_overlapping_booking_can_still_be_noted_and_cancelled(salon: Database):
    salon.execute("update bookings set status = 'completed', client_name = 'Noa' where end_time = '2025-05-01T11:30Z'")
    assert len(segments(salon)) == 2
    salon.execute("update bookings set status = 'canceled' where end_time = '2025-05-01T11:30Z'")
    assert segments(salon) == [("ana", "10:00-11:00")]


def test_a_shop_that_moves_to_another_location_takes_its_bookings_along(salon: Database):
    salon.execute("update profiles set location_id = 7 where id = %s", [PLUMERIA])
    rows = salon.execute("select distinct location_id from booking_segments").fetchall()
    assert (rows, len(segments(salon))) == ([(7,)], 2)


# What other programs write


def test_what_the_salons_own_program_books_takes_time(salon: Database):
    salon.execute("truncate bookings cascade")
    booking = insert(salon, "2026-11-24T10:00Z", "2026-11-24T11:00Z")
    assert segments(salon) == [("ana", "10:00-11:00")]

    salon.execute("update bookings set start_time = '2026-11-24T10:30Z' where id = %s", [booking])
    assert segments(salon) == [("ana", "10:30-11:00")]
    salon.execute("update bookings set status = 'cancelled' where id = %s", [booking])
    assert segments(salon) == []
    salon.execute("update bookings set status = 'confirmed' where id = %s", [booking])
    assert segments(salon) == [("ana", "10:30-11:00")]
    salon.execute("delete from bookings where id = %s", [booking])
    assert segments(salon) == []


@pytest.mark.parametrize(
    "write",
    [
        "insert into bookings (salon_id, professional_id, start_time, end_time)"
        " select salon_id, professional_id, start_time + interval '15 min', end_time from bookings limit 1",
        "update bookings set start_time = start_time - interval '2 hours' where start_time = '2026-11-24T12:00Z'",
        "update bookings set status = 'confirmed' where status = 'cancelled'",
        "insert into booking_segments select booking_id, location_id, staff_no, tstzrange(lower(during), null)"
        " from booking_segments limit 1",
    ],
)
def test_no_write_at_all_makes_two_visits_overlap(salon: Database, write: str):
    salon.execute("truncate bookings cascade")
    insert(salon, "2026-11-24T10:00Z", "2026-11-24T11:00Z")
    insert(salon, "2026-11-24T12:00Z", "2026-11-24T13:00Z")
    insert(salon, "2026-11-24T10:00Z", "2026-11-24T11:00Z", status="cancelled")
    before = segments(salon)
    with pytest.raises(psycopg.errors.ExclusionViolation):
        salon.execute(write.encode())
    assert segments(salon) == before


def test_a_row_that_names_nobody_blocks_only_where_there_is_nobody_to_name(salon: Database):
    salon.execute("truncate bookings cascade")
    insert(salon, "2026-11-24T10:00Z", "2026-11-24T11:00Z", None)
    insert(salon, "2026-11-24T10:00Z", "2026-11-24T11:00Z", None)
    assert segments(salon) == []
    salon.execute("truncate bookings, professionals cascade")
    insert(salon, "2026-11-24T10:00Z", "2026-11-24T11:00Z", None)
    assert segments(salon) == [("", "10:00-11:00")]


async def test_what_another_program_booked_is_in_our_book(book: BookingStore, own_project: Project):
    with own_project.connect() as database:
        theirs = insert(database, "2026-11-24T10:00Z", "2026-11-24T11:00Z", client_name="Kai")
        insert(database, "2026-11-24T15:00Z", "2026-11-24T15:00Z")  # takes no time
    with pytest.raises(Conflict):
        await hold(book, visit(TEN + timedelta(minutes=30)))

    (found,) = await book.bookings_between(1, TEN - HOUR, TEN + 9 * HOUR, now=NOW)
    assert (found.booking_id, found.state, found.customer_name) == (theirs, "booked", "Kai")
    assert found.visit == visit(service="Appointment")

    held = await hold(book, visit(TEN + timedelta(minutes=30)), moves=theirs)
    moved = await confirm(book, held)
    assert (moved.booking_id, moved.revision) == (theirs, 2)
    assert row_of(own_project, theirs)["start_time"] == TEN + timedelta(minutes=30)


# What the salon's dashboard sees of ours


async def test_our_bookings_fill_the_columns_of_old(book: BookingStore, own_project: Project):
    held = await hold(book, visit(staff="  ANA"))
    row = row_of(own_project, held.booking_id)
    assert (row["status"], str(row["salon_id"]), str(row["professional_id"])) == ("held", PLUMERIA, ANA)
    assert (row["start_time"], row["end_time"]) == (TEN, TEN + HOUR)
    assert row["service_id"] is not None

    made = await confirm(book, held)
    assert row_of(own_project, made.booking_id)["status"] == "booked"
    await book.cancel(1, made.booking_id, key="k", now=NOW)
    assert row_of(own_project, made.booking_id)["status"] == "cancelled"


async def test_somebody_the_project_does_not_know_can_be_booked(book: BookingStore, own_project: Project):
    held = await hold(book, visit(staff="Nobody Known", service="Something New"))
    row = row_of(own_project, held.booking_id)
    assert (row["professional_id"], row["service_id"]) == (None, None)


async def test_a_dashboard_that_moves_our_booking_is_believed(book: BookingStore, own_project: Project):
    made = await confirm(book, await hold(book))
    to_move = await hold(book, visit(TEN + timedelta(minutes=30)), moves=made.booking_id)
    with own_project.connect() as database:
        later = "start_time = start_time + interval '3 hours', end_time = end_time + interval '3 hours'"
        database.execute(f"update bookings set {later} where id = %s".encode(), [made.booking_id])
        assert segments(database) == [("ana", "13:00-14:00")]

    found = await book.get_booking(1, made.booking_id)
    assert found is not None
    assert (found.visit, found.revision) == (visit(TEN + 3 * HOUR), 2)
    with pytest.raises(Conflict) as refused:  # it was to move away from a time it has no more
        await confirm(book, to_move)
    assert refused.value.code == "hold_expired"


async def test_a_dashboard_that_cancels_our_booking_is_believed(book: BookingStore, own_project: Project):
    made = await confirm(book, await hold(book))
    with own_project.connect() as database:
        database.execute("update bookings set status = 'cancelled' where id = %s", [made.booking_id])
    found = await book.get_booking(1, made.booking_id)
    assert found is not None
    assert found.state == "cancelled"
    assert (await hold(book)).state == "held"


async def test_a_login_of_the_salon_books_on_and_only_for_itself(book: BookingStore, own_project: Project):
    """By the policies it had before us, which our triggers and constraints stand behind."""
    gateway, token = own_project.gateway, own_project.gateway.token("authenticated", PLUMERIA)
    headers = {"apikey": gateway.publishable_key, "Authorization": f"Bearer {token}"}
    row = {"salon_id": PLUMERIA, "professional_id": ANA, "start_time": TEN.isoformat()}

    def post(**columns: Any) -> int:
        theirs = row | {"end_time": (TEN + HOUR).isoformat()} | columns
        return own_project.http.post("bookings", headers=headers, json=theirs).status_code

    assert post() == 201
    assert post() == 400  # the constraint's refusal
    assert post(professional_id=None, location_id=2) == 403
    assert post(professional_id=None, salon_id=PLUMERIA[:-1] + "2") == 403
    with pytest.raises(Conflict):
        await hold(book)
    taken = own_project.http.delete("booking_segments?location_id=eq.1", headers=headers)
    assert taken.status_code == 403


# Texts that are owed


async def test_each_change_of_an_appointment_owes_one_text(book: BookingStore, own_project: Project):
    made = await confirm(book, await hold(book), key="k1")
    held = await hold(book, visit(TEN + 3 * HOUR), moves=made.booking_id)
    for _ in range(2):
        await confirm(book, held, key="k2")
        await book.cancel(1, made.booking_id, key="k3", now=NOW + HOUR)
    nameless = await confirm(book, await hold(book, visit(TEN)), customer_phone="")
    await book.cancel(1, nameless.booking_id, key="k4", now=NOW)
    await book.cancel(1, (await hold(book)).booking_id, key="k5", now=NOW)

    with own_project.connect() as database:
        columns = "kind, revision, to_number, state, not_before, location_id, booking_id"
        owed = database.execute(f"select {columns} from text_messages order by revision, kind".encode()).fetchall()
    rest = ("+18085550199", "due")
    whose = (1, made.booking_id)
    assert owed == [
        ("booked", 1, *rest, NOW, *whose),
        ("cancelled", 2, *rest, NOW + HOUR, *whose),
        ("moved", 2, *rest, NOW, *whose),
    ]


# When an answer is lost, or somebody else holds the lock


@pytest.mark.parametrize("fault", ["lost answer", "503", "html502", "html200"])
async def test_a_write_is_asked_for_once_more_and_made_once(book: BookingStore, own_project: Project, fault: Any):
    gateway = own_project.gateway
    gateway.faults.append(fault)
    held = await hold(book)
    gateway.faults.append(fault)
    made = await confirm(book, held)
    gateway.faults.append(fault)
    gone = await book.cancel(1, made.booking_id, key="k", now=NOW)
    lunch = made.model_copy(update={"booking_id": str(uuid.uuid4())})
    gateway.faults.append(fault)
    assert await book.put_booking(lunch) == lunch

    assert (gone.booking_id, gone.state) == (held.booking_id, "cancelled")
    with own_project.connect() as database:
        assert database.execute("select count(*) from bookings").fetchone() == (2,)
        assert database.execute("select count(*) from text_messages").fetchone() == (2,)


async def test_twice_without_an_answer_is_unavailable_and_the_key_still_holds(book: BookingStore, own_project: Project):
    own_project.gateway.faults += ["lost answer", "lost answer"]
    before = own_project.gateway.requests
    with pytest.raises(Unavailable):
        await hold(book, key="k")
    assert own_project.gateway.requests == before + 2
    held = await hold(book, key="k")
    assert [b.booking_id for b in await book.bookings_between(1, TEN, TEN + HOUR, now=NOW)] == [held.booking_id]


async def test_a_refusal_is_not_asked_for_again(book: BookingStore, own_project: Project):
    await hold(book)
    before = own_project.gateway.requests
    with pytest.raises(Conflict):
        await hold(book, call_sid="CA2")
    assert own_project.gateway.requests == before + 1


async def test_waiting_for_ones_turn_is_bounded(book: BookingStore, own_project: Project):
    with own_project.connect() as database, database.transaction():
        database.execute("select chairside.take_turn(1)")
        async with asyncio.timeout(6):
            with pytest.raises(Unavailable):
                await hold(book, key="k")
        assert await book.bookings_between(1, TEN, TEN + HOUR, now=NOW) == []  # reading waits for nobody
    assert (await hold(book, key="k")).state == "held"
