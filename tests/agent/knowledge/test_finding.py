"""What callers say is found on the menu, however it is said, and nothing else is."""

from __future__ import annotations

import random
import string

import pytest

from agent.knowledge.finding import SHOWN, find_professional, find_services
from agent.model import Service
from tests.long_menu import long_shop

LONG = long_shop()
SMALL = long_shop(
    tuple(
        Service(name=name, category=category, minutes=minutes)
        for name, category, minutes in (
            ("Men's Haircut", "Cuts", 30), ("Women's Haircut", "Cuts", 45), ("Children's Haircut", "Cuts", 30),
            ("Skin Fade", "Cuts", 40), ("Fringe Trim", "Cuts", 15), ("Cut & Blow Dry", "Cuts", 60),
            ("Blow-Dry", "Styling", 45), ("Balayage", "Colour", 150), ("Balayage with Toner", "Colour", 180),
            ("Half-Head Highlights", "Colour", 120), ("Full-Head Highlights", "Colour", 160),
            ("Root Tint", "Colour", 90), ("Keratin Smoothing Treatment", "Treatments", 120),
            ("Deep Tissue Massage", "Massage", 60), ("Deep Tissue Massage", "Massage", 90),
            ("Swedish Massage 30 min", "Massage", None), ("Swedish Massage 60 min", "Massage", None),
            ("Eyebrow Wax", "Waxing", 15), ("Full Leg Wax", "Waxing", 45), ("Half Leg Wax", "Waxing", 30),
            ("Gel Manicure", "Nails", 45), ("Gel Pedicure", "Nails", 45), ("Short hair", "Perm", 90),
            ("Long hair", "Perm", 120), ("Short hair", "Bridal", 60), ("Long hair", "Bridal", 90),
            ("Beard Trim", "Grooming", 20), ("Damenhaarschnitt", "Haarschnitte", 45),
            ("Herrenhaarschnitt", "Haarschnitte", 30), ("Strähnen", "Farbe", 90), ("レディースカット", "カット", 60),
            ("Мужская стрижка", "Стрижки", 40),
        )
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("How much is a gents' cut, please?", "Men's Haircut"),
        ("men's hair cut", "Men's Haircut"),
        ("a haircut for men", "Men's Haircut"),
        ("ladies haircut", "Women's Haircut"),
        ("kids cut", "Children's Haircut"),
        ("bangs trim", "Fringe Trim"),
        ("a cut and blowdry", "Cut & Blow Dry"),
        ("blow out", "Blow-Dry"),
        ("ballyage", "Balayage"),
        ("colouring my roots", "Root Tint"),
        ("color my roots", "Root Tint"),
        ("full head of hi lights", "Full-Head Highlights"),
        ("1/2 head highlights", "Half-Head Highlights"),
        ("½ head highlights", "Half-Head Highlights"),
        ("the keratine thing", "Keratin Smoothing Treatment"),
        ("skinfade", "Skin Fade"),
        ("skin phade", "Skin Fade"),
        ("brows", "Eyebrow Wax"),
        ("waxing my full legs", "Full Leg Wax"),
        ("gel mani", "Gel Manicure"),
        ("straehnen", "Strähnen"),
        ("STRAHNEN", "Strähnen"),
        ("Herren Haarschnitt", "Herrenhaarschnitt"),
        ("レディースカット", "レディースカット"),
        ("мужская стрижка", "Мужская стрижка"),
    ],
)
def test_the_service_is_found_as_callers_say_it(words: str, name: str):
    found = find_services(SMALL, words)
    assert (found.kind, [service.name for service in found.matches]) == ("exact", [name])


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("highlights", {"Half-Head Highlights", "Full-Head Highlights"}),
        ("leg wax", {"Full Leg Wax", "Half Leg Wax"}),
        ("gel nails", {"Gel Manicure", "Gel Pedicure"}),
        ("Haarschnitt", {"Damenhaarschnitt", "Herrenhaarschnitt"}),
        ("baliage", {"Balayage", "Balayage with Toner"}),
        ("bay lay age", {"Balayage", "Balayage with Toner"}),
        ("dog grooming", {"Beard Trim"}),
    ],
)
def test_what_may_mean_several_or_fits_in_part_is_to_be_asked(words: str, names: set[str]):
    found = find_services(SMALL, words)
    assert found.kind == "several"
    assert {service.name for service in found.matches} == names


