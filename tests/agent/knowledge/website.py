"""A website on loopback that serves what a test says, and misbehaves where it says so."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from agent.knowledge.address_guard import AddressGuard, Resolve
from agent.knowledge.download import Limits
from agent.knowledge.scrape import Scraper, Site

HOST = "salon.example"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WORDS = "We cut, colour and style hair, and we have done so on this street for thirty years. " * 4


def page(body: str = "", *, head: str = "", words: str = WORDS) -> str:
    """A page with enough words to be one."""
    return f"<!doctype html><html><head><title>Salon</title>{head}</head><body><p>{words}</p>{body}</body></html>"


def links(*hrefs: str) -> str:
    """Anchors whose words say nothing."""
    return "".join(f'<p><a href="{href}">here</a></p>' for href in hrefs)


def redirect(to: str, status: int = 302) -> Handler:
    """Always somewhere else."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": to})

    return answer


def fixed(body: str | bytes = "", *, status: int = 200, kind: str = "text/html", **headers: str) -> Handler:
    """Always the same; header names are written with underscores."""

    async def answer(_: web.Request) -> web.Response:
        sent = {"Content-Type": kind} if kind else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body.encode() if isinstance(body, str) else body
        return web.Response(body=data, status=status, headers=sent)

    return answer


@dataclass
class Website:
    """`at` maps paths to a page's HTML or to a handler; anything else is a 404."""

    port: int = 0
    scheme: str = "http"
    at: dict[str, str | Handler] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """`host path?query` of every request, in order."""
    headers: list[dict[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return self.of(HOST)

    def of(self, host: str, path: str = "/") -> str:
        """An address on this server under some name."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        """The pages that were asked for."""
        asked = [line.partition(" ")[2] for line in self.asked]
        return [path for path in asked if path not in ("/robots.txt", "/sitemap.xml")]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.host.partition(':')[0]} {request.path_qs}")
        self.headers.append(dict(request.headers))
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            found = self.at.get(request.path_qs, self.at.get(request.path))
            if found is None:
                return web.Response(status=404, text="nothing here")
            if isinstance(found, str):
                return web.Response(text=found, content_type="text/html", charset="utf-8")
            return await found(request)
        finally:
            self.at_once -= 1


@asynccontextmanager
async def open_website(tls: ssl.SSLContext | None = None, **at: Any) -> AsyncGenerator[Website]:
    """A website on a free port of 127.0.0.1."""
    site = Website(scheme="https" if tls else "http")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        sock = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await sock.start()
        site.port = runner.addresses[0][1]
        yield site
    finally:
        await runner.cleanup()


@dataclass
class Names:
    """A name service of the test's own: every unknown name is this machine."""

    known: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    """Answers to give one after the other; the last stays."""
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self.known.get(host, [["127.0.0.1"]])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if not answer:
            raise OSError("no such name")
        return answer


def limits(**changes: Any) -> Limits:
    """The usual bounds, with no pause before a second try."""
    return Limits(**{"retry_pauses_s": (0.0, 0.0), "page_s": 3.0, "total_s": 15.0, **changes})


async def scrape(
    url: str, resolve: Resolve | None = None, *, tls: ssl.SSLContext | None = None, loopback: bool = True, **bounds: Any
) -> Site:
    """A site as the scraper brings it."""
    guard = AddressGuard(resolve or Names().resolve, allow_loopback=loopback)
    return await Scraper(limits(**bounds), guard, contact="https://phones.example", tls=tls)(url)


def paths_of(site: Site) -> list[str]:
    """Paths of the pages read, in order."""
    return ["/" + page.url.split("/", 3)[3] for page in site.pages]
