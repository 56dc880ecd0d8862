"""The texts of a Twilio account: what was sent and received, who wants none, which numbers take none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal
from urllib.parse import urlencode

from agent.emulators.vendor import Json

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
"""Twilio blocks after any of these as the only word of a text, and passes the text on all the same."""
START_WORDS = frozenset({"START", "YES", "UNSTOP"})

Direction = Literal["inbound", "outbound-api", "outbound-reply"]


class Texts:
    """Resources as Twilio's Messages API gives them, oldest first; `landlines` take no texts."""

    def __init__(self, account_sid: str) -> None:
        self._account_sid = account_sid
        self.messages: list[Json] = []
        self.landlines: set[str] = set()
        self.stopped: set[tuple[str, str]] = set()
        """(our number, customer's number): who has answered STOP to whom."""
        self.cookies: dict[tuple[str, str], dict[str, str]] = {}
        """What the webhook has set for a pair of numbers."""

    def refusal(self, sender: str, to: str, body: str) -> int | None:
        """The number of Twilio's error for a text that it does not accept, or None."""
        if not to:
            return 21604
        if not re.fullmatch(r"\+[1-9][0-9]{6,14}", to):
            return 21211
        if to in self.landlines:
            return 21614
        if (sender, to) in self.stopped:
            return 21610
        return None if body else 21602

    def add(self, direction: Direction, sender: str, to: str, body: str) -> Json:
        """Keep a text; returns its resource."""
        sid, now = "SM" + uuid.uuid4().hex, format_datetime(datetime.now(UTC))
        uri = f"/2010-04-01/Accounts/{self._account_sid}/Messages/{sid}"
        message: Json = {
            "body": body,
            "num_segments": str(segments(body)),
            "direction": direction,
            "from": sender,
            "to": to,
            "date_updated": now,
            "price": None,
            "error_message": None,
            "uri": f"{uri}.json",
            "account_sid": self._account_sid,
            "num_media": "0",
            "status": "received" if direction == "inbound" else "queued",
            "messaging_service_sid": None,
            "sid": sid,
            "date_sent": now if direction == "inbound" else None,
            "date_created": now,
            "error_code": None,
            "price_unit": "USD",
            "api_version": "2010-04-01",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }
        self.messages.append(message)
        return message

    def sent_to(self, number: str) -> list[str]:
        """The bodies of all texts on the phone with this number, oldest first."""
        return [at["body"] for at in self.messages if at["to"] == number and at["direction"] != "inbound"]

    def found(self, query: Mapping[str, str]) -> list[Json]:
        """Those a list with these filters shows, newest first. One not sent yet has no DateSent to be found by."""
        found = [
            message
            for message in reversed(self.messages)
            if query.get("To", message["to"]) == message["to"] and query.get("From", message["from"]) == message["from"]
        ]
        if any(name.startswith("DateSent") for name in query):
            found = [message for message in found if message["date_sent"] is not None]
        return found

    def page(self, found: list[Json], size: int, page: int, query: Mapping[str, str]) -> Json:
        """One page of a list, in Twilio's envelope."""
        path = f"/2010-04-01/Accounts/{self._account_sid}/Messages.json"
        kept = {name: value for name, value in query.items() if name not in ("Page", "PageSize", "PageToken")}

        def uri(at: int) -> str:
            return f"{path}?{urlencode({**kept, 'PageSize': size, 'Page': at})}"

        shown = found[page * size : (page + 1) * size]
        return {
            "messages": shown,
            "first_page_uri": uri(0),
            "next_page_uri": uri(page + 1) if (page + 1) * size < len(found) else None,
            "previous_page_uri": uri(page - 1) if page else None,
            "start": page * size,
            "end": max(page * size, page * size + len(shown) - 1),
            "page": page,
            "page_size": size,
            "uri": uri(page),
        }

    def heed(self, ours: str, customer: str, body: str) -> None:
        """Block or unblock a customer who sends one of Twilio's own words."""
        word = body.strip().upper()
        if word in STOP_WORDS:
            self.stopped.add((ours, customer))
        elif word in START_WORDS:
            self.stopped.discard((ours, customer))


_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("^{}\\[~]|€")


def segments(body: str) -> int:
    """How many messages on the air a text takes (3GPP TS 23.038 and 23.040)."""
    if all(sign in _GSM or sign in _GSM_TWICE for sign in body):
        length, one, many = sum(2 if sign in _GSM_TWICE else 1 for sign in body), 160, 153
    else:
        length, one, many = len(body.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= one else -(-length // many)
