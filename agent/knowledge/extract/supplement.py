"""What a second reading proved, put beside what the rules found: it fills gaps and overrides nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from agent.knowledge.extract.facts import ServiceFact, SiteFacts
from agent.knowledge.extract.merge import key, tokens
from agent.knowledge.extract.proof import Proven

T = TypeVar("T")
JOIN = " … "
LONGEST_QUOTE = 800


def supplement(facts: SiteFacts, proven: Sequence[Proven]) -> tuple[SiteFacts, int]:
    """The facts of the rules with what is new, and how many facts that is.

    A service the rules know gets the price or duration they missed. New ones are taken from pages on which the rules
    found none; people only where they found nobody; days, questions and rules of the shop where they are not known.
    """
    services, filled = _filled(facts.services, [fact for page in proven for fact in page.services])
    people = _new((), ((key(at.name), at) for page in proven for at in page.people if not facts.professionals))
    hours = _new([at.day for at in facts.hours], ((at.day, at) for page in proven for at in page.hours))
    known = [key(at.question) for at in facts.faq]
    faq = _new(known, ((key(at.question), at) for page in proven for at in page.faq))
    policies = _new((), ((key(at.text), at) for page in proven for at in page.policies))
    supplemented = facts.model_copy(
        update={
            "services": services,
            "professionals": (*facts.professionals, *people),
            "hours": (*facts.hours, *hours),
            "faq": (*facts.faq, *faq),
            "policies": (*facts.policies, *policies),
        }
    )
    return supplemented, filled + sum(map(len, (people, hours, faq, policies)))


def _new(known: Iterable[Hashable], found: Iterable[tuple[Hashable, T]]) -> tuple[T, ...]:
    """The first for each key that is not known."""
    seen = set(known)
    fresh: dict[Hashable, T] = {}
    for name, fact in found:
        if name not in seen:
            fresh.setdefault(name, fact)
    return tuple(fresh.values())


def _filled(services: Sequence[ServiceFact], found: Sequence[ServiceFact]) -> tuple[tuple[ServiceFact, ...], int]:
    """The rules' services with their gaps filled, then the new ones, and how many of both."""
    filled = list(services)
    places: dict[str, list[int]] = defaultdict(list)
    for place, service in enumerate(services):
        places[key(service.name)].append(place)
    read = {service.source_url for service in services}
    known = {tokens(service.name) for service in services}
    count = 0
    for fact in found:
        at = places.get(key(fact.name), [])
        if len(at) == 1:  # of two by one name nobody knows which is meant
            better = _with(filled[at[0]], fact)
            count += better is not filled[at[0]]
            filled[at[0]] = better
        elif not at and fact.price_min is not None and fact.source_url not in read and tokens(fact.name) not in known:
            known.add(tokens(fact.name))
            filled.append(fact)
            count += 1
    return tuple(filled), count


def _with(service: ServiceFact, found: ServiceFact) -> ServiceFact:
    """`service` with the price or duration it lacks; a price in words ("on request") is the shop's answer and stays."""
    news: dict[str, object] = {}
    if (
        service.price_min is None
        and not service.price_text
        and not service.alternatives
        and found.price_min is not None
    ):
        names = ("price_min", "price_max", "open_ended", "price_text", "currency")
        news |= {name: getattr(found, name) for name in names}
    if service.duration_min is None and found.duration_min is not None:
        news |= {"duration_min": found.duration_min, "duration_text": found.duration_text}
    if not news:
        return service
    news["confidence"] = min(service.confidence, found.confidence)
    news["quote"] = f"{service.quote}{JOIN}{found.quote}"[:LONGEST_QUOTE]
    return service.model_copy(update=news)
