"""A name counts when the caller said it, however speech recognition wrote it."""

from __future__ import annotations

import pytest

from agent.bookings.identity import is_said, is_same_person


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("Jane Okafor", ["Jane Okafor."]),
        ("Jane Okafor", ["hi it's jane", "okafor, o k a f o r"]),
        ("Siobhan Nguyen", ["My name is Chevonne. S I O B H A N, N G U Y E N."]),
        ("Siobhan Nguyen", ["No, S as in sugar, I, O, B as in boy, H, A, N. Nguyen."]),
        ("Sara Lind", ["This is Sarah Lind"]),
        ("Zoë Müller", ["zoe muller here"]),
        ("Mrs Ada O'Neil", ["It's Ada O'Neil"]),
    ],
)
def test_said(name: str, heard: list[str]):
    assert is_said(name, heard)


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("Jane Okafor", ["Hi, I want to cancel"]),
        ("Jane Okafor", ["It's Jane"]),
        ("Jane Okafor", []),
        ("", ["Jane Okafor"]),
        ("Tom Ito", ["Tim Ito"]),
        ("...", ["..."]),
    ],
)
def test_not_said(name: str, heard: list[str]):
    assert not is_said(name, heard)


def test_a_first_name_may_stand_for_the_whole_but_not_for_another():
    assert is_same_person("Jane", "Jane Okafor")
    assert is_same_person("Sarah Lind", "Sara Lind")
    assert not is_same_person("Jane Smith", "Jane Okafor")
    assert not is_same_person("", "Jane Okafor")
    assert not is_same_person("Jane", "")
