"""What Twilio posts: a form, signed over the public URL, and no longer than it may be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import QueryParams as Form

from agent.errors import ChairsideError
from agent.telephony.twilio import Signatures

MAX_FORM_BYTES = 64 * 1024


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


def signed_forms(signatures: Signatures, name: str, otherwise: str) -> Callable[[Request], Awaitable[Form]]:
    """A FastAPI dependency: the form of a request that Twilio signed and that has a field `name`.

    It raises RequestRefused: 403 bad_signature, 413 form_too_large, 400 with the code `otherwise`.
    """

    async def signed_form(request: Request) -> Form:
        form = Form(await _body(request))
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if not signatures.is_good(target, form, request.headers.get("x-twilio-signature")):
            raise RequestRefused(403, "bad_signature", "The request is not signed by Twilio for this URL.")
        if not field(form, name):
            raise RequestRefused(400, otherwise, f"The form names no {name}.")
        return form

    return signed_form


def field(form: Form, name: str) -> str:
    """A field of the form, or ""."""
    return form.get(name, "").strip()


def twiml(document: str) -> Response:
    """TwiML as an HTTP answer."""
    return Response(document, media_type="text/xml")


async def _body(request: Request) -> str:
    """The body as text, read no further than it may be long: nobody has proved to be Twilio yet."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise RequestRefused(413, "form_too_large", f"A form holds at most {MAX_FORM_BYTES} bytes.")
    return body.decode("utf-8", "replace")
