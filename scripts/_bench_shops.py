"""Shops to measure with, as large and as different from each other as real ones."""

from __future__ import annotations

import random
from datetime import time
from decimal import Decimal

from agent.model import Faq, OpeningHours, OpenInterval, Policy, Professional, Service, Shop

SERVICES, STAFF, QUESTIONS = 40, 6, 8


def _words(text: str) -> list[str]:
    return text.split()


_KINDS = _words("""
    Cut Balayage Highlights Toner Gloss Perm Blow-dry Updo Keratin Beard-trim Facial Manicure Pedicure Lash-lift Brow
""")
_FOR = _words("""
    short medium long fine thick curly coloured natural bridal children's gentlemen's express deluxe gel spa
""")
_WORDS = _words("""
    with a consultation before and advice for at home after using our own products from the region please arrive
    ten minutes early wash included finish on request patch test needed two days ahead not during pregnancy
    parking behind house stalls free guests card cash deposit cancel hours notice gift vouchers available online
""")
_FIRST = _words("Ana Ben Kai Leilani Malia Noa Olena Priya Quinn Rosa Sven Tomas Uma Vera Wren Yuki Zoe Imogen")
_LAST = _words("Akana Brown Costa Dubois Evans Fischer Garcia Hale Ito Jones Kealoha Lopez Meyer Novak Okafor Silva")
_ROLES = ("stylist", "senior stylist", "colourist")
_ZONES = [("Pacific/Honolulu", "USD"), ("America/New_York", "USD"), ("Europe/London", "GBP"), ("Europe/Berlin", "EUR")]


def realistic_shop(location_id: int) -> Shop:
    """A shop with forty services, six staff and eight answered questions; the same for the same location."""
    dice = random.Random(location_id)  # noqa: S311 - nothing secret
    zone, currency = dice.choice(_ZONES)
    staff = [f"{first} {dice.choice(_LAST)}" for first in dice.sample(_FIRST, STAFF)]
    return Shop(
        location_id=location_id,
        business_name=f"{dice.choice(_LAST)} {dice.choice(_KINDS)} {location_id}",
        phone_number=f"+1808{2_000_000 + location_id}",
        timezone=zone,
        currency=currency,
        address=f"{dice.randint(1, 999)} {dice.choice(_LAST)} Street",
        website_url=f"https://salon-{location_id}.example/",
        transfer_to=f"+1808{9_000_000 + location_id}",
        hours=_week(dice),
        services=tuple(_service(dice, staff) for _ in range(SERVICES)),
        professionals=tuple(
            Professional(
                name=name, role=dice.choice(("stylist", "senior stylist", "colourist")), specialties=_skills(dice)
            )
            for name in staff
        ),
        faq=tuple(Faq(question=_sentence(dice, 7, "?"), answer=_sentence(dice, 18, ".")) for _ in range(QUESTIONS)),
        policies=(Policy(name="Cancellation", text=_sentence(dice, 15, ".")),),
    )


def _service(dice: random.Random, staff: list[str]) -> Service:
    kind = dice.choice(_KINDS)
    return Service(
        name=f"{kind} {dice.choice(_FOR)} {dice.choice(_WORDS)}",
        price=Decimal(dice.randint(15, 400)),
        price_from=dice.random() < 0.3,
        minutes=dice.randrange(15, 240, 15),
        staff=tuple(dice.sample(staff, dice.randint(1, 3))),
        category=kind,
        description=_sentence(dice, dice.randint(0, 14), "."),
    )


def _skills(dice: random.Random) -> tuple[str, ...]:
    return tuple(dice.sample(_KINDS, 3))


def _sentence(dice: random.Random, words: int, end: str) -> str:
    return (" ".join(dice.choices(_WORDS, k=words)).capitalize() + end) if words else ""


def _week(dice: random.Random) -> OpeningHours:
    opens = OpenInterval(opens=time(dice.randint(8, 10)), closes=time(dice.randint(17, 20)))
    return OpeningHours(week=dict.fromkeys(("tue", "wed", "thu", "fri", "sat"), (opens,)))
