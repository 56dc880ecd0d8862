"""POST /sms, from a customer's phone through the emulated Twilio to the book and back."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
import pytest_asyncio
from house import COPPER_LANE, PLUMERIA, House, open_house, without
from text_rig import confirmed, visit

from agent.events import BookingChanged
from agent.model import Booking, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")
numbers = (f"+1202555{at:04}" for at in itertools.count(100))
days = itertools.count(2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncGenerator[House]:
    async with open_house() as running:
        yield running


@pytest.fixture
def customer() -> str:
    """A number nobody has used."""
    return next(numbers)


async def book(house: House, phone: str, *, hours: float | None = None, shop: Shop = PLUMERIA) -> Booking:
    """An appointment some days, or so many hours, from now."""
    ahead = timedelta(hours=hours) if hours is not None else timedelta(days=next(days))
    now = datetime.now(UTC)
    return await house.services.bookings.put_booking(
        Booking(
            booking_id=str(uuid.uuid4()),
            location_id=shop.location_id,
            state="booked",
            visit=visit(now.replace(microsecond=0) + ahead, ("Women's Haircut", f"Stylist {uuid.uuid4().hex[:6]}")),
            customer_phone=phone,
            created_at=now,
            changed_at=now,
        )
    )


async def ask(house: House, sender: str, body: str, shop: Shop = PLUMERIA) -> str:
    """Send a text; returns the reply ("": none)."""
    answer = await house.caller.text(sender, shop.phone_number, body)
    assert answer.status == 200, answer
    root = ElementTree.fromstring(answer.text)  # noqa: S314 - our own server's
    assert root.tag == "Response"
    assert [child.tag for child in root] in ([], ["Message"])
    return "".join(root.itertext())


async def state(house: House, booking: Booking) -> str:
    found = await house.services.bookings.get_booking(booking.location_id, booking.booking_id)
    assert found is not None
    return found.state


@pytest.mark.parametrize("body", ["C", "cancel", "Cancel please! 🙏"])
async def test_c_cancels_the_only_appointment_and_says_so_once(house: House, customer: str, body: str):
    booking = await book(house, customer)
    reply = await ask(house, customer, body)
    assert reply.startswith("Cancelled: Women's Haircut with Stylist")
    assert PLUMERIA.phone_number in reply
    assert await state(house, booking) == "cancelled"
    told = await house.event(BookingChanged, location_id=1)
    assert any(event.booking.booking_id == booking.booking_id for event in house.told(BookingChanged)), told
    texts = await house.services.texts.get_texts(1, limit=100)
    (owed,) = [text for text in texts if text.booking_id == booking.booking_id]
    assert (owed.state, owed.last_error) == ("skipped", "told_already")


async def test_a_confirmation_arrives_and_is_answered(house: House, customer: str):
    """The whole way round: the book owes a text, the sender sends it, the customer answers it."""
    phone = house.stage.twilio.texts
    starts = datetime.now(UTC).replace(microsecond=0) + timedelta(days=next(days))
    what = visit(starts, ("Balayage", "Noa"), minutes=1)
    booking = await confirmed(house.services.bookings, what, customer, datetime.now(UTC))
    house.services.bus.publish(BookingChanged(at=datetime.now(UTC), location_id=1, booking=booking))
    async with asyncio.timeout(5):
        while not phone.sent_to(customer):
            await asyncio.sleep(0.01)
    assert "you're booked: Balayage with Noa" in phone.sent_to(customer)[0]
    assert (await ask(house, customer, "c")).startswith("Cancelled: Balayage with Noa")
    assert await state(house, booking) == "cancelled"
    assert len(phone.sent_to(customer)) == 2


async def test_a_wish_that_failed_is_tried_anew_when_twilio_brings_it_again(house: House, customer: str):
    booking = await book(house, customer)
    form = house.caller.text_form("SM" + uuid.uuid4().hex, customer, PLUMERIA.phone_number, "c")
    with without(house, "bookings"):
        assert "did not work" in (await house.caller.post("/sms", form)).text
    assert "Cancelled: " in (await house.caller.post("/sms", form)).text
    assert await state(house, booking) == "cancelled"


async def test_without_an_appointment_the_customer_is_told(house: House, customer: str):
    assert "no upcoming appointment" in await ask(house, customer, "C")


async def test_one_that_has_begun_is_not_cancelled(house: House, customer: str):
    booking = await book(house, customer, hours=-0.2)
    assert "no upcoming appointment" in await ask(house, customer, "C")
    assert await state(house, booking) == "booked"


async def test_several_are_listed_and_cancelled_by_their_number(house: House, customer: str):
    first, second = await book(house, customer), await book(house, customer)
    listed = await ask(house, customer, "C")
    assert listed.startswith("Which one? C1: ")
    assert listed.endswith("Reply C1 or C2.")
    assert [await state(house, one) for one in (first, second)] == ["booked", "booked"]
    assert (await ask(house, customer, "C2")).startswith("Cancelled: ")
    assert [await state(house, one) for one in (first, second)] == ["booked", "cancelled"]


async def test_numbers_stand_for_the_list_that_was_sent_whatever_was_cancelled_since(house: House, customer: str):
    bookings = [await book(house, customer) for _ in range(3)]
    await ask(house, customer, "C")
    for body in ("C1", "C2", "c1"):
        reply = await ask(house, customer, body)
    assert reply.startswith("Already cancelled: ")
    assert [await state(house, one) for one in bookings] == ["cancelled", "cancelled", "booked"]


@pytest.mark.parametrize("body", ["C1", "C2", "C0", "C9"])
async def test_a_number_that_was_never_offered_cancels_nothing(house: House, customer: str, body: str):
    bookings = [await book(house, customer) for _ in range(2)]
    assert "Which one?" in await ask(house, customer, body)
    assert [await state(house, one) for one in bookings] == ["booked", "booked"]


async def test_a_number_without_a_list_is_asked_about_though_there_is_but_one(house: House, customer: str):
    booking = await book(house, customer)
    assert (await ask(house, customer, "C1")).endswith("Reply C1 to cancel it.")
    assert await state(house, booking) == "booked"
    assert (await ask(house, customer, "C1")).startswith("Cancelled: ")


async def test_nobody_cancels_what_is_booked_under_another_number(house: House, customer: str):
    theirs = await book(house, customer)
    stranger = next(numbers)
    house.stage.twilio.texts.cookies[PLUMERIA.phone_number, stranger] = {"offered": theirs.booking_id}
    for body in ("C", "C1", f"cancel {theirs.booking_id}"):
        assert "Cancelled" not in await ask(house, stranger, body)
    assert await state(house, theirs) == "booked"


async def test_an_appointment_at_another_shop_stays(house: House, customer: str):
    theirs = await book(house, customer, shop=COPPER_LANE)
    assert "no upcoming appointment" in await ask(house, customer, "C")
    assert await state(house, theirs) == "booked"
    assert (await ask(house, customer, "C", COPPER_LANE)).startswith("Cancelled: ")


async def test_a_text_that_twilio_brings_again_is_answered_alike_and_done_once(house: House, customer: str):
    booking = await book(house, customer)
    form = house.caller.text_form("SM" + uuid.uuid4().hex, customer, PLUMERIA.phone_number, "c")
    answers = [await house.caller.post("/sms", form) for _ in range(2)]
    assert "Cancelled: " in answers[0].text
    assert answers[0].text == answers[1].text
    changes = [event for event in house.told(BookingChanged) if event.booking.booking_id == booking.booking_id]
    assert len(changes) == 1


async def test_the_shops_rule_on_late_cancelling_is_told():
    rules = PLUMERIA.booking.model_copy(update={"cancel_notice_hours": 24, "late_text": "We charge half for that."})
    async with open_house(shops=(PLUMERIA.model_copy(update={"booking": rules}),)) as house:
        late, early = next(numbers), next(numbers)
        await book(house, late, hours=5)
        await book(house, early, hours=50)
        assert "We charge half for that." in await ask(house, late, "C")
        assert "We charge" not in await ask(house, early, "C")


@pytest.mark.parametrize("word", ["STOP", "Unsubscribe", "END", "quit", "StopAll"])
async def test_stop_is_kept_and_left_to_twilio_to_answer(house: House, customer: str, word: str):
    assert await ask(house, customer, word) == ""
    assert await house.services.texts.is_opted_out(1, customer)
    assert not await house.services.texts.is_opted_out(COPPER_LANE.location_id, customer)
    assert await ask(house, customer, "START") == ""
    assert not await house.services.texts.is_opted_out(1, customer)


async def test_twilios_own_word_on_an_opt_out_counts(house: House, customer: str):
    for kind, out in (("STOP", True), ("HELP", True), ("START", False)):
        form = house.caller.text_form("SM" + uuid.uuid4().hex, customer, PLUMERIA.phone_number, "basta")
        answer = await house.caller.post("/sms", {**form, "OptOutType": kind})
        assert answer.text.endswith("<Response />")
        assert await house.services.texts.is_opted_out(1, customer) is out


async def test_cancel_alone_cancels_though_twilio_takes_it_for_stop(house: House, customer: str):
    booking = await book(house, customer)
    assert (await ask(house, customer, "CANCEL")).startswith("Cancelled: ")
    assert await state(house, booking) == "cancelled"
    assert house.stage.twilio.texts.sent_to(customer) == []  # which is why texts say "Reply C"


@pytest.mark.parametrize("body", ["What time was it?", "", "ok thanks", "x" * 10_000, "\0\n<Message>", "☎️" * 300])
async def test_anything_else_gets_one_sentence_with_the_shops_phone(house: House, customer: str, body: str):
    reply = await ask(house, customer, body)
    assert PLUMERIA.phone_number in reply
    assert len(reply) <= 160


@pytest.mark.parametrize("sender", ["", "anonymous", "12345", "CHOPCO", "+1", "9" * 5000])
async def test_who_cannot_be_answered_is_not(house: House, sender: str):
    assert await ask(house, sender, "C") == ""


@pytest.mark.parametrize("to", ["+15005550006", "", "CHOPCO"])
async def test_a_number_that_leads_to_no_shop_answers_nothing(house: House, customer: str, to: str):
    answer = await house.caller.text(customer, to, "C")
    assert (answer.status, answer.text.endswith("<Response />")) == (200, True)


async def test_without_a_book_the_customer_is_told_the_truth(house: House, customer: str):
    booking = await book(house, customer)
    with without(house, "bookings"), without(house, "text_optouts"):
        assert "did not work" in await ask(house, customer, "C")
        assert (await house.caller.text(customer, PLUMERIA.phone_number, "STOP")).status == 503
    assert [line for line in house.warnings if "the wish to cancel failed: [store/" in line]
    assert await state(house, booking) == "booked"
