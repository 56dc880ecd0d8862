"""Who may do what: tickets for media sockets, the operators' token and cookie.

Everything is signed with HMAC-SHA256 under SECRET_KEY, each purpose with a key of its own, so that one kind
of paper never passes for another. Moments are timezone-aware UTC.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from agent.errors import AccessError, SettingsError
from agent.model import Caller
from agent.settings import Settings

COOKIE_NAME = "chairside_operator"
COOKIE_LIFE = timedelta(hours=12)
"""A working day: an operator logs in once in the morning."""

MAX_REMEMBERED = 10_000
"""Redeemed tickets kept in mind. Only our own get here: it would take 10,000 answered calls a minute."""

# The carrier's <Parameter> holds 500 characters; what is much longer was never ours, nor worth decoding.
_MAX_TICKET = 2_048


class TicketBook:
    """Tickets that let one media socket in, once, for one call, for a short time.

    One book per process: what was redeemed is remembered in memory. `clock` returns now as aware UTC.
    """

    def __init__(self, secret: bytes, ttl_s: int, clock: Callable[[], datetime]) -> None:
        self._key = _key(secret, b"ticket")
        self._ttl = timedelta(seconds=ttl_s)
        self._clock = clock
        self._redeemed: dict[str, int] = {}

    def issue(self, caller: Caller) -> str:
        """A ticket of url-safe characters, good for `ttl_s` seconds."""
        nonce = secrets.token_urlsafe(12)
        fields = [caller.call_sid, caller.location_id, caller.shop_version, caller.caller, caller.called]
        paper = json.dumps([*fields, _ms(self._clock() + self._ttl), nonce], separators=(",", ":"))
        return _sign(self._key, paper.encode())

    def redeem(self, ticket: str, call_sid: str) -> Caller:
        """The caller the ticket was issued for.

        Raises AccessError with code ticket_missing, ticket_malformed, ticket_forged, ticket_expired,
        ticket_other_call or ticket_used. A ticket shown for another call is not used up by that.
        """
        paper = self._read(ticket)
        sid, location_id, version, caller, called, expires_ms, nonce = json.loads(paper)
        now_ms = _ms(self._clock())
        if now_ms >= expires_ms:
            raise AccessError("ticket_expired", "The ticket's time is over.")
        if not _same(sid, call_sid):
            raise AccessError("ticket_other_call", "The ticket belongs to another call.")
        self._remember_once(nonce, expires_ms, now_ms)
        return Caller(call_sid=sid, location_id=location_id, shop_version=version, caller=caller, called=called)

    def _read(self, ticket: str) -> bytes:
        if not ticket:
            raise AccessError("ticket_missing", "No ticket was shown.")
        try:
            paper = _open(self._key, ticket)
        except ValueError as why:
            raise AccessError("ticket_malformed", "What was shown is not a ticket.") from why
        if paper is None:
            raise AccessError("ticket_forged", "The ticket was not signed here.")
        return paper

    def _remember_once(self, nonce: str, expires_ms: int, now_ms: int) -> None:
        if nonce in self._redeemed:
            raise AccessError("ticket_used", "The ticket was used before.")
        # Insertion order is nearly expiry order, so looking at the front is enough.
        while self._redeemed:
            oldest = next(iter(self._redeemed))
            if self._redeemed[oldest] > now_ms and len(self._redeemed) < MAX_REMEMBERED:
                break
            del self._redeemed[oldest]
        self._redeemed[nonce] = expires_ms


class OperatorDesk:
    """Decides who is an operator: whoever knows the token, or carries a cookie given for it."""

    def __init__(self, operator_token: str) -> None:
        self._token = operator_token.encode()

    def token_is_good(self, token: str | None) -> bool:
        """True for the operator token, compared in constant time. Without a token set, nobody gets in."""
        return bool(self._token) and token is not None and hmac.compare_digest(token.encode(), self._token)

    def issue_cookie(self, secret: bytes, now: datetime, name: str = "operator") -> str:
        """A value for the cookie COOKIE_NAME, good for COOKIE_LIFE; to be set HttpOnly, SameSite=Strict.

        `name` says for whom it is, and is signed with the rest.
        """
        return _sign(self._cookie_key(secret), json.dumps([_ms(now + COOKIE_LIFE), name]).encode())

    def cookie_is_good(self, value: str | None, secret: bytes, now: datetime, name: str = "operator") -> bool:
        """True for a cookie issued under this secret and token, for this name, whose time is not over."""
        if not value or not self._token:
            return False
        try:
            paper = _open(self._cookie_key(secret), value)
        except ValueError:
            return False
        if paper is None:
            return False
        expires_ms, whose = json.loads(paper)
        return whose == name and _ms(now) < expires_ms

    def _cookie_key(self, secret: bytes) -> bytes:
        # The token is part of the key: changing it puts everybody out who came in with the old one.
        return _key(secret, b"cookie of a name:" + self._token)


class MemberCookies:
    """Cookies for people who showed a login's token; good as long as that was. `clock` returns now as aware UTC."""

    def __init__(self, secret: bytes, clock: Callable[[], datetime]) -> None:
        self._key = _key(secret, b"cookie of a member")
        self._clock = clock

    def issue(self, user_id: str, name: str, until: datetime) -> str:
        """A value for the cookie COOKIE_NAME; to be set HttpOnly, SameSite=Strict."""
        return _sign(self._key, json.dumps([_ms(until), user_id, name]).encode())

    def read(self, value: str) -> tuple[str, str, datetime] | None:
        """`user_id`, name and the end of their papers; None for what was not signed here, or is over."""
        try:
            paper = _open(self._key, value)
        except ValueError:
            return None
        if paper is None:
            return None
        until_ms, user_id, name = json.loads(paper)
        if _ms(self._clock()) >= until_ms:
            return None
        return user_id, name, datetime.fromtimestamp(until_ms / 1000, UTC)


