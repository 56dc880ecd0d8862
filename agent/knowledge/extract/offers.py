"""Services that a page offers in its structured data, with their prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import cast

from agent.knowledge.extract.durations import find_durations
from agent.knowledge.extract.facts import ServiceFact
from agent.knowledge.extract.merge import key
from agent.knowledge.extract.money import amount
from agent.knowledge.extract.page import Document
from agent.knowledge.extract.structured import Structured, Thing, listed, text_of


def with_offers(
    services: Sequence[ServiceFact], structured: Sequence[Structured], documents: Sequence[Document], currency: str
) -> tuple[ServiceFact, ...]:
    """`services`, and what only the structured data prices.

    Such data often sums a whole page up for search engines ("Nails in Springfield, from 20"). So an offer counts when
    its name is a line of the pages, or when the pages price nothing.
    """
    known = {key(service.name) for service in services}
    shown = {key(line.text) for document in documents for line in document.lines if len(line.text) < 120}
    silent = not any(service.price_min is not None for service in services)
    added: dict[str, ServiceFact] = {}
    for data in structured:
        for fact in _offers(data, currency):
            if key(fact.name) not in known and (silent or key(fact.name) in shown):
                added.setdefault(key(fact.name), fact)
    return (*services, *added.values())


def _offers(data: Structured, currency: str) -> Iterator[ServiceFact]:
    for offer in data.of("Offer", "AggregateOffer"):
        item = offer.get("itemOffered")
        thing = cast("Thing", item) if isinstance(item, dict) else offer
        if fact := _service(thing, offer, data.url, currency):
            yield fact
    for service in data.of("Service"):
        for offer in listed(service.get("offers")):
            if isinstance(offer, dict) and (fact := _service(service, cast("Thing", offer), data.url, currency)):
                yield fact


def _service(thing: Thing, offer: Thing, url: str, currency: str) -> ServiceFact | None:
    kinds = {str(kind) for kind in listed(thing.get("@type"))}
    specification = offer.get("priceSpecification")
    priced = cast("Thing", specification) if isinstance(specification, dict) else offer
    low = _amount(priced.get("lowPrice") or priced.get("minPrice") or priced.get("price"))
    name = text_of(thing.get("name"))
    if "Product" in kinds or not name or len(name) > 200 or low is None:
        return None
    is_open = "price" not in priced and not (priced.get("highPrice") or priced.get("maxPrice"))
    high = _amount(priced.get("highPrice") or priced.get("maxPrice")) or low
    durations = find_durations(f"{name} {text_of(thing.get('description'))}")
    return ServiceFact(
        name=name,
        price_min=low,
        price_max=None if is_open else max(low, high),
        open_ended=is_open,
        price_text=text_of(priced.get("price")) or str(low),
        currency=text_of(priced.get("priceCurrency") or offer.get("priceCurrency")) or currency or None,
        duration_min=durations[0].minutes if durations else None,
        source_url=url,
        quote=name,
        confidence=0.9,
    )


def _amount(value: object) -> Decimal | None:
    found = amount(text_of(value)) if value is not None else None
    return found if found is not None and found > 0 else None
