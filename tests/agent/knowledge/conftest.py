"""Shops to talk about."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest

from agent.model import OpeningHours, OpenInterval, Policy, Professional, Service, Shop

STAFF = ("Imogen", "Priya")
SAMPLES = Path(__file__).parents[3] / "scripts" / "samples"


def hours(text: str) -> tuple[OpenInterval, ...]:
    """`hours("09:00-12:00 13:00-18:00")`"""
    spans = [span.split("-") for span in text.split()]
    return tuple(
        OpenInterval(opens=time.fromisoformat(opens), closes=time.fromisoformat(closes)) for opens, closes in spans
    )


@pytest.fixture
def samples() -> list[Path]:
    found = sorted(SAMPLES.glob("*.yaml"))
    assert len(found) == 2
    return found


@pytest.fixture
def shop() -> Shop:
    """London: Monday split, Tuesday plain, a closure on Wednesday 25 November 2026."""
    return Shop(
        location_id=2,
        business_name="Copper Lane",
        phone_number="+442079460123",
        timezone="Europe/London",
        currency="GBP",
        hours=OpeningHours(
            week={
                "mon": hours("10:00-13:00 14:00-18:00"),
                "tue": hours("09:00-12:00 12:00-17:00"),
                "wed": hours("10:00-18:00"),
                "sun": hours("00:30-04:00"),
            },
            closures=(date(2026, 11, 25),),
        ),
        services=(
            Service(name="Balayage", price=Decimal("145"), price_from=True, minutes=165, staff=("Imogen", "Priya")),
            Service(name="Fringe Trim", price=Decimal("12.5"), minutes=15),
            Service(name="Wedding Hair", price_text="by quotation"),
            Service(name="Hair Tattoo"),
        ),
        professionals=(
            Professional(name="Imogen", role="director", specialties=("Balayage", "Bobs")),
            Professional(name="Priya"),
        ),
        policies=(Policy(name="Cancellation", text="We ask for 48 hours' notice."),),
        version=3,
    )