def test_the_category_tells_services_of_one_name_apart():
    perm = find_services(SMALL, "a perm for short hair")
    assert (perm.kind, perm.matches[0].category) == ("exact", "Perm")
    either = find_services(SMALL, "short hair")
    assert either.kind == "several"
    assert {service.category for service in either.matches} >= {"Perm", "Bridal"}


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ("90 minute deep tissue massage", 90),
        ("deep tissue massage for an hour", 60),
        ("a sixty minutes deep tissue", 60),
    ],
)
def test_the_length_tells_them_apart_too(words: str, minutes: int):
    found = find_services(SMALL, words)
    assert (found.kind, [service.minutes for service in found.matches]) == ("exact", [minutes])


def test_a_length_in_the_name_is_a_length():
    assert [at.name for at in find_services(SMALL, "swedish massage, half an hour").matches] == [
        "Swedish Massage 30 min"
    ]
    assert find_services(SMALL, "swedish massage").kind == "several"


@pytest.mark.parametrize("words", ["tattoo", "poodle trim", "oil change", "", "how much is it", "?!", "x" * 5000, "0"])
def test_what_is_not_on_the_menu_is_not_found_and_the_categories_are_named(words: str):
    found = find_services(SMALL, words)
    assert (found.kind, found.matches) == ("none", ())
    assert set(found.near) <= {service.category for service in SMALL.services}
    assert 0 < len(found.near) <= SHOWN


def test_of_the_categories_those_that_come_near_are_named_first():
    assert find_services(SMALL, "poodle trim with a ribbon").near[:2] == ("Cuts", "Grooming")


def test_men_are_not_women_for_one_letter():
    only = long_shop((Service(name="Women's Haircut", category="Cuts"),))
    assert find_services(only, "a men's haircut").kind == "none"
    assert find_services(only, "a haircut").kind == "exact"


def test_a_shop_without_services():
    assert find_services(long_shop(()), "balayage").kind == "none"


def test_every_service_of_a_long_menu_is_found_by_its_name():
    for service in LONG.services:
        found = find_services(LONG, f"How much is the {service.name.lower()}?")
        assert (found.kind, found.matches) == ("exact", (service,)), service.name


@pytest.mark.parametrize("seed", range(4))
def test_a_long_menu_by_shuffled_and_misheard_words(seed: int):
    """The words in any order are the service for certain; with a letter wrong it is among those named, or asked for."""
    chance = random.Random(seed)
    missed: list[str] = []
    for service in chance.sample(LONG.services, 100):
        words = service.name.split()
        chance.shuffle(words)
        found = find_services(LONG, " ".join(words))
        assert (found.kind, found.matches) == ("exact", (service,)), words
        if not (long := [at for at, word in enumerate(words) if len(word) >= 6]):
            continue
        place = chance.choice(long)
        misheard = with_a_letter_wrong(words[place], chance)
        found = find_services(LONG, " ".join([*words[:place], misheard, *words[place + 1 :]]))
        assert all(at in LONG.services for at in found.matches)
        if service not in found.matches:
            missed.append(f"{service.name} as {' '.join(words)} with {misheard}")
    assert len(missed) <= 2, missed


def with_a_letter_wrong(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word))
    return word[:at] + chance.choice(string.ascii_lowercase) + word[at + 1 :]


def test_of_many_the_first_are_named_and_the_others_counted():
    found = find_services(LONG, "balayage")
    assert (found.kind, len(found.matches), found.more) == ("several", SHOWN, 20 - SHOWN)


@pytest.mark.parametrize(
    ("words", "kind", "names"),
    [
        ("with Imogen please", "exact", ["Imogen Hart"]),
        ("Imogen's", "exact", ["Imogen Hart"]),
        ("Mr Okafor", "exact", ["Tunde Okafor"]),
        ("Will", "exact", ["Will Reid"]),
        ("ana lima", "exact", ["Ana Lima"]),
        ("ana", "several", ["Ana Lima", "Ana Costa"]),
        ("anna", "exact", ["Anna Berg"]),
        ("Imogene", "several", ["Imogen Hart"]),
        ("preya", "several", ["Priya Nair"]),
        ("Bob", "none", []),
        ("", "none", []),
    ],
)
def test_people_are_found_by_their_names(words: str, kind: str, names: list[str]):
    found = find_professional(LONG, words)
    assert (found.kind, [person.name for person in found.matches]) == (kind, names)
    assert found.near == (tuple(person.name for person in LONG.professionals[:SHOWN]) if kind == "none" else ())
