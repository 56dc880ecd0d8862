"""The sender of texts: what is in the book is said once, whatever happens to the wire or to a process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from house import PLUMERIA
from text_rig import CUSTOMER, PATIENT, Desk, open_desk

from agent.emulators.faults import Fault
from agent.events import BookingChanged
from agent.telephony.text_words import confirmation, reference, told_when
from agent.telephony.texts import Patience


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    async with open_desk(tmp_path) as running:
        yield running


def order(desk: Desk, kind: str, times: int = 1, **more: object) -> None:
    fault = {"vendor": "twilio", "kind": kind, "path": "/Messages", "times": times, **more}
    desk.twilio.order(Fault.model_validate(fault))


async def test_a_booking_is_told_from_the_shops_number_in_the_shops_time(desk: Desk):
    starts = desk.in_days(3)
    await desk.book(starts)
    async with desk.sender():
        text = await desk.text("sent")
    (message,) = desk.twilio.messages
    assert (message["from"], message["to"]) == (PLUMERIA.phone_number, CUSTOMER)
    assert message["body"] == (
        f"{PLUMERIA.business_name}: you're booked: Women's Haircut with Ana, "
        f"{told_when(starts, PLUMERIA, desk.now)}. Reply C to cancel. STOP to opt out. {reference(text)}"
    )
    assert "at 5:45 PM" in message["body"]
    assert (text.provider_sid, text.attempts, text.last_error) == (message["sid"], 1, "")


async def test_an_event_wakes_the_sender(desk: Desk):
    async with desk.sender(Patience(look_s=3600)):
        await asyncio.sleep(0.05)  # its first look is over
        booking = await desk.book(desk.in_days(3))
        desk.bus.publish(BookingChanged(at=desk.now, location_id=1, booking=booking))
        await desk.text("sent")


async def test_moving_and_cancelling_have_texts_of_their_own(desk: Desk):
    async with desk.sender():
        booking = await desk.book(desk.in_days(3))
        await desk.text("sent", kind="booked")
        booking = await desk.move(booking, desk.in_days(4, 9, 0))
        await desk.text("sent", kind="moved")
        await desk.cancel(booking)
        await desk.text("sent", kind="cancelled")
    booked, moved, cancelled = desk.sent
    assert "you're booked" in booked
    assert "has moved: Women's Haircut with Ana, now" in moved
    assert "at 9 AM" in moved
    assert f"cancelled: Women's Haircut with Ana, {told_when(desk.in_days(4, 9, 0), PLUMERIA, desk.now)}" in cancelled
    assert len({body.split()[-1] for body in desk.sent}) == 3


async def test_what_has_changed_meanwhile_is_told_as_it_is_now(desk: Desk):
    booking = await desk.move(await desk.book(desk.in_days(3)), desk.in_days(5))
    gone = await desk.book(desk.in_days(6), phone="+12025550144")
    await desk.cancel(gone)
    async with desk.sender():
        await desk.text("skipped", kind="booked", booking_id=booking.booking_id, last_error="superseded")
        await desk.text("skipped", kind="booked", booking_id=gone.booking_id, last_error="superseded")
        await desk.text("sent", kind="moved")
        await desk.text("sent", kind="cancelled")
    assert len(desk.sent) == 2


async def test_too_many_requests_wait_as_long_as_twilio_says(desk: Desk):
    order(desk, "status", status=429, retry_after_s=300)
    await desk.book(desk.in_days(3))
    async with desk.sender():
        waiting = await desk.text("due", attempts=1)
        assert (waiting.last_error, waiting.not_before) == ("twilio_429", desk.now + timedelta(seconds=300))
        desk.now += timedelta(seconds=299)
        await asyncio.sleep(0.05)
        assert desk.posts == 1
        desk.now += timedelta(seconds=1)
        await desk.text("sent", attempts=2)
    assert len(desk.sent) == 1


async def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(desk: Desk):
    order(desk, "lose_answer")
    await desk.book(desk.in_days(3))
    async with desk.sender():
        assert (await desk.text("due", attempts=1)).last_error == "twilio_unreachable"
        desk.now += timedelta(seconds=30)
        text = await desk.text("sent", attempts=2)
    (message,) = desk.twilio.messages
    assert text.provider_sid == message["sid"]


async def test_a_text_is_found_in_a_long_thread_though_twilio_and_the_shop_have_changed_it(desk: Desk):
    order(desk, "lose_answer")
    await desk.book(desk.in_days(3))
    async with desk.sender():
        await desk.text("due", attempts=1)
        desk.twilio.messages[0]["body"] = "Sent from your Twilio trial account - " + desk.twilio.messages[0]["body"]
        for _ in range(60):  # it is far back by now
            desk.twilio.texts.add("outbound-api", PLUMERIA.phone_number, CUSTOMER, "Our spring offers!")
        desk.now += timedelta(seconds=30)
        text = await desk.text("sent", attempts=2)
    assert text.provider_sid == desk.twilio.messages[0]["sid"]
    assert len(desk.sent) == 61


async def test_a_phone_company_that_stays_away_is_given_up_and_that_is_seen(desk: Desk):
    order(desk, "status", times=50, status=500)
    await desk.book(desk.in_days(30))
    async with desk.sender() as sender:
        for tries in range(1, 6):
            assert (await desk.text("due", attempts=tries)).last_error == "twilio_500"
            desk.now += timedelta(seconds=30 * 2 ** (tries - 1))
        text = await desk.text("failed", attempts=6)
        assert sender.counters["failed"] == 1
    assert (text.last_error, desk.sent) == ("twilio_500", [])


async def test_who_has_answered_stop_is_never_asked_for_again(desk: Desk):
    desk.twilio.texts.stopped.add((PLUMERIA.phone_number, CUSTOMER))
    first = await desk.book(desk.in_days(3))
    async with desk.sender():
        await desk.text("stopped", booking_id=first.booking_id, last_error="text_stopped")
        assert await desk.store.texts.is_opted_out(1, CUSTOMER)
        second = await desk.book(desk.in_days(4))
        await desk.text("stopped", booking_id=second.booking_id)
    assert (desk.posts, desk.sent) == (1, [])


async def test_a_number_that_takes_no_texts_fails_at_once(desk: Desk):
    desk.twilio.texts.landlines.add(CUSTOMER)
    await desk.book(desk.in_days(3))
    async with desk.sender():
        text = await desk.text("failed")
    assert (text.last_error, text.attempts, desk.posts) == ("text_number_invalid", 1, 1)


@pytest.mark.parametrize("phone", ["anonymous", "Restricted", "2025550143", "sip:kim@example.test"])
async def test_a_withheld_number_is_skipped(desk: Desk, phone: str):
    await desk.book(desk.in_days(3), phone=phone)
    async with desk.sender():
        assert (await desk.text("skipped")).last_error == "number_unknown"
    assert desk.posts == 0


async def test_a_shop_without_texts_sends_none(tmp_path: Path):
    quiet = PLUMERIA.model_copy(update={"booking": PLUMERIA.booking.model_copy(update={"texts": False})})
    async with open_desk(tmp_path, quiet) as desk:
        await desk.book(desk.in_days(3))
        async with desk.sender():
            assert (await desk.text("skipped")).last_error == "texts_off"
        assert desk.posts == 0


async def test_a_shop_that_is_not_known_yet_is_waited_for(desk: Desk):
    other = PLUMERIA.model_copy(update={"location_id": 7, "phone_number": "+18085550107"})
    await desk.book(desk.in_days(3), location_id=7)
    async with desk.sender():
        assert (await desk.text("due", attempts=1, location_id=7)).last_error == "shop_unknown"
        await desk.store.store_knowledge("location_7", other)
        await desk.knowledge.refresh()
        desk.now += timedelta(seconds=30)
        await desk.text("sent", attempts=2, location_id=7)
    assert desk.twilio.messages[0]["from"] == "+18085550107"


async def test_an_appointment_that_has_begun_is_not_announced(desk: Desk):
    await desk.book(desk.now + timedelta(minutes=5))
    desk.now += timedelta(minutes=6)
    async with desk.sender():
        assert (await desk.text("skipped")).last_error == "too_late"


async def test_several_senders_send_each_text_once(desk: Desk):
    for at in range(12):
        await desk.book(desk.in_days(3 + at), phone=f"+120255501{at:02}")
    async with desk.sender(), desk.sender(), desk.sender():
        async with asyncio.timeout(5):
            while {text.state for text in await desk.texts()} != {"sent"}:
                await asyncio.sleep(0.01)
    assert len(desk.sent) == len(set(desk.sent)) == 12


@pytest.mark.parametrize("accepted", [True, False], ids=["after it was accepted", "before it was sent"])
async def test_a_process_that_died_with_a_text_in_hand_leaves_one_text(desk: Desk, accepted: bool):
    booking = await desk.book(desk.in_days(3))
    lease = desk.now + timedelta(seconds=60)
    (held,) = await desk.store.texts.claim_texts(now=desk.now, until=lease)
    if accepted:
        body = confirmation(held, booking, PLUMERIA, desk.now)
        await desk.telephone.send_text(sender=PLUMERIA.phone_number, to=CUSTOMER, body=body)
    async with desk.sender():
        await asyncio.sleep(0.05)
        assert (await desk.texts())[0].state == "sending"
        desk.now = lease
        text = await desk.text("sent", attempts=2)
    assert [message["sid"] for message in desk.twilio.messages] == [text.provider_sid]


async def test_a_refusal_of_our_keys_is_tried_again(desk: Desk):
    order(desk, "status", status=401)
    await desk.book(desk.in_days(3))
    async with desk.sender():
        assert (await desk.text("due", attempts=1)).last_error == "twilio_401"
        desk.now += timedelta(seconds=30)
        await desk.text("sent")


async def test_a_house_that_closes_finishes_the_text_in_hand(desk: Desk):
    await desk.book(desk.in_days(3))
    async with desk.sender():
        while not desk.twilio.connections:
            await asyncio.sleep(0)
    assert (await desk.texts())[0].state == "sent"
    assert PATIENT.lease_s > 15  # a look, a page more and a text, of five seconds each
