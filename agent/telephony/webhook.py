"""What Twilio asks over HTTP: who answers a call, how calls ended, what to do when the stream is over.

Every answer is TwiML with status 200 unless the request is not Twilio's (403) or not a call (400): a
caller must never hear Twilio's own "an application error has occurred".
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from loguru import logger

from agent.access import TicketBook
from agent.call import Services
from agent.errors import ChairsideError, StoreError
from agent.events import CallRefused
from agent.knowledge.prompt import is_withheld
from agent.model import Caller, Message, Shop, to_e164
from agent.pace import Pace
from agent.telephony.forms import Form, signed_forms
from agent.telephony.forms import field as _text
from agent.telephony.forms import twiml as _twiml
from agent.telephony.text_words import missed_call
from agent.telephony.twilio import (
    Signatures,
    connect_twiml,
    dial_twiml,
    hang_up_twiml,
    record_twiml,
    say_twiml,
    wait_twiml,
)

FINAL_STATUSES = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})

UNKNOWN_NUMBER = "Sorry, this number is not in service yet. Please check the number and call again. Goodbye."
NO_ROOM = "Sorry, all our lines are busy right now. Please call again in a few minutes. Goodbye."
TOO_MANY = "Sorry, there were too many calls from your number. Please call again in a few minutes. Goodbye."
TROUBLE = "Sorry, we are having trouble on the line. Please hold while I connect you to the salon."
TROUBLE_ALONE = "Sorry, we are having trouble on the line. Please call again in a few minutes. Goodbye."
NOBODY_FREE = "Sorry, nobody can come to the phone right now."
LEAVE_MESSAGE = "Please leave a message after the tone, and press the hash key when you are done."
TROUBLE_RECORD = "Sorry, we are having trouble on the line, and nobody can come to the phone."
UNHEARD = "I did not hear a message. Please call again later. Goodbye."
MESSAGE_KEPT = "Thank you. Your message is with the salon. Goodbye."
ONE_MOMENT = "One moment please, your message is being saved."
MESSAGE_LOST = "I am sorry, your message could not be saved. Please call again later. Goodbye."

TRANSFER_S = 8
"""How long a call that is being transferred waits for it, should Twilio ask us before it happens."""
RING_ON_S = 1
RINGS = 3
"""How often a call that meets a process on its way out is asked to ring again: by then another process is given it."""
TEXT_S = 1.5
"""How long the phone company has to take a text while the caller waits."""
SAVE_AGAIN_S = 3
SAVES = 3
"""How often a message is brought to a store that is away, while the caller waits."""


def voice_router(services: Services, signatures: Signatures, tickets: TicketBook, callers: Pace) -> APIRouter:
    """POST /voice, /voice/status, /voice/after and /voice/recording. `callers`: how often one number is answered."""
    router = APIRouter(prefix="/voice")
    signed = Depends(signed_forms(signatures, "CallSid", "not_a_call"))

    @router.post("")
    async def answer(request: Request, form: Form = signed) -> Response:
        rung = _count(request.query_params.get("rung", ""), 1)
        return _twiml(await _answer(form, services, tickets, callers, rung=rung))

    @router.post("/status")
    async def status(form: Form = signed) -> Response:
        if _text(form, "CallStatus") in FINAL_STATUSES:
            await services.switchboard.stop(_text(form, "CallSid"), "caller_hung_up")
        return Response(status_code=204)

    @router.post("/after")
    async def after(request: Request, form: Form = signed) -> Response:
        return _twiml(_after(form, services, waited="waited" in request.query_params))

    @router.post("/recording")
    async def recording(request: Request, form: Form = signed) -> Response:
        return _twiml(await _recorded(Form([*request.query_params.items(), *form.items()]), services))

    @router.post("/unheard")
    async def unheard(form: Form = signed) -> Response:
        await _text_missed(form, services)
        return _twiml(say_twiml(UNHEARD))

    @router.post("/recording/stored")
    async def stored(request: Request, form: Form = signed) -> Response:
        kept = await _keep(Form([*request.query_params.items(), *form.items()]), services)
        return Response(status_code=204 if kept else 503)

    return router


async def _answer(form: Form, services: Services, tickets: TicketBook, callers: Pace, *, rung: int) -> str:
    """The phone rings until we answer, so what a call may need anew is fetched here, within bounds.

    `rung`: how often this call has been here, with this time. A process that is about to stop lets it ring on, and
    whoever spreads calls over processes has noticed by then, or the next process has started.
    """
    caller, called, call_sid = (_text(form, name) for name in ("From", "To", "CallSid"))
    if services.switchboard.draining and rung < RINGS:
        return wait_twiml(RING_ON_S, _url(services, f"/voice?rung={rung + 1}"))
    shop = await _shop_ringing(called, services)
    if shop is None:
        return _refuse(services, form, "unknown_number", UNKNOWN_NUMBER)
    if not _may_call(caller, callers):
        return _refuse(services, form, "too_many_calls", TOO_MANY)
    if not services.switchboard.has_room():
        if shop.transfer_to is not None:
            _refuse(services, form, "no_room", NO_ROOM)
            return dial_twiml(TROUBLE, shop.transfer_to, _url(services, "/voice/after"))
        return _refuse(services, form, "no_room", NO_ROOM)
    if shop.transfer_to is not None and (ill := services.speech.ill_vendor):
        logger.warning("call {}: put through, because {} has failed the last calls", call_sid, ill)
        return dial_twiml(TROUBLE, shop.transfer_to, _url(services, "/voice/after"))
    await services.phrases.make_ready_to_greet(shop, services.settings.greeting_wait_ms / 1000)
    who = Caller(
        call_sid=call_sid,
        location_id=shop.location_id,
        shop_version=shop.version,
        caller=caller or "anonymous",
        called=shop.phone_number,
    )
    services.switchboard.expect(call_sid)
    return connect_twiml(
        "ws" + _url(services, "/media").removeprefix("http"),
        {"ticket": tickets.issue(who)},
        _url(services, "/voice/after"),
    )


def _after(form: Form, services: Services, *, waited: bool) -> str:
    """The stream is over, or a person was rung. A call that did not end in this process lost its own.

    A transfer replaces what Twilio was doing, so its end is asked for with DialCallStatus alone. Should the stream
    close before Twilio has heard of the transfer, it asks here first: then the caller waits for it, and is neither
    hung up on nor dialled for twice.
    """
    dialled, ending = _text(form, "DialCallStatus"), services.switchboard.ending_of(_text(form, "CallSid"))
    if _text(form, "CallStatus") in FINAL_STATUSES or dialled in ("completed", "answered"):
        return hang_up_twiml()
    if not dialled and ending in ("agent_hung_up", "operator_hung_up"):
        return hang_up_twiml()
    if not dialled and ending == "transferred" and not waited:
        return wait_twiml(TRANSFER_S, _url(services, "/voice/after?waited=1"))
    shop = _shop_called(_text(form, "To"), services)
    if shop is None:
        return say_twiml(TROUBLE_ALONE)
    if dialled or shop.transfer_to is None:
        return _take_message(form, NOBODY_FREE if dialled else TROUBLE_RECORD, services)
    return dial_twiml(TROUBLE, shop.transfer_to, _url(services, "/voice/after"))


def _take_message(form: Form, words: str, services: Services) -> str:
    """Let the caller leave a message. What Twilio says when it is stored names no numbers, so its URL does."""
    numbers = urlencode({"From": _text(form, "From"), "To": _text(form, "To")})
    return record_twiml(
        f"{words} {LEAVE_MESSAGE}",
        _url(services, "/voice/unheard"),
        _url(services, "/voice/recording"),
        _url(services, f"/voice/recording/stored?{numbers}"),
    )


async def _text_missed(form: Form, services: Services) -> None:
    """Nobody could be reached and no message was left: the caller is sent a text, as far as that can be done."""
    shop = _shop_called(_text(form, "To"), services)
    if shop is None or is_withheld(_text(form, "From")):
        return
    try:
        async with asyncio.timeout(TEXT_S):
            await services.telephone.send_text(
                sender=shop.phone_number, to=to_e164(_text(form, "From")), body=missed_call(shop)
            )
    except (ChairsideError, TimeoutError, ValueError) as why:
        logger.warning("call {}: no text about the missed call was sent: {!r}", _text(form, "CallSid"), why)


async def _recorded(form: Form, services: Services) -> str:
    """A message was spoken: keep it, and tell the caller the truth about that."""
    if not _recording_sid(form):
        return say_twiml(UNHEARD)
    if await _keep(form, services):
        return say_twiml(MESSAGE_KEPT)
    tries = _count(_text(form, "tries"), 1)
    if tries >= SAVES:
        return say_twiml(MESSAGE_LOST)
    again = {"RecordingSid": _recording_sid(form), "RecordingDuration": _text(form, "RecordingDuration")}
    query = urlencode({**again, "tries": tries + 1})
    return wait_twiml(SAVE_AGAIN_S, _url(services, f"/voice/recording?{query}"), ONE_MOMENT if tries == 1 else "")


async def _keep(form: Form, services: Services) -> bool:
    """Store a recorded message, once however often it is told. False: the store is away, and the log says where
    the recording is."""
    message = _message(form, services)
    if message is None:
        return True
    try:
        await services.calls.take_message(message)
    except StoreError as why:
        logger.error("call {}: a voice message is not stored ({}): {}", message.call_sid, why.code, message.text)
        return False
    return True


def _message(form: Form, services: Services) -> Message | None:
    """What a recording is to the shop's people; None when nobody spoke, or no shop was called."""
    sid, shop = _recording_sid(form), _shop_called(_text(form, "To"), services)
    seconds = _text(form, "RecordingDuration")[:6]
    if not sid or shop is None or _text(form, "RecordingStatus") not in ("", "completed") or seconds == "0":
        return None
    length = f", {int(seconds)} seconds" if seconds.isdecimal() else ""
    return Message(
        call_sid=_text(form, "CallSid"),
        location_id=shop.location_id,
        tool_call_id=sid,
        callback_number=_text(form, "From")[:40],
        text=f"Voice message{length}: {_text(form, 'RecordingUrl')[:1000] or _recording_url(sid, services)}",
        at=services.clock(),
    )


