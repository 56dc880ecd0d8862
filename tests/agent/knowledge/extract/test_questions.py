"""What customers ask, and what we must ask the shop."""

from __future__ import annotations

import pytest

from agent.knowledge.extract.missing import open_questions, questions_for
from agent.model import OpeningHours, Professional, Service, Shop

FAQ = [
    "<details><summary>Do I need to book?<span>+</span></summary><p>Walk-ins are <b>welcome</b>.</p></details>",
    '<div class="faq-item"><button>Do I need to book?</button><div hidden>Walk-ins are welcome.</div></div>',
    "<dl><dt>Do I need to book?</dt><dd>Walk-ins are welcome.</dd></dl>",
    "<h2>FAQ</h2><h3>Do I need to book?</h3><p>Walk-ins are welcome.</p><h3>Prices</h3><p>See above.</p>",
    "<p><b>Do I need to book?</b></p><p>Walk-ins are welcome.</p>",
    "<p>Q: Do I need to book?</p><p>A: Walk-ins are welcome.</p>",
    '<script type="application/ld+json">'
    '{"@type": "FAQPage", "mainEntity": [{"@type": "Question", "name": "Do I need to book?",'
    '"acceptedAnswer": {"@type": "Answer", "text": "<p>Walk-ins are welcome.</p>"}}]}</script>',
]


@pytest.mark.parametrize("html", FAQ)
def test_questions_have_their_answers(read, html: str) -> None:
    assert [(fact.question, fact.answer) for fact in read(html).faq] == [
        ("Do I need to book?", "Walk-ins are welcome.")
    ]


def test_a_rhetorical_heading_is_no_question(read) -> None:
    assert read("<h2>Ready for new hair today?</h2><p>Book now.</p><h2>Visit us</h2>").faq == ()


def test_one_question_on_two_pages_is_one(read) -> None:
    assert len(read(FAQ[0], FAQ[6]).faq) == 1


def test_what_a_booking_lacks_is_asked(read) -> None:
    facts = read(
        "<h2>Hair</h2><p>Cut $40</p><p>Gloss $90</p><p>Perm: price on request</p><p>Mon-Fri 9-17</p>",
        "<h2>Hair</h2><p>Cut $45</p>",
    )
    asked = {question.code: question for question in questions_for(facts)}
    assert asked["durations"].about == ("Hair: Cut", "Hair: Gloss", "Hair: Perm")
    assert asked["prices"].about == ("Hair: Perm",)
    assert "$40 or $45" in asked["contradiction"].text
    assert asked["hours"].about == ("sat", "sun")
    assert {"staff", "phone", "address", "currency"} <= set(asked)


def test_an_empty_site_asks_for_everything(read) -> None:
    assert {question.code for question in questions_for(read(""))} == {
        "no_services",
        "staff",
        "hours",
        "phone",
        "address",
        "currency",
    }


def test_who_does_what_is_asked_of_several(read) -> None:
    html = "<h2>Team</h2><h3>Ana</h3><p>Stylist</p><h3>Kim</h3><p>Barber</p><h2>Menu</h2><p>Cut 30 min $40</p>"
    assert "who_does_what" in {question.code for question in questions_for(read(html))}


def test_what_the_shop_answers_is_asked_no_more(read) -> None:
    facts = read(
        "<h2>Hair</h2><p>Cut $40</p><p>Gloss $90</p><p>Perm: price on request</p><h2>Team</h2><h3>Ana</h3>"
        "<p>Stylist</p><h3>Kim</h3><p>Barber</p>",
        "<h2>Hair</h2><p>Cut $45</p>",
    )
    plain = Shop(location_id=1, business_name="Fern", phone_number="+18084826296", timezone="UTC", currency="USD")
    asked = {question.code for question in open_questions(facts, plain)}
    assert asked == {question.code for question in questions_for(facts)}
    assert {"durations", "prices", "contradiction", "who_does_what", "hours", "phone", "address"} <= asked

    shop = plain.model_copy(
        update={
            "services": (
                Service(name="CUT", category="Hair", price=45, minutes=30, staff=("Kim",)),
                Service(name="Gloss", category="Hair", price=90, staff=("Ana",)),
                Service(name="Perm", category="Hair", price=120, minutes=90),
            ),
            "professionals": (Professional(name="Ana"), Professional(name="Kim")),
            "hours": OpeningHours(week=dict.fromkeys(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ())),
            "transfer_to": "+18085550142",
            "address": "1 King Street",
        }
    )
    left = {question.code: question.about for question in open_questions(facts, shop)}
    assert left.pop("durations") == ("Hair: Gloss",)
    assert not left.keys() & asked - {"currency", "doubtful"}


def test_a_bare_dollar_sign_is_asked_about_unless_a_place_bears_it_out_or_the_owner_has_told(read) -> None:
    menu = "<h2>Cuts</h2><ul><li>Short cut $45</li><li>Long cut $65</li></ul>"
    alone, at_home = read(menu), read(f"{menu}<p>12 Harbor Street, Honolulu, HI 96813</p>")
    shop = Shop(location_id=1, business_name="Fern", phone_number="+18084826296", timezone="UTC", currency="USD")
    assert "currency" in {question.code for question in open_questions(alone, shop)}
    assert "currency" not in {question.code for question in open_questions(alone, shop, currency_is_told=True)}
    assert "currency" not in {question.code for question in open_questions(at_home, shop)}
