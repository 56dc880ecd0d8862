"""Who works there, and who is only mentioned."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("html", "people"),
    [
        ("<h1>Team</h1><h5>Ana Lima</h5><p>Owner &amp; "
            "Stylist</p><h5>Oli</h5><p>Receptionist</p>", ["Ana Lima", "Oli"]),
        ("<h2>Meet our barbers</h2><h3>Marc - Master Barber</h3><p>Fades.</p>", ["Marc"]),
        ("<title>Stylists</title><h3>Ana Lima</h3><p>Ana has twenty years of experience.</p>", ["Ana Lima"]),
        ('<html lang="de"><h2>Unser Team</h2><p><b>Eva Klein</b></p><p>Friseurmeisterin</p>', ["Eva Klein"]),
        ('<html lang="fr"><h2>Notre équipe</h2><h3>Zoé</h3><p>Esthéticienne</p>', ["Zoé"]),
        ('<html lang="es"><h2>Nuestro equipo</h2><h3>Lucía Paz</h3><p>Estilista</p>', ["Lucía Paz"]),
        ('<html lang="ru"><h2>Наша команда</h2><h3>Анна Орлова</h3><p>Стилист</p>', ["Анна Орлова"]),
        ('<html lang="ja"><h2>スタッフ</h2><h3>田中 花子</h3><p>店長</p>', ["田中 花子"]),
        ("<p>Meet Tamsin</p><p>She cuts hair.</p>", ["Tamsin"]),
        ("<h2>Our team</h2><h3>M <b>arta</b> Quill</h3><p>Marta Quill is a stylist.</p>", ["Marta Quill"]),
        ("<h2>Reviews</h2><h3>Doris</h3><p>Amazing!</p><p>— Nora T.</p>", []),
        ("<h2>Our team</h2><h3>Opening Hours</h3><p>Mon 9-5</p>"
            "<h3>Hot Stones</h3><p>Cosy.</p><p>Hot Stones $40</p>", []),
        ("<h3>Coffee Corner</h3><p>We brew.</p><h3>Walk Ins</h3>", []),
    ],
)  # fmt: skip
def test_staff_is_who_the_shop_presents(read, html: str, people: list[str]) -> None:
    assert [person.name for person in read(html).professionals] == people


def test_a_first_name_elsewhere_is_the_same_person(read) -> None:
    facts = read("<h2>Team</h2><h3>Lea Brandt</h3><p>Aesthetician</p>", "<p>Meet Lea</p>")
    assert [(person.name, person.role) for person in facts.professionals] == [("Lea Brandt", "Aesthetician")]


@pytest.mark.parametrize(
    ("line", "specialties"),
    [
        ("Specialties: Balayage, Color correction", ("Balayage", "Color correction")),
        ("Specialises in: Men's cuts and blow-dries.", ("Men's cuts", "blow-dries")),
        ("Known for fades, beards & shaves", ("fades", "beards", "shaves")),
        ("Schwerpunkte: Balayage und Hochsteckfrisuren", ("Balayage", "Hochsteckfrisuren")),
        ("Spécialités : couleur, chignons", ("couleur", "chignons")),
        ("Especialidades: corte y color", ("corte", "color")),
        ("She is special to all of us", ()),
        ("Specialties vary from day to day", ()),
        ("Known for " + "her patience, " * 20, ()),
    ],
)  # fmt: skip
def test_what_somebody_does_best_is_read_where_it_is_announced(read, line: str, specialties: tuple[str, ...]) -> None:
    html = f"<h2>Our team</h2><h3>Ana Lima</h3><p>Stylist</p><p>{line}</p><h3>Ben Moss</h3><p>Barber</p>"
    assert [person.specialties for person in read(html).professionals] == [specialties, ()]


def test_specialties_on_another_page_are_the_same_persons(read) -> None:
    facts = read(
        "<h2>Team</h2><h3>Lea Brandt</h3><p>Stylist</p>",
        "<h2>Team</h2><h3>Lea Brandt</h3><p>Stylist</p><p>Specialties: Bobs</p>",
    )
    assert [person.specialties for person in facts.professionals] == [("Bobs",)]
