"""Prices as salons write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agent.knowledge.extract.money import bare_price, find_prices


@pytest.mark.parametrize(
    ("text", "low", "high", "sign"),
    [
        ("$45-$56", "45", "56", "$"),
        ("$35 – $40", "35", "40", "$"),
        ("20-45 €", "20", "45", "EUR"),
        ("10 to 20 £", "10", "20", "GBP"),
        ("Haircut$85", "85", "85", "$"),
        ("£20.00", "20.00", "20.00", "GBP"),
        ("25,50€", "25.50", "25.50", "EUR"),
        ("1.200,50 €", "1200.50", "1200.50", "EUR"),
        ("CHF 1'200.–", "1200", "1200", "CHF"),
        ("72.-", "72", "72", "dash"),
        ("15,- €", "15", "15", "EUR"),
        ("199/-", "199", "199", "INR"),
        ("Rs. 500", "500", "500", "INR"),
        ("5,500円", "5500", "5500", "JPY"),
        ("￥7,700", "7700", "7700", "JPY"),
        ("1 500 ₽", "1500", "1500", "RUB"),
        ("800 руб.", "800", "800", "RUB"),
        ("S/ 80", "80", "80", "PEN"),
        ("45 euros", "45", "45", "EUR"),
        ("NZ$ 95", "95", "95", "NZD"),
        ("Cut for 2 $30", "30", "30", "$"),
        ("30 min $40", "40", "40", "$"),
    ],
)
def test_a_price_is_read(text: str, low: str, high: str, sign: str) -> None:
    (price,) = find_prices(text)
    assert (price.minimum, price.maximum, price.sign) == (Decimal(low), Decimal(high), sign)


@pytest.mark.parametrize(
    "text",
    [
        "from $180", "starting at $180", "$180+", "$180 and up", "$180/hour", "ab 180 €", "à partir de 180 €",
        "dès 180€",
        "desde S/ 180", "от 180 руб.", "180円〜", "180円から", "min. £180",
    ],
)  # fmt: skip
def test_a_lower_bound_has_no_upper_one(text: str) -> None:
    (price,) = find_prices(text)
    assert (price.minimum, price.maximum) == (Decimal(180), None)


@pytest.mark.parametrize(
    "text",
    [
        "07700 900 123",
        "open 9-17",
        "8000+ clients",
        "15+ years",
        "since 2009",
        "50% off",
        "$20 off",
        "save $20",
        "Fr. 7.4.23",
        "12:30",
    ],
)
def test_other_numbers_are_no_prices(text: str) -> None:
    assert find_prices(text) == []


def test_a_bare_number_is_a_price_only_alone() -> None:
    assert bare_price("1000-1200") is not None
    assert bare_price("ab 45") is not None
    assert bare_price("45 min") is None
    assert bare_price("Room 45") is None
