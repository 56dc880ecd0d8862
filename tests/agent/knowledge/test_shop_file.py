"""A shop file is taken whole or refused with every problem and its place."""

from __future__ import annotations

import json
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest

from agent.errors import ShopFileError
from agent.knowledge.shop_file import MAX_BYTES, read_shop_file

GOOD = """\
location_id: 1
business_name: Plumeria
phone_number: +18084826296
timezone: Pacific/Honolulu
currency: USD
"""


def problems(tmp_path: Path, content: str | bytes, name: str = "shop.yaml") -> list[str]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ShopFileError) as refused:
        read_shop_file(path)
    assert str(path) in refused.value.message
    return refused.value.problems


def test_the_samples_are_good_and_differ_where_they_should(samples: list[Path]):
    london, honolulu = (read_shop_file(path) for path in samples)

    assert (honolulu.location_id, honolulu.phone_number) == (1, "+18084826296")
    assert (london.location_id, london.phone_number) == (2, "+442079460123")
    assert honolulu.timezone != london.timezone
    assert min(len(shop.services) for shop in (honolulu, london)) >= 12
    for name in ("Balayage", "Men's Haircut"):
        prices = [next(s.price for s in shop.services if s.name == name) for shop in (honolulu, london)]
        assert None not in prices
        assert prices[0] != prices[1]


def test_bare_times_numbers_and_words_mean_what_they_look_like(tmp_path: Path):
    """Plain YAML reads 17:00 as 1020, +1808... as a number, `No` as false, 42.10 as a binary fraction."""
    path = tmp_path / "shop.yaml"
    path.write_text(
        GOOD
        + """\
hours:
  week:
    mon: [{opens: 9:00, closes: 17:00}]
  closures: [2026-12-25]
services:
  - {name: No, price: 42.10, price_from: yes, minutes: 1_0}
transfer_to:
""".replace("1_0", "10").replace(" 9:00", " 09:00"),
    )
    shop = read_shop_file(path)

    assert shop.phone_number == "+18084826296"
    assert shop.hours.week["mon"][0].closes == time(17)
    assert shop.hours.closures == (date(2026, 12, 25),)
    assert shop.transfer_to is None
    (service,) = shop.services
    assert (service.name, service.price, service.price_from) == ("No", Decimal("42.10"), True)


def test_json_is_read_too(tmp_path: Path, samples: list[Path]):
    shop = read_shop_file(samples[0])
    path = tmp_path / "shop.json"
    path.write_text(shop.model_dump_json(), encoding="utf-8-sig")

    assert read_shop_file(path) == shop


def test_every_problem_is_listed_with_its_path(tmp_path: Path):
    found = problems(
        tmp_path,
        """\
location_id: 0
business_name: ""
phone_number: 808-482-6296
timezone: Honolulu
currency: dollars
emergency: 911
services:
  - {name: Cut, price: 10}
  - {price: -5, minutes: 0}
  - {name: Colour, price: cheap, price_form: true}
hours:
  week:
    mon: [{opens: "18:00", closes: "09:00"}]
    tue: [{opens: "09:00", closes: "12:00"}, {opens: "11:00", closes: "13:00"}]
    moonday: []
  closures: [2026-02-30]
faq: [{question: "Why?"}]
""",
    )
    paths = [problem.partition(": ")[0] for problem in found]

    assert sorted(paths) == sorted(
        [
            "location_id",
            "business_name",
            "phone_number",
            "timezone",
            "currency",
            "emergency",
            "services[1].name",
            "services[1].price",
            "services[1].minutes",
            "services[2].price",
            "services[2].price_form",
            "hours.week.mon[0]",
            "hours.week.moonday",
            "hours.closures[0]",
            "faq[0].answer",
        ]
    )
    assert "services[1].name: is missing" in found
    assert "emergency: is not a field of this file" in found
    assert "timezone: 'Honolulu' is not an IANA time zone like Pacific/Honolulu" in found


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("services: [{name: Cut}, {name: cut}]", "services[1].name: 'cut' is the name of services[0] too"),
        ("transfer_to: +18084826296", "transfer_to: is the shop's own number"),
        (
            "professionals: [{name: Ana}]\nservices: [{name: Cut, staff: [Bob]}]",
            "(file): services name staff who are not professionals: Bob",
        ),
        (
            "hours: {week: {tue: [{opens: 09:00, closes: 12:00}, {opens: 11:00, closes: 13:00}]}}",
            "hours.week: tue: 11:00 lies inside another interval",
        ),
        ("currency: EUR", "(file): is not valid YAML: 'currency' is there twice (line 6)"),
        ("faq: [", "(file): is not valid YAML: "),
        ("website_url: \x07", "(file): is not valid YAML: "),
        ("faq: &a [*a]", "(file): is not valid YAML: aliases (*name) are not allowed (line 6)"),
        ("? [a, b]\n: c", "(file): is not valid YAML: a field name must be text"),
        ("address: !!python/object/apply:os.getcwd []", "(file): is not valid YAML: "),
        ("faq: " + "[" * 100_000, "(file): is not valid YAML: nested more than 20 deep"),
    ],
)
def test_one_thing_wrong(tmp_path: Path, more: str, problem: str):
    (found,) = problems(tmp_path, GOOD + more)
    assert found.startswith(problem)


@pytest.mark.parametrize("content", ["", "# nothing", "- 1", "just words", "12"])
def test_what_is_no_mapping(tmp_path: Path, content: str):
    assert problems(tmp_path, content) == ["(file): must be a mapping of fields, such as `greeting: ...`"]


@pytest.mark.parametrize("content", ["[]", "null", '"x"'])
def test_json_that_is_no_mapping(tmp_path: Path, content: str):
    assert "must be a mapping" in problems(tmp_path, content, "shop.json")[0]


@pytest.mark.parametrize("content", ["{", "", '{"currency": "USD", "currency": "EUR"}', "[" * 100_000])
def test_json_that_is_none(tmp_path: Path, content: str):
    assert problems(tmp_path, content, "shop.json")[0].startswith("(file): is ")


def test_a_json_number_that_is_no_price(tmp_path: Path):
    data = {
        "location_id": 1,
        "business_name": "P",
        "phone_number": "+18084826296",
        "timezone": "Pacific/Honolulu",
        "currency": "USD",
        "services": [{"name": "Cut", "price": float("nan")}, {"name": "Colour", "price": 10**400}],
    }
    found = problems(tmp_path, json.dumps(data), "shop.json")
    assert [problem.partition(":")[0] for problem in found][:1] == ["services[0].price"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding(tmp_path: Path, encoding: str):
    assert "not UTF-8" in problems(tmp_path, (GOOD + "address: Café").encode(encoding))[0]


def test_a_file_too_large_or_missing_or_a_folder(tmp_path: Path):
    assert "larger than" in problems(tmp_path, "#" * (MAX_BYTES + 1))[0]
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ShopFileError, match="not found"):
            read_shop_file(path)
