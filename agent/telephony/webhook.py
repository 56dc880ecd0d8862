"""What Twilio asks over HTTP: who answers a call, how calls ended, what to do when the stream is over.

Every answer is TwiML with status 200 unless the request is not Twilio's (403) or not a call (400): a
caller must never hear Twilio's own "an application error has occurred".
"""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import QueryParams as Form

from agent.access import TicketBook
from agent.call import Services
from agent.errors import ChairsideError
from agent.events import CallRefused
from agent.model import Caller, Shop, to_e164
from agent.telephony.twilio import Signatures, connect_twiml, dial_twiml, hang_up_twiml, say_twiml

MAX_FORM_BYTES = 64 * 1024
FINAL_STATUSES = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})

UNKNOWN_NUMBER = "Sorry, this number is not in service yet. Please check the number and call again. Goodbye."
NO_ROOM = "Sorry, all our lines are busy right now. Please call again in a few minutes. Goodbye."
TROUBLE = "Sorry, we are having trouble on the line. Please hold while I connect you to the salon."
TROUBLE_ALONE = "Sorry, we are having trouble on the line. Please call again in a few minutes. Goodbye."
NOBODY_FREE = "Sorry, nobody can come to the phone right now. Please call again later. Goodbye."


def voice_router(services: Services, signatures: Signatures, tickets: TicketBook) -> APIRouter:
    """POST /voice, /voice/status and /voice/after."""
    router = APIRouter(prefix="/voice")

    async def twilio_form(request: Request) -> Form:
        return await _signed_form(request, signatures)

    signed = Depends(twilio_form)

    @router.post("")
    async def answer(form: Form = signed) -> Response:
        return _twiml(await _answer(form, services, tickets))

    @router.post("/status")
    async def status(form: Form = signed) -> Response:
        if _text(form, "CallStatus") in FINAL_STATUSES:
            await services.switchboard.stop(_text(form, "CallSid"), "caller_hung_up")
        return Response(status_code=204)

    @router.post("/after")
    async def after(form: Form = signed) -> Response:
        return _twiml(_after(form, services))

    return router


async def _answer(form: Form, services: Services, tickets: TicketBook) -> str:
    """The phone rings until we answer, so what a call may need anew is fetched here, within bounds."""
    caller, called, call_sid = (_text(form, name) for name in ("From", "To", "CallSid"))
    shop = await _shop_ringing(called, services)
    if shop is None:
        return _refuse(services, form, "unknown_number", UNKNOWN_NUMBER)
    if not services.switchboard.has_room():
        if shop.transfer_to is not None:
            _refuse(services, form, "no_room", NO_ROOM)
            return dial_twiml(TROUBLE, shop.transfer_to, _url(services, "/voice/after"))
        return _refuse(services, form, "no_room", NO_ROOM)
    await services.phrases.make_ready_to_greet(shop, services.settings.greeting_wait_ms / 1000)
    who = Caller(
        call_sid=call_sid,
        location_id=shop.location_id,
        shop_version=shop.version,
        caller=caller or "anonymous",
        called=shop.phone_number,
    )
    return connect_twiml(
        "ws" + _url(services, "/media").removeprefix("http"),
        {"ticket": tickets.issue(who)},
        _url(services, "/voice/after"),
    )


def _after(form: Form, services: Services) -> str:
    """The stream is over. A call that did not end in this process lost its own."""
    dialled = _text(form, "DialCallStatus")
    if dialled:
        return hang_up_twiml() if dialled in ("completed", "answered") else say_twiml(NOBODY_FREE)
    if _text(form, "CallStatus") in FINAL_STATUSES:
        return hang_up_twiml()
    if services.switchboard.ending_of(_text(form, "CallSid")) == "agent_hung_up":
        return hang_up_twiml()
    shop = _shop_called(_text(form, "To"), services)
    if shop is None or shop.transfer_to is None:
        return say_twiml(TROUBLE_ALONE)
    return dial_twiml(TROUBLE, shop.transfer_to, _url(services, "/voice/after"))


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


class RequestRefused(ChairsideError):
    """An HTTP request that is not answered; `status` is the HTTP status."""

    stage = "telephony"

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = status


def refusal(_: Request, why: Exception) -> Response:
    """The HTTP answer to a `RequestRefused`."""
    assert isinstance(why, RequestRefused)  # noqa: S101 - registered for this class only
    return JSONResponse({"error": {"code": why.code, "message": why.message}}, status_code=why.status)


async def _signed_form(request: Request, signatures: Signatures) -> Form:
    """The form of a request that Twilio signed. Raises RequestRefused (403, 400 or 413)."""
    form = Form(await _body(request))
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if not signatures.is_good(target, form, request.headers.get("x-twilio-signature")):
        raise RequestRefused(403, "bad_signature", "The request is not signed by Twilio for this URL.")
    if not _text(form, "CallSid"):
        raise RequestRefused(400, "not_a_call", "The form names no CallSid.")
    return form


async def _body(request: Request) -> str:
    """The body as text, read no further than it may be long: nobody has proved to be Twilio yet."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise RequestRefused(413, "form_too_large", f"A form holds at most {MAX_FORM_BYTES} bytes.")
    return body.decode("utf-8", "replace")


def _text(form: Form, name: str) -> str:
    return form.get(name, "").strip()


def _url(services: Services, path: str) -> str:
    return services.settings.public_url + path


def _twiml(document: str) -> Response:
    return Response(document, media_type="text/xml")
