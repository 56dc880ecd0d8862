"""Who may look in: the operator token in a header or a message, or the cookie it was traded for."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from agent.access import COOKIE_LIFE, COOKIE_NAME, MemberCookies, OperatorDesk
from agent.errors import AccessError
from agent.login_tokens import LoginTokens
from agent.ports import Clock
from agent.settings import Settings
from dashboard_bridge.logins import Logins
from dashboard_bridge.visitor import Visitor

OPERATOR = Visitor("operator", "operator")
"""Whoever has OPERATOR_TOKEN, or a cookie given for it: it opens every shop."""
ADMIN = Visitor("admin", "owner")
"""Whoever has ADMIN_TOKEN, or a cookie given for it: every shop is theirs."""


class Door:
    """Checks papers of requests and sockets alike. Every refusal is an AccessError with a code."""

    def __init__(
        self, desk: OperatorDesk, secret: bytes, settings: Settings, clock: Clock, logins: Logins | None = None
    ) -> None:
        """`logins`: how people with a login of their own are known; None where there are none."""
        admins = OperatorDesk(settings.admin_token.get_secret_value())
        # Where the two tokens are one, it is worth what it is worth at all.
        self._desks = ((ADMIN, admins), (OPERATOR, desk))
        self._secret = secret
        self._clock = clock
        self._logins = logins
        self._cookies = MemberCookies(secret, clock)
        self._https = settings.public_url.startswith("https:")
        here = (f"http://127.0.0.1:{settings.port}", f"http://localhost:{settings.port}")
        self._origins = {_origin(url) for url in (settings.public_url, *here)}

    async def admits(self, visitor: HTTPConnection) -> Visitor | None:
        """Who comes, when the head of a request or socket carries good papers; None when it carries none.

        Raises AccessError token_refused for a wrong bearer token, origin_refused for a good cookie that
        another site's page sends: cookies travel by themselves, so they count only from our own pages.
        """
        scheme, _, token = visitor.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return await self.check_token(token.strip())
        known = await self._by_cookie(visitor.cookies.get(COOKIE_NAME))
        if known is not None:
            self.check_origin(visitor)
        return known

    async def check_token(self, token: str) -> Visitor:
        """Whose token it is: OPERATOR_TOKEN, ADMIN_TOKEN, or that of a login of a shop's member.

        Raises AccessError token_refused, and what `Logins.visitor` raises.
        """
        if self._logins is not None and LoginTokens.is_one(token):
            return await self._logins.visitor(token)
        for visitor, desk in self._desks:
            if desk.token_is_good(token):
                return visitor
        raise AccessError("token_refused", "This is neither OPERATOR_TOKEN nor ADMIN_TOKEN.")

    def hand_out_cookie(self, asking: HTTPConnection, response: Response, visitor: Visitor) -> None:
        """Put a fresh cookie on a response to somebody whose token was checked."""
        if visitor.until is not None:
            value = self._cookies.issue(visitor.user_id, visitor.name, visitor.until)
            life = visitor.until - self._clock()
        else:
            desk = next(desk for known, desk in self._desks if known == visitor)
            value, life = desk.issue_cookie(self._secret, self._clock(), visitor.name), COOKIE_LIFE
        response.set_cookie(
            COOKIE_NAME,
            value,
            max_age=max(0, life // timedelta(seconds=1)),
            httponly=True,
            samesite="strict",
            # On the machine itself there is no TLS, even where the public address has it.
            secure=self._https and asking.url.hostname not in {"127.0.0.1", "localhost"},
        )

    def take_back_cookie(self, response: Response) -> None:
        """Have the browser forget its cookie."""
        response.delete_cookie(COOKIE_NAME, httponly=True, samesite="strict")

    async def _by_cookie(self, cookie: str | None) -> Visitor | None:
        now = self._clock()
        good = (at for at, desk in self._desks if desk.cookie_is_good(cookie, self._secret, now, at.name))
        if (house := next(good, None)) is not None or cookie is None or self._logins is None:
            return house
        member = self._cookies.read(cookie)
        return None if member is None else await self._logins.member(*member)

    def check_origin(self, visitor: HTTPConnection) -> None:
        """Raises AccessError origin_refused for what a page of another site sends."""
        origin = visitor.headers.get("origin")
        if origin is None and visitor.scope["type"] == "http":
            return  # browsers leave it out of a page's reads from its own site, and SameSite covers the rest
        if origin is None or _origin(origin) not in self._origins:
            raise AccessError("origin_refused", "The cookie counts only on pages of PUBLIC_URL.")


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; the port is filled in where the URL leaves it to the scheme."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port
