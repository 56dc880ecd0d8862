"""Tokens of people's logins (Supabase Auth), checked against the keys their issuer publishes.

Only asymmetric algorithms are taken, from a list of our own: what a token says of itself decides nothing. Keys are
fetched when they are needed, kept for a while, and asked for anew for a key not known, but not for every such token.
Rules: RFC 8725 (JSON Web Token Best Current Practices).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx
import jwt
from jwt.types import Options
from loguru import logger

from agent.errors import AccessError
from agent.settings import Settings

ALGORITHMS = ("ES256", "RS256", "EdDSA")
KEPT = timedelta(minutes=10)
AGAIN_AFTER = timedelta(seconds=30)
"""A key that is not known is asked for no more often than this."""
FETCH_S = 5.0
LEEWAY = timedelta(seconds=10)
MAX_TOKEN = 8_192
MAX_KEYS_BYTES = 256 * 1024


_OPTIONS: Options = {
    "require": ["exp", "sub", "aud", "iss"],
    # Time is ours to check, by the injected clock.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


@dataclass(frozen=True)
class Login:
    """Somebody as their token names them."""

    user_id: str
    name: str
    until: datetime


class LoginTokens:
    """Checks tokens of one issuer. Enter it; leaving closes the connection. `clock` returns now as aware UTC."""

    def __init__(self, keys_url: str, issuer: str, audience: str, clock: Callable[[], datetime]) -> None:
        self._keys_url = keys_url
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._fetching = asyncio.Lock()
        self._http = httpx.AsyncClient(timeout=FETCH_S, follow_redirects=False)

    @classmethod
    def of(cls, settings: Settings, clock: Callable[[], datetime]) -> LoginTokens | None:
        """Those of the Supabase project, or of another issuer by setting; None where nobody logs in that way."""
        issuer = settings.jwt_issuer or (
            f"{settings.supabase_url.rstrip('/')}/auth/v1" if settings.supabase_url else ""
        )
        if not issuer:
            return None
        keys_url = settings.jwks_url or f"{issuer}/.well-known/jwks.json"
        return cls(keys_url, issuer, settings.jwt_audience, clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    @staticmethod
    def is_one(token: str) -> bool:
        """Whether something looks like such a token at all."""
        return token.count(".") == 2 and token.startswith("ey")

    async def check(self, token: str) -> Login:
        """Whose token it is.

        Raises AccessError token_refused, token_expired, or keys_unavailable when the issuer cannot be asked.
        """
        if len(token) > MAX_TOKEN:
            raise AccessError("token_refused", "The token is too long.")
        try:
            head = jwt.get_unverified_header(token)
            algorithm, key_id = str(head.get("alg")), str(head.get("kid"))
            if algorithm not in ALGORITHMS:
                raise AccessError("token_refused", "The token is signed in a way that is not taken.")
            key = await self._key(key_id)
            if key.algorithm_name != algorithm:
                raise AccessError("token_refused", "The token is not signed the way its key signs.")
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                options=_OPTIONS,
            )
        except jwt.PyJWTError as why:
            raise AccessError("token_refused", "The token is not one of ours.") from why
        return self._login(claims)

    def _login(self, claims: dict[str, Any]) -> Login:
        now = self._clock()
        try:
            until = datetime.fromtimestamp(float(claims["exp"]), UTC)
            since = datetime.fromtimestamp(float(claims.get("nbf", 0)), UTC)
        except (TypeError, ValueError, OverflowError, OSError) as why:
            raise AccessError("token_refused", "The token's times are no times.") from why
        if until <= now - LEEWAY:
            raise AccessError("token_expired", "The token's time is over: log in again.")
        if since > now + LEEWAY:
            raise AccessError("token_refused", "The token is not good yet.")
        user_id = str(claims["sub"])
        return Login(user_id=user_id, name=str(claims.get("email") or user_id)[:200], until=until)

    async def _key(self, key_id: str) -> jwt.PyJWK:
        async with self._fetching:
            age = None if self._fetched_at is None else self._clock() - self._fetched_at
            stale = age is None or age > KEPT
            unknown = key_id not in self._keys and (age is None or age > AGAIN_AFTER)
            if stale or unknown:
                await self._fetch()
        if key_id not in self._keys:
            raise AccessError("token_refused", "The token's key is not one of its issuer's.")
        return self._keys[key_id]

    async def _fetch(self) -> None:
        """Raises AccessError keys_unavailable; keys known before are forgotten only for new ones."""
        try:
            answer = await self._http.get(self._keys_url)
            answer.raise_for_status()
            if len(answer.content) > MAX_KEYS_BYTES:
                raise ValueError("too many keys")
            found = jwt.PyJWKSet.from_dict(answer.json()).keys
        except (httpx.HTTPError, ValueError, jwt.PyJWTError, TypeError, AttributeError) as why:
            logger.warning("the keys of logins cannot be had from {}: {!r}", self._keys_url, why)
            raise AccessError("keys_unavailable", "Logins cannot be checked just now.") from why
        self._keys = {key.key_id: key for key in found if key.key_id}
        self._fetched_at = self._clock()
