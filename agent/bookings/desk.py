"""The appointment book as the receptionist uses it: offer, hold, confirm, move, cancel.

Every step reads the shop's CURRENT rules and the book as it is now, not what the call was told at its start, so
what the desk says is what the database holds. Nothing here raises for what a caller asks: it declines, with words
to speak and what could be had instead. Only a store that fails raises, with StoreError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from agent.bookings.calendar import NEAREST_DAYS, check, first_free, nearest, to_load
from agent.bookings.dates import When
from agent.bookings.rules import Reason, Wanted, refusal
from agent.errors import Conflict, NotFound
from agent.model import Booking, BusyStretch, Model, Service, Shop, Visit, local
from agent.ports import BookingStore, Clock

ALTERNATIVES = 3
"""As many times as a caller can keep in mind."""
FAR_OFF = timedelta(days=1000)
"""Beyond every horizon there can be (agent.model.BookingRules)."""
MANY = 200
"""More times than a day has."""
EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any book of ours began."""


class Offer(Model):
    """Times that are free now. Nothing is kept: somebody else may take them."""

    visits: tuple[Visit, ...]
    exact: bool
    """The first is the moment that was asked for, or the next to it at which appointments begin."""


class Declined(Model):
    """What cannot be, why, and what could be instead."""

    reason: Reason | None = None
    """Why the calendar says no; None when the book itself did."""
    code: str
    say: str
    alternatives: tuple[Visit, ...] = ()


