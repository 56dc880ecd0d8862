"""Our sample websites, with their owners' words, are the sample shops to the last fact."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.knowledge.composing import compose_shop
from agent.knowledge.extract.facts import SiteFacts
from agent.knowledge.extract.missing import open_questions, questions_for
from agent.knowledge.jobs import SetupRequest
from agent.knowledge.owner import check, lay_on
from agent.knowledge.reader import read_site
from agent.knowledge.shop_file import read_owner_file, read_shop_file
from agent.model import Shop

SAMPLES = Path(__file__).parents[3] / "scripts" / "samples"
SHOPS = ("plumeria-hair-honolulu", "copper-lane-london")


def facts_of(name: str) -> SiteFacts:
    """The site as it is read, the start page first."""
    pages = sorted((SAMPLES / name / "site").glob("*.html"), key=lambda path: path.name != "index.html")
    return read_site([(f"https://{name}.example/{page.name}", page.read_text(encoding="utf-8")) for page in pages])


def composed(name: str, facts: SiteFacts) -> Shop:
    """The shop that the site and the request alone make."""
    truth = read_shop_file(SAMPLES / f"{name}.yaml")
    given = truth.model_dump(include={"location_id", "phone_number", "website_url", "business_name"})
    return compose_shop(facts, SetupRequest(**given), None)


@pytest.mark.parametrize("name", SHOPS)
def test_site_and_owner_make_the_shop_of_the_file(name: str) -> None:
    truth, owner = read_shop_file(SAMPLES / f"{name}.yaml"), read_owner_file(SAMPLES / name / "owner.yaml")
    shop = lay_on(composed(name, facts_of(name)), owner)
    check(shop, owner)
    assert shop.model_dump() == truth.model_dump() | {"records_calls": True}, "the demo's shops record their calls"


@pytest.mark.parametrize("name", SHOPS)
def test_the_site_alone_tells_all_but_what_no_page_can_know(name: str) -> None:
    truth, facts = read_shop_file(SAMPLES / f"{name}.yaml"), facts_of(name)
    shop = composed(name, facts)
    for field in ("timezone", "currency", "address", "hours", "faq"):
        assert getattr(shop, field) == getattr(truth, field), field
    presented = [(at.name, at.role, at.specialties) for at in shop.professionals]
    assert presented == [(at.name, at.role, at.specialties) for at in truth.professionals]
    known = [(at.name, at.category, at.price, at.price_from) for at in shop.services]
    assert known == [(at.name, at.category, at.price, at.price_from) for at in truth.services]
    assert [phone.value for phone in facts.phones] == [truth.phone_number]
    assert facts.business_name is not None
    assert facts.business_name.value == truth.business_name
    assert min(service.confidence for service in facts.services) > 0.65


def test_the_durations_of_the_site_are_the_files_where_it_has_them() -> None:
    untimed = {"Color Correction", "Wedding Hair", "Balayage", "Half-Head Highlights", "Full-Head Tint"}
    honolulu, london = (composed(name, facts_of(name)) for name in SHOPS)
    assert {at.name for at in honolulu.services if at.minutes is None} == {"Color Correction"}
    assert {at.name for at in london.services if at.minutes is None} == untimed - {"Color Correction"}
    for name, shop in zip(SHOPS, (honolulu, london), strict=True):
        minutes = {at.name: at.minutes for at in read_shop_file(SAMPLES / f"{name}.yaml").services}
        assert all(at.minutes in (None, minutes[at.name]) for at in shop.services)


@pytest.mark.parametrize("name", SHOPS)
def test_the_owner_answers_what_the_site_leaves_open_but_for_one_service(name: str) -> None:
    facts, owner = facts_of(name), read_owner_file(SAMPLES / name / "owner.yaml")
    assert [question.code for question in questions_for(facts)] == ["durations", "prices", "who_does_what"]
    left = open_questions(facts, lay_on(composed(name, facts), owner))
    assert [(question.code, len(question.about)) for question in left] == [("durations", 1), ("prices", 1)]


@pytest.mark.parametrize("name", SHOPS)
def test_the_pages_need_nothing_from_elsewhere(name: str) -> None:
    for page in (SAMPLES / name / "site").iterdir():
        text = page.read_text(encoding="utf-8").replace("https://schema.org", "").replace("http://www.sitemaps.org", "")
        assert "http" not in text.replace("https://plumeria-hair.example/", ""), page
