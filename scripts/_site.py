"""A shop from its website for `setup_shop.py`: saved or fetched, straight on the store or through a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from _found import Show, following
from pydantic import TypeAdapter, ValidationError

from agent.bus.local import LocalBus
from agent.errors import (
    AccessError,
    ChairsideError,
    Conflict,
    Denied,
    NotFound,
    ScrapeError,
    SetupError,
    StoreError,
    Unavailable,
)
from agent.knowledge.approval import Shops
from agent.knowledge.extract.facts import SiteFacts
from agent.knowledge.extract.markup import decode
from agent.knowledge.jobs import Job, Problem, SetupRequest
from agent.knowledge.onboarding import Onboarding, Pages, Reader, Scrape
from agent.knowledge.owner import OwnerFacts
from agent.knowledge.page import Page
from agent.knowledge.proposals import diff
from agent.knowledge.reader import site_reader
from agent.knowledge.scrape import PageProblem, Progress, Scraper, Site
from agent.knowledge.shelf import StoreShelf
from agent.model import Proposal, Shop
from agent.settings import Settings

MAX_FILES = 500
MAX_FILE_BYTES = 3_000_000
MAX_SITE_BYTES = 60_000_000
_NO_PAGES = frozenset([
    ".7z", ".avif", ".bmp", ".css", ".csv", ".doc", ".docx", ".eot", ".gif", ".gz", ".ico", ".jpeg", ".jpg", ".js",
    ".json", ".map", ".md", ".mjs", ".mov", ".mp3", ".mp4", ".otf", ".pdf", ".png", ".svg", ".tar", ".tif", ".tiff",
    ".ttf", ".txt", ".wav", ".webm", ".webmanifest", ".webp", ".woff", ".woff2", ".xls", ".xlsx", ".xml", ".zip",
])  # fmt: skip
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

ASK_EVERY_S = 0.1
ASK_SERVER_EVERY_S = 0.5
SERVER_S = 30.0
_KINDS: Mapping[str, type[ChairsideError]] = {
    kind.__name__: kind for kind in (ScrapeError, SetupError, StoreError, Conflict, NotFound, Denied, Unavailable)
}


def saved_site(folder: Path) -> Site:
    """The pages in a folder, the start page first; what is no page (images, styles) is passed over.

    Raises ScrapeError folder_unknown, folder_unreadable, folder_empty.
    """
    if not folder.is_dir():
        raise ScrapeError("folder_unknown", f"{folder} is not a folder.")
    files = sorted(filter(_may_be_page, folder.rglob("*")), key=lambda f: (not f.stem.startswith("index"), str(f)))
    pages: list[Page] = []
    problems: list[PageProblem] = []
    room = MAX_SITE_BYTES
    for file in files:
        name = str(file.relative_to(folder))
        size = file.stat().st_size
        if size > MAX_FILE_BYTES:
            message = f"{name} is larger than {MAX_FILE_BYTES} bytes."
            problems.append(PageProblem(name, "page_too_large", message))
            continue
        if len(pages) == MAX_FILES or size > room:
            problems.append(PageProblem(name, "site_too_large", f"{folder} holds too much; {name} was left out."))
            continue
        if (page := _saved_page(file, name)) is not None:
            pages.append(page)
            room -= size
    if not pages:
        raise ScrapeError("folder_empty", f"{folder} holds no web pages that can be read.")
    return Site(str(folder), tuple(pages), tuple(problems))


def _may_be_page(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".") and file.suffix.lower() not in _NO_PAGES


def _saved_page(file: Path, name: str) -> Page | None:
    try:
        content = file.read_bytes()
    except OSError as why:
        raise ScrapeError("folder_unreadable", f"{file} cannot be read: {why.strerror}.") from why
    is_binary = b"\0" in content[:1024] and not content.startswith(_UTF16)
    return None if is_binary else Page(name, decode(content))


@dataclass(frozen=True)
class Outcome:
    """What became of a set-up. `facts` are unknown when a server read them.

    `changes`, to a shop that was there before, are made or proposed; the job's outcome tells which.
    """

    job: Job
    facts: SiteFacts | None = None
    changes: Proposal | None = None


async def look(website_url: str, folder: Path | None, settings: Callable[[], Settings]) -> tuple[Site, SiteFacts]:
    """Read a site and store nothing; saved pages by the rules alone. Raises ScrapeError, SetupError."""
    scrape = _scrape(folder, settings)
    with following() as show:
        show("fetching", 0, 0)
        site = await scrape(website_url, lambda done, known: show("fetching", done, known))
        show("reading", len(site.pages), len(site.pages))
        facts = await site_reader(settings() if folder is None else None).extract(site.texts())
    return site, facts


async def set_up(store: Shops, request: SetupRequest, folder: Path | None, settings: Settings) -> Outcome:
    """Straight on the store. Raises what kept the job from its end; then nothing is stored."""
    facts: list[SiteFacts] = []
    plain = site_reader(settings)

    async def extract(pages: Pages) -> SiteFacts:
        facts.append(await plain.extract(pages))
        return facts[0]

    bus = LocalBus()  # nobody listens in this process; a running server looks into the store by itself
    shelf = StoreShelf(store, bus, _now)
    scrape = _scrape(folder, lambda: settings)
    async with Onboarding(
        store, shelf, scrape, Reader(extract, plain.compose, plain.ask, plain.second), clock=_now
    ) as onboarding:
        before = await store.get_location_knowledge(request.location_id)
        job = await onboarding.start(request)

        async def ask() -> Job:
            return onboarding.job(job.id) or job

        job = await _over(ask, ASK_EVERY_S)
        after = await store.get_location_knowledge(request.location_id)
    return Outcome(job, facts[0] if facts else None, _changes(job, before, after))


async def set_up_at(server: Server, request: SetupRequest, show: Show | None = None) -> Outcome:
    """Through a running server; `show` follows it instead of a bar of its own.

    Raises AccessError, SetupError and what kept the job from its end.
    """
    before = await server.shop_if_known(request.location_id)
    body = request.model_dump(mode="json", exclude_none=True)
    answer = await server.ask("POST", "/shop/setup", body)
    progress = str(answer.get("progress", ""))
    if not progress.startswith("/shop/setup/"):
        raise SetupError("server_answer_invalid", f"{server.url} does not answer as Chairside does.")

    async def ask() -> Job:
        return server.job(await server.ask("GET", progress))

    job = await _over(ask, ASK_SERVER_EVERY_S, show)
    after = await server.shop_if_known(request.location_id)
    return Outcome(job, None, _changes(job, before, after))


def _changes(job: Job, before: Shop | None, after: Shop | None) -> Proposal | None:
    if job.outcome == "stored" and before is not None and after is not None:
        return diff(before, after)
    return job.proposal


def request_again(shop: Shop, *, accept_changes: bool, owner: OwnerFacts | None = None) -> SetupRequest:
    """The request that reads a stored shop's website again. Raises SetupError website_unknown."""
    if not shop.website_url:
        message = f"Location {shop.location_id} has no website stored; give --website, --number and --name."
        raise SetupError("website_unknown", message)
    return SetupRequest(
        location_id=shop.location_id,
        phone_number=shop.phone_number,
        website_url=shop.website_url,
        business_name=shop.business_name,
        accept_changes=accept_changes,
        owner=owner,
    )


