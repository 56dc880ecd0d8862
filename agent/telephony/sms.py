"""POST /sms: what customers answer to our texts. They cancel by C; STOP and START are Twilio's own words, too.

A customer is who texts: nothing in a text reaches an appointment that is not booked under its From number.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Request, Response
from loguru import logger

from agent.errors import NotFound, StoreError
from agent.events import BookingChanged
from agent.knowledge.cache import KnowledgeCache
from agent.model import Booking, Shop, to_e164
from agent.pace import Pace
from agent.ports import BookingStore, Clock, EventBus, TextStore
from agent.telephony.forms import Form, RequestRefused, field, signed_forms, twiml
from agent.telephony.replies import Reply, read_reply
from agent.telephony.text_words import (
    cancelled_reply,
    choice_reply,
    gone_reply,
    help_reply,
    none_reply,
    trouble_reply,
)
from agent.telephony.twilio import Signatures, text_twiml

ANSWERS_KEPT = 1000
OFFERED = 5
"""How many appointments one answer lists."""
COOKIE = "offered"
"""Twilio keeps cookies for a pair of numbers for four hours: what C1 and C2 stand for is the list we sent, not what
is in the book by now."""
COOKIE_S = 4 * 3600


@dataclass(frozen=True)
class Answer:
    """A reply ("": none) and the bookings it numbers, by id."""

    words: str = ""
    offered: tuple[str, ...] = ()
    final: bool = True
    """False: the same text may fare better when it comes again."""


class ReplyDesk:
    """Does what customers ask for by text."""

    def __init__(
        self,
        knowledge: KnowledgeCache,
        book: BookingStore,
        texts: TextStore,
        bus: EventBus,
        clock: Clock,
        senders: Pace,
    ) -> None:
        """`senders`: how often one number is answered; each answer costs the shop a text."""
        self._senders = senders
        self._knowledge = knowledge
        self._book = book
        self._texts = texts
        self._bus = bus
        self._clock = clock
        self._given: OrderedDict[str, Answer] = OrderedDict()

    async def answer(self, form: Form, offered: Sequence[str]) -> Answer:
        """What to reply, and which bookings that offers. Raises StoreError when an opt-out is not stored.

        A text that comes again gets the same words; that it does nothing twice is the book's own promise.
        """
        message_sid = field(form, "MessageSid")
        given = self._given.get(message_sid)
        if given is not None:
            return given
        answer = await self._answer(form, offered)
        if answer.final:
            self._given[message_sid] = answer
            while len(self._given) > ANSWERS_KEPT:
                self._given.popitem(last=False)
        return answer

    async def _answer(self, form: Form, offered: Sequence[str]) -> Answer:
        shop, sender = self._shop(field(form, "To")), _e164(field(form, "From"))
        if shop is None or sender is None:  # answering a short code or a misled number helps nobody
            logger.info("sms: nothing is answered to {} for {}", field(form, "From"), field(form, "To"))
            return Answer()
        reply = read_reply(field(form, "Body"))
        opt_out = field(form, "OptOutType").upper()  # what Twilio has done about it, with Advanced Opt-Out
        if reply.wish == "stop" or opt_out == "STOP":
            await self._texts.opt_out(shop.location_id, sender, since=self._clock())
        elif reply.wish == "start" or opt_out == "START":
            await self._texts.opt_in(shop.location_id, sender)
        if reply.wish in ("stop", "start"):
            return Answer()  # Twilio itself answers these
        if not self._senders.allows(sender):
            logger.warning("sms {}: {} texts too often and is not answered", field(form, "MessageSid"), sender)
            return Answer(final=False)
        if reply.wish == "unclear":
            return Answer("" if opt_out else help_reply(shop))
        return await self._cancel_in_words(shop, sender, reply, offered, field(form, "MessageSid"))

    async def _cancel_in_words(
        self, shop: Shop, sender: str, reply: Reply, offered: Sequence[str], message_sid: str
    ) -> Answer:
        try:
            return await self._cancel(shop, sender, reply, offered, f"sms:{message_sid}")
        except StoreError as why:
            logger.error("sms {}: the wish to cancel failed: {}", message_sid, why)
            return Answer(trouble_reply(shop), final=False)

    async def _cancel(self, shop: Shop, sender: str, reply: Reply, offered: Sequence[str], key: str) -> Answer:
        now = self._clock()
        booked = await self._book.bookings_of(shop.location_id, sender, since=now)
        upcoming = [booking for booking in booked if booking.visit.starts > now]
        if reply.number is not None and 0 < reply.number <= len(offered):
            return await self._cancel_offered(shop, sender, upcoming, offered[reply.number - 1], key)
        if not upcoming:
            return Answer(none_reply(shop))
        if len(upcoming) == 1 and reply.number is None:
            return await self._cancel_one(shop, upcoming[0], key)
        listed = upcoming[:OFFERED]
        return Answer(choice_reply(listed, shop, now), tuple(booking.booking_id for booking in listed))

    async def _cancel_offered(
        self, shop: Shop, sender: str, upcoming: Sequence[Booking], booking_id: str, key: str
    ) -> Answer:
        """The one that our list named, as far as it is this customer's."""
        for booking in upcoming:
            if booking.booking_id == booking_id:
                return await self._cancel_one(shop, booking, key)
        known = await self._book.get_booking(shop.location_id, booking_id)
        if known is not None and known.customer_phone == sender and known.state == "cancelled":
            return Answer(gone_reply(known, shop, self._clock()))
        return Answer(none_reply(shop))

    async def _cancel_one(self, shop: Shop, booking: Booking, key: str) -> Answer:
        now = self._clock()
        try:
            cancelled = await self._book.cancel(shop.location_id, booking.booking_id, key=key, now=now)
        except NotFound:
            return Answer(none_reply(shop))
        await self._tell(cancelled)
        return Answer(cancelled_reply(cancelled, shop, now))

    async def _tell(self, booking: Booking) -> None:
        """The reply confirms it: no other text needs to."""
        try:
            await self._texts.withdraw_text(
                booking.location_id, booking.booking_id, booking.revision, now=self._clock()
            )
        except StoreError as why:  # they are told twice, which is no harm
            logger.warning("sms: the text about {} is not withdrawn: {}", booking.booking_id, why)
        self._bus.publish(BookingChanged(at=self._clock(), location_id=booking.location_id, booking=booking))

    def _shop(self, number: str) -> Shop | None:
        e164 = _e164(number)
        return None if e164 is None else self._knowledge.shop_for_number(e164)


def sms_router(desk: ReplyDesk, signatures: Signatures) -> APIRouter:
    """POST /sms."""
    router = APIRouter()
    signed = Depends(signed_forms(signatures, "MessageSid", "not_a_message"))

    @router.post("/sms")
    async def sms(request: Request, form: Form = signed) -> Response:
        cookie = request.cookies.get(COOKIE, "")
        try:
            answer = await desk.answer(form, [unquote(one) for one in cookie.split(".") if one])
        except StoreError as why:
            # Nobody waits for words. Twilio notes the failure, and blocks the number by itself all the same.
            logger.error("sms {}: {}", field(form, "MessageSid"), why)
            raise RequestRefused(503, why.code, "The opt-out could not be stored.") from why
        response = twiml(text_twiml(answer.words))
        if answer.offered:
            value = ".".join(quote(one, safe="").replace(".", "%2E") for one in answer.offered)
            response.set_cookie(COOKIE, value, max_age=COOKIE_S, path="/sms", httponly=True, secure=True)
        return response

    return router


def _e164(number: str) -> str | None:
    try:
        return to_e164(number)
    except ValueError:
        return None
