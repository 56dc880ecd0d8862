"""WS /media: without a good ticket nobody gets in. The socket is closed with 1008 and the reason, the attempt
is counted and told, and no vendor hears of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from house import Handset, House, new_sid, open_house

from agent.access import TicketBook
from agent.emulators.stage import PUBLIC_URL
from agent.events import CallAnswered, CallEnded, DigitPressed, DoorClosed
from agent.model import Caller

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def turned_away(house: House, code: str, *, reason: bool = True) -> AsyncGenerator[Handset]:
    """A stranger at the door; asserts that they are closed out with `code`, counted, and cost nothing."""
    dialled, refused = house.vendor_requests, await house.refused()
    told = len(house.told(DoorClosed, code=code))
    async with house.handset() as stranger:
        yield stranger
        if reason:
            assert await stranger.closed(timeout=8) == (1008, code)
    async with asyncio.timeout(3):
        while len(house.told(DoorClosed, code=code)) == told:
            await asyncio.sleep(0.005)
    assert (await house.refused())[code] == refused.get(code, 0) + 1
    assert house.vendor_requests == dialled
    assert not house.told(CallAnswered, call_sid=stranger.call_sid)


async def test_without_a_ticket(house: House):
    async with turned_away(house, "ticket_missing") as stranger:
        await stranger.start(None)


@pytest.mark.parametrize("ticket", ["x", "a.b.c", "no ticket", ".", "é.é", "=.=", "a" * 3000])
async def test_with_something_that_is_no_ticket(house: House, ticket: str):
    code = "ticket_forged" if ticket == "." else "ticket_malformed"
    async with turned_away(house, code) as stranger:
        await stranger.start(ticket)


async def test_with_a_ticket_signed_by_somebody_else(house: House):
    async with turned_away(house, "ticket_forged") as stranger:
        caller = Caller(call_sid=stranger.call_sid, location_id=1, caller="+12025550143", called="+18084826296")
        forger = TicketBook(b"a guess", 60, house.services.clock)
        await stranger.start(forger.issue(caller))


async def test_with_a_ticket_whose_words_were_changed(house: House):
    async with turned_away(house, "ticket_forged") as stranger:
        paper, _, signature = (await house.ticket(stranger.call_sid)).partition(".")
        await stranger.start(f"{paper[:-4]}AAAA.{signature}")


async def test_with_an_expired_ticket():
    async with open_house(ticket_ttl_s=1) as house, turned_away(house, "ticket_expired") as stranger:
        ticket = await house.ticket(stranger.call_sid)
        await asyncio.sleep(1.1)
        await stranger.start(ticket)


async def test_with_a_ticket_that_was_used(house: House):
    async with turned_away_after_a_call(house) as (stranger, ticket):
        await stranger.start(ticket)


@asynccontextmanager
async def turned_away_after_a_call(house: House) -> AsyncGenerator[tuple[Handset, str]]:
    """A call with its ticket, over; then a stranger with the same ticket and CallSid."""
    async with house.handset() as first:
        ticket = await house.ticket(first.call_sid)
        await first.start(ticket)
        await house.event(CallAnswered, call_sid=first.call_sid)
        await first.stop()
        await house.event(CallEnded, call_sid=first.call_sid)
    before = house.vendor_requests
    async with house.handset(first.call_sid) as stranger:
        yield stranger, ticket
        assert await stranger.closed() == (1008, "ticket_used")
    assert house.vendor_requests == before
    assert len(house.told(CallAnswered, call_sid=first.call_sid)) == 1


async def test_with_the_ticket_of_another_call_which_stays_good(house: House):
    ticket = await house.ticket(own := new_sid())
    async with turned_away(house, "ticket_other_call") as stranger:
        await stranger.start(ticket)
    async with house.handset(own) as handset:
        await handset.start(ticket)
        await house.event(CallAnswered, call_sid=own)
        await handset.stop()
        await house.event(CallEnded, call_sid=own)


def start(**facts: Any) -> dict[str, Any]:
    return {"event": "start", "start": {"streamSid": "MZ1", "callSid": "CA1", "customParameters": {}} | facts}


@pytest.mark.parametrize(
    "message",
    [
        {"event": "media", "media": {"payload": "//8="}},
        {"event": "stop"},
        {"event": "connection"},
        {"hello": "world"},
        [],
        "no JSON",
        "",
        "null",
        "[" * 50_000,
        b"",
        b"\xff\xfe\x00binary",
        b'{"event":"connected"}',
        start(streamSid=None),
        start(callSid=17),
        start(callSid=["CA1"]),
        {"event": "start"},
        {"event": "start", "start": "CA1"},
    ],
    ids=lambda message: str(message)[:40],
)
async def test_what_does_not_open_like_twilio_is_turned_away(house: House, message: Any):
    async with turned_away(house, "handshake_malformed") as stranger:
        await stranger.send(message if isinstance(message, str | bytes | dict) else "[]")


@pytest.mark.parametrize("parameters", [None, [], "ticket", {"ticket": 5}, {"ticket": ["x"]}, {"Ticket": "x"}])
async def test_a_start_whose_parameters_hold_no_ticket(house: House, parameters: Any):
    async with turned_away(house, "ticket_missing") as stranger:
        await stranger.send(start(customParameters=parameters))


async def test_a_stranger_whose_call_sid_is_no_text_that_can_be_written_down(house: House):
    async with turned_away(house, "ticket_missing") as stranger:
        await stranger.send('{"event":"start","start":{"streamSid":"MZ1","callSid":"\\ud800"}}')


async def test_a_good_ticket_with_such_a_call_sid(house: House):
    async with turned_away(house, "ticket_other_call") as stranger:
        ticket = await house.ticket(stranger.call_sid)
        custom = f'"customParameters":{{"ticket":"{ticket}"}}'
        await stranger.send(f'{{"event":"start","start":{{"streamSid":"MZ1","callSid":"\\ud800",{custom}}}}}')


async def test_connected_without_end_is_not_waited_for(house: House):
    async with turned_away(house, "handshake_malformed") as stranger:
        for _ in range(3):
            await stranger.send({"event": "connected"})


async def test_a_slow_handshake_is_given_up(house: House):
    async with turned_away(house, "handshake_slow") as stranger:
        await stranger.send({"event": "connected"})


async def test_a_socket_that_closes_before_start_is_counted(house: House):
    async with turned_away(house, "handshake_broken", reason=False) as stranger:
        await stranger.send({"event": "connected"})
        await stranger.socket.close()


async def test_a_first_message_of_two_megabytes_is_too_big(house: House):
    before = house.vendor_requests
    async with house.handset() as stranger:
        await stranger.send("x" * 2_000_000)
        assert (await stranger.closed())[0] == 1009
    assert house.vendor_requests == before


async def test_a_second_socket_for_a_live_call_is_turned_away_and_the_first_goes_on(house: House):
    async with house.pick_up() as first:
        await first.hear("media")
        async with house.handset(first.call_sid) as second:
            await second.start(await house.ticket(first.call_sid))
            assert await second.closed() == (1008, "call_already_live")
        await house.event(DoorClosed, call_sid=first.call_sid, code="call_already_live")
        await first.send({"event": "dtmf", "dtmf": {"digit": "7"}})
        assert (await house.event(DigitPressed, call_sid=first.call_sid)).digit == "7"
        assert not house.told(CallEnded, call_sid=first.call_sid)
    await house.event(CallEnded, call_sid=first.call_sid)
    assert len(house.told(CallAnswered, call_sid=first.call_sid)) == 1


async def test_two_sockets_at_once_with_tickets_of_one_call_let_one_in(house: House):
    sid = new_sid()
    tickets = [await house.ticket(sid), await house.ticket(sid)]
    async with house.handset(sid) as one, house.handset(sid) as two:
        await asyncio.gather(one.start(tickets[0]), two.start(tickets[1]))
        await house.event(DoorClosed, call_sid=sid, code="call_already_live")
        assert len(house.told(CallAnswered, call_sid=sid)) == 1
        await asyncio.gather(one.stop(), two.closed(), return_exceptions=True)
        await house.event(CallEnded, call_sid=sid)


async def test_when_the_last_line_was_taken_meanwhile_the_media_socket_is_turned_away():
    async with open_house(max_calls=1) as house, house.handset() as late:
        ticket = await house.ticket(late.call_sid)
        async with house.pick_up() as first:
            await first.hear("media")
            await late.start(ticket)
            assert await late.closed() == (1008, "no_room")
        after = await house.post("/voice/after", late.call_sid, CallStatus="in-progress")
        assert "<Dial" in after.text


@pytest.mark.parametrize("path", ["/medias", "/media/", "/voice", "/"])
async def test_sockets_at_other_doors_are_not_opened(house: House, path: str):
    public = PUBLIC_URL.replace("http", "ws", 1) + path
    with pytest.raises(Exception, match=r"40[34]|307"):
        await house.caller.open_media(public)
