"""A process that runs late answers no more calls, and keeps those it has."""

from __future__ import annotations

import asyncio
import time

import pytest

from agent.pulse import BEAT_S, KEPT, Beat, Pulse
from agent.switchboard import Switchboard


def beaten(late_ms: float, of_twenty: int) -> Pulse:
    """A pulse of four seconds, in which so many of twenty beats were so late."""
    pulse = Pulse()
    for at in range(KEPT):
        pulse.beat(Beat(late_ms if at % 20 < of_twenty else 0.0))
    return pulse


def test_one_stall_is_not_being_late():
    assert beaten(400.0, 1).late_ms == 0.0
    assert beaten(400.0, 2).late_ms == 400.0


def test_it_does_not_judge_before_it_has_measured():
    pulse = Pulse()
    pulse.beat(Beat(1000.0))
    assert pulse.late_ms == 0.0


@pytest.mark.parametrize(("late_ms", "has_room"), [(24.0, True), (26.0, False)])
def test_a_late_process_has_no_room_for_another_call_but_for_those_answered(late_ms: float, has_room: bool):
    board = Switchboard(10, beaten(late_ms, 2), most_late_ms=25)
    assert board.has_room() is has_room
    with board.on_line("CA1"):
        assert board.live == 1


def used(share: float, live: int) -> Pulse:
    """A pulse of four seconds, in which so many calls took so much of a core."""
    pulse = Pulse()
    for at in range(KEPT):
        pulse.beat(Beat(0.0, at=at * BEAT_S, used=at * BEAT_S * share, live=live))
    return pulse


@pytest.mark.parametrize(("share", "has_room"), [(0.63, True), (0.65, False)])
def test_a_core_that_is_nearly_full_has_no_room_for_another_call(share: float, has_room: bool):
    """While few call, another one is taken for a tenth of what they take."""
    assert Switchboard(10, used(share, 0), most_late_ms=25, most_busy=0.7).has_room() is has_room


async def test_calls_that_have_just_begun_count_before_they_can_be_seen():
    pulse = used(0.5, 50)
    assert pulse.busy_with(50) == pytest.approx(0.5)
    assert pulse.busy_with(40) == pytest.approx(0.5)  # who has just gone may be followed by another
    assert pulse.busy_with(60) == pytest.approx(0.6)
    board = Switchboard(100, used(0.5, 20), most_late_ms=25, most_busy=0.7)
    admitted = 0
    while board.has_room():
        board.expect(f"CA{admitted}")
        admitted += 1
    assert admitted == 28  # 20 took a half; 0.7 is room for 28


async def test_the_calls_on_the_line_are_counted():
    pulse = Pulse()
    board = Switchboard(10, pulse)
    async with pulse.beating():
        with board.on_line("CA1"), board.on_line("CA2"):
            await asyncio.sleep(BEAT_S * 4)
            beats = list(pulse._beats)
    assert {beat.live for beat in beats[1:]} == {2}


async def test_what_the_loop_uses_of_its_core_is_measured():
    pulse = Pulse()
    async with pulse.beating():
        for _ in range(KEPT + 5):
            until = time.thread_time() + BEAT_S / 2
            while time.thread_time() < until:
                pass
            await asyncio.sleep(BEAT_S / 2)
        busy = pulse.busy_with(0)
    assert 0.05 < busy <= 1.05
    assert pulse.busy_with(0) == 0.0


async def test_a_loop_that_is_kept_from_running_is_late():
    pulse = Pulse()
    async with pulse.beating():
        for _ in range(KEPT // 8):
            time.sleep(BEAT_S * 1.5)  # noqa: ASYNC251 - what must not be done is what is measured
            await asyncio.sleep(BEAT_S * 1.1)
        beats = list(pulse._beats)
    assert max(beat.late_ms for beat in beats) > 5
    assert pulse.late_ms == 0.0
