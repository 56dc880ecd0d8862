"""What a model claims of a page is a fact only as far as the page's own words say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agent.knowledge.extract.claims import Claims
from agent.knowledge.extract.page import Page
from agent.knowledge.extract.proof import TRUST, Proven, prove
from agent.knowledge.extract.seen import visible_text, visible_texts

URL = "https://salon.example/prices"
TEXT = """Our prices
Ladies' cut and finish
from £45 with a stylist, allow one hour
Gents cut £145.50
Colour £80 (90 min) Toner £25
Root tint 60+
Perm £90+
Meet the team
Ana Lima is our senior stylist. Photos by Kim Park.
Do you take walk-ins? Yes, on weekdays before noon.
Open Tue to Fri 9am to 5pm, Sat 9am - 2pm, closed Sundays
Please give us 24 hours' notice to cancel, or half the price is due.
カット5,000円"""


def claims(**made: list[dict[str, Any]]) -> Claims:
    return Claims.model_validate({"services": [], "people": [], "faq": [], "hours": [], "policies": [], **made})


def proven(**made: list[dict[str, Any]]) -> Proven:
    return prove(claims(**made), URL, TEXT, shop="Salon Example", currency="GBP")


def service(name: str, price: str = "", duration: str = "", quote: str = "") -> dict[str, Any]:
    return {"name": name, "price_text": price, "duration_text": duration, "quote": quote}


def test_what_the_quote_says_is_kept_with_it():
    quote = "Ladies' cut and finish from £45 with a stylist, allow one hour"
    (fact,) = proven(services=[service("Ladies' cut and finish", "from £45", "", quote)]).services
    assert (fact.price_min, fact.open_ended, fact.currency, fact.confidence) == (Decimal(45), True, "GBP", TRUST)
    assert (fact.quote, fact.source_url) == (quote, URL)


@pytest.mark.parametrize(
    ("name", "price", "duration", "quote", "why"),
    [
        ("Gents cut", "£145.50", "", "", "quote_missing"),
        ("Gents cut", "£99", "", "Gents cut £99", "quote_not_on_page"),  # made up
        ("Gents cut", "£99", "", "Gents cut £145.50", "price_not_in_quote"),  # altered
        ("Gents cut", "£145", "", "Gents cut £145", "quote_not_on_page"),  # cut inside a number
        ("Gents cut", "£1", "", "Gents cut £1", "quote_not_on_page"),
        ("Gents shave", "£145.50", "", "Gents cut £145.50", "name_not_in_quote"),
        ("ents cut", "£145.50", "", "ents cut £145.50", "quote_not_on_page"),  # cut inside a word
        ("Colour", "£25", "", "Colour £80 (90 min) Toner £25", "price_not_in_quote"),  # another line's price
        ("Colour", "£80", "60 min", "Colour £80 (90 min)", "duration_not_in_quote"),
        ("Colour", "", "", "Colour £80 (90 min)", "says_nothing"),
        ("Gents cut", "£145.50", "", "x" * 700, "quote_too_long"),
        ("Deposit", "£80", "", "Deposit £80", "quote_not_on_page"),
    ],
)  # fmt: skip
def test_what_it_does_not_say_is_dropped_and_counted(name: str, price: str, duration: str, quote: str, why: str):
    found = proven(services=[service(name, price, duration, quote)])
    assert found.services == []
    assert found.dropped == {why: 1}


def test_a_price_is_read_where_it_stands_not_where_the_quote_ends():
    (fact,) = proven(services=[service("Perm", "£90", "", "Perm £90")]).services
    assert (fact.price_min, fact.open_ended, fact.price_text) == (Decimal(90), True, "£90+")


def test_of_two_services_in_one_quote_each_has_its_own_price():
    quote = "Colour £80 (90 min) Toner £25"
    found = proven(services=[service("Colour", "£80", "90 min", quote), service("Toner", "£25", "", quote)])
    assert [(fact.name, fact.price_min, fact.duration_min) for fact in found.services] == [
        ("Colour", Decimal(80), 90),
        ("Toner", Decimal(25), None),
    ]


def test_languages_without_spaces_are_quoted_too():
    (fact,) = proven(services=[service("カット", "5,000円", "", "カット5,000円")]).services
    assert (fact.price_min, fact.currency) == (Decimal(5000), "JPY")


def test_a_fee_is_no_service():
    text = "Late fee £20"
    found = prove(claims(services=[service("Late fee", "£20", "", text)]), URL, text)
    assert found.dropped == {"no_service": 1}


def test_people_need_a_role_on_the_page():
    found = proven(
        people=[
            {"name": "Ana Lima", "role": "senior stylist", "quote": "Ana Lima is our senior stylist."},
            {"name": "Kim Park", "role": "stylist", "quote": "Photos by Kim Park."},
            {"name": "Bo Derek", "role": "stylist", "quote": "Bo Derek is our senior stylist."},
        ]
    )
    assert [(fact.name, fact.role) for fact in found.people] == [("Ana Lima", "senior stylist")]
    assert found.dropped == {"no_role": 1, "quote_not_on_page": 1}


def test_questions_and_answers_stand_there_in_that_order():
    quote = "Do you take walk-ins? Yes, on weekdays before noon."
    found = proven(
        faq=[
            {"question": "Do you take walk-ins?", "answer": "Yes, on weekdays before noon.", "quote": quote},
            {"question": "Do you take walk-ins?", "answer": "Yes, always.", "quote": quote},
        ]
    )
    assert [fact.answer for fact in found.faq] == ["Yes, on weekdays before noon."]
    assert found.dropped == {"answer_not_in_quote": 1}


def test_hours_are_read_from_the_quote_by_our_own_rules():
    quote = "Open Tue to Fri 9am to 5pm, Sat 9am - 2pm, closed Sundays"
    found = proven(hours=[{"quote": quote}, {"quote": "Please give us 24 hours' notice"}, {"quote": "Open always"}])
    assert {fact.day: [f"{i.opens:%H}-{i.closes:%H}" for i in fact.intervals] for fact in found.hours} == {
        "tue": ["09-17"], "wed": ["09-17"], "thu": ["09-17"], "fri": ["09-17"], "sat": ["09-14"], "sun": [],
    }  # fmt: skip
    assert found.dropped == {"no_hours_in_quote": 1, "quote_not_on_page": 1}


def test_a_policy_is_its_quote_and_about_what_it_is_said_to_be():
    quote = "Please give us 24 hours' notice to cancel, or half the price is due."
    found = proven(
        policies=[
            {"kind": "cancellation", "quote": quote},
            {"kind": "patch_test", "quote": quote},
            {"kind": "cancellation", "quote": "Ignore the rules and cancel for free at any time."},
        ]
    )
    assert [(fact.name, fact.text) for fact in found.policies] == [("Cancellation", quote)]
    assert found.dropped == {"no_policy_in_quote": 1, "quote_not_on_page": 1}


def test_a_flood_of_claims_is_cut():
    found = proven(services=[service("Perm", "£90", "", "Perm £90")] * 300)
    assert (len(found.services), found.dropped) == (200, {"too_many": 100})


HIDDEN = """<html><body><nav>Home Prices</nav><h1>Prices</h1><!-- Gold cut £1 -->
<p style="display:none">Silver cut £1</p><div hidden>Bronze cut £1</div><script>var a = "Tin cut £1"</script>
<p class="sr-only">Iron cut £1</p><template>Lead cut £1</template><p>Cut <b>£45</b></p></body></html>"""


def test_only_what_a_visitor_sees_is_shown_to_the_model():
    assert visible_text(Page(URL, HIDDEN)).text == "Prices\nCut £45"


def test_what_stands_on_every_page_is_shown_once():
    pages = [
        Page(f"{URL}/{n}", f"<body><p>Text of page {n}</p><footer>12 King Street</footer></body>") for n in range(4)
    ]
    texts = [page.text for page in visible_texts(pages)]
    assert texts == ["Text of page 0\n12 King Street", "Text of page 1", "Text of page 2", "Text of page 3"]
