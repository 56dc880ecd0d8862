"""Twilio's caller side: rings our webhook, obeys its TwiML, and talks and listens over the media socket."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp
from twilio.request_validator import RequestValidator
from yarl import URL

from agent.emulators.cartesia import Rendering
from agent.emulators.faults import Moment
from agent.emulators.line import Line
from agent.emulators.media_socket import MediaSocket, Signing, open_media_socket
from agent.emulators.messages import segments
from agent.emulators.phrasebook import Phrasebook
from agent.emulators.report import CallReport
from agent.emulators.scenario import Scenario
from agent.emulators.twilio import PhoneCall, TwilioRest
from agent.emulators.twiml import parse_twiml


@dataclass(frozen=True)
class Answer:
    """What a webhook answered."""

    status: int
    text: str


class Caller:
    """Everybody who phones one server. Use as an async context manager; calls may run at the same time."""

    def __init__(
        self,
        *,
        server_url: str,
        public_url: str,
        rest: TwilioRest,
        phrasebook: Phrasebook,
        renderings: Sequence[Rendering] = (),
        reached: Callable[[Moment], None] = lambda _: None,
    ) -> None:
        """`renderings`: what the emulated voice said lately, for who wants to interrupt at a word. `reached` is told
        when a call comes to one of its moments."""
        self.renderings = renderings
        self.reached = reached
        self.server_url = server_url.rstrip("/")
        self.public_url = public_url.rstrip("/")
        self.rest = rest
        self.phrasebook = phrasebook
        self._validator = RequestValidator(rest.auth_token)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Caller:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP client. Raises RuntimeError outside the context."""
        if self._session is None:
            raise RuntimeError("use the caller inside `async with`")
        return self._session

    async def call(
        self,
        scenario: Scenario,
        *,
        signing: Signing = "right",
        call_sid: str = "",
        line: Callable[[Caller, PhoneCall, Scenario, Signing], Line] = Line,
    ) -> CallReport:
        """Play a scenario from ringing to the end. Failures are in the report, not raised."""
        sid = call_sid or "CA" + uuid.uuid4().hex
        state = PhoneCall(sid, scenario.caller, scenario.to)
        self.rest.calls[sid] = state
        return await line(self, state, scenario, signing).run()

    def form(self, call_sid: str, *, to: str, caller: str, status: str = "ringing", **more: str) -> dict[str, str]:
        """The fields that Twilio posts to a voice webhook."""
        return {
            "Called": to,
            "ToState": "",
            "CallerCountry": "US",
            "Direction": "inbound",
            "CallerState": "NY",
            "ToZip": "",
            "CallSid": call_sid,
            "To": to,
            "CallerZip": "",
            "ToCountry": "US",
            "CalledZip": "",
            "ApiVersion": "2010-04-01",
            "CalledCity": "",
            "CallStatus": status,
            "From": caller,
            "AccountSid": self.rest.account_sid,
            "CalledCountry": "US",
            "CallerCity": "NEW YORK CITY",
            "ToCity": "",
            "FromCountry": "US",
            "Caller": caller,
            "FromCity": "NEW YORK CITY",
            "CalledState": "",
            "FromZip": "",
            "FromState": "NY",
            **more,
        }

    async def text(self, sender: str, to: str, body: str, *, path: str = "/sms", signing: Signing = "right") -> Answer:
        """Send a text to a number of the account: the webhook is asked, and its reply is kept as Twilio would.

        Twilio's own words (STOP, CANCEL, START …) block and unblock before it asks.
        """
        texts, pair = self.rest.texts, (to, sender)
        texts.heed(to, sender, body)
        message = texts.add("inbound", sender, to, body)
        jar = texts.cookies.setdefault(pair, {})
        answer = await self.post(path, self.text_form(message["sid"], sender, to, body), signing=signing, cookies=jar)
        if answer.status == 200:
            for verb in parse_twiml(answer.text):
                if verb.name == "Message" and texts.refusal(to, sender, verb.text) is None:
                    texts.add("outbound-reply", to, sender, verb.text)
        return answer

    def text_form(self, sid: str, sender: str, to: str, body: str, **more: str) -> dict[str, str]:
        """The fields that Twilio posts to a messaging webhook."""
        return {
            "ToCountry": "US",
            "ToState": "",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "ToCity": "",
            "FromZip": "",
            "SmsSid": sid,
            "FromState": "NY",
            "SmsStatus": "received",
            "FromCity": "NEW YORK CITY",
            "Body": body,
            "FromCountry": "US",
            "To": to,
            "ToZip": "",
            "NumSegments": str(segments(body)),
            "MessageSid": sid,
            "AccountSid": self.rest.account_sid,
            "From": sender,
            "ApiVersion": "2010-04-01",
            **more,
        }

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        signing: Signing = "right",
        cookies: dict[str, str] | None = None,
    ) -> Answer:
        """POST a form to a path or public URL, signed over the public URL. Raises aiohttp.ClientError.

        `cookies` are sent, and changed by what is answered.
        """
        public = urljoin(self.public_url + "/", url)
        headers = {"User-Agent": "TwilioProxy/1.1", "Accept": "*/*", **self._sign(public, form, signing)}
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        here = URL(self.reachable(public), encoded=True)  # Twilio asks for what it has signed, letter for letter
        async with self.session.post(here, data=dict(form), headers=headers) as response:
            if cookies is not None:
                cookies.update({name: morsel.value for name, morsel in response.cookies.items()})
            return Answer(response.status, await response.text())

    async def open_media(
        self,
        url: str = "/media",
        *,
        call_sid: str | None = None,
        signing: Signing = "right",
        headers: Mapping[str, str] | None = None,
    ) -> MediaSocket:
        """Dial a media door as Twilio does. Raises aiohttp.ClientError when it does not open."""
        public = urljoin(self.public_url.replace("http", "ws", 1) + "/", url)
        return await open_media_socket(
            self.session,
            self.reachable(public),
            account_sid=self.rest.account_sid,
            call_sid=call_sid or "CA" + uuid.uuid4().hex,
            stream_sid="MZ" + uuid.uuid4().hex,
            headers={"User-Agent": "Twilio.TmeWs/1.0", **self._sign(public, {}, signing), **(headers or {})},
        )

    def _sign(self, url: str, form: Mapping[str, str], signing: Signing) -> dict[str, str]:
        if signing == "none":
            return {}
        signature = self._validator.compute_signature(url, dict(form))
        return {"X-Twilio-Signature": signature if signing == "right" else "wrong" + signature[5:]}

    def reachable(self, public: str) -> str:
        """Where a public address is on this machine; addresses of others stay as they are."""
        asked, ours, here = urlsplit(public), urlsplit(self.public_url), urlsplit(self.server_url)
        if asked.netloc != ours.netloc:
            return public
        secure = here.scheme in ("https", "wss")
        scheme = ("ws" if asked.scheme.startswith("ws") else "http") + ("s" if secure else "")
        return urlunsplit((scheme, here.netloc, here.path + asked.path, asked.query, ""))
