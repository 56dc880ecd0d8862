"""Twilio's REST client on our own HTTP client: base URL from settings, bounded waits, no thread."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from logging import getLogger
from typing import cast

import httpx
from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from agent.settings import Settings

VENDOR_URL = "https://api.twilio.com"
"""What the twilio package puts before every path; it has no setting for it."""

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
"""Seconds. Hanging up is asked for at the end of a call: nobody should wait longer than this for it."""


class TwilioBusy(TwilioException):
    """HTTP 429. The package forgets the headers of what is refused, and with them how long to wait."""

    status = 429

    def __init__(self, answer: Response, retry_after_s: float | None) -> None:
        super().__init__("Twilio is asked for too much at once", answer)
        self.retry_after_s = retry_after_s


@asynccontextmanager
async def rest_client(settings: Settings) -> AsyncGenerator[Client]:
    """A Twilio client for `settings`, open while the context is. Use its `..._async` methods only.

    Every failure is a TwilioException: a TwilioRestException when Twilio refused to change something, a plain
    one when it refused to list something or did not answer.
    """
    http = _HouseHttpClient(settings.twilio_base_url)
    try:
        yield Client(
            settings.twilio_account_sid or "none",
            settings.twilio_auth_token.get_secret_value() or "none",
            http_client=http,
            environment={"": ""},  # settings were read once; the package must not read the environment again
        )
    finally:
        await http.close()


class _HouseHttpClient(AsyncHttpClient):
    """Carries the twilio package's requests to `base_url`, whatever host they name."""

    def __init__(self, base_url: str) -> None:
        super().__init__(getLogger("twilio.rest"), is_async=True)
        self._base_url = base_url
        self._http = httpx.AsyncClient(timeout=TIMEOUT)

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request. Raises TwilioException when no answer comes."""
        if not uri.startswith(VENDOR_URL):
            raise TwilioException(f"{uri} is no address of {VENDOR_URL}, the only one this house uses")
        url = self._base_url + uri.removeprefix(VENDOR_URL)
        try:
            answer = await self._http.request(
                method.upper(),
                url,
                params=_sendable(params),
                data=_sendable(data),
                headers=dict(headers or {}),
                auth=auth,
                timeout=TIMEOUT if timeout is None else timeout,
                follow_redirects=allow_redirects,
            )
        except httpx.HTTPError as why:
            raise TwilioException(f"{self._base_url} did not answer: {why or type(why).__name__}") from why
        if answer.is_success and answer.content and not _is_json(answer):
            raise TwilioException(f"{self._base_url} answered what is not JSON")
        response = Response(answer.status_code, answer.text, dict(answer.headers))
        if answer.status_code == TwilioBusy.status:
            raise TwilioBusy(response, _seconds(answer.headers.get("retry-after", "")))
        return response

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _is_json(answer: httpx.Response) -> bool:
    """The package reads what was done without looking, and fails with an error of its own."""
    try:
        answer.json()
    except ValueError:
        return False
    return True


def _seconds(retry_after: str) -> float | None:
    """Twilio gives seconds; the other form of the header, a date, is left to our own patience."""
    return float(retry_after) if retry_after.isdecimal() else None


def _sendable(fields: Mapping[str, object] | None) -> dict[str, str | list[str]] | None:
    """Form fields as httpx takes them; the package hands over numbers, booleans and lists as they are."""
    if not fields:
        return None
    return {
        name: [str(item) for item in cast("list[object]", value)] if isinstance(value, list) else str(value)
        for name, value in fields.items()
        if value is not None
    }
