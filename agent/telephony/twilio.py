"""Twilio's own language: TwiML, request signatures, and the REST verbs of the `Telephone` port."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from starlette.datastructures import QueryParams as Form
from twilio.base.exceptions import TwilioException
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import Connect, Stream, VoiceResponse

from agent.errors import OutcomeUnknown, TelephonyError, TextRefused, TooManyRequests
from agent.telephony.rest import TwilioBusy

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


RING_S = 20
"""How long a person is rung before the caller may leave a message."""
MESSAGE_S = 120
"""How long a message may be."""


def dial_twiml(text: str, number: str, after_url: str) -> str:
    """Speak one sentence (or none), then ring a person; how that went is told to `after_url`."""
    response = VoiceResponse()
    if text:
        response.say(text, voice=VOICE)
    response.dial(number, action=after_url, method="POST", timeout=RING_S)
    return str(response)


def record_twiml(text: str, unheard_url: str, done_url: str, stored_url: str) -> str:
    """Speak one sentence and record what the caller says then.

    `done_url` is asked what comes next once they have finished or hung up, `stored_url` is told when the recording
    is stored at Twilio. When nothing was said neither is asked: Twilio asks `unheard_url` what comes next.
    """
    response = VoiceResponse()
    response.say(text, voice=VOICE)
    response.record(
        action=done_url,
        method="POST",
        max_length=MESSAGE_S,
        play_beep=True,
        finish_on_key="#",
        recording_status_callback=stored_url,
        recording_status_callback_method="POST",
    )
    response.redirect(unheard_url, method="POST")
    return str(response)


def wait_twiml(seconds: int, then_url: str, text: str = "") -> str:
    """Speak one sentence (or none), wait, and ask `then_url`."""
    response = VoiceResponse()
    if text:
        response.say(text, voice=VOICE)
    response.pause(length=seconds)
    response.redirect(then_url, method="POST")
    return str(response)


def text_twiml(text: str) -> str:
    """Answer a text with a text, or with none."""
    response = MessagingResponse()
    if text:
        response.message(text)
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


STOPPED = 21610
"""Twilio: the customer has answered STOP to this number."""
NO_SUCH_NUMBER = frozenset({21211, 21214, 21217, 21265, 21401, 21421, 21614})
"""Twilio: `To` is no phone number, or none that takes texts."""
QUEUE_FULL = 21611
"""Twilio: more texts wait at our number than it takes."""
NOT_LIVE = 21220
"""Twilio: the call that should change is not in progress."""
LOOKED_AT = 100
"""How many texts to one customer, newest first, a look goes through."""
CLOCKS_DIFFER = timedelta(minutes=5)


class TwilioTelephone:
    """The `Telephone` port on Twilio's REST API. `after_url` is asked how a transfer went."""

    def __init__(self, client: Client, after_url: str) -> None:
        self._client = client
        self._after_url = after_url

    async def hang_up(self, call_sid: str) -> None:
        """End a call. 404 (error 20404) means it is already over, which is what was wanted."""
        try:
            await self._client.calls(call_sid).update_async(status="completed")
        except TwilioException as why:
            if _status(why) != 404:
                raise _failure("hang-up", why) from why

    async def transfer(self, call_sid: str, to: str, *, announce: str = "") -> None:
        """Ring `to` instead of what the call is doing. Raises TelephonyError, call_over when nobody is there."""
        try:
            await self._client.calls(call_sid).update_async(twiml=dial_twiml(announce, to, self._after_url))
        except TwilioException as why:
            if _status(why) == 404 or _code(why) == NOT_LIVE:
                raise TelephonyError("call_over", f"call {call_sid} is not on the line any more") from why
            raise _failure("transfer", why) from why

    async def send_text(self, *, sender: str, to: str, body: str) -> str:
        """Send a text; returns its MessageSid. See `Telephone.send_text` for what is raised."""
        try:
            message = await self._client.messages.create_async(to=to, from_=sender, body=body)
        except TwilioException as why:
            raise _text_failure(why) from why
        except ValueError as why:  # an answer that is no JSON
            raise OutcomeUnknown("twilio_odd_answer", f"sending a text: {why}") from why
        if not message.sid:
            raise OutcomeUnknown("twilio_odd_answer", "Twilio's answer to a text names no message")
        return message.sid

    async def find_text(self, *, sender: str, to: str, containing: str, since: datetime) -> str | None:
        """The MessageSid of the newest text created after `since` with these words, or None. Raises TelephonyError.

        Not filtered by Twilio's DateSent: a text that is accepted and still queued has none.
        """
        try:
            messages = await self._client.messages.list_async(to=to, from_=sender, limit=LOOKED_AT)
        except (TwilioException, ValueError) as why:
            raise _failure("looking for a text", why) from why
        oldest = since - CLOCKS_DIFFER
        for message in messages:
            created = message.date_created
            if containing in (message.body or "") and (created is None or _aware(created) >= oldest):
                return message.sid
        return None


def _text_failure(why: TwilioException) -> TelephonyError:
    status, code = _status(why), _code(why)
    if isinstance(why, TwilioBusy):
        return TooManyRequests("twilio_429", "sending a text: Twilio is asked for too much", why.retry_after_s)
    if code == QUEUE_FULL:
        return TooManyRequests("twilio_21611", "sending a text: too many wait at our number")
    if status is None or status >= 500:
        return OutcomeUnknown(f"twilio_{status}" if status else "twilio_unreachable", f"sending a text: {why}")
    if code == STOPPED:
        return TextRefused("text_stopped", "The customer wants no texts of this number.")
    if code in NO_SUCH_NUMBER:
        return TextRefused("text_number_invalid", f"The number takes no texts (error {code}).")
    if status == 400:
        return TextRefused(f"twilio_{code}", f"Twilio refused the text: {why}")
    return TelephonyError(f"twilio_{status}", f"sending a text: {why}")


def _failure(what: str, why: TwilioException | ValueError) -> TelephonyError:
    status = _status(why)
    return TelephonyError(f"twilio_{status}" if status else "twilio_unreachable", f"{what} failed: {why}")


def _status(why: Exception) -> int | None:
    """Refusals carry their HTTP status, in whichever of Twilio's error formats; silence carries none.

    Of a list that was refused the package tells only by the response inside a plain TwilioException.
    """
    listed = next((part.status_code for part in why.args if isinstance(part, Response)), None)
    return getattr(why, "status", listed)


def _code(why: Exception) -> int | None:
    return getattr(why, "code", None)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
