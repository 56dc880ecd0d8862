"""One address becomes bytes, within bounds: redirects, time, size on the wire and unpacked."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import httpcore
import httpx

from agent.errors import ScrapeError
from agent.knowledge.address_guard import AddressGuard
from agent.settings import Settings

Admit = Callable[[httpx.URL], Awaitable[None]]
"""Asked before every hop. Raises ScrapeError for a URL that must not be fetched."""


class _Unzipper(Protocol):
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (429, 500, 502, 503, 504)
"""Statuses that a second try may cure."""
_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError)


@dataclass(frozen=True)
class Limits:
    """Bounds of one site. `retry_pauses_s`: how long to wait before each further try."""

    pages: int = 30
    page_bytes: int = 3_000_000
    total_bytes: int = 30_000_000
    page_s: float = 15.0
    total_s: float = 90.0
    redirects: int = 5
    depth: int = 3
    concurrency: int = 4
    retry_pauses_s: tuple[float, ...] = (0.5, 1.5)

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The bounds a deployment chose."""
        return cls(
            pages=settings.scrape_max_pages,
            page_bytes=settings.scrape_max_page_bytes,
            total_bytes=settings.scrape_max_total_bytes,
            page_s=settings.scrape_page_s,
            total_s=settings.scrape_total_s,
            redirects=settings.scrape_max_redirects,
            depth=settings.scrape_max_depth,
            concurrency=settings.scrape_concurrency,
        )


@dataclass(frozen=True)
class Download:
    """What an address answered in the end. `url` is that of the last hop."""

    url: httpx.URL
    status: int
    content_type: str
    body: bytes


class Downloader:
    """Fetches addresses one at a time, as often as it is asked; safe to share between tasks."""

    def __init__(self, client: httpx.AsyncClient, guard: AddressGuard, limits: Limits) -> None:
        self._client = client
        self._guard = guard
        self._limits = limits

    async def get(self, url: httpx.URL, admit: Admit, *, max_bytes: int, cut: bool = False) -> Download:
        """The final answer, whatever its status below 500. `cut`: a body too long is cut, not refused.

        Raises ScrapeError: whatever `admit` and the guard raise, timed_out, unreachable, tls_failed,
        too_many_redirects, answer_invalid, page_too_large, encoding_unknown, encoding_broken, rate_limited,
        server_error.
        """
        try:
            async with asyncio.timeout(self._limits.page_s):
                return await self._persist(url, admit, max_bytes, cut)
        except TimeoutError as why:
            raise _timed_out(url, self._limits.page_s) from why

    async def _persist(self, url: httpx.URL, admit: Admit, max_bytes: int, cut: bool) -> Download:
        for pause_s in (*self._limits.retry_pauses_s, None):
            try:
                found = await self._follow(url, admit, max_bytes, cut)
            except ScrapeError as why:
                if why.code != "unreachable" or pause_s is None:
                    raise
            else:
                if found.status not in _PASSING:
                    return found
                if pause_s is None:
                    raise _failing(found)
            await asyncio.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    async def _follow(self, url: httpx.URL, admit: Admit, max_bytes: int, cut: bool) -> Download:
        start = url
        for _ in range(self._limits.redirects + 1):
            self._guard.check_url(url)
            await admit(url)
            found = await self._ask(url, max_bytes, cut)
            if isinstance(found, Download):
                return found
            url = found
        raise ScrapeError("too_many_redirects", f"{start} redirects more than {self._limits.redirects} times.")

    async def _ask(self, url: httpx.URL, max_bytes: int, cut: bool) -> Download | httpx.URL:
        """The answer of one hop, or where it sends us."""
        try:
            async with self._client.stream("GET", url) as answer:
                if answer.status_code in _REDIRECTS and "location" in answer.headers:
                    return _target(url, answer.headers["location"])
                content_type = answer.headers.get("content-type", "").lower()
                body = b"" if answer.status_code in _PASSING else await _read(url, answer, max_bytes, cut)
                return Download(url, answer.status_code, content_type, body)
        except (httpcore.TimeoutException, httpx.TimeoutException) as why:
            raise _timed_out(url, self._limits.page_s) from why
        except _BROKEN as why:
            raise _unreachable(url, why) from why


