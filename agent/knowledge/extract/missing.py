"""What a website left open and a booking needs: the questions to the shop's owner, in order of weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.knowledge.extract.facts import Frozen, ServiceFact, SiteFacts
from agent.model import WEEKDAYS, Service, Shop

DOUBTFUL = 0.65
"""Below this confidence a fact is put as a question."""
SHOWN = 12
"""So many names are listed in one question."""


class OpenQuestion(Frozen):
    """One thing to ask. `about` names the services, people or days it concerns."""

    code: str
    text: str
    about: tuple[str, ...] = ()


def questions_for(facts: SiteFacts) -> tuple[OpenQuestion, ...]:
    """What must be asked before the receptionist can book: nothing here is guessed for the shop."""
    return (*_of_menu(facts.services), *_of_people(facts), *_of_shop(facts))


def open_questions(facts: SiteFacts, shop: Shop, *, currency_is_told: bool = False) -> tuple[OpenQuestion, ...]:
    """The questions that `shop`, made of these facts and the owner's word, does not answer already.

    A shop always has a currency; `currency_is_told` says that it is the owner's word, not our reading.
    """
    known = {_name(service.category, service.name): service for service in shop.services}
    services = tuple(_answered(fact, known.get(_name(fact.section, fact.name))) for fact in facts.services)
    asked = questions_for(facts.model_copy(update={"services": services}))
    told = {"currency"} if currency_is_told else set[str]()
    return tuple(question for question in asked if question.code not in told and not _is_answered(question, shop))


def _name(category: str, name: str) -> tuple[str, str]:
    return " ".join(category.casefold().split()), " ".join(name.casefold().split())


def _answered(fact: ServiceFact, service: Service | None) -> ServiceFact:
    """A line of the menu with the price and the duration that the shop has for it."""
    if service is None:
        return fact
    minutes = fact.duration_min or service.minutes
    if service.price is None:
        return fact.model_copy(update={"duration_min": minutes})
    # Who has one price has decided between several.
    return fact.model_copy(update={"duration_min": minutes, "price_min": service.price, "alternatives": ()})


def _is_answered(question: OpenQuestion, shop: Shop) -> bool:
    match question.code:
        case "who_does_what":
            busy = {name for service in shop.services for name in service.staff}
            return all(name in busy for name in question.about)
        case "staff":
            return bool(shop.professionals)
        case "hours":
            return all(day in shop.hours.week for day in question.about)
        case "phone":
            return shop.transfer_to is not None
        case "address":
            return bool(shop.address)
        case _:
            return False


def _of_menu(services: Sequence[ServiceFact]) -> Iterator[OpenQuestion]:
    if not services:
        yield OpenQuestion(
            code="no_services", text="Which services do you offer, at what price, and how long does each take?"
        )
        return
    if untimed := [_called(s) for s in services if s.duration_min is None]:
        yield OpenQuestion(code="durations", text=f"How long do these take: {_list(untimed)}?", about=tuple(untimed))
    if unpriced := [_called(s) for s in services if s.price_min is None]:
        text = f"What do these cost, or should callers be told to ask: {_list(unpriced)}?"
        yield OpenQuestion(code="prices", text=text, about=tuple(unpriced))
    for service in services:
        if service.alternatives:
            told = " or ".join([service.price_text, *(other.price_text for other in service.alternatives)])
            text = f"Your site gives {_called(service)} at {told}. Which is right?"
            yield OpenQuestion(code="contradiction", text=text, about=(_called(service),))
    if doubtful := [_called(s) for s in services if s.confidence < DOUBTFUL and not s.alternatives]:
        yield OpenQuestion(
            code="doubtful", text=f"Do you offer these as we read them: {_list(doubtful)}?", about=tuple(doubtful)
        )


def _of_people(facts: SiteFacts) -> Iterator[OpenQuestion]:
    names = tuple(person.name for person in facts.professionals)
    if not names:
        yield OpenQuestion(code="staff", text="Who works at the shop and takes appointments?")
    elif facts.services and len(names) > 1:
        yield OpenQuestion(code="who_does_what", text=f"Which services does each do: {_list(names)}?", about=names)


def _of_shop(facts: SiteFacts) -> Iterator[OpenQuestion]:
    told = {fact.day for fact in facts.hours}
    if missing := tuple(day for day in WEEKDAYS if day not in told):
        text = "When are you open?" if len(missing) == 7 else f"Are you open on {_list(missing)}, and when?"
        yield OpenQuestion(code="hours", text=text, about=missing)
    if not facts.phones:
        yield OpenQuestion(code="phone", text="Which number should callers reach a person on?")
    if not facts.addresses:
        yield OpenQuestion(code="address", text="What is the shop's address, or do you come to the customer?")
    elif len(facts.addresses) > 1:
        places = tuple(address.value for address in facts.addresses)
        yield OpenQuestion(
            code="addresses", text=f"Which of these addresses is this shop's: {_list(places)}?", about=places
        )
    if facts.currency is None or facts.currency.confidence < DOUBTFUL:
        guess = f" We read {facts.currency.value}." if facts.currency else ""
        yield OpenQuestion(code="currency", text=f"In which currency are your prices?{guess}")


def _called(service: ServiceFact) -> str:
    return f"{service.section}: {service.name}" if service.section else service.name


def _list(names: Sequence[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + rest
