"""The line before a SQLite file: one at a time, for as long as patience lasts."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from agent.stores.turnstile import Turnstile


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "chairside.db-turn"


def waiting() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "turnstile"]


def test_the_next_one_goes_when_the_one_before_has_left(place: Path):
    order: list[str] = []

    def second() -> None:
        with Turnstile(place, patience_s=20).turn():
            order.append("second")

    with Turnstile(place).turn():
        thread = threading.Thread(target=second)
        thread.start()
        while not waiting():
            assert thread.is_alive()
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]


def test_patience_ends_and_leaves_nothing_behind(place: Path):
    with Turnstile(place).turn(), Turnstile(place, patience_s=0.01).turn():
        left_behind = waiting()
        assert left_behind
    for thread in left_behind:
        thread.join(20)
    assert not waiting()
    with Turnstile(place, patience_s=0).turn():
        assert not waiting()  # the line is empty: nobody has to wait


def test_where_no_lock_can_be_one_goes_without(tmp_path: Path):
    with Turnstile(tmp_path / "nowhere" / "turn").turn(), Turnstile(tmp_path).turn():
        pass
    assert not (tmp_path / "nowhere").exists()


def test_a_turn_ends_also_with_an_error(place: Path):
    with pytest.raises(ValueError, match="odd"), Turnstile(place).turn():
        raise ValueError("odd")
    with Turnstile(place, patience_s=0).turn():
        assert not waiting()
