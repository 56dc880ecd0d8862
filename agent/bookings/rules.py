"""What is to be booked, and whether this shop books it over the phone at all, whatever the time. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import Field, model_validator

from agent.bookings.local_day import moment, seconds_up
from agent.bookings.readback import spoken_day, spoken_time
from agent.bookings.reasons import Reason as Reason
from agent.bookings.reasons import ReasonCode as ReasonCode
from agent.bookings.reasons import spoken_name
from agent.model import Model, Service, Shop, local


class Wanted(Model):
    """What a caller wants done, resolved against the current shop."""

    services: Annotated[tuple[Service, ...], Field(min_length=1)]
    """In order; an add-on follows what it belongs to."""
    staff: tuple[str | None, ...]
    """By whom, one for each service. None: anyone who does it."""
    new_client: bool = False
    """No earlier visit is known."""

    @model_validator(mode="after")
    def _one_wish_each(self) -> Wanted:
        if len(self.staff) != len(self.services):
            raise ValueError(f"{len(self.services)} services but {len(self.staff)} wishes for staff")
        return self

    @property
    def minutes(self) -> int:
        """How long the client stays; services without a known length count as nothing."""
        return sum(service.minutes or 0 for service in self.services)

    def by_anyone(self) -> Wanted:
        """The same without wishes for staff."""
        return self.model_copy(update={"staff": (None,) * len(self.services)})


def refusal(shop: Shop, wanted: Wanted, *, now: datetime) -> Reason | None:
    """Why `wanted` cannot be booked here at any time; None when it is a question of when."""
    return next(_refusals(shop, wanted, now), None)


def same_hands(wanted: Wanted) -> list[range]:
    """The services by position, in runs that one person does: each with the add-ons that follow it."""
    heads = [at for at, service in enumerate(wanted.services) if at == 0 or not service.add_on]
    return [range(head, after) for head, after in zip(heads, [*heads[1:], len(wanted.services)], strict=True)]


def who_does(shop: Shop, wanted: Wanted, run: range) -> tuple[str, ...]:
    """Who does all services of a run and is not against the caller's wish, in the shop's order.

    A shop that names nobody has one chair, called "".
    """
    wishes = {wish for at in run if (wish := wanted.staff[at]) is not None}
    able = {name for name in team(shop) if all(_does(shop, name, wanted.services[at]) for at in run)}
    return tuple(name for name in team(shop) if name in able and wishes <= {name})


def team(shop: Shop) -> tuple[str, ...]:
    """The names bookings are made under."""
    return tuple(person.name for person in shop.professionals) or ("",)


def last_day(shop: Shop, now: datetime) -> date:
    """The last calendar day there that may be booked."""
    return local(now, shop).date() + timedelta(days=shop.booking.horizon_days)


def earliest(shop: Shop, wanted: Wanted, now: datetime) -> tuple[datetime, Service | None]:
    """The first full minute that is not too soon, and the service whose patch test makes it so (None: the notice)."""
    now = moment(-(-seconds_up(now) // 60) * 60)
    by_notice = now + timedelta(minutes=shop.booking.notice_minutes)
    tested = [service for service in wanted.services if wanted.new_client and service.patch_test_hours]
    slowest = max(tested, key=lambda service: service.patch_test_hours or 0, default=None)
    if slowest is None:
        return by_notice, None
    by_test = now + timedelta(hours=slowest.patch_test_hours or 0)
    return (by_test, slowest) if by_test > by_notice else (by_notice, None)


def patch_test(shop: Shop, service: Service, since: datetime, now: datetime) -> Reason:
    """That `service` needs a test, and so cannot be before `since`."""
    here = local(since, shop)
    day = spoken_day(here.date(), today=local(now, shop).date(), country=shop.country, near=False)
    say = (
        f"The {spoken_name(service.name)} needs a patch test at least {service.patch_test_hours} hours before "
        f"for anybody who is new here, so the earliest is {day} at {spoken_time(here.time())}."
    )
    return Reason(code="patch_test", say=say, service=service.name, earliest=since)


def _refusals(shop: Shop, wanted: Wanted, now: datetime) -> Iterator[Reason]:
    """Every one there is, what a caller has to know first in front."""
    if not shop.booking.by_phone:
        yield Reason(code="not_by_phone", say="Appointments here are not made over the phone.")
    yield from _of_services(wanted)
    yield from _of_staff(shop, wanted)
    if not any(shop.hours.week.values()):
        yield Reason(code="hours_unknown", say="I do not know the opening hours, so I cannot book a time.")
    since, service = earliest(shop, wanted, now)
    if service is not None and local(since, shop).date() > last_day(shop, now):
        yield patch_test(shop, service, since, now)


def _of_services(wanted: Wanted) -> Iterator[Reason]:
    for service in wanted.services:
        if service.consultation_first and wanted.new_client:
            say = f"The {spoken_name(service.name)} needs a consultation first for anybody who is new here."
            yield Reason(code="consultation_first", say=say, service=service.name)
    first = wanted.services[0]
    if first.add_on:
        say = f"The {spoken_name(first.name)} is only done together with another service."
        yield Reason(code="add_on_alone", say=say, service=first.name)
    for service in wanted.services:
        if service.minutes is None:
            say = f"I do not know how long the {spoken_name(service.name)} takes, so I cannot book it."
            yield Reason(code="duration_unknown", say=say, service=service.name)


def _of_staff(shop: Shop, wanted: Wanted) -> Iterator[Reason]:
    for service, wish in zip(wanted.services, wanted.staff, strict=True):
        if wish is None:
            continue
        if wish not in team(shop):
            yield Reason(code="staff_unknown", say=f"There is nobody called {spoken_name(wish)} here.", staff=wish)
        elif not _does(shop, wish, service):
            yield _does_not(wish, service)
    for run in same_hands(wanted):
        if not who_does(shop, wanted, run):
            yield _nobody(shop, wanted, run)


def _nobody(shop: Shop, wanted: Wanted, run: range) -> Reason:
    """The fault of one service, or of a wish, or that no one person does a service with its add-ons."""
    for at in run:
        service = wanted.services[at]
        if not any(_does(shop, name, service) for name in team(shop)):
            say = f"Nobody here does the {spoken_name(service.name)} at the moment."
            return Reason(code="nobody_does", say=say, service=service.name)
    names = [spoken_name(wanted.services[at].name) for at in run]
    service = wanted.services[run[-1]]
    together = f"the {names[0]} together with the {' and the '.join(names[1:])}"
    wishes = [wish for at in run if (wish := wanted.staff[at]) is not None]
    if not wishes:
        return Reason(code="nobody_does", say=f"Nobody here does {together}.", service=service.name)
    say = f"{spoken_name(wishes[0])} does not do {together}."
    if len(set(wishes)) > 1:
        say = f"One person does {together}, not several."
    return Reason(code="staff_does_not", say=say, staff=wishes[-1], service=service.name)


def _does_not(wish: str, service: Service) -> Reason:
    say = f"{spoken_name(wish)} does not do the {spoken_name(service.name)}."
    return Reason(code="staff_does_not", say=say, staff=wish, service=service.name)


def _does(shop: Shop, name: str, service: Service) -> bool:
    """Whoever is named does it; where nobody is named, or the shop names nobody, anyone."""
    return not shop.professionals or not service.staff or name in service.staff
