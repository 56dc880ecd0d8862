"""A website's pages become one set of facts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from agent.knowledge.extract import words
from agent.knowledge.extract.address import read_addresses
from agent.knowledge.extract.contact import read_name, read_phones
from agent.knowledge.extract.country import infer_country, infer_currency, main_language
from agent.knowledge.extract.facts import Fact, ServiceFact, SiteFacts
from agent.knowledge.extract.hours import read_closures, read_hours
from agent.knowledge.extract.menu import Entry, read_menu
from agent.knowledge.extract.merge import key, merge_faq, merge_services, tokens
from agent.knowledge.extract.offers import with_offers
from agent.knowledge.extract.page import Document, Page, read_page
from agent.knowledge.extract.people import read_people
from agent.knowledge.extract.questions import read_faq
from agent.knowledge.extract.sections import page_topic
from agent.knowledge.extract.structured import Structured

BORNE_OUT = 0.75
"""How sure a currency is that follows from the country, when both prices and a place or number are told."""


def extract_site(pages: Sequence[Page]) -> SiteFacts:
    """All facts that `pages` (one site, the start page first if known) state, each with its source."""
    documents = [document for document in map(read_page, pages) if not _is_dead(document)]
    structured = [Structured(document) for document in documents]
    country = infer_country(documents, structured)
    money = infer_currency(structured, documents, country)
    currency = money.value if money else ""
    name = read_name(documents, structured)
    asked = [read_faq(document, data) for document, data in zip(documents, structured, strict=True)]
    services = _read_menus(documents, [taken for _, taken in asked], currency)
    services = with_offers(services, structured, documents, currency)
    phones = read_phones(documents, structured, country)
    addresses = tuple(_without_name(fact, name) for fact in read_addresses(documents, structured, country))
    return SiteFacts(
        business_name=name,
        services=services,
        professionals=read_people(documents, structured, name.value if name else "", _menu_words(services)),
        hours=read_hours(documents, structured),
        closures=read_closures(documents),
        phones=phones,
        addresses=addresses,
        faq=merge_faq([fact for found, _ in asked for fact in found]),
        currency=_quoted(money, services, phones, addresses),
        country=country,
        language=main_language(documents),
    )


def _read_menus(documents: Sequence[Document], answers: Sequence[set[int]], currency: str) -> tuple[ServiceFact, ...]:
    """The services of all pages.

    A site that shows none may open its list by a script: then the hidden ones count, doubted.
    """
    repeated = _repeated(documents)
    topics = [page_topic(document, documents) for document in documents]
    pages = list(zip(documents, topics, answers, strict=True))
    for hidden in (False, True):
        menus = [(document, read_menu(document, repeated, topic, taken, hidden)) for document, topic, taken in pages]
        if services := merge_services(_doubted(menus) if hidden else menus, currency):
            return services
    return ()


def _quoted(
    currency: Fact[str] | None,
    services: Sequence[ServiceFact],
    phones: Sequence[Fact[str]],
    addresses: Sequence[Fact[str]],
) -> Fact[str] | None:
    """A currency that follows from the country is shown by a price, or else by what shows the country."""
    if currency is None or currency.quote:
        return currency
    priced = [service for service in services if service.currency == currency.value]
    source = next((each for each in (*priced, *addresses, *phones)), None)
    if source is None:
        return None
    # A bare "$" may be many currencies; beside an address or a number in the country it is that country's own.
    borne_out = bool(priced) and bool(addresses or phones)
    confidence = max(currency.confidence, BORNE_OUT) if borne_out else currency.confidence
    return currency.model_copy(
        update={"quote": source.quote, "source_url": source.source_url, "confidence": confidence}
    )


def _without_name(address: Fact[str], name: Fact[str] | None) -> Fact[str]:
    """ "Copper Lane Barbers, 27 Copper Lane" is at 27 Copper Lane."""
    first, comma, rest = address.value.partition(",")
    is_name = name is not None and key(first) == key(name.value) and not re.search(r"\d", first)
    return address.model_copy(update={"value": rest.strip()}) if is_name and comma else address


def _menu_words(services: Sequence[ServiceFact]) -> frozenset[str]:
    return frozenset(word for service in services for word in tokens(f"{service.name} {service.section}"))


def _doubted(menus: list[tuple[Document, list[Entry]]]) -> list[tuple[Document, list[Entry]]]:
    """What a site hides is read with little trust."""
    return [(document, [replace(entry, confidence=0.4) for entry in entries]) for document, entries in menus]


def _is_dead(document: Document) -> bool:
    """Error pages and pages under construction hold a template's words, not the shop's."""
    heads = [line.text for line in document.lines if line.level == 1][:2]
    if words.DEAD_PAGE.search(document.title) or document.url.rsplit("/", 1)[-1].startswith("404"):
        return True
    return any(words.DEAD_PAGE.search(head) and len(head) < 60 for head in heads)


def _repeated(documents: Sequence[Document]) -> set[str]:
    """Lines that stand on most pages: the shop's name, the menu, the footer."""
    if len(documents) < 3:
        return set()
    counts = Counter(text for document in documents for text in {line.text for line in document.lines})
    return {text for text, count in counts.items() if count >= max(3, len(documents) * 0.6)}
