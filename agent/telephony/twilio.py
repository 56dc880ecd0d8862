"""Twilio's own language: TwiML, request signatures, and the REST verbs of the `Telephone` port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from starlette.datastructures import QueryParams as Form
from twilio.base.exceptions import TwilioException
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.voice_response import Connect, Stream, VoiceResponse

from agent.errors import TelephonyError

VOICE = "Polly.Joanna"
"""Twilio's own voice, for the few words said when ours cannot be used."""


def connect_twiml(stream_url: str, parameters: Mapping[str, str], after_url: str) -> str:
    """Hand the call to our media socket; when the stream ends, Twilio asks `after_url`."""
    response, connect, stream = VoiceResponse(), Connect(), Stream(url=stream_url)
    for name, value in parameters.items():
        stream.parameter(name=name, value=value)
    connect.append(stream)
    response.append(connect)
    response.redirect(after_url, method="POST")
    return str(response)


def say_twiml(text: str) -> str:
    """Speak one sentence and hang up."""
    response = VoiceResponse()
    response.say(text, voice=VOICE)
    response.hangup()
    return str(response)


def dial_twiml(text: str, number: str, after_url: str) -> str:
    """Speak one sentence, then ring a person; how that went is told to `after_url`."""
    response = VoiceResponse()
    response.say(text, voice=VOICE)
    response.dial(number, action=after_url, method="POST", timeout=20)
    return str(response)


def hang_up_twiml() -> str:
    response = VoiceResponse()
    response.hangup()
    return str(response)


class Signatures:
    """Checks `X-Twilio-Signature`, which Twilio makes over the public URL and the form (Twilio: Security)."""

    def __init__(self, auth_token: str, public_url: str) -> None:
        self._validator = RequestValidator(auth_token)
        self._public_url = public_url

    def is_good(self, path_and_query: str, form: Form, signature: str | None) -> bool:
        if not signature:
            return False
        url = self._public_url + path_and_query
        return cast(bool, self._validator.validate(url, form, signature))


class TwilioTelephone:
    """The `Telephone` port on Twilio's REST API."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def hang_up(self, call_sid: str) -> None:
        """End a call. 404 (error 20404) means it is already over, which is what was wanted."""
        try:
            await self._client.calls(call_sid).update_async(status="completed")
        except TwilioException as why:
            # Refusals carry their HTTP status, in whichever of Twilio's error formats; silence carries none.
            status: int | None = getattr(why, "status", None)
            if status == 404:
                return
            code = f"twilio_{status}" if status else "twilio_unreachable"
            raise TelephonyError(code, f"hang-up failed: {why}") from why