class Desk:
    """One per process; it remembers nothing of a call."""

    def __init__(self, store: BookingStore, shop: Callable[[int], Shop | None], clock: Clock) -> None:
        """`shop` gives the newest known version of a location's shop, whatever version a call is pinned to."""
        self._store = store
        self._shop = shop
        self._clock = clock

    def through(self, see: Callable[[BookingStore], BookingStore]) -> Desk:
        """The same desk, with the book as `see` makes it."""
        return Desk(see(self._store), self._shop, self._clock)

    def shop(self, location_id: int) -> Shop:
        """The shop as it is now. Raises NotFound when it is no longer registered."""
        shop = self._shop(location_id)
        if shop is None:
            raise NotFound("location_unknown", f"Location {location_id} is not registered.")
        return shop

    async def offer(
        self, location_id: int, wanted: Wanted, when: When, *, ignoring: str | None = None
    ) -> Offer | Declined:
        """What is free when the caller means. `ignoring`: the booking that would be moved, its time counts as free."""
        shop, now = self.shop(location_id), self._clock()
        no = refusal(shop, wanted, now=now)
        if no is not None:
            return _declined(no)
        when = _reachable(when, local(now, shop).date())
        at = moment_of(when, shop)
        if at is not None:
            found = check(shop, wanted, at, busy=await self._busy(shop, at, at, ignoring), now=now)
            if isinstance(found, Reason) and found.code == "off_grid" and found.instead:
                at = next((moment for moment in found.instead if moment >= at), found.instead[-1])
                found = check(shop, wanted, at, busy=await self._busy(shop, at, at, ignoring), now=now)
            if isinstance(found, Visit):
                return Offer(visits=(found,), exact=True)
            return await self._instead(shop, wanted, found, at, ignoring)
        first = datetime.combine(when.first, when.after or time(0), shop.zone)
        last = datetime.combine(when.last, time(12), shop.zone)
        busy = await self._busy(shop, first, last, ignoring)
        visits = first_free(
            shop,
            wanted,
            busy=busy,
            now=now,
            since=when.first,
            until=when.last,
            limit=ALTERNATIVES if when.earliest or when.first != when.last else MANY,
            between=(when.after, when.before),
        )
        if visits:
            return Offer(visits=_spread(visits), exact=False)
        probe = datetime.combine(when.first, when.after or when.before or time(12), shop.zone)
        return await self._instead(shop, wanted, check(shop, wanted, probe, busy=busy, now=now), probe, ignoring)

    async def hold(
        self, location_id: int, wanted: Wanted, at: datetime, *, key: str, call_sid: str, moves: str | None = None
    ) -> Booking | Declined:
        """Keep the time for a caller who is deciding; `moves` names the booking that would move there."""
        shop, now = self.shop(location_id), self._clock()
        no = refusal(shop, wanted, now=now)
        if no is not None:
            return _declined(no)
        around = await self._around(shop, at, at)
        mine = _own(around, call_sid, moves)
        visit = check(shop, wanted, at, busy=_stretches(around, mine), now=now)
        if isinstance(visit, Reason):
            return await self._instead(shop, wanted, visit, at, *mine)
        try:
            return await self._store.hold(
                location_id,
                visit,
                key=key,
                call_sid=call_sid,
                now=now,
                expires_at=now + timedelta(seconds=shop.booking.hold_s),
                moves=moves,
            )
        except Conflict:  # somebody else was quicker between our look and our hold
            return await self._taken(shop, wanted, at, *mine)
        except NotFound:
            return Declined(code="booking_unknown", say="I cannot find that appointment any more.")

    async def confirm(
        self, held: Booking, *, key: str, customer_name: str, customer_phone: str, notes: str = ""
    ) -> Booking | Declined:
        """Make a hold an appointment, if the shop's rules still allow it. What is returned is committed."""
        shop, now = self.shop(held.location_id), self._clock()
        wanted = wanted_of(held.visit, shop)
        if wanted is None:
            await self._let_go(held, key)
            return Declined(code="rules_changed", say="The shop has just changed what can be booked then.")
        mine = [held.booking_id] + ([held.moves] if held.moves else [])
        busy = await self._busy(shop, held.visit.starts, held.visit.starts, *mine)
        # The notice counted from when the time was held: a caller who thinks it over is not punished for it.
        found = check(shop, wanted, held.visit.starts, busy=busy, now=min(now, held.created_at))
        if isinstance(found, Reason) and found.code != "taken":
            await self._let_go(held, key)
            return await self._instead(shop, wanted, found, held.visit.starts, *mine)
        try:
            return await self._store.confirm(
                held.location_id,
                held.booking_id,
                key=key,
                call_sid=held.call_sid,
                now=now,
                customer_name=customer_name,
                customer_phone=customer_phone,
                notes=notes,
            )
        except Conflict:
            return Declined(code="hold_expired", say="I could not keep that time any longer. Shall I look again?")
        except NotFound:
            return Declined(code="booking_unknown", say="That time is no longer kept. Shall I look again?")

    async def cancel(self, booking: Booking, *, key: str) -> Booking | Declined:
        """Cancel an appointment, or let go of a hold."""
        try:
            return await self._store.cancel(booking.location_id, booking.booking_id, key=key, now=self._clock())
        except NotFound:
            return Declined(code="booking_unknown", say="I cannot find that appointment any more.")

    async def upcoming(self, location_id: int, customer_phone: str) -> list[Booking]:
        """What is booked under a number and not over yet; by start."""
        return await self._store.bookings_of(location_id, customer_phone, since=self._clock())

    async def has_booked(self, location_id: int, customer_phone: str) -> bool:
        """Whether anything stands or stood in the book under this number. Whose it is, it does not tell."""
        if not customer_phone:
            return False
        return bool(await self._store.bookings_of(location_id, customer_phone, since=EVER))

    async def is_new_client(self, location_id: int, customer_phone: str) -> bool:
        """Whether nothing was ever booked under this number and came to pass. A withheld number is new."""
        if not customer_phone:
            return True
        now = self._clock()
        known = await self._store.bookings_of(location_id, customer_phone, since=EVER)
        return not any(booking.visit.ends <= now for booking in known)

    def is_late(self, booking: Booking) -> bool:
        """Whether cancelling or moving it now is later than the shop asks for."""
        hours = self.shop(booking.location_id).booking.cancel_notice_hours
        return hours is not None and booking.visit.starts - self._clock() < timedelta(hours=hours)

    async def _busy(self, shop: Shop, first: datetime, last: datetime, *ignoring: str | None) -> list[BusyStretch]:
        return _stretches(await self._around(shop, first, last), ignoring)

    async def _around(self, shop: Shop, first: datetime, last: datetime) -> list[Booking]:
        """The book of the local days from `first` to `last`."""
        since, until = to_load(shop, local(first, shop).date(), local(last, shop).date())
        return await self._store.bookings_between(shop.location_id, since, until, now=self._clock())

    async def _instead(
        self, shop: Shop, wanted: Wanted, found: Visit | Reason, at: datetime, *ignoring: str | None
    ) -> Declined:
        """Why not then, and the nearest times that are free."""
        since = max(at, self._clock())
        busy = await self._busy(shop, since, since + timedelta(days=NEAREST_DAYS), *ignoring)
        others = nearest(shop, wanted, at, busy=busy, now=self._clock(), limit=ALTERNATIVES)
        if isinstance(found, Reason):
            return _declined(found, others)
        return Declined(code="taken", say="Nothing is free then.", alternatives=others)

    async def _taken(self, shop: Shop, wanted: Wanted, at: datetime, *mine: str | None) -> Declined:
        again = check(shop, wanted, at, busy=await self._busy(shop, at, at, *mine), now=self._clock())
        declined = await self._instead(shop, wanted, again, at, *mine)
        return declined.model_copy(update={"say": "Somebody has just taken that time.", "code": "taken"})

    async def _let_go(self, held: Booking, key: str) -> None:
        """The shop's rules have changed while the caller was deciding: the time is free for others."""
        await self.cancel(held, key=f"{key}:let_go")


