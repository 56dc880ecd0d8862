"""What a caller hears about appointments, made from rows and rules, never from a model's free text. Pure.

Every time that is read back carries its weekday and its date, in the shop's own time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby

from agent.bookings.readback import spoken_day, spoken_phone, spoken_time
from agent.model import Booking, Shop, Visit, VisitPart, local

ANYTHING_ELSE = "Is there anything else I can do for you?"


def visit_words(visit: Visit, shop: Shop, *, now: datetime) -> str:
    """ "Women's Haircut with Ana on Friday, November 6th at 5:45 PM"."""
    return f"{services_words(visit)}{_on(visit.starts, shop, now)}"


def services_words(visit: Visit) -> str:
    """ "Root Touch-Up with Priya, then Blow Dry with Ana"."""
    return ", then ".join(_part_words(part) for part in visit.parts)


def when_words(moment: datetime, shop: Shop, *, now: datetime) -> str:
    """ "Friday, November 6th at 5:45 PM"; "today" and "tomorrow" stand before the date, not in its place."""
    here = local(moment, shop)
    return f"{_day(here.date(), shop, now)} at {spoken_time(here.time())}"


def times_words(visits: Sequence[Visit], shop: Shop, *, now: datetime) -> str:
    """ "Thursday, October 29th at 3:45 PM or 4 PM with Ana, and Friday, ... at ..."."""
    here = sorted((local(visit.starts, shop), visit.parts[0].staff) for visit in visits)
    days = [_times_of_a_day(day, list(group), shop, now) for day, group in groupby(here, lambda at: at[0].date())]
    return ", and ".join(days)


def offered(visits: Sequence[Visit], shop: Shop, *, now: datetime) -> str:
    """Free times, and the question which."""
    asks = "Shall I take that one?" if len(visits) == 1 else "Which would you like?"
    return f"For {services_only(visits[0])} I have {times_words(visits, shop, now=now)}. {asks}"


def services_only(visit: Visit) -> str:
    """ "Root Touch-Up and Blow Dry"."""
    return " and ".join(part.service for part in visit.parts)


def declined(say: str, alternatives: Sequence[Visit], shop: Shop, *, now: datetime) -> str:
    """Why not, and what could be instead."""
    if not alternatives:
        return say
    times = _times_that_day(say, alternatives, shop, now) or times_words(alternatives, shop, now=now)
    asks = "Would that suit you?" if len(alternatives) == 1 else "Would one of those suit you?"
    return f"{say} I do have {times}. {asks}"


def read_back(held: Booking, shop: Shop, *, now: datetime, name: str, moved_from: Visit | None = None) -> str:
    """What a held time is, and the question whether to book it. `name` is empty while it is not known."""
    what = visit_words(held.visit, shop, now=now)
    if moved_from is not None:
        before = when_words(moved_from.starts, shop, now=now)
        return f"I can move your {services_words(held.visit)} from {before} to " + (
            f"{when_words(held.visit.starts, shop, now=now)}. Shall I move it?"
        )
    asks = "Shall I book that?" if name else "Shall I book that, and what name may I put it under?"
    return f"I can offer you {what}. {asks}"


def number_read_back(number: str, shop: Shop) -> str:
    """A number that was given, digit by digit, and the question whether it is right."""
    return f"Let me read that number back: {spoken_phone(number, country=shop.country)}. Is that right?"


def booked(booking: Booking, shop: Shop, *, now: datetime) -> str:
    """The confirmation, from the committed row."""
    return f"You're booked: {visit_words(booking.visit, shop, now=now)}, under {booking.customer_name}."


def moved(booking: Booking, shop: Shop, *, now: datetime) -> str:
    """The confirmation of a move, from the committed row."""
    return f"It's moved: {services_words(booking.visit)} is now{_on(booking.visit.starts, shop, now)}."


def cancelled(booking: Booking, shop: Shop, *, now: datetime) -> str:
    """The confirmation of a cancellation, from the committed row."""
    return f"It's cancelled: {visit_words(booking.visit, shop, now=now)}."


def shall_i_cancel(booking: Booking, shop: Shop, *, now: datetime, late: bool) -> str:
    """What would be cancelled, whether that is late, and the question."""
    return f"That is {visit_words(booking.visit, shop, now=now)}. {_notice(shop, late=late)}Shall I cancel it?"


def listed(bookings: Sequence[Booking], shop: Shop, *, now: datetime) -> str:
    """The caller's own appointments."""
    them = "; ".join(visit_words(booking.visit, shop, now=now) for booking in bookings)
    return f"You have {'one appointment' if len(bookings) == 1 else f'{len(bookings)} appointments'}: {them}."


def _on(moment: datetime, shop: Shop, now: datetime) -> str:
    """ " on Friday, November 6th at 5:45 PM"; nobody says "on tomorrow"."""
    days = (local(moment, shop).date() - local(now, shop).date()).days
    return f"{',' if days in (0, 1) else ' on'} {when_words(moment, shop, now=now)}"


def _notice(shop: Shop, *, late: bool) -> str:
    hours, text = shop.booking.cancel_notice_hours, shop.booking.late_text.strip()
    if hours is None:
        return ""
    if not late:
        return f"It is more than {hours} hours ahead, so that is not a late cancellation. "
    return f"It is less than {hours} hours ahead, which is late. {text + ' ' if text else ''}"


def _part_words(part: VisitPart) -> str:
    return f"{part.service} with {part.staff}" if part.staff else part.service


def _times_of_a_day(day: date, times: list[tuple[datetime, str]], shop: Shop, now: datetime) -> str:
    staff = {name for _, name in times}
    if len(staff) == 1:
        with_whom = f" with {times[0][1]}" if times[0][1] else ""
        return f"{_day(day, shop, now)} at {either([spoken_time(at.time()) for at, _ in times])}{with_whom}"
    each = [f"{spoken_time(at.time())} with {name}" for at, name in times]
    return f"{_day(day, shop, now)} at {either(each)}"


def _times_that_day(say: str, visits: Sequence[Visit], shop: Shop, now: datetime) -> str:
    """ "10 AM or 11:45 AM that day", where `say` has just named the day and whom they all are with; else empty."""
    here = sorted(local(visit.starts, shop) for visit in visits)
    days, staff = {at.date() for at in here}, {visit.parts[0].staff for visit in visits}
    day = spoken_day(here[0].date(), today=local(now, shop).date(), country=shop.country, near=False)
    if len(days) > 1 or len(staff) > 1 or day not in say or not all(name in say for name in staff):
        return ""
    return f"{either([spoken_time(at.time()) for at in here])} that day"


def either(words: list[str]) -> str:
    *most, last = dict.fromkeys(words)
    return f"{', '.join(most)} or {last}" if most else last


def _day(day: date, shop: Shop, now: datetime) -> str:
    return spoken_day(day, today=local(now, shop).date(), country=shop.country)
