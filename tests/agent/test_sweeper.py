"""The collector looks when nobody hears it, and in the end always."""

from __future__ import annotations

import asyncio
import gc
import weakref

from agent.sweeper import A_CALL, IDLE, MOST, Sweeper


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.me = self


def test_the_more_are_on_the_line_the_later_it_looks_but_it_does():
    assert Sweeper(lambda: 0).is_due(IDLE + 1)
    assert not Sweeper(lambda: 5).is_due(IDLE + 5 * A_CALL)
    assert Sweeper(lambda: 5).is_due(IDLE + 5 * A_CALL + 1)
    assert Sweeper(lambda: 10_000).is_due(MOST + 1)


def test_what_calls_are_made_of_is_no_reason_to_look_however_many_there_are():
    assert not any(Sweeper(lambda calls=calls: calls).is_due(4_000 * calls) for calls in range(1, 250))


async def test_what_is_left_in_circles_goes_when_nobody_is_on_the_line_and_not_before():
    callers = 1
    async with Sweeper(lambda: callers, look_s=0.01).sweeping():
        assert not gc.isenabled()
        left = weakref.ref(Knot())
        made = [[at] for at in range(IDLE + 1_000)]  # enough that it is worth looking
        await asyncio.sleep(0.1)
        assert left() is not None
        callers = 0
        async with asyncio.timeout(5):
            while left() is not None:
                await asyncio.sleep(0.01)
    assert len(made) > IDLE
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
