"""However a call ends, it ends once, at once, and lets go of every vendor."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from house import PLUMERIA, QUICK, Handset, House, open_house

from agent.emulators.faults import Fault
from agent.emulators.mind import Rule, ToolCall
from agent.events import CallAnswered, CallEnded, OfCall, ToolUsed, TurnSpoken

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def reason_of_the_only_end(house: House, handset: Handset) -> str:
    """Why the call ended; asserts that CallEnded came once, last, and that nobody holds a line or a vendor."""
    await house.event(CallEnded, call_sid=handset.call_sid)
    await asyncio.sleep(0.1)  # time for a second one, and for vendors to see their sockets close
    of_call = [event for event in house.events if isinstance(event, OfCall) and event.call_sid == handset.call_sid]
    ends = [event for event in of_call if isinstance(event, CallEnded)]
    assert len(ends) == 1
    assert of_call[-1] is ends[0]
    assert [event.seq for event in of_call] == list(range(1, len(of_call) + 1))
    assert house.services.switchboard.live == 0
    assert not house.stage.deepgram.open_connections
    assert not house.stage.cartesia.open_connections
    return ends[0].reason


async def test_stop_ends_the_call_and_the_server_closes_the_socket(house: House):
    async with house.pick_up() as handset:
        await handset.hear("media")
        await handset.stop()
        assert (await handset.closed())[0] == 1000
        assert await reason_of_the_only_end(house, handset) == "caller_hung_up"


async def test_a_socket_closed_without_stop_ends_the_call(house: House):
    async with house.pick_up() as handset:
        await handset.hear("media")
    assert await reason_of_the_only_end(house, handset) == "caller_hung_up"


async def test_a_connection_cut_without_a_goodbye_ends_the_call(house: House):
    async with house.pick_up() as handset:
        await handset.hear("media")
        handset.socket.transport.abort()
        assert await reason_of_the_only_end(house, handset) == "caller_hung_up"


async def test_stop_twice_and_then_close_is_one_end(house: House):
    async with house.pick_up() as handset:
        await handset.hear("media")
        await handset.stop()
        await handset.stop()
    assert await reason_of_the_only_end(house, handset) == "caller_hung_up"


async def test_a_hang_up_right_behind_start_ends_the_call(house: House):
    async with house.pick_up() as handset:
        await handset.stop()
        await handset.closed()
    assert await reason_of_the_only_end(house, handset) == "caller_hung_up"


async def test_a_socket_closed_right_behind_start_ends_the_call(house: House):
    async with house.pick_up() as handset:
        pass
    assert await reason_of_the_only_end(house, handset) == "caller_hung_up"


async def test_a_hang_up_while_the_vendors_are_slow_to_connect_ends_the_call():
    slow = QUICK.model_copy(
        update={
            "deepgram": QUICK.deepgram.model_copy(update={"connect_ms": 1500}),
            "cartesia": QUICK.cartesia.model_copy(update={"connect_ms": 1500}),
        }
    )
    async with open_house(latencies=slow) as house:
        async with house.pick_up() as handset:
            await handset.hear("media")
            await handset.stop()
            await handset.closed()
        assert await reason_of_the_only_end(house, handset) == "caller_hung_up"


async def test_a_hang_up_during_the_greeting_keeps_only_what_was_heard_of_it(house: House):
    async with house.pick_up(answers_marks=False) as handset:
        first = await handset.hear("mark")
        await handset.send(first)
        await handset.stop()
        await handset.closed()
    greeting = await house.event(TurnSpoken, call_sid=handset.call_sid, turn=0)
    assert greeting.interrupted
    assert greeting.text.startswith(greeting.heard_text)
    assert len(greeting.heard_text) < len(greeting.text) / 4


async def test_of_a_greeting_that_no_mark_confirms_nothing_was_heard(house: House):
    async with house.pick_up(answers_marks=False) as handset:
        await handset.hear("media")
        await handset.stop()
        await handset.closed()
    assert (await house.event(TurnSpoken, call_sid=handset.call_sid, turn=0)).heard_text == ""


async def test_the_greeting_is_on_the_wire_before_the_call_is_announced(house: House):
    async with house.pick_up() as handset:
        await house.event(CallAnswered, call_sid=handset.call_sid)
        await handset.hear("media", timeout=0.5)
        assert not house.stage.openai.open_connections


async def test_refused_hang_ups_still_end_their_calls():
    async with open_house(eager_end_of_turn=False) as house, AsyncExitStack() as calls:
        for status in (500, 404, 401):
            house.stage.order(Fault(vendor="twilio", kind="status", status=status))
        handsets = [await calls.enter_async_context(house.pick_up()) for _ in range(3)]
        goodbye = house.stage.phrasebook.register_speech("Goodbye, that is all.").ulaw
        await asyncio.gather(*(handset.speak(goodbye) for handset in handsets))
        ends = [await house.event(CallEnded, timeout=8, call_sid=handset.call_sid) for handset in handsets]
        assert [end.reason for end in ends] == ["agent_hung_up"] * 3
        assert len(house.stage.twilio.connections) == 3
        assert not [line for line in house.warnings if "Traceback" in line]


async def test_a_goodbye_is_understood_even_when_the_tool_call_comes_just_as_the_turn_ends(house: House):
    async def say_goodbye(ttft_ms: int) -> None:
        words = f"Goodbye and {ttft_ms} thanks."
        end_call = ToolCall(name="end_call")
        house.stage.openai.rules.append(Rule(when=f"{ttft_ms} thanks", tool=end_call, ttft_ms=ttft_ms))
        async with house.pick_up() as handset:
            await handset.speak(house.stage.phrasebook.register_speech(words).ulaw)
            await house.event(ToolUsed, timeout=2, call_sid=handset.call_sid)

    for at in range(20, 100, 20):  # somewhere among them is that moment
        await asyncio.gather(*(say_goodbye(ttft_ms) for ttft_ms in range(at, at + 20, 4)))


async def test_a_hang_up_in_the_middle_of_a_prediction_leaves_no_task():
    async with open_house() as house, house.pick_up() as handset:  # the house looks for tasks when it closes
        speech = house.stage.phrasebook.register_speech("How much is a haircut?").ulaw
        speaking = asyncio.create_task(handset.speak(speech))
        while not house.stage.openai.connections:  # asked before the turn is over
            await asyncio.sleep(0.001)
        await handset.stop()
        await speaking
        await house.event(CallEnded, call_sid=handset.call_sid)


async def test_a_server_that_goes_ends_its_calls():
    async with open_house() as house:
        async with house.pick_up() as handset:
            await handset.hear("media")
            draining = asyncio.create_task(house.services.switchboard.drain(0.1))
            await house.event(CallEnded, call_sid=handset.call_sid)
            await draining
            assert (await house.post("/voice?rung=3")).text.count("<Dial") == 1
        assert await reason_of_the_only_end(house, handset) == "server_stopped"
        after = await house.post("/voice/after", handset.call_sid, CallStatus="in-progress")
        assert f">{PLUMERIA.transfer_to}</Dial>" in after.text


async def test_a_call_that_meets_a_server_on_its_way_out_rings_on_for_another_one():
    """And is sent to a person when none has come; one that was answered before is still taken."""
    async with open_house() as house, house.handset() as handset:
        ticket = await house.ticket(handset.call_sid)
        draining = asyncio.create_task(house.services.switchboard.drain(20))
        await asyncio.sleep(0)
        assert not house.services.switchboard.has_room()
        first = (await house.post("/voice")).text
        assert '<Pause length="1"' in first
        assert "/voice?rung=2</Redirect>" in first
        assert "/voice?rung=3</Redirect>" in (await house.post("/voice?rung=2")).text
        assert f">{PLUMERIA.transfer_to}</Dial>" in (await house.post("/voice?rung=3")).text

        await handset.start(ticket)
        await handset.hear("media")
        assert not draining.done()
        await handset.stop()
        await asyncio.wait_for(draining, 5)
        assert await reason_of_the_only_end(house, handset) == "caller_hung_up"


async def test_a_server_does_not_wait_long_for_calls_that_never_come():
    async with open_house() as house, house.handset() as handset:
        ticket = await house.ticket(handset.call_sid)
        await asyncio.wait_for(house.services.switchboard.drain(0.05), 1)
        await handset.start(ticket)
        assert await handset.closed() == (1008, "no_room")
