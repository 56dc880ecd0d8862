"""A Supabase project as the server talks to it: the secret key, short waits, nothing tried twice in secret."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

import httpx
from supabase import AsyncClient, AsyncClientOptions, PostgrestAPIError, create_async_client

from agent.errors import Conflict, Denied, NotFound, SettingsError, StoreError, Unavailable

CONNECTIONS = 20
CONNECT_S = 0.5

Row = Mapping[str, Any]


class _Answer(Protocol):
    @property
    def data(self) -> Any: ...


class Request(Protocol):
    """Any request supabase-py has built."""

    async def execute(self) -> _Answer | None: ...


class Project:
    """The tables and functions of one project. Open it with `async with Project.open(url, key)`.

    supabase-py by itself waits 120 s, repeats reads for 7 s when the project is away, and cannot be closed:
    hence a client of httpx of our own.
    """

    def __init__(self, http: httpx.AsyncClient, client: AsyncClient) -> None:
        self._http = http
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, key: str, *, timeout_s: float) -> AsyncGenerator[Project]:
        """Nothing is asked of the project yet. Raises SettingsError for a key or an address that cannot do."""
        require_address(url)
        require_secret_key(key)
        timeout = httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        limits = httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=20)
        async with httpx.AsyncClient(timeout=timeout, limits=limits, http2=False) as http:
            options = AsyncClientOptions(
                httpx_client=http, auto_refresh_token=False, persist_session=False, postgrest_client_retry=False
            )
            yield cls(http, await create_async_client(url, key, options))

    def table(self, name: str) -> Any:
        """supabase-py's builder of requests to a table; its types differ from verb to verb."""
        return self._client.table(name)

    async def rows(self, request: Request) -> list[Row]:
        """What a request to a table answers. Raises StoreError."""
        data = await self._send(request)
        if not isinstance(data, list):
            raise _odd_answer()
        return cast(list[Row], data)

    async def call(self, function: str, **arguments: Any) -> int:
        """The number that a function of the database returns. Raises StoreError."""
        data = await self._send(cast(Request, self._client.rpc(function, arguments)))
        if not isinstance(data, int):
            raise _odd_answer()
        return data

    async def ask(self, function: str, **arguments: Any) -> Row | None:
        """The JSON object that a function of the database returns, or None for null. Raises StoreError."""
        data = await self._send(cast(Request, self._client.rpc(function, arguments)))
        if data is not None and not isinstance(data, dict):
            raise _odd_answer()
        return cast(Row | None, data)

    async def _send(self, request: Request) -> Any:
        if self._http.is_closed:
            raise Unavailable("store_closed", "The store is closed.")
        try:
            answer = await request.execute()
        except PostgrestAPIError as why:
            raise refusal(why) from why
        except httpx.HTTPError as why:
            words = str(why) or type(why).__name__
            raise Unavailable("store_unreachable", f"The Supabase project cannot be reached: {words}.") from why
        except UnicodeError as why:
            raise Conflict("text_unstorable", f"A text is not Unicode that can be stored: {why}.") from why
        return None if answer is None else answer.data


def require_address(url: str) -> None:
    """Raise SettingsError unless `url` is one a project can have."""
    try:
        address = httpx.URL(url)
        if address.scheme in ("http", "https") and address.host:
            return
    except httpx.InvalidURL:
        pass
    raise SettingsError([f"SUPABASE_URL is {url!r}, which is not an address like https://project.supabase.co"])


def require_secret_key(key: str) -> None:
    """Raise SettingsError unless `key` is one that row-level security does not bind."""
    if key.startswith("sb_secret_"):
        return
    if key.startswith("sb_publishable_"):
        kind = "a publishable key, from which row-level security hides every shop"
    else:
        role = _role(key)
        if role == "service_role":
            return
        kind = f"a key of the role {role!r}, from which row-level security hides shops" if role else "not a key"
    raise SettingsError([f"SUPABASE_SECRET_KEY is {kind}; use the secret key (sb_secret_…) of the project"])


def _role(token: str) -> str | None:
    """The role an older key names, which is a JWT; whether it is genuine, the project will find out."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["role"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return None


def _odd_answer() -> StoreError:
    return Unavailable("store_odd_answer", "What answers at SUPABASE_URL does not answer as Supabase does.")


_SCHEMA_CODES = {"42P01", "42703", "42883", "PGRST106", "PGRST200", "PGRST202", "PGRST204", "PGRST205"}
_AWAY_CODES = {"40001", "40P01", "55P03", "PGRST000", "PGRST001", "PGRST002", "PGRST003"}
_AWAY_CLASSES = {"08", "53", "57", "58"}


def refusal(why: PostgrestAPIError) -> StoreError:
    """What an error of PostgREST, of PostgreSQL behind it or of the gateway before it means to us."""
    code, words = why.code or "", (why.message or "no reason given").rstrip(".")
    if code in ("PT404", "PT409"):  # raised by our own functions, which put our code into the details
        kind = NotFound if code == "PT404" else Conflict
        return kind(str(why.details), f"{words}.")
    says_nothing = not (why.code or why.message)  # PostgREST before 13, of a write to a table it does not know
    if code in _SCHEMA_CODES or says_nothing:
        return Unavailable("schema_missing", f"The project lacks our tables ({words}): apply supabase/migrations.")
    if code == "23503":
        return NotFound("row_unknown", "What the row refers to is not stored for this location.")
    if code == "22003":
        return Conflict("number_too_large", f"A number does not fit into the database: {words}.")
    if code[:2] in ("22", "23"):
        return Conflict("row_conflict", f"The row contradicts what is stored: {words}.")
    if code in ("42501", "401", "403") or code.startswith("PGRST3") or _is_key_refused(why):
        return Denied("store_denied", f"The Supabase project refused: {words}.")
    if code in _AWAY_CODES or code[:2] in _AWAY_CLASSES or code.isdigit() or not code:
        return Unavailable("store_unreachable", f"The Supabase project cannot be used now: {words}.")
    return StoreError("store_failed", f"The Supabase project failed with {code}: {words}.")


def _is_key_refused(why: PostgrestAPIError) -> bool:
    """The gateway knows no codes."""
    return not why.code and "api key" in (why.message or "").lower()
