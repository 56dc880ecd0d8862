"""What a shop's owner says beside the website: what no page can know, and what this one leaves open."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints

from agent.errors import SetupError
from agent.model import Model, Name, PhoneNumber, Policy, Professional, Service, Shop

MAX_LISTED = 500
"""Services, people or policies in one request; a salon has fewer."""


class OwnerService(Model):
    """More about a service of the website's menu, found by its name. A field left out says nothing."""

    name: Name
    category: str | None = None
    """Tells two services of the same name apart; nothing else."""
    price: Annotated[Decimal, Field(ge=0, decimal_places=2)] | None = None
    """Takes the place of the website's price and of its words about it."""
    price_from: bool | None = None
    price_text: str | None = None
    minutes: Annotated[int, Field(gt=0, le=24 * 60)] | None = None
    staff: tuple[Name, ...] | None = None
    description: str | None = None


class OwnerProfessional(Model):
    """More about somebody the website presents, found by name. A field left out says nothing."""

    name: Name
    role: str | None = None
    specialties: tuple[Name, ...] | None = None


class OwnerFacts(Model):
    """The owner's word, which stands above the website's. Fields are named as in a shop file."""

    transfer_to: PhoneNumber | None = None
    emergency_number: Annotated[str, StringConstraints(pattern=r"^\d{2,6}$")] | None = None
    greeting: Annotated[str, Field(max_length=4_000)] | None = None
    voice_id: Annotated[str, Field(max_length=200)] | None = None
    services: Annotated[tuple[OwnerService, ...], Field(max_length=MAX_LISTED)] = ()
    professionals: Annotated[tuple[OwnerProfessional, ...], Field(max_length=MAX_LISTED)] = ()
    policies: Annotated[tuple[Policy, ...], Field(max_length=MAX_LISTED)] | None = None
    """All of them; an empty list takes away those there were."""


def lay_on(shop: Shop, said: OwnerFacts | None) -> Shop:
    """`shop` with the owner's facts. Those about services or people it does not have are passed over.

    So it fits any state of a shop: as it was, as the website tells it, as both make it. `check` insists.
    """
    if said is None:
        return shop
    plain = ("transfer_to", "emergency_number", "greeting", "voice_id", "policies")
    new = {field: value for field in plain if (value := getattr(said, field)) is not None}
    new["services"] = tuple(_completed(service, shop, said.services) for service in shop.services)
    new["professionals"] = tuple(_introduced(person, said.professionals) for person in shop.professionals)
    return shop.model_copy(update=new)


def check(shop: Shop, said: OwnerFacts | None) -> None:
    """Whether every one of the owner's facts has its place in `shop`, which they were laid on.

    Raises SetupError owner_service_unknown, owner_professional_unknown, owner_transfer_invalid.
    """
    if said is None:
        return
    if said.transfer_to == shop.phone_number:
        message = f"owner.transfer_to: {shop.phone_number} leads here; a transferred call would come back."
        raise SetupError("owner_transfer_invalid", message)
    for told in said.services:
        if not any(_is(service, told) for service in shop.services):
            where = f" under {told.category!r}" if told.category is not None else ""
            message = f"owner.services: the shop has no service {told.name!r}{where}."
            raise SetupError("owner_service_unknown", message)
    people = [person.name for person in shop.professionals]
    staff = [name for told in said.services for name in told.staff or ()]
    for name in (*(told.name for told in said.professionals), *(staff if people else ())):
        if _spelled(name, people) is None:
            raise SetupError("owner_professional_unknown", f"owner: nobody called {name!r} works at the shop.")


def _completed(service: Service, shop: Shop, told: Iterable[OwnerService]) -> Service:
    people = [person.name for person in shop.professionals]
    for more in (each for each in told if _is(service, each)):
        new = {field: value for field, value in more if field not in ("name", "category") and value is not None}
        if more.price is not None:
            new = {"price_from": False, "price_text": "", **new}
        if more.staff is not None:
            # A name nobody has makes no shop; where nobody is presented, any name will do.
            known = [_spelled(name, people) if people else name for name in more.staff]
            new["staff"] = tuple(name for name in known if name is not None)
        service = service.model_copy(update=new)
    return service


def _introduced(person: Professional, told: Iterable[OwnerProfessional]) -> Professional:
    for more in (each for each in told if _folded(each.name) == _folded(person.name)):
        new = {field: value for field, value in more if field != "name" and value is not None}
        person = person.model_copy(update=new)
    return person


def _is(service: Service, told: OwnerService) -> bool:
    same = _folded(service.name) == _folded(told.name)
    return same and (told.category is None or _folded(service.category) == _folded(told.category))


def _spelled(name: str, people: Iterable[str]) -> str | None:
    """`name` as the shop spells it, or None when nobody is called that."""
    return next((known for known in people if _folded(known) == _folded(name)), None)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
