"""What is taken out of a caller's words, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.redaction import CARD, WITHHELD, Redactor, is_card, is_withheld

VISA, AMEX = "4242424242424242", "378282246310005"
ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.mark.parametrize(
    "said",
    [
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242, 4242, 4242, 4242",
        "4242424242424242.",
        "four two four two four two four two four two four two four two four two",
        "forty two forty two forty two forty-two, forty two forty two forty two forty two",
        "double four two two four two four two four two four two four two four two 2",
        "4242 4242 um 4242 4242",
        "3782 822463 10005",
        "4242 4242 4242 4242, 12 26, 123",
        "4242 4242 4242 4243",
    ],
)
def test_card_numbers_are_taken_out(said: str) -> None:
    kept = Redactor().final(f"It is {said} thanks")
    assert CARD in kept
    assert kept.startswith("It is ")
    assert kept.endswith("thanks")
    assert sum(letter.isdigit() for letter in kept) == 0


@pytest.mark.parametrize(
    "said",
    [
        "My number is 808 555 0143.",
        "Call me at +44 7700 900155, please.",
        "On Friday the 12th at ten thirty, for two people.",
        "eleven forty five would be fine",
        "I was there in 2026, it cost 125 dollars.",
        "one or two of us, at four",
        "oh, double trouble",
        "",
    ],
)
def test_what_is_no_card_stays(said: str) -> None:
    assert Redactor().final(said) == said


def test_a_number_told_over_several_turns_is_known_by_its_end() -> None:
    redactor = Redactor()
    assert [redactor.final(turn) for turn in ("It's 4242 4242", "4242", "4242, that's it")] == [
        "It's 4242 4242",
        "4242",
        f"{CARD}, that's it",
    ]
    assert redactor.final("and 4242 is my door code") == "and 4242 is my door code"


def test_a_piece_that_ends_in_a_number_is_split_there() -> None:
    assert Redactor().split("My card is 4242 4242") == ("My card is", "4242 4242")
    assert Redactor().split("My card is 4242 4242 and") == ("My card is 4242 4242 and", "")
    assert Redactor().split("at ten") == ("at ten", "")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("my card is 4242", f"my card is {WITHHELD}"),
        ("my card is four two four two four", f"my card is {WITHHELD}"),
        ("at ten thirty", "at ten thirty"),
        ("for 125 dollars", "for 125 dollars"),
    ],
)
def test_interim_words_withhold_what_may_become_one(said: str, shown: str) -> None:
    assert Redactor().interim(said) == shown
    assert is_withheld(shown) == (shown != said)


def test_a_shop_chooses_what_else() -> None:
    redactor = Redactor(("phone", "email"))
    assert redactor.final("I'm at 808 555 0143 or ana@plumeria.com.") == "I'm at [phone number] or [email address]."
    assert redactor.final("ana at plumeria dot com please") == "[email address] please"
    assert Redactor().final("ana@plumeria.com") == "ana@plumeria.com"


@given(st.text(alphabet="0123456789", min_size=12, max_size=18), st.booleans(), st.sampled_from(["", " ", "-", ", "]))
def test_every_card_number_is_found_however_it_is_told(digits: str, as_words: bool, between: str) -> None:
    card = next(digits + str(check) for check in range(10) if is_card(digits + str(check)))
    said = (between or " ").join(ONES[int(digit)] for digit in card) if as_words else between.join(card)
    assert Redactor().final(f"so: {said}") == f"so: {CARD}"


@given(st.text(max_size=200))
def test_any_text_is_taken(text: str) -> None:
    redactor = Redactor(("phone", "email"))
    redactor.final(text)
    redactor.interim(text)
    whole, rest = redactor.split(text)
    assert text.startswith(whole)
    assert text.endswith(rest)
