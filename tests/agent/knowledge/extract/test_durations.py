"""How long something takes, as salons write it."""

from __future__ import annotations

import pytest

from agent.knowledge.extract.durations import find_durations, without_durations


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("30 min", 30), ("(45 mins)", 45), ("90min.", 90), ("1h30", 90), ("1 hr 15 min", 75), ("1,5 Std.", 90),
        ("2 hours", 120),
        ("1½ hours", 90), ("ca. 60 Minuten", 60), ("30-45 min", 45), ("60分", 60), ("1時間30分", 90),
        ("1 час 20 мин", 80),
        ("1 hora", 60), ("visage40 min", 40), ("75'", 75),
    ],
)  # fmt: skip
def test_a_length_of_time_is_read(text: str, minutes: int) -> None:
    assert [duration.minutes for duration in find_durations(text)] == [minutes]


@pytest.mark.parametrize("text", ["24/48 hours", "$30", "10 minors", "5 hectares", "2020", "0 min"])
def test_other_numbers_are_no_durations(text: str) -> None:
    assert find_durations(text) == []


def test_a_name_loses_its_duration_but_not_its_words() -> None:
    assert without_durations("Back massage (30 mins)") == "Back massage"
    assert without_durations("15 minute callus care") == "15 minute callus care"