async def _read(url: httpx.URL, answer: httpx.Response, max_bytes: int, cut: bool) -> bytes:
    """The body, unpacked as it comes, and no further than `max_bytes`: a bomb is stopped at its first sparks."""
    unpacker = _Unpacker(url, answer.headers.get("content-encoding", ""), max_bytes)
    announced = answer.headers.get("content-length", "")
    too_long = announced.isdecimal() and int(announced) > max_bytes
    if too_long and not cut:
        raise _too_large(url, max_bytes)
    async for raw in answer.aiter_raw():
        if unpacker.take(raw):
            continue
        if cut:
            break
        raise _too_large(url, max_bytes)
    return bytes(unpacker.body)


class _Unpacker:
    def __init__(self, url: httpx.URL, coding: str, max_bytes: int) -> None:
        self.body = bytearray()
        self._url = url
        self._max_bytes = max_bytes
        self._on_the_wire = 0
        self._unzip = _unzipper(url, coding.strip().lower())
        self._wrapped = True  # `deflate` comes with and without zlib's wrapping

    def take(self, raw: bytes) -> bool:
        """Add what `raw` holds; False when that is more than allowed. Never unpacks more than one byte beyond."""
        self._on_the_wire += len(raw)
        room = self._max_bytes - len(self.body)
        part = raw if self._unzip is None else self._unpack(raw, room + 1)
        self.body += part[:room]
        return len(part) <= room and self._on_the_wire <= self._max_bytes

    def _unpack(self, raw: bytes, room: int) -> bytes:
        assert self._unzip is not None  # noqa: S101 - asked for packed bodies only
        try:
            return self._unzip.decompress(raw, room)
        except zlib.error as why:
            if self._wrapped and not self.body:
                self._wrapped, self._unzip = False, zlib.decompressobj(-zlib.MAX_WBITS)
                return self._unpack(raw, room)
            raise ScrapeError("encoding_broken", f"{self._url} sends bytes that do not unpack.") from why


def _unzipper(url: httpx.URL, coding: str) -> _Unzipper | None:
    if coding in ("", "identity"):
        return None
    if coding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # knows gzip and zlib apart by itself
    raise ScrapeError("encoding_unknown", f"{url} is packed as {coding[:40]!r}, which was not asked for.")


def _target(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return url.join(location).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError) as why:
        raise ScrapeError("answer_invalid", f"{url} redirects to something that is no address.") from why


def _failing(found: Download) -> ScrapeError:
    if found.status == 429:
        return ScrapeError("rate_limited", f"{found.url} asks for fewer requests, each time (429).")
    return ScrapeError("server_error", f"{found.url} answers with an error of its own, each time ({found.status}).")


def _too_large(url: httpx.URL, max_bytes: int) -> ScrapeError:
    return ScrapeError("page_too_large", f"{url} is larger than {max_bytes} bytes.")


def _timed_out(url: httpx.URL, page_s: float) -> ScrapeError:
    return ScrapeError("timed_out", f"{url} did not answer in full within {page_s:g} seconds.")


def _unreachable(url: httpx.URL, why: Exception) -> ScrapeError:
    cause: BaseException | None = why
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return ScrapeError("tls_failed", f"{url.host} has no valid certificate: {cause.reason or cause}.")
        cause = cause.__cause__ or cause.__context__
    if isinstance(why, httpcore.ProtocolError | httpx.ProtocolError):
        return ScrapeError("answer_invalid", f"{url} does not answer as a web server does.")
    return ScrapeError("unreachable", f"{url} cannot be reached.")
