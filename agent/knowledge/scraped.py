"""What a website told, in the rows that keep the last scrape: each with the page and the words it was read from."""

from __future__ import annotations

from decimal import Decimal

from agent.knowledge.extract.facts import Fact, PersonFact, ServiceFact, SiteFacts
from agent.knowledge.extract.facts import Source as Found
from agent.model import SalonInfo, ScrapedProfessional, ScrapedService, Shop, Source

CENT = Decimal("0.01")
LONGEST_NAME = 200


def scraped_services(facts: SiteFacts) -> list[ScrapedService]:
    """The menu as the site tells it, in its order."""
    return [_service(service) for service in facts.services if service.name.strip()]


def scraped_professionals(facts: SiteFacts) -> list[ScrapedProfessional]:
    """The people the site presents."""
    return [_person(person) for person in facts.professionals if person.name.strip()]


def salon_info(facts: SiteFacts, scraped: Shop) -> SalonInfo:
    """What the site tells about the shop itself; `scraped` is the shop these facts make.

    The first of several phones and addresses is its main one.
    """
    name, phone, address, currency = facts.business_name, _first(facts.phones), _first(facts.addresses), facts.currency
    stated = {"business_name": name, "phone": phone, "address": address, "currency": currency}
    return SalonInfo(
        business_name=name.value if name else "",
        website_url=scraped.website_url,
        phone=phone.value if phone else "",
        address=address.value if address else "",
        currency=currency.value if currency else "",
        hours=scraped.hours,
        faq=scraped.faq,
        sources={field: _source(fact) for field, fact in stated.items() if fact is not None},
    )


def _service(service: ServiceFact) -> ScrapedService:
    return ScrapedService(
        service_name=service.name[:LONGEST_NAME],
        category=service.section,
        price=_amount(service.price_min),
        price_max=_amount(service.price_max),
        price_from=service.open_ended,
        price_text=service.price_text,
        currency=service.currency or "",
        minutes=service.duration_min,
        duration_text=service.duration_text,
        source=_source(service),
    )


def _person(person: PersonFact) -> ScrapedProfessional:
    specialties = tuple(specialty[:LONGEST_NAME] for specialty in person.specialties if specialty.strip())
    return ScrapedProfessional(
        name=person.name[:LONGEST_NAME], role=person.role, specialties=specialties, source=_source(person)
    )


def _source(found: Found) -> Source:
    return Source(url=found.source_url, quote=found.quote, confidence=found.confidence)


def _amount(price: Decimal | None) -> Decimal | None:
    return None if price is None else price.quantize(CENT)


def _first(facts: tuple[Fact[str], ...]) -> Fact[str] | None:
    return facts[0] if facts else None
