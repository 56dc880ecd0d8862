"""What the caller heard, by marks alone: a pure part, tried without a socket."""

from __future__ import annotations

import asyncio

from agent.pipelines.playout import Playout


def speaking(*starts_ms: float, written_ms: float = 1000) -> tuple[Playout, list[float]]:
    """A play-out with `written_ms` of audio in Twilio's buffer and a word waiting at each start."""
    playout, heard = Playout(), list[float]()
    playout.write(written_ms, now=0.0)
    for start in starts_ms:
        playout.await_heard(lambda start=start: start, lambda start=start: heard.append(start))
    return playout, heard


def test_nothing_is_heard_before_a_mark_returns():
    playout, heard = speaking(0, 200)
    assert heard == []
    assert playout.speaking


def test_a_mark_releases_the_words_before_it_in_order():
    playout, heard = speaking(0, 200, 400, 600)
    playout.reached("0:600")
    assert heard == [0, 200, 400]


def test_a_word_that_has_hardly_begun_is_not_heard():
    playout, heard = speaking(0, 400)
    playout.reached("0:500")
    assert heard == [0]


def test_the_last_mark_releases_everything():
    playout, heard = speaking(0, 950)
    playout.reached(playout.mark() or "")
    assert heard == [0, 950]
    assert not playout.speaking


def test_marks_returned_by_a_clear_do_not_count():
    playout, heard = speaking(0, 200, 400, 600)
    late = playout.mark() or ""
    playout.reached("0:200")
    playout.interrupt()
    playout.reached(late)  # Twilio sends all pending marks back when it empties its buffer
    assert heard == [0]


def test_after_an_interruption_positions_go_on_from_what_was_heard():
    playout, _ = speaking()
    playout.reached("0:400")
    playout.interrupt()
    playout.write(200, now=5.0)
    heard: list[str] = []
    start = playout.written_ms - 200
    playout.await_heard(lambda: start, lambda: heard.append("next"))
    playout.reached(playout.mark() or "")
    assert heard == ["next"]


def test_a_word_whose_audio_has_not_begun_waits_and_holds_those_behind_it():
    playout, heard = speaking(0)
    begun: list[float] = []
    playout.await_heard(lambda: begun[0] if begun else None, lambda: heard.append(1.0))
    playout.await_heard(lambda: 0.0, lambda: heard.append(2.0))
    playout.reached("0:1000")
    assert heard == [0]
    begun.append(300)
    playout.reached("0:1000")
    assert heard == [0, 1.0, 2.0]


def test_nothing_is_heard_where_nothing_was_written():
    playout, heard = speaking(0, written_ms=0)
    playout.reached("0:0")
    assert heard == []


def test_no_second_mark_where_one_is():
    playout, _ = speaking()
    assert playout.mark() == "0:1000"
    assert playout.mark() is None


def test_odd_marks_change_nothing():
    playout, heard = speaking(0)
    for name in ("", ":", "0", "0:", "0:x", "1:500", "0:-5", "0:9e9", "💈", "0:" + "9" * 400):
        playout.reached(name)
    assert playout.heard_ms == 0
    assert heard == []


def test_the_lead_is_how_far_play_out_is_ahead_of_the_clock():
    playout = Playout()
    assert round(playout.write(200, now=10.0), 3) == 0.2
    assert round(playout.write(200, now=10.1), 3) == 0.3
    assert round(playout.write(200, now=20.0), 3) == 0.2  # it ran empty in between


async def test_played_waits_for_the_last_mark():
    playout, _ = speaking()
    waiting = asyncio.create_task(playout.played(5))
    await asyncio.sleep(0)
    assert not waiting.done()
    playout.reached("0:1000")
    assert await waiting is True


async def test_played_tells_when_an_interruption_came_first():
    playout, _ = speaking()
    waiting = asyncio.create_task(playout.played(5))
    await asyncio.sleep(0)
    playout.interrupt()
    assert await waiting is False


async def test_played_gives_up_on_a_line_that_sends_no_marks():
    playout, _ = speaking()
    assert await playout.played(0.01) is True
