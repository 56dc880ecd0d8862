"""Links of six languages are known for what they lead to."""

from __future__ import annotations

import httpx
import pytest

from agent.knowledge.links import identity, resolve, same_site, score
from agent.knowledge.page import Link

HOME = httpx.URL("https://salon.example/")


def points(path: str, words: str = "") -> int:
    return score(HOME.join(path), words, HOME)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        *(
            ("/prices", ""),
            ("/our-menu", ""),
            ("/p/12", "Services & Rates"),
            ("/hair-services.html", ""),
            ("/faq/", ""),
        ),
        *(("/preisliste", ""), ("/leistungen", ""), ("/x", "Öffnungszeiten"), ("/ueber-uns", ""), ("/team-2", "")),
        *(("/tarifs", ""), ("/prestations", ""), ("/l-equipe", ""), ("/x", "Horaires d’ouverture"), ("/nos-soins", "")),
        *(
            ("/precios", ""),
            ("/servicios", ""),
            ("/x", "Nuestro equipo"),
            ("/preguntas-frecuentes", ""),
            ("/contacto", ""),
        ),
        *(
            ("/x", "料金・メニュー"),
            ("/%E6%96%99%E9%87%91", ""),
            ("/x", "スタッフ紹介"),
            ("/x", "よくある質問"),
            ("/x", "営業時間"),
        ),
        *(("/x", "Цены"), ("/x", "Наши услуги"), ("/x", "Наши мастера"), ("/uslugi-i-tseny", ""), ("/kontakty", "")),
    ],
)
def test_telling_links_are_worth_more_than_others(path: str, words: str) -> None:
    assert points(path, words) >= 4 > points("/x", "read on")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        *(("/blog/price-of-beauty", ""), ("/datenschutz", ""), ("/x", "Galerie"), ("/jobs", "Join our team")),
        *(
            ("/wp-login.php", ""),
            ("/cart", ""),
            ("/x", "Новости"),
            ("/x", "プライバシーポリシー"),
            ("/politique-de-confidentialite", ""),
        ),
    ],
)
def test_idle_links_are_worth_less(path: str, words: str) -> None:
    assert points(path, words) < points("/x", "read on")


@pytest.mark.parametrize(
    "href",
    [
        "mailto:a@b.example",
        "tel:+49",
        "javascript:x()",
        "data:text/html,x",
        "/a.pdf",
        "/b.JPG",
        "x.zip?y=1",
        "http://[",
        "//",
        "ftp://salon.example/",
    ],
)
def test_links_to_no_page(href: str) -> None:
    found = resolve(Link(href, ""), HOME)
    assert found is None or found == HOME


@pytest.mark.parametrize(
    "other",
    ["http://www.salon.example/", "https://salon.example", "https://salon.example/index.php", "/?utm_source=x#a"],
)
def test_the_same_page_written_otherwise(other: str) -> None:
    found = resolve(Link(other, ""), HOME)
    assert found is not None
    assert same_site(found, HOME)
    assert identity(found) == identity(HOME)


@pytest.mark.parametrize(
    "other", ["https://salon.example.evil.example/", "https://notsalon.example/", "https://salon.example:8443/"]
)
def test_another_site(other: str) -> None:
    assert not same_site(httpx.URL(other), HOME)


def test_a_host_under_the_site_belongs_to_it() -> None:
    assert same_site(httpx.URL("https://menu.salon.example/"), httpx.URL("https://www.salon.example/"))
