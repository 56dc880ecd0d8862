"""Pointing a Twilio phone number at this house."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.api.v2010.account.incoming_phone_number import IncomingPhoneNumberInstance

from agent.errors import TelephonyError
from agent.settings import Settings
from agent.telephony.rest import VENDOR_URL, rest_client


@dataclass(frozen=True)
class ConnectedNumber:
    """A phone number, and where its calls and texts now go."""

    phone_number: str
    voice_url: str
    status_url: str
    sms_url: str


async def connect_number(settings: Settings, number: str) -> ConnectedNumber:
    """Set the voice, status and SMS URLs of `number` (E.164) in the Twilio account. Safe to repeat.

    Raises TelephonyError: no keys, a PUBLIC_URL Twilio cannot reach, a number the account does not own, or
    a refusal.
    """
    _require_reachable(settings)
    target = ConnectedNumber(
        phone_number=number,
        voice_url=f"{settings.public_url}/voice",
        status_url=f"{settings.public_url}/voice/status",
        sms_url=f"{settings.public_url}/sms",
    )
    try:
        async with rest_client(settings) as client:
            await _point(await _find(client, number), target)
    except (TwilioException, ValueError) as why:  # ValueError: an answer that is no JSON
        raise _failure(number, why) from why
    return target


async def _find(client: Client, number: str) -> IncomingPhoneNumberInstance:
    found = await client.incoming_phone_numbers.list_async(phone_number=number, limit=20)
    for candidate in found:  # the filter also matches patterns
        if candidate.phone_number == number:
            return candidate
    raise TelephonyError("number_not_owned", f"The Twilio account does not own {number}.")


async def _point(number: IncomingPhoneNumberInstance, target: ConnectedNumber) -> None:
    await number.update_async(
        voice_url=target.voice_url,
        voice_method="POST",
        status_callback=target.status_url,
        status_callback_method="POST",
        sms_url=target.sms_url,
        sms_method="POST",
    )


def _failure(number: str, why: TwilioException | ValueError) -> TelephonyError:
    """The package tells a refusal of a list only by the response inside a plain TwilioException."""
    if isinstance(why, TwilioRestException | TwilioServiceException):
        return TelephonyError(f"twilio_{why.status}", f"Twilio refused {number} (error {why.code}).")
    for answer in why.args:
        if isinstance(answer, Response):
            return TelephonyError(
                f"twilio_{answer.status_code}", f"Twilio refused to look for {number}: {answer.text[:200]}"
            )
    return TelephonyError("twilio_unreachable", f"Twilio could not be reached: {why}")


def _require_reachable(settings: Settings) -> None:
    if not settings.twilio_account_sid or not settings.twilio_auth_token.get_secret_value():
        raise TelephonyError("twilio_keys_missing", "Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN first.")
    url = urlsplit(settings.public_url)
    if settings.twilio_base_url == VENDOR_URL and (url.scheme != "https" or _is_local(url.hostname or "")):
        raise TelephonyError(
            "public_url_unreachable",
            f"PUBLIC_URL is {settings.public_url}; Twilio needs an https address it can reach from outside.",
        )


def _is_local(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host in ("", "localhost") or "." not in host or host.endswith((".local", ".localhost"))
