"""What a customer's text is taken for: generous about how it is written, strict about what else it says."""

from __future__ import annotations

import pytest

from agent.telephony.replies import Reply, read_reply


@pytest.mark.parametrize(
    "body",
    [
        *(
            "C",
            "c",
            " c ",
            "C.",
            "c!",
            "(c)",
            "C 🙏",
            "😢 c",
            "Ｃ",
            "CANCEL",
            "Cancel",
            "cancel please",
            "Cancel, please!",
        ),
        *("please cancel", "Hi, please cancel my appointment. Thank you!", "cancel it", "c\n", "I want to cancel"),
        *("can you cancel this please", "C\u200b", "'C'", "Cancel appt", "I would like to cancel my appointment"),
    ],
)
def test_a_wish_to_cancel(body: str):
    assert read_reply(body) == Reply("cancel")


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ("C1", 1),
        ("c2", 2),
        ("C 2", 2),
        ("c-1", 1),
        ("C#3 please", 3),
        ("cancel 2", 2),
        ("Cancel number 1", 1),
        ("c02", 2),
    ],
)
def test_a_wish_to_cancel_one_of_several(body: str, number: int):
    assert read_reply(body) == Reply("cancel", number)


@pytest.mark.parametrize(
    "body", ["STOP", "stop", " Stop. ", "UNSUBSCRIBE", "end", "Quit", "STOPALL", "stop!!", "Optout"]
)
def test_a_wish_for_no_more_texts(body: str):
    assert read_reply(body).wish == "stop"


@pytest.mark.parametrize("body", ["START", "start", "Unstop", "Yes"])
def test_a_wish_for_texts_again(body: str):
    assert read_reply(body).wish == "start"


@pytest.mark.parametrize(
    "body",
    [
        *("", " ", "?", "🙏", "ok", "thanks", "12", "C1 C2", "c1 and c2", "cc", "cab", "see you", "c u friday"),
        *(
            "don't cancel",
            "please do not cancel",
            "never cancel",
            "cancel? no",
            "no, cancel that",
            "can i cancel tomorrow?",
        ),
        *(
            "I can't come, cancel",
            "Stop by at 5",
            "please stop",
            "c100",
            "cancel 2026",
            "отмена c",
            "c キャンセル",
            "C" * 5000,
        ),
        *(
            "cancelled?",
            "is it cancelled",
            "\0",
            "<script>c</script>",
            "c'; drop table bookings",
            "x" * 10_000,
            "c " * 500,
        ),
    ],
)
def test_everything_else_is_not_guessed_at(body: str):
    assert read_reply(body) == Reply("unclear")
