"""One call and the book, without a phone: whatever the model passes, callers get what they agreed to, or an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from agent.errors import StoreError
from agent.events import BookingCancelled, BookingHeld, BookingMade, BookingMoved
from agent.model import Away
from agent.pipelines.appointments import ASK_NAME, NOT_YOURS, NOTHING_HELD, Reply
from tests.agent.bookings.front_desk import OTHER_NUMBER, WITHHELD, FrontDesk, OneCall, open_front_desk
from tests.agent.bookings.salon import ANA, BLOW_DRY, COLOUR, CUT, MARCUS, SALON, ask, ruled

CUT_AT_THREE = "2026-10-29 15:00 Ladies' Cut, Ana"
SHORTEST, LONGEST = 12, 700
"""Characters that an answer may have: more is nothing to listen to."""


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with open_front_desk(tmp_path) as desk:
        yield desk


def speakable(reply: Reply) -> bool:
    """A sentence or two of words; where the model goes on with it, too."""
    return SHORTEST <= len(reply.say) <= LONGEST and not set(reply.say) & set("{}<>\\|") and "None" not in reply.say


async def holding(front: FrontDesk, words: str = "A ladies' cut tomorrow at three please.") -> OneCall:
    """A caller who has heard a cut read back, for Thursday at three."""
    call = front.ring()
    call.says(words)
    held = await call.hold("ladies' cut", when="tomorrow at three")
    assert held.outcome == "ok", held
    assert [kind for kind, _ in held.events] == [BookingHeld]
    return call


# Bad input

BAD_HOLDS: dict[str, tuple[list[str], str, str]] = {
    "unknown service": (["a tattoo"], "tomorrow at three", ""),
    "past date": (["ladies' cut"], "yesterday at three", ""),
    "past hour": (["ladies' cut"], "today at nine in the morning", ""),
    "no such time": (["ladies' cut"], "tomorrow at 25:00", ""),
    "no such date": (["ladies' cut"], "Friday the 32nd", ""),
    "too far ahead": (["ladies' cut"], "in eleven months", ""),
    "closed": (["ladies' cut"], "Sunday at ten", ""),
    "another shop's staff": (["ladies' cut"], "tomorrow at three", "Giovanni"),
    "does not do it": (["ladies' cut"], "tomorrow at three", "Marcus"),
    "away": (["ladies' cut"], "tomorrow at three", "Priya"),
    "an add-on alone": (["gloss"], "tomorrow at three", ""),
    "no known length": (["colour correction"], "tomorrow at three", ""),
    "SQL": (["'; DROP TABLE bookings; --"], "tomorrow at three'; DELETE FROM bookings; --", "Ana' OR '1'='1"),
    "SQL for a time": (["ladies' cut"], "'; DROP TABLE bookings; --", ""),
    "10 kB": (["x" * 10_000], "y" * 10_000, "z" * 10_000),
    "10 kB of words": (["cut " * 2500], "three " * 2500, "Ana " * 2500),
    "10 kB of a service": (["x" * 10_000], "tomorrow at three", ""),
    "10 kB of a name": (["ladies' cut"], "tomorrow at three", "z" * 10_000),
    "nothing": ([], "", ""),
    "blanks": (["  "], " \n", "\t"),
    "symbols": (["💇\u200d♀️\x00"], "\x00⏰", "\ud800"),
    "no time": (["ladies' cut"], "when the cows come home", ""),
}


@pytest.mark.parametrize("bad", BAD_HOLDS)
async def test_what_makes_no_sense_is_answered_and_leaves_no_row(front: FrontDesk, bad: str):
    services, when, staff = BAD_HOLDS[bad]
    call = front.ring()
    call.says("Hello, I would like to come in.")
    for reply in (
        await call.check(*services, when=when, staff=staff),
        await call.hold(*services, when=when, staff=staff),
    ):
        assert reply.outcome == "refused", reply
        assert speakable(reply), reply.say
        assert "?" in reply.say, "there is always a next step"
        assert not reply.events
    assert front.rows() == []


@pytest.mark.parametrize("words", ["", " ", "x" * 10_000, "'; DROP TABLE bookings; --", "\x00\ud800", "Ada Bell"])
async def test_nothing_is_confirmed_moved_or_cancelled_out_of_nothing(front: FrontDesk, words: str):
    await front.has(ask(CUT), "2026-10-30 10:00", "Nora Finch", OTHER_NUMBER)
    call, before = front.ring(), front.rows()
    call.says("Hello.")
    assert (await call.confirm(words, words)).say == NOTHING_HELD
    for reply in (await call.find(words, words), await call.move(words, words), await call.cancel(words)):
        assert (reply.outcome, reply.say in (ASK_NAME, NOT_YOURS)) == ("refused", True)
        assert not reply.events
    assert front.rows() == before


async def test_a_hold_that_expired_is_told_and_can_be_had_again(front: FrontDesk):
    call = await holding(front)
    front.now += timedelta(seconds=SALON.booking.hold_s)
    call.says("Yes please, it's Ada Bell.")
    late = await call.confirm("Ada Bell")
    assert (late.outcome, late.facts["booked"], late.facts["reason"]) == ("refused", False, "hold_expired")
    assert late.say.endswith("Shall I look again?")
    assert front.texts() == []
    call.says("Yes, do.")
    assert (await call.confirm("Ada Bell")).outcome == "refused"
    assert (await call.hold(when="tomorrow at three")).outcome == "ok"
    call.says("Yes.")
    assert (await call.confirm("Ada Bell")).outcome == "ok"
    assert front.rows("booked") == [f"booked {CUT_AT_THREE}: Ada Bell"]


async def test_a_hold_lasts_until_its_last_second(front: FrontDesk):
    call = await holding(front)
    front.now += timedelta(seconds=SALON.booking.hold_s - 1)
    call.says("Yes please, it's Ada Bell.")
    assert (await call.confirm("Ada Bell")).outcome == "ok"


# Consent

NO_CONSENT: dict[str, tuple[list[str], str]] = {
    "says nothing more": ([], "Ada Bell"),
    "only a name": (["Ada Bell."], "Ada Bell"),
    "asks": (["Ada Bell. Is that with Ana?"], "Ada Bell"),
    "yes, but": (["Ada Bell. Yes, but can we move it to Friday"], "Ada Bell"),
    "yes, then wait": (["Ada Bell. Yes.", "Wait."], "Ada Bell"),
    "yes and wait in one breath": (["Ada Bell. Yes, book it, no, wait."], "Ada Bell"),
    "yes, wait, and something else": (["Ada Bell. Yes.", "Wait.", "Do you have parking?"], "Ada Bell"),
    "yes, then no": (["Ada Bell. Yes.", "Actually no."], "Ada Bell"),
    "yes to another time": (["Ada Bell. Yes, at four please."], "Ada Bell"),
    "yes, then another time": (["Ada Bell. Yes.", "Make it five o'clock."], "Ada Bell"),
    "a name nobody said": (["Yes please."], "Mallory Moss"),
    "half a name": (["Ada. Yes please."], "Ada Bell"),
    "no name": (["Yes please."], ""),
    "SQL for a name": (["Yes please."], "Robert'); DROP TABLE bookings;--"),
}


@pytest.mark.parametrize("case", NO_CONSENT)
async def test_nothing_is_booked_without_a_yes_and_a_name_of_the_callers_own(front: FrontDesk, case: str):
    turns, name = NO_CONSENT[case]
    call = await holding(front)
    for words in turns:
        call.says(words)
    reply = await call.confirm(name)
    assert (reply.outcome, reply.facts.get("booked", False), reply.events) == ("refused", False, ())
    assert speakable(reply)
    assert reply.say.endswith("?")
    assert front.rows("booked") == []
    assert front.texts() == []


async def test_a_yes_said_before_the_read_back_is_none(front: FrontDesk):
    call = await holding(front, "Ada Bell, yes yes, book me a ladies' cut tomorrow at three, please do.")
    assert (await call.confirm("Ada Bell")).outcome == "refused"
    assert front.rows("booked") == []
    call.says("Yes.")
    assert (await call.confirm("Ada Bell")).outcome == "ok"


async def test_what_was_talked_over_is_not_agreed_to_before_it_was_heard(front: FrontDesk):
    call = await holding(front)
    call.appointments.told_late(1, 2)
    call.says("Ada Bell, yes, go ahead.")
    assert (await call.confirm("Ada Bell")).outcome == "refused"
    call.says("Yes, that's right.")
    assert (await call.confirm("Ada Bell")).outcome == "ok"


async def test_a_yes_after_a_wait_counts_again(front: FrontDesk):
    call = await holding(front)
    for words in ("Ada Bell. Yes.", "Hold on, wait.", "Okay, yes, book it."):
        call.says(words)
    made = await call.confirm("Ada Bell")
    assert [kind for kind, _ in made.events] == [BookingMade]
    assert "Thursday the 29th of October" in made.say
    assert "3 PM" in made.say
    assert "Ada Bell" in made.say
    assert front.rows() == [f"booked {CUT_AT_THREE}: Ada Bell"]
    assert front.texts() == ["booked"]


async def test_what_nobody_can_say_is_in_no_name(front: FrontDesk):
    call = await holding(front)
    call.says("Ada O'Bell, yes please.")
    assert (await call.confirm("Ada O'Bell'); --<>\x00\ud8001")).outcome == "ok"
    (row,) = front.rows()
    assert row.startswith(f"booked {CUT_AT_THREE}: Ada O'Bell")
    assert not set(row) & set(");<>\x00\ud800")


async def test_confirming_twice_books_once(front: FrontDesk):
    call = await holding(front)
    call.says("Ada Bell. Yes.")
    assert (await call.confirm("Ada Bell")).outcome == "ok"
    again = await call.confirm("Ada Bell")
    assert (again.outcome, again.facts["booked"]) == ("refused", True)
    assert again.say.startswith("That is done already")
    assert len(front.rows()) == 1
    assert front.texts() == ["booked"]


# Who it is


async def test_a_withheld_number_books_under_a_name_and_a_number_that_were_said(front: FrontDesk):
    call = front.ring(WITHHELD)
    call.says("A fringe trim tomorrow at three please.")
    assert (await call.hold("fringe trim", when="tomorrow at three")).outcome == "ok"
    call.says("Yes please, Ada Bell.")
    asked = await call.confirm("Ada Bell")
    assert "number" in asked.say
    assert (await call.confirm("Ada Bell", OTHER_NUMBER)).say == asked.say, "a number nobody said"
    call.says("It's oh two oh, seven nine four six, oh one seven three.")
    assert (await call.confirm("Ada Bell", "020 7946 0173")).outcome == "ok"
    assert len(front.rows("booked")) == 1
    (booking,) = await front.store.bookings.bookings_of(1, "+442079460173", since=front.now)
    assert booking.customer_name == "Ada Bell"


async def test_a_withheld_number_looks_into_nothing(front: FrontDesk):
    await front.has(ask(CUT), "2026-10-30 10:00", "Nora Finch")
    call = front.ring(WITHHELD)
    call.says("This is Nora Finch, my cut on Friday.")
    for reply in (await call.find("Nora Finch", "Friday"), await call.cancel("Friday"), await call.move("cut", "noon")):
        assert reply.outcome == "refused"
        assert "10 AM" not in reply.say
    assert front.rows("booked") == ["booked 2026-10-30 10:00 Ladies' Cut, Ana: Nora Finch"]


@pytest.mark.parametrize(
    ("words", "name", "detail"),
    [
        ("This is Nora Finch.", "Nora Finch", ""),
        ("It's Nora.", "Nora", ""),
        ("I have a ladies' cut booked.", "", "ladies' cut"),
        ("I am coming in on Friday.", "", "Friday"),
    ],
)
async def test_the_callers_number_and_a_name_or_a_detail_open_their_own(
    front: FrontDesk, words: str, name: str, detail: str
):
    await front.has(ask(CUT), "2026-10-30 10:00", "Nora Finch")
    call = front.ring()
    call.says(words)
    found = await call.find(name, detail)
    assert found.outcome == "ok"
    assert "Friday the 30th of October at 10 AM" in found.say


@pytest.mark.parametrize(
    ("number", "words", "name", "detail"),
    [
        (OTHER_NUMBER, "This is Nora Finch, I have a cut on Friday.", "Nora Finch", "Friday"),
        ("+442079460171", "Hello.", "Nora Finch", "cut on Friday"),
        ("+442079460171", "This is Mallory Moss.", "Nora Finch", ""),
        ("+442079460171", "I come in on Saturday for a shave.", "", "Friday"),
        ("+442079460171", "Hello.", "", ""),
    ],
)
async def test_other_peoples_are_nobodys_business(front: FrontDesk, number: str, words: str, name: str, detail: str):
    await front.has(ask(CUT), "2026-10-30 10:00", "Nora Finch")
    call, before = front.ring(number), front.rows()
    call.says(words)
    tried = [await call.find(name, detail), await call.cancel(detail or name), await call.move(detail, "Saturday")]
    call.says("Yes.")
    tried += [await call.cancel(detail or name), await call.confirm(name)]
    for reply in tried:
        assert reply.outcome == "refused"
        assert not {"10 AM", "Friday", "Nora"} & set(reply.say.replace(",", "").split())
    assert front.rows() == before


# Moving and cancelling


async def nora(front: FrontDesk) -> OneCall:
    await front.has(ask(CUT, staff="Ana"), "2026-10-30 10:00", "Nora Finch")
    call = front.ring()
    call.says("This is Nora Finch, I have to change my appointment.")
    assert (await call.find("Nora Finch")).outcome == "ok"
    return call


async def test_a_moved_booking_keeps_its_id(front: FrontDesk):
    call = await nora(front)
    (booking,) = await front.store.bookings.bookings_of(1, "+442079460171", since=front.now)
    asked = await call.move("the cut", "same time on Saturday")
    assert "from Friday the 30th of October at 10 AM" in asked.say
    assert "Saturday the 31st of October at 10 AM" in asked.say
    assert front.rows("booked") == ["booked 2026-10-30 10:00 Ladies' Cut, Ana: Nora Finch"]
    call.says("Yes please.")
    moved = await call.confirm()
    assert [kind for kind, _ in moved.events] == [BookingMoved]
    (now,) = await front.store.bookings.bookings_of(1, "+442079460171", since=front.now)
    assert (now.booking_id, now.revision) == (booking.booking_id, 2)
    assert front.rows() == ["booked 2026-10-31 10:00 Ladies' Cut, Ana: Nora Finch"]
    assert front.texts() == ["booked", "moved"]


async def test_a_booking_moves_into_its_own_time(front: FrontDesk):
    call = await nora(front)
    assert (await call.move("the cut", "Friday at half past ten")).outcome == "ok"
    call.says("Yes.")
    assert (await call.confirm()).outcome == "ok"
    assert front.rows() == ["booked 2026-10-30 10:30 Ladies' Cut, Ana: Nora Finch"]


async def test_both_means_both(front: FrontDesk):
    call = await nora(front)
    call.says("Move it to eleven, and add a blow dry after it.")
    assert (await call.move("the cut", "Friday at eleven")).outcome == "ok"
    assert (await call.hold("blow dry", when="right after it", staff="Ana")).outcome == "ok"
    call.says("Yes, both.")
    made = await call.confirm("Nora Finch")
    assert [kind for kind, _ in made.events] == [BookingMoved, BookingMade]
    assert front.rows() == [
        "booked 2026-10-30 11:00 Ladies' Cut, Ana: Nora Finch",
        "booked 2026-10-30 11:45 Blow Dry, Ana: Nora Finch",
    ]
    assert front.texts() == ["booked", "moved", "booked"]


async def test_a_yes_to_the_last_of_two_leaves_the_first_to_be_asked_again(front: FrontDesk):
    call = await nora(front)
    assert (await call.hold("blow dry", when="tomorrow at three", staff="Ana")).outcome == "ok"
    call.says("No, leave that. Move my cut to eleven.")
    assert (await call.move("the cut", "Friday at eleven")).outcome == "ok"
    call.says("Yes.")
    made = await call.confirm("Nora Finch")
    assert [kind for kind, _ in made.events] == [BookingMoved]
    assert "Blow Dry" in made.say
    assert made.say.endswith("?")
    assert front.rows("booked") == ["booked 2026-10-30 11:00 Ladies' Cut, Ana: Nora Finch"]


@pytest.mark.parametrize(
    ("now", "late"), [("2026-10-28 10:00", False), ("2026-10-29 10:00", False), ("2026-10-29 10:01", True)]
)
async def test_cancelling_is_asked_first_and_late_is_said_in_the_shops_words(front: FrontDesk, now: str, late: bool):
    front.shop = shop = SALON.model_copy(
        update={"booking": ruled(cancel_notice_hours=24).booking.model_copy(update={"late_text": "Half is due then."})}
    )
    await front.has(ask(CUT), "2026-10-30 10:00", "Nora Finch")
    front.now = front.now.replace(day=int(now[8:10]), hour=int(now[11:13]), minute=int(now[14:16]))
    call = front.ring(shop=shop)
    call.says("Nora Finch here, please cancel my cut, yes, cancel it.")
    asked = await call.cancel("my cut")
    assert (asked.facts["cancelled"], asked.facts["late"]) == (False, late)
    assert ("Half is due then." in asked.say, "not a late cancellation" in asked.say) == (late, not late)
    assert asked.say.endswith("Shall I cancel it?")
    assert len(front.rows("booked")) == 1
    call.says("Yes, cancel it.")
    done = await call.cancel("my cut")
    assert [kind for kind, _ in done.events] == [BookingCancelled]
    assert front.rows("booked") == []
    assert front.texts() == ["booked", "cancelled"]


@pytest.mark.parametrize("answer", ["No.", "Yes. Wait, no.", "When is it?", ""])
async def test_nothing_is_cancelled_without_a_yes(front: FrontDesk, answer: str):
    call = await nora(front)
    await call.cancel("the cut")
    call.says(answer)
    assert (await call.cancel("the cut")).facts["cancelled"] is False
    assert len(front.rows("booked")) == 1


async def test_a_yes_to_a_cancellation_books_nothing(front: FrontDesk):
    call = await nora(front)
    assert (await call.hold("blow dry", when="tomorrow at three", staff="Ana")).outcome == "ok"
    call.says("Hmm, cancel the cut first.")
    await call.cancel("the cut")
    call.says("Yes.")
    assert (await call.cancel("the cut")).facts["cancelled"] is True
    assert (await call.confirm("Nora Finch")).outcome == "refused"
    assert front.rows("booked") == []


# The shop changes while the caller decides

CHANGES = {
    "closed that day": (SALON.hours.model_copy(update={"closures": (date(2026, 10, 29),)}), None, None),
    "she is away": (None, (ANA.model_copy(update={"away": (Away(first=date(2026, 10, 29), last=date(2026, 10, 29)),)}),
                           MARCUS), None),
    "she has left": (None, (MARCUS,), None),
    "no such service any more": (None, None, (BLOW_DRY,)),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
async def test_what_the_shop_no_longer_offers_is_declined_and_let_go(front: FrontDesk, change: str):
    call = await holding(front)
    hours, people, menu = CHANGES[change]
    front.shop = SALON.model_copy(
        update={
            "hours": hours or SALON.hours,
            "professionals": people or SALON.professionals,
            "services": menu or tuple(one.model_copy(update={"staff": ()}) for one in SALON.services),
        }
    )
    call.says("Ada Bell. Yes.")
    reply = await call.confirm("Ada Bell")
    assert (reply.outcome, reply.facts["booked"], reply.events) == ("refused", False, ())
    assert speakable(reply)
    assert reply.say.endswith("?")
    assert front.rows("held", "booked") == []
    assert front.texts() == []


async def test_a_shop_that_is_gone_and_a_book_that_is_away_raise_store_errors(front: FrontDesk):
    call = await nora(front)
    assert (await call.hold("blow dry", when="tomorrow at three", staff="Ana")).outcome == "ok"
    call.says("Yes please.")
    with front.without("bookings"):
        for work in (
            lambda: call.check("ladies' cut", when="tomorrow"),
            lambda: call.hold("ladies' cut", when="tomorrow at noon"),
            lambda: call.confirm("Nora Finch"),
            lambda: call.find("Nora Finch"),
            lambda: call.move("the cut", "Saturday"),
        ):
            with pytest.raises(StoreError):
                await work()
    front.shop = None
    with pytest.raises(StoreError):
        await call.confirm("Nora Finch")
    front.shop = SALON
    assert (await call.confirm("Nora Finch")).outcome == "ok", "what was held is still held"
    assert len(front.rows("booked")) == 2


async def test_a_patch_test_is_for_those_who_are_new(front: FrontDesk):
    call = front.ring()
    call.says("A root colour tomorrow at three.")
    declined = await call.hold("root colour", when="tomorrow at three")
    assert declined.facts["reason"] == "patch_test"
    assert "patch test" in declined.say
    assert declined.say.endswith("?")
    await front.has(ask(CUT), "2026-10-27 10:00", "Ada Bell")
    known = front.ring()
    known.says("A root colour tomorrow at three.")
    assert (await known.hold("root colour", when="tomorrow at three")).outcome == "ok"
    withheld = front.ring(WITHHELD)
    withheld.says("A root colour tomorrow at noon.")
    assert (await withheld.hold("root colour", when="tomorrow at noon")).facts["reason"] == "patch_test"


async def test_who_is_only_booked_is_still_new(front: FrontDesk):
    await front.has(ask(COLOUR), "2026-11-06 10:00", "Ada Bell")
    call = front.ring()
    call.says("A root colour tomorrow at three.")
    assert (await call.hold("root colour", when="tomorrow at three")).facts["reason"] == "patch_test"
