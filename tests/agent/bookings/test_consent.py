"""A yes is a yes; everything else is asked again."""

from __future__ import annotations

import pytest

from agent.bookings.consent import consents


@pytest.mark.parametrize(
    "words",
    [
        "Yes.",
        "Yes, that's right.",
        "Yeah go ahead",
        "Tom Reyes. Yes book it.",
        "Okay, cancel it anyway.",
        "Yes please move it.",
        "Yes, both.",
        "Perfect, thank you",
        "Sure, sounds good",
        "That works for me",
        "Yes that's it.",
        "Ben Ford, yes.",
        "Please do",
        "Lovely, book me in",
    ],
)
def test_these_say_yes(words: str):
    assert consents(words)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "No.",
        "No, don't book it.",
        "Okay, I'll think about it, thanks.",
        "Okay, what is a men's haircut?",
        "Yes, but can we make it later?",
        "Then Friday after all, but at eleven.",
        "The haircut, yes. Is there a fee?",
        "Please don't cancel it",
        "Hold on, yes wait",
        "Not that one please",
        "Maybe, okay",
        "It's Rosa Diaz.",
        "How much is it?",
        "Actually no, make it Saturday.",
        "Ye" * 5000,
    ],
)
def test_these_do_not(words: str):
    assert not consents(words)
