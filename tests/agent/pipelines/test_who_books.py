"""Under which name and which number an appointment is booked, whatever the model passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from agent.bookings.desk import Desk
from agent.events import BookingMade
from agent.model import Booking, Caller
from agent.pipelines.appointments import ASK_NUMBER, NOT_THE_NUMBER, Appointments, Reply
from agent.stores.embedded import EmbeddedStore
from tests.house import COPPER_LANE

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WITHHELD = "+266696687"
ASKS = "A fringe trim on Tuesday at eleven please."


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with EmbeddedStore.open(tmp_path / "chairside.db") as store:
        yield Desk(store.bookings, lambda _: COPPER_LANE, lambda: NOW)


class _Call:
    """A caller's turns, and after each what the model confirms with."""

    def __init__(self, desk: Desk, number: str) -> None:
        caller = Caller(call_sid="CA1", location_id=2, caller=number, called=COPPER_LANE.phone_number)
        self._of = Appointments(desk, COPPER_LANE, caller, lambda: NOW)
        self._turns: list[str] = []

    async def hold(self) -> None:
        self.say(ASKS)
        held = await self._of.hold(["fringe trim"], "tuesday at eleven", "", key="CA1:0")
        assert held.outcome == "ok", held

    def say(self, words: str) -> None:
        self._turns.append(words)
        self._of.listen(self._turns)

    async def confirm(self, said: str, name: str, phone: str = "") -> Reply:
        self.say(said)
        return await self._of.confirm(name, phone)


@pytest_asyncio.fixture
async def shown(desk: Desk) -> _Call:
    """A caller whose number is shown, and for whom a time is held."""
    call = _Call(desk, "+447700900123")
    await call.hold()
    return call


@pytest_asyncio.fixture
async def hidden(desk: Desk) -> _Call:
    """The same with a withheld number, who has agreed to the time and said their name."""
    call = _Call(desk, WITHHELD)
    await call.hold()
    assert (await call.confirm("Rosa Lind. Yes please.", "Rosa Lind")).say == ASK_NUMBER
    return call


def booked(reply: Reply) -> Booking:
    """The committed row a reply tells of."""
    assert reply.outcome == "ok", reply
    kind, facts = reply.events[0]
    made = facts["booking"]
    assert kind is BookingMade
    assert isinstance(made, Booking)
    return made


async def test_the_row_has_the_name_as_it_was_spelled(shown: _Call):
    reply = await shown.confirm("Chevonne Nguyen, S I O B H A N, N G U Y E N. Yes, book it.", "Chevonne Nguyen")
    assert booked(reply).customer_name == "Siobhan Nguyen"
    assert "under Siobhan Nguyen" in reply.say


async def test_the_number_of_the_line_is_what_counts_and_is_not_asked_for(shown: _Call):
    reply = await shown.confirm("Rosa Lind, yes, 07911 123456.", "Rosa Lind", "07911 123456")
    assert booked(reply).customer_phone == "+447700900123"


@pytest.mark.parametrize(
    "words", ["(keyed) 07911123456", "It's oh seven nine double one, one two three four five six."]
)
async def test_a_number_is_read_back_in_digits_before_it_is_used(hidden: _Call, words: str):
    asked = await hidden.confirm(words, "Rosa Lind", "07911 123456")
    assert asked.outcome == "refused"
    assert "zero seven nine one one, one two three four five six. Is that right?" in asked.say
    assert booked(await hidden.confirm("Yes.", "Rosa Lind")).customer_phone == "+447911123456"


async def test_a_yes_said_with_the_number_is_not_a_yes_to_what_was_understood(hidden: _Call):
    asked = await hidden.confirm("Yes, yes, 07911 123456.", "Rosa Lind", "07911 123456")
    again = await hidden.confirm("Um, hello?", "Rosa Lind", "07911 123456")
    assert asked.outcome == again.outcome == "refused"
    assert asked.say == again.say


async def test_a_corrected_number_is_read_back_anew(hidden: _Call):
    await hidden.confirm("(keyed) 07911123457", "Rosa Lind", "07911123457")
    asked = await hidden.confirm("(keyed) 07911123456", "Rosa Lind", "07911123456")
    assert "four five six. Is that right?" in asked.say
    reply = await hidden.confirm("That's right.", "Rosa Lind", "07911123456")
    assert booked(reply).customer_phone == "+447911123456"


async def test_a_number_in_two_breaths_is_one(hidden: _Call):
    hidden.say("It's oh seven nine one one.")
    asked = await hidden.confirm("One two three four five six.", "Rosa Lind", "07911 123456")
    assert "Is that right?" in asked.say


async def test_a_number_the_caller_never_gave_is_not_used(hidden: _Call):
    invented = await hidden.confirm("It is the usual one.", "Rosa Lind", "07911 123456")
    assert (invented.outcome, invented.say) == ("refused", NOT_THE_NUMBER)
    await hidden.confirm("(keyed) 07911123456", "Rosa Lind", "07911123456")
    swapped = await hidden.confirm("Yes, that's right.", "Rosa Lind", "07700 900999")
    assert (swapped.outcome, swapped.say) == ("refused", NOT_THE_NUMBER)


async def test_half_a_number_is_asked_for_again(hidden: _Call):
    assert (await hidden.confirm("(keyed) 0791", "Rosa Lind", "0791")).say == NOT_THE_NUMBER