def _own(around: Sequence[Booking], call_sid: str, moves: str | None) -> list[str]:
    """The ids whose time is free for this call: its own earlier hold, and the booking it moves."""
    same = [b.booking_id for b in around if b.state == "held" and b.call_sid == call_sid and b.moves == moves]
    return same + ([moves] if moves else [])


def _stretches(booked: Sequence[Booking], ignoring: Sequence[str | None]) -> list[BusyStretch]:
    return [stretch for booking in booked if booking.booking_id not in ignoring for stretch in booking.visit.busy]


def moment_of(when: When, shop: Shop) -> datetime | None:
    """The exact moment that was meant, in the shop's zone; None when a day or a part of it was."""
    if when.at is None or when.first != when.last:
        return None
    return datetime.combine(when.first, when.at, shop.zone)


def _reachable(when: When, today: date) -> When:
    """Days so far off that no calendar counts them are told as days that are only too far, or past."""
    least, most = today - FAR_OFF, today + FAR_OFF
    return when.model_copy(
        update={"first": min(max(when.first, least), most), "last": max(min(when.last, most), least)}
    )


def wanted_of(visit: Visit, shop: Shop) -> Wanted | None:
    """The same again, of the shop as it is now; None when the shop no longer has one of its services."""
    menu = {service.name: service for service in shop.services}
    services: list[Service] = [menu[part.service] for part in visit.parts if part.service in menu]
    if len(services) < len(visit.parts):
        return None
    return Wanted(services=tuple(services), staff=tuple(part.staff or None for part in visit.parts))


def _declined(reason: Reason, alternatives: Sequence[Visit] = ()) -> Declined:
    return Declined(reason=reason, code=reason.code, say=reason.say, alternatives=tuple(alternatives))


def _spread(visits: Sequence[Visit]) -> tuple[Visit, ...]:
    """As many as a caller can keep in mind, from the whole of what is free: the first, the last, one between."""
    if len(visits) <= ALTERNATIVES:
        return tuple(visits)
    return tuple(visits[round(at * (len(visits) - 1) / (ALTERNATIVES - 1))] for at in range(ALTERNATIVES))
