"""Names, numbers and addresses as callers dictate them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.bookings.capture import amend_name, email_from_words, name_as_spelled, name_from_spelling, phone_from_words
from agent.bookings.readback import spelled, spoken_email, spoken_phone

QUIET = settings(deadline=None, database=None, derandomize=True, max_examples=150)


@pytest.mark.parametrize(
    ("words", "country", "number"),
    [
        ("oh seven nine double four one two three four five six", "GB", "+447944123456"),
        ("0 7 9 4 4, 1 2 3, 4 5 6", "GB", "+447944123456"),
        ("zero seven double nine double oh one two three four five", "GB", "+447990012345"),
        ("oh two oh seven nine four six double oh one eight", "GB", "+442079460018"),
        ("two one two five five five oh one oh one", "US", "+12125550101"),
        ("two one two, five five five, zero one zero one", "US", "+12125550101"),
        ("it's 212-555-0101 thanks", "US", "+12125550101"),
        ("(212) 555-0101", "US", "+12125550101"),
        ("one two one two five five five zero one zero one", "US", "+12125550101"),
        ("plus one two one two five five five zero one zero one", "GB", "+12125550101"),
        ("plus four four seven nine four four one two three four five six", "US", "+447944123456"),
        ("two twelve five fifty five oh one oh one", "US", "+12125550101"),
        ("eight hundred five five five oh one double nine", "US", "+18005550199"),
        ("two one two triple five oh one oh one", "US", "+12125550101"),
        ("(keyed) 07944123456", "GB", "+447944123456"),
        ("(keyed) 00447944123456", "GB", "+447944123456"),
        ("(keyed) 0794", "GB", None),
        ("five five five oh one oh one", "US", None),
        ("seven eight nine", "US", None),
        ("my number is private", "US", None),
        ("", "US", None),
        ("oh seven nine double four one two three four five six", "", None),
        ("5" * 5000, "US", None),
    ],
)
def test_phone_numbers(words: str, country: str, number: str | None) -> None:
    assert phone_from_words(words, country) == number


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("jane dot doe at gmail dot com", "jane.doe@gmail.com"),
        ("It's jane dot doe at gmail dot com.", "jane.doe@gmail.com"),
        ("j underscore doe dash forty two at example dot co dot uk", "j_doe-42@example.co.uk"),
        ("jane.doe@gmail.com", "jane.doe@gmail.com"),
        ("j a n e at outlook dot com", "jane@outlook.com"),
        ("bob plus salon at mail dot example dot org", "bob+salon@mail.example.org"),
        ("all lowercase rosa one nine eight four at yahoo dot com", "rosa1984@yahoo.com"),
        ("jane at gmail", None),
        ("at at at dot", None),
        ("I don't have one", None),
        ("", None),
        ("a" * 5000, None),
    ],
)
def test_addresses(words: str, address: str | None) -> None:
    assert email_from_words(words) == address


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("S I O B H A N, N G U Y E N", "Siobhan Nguyen"),
        ("My name is Siobhan Nguyen. S I O B H A N, N G U Y E N.", "Siobhan Nguyen"),
        ("S as in sugar, I, O, B as in boy, H, A, N", "Siobhan"),
        ("No, S as in sugar, I, O, B as in boy, H, A, N.", "Siobhan"),
        ("S-I-O-B-H-A-N", "Siobhan"),
        ("S for sugar, M for mother, I, T for Tommy, H", "Smith"),
        ("B like boy, O, B", "Bob"),
        ("sierra mike india tango hotel", "Smith"),
        ("O apostrophe B R I E N", "O'Brien"),
        ("M A double T H E W", "Matthew"),
        ("H A double L", "Hall"),
        ("double u o n g", "Wong"),
        ("aitch o l t", "Holt"),
        ("B A R N E S space J O N E S", "Barnes Jones"),
        ("J O hyphen A N N", "Jo-Ann"),
        ("Ö Z G Ü R", "Özgür"),
        ("It's Rosa Diaz.", None),
        ("I have a booking", None),
        ("yes", None),
        ("", None),
        ("a b " * 500, None),
    ],
)
def test_spelled_names(words: str, name: str | None) -> None:
    assert name_from_spelling(words) == name


@pytest.mark.parametrize(
    ("known", "words", "name"),
    [
        ("Shivon Nguyen", "S as in sugar, I, O, B as in boy, H, A, N", "Siobhan Nguyen"),
        ("Siobhan Win", "N G U Y E N", "Siobhan Nguyen"),
        ("Jon", "J O H N", "John"),
        ("Shivon Nguyen", "S I O B H A N, N G U Y E N", "Siobhan Nguyen"),
        ("", "J O H N", "John"),
        ("Jane Doe", "yes that's it", None),
    ],
)
def test_a_spelling_amends_the_name_it_is_nearest_to(known: str, words: str, name: str | None) -> None:
    assert amend_name(known, words) == name


@QUIET
@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=20))
def test_a_name_read_back_letter_by_letter_is_that_name(name: str) -> None:
    assert name_from_spelling(spelled(name)) == name.capitalize()


@QUIET
@given(st.integers(2_000_000, 9_999_999))
def test_a_number_read_back_is_that_number(number: int) -> None:
    dialled = f"+1212{number}"
    assert phone_from_words(spoken_phone(dialled, country="US"), "US") == dialled


@QUIET
@given(st.from_regex(r"[a-z]{3,9}[._-][a-z]{3,9}[0-9]{0,3}", fullmatch=True))
def test_an_address_read_back_is_that_address(local: str) -> None:
    address = f"{local}@example.org"
    assert email_from_words(f"my address is {spoken_email(address)}") == address


@QUIET
@given(st.text(max_size=400))
def test_any_words_are_read_or_not(words: str) -> None:
    for country in ("US", "GB", "", "??"):
        phone_from_words(words, country)
    email_from_words(words)
    name_from_spelling(words)
    amend_name(words, words)
    name_as_spelled(words, [words, words])


@pytest.mark.parametrize(
    ("name", "turns", "written"),
    [
        ("Chevonne Nguyen", ["My name is Chevonne Nguyen. S I O B H A N, N G U Y E N."], "Siobhan Nguyen"),
        ("Chevonne Nguyen", ["Chevonne Nguyen", "No, S as in sugar, I, O, B as in boy, H, A, N."], "Siobhan Nguyen"),
        ("Shivon Nguen", ["Shivon Nguen", "it's spelled N G U Y E N", "S I O B H A N"], "Siobhan Nguyen"),
        ("Chevonne Win", ["Chevonne Win", "first name S I O B H A N", "surname N G U Y E N"], "Siobhan Nguyen"),
        ("Chevonne Lind", ["Chevonne Lind. S I O B H A N. Yes please."], "Siobhan Lind"),
        ("Jon Smith", ["Jon Smith, J O H N S M Y T H E"], "John Smythe"),
        ("Ann Lee", ["Ann Lee", "Lee is L I"], "Ann Li"),
        ("Sean McDonald", ["Sean McDonald, M C D O N A L D"], "Sean McDonald"),
        ("Siobhan Nguyen", ["Hi", "It's S I O B H A N, N G U Y E N."], "Siobhan Nguyen"),
        ("Jane Doe", ["an O P I gel please", "It's Jane Doe"], "Jane Doe"),
        ("Jane Doe", ["It's Jane Doe, and an O P I gel at five P M please"], "Jane Doe"),
        ("Peter Moss", ["Peter Moss", "at 3 p m"], "Peter Moss"),
        ("Jane Doe", ["Jane Doe", "j a n e at outlook dot com"], "Jane Doe"),
        ("Jane Doe", ["Jane Doe", "yes please"], "Jane Doe"),
        ("Jane Doe", [], "Jane Doe"),
    ],
)
def test_a_name_is_written_as_it_was_spelled(name: str, turns: list[str], written: str) -> None:
    assert name_as_spelled(name, turns) == written
