"""Twilio's REST API as far as a receptionist needs it. Its caller's side is `caller.py`."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web

from agent.emulators.messages import Texts
from agent.emulators.vendor import Json, Vendor

_VERSION = "2010-04-01"
_MESSAGES = {
    20003: "Authenticate",
    20404: "The requested resource {path} was not found",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    21220: "Call is not in-progress. Cannot redirect.",
    21211: "The 'To' number {to} is not a valid phone number.",
    21602: "Message body is required.",
    21604: "A 'To' phone number is required.",
    21610: "Attempt to send to unsubscribed recipient",
    21614: "'To' number {to} is not a valid mobile number",
}
_STATUS = {401: 20003, 404: 20404, 429: 20429}


@dataclass
class PhoneCall:
    """A call as Twilio keeps it. `on_update` hears REST changes: the form of each update."""

    sid: str
    from_: str
    to: str
    status: str = "ringing"
    on_update: Callable[[dict[str, str]], None] | None = None
    updates: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


@dataclass
class Number:
    """A phone number of the account, with where its calls and messages go."""

    phone_number: str
    sid: str
    settings: dict[str, str] = field(default_factory=dict[str, str])


class TwilioRest(Vendor):
    """The REST API of one account. `requests` holds forms; `calls`, `numbers`, `texts` and `recordings` (mu-law by
    RecordingSid) are its state."""

    name = "twilio"

    def __init__(self, account_sid: str, auth_token: str) -> None:
        super().__init__()
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.calls: dict[str, PhoneCall] = {}
        self.numbers: dict[str, Number] = {}
        self.texts = Texts(account_sid)
        self.recordings: dict[str, bytes] = {}

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_number(self, phone_number: str) -> Number:
        """Give the account a phone number (E.164)."""
        number = Number(phone_number, "PN" + uuid.uuid4().hex)
        self.numbers[number.sid] = number
        return number

    def routes(self) -> list[web.RouteDef]:
        account = f"/{_VERSION}/Accounts/{self.account_sid}"
        return [
            web.get(account + "/Calls/{sid}.json", self._call),
            web.post(account + "/Calls/{sid}.json", self._call),
            web.get(account + "/IncomingPhoneNumbers.json", self._list_numbers),
            web.get(account + "/IncomingPhoneNumbers/{sid}.json", self._number),
            web.post(account + "/IncomingPhoneNumbers/{sid}.json", self._number),
            web.post(account + "/Messages.json", self._send_message),
            web.get(account + "/Messages.json", self._list_messages),
            web.get(account + "/Messages/{sid}.json", self._message),
            web.get(account + ".json", self._account),
            web.route("*", "/{anything:.*}", self._nothing),
        ]

    def refusal(self, status: int, request: web.Request) -> web.Response:
        return self._error(status, _STATUS.get(status, 20500), request)

    def _error(self, status: int, code: int, request: web.Request, to: str = "") -> web.Response:
        body = {
            "code": code,
            "message": _MESSAGES[code].format(path=request.path, to=to),
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }
        return web.json_response(body, status=status)

    async def _form(self, request: web.Request) -> dict[str, str] | None:
        """The form of an authentic request; None when the credentials are wrong."""
        expected = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            return None
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append({"method": request.method, "path": request.path, **form})
        return form

    @property
    def messages(self) -> list[Json]:
        """Every text of the account as Twilio keeps it, oldest first."""
        return self.texts.messages

    async def _nothing(self, request: web.Request) -> web.Response:
        return self.refusal(401 if await self._form(request) is None else 404, request)

    async def _account(self, request: web.Request) -> web.Response:
        if await self._form(request) is None:
            return self.refusal(401, request)
        return web.json_response({"sid": self.account_sid, "status": "active", "type": "Full"})

    async def _call(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        if form is None:
            return self.refusal(401, request)
        call = self.calls.get(request.match_info["sid"])
        if call is None:
            return self.refusal(404, request)
        if request.method == "POST":
            if call.status == "completed" and ("Twiml" in form or "Url" in form):
                return self._error(400, 21220, request)
            call.updates.append(form)
            if form.get("Status") in ("completed", "canceled"):
                call.status = "completed"
            if call.on_update is not None:  # after the answer is on its way, as over a real distance
                asyncio.get_running_loop().call_soon(call.on_update, form)
        return web.json_response(self._call_resource(call))

    def _call_resource(self, call: PhoneCall) -> Json:
        return {
            "sid": call.sid,
            "date_created": _now(),
            "date_updated": _now(),
            "parent_call_sid": None,
            "account_sid": self.account_sid,
            "to": call.to,
            "from": call.from_,
            "phone_number_sid": None,
            "status": call.status,
            "start_time": _now(),
            "end_time": _now() if call.status == "completed" else None,
            "duration": None,
            "direction": "inbound",
            "answered_by": None,
            "api_version": _VERSION,
            "uri": f"/{_VERSION}/Accounts/{self.account_sid}/Calls/{call.sid}.json",
        }

    async def _list_numbers(self, request: web.Request) -> web.Response:
        if await self._form(request) is None:
            return self.refusal(401, request)
        wanted = request.query.get("PhoneNumber", "")
        found = [self._number_resource(n) for n in self.numbers.values() if wanted in n.phone_number]
        uri = f"/{_VERSION}/Accounts/{self.account_sid}/IncomingPhoneNumbers.json?PageSize=50&Page=0"
        page = {
            "incoming_phone_numbers": found,
            "first_page_uri": uri,
            "next_page_uri": None,
            "previous_page_uri": None,
            "start": 0,
            "end": max(0, len(found) - 1),
            "page": 0,
            "page_size": 50,
            "uri": uri,
        }
        return web.json_response(page)

    async def _number(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        if form is None:
            return self.refusal(401, request)
        number = self.numbers.get(request.match_info["sid"])
        if number is None:
            return self.refusal(404, request)
        if request.method == "POST":
            number.settings |= form
        return web.json_response(self._number_resource(number))

    def _number_resource(self, number: Number) -> Json:
        return {
            "sid": number.sid,
            "account_sid": self.account_sid,
            "friendly_name": number.phone_number,
            "phone_number": number.phone_number,
            "voice_url": number.settings.get("VoiceUrl", ""),
            "voice_method": number.settings.get("VoiceMethod", "POST"),
            "sms_url": number.settings.get("SmsUrl", ""),
            "sms_method": number.settings.get("SmsMethod", "POST"),
            "status_callback": number.settings.get("StatusCallback", ""),
            "status_callback_method": number.settings.get("StatusCallbackMethod", "POST"),
            "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
            "date_created": _now(),
            "date_updated": _now(),
            "api_version": _VERSION,
            "uri": f"/{_VERSION}/Accounts/{self.account_sid}/IncomingPhoneNumbers/{number.sid}.json",
        }

    async def _send_message(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        if form is None:
            return self.refusal(401, request)
        to, body = form.get("To", ""), form.get("Body", "")
        code = self.texts.refusal(form.get("From", ""), to, body)
        if code is not None:
            return self._error(400, code, request, to)
        message = self.texts.add("outbound-api", form.get("From", ""), to, body)
        return web.json_response(message, status=201)

    async def _list_messages(self, request: web.Request) -> web.Response:
        if await self._form(request) is None:
            return self.refusal(401, request)
        size, page = (int(request.query.get(name, usual)) for name, usual in (("PageSize", "50"), ("Page", "0")))
        found = self.texts.found(request.query)
        return web.json_response(self.texts.page(found, size, page, request.query))

    async def _message(self, request: web.Request) -> web.Response:
        if await self._form(request) is None:
            return self.refusal(401, request)
        found = [message for message in self.messages if message["sid"] == request.match_info["sid"]]
        return web.json_response(found[0]) if found else self.refusal(404, request)


def _now() -> str:
    return format_datetime(datetime.now(UTC))
