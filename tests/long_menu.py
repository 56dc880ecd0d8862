"""A menu of four hundred services, of our own making."""

from __future__ import annotations

from decimal import Decimal

from agent.model import Professional, Service, Shop

HEADS = (
    "Express", "Signature", "Deluxe", "Classic", "Half Head", "Full Head", "Men's", "Women's", "Children's", "Senior",
    "Long Hair", "Short Hair", "Organic", "Luxury", "Gel", "Bridal", "T-Bar", "Back and Sides", "Teenage", "Mini",
)  # fmt: skip
TAILS = {
    "Balayage": "Colour", "Highlights": "Colour", "Root Tint": "Colour", "Toner": "Colour",
    "Haircut": "Cutting", "Blow-Dry": "Styling", "Updo": "Styling", "Perm": "Texture", "Keratin Treatment": "Texture",
    "Extensions": "Extensions", "Scalp Treatment": "Scalp care", "Manicure": "Nails", "Pedicure": "Nails",
    "Facial": "Skin", "Massage": "Body", "Eyebrow Wax": "Waxing", "Lash Lift": "Lashes", "Beard Trim": "Barbering",
    "Shave": "Barbering", "Henna": "Henna",
}  # fmt: skip


def long_menu() -> tuple[Service, ...]:
    """Every head with every tail, each at a price of its own."""
    names = [(f"{head} {tail}", category) for tail, category in TAILS.items() for head in HEADS]
    return tuple(
        Service(name=name, category=category, price=Decimal(20 + at), minutes=10 + at % 90)
        for at, (name, category) in enumerate(names)
    )


def long_shop(services: tuple[Service, ...] | None = None) -> Shop:
    """A shop with that menu, or with `services`."""
    return Shop(
        location_id=3,
        business_name="Harbour Street",
        phone_number="+442079460135",
        timezone="Europe/London",
        currency="GBP",
        services=long_menu() if services is None else services,
        professionals=tuple(
            Professional(name=name)
            for name in ("Imogen Hart", "Priya Nair", "Tunde Okafor", "Ana Lima", "Anna Berg", "Ana Costa", "Will Reid")
        ),
    )
