"""The caller's line dies at every step of a booking, or the caller talks over it: the book is whole, and they are told.

The store is held open for real: another connection has SQLite's write lock, so a commit waits at its very edge.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from rig.project import Project

from agent.emulators.mind import Reply, ToolCall, read
from agent.emulators.vendor import Json
from agent.events import (
    BookingCancelled,
    BookingHeld,
    BookingMade,
    BookingMoved,
    CallAnswered,
    CallEnded,
    ClaimMismatched,
    OfCall,
    ToolUsed,
    TurnHeard,
    TurnSpoken,
    TurnStarted,
)
from agent.model import Booking, BusyStretch, Visit, VisitPart, local
from agent.stores.supabase import SupabaseStore
from tests.calls.conftest import brief
from tests.house import PLUMERIA, Handset, House, new_sid, open_handset, open_house, ticket_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = brief(PLUMERIA)
WEDNESDAY = datetime(2026, 10, 28, 20, 0, tzinfo=UTC)
"""Ten in the morning in Honolulu; the clock stands there, and each test moves it on as it needs."""
BOOK_IT, MOVE_IT, CANCEL_IT = (f"This is Rosa Diaz. Yes, {verb} it please." for verb in ("book", "move", "cancel"))
_numbers = (f"+1808555{number:04d}" for number in count(2000))
_weeks = count(1)


class StandingClock:
    """Tells the moment it is set to."""

    def __init__(self) -> None:
        self.now = WEDNESDAY

    def __call__(self) -> datetime:
        return self.now


CLOCK = StandingClock()


def obedient(body: Json) -> Reply | None:
    """A model that does what the caller says at once, without a question of its own."""
    situation = read(body)
    words = situation.heard
    if situation.tool or situation.prompted:
        return None
    if words.startswith("And where"):
        return Reply(say="Behind us.")
    if words.startswith("A haircut"):
        facts = {"services": ["men's haircut"], "when": words, "staff": "Keoni"}
        return _uses("hold_appointment", **facts)
    if words in (BOOK_IT, MOVE_IT):
        return _uses("confirm_appointment", name="Rosa Diaz")
    if words.startswith("Move my haircut to"):
        return _uses("move_appointment", which="haircut", when=words.removeprefix("Move my haircut to"))
    if words.startswith("Cancel my haircut") or words == CANCEL_IT:
        return _uses("cancel_appointment", which="haircut")
    return None


def _uses(tool: str, **arguments: Any) -> Reply:
    return Reply(tools=(ToolCall(name=tool, arguments=arguments),))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncGenerator[House]:
    async with open_house(shops=(SHOP,), clock=CLOCK) as running:
        running.stage.openai.minds.append(obedient)
        yield running


class Talk:
    """One caller on a raw line, with a Wednesday of their own at three, and what came of it."""

    def __init__(self, house: House, handset: Handset, number: str) -> None:
        self.house, self.handset, self.number = house, handset, number
        self.call_sid = handset.call_sid
        self.starts = WEDNESDAY + timedelta(weeks=next(_weeks) % 12 + 1, hours=5)

    def day(self) -> str:
        """As the caller says it."""
        return f"{local(self.starts, SHOP):%B the %d}"

    async def says(self, words: str) -> None:
        speech = self.house.stage.phrasebook.register_speech(words, max_pause_ms=120)
        await self.handset.speak(speech.ulaw)

    def kill(self) -> None:
        """The connection is gone from one moment to the next: no `stop`, no closing handshake."""
        self.handset.socket.transport.abort()

    async def over(self) -> CallEnded:
        ended = await self.house.event(CallEnded, 15, call_sid=self.call_sid)
        assert ended.reason == "caller_hung_up"
        mine = self.events()
        assert mine[-1] == ended
        assert len([event for event in mine if isinstance(event, CallEnded)]) == 1
        assert [event.seq for event in mine] == list(range(1, len(mine) + 1))
        assert not [event for event in mine if isinstance(event, ClaimMismatched)]
        await until(lambda: self.house.services.switchboard.live == 0)
        return ended

    def events(self) -> list[OfCall]:
        return [event for event in self.house.events if isinstance(event, OfCall) and event.call_sid == self.call_sid]

    def kinds(self) -> list[type[OfCall]]:
        """What became of appointments in this call."""
        book = (BookingHeld, BookingMade, BookingMoved, BookingCancelled)
        return [type(event) for event in self.events() if isinstance(event, book)]

    async def book(self) -> list[Booking]:
        """What stands in the book at this call's time, now."""
        span = (self.starts, self.starts + timedelta(hours=1))
        return await self.house.services.bookings.bookings_between(SHOP.location_id, *span, now=CLOCK())

    async def hears(self, words: str) -> TurnSpoken:
        """The answer in which these words reached the caller's ear."""
        found: list[TurnSpoken] = []

        def heard() -> bool:
            spoken = self.house.told(TurnSpoken, call_sid=self.call_sid)
            found[:] = [event for event in spoken if words in event.heard_text]
            return bool(found)

        await until(heard, 25)  # people listen as long as it is spoken
        return found[0]

    async def held(self) -> Booking:
        await self.says(f"A haircut on {self.day()} at three.")
        return (await self.house.event(BookingHeld, 10, call_sid=self.call_sid)).booking

    def texts(self) -> list[str]:
        """What this caller was sent."""
        sent = self.house.stage.twilio.texts.messages
        return [str(text["body"]) for text in sent if text["to"] == self.number]

    async def texted(self, times: int) -> None:
        """So many texts were owed to them, and so many are sent."""
        owed = [t for t in await self.house.services.texts.get_texts(1, limit=500) if t.to_number == self.number]
        assert len(owed) == times
        await until(lambda: len(self.texts()) == times)

    async def owns(self) -> Booking:
        """The shop has put an appointment for them into the book: it sends no text."""
        ends = self.starts + timedelta(minutes=30)
        part = VisitPart(service="Men's Haircut", staff="Keoni Brooks", starts=self.starts, ends=ends)
        busy = BusyStretch(staff="Keoni Brooks", starts=self.starts, ends=ends)
        booking = Booking(
            booking_id=str(uuid.uuid4()),
            location_id=SHOP.location_id,
            state="booked",
            visit=Visit(parts=(part,), busy=(busy,)),
            customer_name="Rosa Diaz",
            customer_phone=self.number,
            created_at=CLOCK(),
            changed_at=CLOCK(),
        )
        return await self.house.services.bookings.put_booking(booking)


