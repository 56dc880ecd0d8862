"""An HTTP client that connects to checked addresses only, and keeps nothing between requests."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, cast

import httpcore
import httpx

from agent.errors import ScrapeError
from agent.knowledge.address_guard import AddressGuard

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.8,text/plain;q=0.5"
CODINGS = "gzip, deflate"
"""Those that can be unpacked in bounded steps."""


@asynccontextmanager
async def open_client(
    guard: AddressGuard, *, user_agent: str, timeout_s: float, connections: int, tls: ssl.SSLContext
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client over guarded connections: no cookies, no proxies from the environment, redirects left to the caller."""
    transport = GuardedTransport(guard, tls, connections)
    headers = {"User-Agent": user_agent, "Accept": ACCEPT, "Accept-Encoding": CODINGS, "Accept-Language": "*"}
    async with httpx.AsyncClient(
        transport=transport,
        headers=headers,
        timeout=timeout_s,
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    ) as client:
        yield client


class GuardedTransport(httpx.AsyncBaseTransport):
    """Speaks HTTP over connections that `AddressGuard` let through. Raises ScrapeError and httpcore's errors."""

    def __init__(self, guard: AddressGuard, tls: ssl.SSLContext, connections: int) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, max_connections=connections, network_backend=PinnedBackend(guard)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=cast(AsyncIterable[bytes], request.stream),
            extensions=request.extensions,
        )
        answer = await self._pool.handle_async_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        await self._pool.aclose()


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Opens sockets to the very addresses that were checked: a name is never resolved a second time.

    Above it the request keeps the site's name, so TLS and the Host header are those of the site.
    """

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._sockets = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._guard.addresses(host, port)
        except TimeoutError as why:
            raise ScrapeError("timed_out", f"{host} could not be looked up in time.") from why
        for address in addresses[:-1]:
            try:
                return await self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._sockets.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()