def _count(text: str, otherwise: int) -> int:
    """A small number that a URL of ours carries."""
    return int(text) if text.isdecimal() and len(text) < 3 else otherwise


def _recording_url(sid: str, services: Services) -> str:
    """Where Twilio keeps a recording."""
    settings = services.settings
    return f"{settings.twilio_base_url}/2010-04-01/Accounts/{settings.twilio_account_sid}/Recordings/{sid}"


def _recording_sid(form: Form) -> str:
    """Of the recording; its URL ends with it, too."""
    return (_text(form, "RecordingSid") or _text(form, "RecordingUrl").rsplit("/", 1)[-1])[:100]


def _may_call(number: str, callers: Pace) -> bool:
    """Withheld numbers are many people's, and always may."""
    try:
        return callers.allows(to_e164(number))
    except ValueError:
        return True


async def _shop_ringing(number: str, services: Services) -> Shop | None:
    """As the store has it now; whoever changed it, the next call knows."""
    try:
        return await services.knowledge.shop_called(to_e164(number))
    except ValueError:
        return None


def _shop_called(number: str, services: Services) -> Shop | None:
    try:
        return services.knowledge.shop_for_number(to_e164(number))
    except ValueError:
        return None


def _refuse(services: Services, form: Form, code: str, words: str) -> str:
    services.switchboard.refused[code] += 1
    services.bus.publish(
        CallRefused(
            at=services.clock(),
            call_sid=_text(form, "CallSid"),
            caller=_text(form, "From"),
            called=_text(form, "To"),
            code=code,
        )
    )
    return say_twiml(words)


def _url(services: Services, path: str) -> str:
    return services.settings.public_url + path