def secret_for(settings: Settings) -> bytes:
    """SECRET_KEY, or a fresh random one in development: ask once per process and pass it on.

    Raises SettingsError in production, and with REDIS_URL: papers must outlive a restart and be known to every process.
    """
    return _set_or_random(settings, "SECRET_KEY", settings.secret_key.get_secret_value()).encode()


def operator_token_for(settings: Settings) -> str:
    """OPERATOR_TOKEN, or a fresh random one in development: ask once per process and show it to the operator.

    Raises SettingsError in production, and with REDIS_URL.
    """
    return _set_or_random(settings, "OPERATOR_TOKEN", settings.operator_token.get_secret_value())


def _set_or_random(settings: Settings, name: str, value: str) -> str:
    if not value and settings.redis_url.get_secret_value():
        raise SettingsError([f"{name} is not set: processes that share a Redis must share it, too"])
    if not value and settings.environment == "production":
        raise SettingsError([f"{name} is not set"])
    return value or secrets.token_urlsafe(32)


def _key(secret: bytes, purpose: bytes) -> bytes:
    if not secret:
        raise ValueError("an empty secret signs nothing")
    return hmac.digest(secret, purpose, "sha256")


def _sign(key: bytes, paper: bytes) -> str:
    return f"{_b64(paper)}.{_b64(hmac.digest(key, paper, 'sha256'))}"


def _open(key: bytes, signed: str) -> bytes | None:
    """The paper inside, or None when the signature is not ours. Raises ValueError for anything else."""
    paper_text, dot, signature_text = signed.partition(".")
    if not dot or len(signed) > _MAX_TICKET:
        raise ValueError("not paper.signature")
    paper, signature = _unb64(paper_text), _unb64(signature_text)
    return paper if hmac.compare_digest(signature, hmac.digest(key, paper, "sha256")) else None


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as why:
        raise ValueError("not base64") from why


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "surrogatepass"))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