class Server:
    """A Chairside server, asked in the admin's name."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self.url = url

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, token: str) -> AsyncGenerator[Server]:
        """Raises AccessError token_missing, SetupError server_url_invalid."""
        if not token:
            raise AccessError("token_missing", "ADMIN_TOKEN is not set; --server needs it.")
        if not url.startswith(("http://", "https://")):
            raise SetupError("server_url_invalid", f"--server: {url} is not an address like https://calls.example.")
        headers = {"Authorization": f"Bearer {token}"}
        try:
            client = httpx.AsyncClient(base_url=url, headers=headers, timeout=SERVER_S)
        except (httpx.InvalidURL, UnicodeEncodeError) as why:
            raise SetupError("server_url_invalid", f"--server or ADMIN_TOKEN cannot be used: {why}.") from why
        async with client:
            yield cls(client, url)

    async def shop(self, location_id: int) -> Shop:
        """A shop as it is stored there."""
        answer = await self.ask("GET", f"/shop/{location_id}/config")
        try:
            return Shop.model_validate(answer)
        except ValidationError as why:
            raise self.odd() from why

    async def shop_if_known(self, location_id: int) -> Shop | None:
        """A shop as it is stored there, or None."""
        try:
            return await self.shop(location_id)
        except ChairsideError as why:
            if why.code == "location_unknown":
                return None
            raise

    def job(self, answer: Mapping[str, Any]) -> Job:
        """The job an answer tells of."""
        try:
            return Job.model_validate(answer.get("job"))
        except ValidationError as why:
            raise self.odd() from why

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request and the object it is answered with."""
        try:
            answer = await self._client.request(method, path, json=body)
        except httpx.HTTPError as why:
            message = f"{self.url} cannot be reached ({type(why).__name__})."
            raise SetupError("server_unreachable", message) from why
        try:
            told = TypeAdapter(dict[str, Any]).validate_json(answer.content)
        except ValidationError as why:
            raise self.odd() from why
        if answer.status_code >= 400:
            raise self._refusal(told, answer.status_code)
        return told

    def _refusal(self, told: dict[str, Any], status: int) -> ChairsideError:
        try:
            problem = Problem.model_validate(told["error"])
        except (KeyError, ValidationError):
            return self.odd()
        if status in (401, 403):
            return AccessError(problem.code, problem.message)
        return _problem(problem)

    def odd(self) -> SetupError:
        """What is raised when an answer is none of ours."""
        return SetupError("server_answer_invalid", f"{self.url} does not answer as Chairside does.")


async def _over(ask: Callable[[], Awaitable[Job]], every_s: float, follower: Show | None = None) -> Job:
    """The job once it is over. Raises its error."""
    with nullcontext(follower) if follower else following() as show:
        while not (job := await ask()).is_over:
            show(job.state, job.pages_read, job.pages_wanted)
            await asyncio.sleep(every_s)
    if job.error is not None:
        raise _problem(job.error)
    return job


def _problem(problem: Problem) -> ChairsideError:
    return _KINDS.get(problem.kind, SetupError)(problem.code, problem.message)


def _scrape(folder: Path | None, settings: Callable[[], Settings]) -> Scrape:
    if folder is None:
        return Scraper.of(settings())

    async def saved(website_url: str, progress: Progress | None = None) -> Site:  # noqa: ARG001
        return await asyncio.to_thread(saved_site, folder)

    return saved


def _now() -> datetime:
    return datetime.now(UTC)
