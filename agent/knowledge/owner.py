"""What a shop's owner says beside the website: what no page can know, and what this one leaves open."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from agent.errors import SetupError
from agent.model import (
    Away,
    Model,
    Name,
    OpeningHours,
    OpenInterval,
    PhoneNumber,
    Policy,
    Processing,
    Professional,
    Redacted,
    Service,
    Shop,
    Weekday,
)

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
    processing: tuple[Processing, ...] | None = None
    buffer_minutes: Annotated[int, Field(ge=0, le=240)] | None = None
    add_on: bool | None = None
    patch_test_hours: Annotated[int, Field(gt=0, le=24 * 14)] | None = None
    consultation_first: bool | None = None


class OwnerProfessional(Model):
    """More about somebody the website presents, found by name. A field left out says nothing."""

    name: Name
    role: str | None = None
    specialties: tuple[Name, ...] | None = None
    hours: OpeningHours | None = None
    """Their own week, within the shop's."""
    off: tuple[Weekday, ...] | None = None
    breaks: dict[Weekday, tuple[OpenInterval, ...]] | None = None
    away: tuple[Away, ...] | None = None


class OwnerBooking(Model):
    """How appointments are taken over the phone (BookingRules). A field left out says nothing."""

    by_phone: bool | None = None
    notice_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 30)] | None = None
    horizon_days: Annotated[int, Field(ge=1, le=730)] | None = None
    slot_minutes: Annotated[int, Field(ge=5, le=120)] | None = None
    hold_s: Annotated[int, Field(ge=30, le=3600)] | None = None
    cancel_notice_hours: Annotated[int, Field(ge=0, le=24 * 30)] | None = None
    late_text: Annotated[str, Field(max_length=1_000)] | None = None
    texts: bool | None = None


class OwnerFacts(Model):
    """The owner's word, which stands above the website's. Fields are named as in a shop file."""

    transfer_to: PhoneNumber | None = None
    emergency_number: Annotated[str, StringConstraints(pattern=r"^\d{2,6}$")] | None = None
    greeting: Annotated[str, Field(max_length=4_000)] | None = None
    voice_id: Annotated[str, Field(max_length=200)] | None = None
    records_calls: bool | None = None
    redacts: tuple[Redacted, ...] | None = None
    services: Annotated[tuple[OwnerService, ...], Field(max_length=MAX_LISTED)] = ()
    professionals: Annotated[tuple[OwnerProfessional, ...], Field(max_length=MAX_LISTED)] = ()
    policies: Annotated[tuple[Policy, ...], Field(max_length=MAX_LISTED)] | None = None
    """All of them; an empty list takes away those there were."""
    booking: OwnerBooking | None = None


def lay_on(shop: Shop, said: OwnerFacts | None) -> Shop:
    """`shop` with the owner's facts. Those about services or people it does not have are passed over.

    So it fits any state of a shop: as it was, as the website tells it, as both make it. `check` insists.
    """
    if said is None:
        return shop
    plain = ("transfer_to", "emergency_number", "greeting", "voice_id", "records_calls", "redacts", "policies")
    new = {field: value for field in plain if (value := getattr(said, field)) is not None}
    new["services"] = tuple(_completed(service, shop, said.services) for service in shop.services)
    new["professionals"] = tuple(_introduced(person, said.professionals) for person in shop.professionals)
    if said.booking is not None:
        new["booking"] = shop.booking.model_copy(update=_given(said.booking))
    return shop.model_copy(update=new)


def check(shop: Shop, said: OwnerFacts | None) -> None:
    """Whether every one of the owner's facts has its place in `shop`, which they were laid on.

    Raises SetupError owner_service_unknown, owner_service_invalid, owner_professional_unknown,
    owner_transfer_invalid.
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
    _check_lengths(shop, said.services)
    people = [person.name for person in shop.professionals]
    staff = [name for told in said.services for name in told.staff or ()]
    for name in (*(told.name for told in said.professionals), *(staff if people else ())):
        if _spelled(name, people) is None:
            raise SetupError("owner_professional_unknown", f"owner: nobody called {name!r} works at the shop.")


def _check_lengths(shop: Shop, told: Iterable[OwnerService]) -> None:
    """Whether what was said of lengths and gaps was laid on: it was passed over where the gaps do not fit."""
    for service in shop.services:
        about = [more for more in told if _is(service, more)]
        for field in ("minutes", "processing"):
            wanted = [value for more in about if (value := getattr(more, field)) is not None]
            if wanted and getattr(service, field) != wanted[-1]:
                takes = "of unknown length" if service.minutes is None else f"{service.minutes} min long"
                message = (
                    f"owner.services: {service.name!r} is {takes}: its processing does not lie inside it, in order."
                )
                raise SetupError("owner_service_invalid", message)


def _completed(service: Service, shop: Shop, told: Iterable[OwnerService]) -> Service:
    people = [person.name for person in shop.professionals]
    for more in (each for each in told if _is(service, each)):
        new = _given(more, but=("name", "category"))
        if more.price is not None:
            new = {"price_from": False, "price_text": "", **new}
        if more.staff is not None:
            # A name nobody has makes no shop; where nobody is presented, any name will do.
            known = [_spelled(name, people) if people else name for name in more.staff]
            new["staff"] = tuple(name for name in known if name is not None)
        service = _with_room(service, new)
    return service


def _with_room(service: Service, new: dict[str, object]) -> Service:
    """`service` with what is new; without a new length or new gaps if these have no room in it."""
    whole = service.model_copy(update=new)
    try:
        return Service.model_validate(whole.model_dump())
    except ValidationError:
        fits = {field: value for field, value in new.items() if field not in ("minutes", "processing")}
        return service.model_copy(update=fits)


def _given(told: Model, but: Iterable[str] = ()) -> dict[str, object]:
    """The fields that say something."""
    return {field: value for field, value in told if field not in but and value is not None}


def _introduced(person: Professional, told: Iterable[OwnerProfessional]) -> Professional:
    for more in (each for each in told if _folded(each.name) == _folded(person.name)):
        person = person.model_copy(update=_given(more, but=("name",)))
    return person


def _is(service: Service, told: OwnerService) -> bool:
    same = _folded(service.name) == _folded(told.name)
    return same and (told.category is None or _folded(service.category) == _folded(told.category))


def _spelled(name: str, people: Iterable[str]) -> str | None:
    """`name` as the shop spells it, or None when nobody is called that."""
    return next((known for known in people if _folded(known) == _folded(name)), None)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
