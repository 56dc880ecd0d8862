"""A website becomes a shop: one job at a time for each shop, all of it or nothing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from loguru import logger

from agent.errors import ChairsideError, Conflict, NotFound, SetupError
from agent.knowledge.address_guard import parse_url
from agent.knowledge.extract.facts import SecondReading
from agent.knowledge.extract.missing import OpenQuestion
from agent.knowledge.jobs import Job, MissingPage, Problem, SetupRequest
from agent.knowledge.owner import check, lay_on
from agent.knowledge.proposals import apply, diff
from agent.knowledge.scrape import Progress, Site
from agent.knowledge.shelf import Shelf
from agent.model import Shop
from agent.ports import Clock, KnowledgeStore

F = TypeVar("F")

AT_ONCE = 2
"""Set-ups under way in one process; the others wait in line."""
MAX_WAITING = 50
MAX_REMEMBERED = 500
"""Jobs that are over and can still be asked for."""

STOPPING = "The server was stopped; ask again."

Pages = Sequence[tuple[str, str]]
"""(url, html) of each page, the start page first."""


class Scrape(Protocol):
    """Fetches a site; `agent.knowledge.scrape.Scraper` is one. Raises ScrapeError."""

    async def __call__(self, website_url: str, progress: Progress | None = None) -> Site: ...


def nothing_to_ask(_facts: object, _request: SetupRequest, _shop: Shop) -> tuple[OpenQuestion, ...]:
    """For a reader that knows of no questions."""
    return ()


@dataclass(frozen=True)
class Reader(Generic[F]):
    """How pages become a shop; the extractor's side of the seam.

    `extract` finds the facts (wrap a slow one in `workshop.apart`). `compose` makes the Shop they and the
    request tell of; it is given the approved shop too, if there is one, for what a site does not say (time
    zone, currency). It raises SetupError when there is too little. `ask` tells what the facts leave open and
    neither the request nor the shop, as it is stored in the end, answers. `second` tells what became of a second
    reading.
    """

    extract: Callable[[Pages], Awaitable[F]]
    compose: Callable[[F, SetupRequest, Shop | None], Shop]
    ask: Callable[[F, SetupRequest, Shop], tuple[OpenQuestion, ...]] = nothing_to_ask
    second: Callable[[F], SecondReading | None] = lambda _: None


class Onboarding(Generic[F]):
    """Runs set-ups. Enter it; leaving stops what is still under way, and nothing of that is stored.

    Jobs are known to this process only.
    """

    def __init__(
        self, store: KnowledgeStore, shelf: Shelf[F], scrape: Scrape, reader: Reader[F], *, clock: Clock
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._scrape = scrape
        self._reader = reader
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._running: dict[int, tuple[str, asyncio.Task[None]]] = {}
        """By location: at most one each."""
        self._starting = asyncio.Lock()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Onboarding[F]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for job in list(self._jobs.values()):
            if not job.is_over:  # cancelled before its first step
                self._fail(job.id, "server_stopping", STOPPING)

    async def start(self, request: SetupRequest) -> Job:
        """Begin, or join the set-up that runs for this shop already when it was asked for the same.

        Raises ScrapeError for a URL that is none, Conflict phone_number_taken, NotFound location_unknown,
        SetupError setup_running (asked for something else) or too_many_setups, StoreError.
        """
        async with self._starting:
            if (running := self._running_for(request)) is not None:
                return running
            parse_url(request.website_url)
            await self._check(request)
            if len(self._running) >= AT_ONCE + MAX_WAITING:
                raise SetupError("too_many_setups", "Too many shops are being set up; try again in a few minutes.")
            job = Job(id=secrets.token_urlsafe(12), request=request, started_at=self._clock())
            self._remember(job)
            task = asyncio.create_task(self._run(job.id, request), name=f"setup-{request.location_id}")
            self._running[request.location_id] = (job.id, task)
            task.add_done_callback(partial(self._over, request.location_id))
            return job

    async def shop(self, location_id: int) -> Shop | None:
        """A shop as it is stored now, or None. Raises StoreError."""
        return await self._store.get_location_knowledge(location_id)

    def job(self, job_id: str) -> Job | None:
        """How far a job is, or None for one that is unknown or forgotten."""
        return self._jobs.get(job_id)

    async def finished(self, job_id: str) -> Job:
        """The job once it is over. Whoever waits may give up; the job goes on. Raises NotFound job_unknown."""
        job = self._jobs.get(job_id)
        if job is None:
            raise NotFound("job_unknown", f"There is no set-up {job_id!r} (any more).")
        if not job.is_over:
            await asyncio.wait([self._running[job.location_id][1]])
        return self._jobs[job_id]

    def _running_for(self, request: SetupRequest) -> Job | None:
        running = self._running.get(request.location_id)
        if running is None:
            return None
        job = self._jobs[running[0]]
        if job.request != request:
            message = f"Location {job.location_id} is being set up from {job.request.website_url}; wait for that."
            raise SetupError("setup_running", message)
        return job

    async def _check(self, request: SetupRequest) -> None:
        """Before a single page is fetched; the store checks again when it stores."""
        if not await self._shelf.is_known(request.location_id):
            raise NotFound("location_unknown", f"There is no salon with location {request.location_id}.")
        owner = await self._store.get_location_from_phone_number(request.phone_number)
        if owner not in (None, request.location_id):
            raise Conflict("phone_number_taken", f"{request.phone_number} already leads to location {owner}.")

    async def _run(self, job_id: str, request: SetupRequest) -> None:
        """The job from the line to its end; whatever happens, it ends."""
        try:
            async with self._room:
                await self._set_up(job_id, request)
        except ChairsideError as why:
            self._fail(job_id, why.code, why.message, type(why).__name__)
        except asyncio.CancelledError:
            self._fail(job_id, "server_stopping", STOPPING)
            raise
        except Exception:  # whatever the extractor trips over: the job must not stay under way for ever
            logger.exception("setup: location {} broke down", request.location_id)
            self._fail(job_id, "setup_broke", "Setting the shop up broke down; the log has the details.")

    async def _set_up(self, job_id: str, request: SetupRequest) -> None:
        self._advance(job_id, state="fetching")
        site = await self._scrape(request.website_url, partial(self._count, job_id))
        missing = tuple(MissingPage(url=at.url, code=at.code, message=at.message) for at in site.problems)
        self._advance(job_id, state="reading", pages_read=len(site.pages), missing=missing)
        facts = await self._reader.extract(site.texts())
        self._advance(job_id, second_reading=self._reader.second(facts))
        current = await self.shop(request.location_id)
        scraped = self._reader.compose(facts, request, current)
        if not scraped.services:
            raise SetupError("menu_empty", f"The pages of {request.website_url} name no services.")
        self._advance(job_id, state="storing")
        await self._store_or_propose(job_id, request, facts, scraped, current)

    async def _store_or_propose(
        self, job_id: str, request: SetupRequest, facts: F, scraped: Shop, current: Shop | None
    ) -> None:
        owner = request.owner
        if current is None:
            shop = lay_on(scraped, owner)
            check(shop, owner)
            self._end(job_id, request, facts, await self._shelf.put(shop, scraped, facts), outcome="stored")
            return
        asked = lay_on(_as_asked(current, request), owner)
        last = await self._shelf.last_scrape(request.location_id)
        said = lay_on(_as_asked(scraped, request), owner)
        proposal = diff(asked, said, last=None if last is None else lay_on(last, owner))
        if request.accept_changes or not proposal.changes:  # whoever changed the shop meanwhile is not overwritten
            shop = lay_on(apply(asked, proposal), owner)
            check(shop, owner)
            stored = await self._shelf.put(shop, scraped, facts)
            self._end(
                job_id, request, facts, stored, outcome="unchanged" if stored.version == current.version else "stored"
            )
            return
        check(asked, owner)
        if asked != current:  # the admin's own words need nobody's approval
            current = await self._shelf.put(asked, None, None)
        proposal = proposal.model_copy(update={"based_on": current.version})
        proposal = await self._shelf.propose(proposal, scraped, facts)
        self._end(job_id, request, facts, current, outcome="proposed", proposal=proposal)

    def _over(self, location_id: int, _: asyncio.Task[None]) -> None:
        del self._running[location_id]

    def _count(self, job_id: str, done: int, known: int) -> None:
        self._advance(job_id, pages_read=done, pages_wanted=known)

    def _advance(self, job_id: str, **news: object) -> None:
        self._jobs[job_id] = self._jobs[job_id].model_copy(update=news)

    def _end(self, job_id: str, request: SetupRequest, facts: F, stored: Shop, **news: object) -> None:
        told = {
            "version": stored.version,
            "questions": self._reader.ask(facts, request, stored),
            "ended_at": self._clock(),
        }
        self._advance(job_id, state="done", **told, **news)

    def _fail(self, job_id: str, code: str, message: str, kind: str = "") -> None:
        problem = Problem(code=code, message=message, kind=kind)
        self._advance(job_id, state="failed", ended_at=self._clock(), error=problem)

    def _remember(self, job: Job) -> None:
        self._jobs[job.id] = job
        over = [at.id for at in self._jobs.values() if at.is_over]
        for job_id in over[: max(len(self._jobs) - MAX_REMEMBERED, 0)]:
            del self._jobs[job_id]


def _as_asked(shop: Shop, request: SetupRequest) -> Shop:
    """A shop under the name, number and address the admin gave."""
    given = {
        "phone_number": request.phone_number,
        "business_name": request.business_name,
        "website_url": request.website_url,
        "timezone": request.timezone or shop.timezone,
        "currency": request.currency or shop.currency,
    }
    return shop.model_copy(update=given)
