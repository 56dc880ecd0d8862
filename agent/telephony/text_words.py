"""What texts say. Pure: the appointment as committed, the shop as it is, in the shop's own time.

At most 320 characters, two messages on the air, and letters of the GSM alphabet (3GPP TS 23.038) where a plain one
means the same: a single curly apostrophe would make a text twice as long to send.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from agent.bookings.readback import spoken_when
from agent.model import Booking, Shop, TextMessage, local

MAX_CHARS = 320
SHOP_CHARS = 60
WHAT_CHARS = 120
LATE_CHARS = 100

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("•·", "-"),
        "…": "...",
        "×": "x",
    }
)


def confirmation(text: TextMessage, booking: Booking, shop: Shop, now: datetime) -> str:
    """The text that tells a customer of their appointment. `reference(text)` is in it, and in no other text."""
    when, what = told_when(booking.visit.starts, shop, now), _what(booking)
    name, ref = _cut(plain(shop.business_name), SHOP_CHARS), reference(text)
    match text.kind:
        case "booked":
            body = f"{name}: you're booked: {what}, {when}. Reply C to cancel. STOP to opt out. {ref}"
        case "moved":
            body = f"{name}: your appointment has moved: {what}, now {when}. Reply C to cancel. STOP to opt out. {ref}"
        case "cancelled":
            body = f"{name}: cancelled: {what}, {when}. Call {shop.phone_number} to book again. STOP to opt out. {ref}"
    return body


def missed_call(shop: Shop) -> str:
    """For a caller whom nobody could help, and who left no message."""
    name = _cut(plain(shop.business_name), SHOP_CHARS)
    return f"{name}: sorry, we could not take your call. Please call {shop.phone_number} again. STOP to opt out."


def reference(text: TextMessage) -> str:
    """A short name of this very text, by which a copy of it is found at the phone company."""
    digest = sha256(f"{text.booking_id}/{text.kind}/{text.revision}".encode()).digest()
    return f"Ref {base64.b32encode(digest).decode()[:6]}"


def cancelled_reply(booking: Booking, shop: Shop, now: datetime) -> str:
    """The answer to a customer who has cancelled by text, with the shop's word on late cancelling if it was late."""
    words = f"Cancelled: {_appointment(booking, shop, now)}."
    if is_late(booking, shop, now):
        late = plain(shop.booking.late_text) or f"This was less than {shop.booking.cancel_notice_hours} hours before."
        words += f" {_cut(late, LATE_CHARS)}"
    return f"{words} To book again, call {shop.phone_number}."


def gone_reply(booking: Booking, shop: Shop, now: datetime) -> str:
    """The answer when that one is cancelled already."""
    return f"Already cancelled: {_appointment(booking, shop, now)}."


def choice_reply(bookings: Sequence[Booking], shop: Shop, now: datetime) -> str:
    """The answer to a customer who has several appointments, or who named one that was not offered."""
    lines = [f"C{at}: {_cut(_what(b), 40)}, {told_when(b.visit.starts, shop, now)}" for at, b in _numbered(bookings)]
    if len(bookings) == 1:
        return f"You have one appointment: {_appointment(bookings[0], shop, now)}. Reply C1 to cancel it."
    answers = [f"C{at}" for at, _ in _numbered(bookings)]
    return f"Which one? {'; '.join(lines)}. Reply {', '.join(answers[:-1])} or {answers[-1]}."


def none_reply(shop: Shop) -> str:
    """The answer to a customer who wants to cancel and has no appointment under this number."""
    return f"{_name(shop)}: there is no upcoming appointment under this number. Questions? Call {shop.phone_number}."


def help_reply(shop: Shop) -> str:
    """The answer to everything we do not understand."""
    return f"{_name(shop)}: reply C to cancel an appointment. For anything else, please call {shop.phone_number}."


def trouble_reply(shop: Shop) -> str:
    """The answer when the book cannot be reached: nothing was changed, as far as is known."""
    return f"{_name(shop)}: sorry, that did not work just now. Please call {shop.phone_number}."


def is_late(booking: Booking, shop: Shop, now: datetime) -> bool:
    """Whether cancelling now is late by the shop's rule."""
    notice = shop.booking.cancel_notice_hours
    return notice is not None and now > booking.visit.starts - timedelta(hours=notice)


def told_when(moment: datetime, shop: Shop, now: datetime) -> str:
    """When an appointment is, as the receptionist says it: in the shop's own time and its country's way."""
    return spoken_when(local(moment, shop), today=local(now, shop).date(), country=shop.country, near=False)


def plain(text: str) -> str:
    """`text` on one line with typographic signs made plain and invisible ones left out; letters stay as they are."""
    shown = (sign for sign in unicodedata.normalize("NFC", text).translate(_PLAIN) if _shows(sign))
    return " ".join("".join(shown).split())


def _shows(sign: str) -> bool:
    return sign.isspace() or not unicodedata.category(sign).startswith("C")


def _name(shop: Shop) -> str:
    return _cut(plain(shop.business_name), SHOP_CHARS)


def _appointment(booking: Booking, shop: Shop, now: datetime) -> str:
    return f"{_what(booking)}, {told_when(booking.visit.starts, shop, now)}"


def _what(booking: Booking) -> str:
    """ "Balayage and Toner with Ana, Blow-dry with Noa": the services in order, by who does them."""
    groups: list[tuple[str, list[str]]] = []
    for part in sorted(booking.visit.parts, key=lambda part: part.starts):
        if groups and groups[-1][0] == part.staff:
            groups[-1][1].append(part.service)
        else:
            groups.append((part.staff, [part.service]))
    told = [" and ".join(services) + (f" with {staff}" if staff else "") for staff, services in groups]
    return _cut(plain(", ".join(told)), WHAT_CHARS)


def _numbered(bookings: Sequence[Booking]) -> list[tuple[int, Booking]]:
    return list(enumerate(bookings, 1))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3].rstrip() + "..."