async def until(true: Callable[[], bool], timeout: float = 10) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(timeout):
        while not true():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def talking(house: House) -> AsyncGenerator[Talk]:
    """A call that was answered."""
    number = next(_numbers)
    async with open_handset(house.url, new_sid()) as handset:
        answer = await house.post("/voice", handset.call_sid, To=SHOP.phone_number, From=number, Caller=number)
        await handset.start(ticket_in(answer))
        await house.event(CallAnswered, 10, call_sid=handset.call_sid)
        yield Talk(house, handset, number)


@contextmanager
def write_lock(house: House) -> Iterator[Callable[[], None]]:
    """Nobody else can commit while this is open, or until the function is called that it gives."""
    with closing(sqlite3.connect(house.settings.database_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def release() -> None:
            if other.in_transaction:
                other.execute("ROLLBACK")

        try:
            yield release
        finally:
            release()


def is_waiting_in(function: str) -> bool:
    """Whether some task of the house waits inside this coroutine function."""
    for task in asyncio.all_tasks():
        at: Any = task.get_coro()
        while at is not None:
            if getattr(at, "__qualname__", "") == function:
                return True
            at = getattr(at, "cr_await", None)
    return False


async def committing(verb: str, store: str = "EmbeddedBookings") -> None:
    """A tool has handed its write to the store, and waits for it."""
    await until(lambda: is_waiting_in(f"{store}.{verb}"))


async def expires(house: House, talk: Talk) -> None:
    """A hold keeps its time for as long as the shop says, then somebody else may have it."""
    (held,) = await talk.book()
    assert (held.state, held.expires_at) == ("held", CLOCK() + timedelta(seconds=SHOP.booking.hold_s))
    CLOCK.now += timedelta(seconds=SHOP.booking.hold_s)
    assert await talk.book() == []
    async with talking(house) as other:
        other.starts = talk.starts
        assert (await other.held()).visit == held.visit
        other.kill()
        await other.over()
    CLOCK.now += timedelta(seconds=SHOP.booking.hold_s)


# A booking, step by step


async def test_before_anything_is_held(house: House):
    async with talking(house) as talk:
        heard = asyncio.create_task(talk.says(f"A haircut on {talk.day()} at three."))
        await house.event(TurnStarted, 10, call_sid=talk.call_sid)
        talk.kill()
        await heard
        await talk.over()
        assert await talk.book() == []
        await talk.texted(0)


async def test_while_a_time_is_being_held(house: House):
    async with talking(house) as talk:
        with write_lock(house):
            await talk.says(f"A haircut on {talk.day()} at three.")
            await committing("hold")
            talk.kill()
            assert await talk.book() == []
            assert not house.told(CallEnded, call_sid=talk.call_sid)
        await talk.over()
        assert talk.kinds() == [BookingHeld]
        await expires(house, talk)
        await talk.texted(0)


async def test_after_it_is_held(house: House):
    async with talking(house) as talk:
        await talk.held()
        talk.kill()
        await talk.over()
        await expires(house, talk)
        await talk.texted(0)


async def test_during_the_commit(house: House):
    async with talking(house) as talk:
        held = await talk.held()
        with write_lock(house):
            await talk.says(BOOK_IT)
            await committing("confirm")
            talk.kill()
            assert [booking.state for booking in await talk.book()] == ["held"]
            assert talk.texts() == []
        await talk.over()
        assert talk.kinds() == [BookingHeld, BookingMade]
        (booked,) = await talk.book()
        assert (booked.state, booked.booking_id, booked.visit) == ("booked", held.booking_id, held.visit)
        assert (booked.customer_name, booked.customer_phone) == ("Rosa Diaz", talk.number)
        await talk.texted(1)


async def test_after_the_commit_before_a_word_of_it(house: House):
    async with talking(house) as talk:
        await talk.held()
        await talk.says(BOOK_IT)
        await house.event(BookingMade, 10, call_sid=talk.call_sid)
        talk.kill()
        await talk.over()
        spoken = house.told(TurnSpoken, call_sid=talk.call_sid)
        assert not [event for event in spoken if "Keoni" in event.heard_text and "booked" in event.heard_text]
        (booked,) = await talk.book()
        assert booked.state == "booked"
        await talk.texted(1)


# A move and a cancellation


async def test_a_move_that_is_only_held_changes_nothing(house: House):
    async with talking(house) as talk:
        booking = await talk.owns()
        await talk.says("My name is Rosa Diaz.")
        await house.event(TurnHeard, 10, call_sid=talk.call_sid, final=True)
        await talk.says(f"Move my haircut to {talk.day()} at four.")
        await house.event(BookingHeld, 10, call_sid=talk.call_sid)
        talk.kill()
        await talk.over()
        assert [one for one in await talk.book() if one.state == "booked"] == [booking]
        CLOCK.now += timedelta(seconds=SHOP.booking.hold_s)
        assert await talk.book() == [booking]
        await talk.texted(0)


async def test_a_move_during_its_commit_is_one_move(house: House):
    async with talking(house) as talk:
        booking = await talk.owns()
        await talk.says("My name is Rosa Diaz.")
        await house.event(TurnHeard, 10, call_sid=talk.call_sid, final=True)
        await talk.says(f"Move my haircut to {talk.day()} at half past three.")
        await house.event(BookingHeld, 10, call_sid=talk.call_sid)
        with write_lock(house):
            await talk.says(MOVE_IT)
            await committing("confirm")
            talk.kill()
        await talk.over()
        (moved,) = await talk.book()
        assert (moved.booking_id, moved.revision) == (booking.booking_id, 2)
        assert moved.visit.starts == talk.starts + timedelta(minutes=30)
        assert talk.kinds() == [BookingHeld, BookingMoved]
        await talk.texted(1)


async def test_a_cancellation_that_was_only_asked_about_changes_nothing(house: House):
    async with talking(house) as talk:
        booking = await talk.owns()
        await talk.says("Cancel my haircut please, this is Rosa Diaz.")
        await house.event(ToolUsed, 10, call_sid=talk.call_sid, tool="cancel_appointment")
        talk.kill()
        await talk.over()
        assert await talk.book() == [booking]
        await talk.texted(0)


async def test_a_cancellation_during_its_commit_is_one(house: House):
    async with talking(house) as talk:
        await talk.owns()
        await talk.says("Cancel my haircut please, this is Rosa Diaz.")
        await house.event(ToolUsed, 10, call_sid=talk.call_sid, tool="cancel_appointment")
        with write_lock(house):
            await talk.says(CANCEL_IT)
            await committing("cancel")
            talk.kill()
        await talk.over()
        assert talk.kinds() == [BookingCancelled]
        assert await talk.book() == []
        await talk.texted(1)


# Talking over a commit


@pytest.mark.parametrize("released", ["while they speak", "when they have spoken"])
async def test_what_is_booked_while_the_caller_talks_over_it_is_told(house: House, released: str):
    async with talking(house) as talk:
        await talk.held()
        with write_lock(house) as release:
            await talk.says(BOOK_IT)
            await committing("confirm")
            over = asyncio.create_task(talk.says("And where?"))
            turn = (await house.event(TurnHeard, 10, call_sid=talk.call_sid, text=BOOK_IT, final=True)).turn
            await house.event(TurnStarted, 10, call_sid=talk.call_sid, turn=turn + 1)
            if released == "when they have spoken":
                await house.event(TurnHeard, 10, call_sid=talk.call_sid, turn=turn + 1, final=True)
            release()
        await over
        told = await talk.hears("You're booked: Men's Haircut with Keoni Brooks")
        assert told.turn == turn + 1
        talk.kill()
        await talk.over()
        assert talk.kinds() == [BookingHeld, BookingMade]
        assert [booking.state for booking in await talk.book()] == ["booked"]
        await talk.texted(1)


async def test_who_says_goodbye_into_a_commit_hears_of_it_before_the_goodbye(house: House):
    async with talking(house) as talk:
        await talk.held()
        with write_lock(house) as release:
            await talk.says(BOOK_IT)
            await committing("confirm")
            asked = len(house.stage.openai.requests)
            await talk.says("That's all, goodbye.")
            await house.event(TurnHeard, 10, call_sid=talk.call_sid, text="That's all, goodbye.", final=True)
            await until(lambda: len(house.stage.openai.requests) > asked)
            release()
        told = await talk.hears("You're booked: Men's Haircut with Keoni Brooks")
        ended = await house.event(CallEnded, 10, call_sid=talk.call_sid)
        assert ended.reason == "agent_hung_up"
        last = house.told(TurnSpoken, call_sid=talk.call_sid)[-1]
        assert told.seq <= last.seq
        await talk.texted(1)


async def test_a_time_that_was_read_back_to_nobody_is_not_agreed_to(house: House):
    """They say yes to something else while the hold is under way, and have not heard what they would agree to."""
    async with talking(house) as talk:
        with write_lock(house):
            await talk.says(f"A haircut on {talk.day()} at three.")
            await committing("hold")
            await talk.says(BOOK_IT)
        used = await house.event(ToolUsed, 10, call_sid=talk.call_sid, tool="confirm_appointment")
        assert used.outcome == "refused"
        assert talk.kinds() == [BookingHeld]
        await talk.says(BOOK_IT)
        await house.event(BookingMade, 10, call_sid=talk.call_sid)
        talk.kill()
        await talk.over()
        await talk.texted(1)


# On Supabase


async def test_on_supabase_a_dead_line_during_the_commit_books_once(supabase_project: Project):
    supabase_project.empty()
    url, key = supabase_project.url, supabase_project.gateway.secret_key
    async with SupabaseStore.open(url, key) as store:
        await store.store_knowledge("location_1", SHOP)
    async with open_house(shops=(), clock=CLOCK, supabase_url=url, supabase_secret_key=SecretStr(key)) as house:
        house.stage.openai.minds.append(obedient)
        async with talking(house) as talk:
            await talk.held()
            with supabase_project.connect() as other:
                other.execute("select pg_advisory_lock(7240116, %s)", (SHOP.location_id,))
                await talk.says(BOOK_IT)
                await committing("confirm", "SupabaseBookings")
                talk.kill()
            await talk.over()
            assert talk.kinds() == [BookingHeld, BookingMade]
            assert [booking.state for booking in await talk.book()] == ["booked"]
            await talk.texted(1)
