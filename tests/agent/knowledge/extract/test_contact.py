"""Phone, address, name, country and currency."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("html", "numbers"),
    [
        ("<p>Call (808) 484-6298 · Honolulu, HI 96813</p>", ["+18084846298"]),
        ('<html lang="de"><p>Tel: 030 90 18 20, 10115 Berlin</p>', ["+4930901820"]),
        ('<p>Bath BA1 1AA</p><a href="tel:07911 123456">call</a>', ["+447911123456"]),
        ('<html lang="fr"><p>Tél : 01 42 68 53 00</p>', ["+33142685300"]),
        ('<html lang="ja"><p>TEL 03-3523-1234</p>', ["+81335231234"]),
        ("<p>Fax: +1 808 484 6298</p>", []),
        ("<p>+1 808 555 0123</p>", []),
        ("<p>Prices 10-20, since 2009, order 1234567890123456</p>", []),
    ],
)
def test_phones_are_read_as_e164(read, html: str, numbers: list[str]) -> None:
    assert [fact.value for fact in read(html).phones] == numbers


def test_the_number_on_every_page_goes_first(read) -> None:
    footer = "<footer>Phone (808) 484-6298</footer>"
    facts = read(f"<p>Ana: (808) 484-6200</p>{footer}", footer, footer)
    assert facts.phones[0].value == "+18084846298"


@pytest.mark.parametrize(
    ("html", "address"),
    [
        ("<p>420 Juniper Rd, Unit 9</p><p>Boise, ID 83702</p>", "420 Juniper Rd, Unit 9, Boise, ID 83702"),
        (
            "<div><span>Ana</span><span>High Road</span><span>Bath</span><span>BA1 1AA</span></div>",
            "High Road, Bath, BA1 1AA",
        ),
        ('<html lang="de"><p>Hauptstraße 5<br>10115 Berlin</p>', "Hauptstraße 5, 10115 Berlin"),
        ('<html lang="fr"><p>12 rue de la Paix, 75002 Paris</p>', "12 rue de la Paix, 75002 Paris"),
        ('<html lang="es"><p>Calle Mayor 12, 28013 Madrid</p>', "Calle Mayor 12, 28013 Madrid"),
        ("<p>17 Plum Lane, Cork 4</p>", "17 Plum Lane, Cork 4"),
        ('<html lang="ja"><p>〒150-0001 東京都渋谷区神宮前1-2-3</p>', "〒150-0001 東京都渋谷区神宮前1-2-3"),
        (
            '<script type="application/ld+json">{"@type": "HairSalon", "address": {"@type": "PostalAddress",'
            '"streetAddress": "5 High St", "addressLocality": "Bath", "postalCode": "BA1 1AA"}}</script>',
            "5 High St, Bath, BA1 1AA",
        ),
    ],
)
def test_addresses_are_read(read, html: str, address: str) -> None:
    assert address in read(html).addresses[0].value


@pytest.mark.parametrize(
    "html", ["<p>99 Example Rd, Boise, ID 00000</p>", "<p>We have been on the main road for years.</p>"]
)
def test_a_template_has_no_address(read, html: str) -> None:
    assert read(html).addresses == ()


@pytest.mark.parametrize(
    ("html", "currency"),
    [
        ("<p>Cut $40</p><p>Vancouver BC, 604-681-1111</p>", "CAD"),
        ("<p>Cut $40</p><p>Auckland, New Zealand</p>", "NZD"),
        ("<p>Cut $40</p><p>Springfield, IL 62701</p>", "USD"),
        ("<p>Cut £40</p>", "GBP"),
        ('<html lang="de"><p>Schneiden 72.-</p><p>Waschen 15.-</p>', "CHF"),
        ("<p>Cut $40</p><p>Cork, Ireland</p>", "USD"),
        (
            '<p>Cut 40,-</p><script type="application/ld+json">'
            '{"@type": "Salon", "currenciesAccepted": "PLN"}</script>',
            "PLN",
        ),
    ],
)
def test_a_price_has_its_currency(read, html: str, currency: str) -> None:
    assert {service.currency for service in read(html).services} == {currency}


@pytest.mark.parametrize(
    "pages",
    [
        ["<title>Ana Hair | Prices</title>", "<title>Ana Hair | Team</title>"],
        ["<footer>© 2024 Ana Hair. All rights reserved.</footer>"],
        ['<meta property="og:site_name" content="Ana Hair"><title>Home</title>'],
        ['<script type="application/ld+json">{"@type": "HairSalon", "name": "Ana Hair"}</script><h1>Welcome</h1>'],
        ['<div itemscope itemtype="https://schema.org/HairSalon"><span itemprop="name">Ana Hair</span></div>'],
    ],
)
def test_the_shop_has_its_name(read, pages: list[str]) -> None:
    name = read(*pages).business_name
    assert name is not None
    assert name.value == "Ana Hair"


def test_offers_in_data_count_where_the_page_names_them(read) -> None:
    data = (
        '<script type="application/ld+json">{"@type": "HairSalon", "makesOffer": [{"@type": "Offer", "price": "180",'
        '"priceCurrency": "USD", "itemOffered": {"@type": "Service", "name": "Balayage"}}, {"@type": "AggregateOffer",'
        '"lowPrice": 20, "name": "Hair in Springfield"}]}</script>'
    )
    assert [service.name for service in read(f"{data}<h3>Balayage</h3><p>Cut $40</p>").services] == ["Cut", "Balayage"]


def test_the_shops_name_is_no_part_of_its_address(read) -> None:
    page = "<title>Fern & Co</title><h1>Fern & Co</h1><p>Fern & Co, 27 Copper Lane, London EC1M 4QX</p>"
    assert [fact.value for fact in read(page, page).addresses] == ["27 Copper Lane, London EC1M 4QX"]
