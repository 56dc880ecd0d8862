"""One small page for each way a menu is laid out."""

from __future__ import annotations

import pytest

LAYOUTS = {
    "two-column table": (
        "<table><tr><td>Cut</td><td>£20.00</td></tr><tr><td>Colour (90 mins)</td><td>£55</td></tr></table>",
        [("Cut", 20, 20, None), ("Colour", 55, 55, 90)],
    ),
    "table with bands": (
        "<table><tr><td colspan=2>Children's cut</td></tr><tr><td>Under 10</td><td>$16</td></tr>"
        "<tr><td>10 - 13</td><td>$22</td></tr><tr><td>Blow-dry</td><td>$30</td></tr></table>",
        [
            ("Children's cut Under 10", 16, 16, None),
            ("Children's cut 10 - 13", 22, 22, None),
            ("Blow-dry", 30, 30, None),
        ],
    ),
    "price matrix by length": (
        "<table><tr><th>Service</th><th>short</th><th>long</th>"
        "</tr><tr><td>Tint</td><td>€40</td><td>€60</td></tr></table>",
        [("Tint (short)", 40, 40, None), ("Tint (long)", 60, 60, None)],
    ),
    "price matrix by time": (
        "<table><tr><th>Massage</th><th>30 min</th><th>60 min</th>"
        "</tr><tr><td>Thai</td><td>$50</td><td>$90</td></tr></table>",
        [("Thai", 50, 50, 30), ("Thai", 90, 90, 60)],
    ),
    "caption names, rows are times": (
        "<table><caption>Hot stones</caption><tr><th>Time</th></tr><tr><td>30 minutes</td><td>30 €</td></tr>"
        "<tr><td>60 minutes</td><td>55 €</td></tr></table>",
        [("Hot stones", 30, 30, 30), ("Hot stones", 55, 55, 60)],
    ),
    "numbers under a price header": (
        "<table><tr><th>Service</th><th>Price (£)</th></tr><tr><td>Shave</td>"
        "<td>18</td></tr><tr><td>Trim</td><td>12-15</td></tr></table>",
        [("Shave", 18, 18, None), ("Trim", 12, 15, None)],
    ),
    "two lists side by side": (
        "<table><tr><td>Cut</td><td>$40</td><td>Gloss</td><td>$90</td></tr></table>",
        [("Cut", 40, 40, None), ("Gloss", 90, 90, None)],
    ),
    "table inside a layout table": (
        "<table><tr><td><table><tr><td>Cut</td><td>$40</td></tr></table></td><td><h2>Visit us</h2></td></tr></table>",
        [("Cut", 40, 40, None)],
    ),
    "names, times and prices in three columns": (
        "<div><div>Brow shape<br>Brow tint</div><div>15 min<br>20 min</div><div>$15<br>$20</div></div>",
        [("Brow shape", 15, 15, 15), ("Brow tint", 20, 20, 20)],
    ),
    "list items": (
        "<ul><li>Fade: $30</li><li>Shave - from $25</li><li>Kids $18+</li></ul>",
        [("Fade", 30, 30, None), ("Shave", 25, None, None), ("Kids", 18, None, None)],
    ),
    "dotted leaders": (
        "<p>Cut ........ 45 €<br>Brush . . . . . 25,50 €<br>Perm……… 80 €</p>",
        [("Cut", 45, 45, None), ("Brush", 25.5, 25.5, None), ("Perm", 80, 80, None)],
    ),
    "definition list": (
        "<dl><dt>Swedish massage</dt><dd>60 min</dd><dd>$90</dd><dt>Deep tissue</dt><dd>$130</dd></dl>",
        [("Swedish massage", 90, 90, 60), ("Deep tissue", 130, 130, None)],
    ),
    "cards": (
        "<div><h3>Gel set</h3><p>Long lasting.</p><p>1 hr</p><p>$45</p>"
        "</div><div><h3>Pedicure</h3><p>1 hr 15 min</p><p>$60</p></div>",
        [("Gel set", 45, 45, 60), ("Pedicure", 60, 60, 75)],
    ),
    "cards with the price first": (
        "<div><b>$40</b><h3>Cut</h3><p>With a wash.</p></div><div><b>$90</b><h3>Gloss</h3></div>",
        [("Cut", 40, 40, None), ("Gloss", 90, 90, None)],
    ),
    "card with a second service": (
        "<div><h3>Lash set</h3><p><b>$60</b></p><p>Maintenance <b>$50</b></p></div>",
        [("Lash set", 60, 60, None), ("Lash set Maintenance", 50, 50, None)],
    ),
    "flat, description after the price": (
        "<h2>Hair</h2><p>Cut</p><p>$40</p><p>A classic.</p><p>Gloss</p><p>$90</p><p>Shine.</p>",
        [("Cut", 40, 40, None), ("Gloss", 90, 90, None)],
    ),
    "flat, description before the price": (
        "<h2>Hair</h2><p>Cut</p><p>A classic.</p><p>$40</p><p>Gloss</p><p>Shine.</p><p>$90</p>",
        [("Cut", 40, 40, None), ("Gloss", 90, 90, None)],
    ),
    "glued spans": (
        "<ul><li><span>Cut</span><span>$85</span></li><li><span>Keratin</span><span>from $180</span></li></ul>",
        [("Cut", 85, 85, None), ("Keratin", 180, None, None)],
    ),
    "many services in one line": (
        "<p><span>Full set</span> <span>$35</span> <span>Refill</span> <span>$25</span></p>",
        [("Full set", 35, 35, None), ("Refill", 25, 25, None)],
    ),
    "times under a heading": (
        "<h3>Hot stones</h3><p>60 min 80 CHF</p><p>90 min 110 "
        "CHF</p><h3>Thai</h3><p>30 min: 45 CHF / 60 min: 75 CHF</p>",
        [("Hot stones", 80, 80, 60), ("Hot stones", 110, 110, 90), ("Thai", 45, 45, 30), ("Thai", 75, 75, 60)],
    ),
    "duration on the line after": (
        "<p>Facial £20<br>(30 min)</p><p>Peel £35<br>(45 mins)</p>",
        [("Facial", 20, 20, 30), ("Peel", 35, 35, 45)],
    ),
    "three prices, nothing said about them": ("<p>Cut $40 / $50 / $60</p>", [("Cut", 40, 60, None)]),
    "old price struck out": ("<ul><li>Facial <del>$90</del> $70</li></ul>", [("Facial", 70, 70, None)]),
    "for nothing": (
        "<ul><li>Consultation — Free</li><li>Cut — $40</li></ul>",
        [("Consultation", 0, 0, None), ("Cut", 40, 40, None)],
    ),
    "to be asked": (
        "<div><h3>Flat top</h3><p>Call for pricing</p></div><ul><li>Extensions (price on request)</li></ul>",
        [("Flat top", None, None, None), ("Extensions", None, None, None)],
    ),
    "panel of a tab": (
        '<a href="#nails">Nails</a><div id="nails" style="display:none"><p>Manicure $30</p></div>',
        [("Manicure", 30, 30, None)],
    ),
    "price in the foot of a card": (
        '<div class="card"><h5>Lash lift</h5><div class="card-footer">$75</div></div>',
        [("Lash lift", 75, 75, None)],
    ),
    "a menu called one": ('<div class="main-menu"><ul><li>Fade $30</li></ul></div>', [("Fade", 30, 30, None)]),
    "menu in an accordion": ("<details><summary>Cuts</summary><p>Fade $30</p></details>", [("Fade", 30, 30, None)]),
    "markup broken off": (
        "<table><tr><td>Cut<td>$40<tr><td>Gloss<td>$90",
        [("Cut", 40, 40, None), ("Gloss", 90, 90, None)],
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_menu_is_read_in_every_layout(menu, layout: str) -> None:
    html, expected = LAYOUTS[layout]
    assert menu(html) == expected


LANGUAGES = {
    "de": (
        '<html lang="de"><h2>Preise</h2><h3>Damen</h3><ul><li>Waschen, '
        "Schneiden ab 35 €</li><li>Strähnen: Preis auf Anfrage</li></ul>"
        "<h3>Herren</h3><ul><li>Waschen, Schneiden ab 25 €</li></ul>",
        [
            ("Waschen, Schneiden", 35, None, None),
            ("Strähnen", None, None, None),
            ("Waschen, Schneiden", 25, None, None),
        ],
    ),
    "fr": (
        '<html lang="fr"><h3>Femmes</h3><ul><li>Coupe<span>42 '
        "€</span></li><li>Couleur<span>à partir de 55 €</span></li>"
        "<li>Mèches<span>sur devis</span></li></ul>",
        [("Coupe", 42, 42, None), ("Couleur", 55, None, None), ("Mèches", None, None, None)],
    ),
    "es": (
        '<html lang="es"><ul><li>Corte — desde 25 €</li><li>Barba: 15 € (30 min)</li><li>Mechas: a consultar</li></ul>',
        [("Corte", 25, None, None), ("Barba", 15, 15, 30), ("Mechas", None, None, None)],
    ),
    "ja": (
        '<html lang="ja"><dl><dt>カット</dt><dd>5,500円〜</dd><dt>前髪カット</dt><dd>1,100円</dd></dl>'
        "<table><tr><td>全体カラー（60分）</td><td>￥7,700〜</td></tr></table>",
        [("カット", 5500, None, None), ("前髪カット", 1100, 1100, None), ("全体カラー", 7700, None, 60)],
    ),
    "ru": (
        '<html lang="ru"><h2>Стрижки</h2><table><tr><th>Услуга</th><th>Цена, рублей</th></tr>'
        "<tr><td>Мужская</td><td>1000-1200</td></tr><tr><td>Детская</td>"
        "<td>от 700</td></tr></table><p>Укладка 40 мин — 900 ₽</p>",
        [("Мужская", 1000, 1200, None), ("Детская", 700, None, None), ("Укладка", 900, 900, 40)],
    ),
    "de-CH": (
        '<html lang="de"><table><tr><td>Waschen</td><td>15.-</td></tr>'
        "<tr><td>Hochstecken</td><td>Preis auf Anfrage</td></tr></table>",
        [("Waschen", 15, 15, None), ("Hochstecken", None, None, None)],
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_menu_is_read_in_every_language(menu, language: str) -> None:
    html, expected = LANGUAGES[language]
    assert menu(html) == expected


NOT_SERVICES = {
    "nothing": "<p>Welcome to our salon.</p>",
    "numbers": "<p>8000+ happy clients, 15+ years, since 2009, wait of 10-15 minutes. Save $20 today, 50% off!</p>",
    "sentence": "<p>Our prices vary, and a colour may take you from $90 to anything you like, depending on length.</p>",
    "products": "<h2>Our products</h2><ul><li>Hair oil $25</li></ul><p>Shampoo 250 ml $18</p>",
    "fees and vouchers": "<ul><li>Late cancellation fee $20</li><li>Gift card $50</li><li>Deposit £25</li></ul>",
    "an answer": "<details><summary>Do you do keratin?</summary><p>Yes. Keratin from $180.</p></details>",
    "tagline": "<p>Women &amp; men · Springfield · from $5</p>",
    "navigation": "<nav><ul><li>Cut $40</li></ul></nav>",
    "hours": "<p>Outside our business hours: by arrangement, on request</p>",
    "form": "<form><label>Cut $40</label><select><option>Cut $40</option></select></form>",
    "script": "<p>Hello</p><script>document.write('Cut $40')</script><noscript>Cut $40</noscript><!-- Cut $40 -->",
    "error page": "<title>404 - Page not found</title><p>Cut $40</p>",
}


@pytest.mark.parametrize("page", NOT_SERVICES)
def test_what_is_no_service_stays_out(menu, page: str) -> None:
    assert menu(NOT_SERVICES[page]) == []


def test_equal_names_are_told_apart_by_their_section(read) -> None:
    html = "<h2>Acrylic</h2><ul><li>Full set $25</li></ul><h2>Gel</h2><ul><li>Full set $35</li></ul>"
    assert [(s.section, s.name) for s in read(html).services] == [("Acrylic", "Full set"), ("Gel", "Full set")]


def test_the_page_is_the_section_when_no_heading_is(read) -> None:
    pages = [f"<title>Ana - {topic}</title><p>{name} $20</p>" for topic, name in (("Nails", "Gel"), ("Waxing", "Leg"))]
    assert [service.section for service in read(*pages).services] == ["Nails", "Waxing"]


def test_one_price_on_three_pages_is_one_service(menu) -> None:
    pages = [f"<title>Page {n}</title><h2>Hair</h2><p>Cut $40</p><p>Gloss $90 (45 min)</p>" for n in range(3)]
    assert menu(*pages) == [("Cut", 40, 40, None), ("Gloss", 90, 90, 45)]


def test_a_teaser_repeats_the_price_list_in_fewer_words(menu) -> None:
    prices = "".join(f"<li>{name} massage 60 min 50 €</li>" for name in ("Gentle Thai", "Swedish back", "Deep tissue"))
    assert len(menu("<p>Thai massage 60 min 50 €</p>", f"<ul>{prices}</ul>")) == 3


def test_a_teaser_of_a_section_is_no_service(menu) -> None:
    card = '<div class="card"><h3>Colour</h3><div class="card-footer">from $60 <a href="/c">Explore →</a></div></div>'
    assert menu(card, "<h2>Colour</h2><p>Root tint $60</p><p>Full tint $90</p>") == [
        ("Root tint", 60, 60, None),
        ("Full tint", 90, 90, None),
    ]


def test_contradictory_prices_are_kept_as_such(read) -> None:
    facts = read("<h2>Hair</h2><p>Cut $40</p><p>Gloss $90</p>", "<h2>Hair</h2><p>Cut $45</p>")
    cut = next(service for service in facts.services if service.name == "Cut")
    assert (cut.price_min, [other.price_min for other in cut.alternatives]) == (40, [45])
    assert cut.alternatives[0].source_url.endswith("page-1")
    assert cut.confidence < facts.services[1].confidence


def test_for_women_and_for_men_are_two_lines_even_at_one_price(read) -> None:
    facts = read("<h2>Damen</h2><p>Waschen 15 €</p>", "<h2>Herren</h2><p>Waschen 15 €</p>")
    assert [service.section for service in facts.services] == ["Damen", "Herren"]


def test_a_hidden_menu_counts_for_little_and_only_where_none_is_shown(read) -> None:
    hidden = '<div class="row d-none"><p>Perm $75</p></div>'
    (service,) = read(hidden).services
    assert (service.name, service.confidence) == ("Perm", 0.4)
    assert [s.name for s in read(f"{hidden}<p>Cut $40</p>").services] == ["Cut"]


def test_a_long_menu_in_one_block_is_read_whole(menu) -> None:
    html = "".join(f"<div>Service {chr(97 + n % 26)}{n}</div><div>${n}</div>" for n in range(1, 300))
    assert len(menu(html)) == 299
