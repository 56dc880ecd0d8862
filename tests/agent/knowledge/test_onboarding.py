"""A website becomes a shop through the whole of onboarding: real pages, a real store, an extractor of our own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from price_list import Prices, read_prices
from website import Names, Website, limits, links, open_website, page

from agent.bus.local import LocalBus
from agent.errors import ChairsideError, NotFound, StoreError
from agent.events import AnyEvent
from agent.knowledge.address_guard import AddressGuard
from agent.knowledge.approval import Approval
from agent.knowledge.jobs import Job, SetupRequest
from agent.knowledge.onboarding import Onboarding, Pages, Reader
from agent.knowledge.scrape import Scraper
from agent.knowledge.shelf import PlainShelf
from agent.knowledge.workshop import apart
from agent.model import Service, Shop
from agent.stores.embedded import EmbeddedStore

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

MENU = "<ul><li>Cut: 45</li><li>Balayage: 180</li></ul>"


async def extract(pages: Pages) -> Prices:
    return read_prices(pages)


def compose(found: Prices, request: SetupRequest, current: Shop | None) -> Shop:
    return Shop(
        location_id=request.location_id,
        business_name=request.business_name,
        phone_number=request.phone_number,
        website_url=request.website_url,
        timezone=current.timezone if current else "Pacific/Honolulu",
        currency="USD",
        services=tuple(Service(name=name, price=Decimal(price)) for name, price in found.items()),
    )


@dataclass
class Office:
    """Onboarding over a real store and a real website."""

    site: Website
    store: EmbeddedStore
    onboarding: Onboarding[Prices]
    approval: Approval
    events: list[AnyEvent]

    def request(self, location_id: int = 1, **changes: object) -> SetupRequest:
        asked = {
            "location_id": location_id,
            "phone_number": f"+1808482629{location_id}",
            "website_url": self.site.url,
            "business_name": "Plumeria",
        }
        return SetupRequest.model_validate({**asked, **changes})

    async def set_up(self, location_id: int = 1, **changes: object) -> Job:
        job = await self.onboarding.start(self.request(location_id, **changes))
        return await self.onboarding.finished(job.id)

    async def stored(self, location_id: int = 1) -> Shop:
        shop = await self.store.get_location_knowledge(location_id)
        assert shop is not None
        return shop


@asynccontextmanager
async def open_office(folder: Path, reader: Reader[Prices] | None = None) -> AsyncGenerator[Office]:
    bus, events = LocalBus(), list[AnyEvent]()
    scraper = Scraper(limits(), AddressGuard(Names().resolve, allow_loopback=True), contact="https://phones.example")
    async with open_website() as site, EmbeddedStore.open(folder / "shops.db") as store, bus.subscribe() as published:

        async def listen() -> None:
            async for event in published:
                events.append(event)

        listening = asyncio.create_task(listen())
        shelf = PlainShelf[Prices](store, bus, lambda: NOON)
        site.at = {"/": page(links("/prices")), "/prices": page(MENU)}
        async with Onboarding(
            store, shelf, scraper, reader or Reader(extract, compose), clock=lambda: NOON
        ) as onboarding:
            approval = Approval(store, bus, clock=lambda: NOON)
            yield Office(site, store, onboarding, approval, events)
        listening.cancel()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncGenerator[Office]:
    async with open_office(tmp_path) as opened:
        yield opened


async def test_a_website_becomes_a_shop(office: Office) -> None:
    job = await office.set_up()
    assert (job.state, job.outcome, job.version, job.error) == ("done", "stored", 1, None)
    assert (job.pages_read, job.missing, job.ended_at) == (2, (), NOON)
    shop = await office.stored()
    assert [(at.name, at.price) for at in shop.services] == [("Cut", 45), ("Balayage", 180)]
    assert [event.type for event in office.events] == ["shop.changed"]


async def test_progress_can_be_watched(office: Office) -> None:
    go_on = asyncio.Event()

    async def waits(_: web.Request) -> web.Response:
        await go_on.wait()
        return web.Response(text=page(MENU), content_type="text/html")

    office.site.at["/prices"] = waits
    job = await office.onboarding.start(office.request())
    assert job.state == "queued"
    while (now := office.onboarding.job(job.id)) is not None and not now.pages_read:
        await asyncio.sleep(0.01)
    assert now is not None
    assert (now.state, now.pages_read, now.pages_wanted) == ("fetching", 1, 2)
    go_on.set()
    assert (await office.onboarding.finished(job.id)).state == "done"


async def test_a_second_time_changes_nothing(office: Office) -> None:
    await office.set_up()
    job = await office.set_up()
    assert (job.outcome, job.version, job.proposal) == ("unchanged", 1, None)
    assert len(office.events) == 1


async def test_two_at_once_are_one(office: Office) -> None:
    jobs = await asyncio.gather(*(office.onboarding.start(office.request()) for _ in range(5)))
    assert len({job.id for job in jobs}) == 1
    await office.onboarding.finished(jobs[0].id)
    assert office.site.paths.count("/prices") == 1
    assert (await office.stored()).version == 1


async def test_two_shops_at_once_do_not_wait_for_each_other(office: Office) -> None:
    jobs = await asyncio.gather(office.set_up(1), office.set_up(2), office.set_up(3))
    assert [job.outcome for job in jobs] == ["stored"] * 3


async def test_something_else_for_the_same_shop_has_to_wait(office: Office) -> None:
    await office.onboarding.start(office.request())
    with pytest.raises(ChairsideError) as refused:
        await office.onboarding.start(office.request(website_url="https://other.example"))
    assert refused.value.code == "setup_running"


async def test_what_the_site_says_anew_is_proposed(office: Office) -> None:
    await office.set_up()
    office.site.at["/prices"] = page("<li>Cut: 50</li><li>Toner: 20</li>")
    job = await office.set_up()
    assert (job.outcome, job.version) == ("proposed", 1)
    assert job.proposal is not None
    assert [(at.kind, at.key) for at in job.proposal.changes] == [
        ("changed", "cut"),
        ("added", "toner"),
        ("removed", "balayage"),
    ]
    assert (await office.stored()).version == 1
    assert await office.approval.open_proposal(1) == job.proposal
    again = await office.set_up()
    assert again.proposal is not None
    assert again.proposal.changes == job.proposal.changes
    assert await office.approval.open_proposal(1) == again.proposal
    taken = await office.set_up(accept_changes=True)
    assert (taken.outcome, taken.version) == ("stored", 2)
    assert [(at.name, at.price) for at in (await office.stored()).services] == [("Cut", 50), ("Toner", 20)]
    assert await office.approval.open_proposal(1) is None


async def test_an_owners_edit_is_not_undone(office: Office) -> None:
    await office.set_up()
    shop = await office.stored()
    edited = shop.model_copy(update={"services": (*shop.services[:1], Service(name="Balayage", price=Decimal(200)))})
    await office.store.store_knowledge("location_1", edited.model_copy(update={"greeting": "Aloha!"}))
    job = await office.set_up(accept_changes=True)
    assert job.outcome == "unchanged"
    assert (await office.stored()).services[1].price == 200
    office.site.at["/prices"] = page("<li>Cut: 50</li><li>Balayage: 180</li>")
    job = await office.set_up(accept_changes=True)
    shop = await office.stored()
    assert ([at.price for at in shop.services], shop.greeting) == ([50, 200], "Aloha!")


async def test_the_admins_own_words_need_no_approval(office: Office) -> None:
    await office.set_up()
    office.site.at["/prices"] = page("<li>Cut: 50</li>")
    job = await office.set_up(phone_number="+18085550123", business_name="Plumeria Hair")
    shop = await office.stored()
    assert (job.outcome, job.version, shop.version) == ("proposed", 2, 2)
    assert (shop.phone_number, shop.business_name, len(shop.services)) == ("+18085550123", "Plumeria Hair", 2)
    assert job.proposal is not None
    assert job.proposal.based_on == 2


OWNER = {
    "greeting": "Aloha!",
    "transfer_to": "+18085550142",
    "services": [{"name": "balayage", "minutes": 150, "staff": ["Ana"]}],
}


async def test_the_owners_facts_stand_beside_the_websites_and_stay(office: Office) -> None:
    job = await office.set_up(owner=OWNER)
    assert (job.outcome, job.version) == ("stored", 1)
    shop = await office.stored()
    assert (shop.greeting, shop.transfer_to) == ("Aloha!", "+18085550142")
    assert [(at.minutes, at.staff) for at in shop.services] == [(None, ()), (150, ("Ana",))]
    for again in (await office.set_up(), await office.set_up(owner=OWNER), await office.set_up(accept_changes=True)):
        assert (again.outcome, again.version, again.proposal) == ("unchanged", 1, None)


async def test_the_owners_facts_need_no_approval_and_undo_no_edit(office: Office) -> None:
    await office.set_up()
    shop = await office.stored()
    edited = shop.model_copy(update={"services": (*shop.services[:1], Service(name="Balayage", price=Decimal(200)))})
    await office.store.store_knowledge("location_1", edited)
    office.site.at["/prices"] = page("<li>Cut: 50</li><li>Balayage: 180</li>")
    job = await office.set_up(owner=OWNER)
    shop = await office.stored()
    assert (job.outcome, shop.greeting, shop.services[1].minutes) == ("proposed", "Aloha!", 150)
    assert [at.price for at in shop.services] == [45, 200]
    assert job.proposal is not None
    assert [at.key for at in job.proposal.changes] == ["cut"]
    taken = await office.set_up(owner=OWNER, accept_changes=True)
    shop = await office.stored()
    assert (taken.outcome, [at.price for at in shop.services]) == ("stored", [50, 200])
    assert (shop.greeting, shop.services[1].minutes) == ("Aloha!", 150)


async def test_a_service_that_comes_with_the_changes_has_its_facts_from_the_start(office: Office) -> None:
    await office.set_up()
    office.site.at["/prices"] = page(MENU.replace("</ul>", "<li>Toner: 20</li></ul>"))
    owner = {"services": [{"name": "Toner", "minutes": 20}]}
    early = await office.set_up(owner=owner)
    assert early.error is not None
    assert (early.error.code, (await office.stored()).version) == ("owner_service_unknown", 1)
    assert (await office.set_up(owner=owner, accept_changes=True)).outcome == "stored"
    assert [at.minutes for at in (await office.stored()).services] == [None, None, 20]


@pytest.mark.parametrize(
    ("owner", "code"),
    [
        ({"services": [{"name": "Perm", "minutes": 90}]}, "owner_service_unknown"),
        ({"professionals": [{"name": "Ana", "role": "owner"}]}, "owner_professional_unknown"),
        ({"transfer_to": "+18084826291"}, "owner_transfer_invalid"),
    ],
)
async def test_an_owners_fact_without_a_place_stores_nothing(
    office: Office, owner: dict[str, object], code: str
) -> None:
    job = await office.set_up(owner=owner)
    assert job.error is not None
    assert (job.state, job.error.code) == ("failed", code)
    assert await office.store.list_shops() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"phone_number": "+18084826291"}, "phone_number_taken"),
        ({"website_url": "ftp://x.example"}, "scheme_refused"),
        ({"website_url": "not a website"}, "url_invalid"),
    ],
)
async def test_what_can_be_refused_at_once_is(office: Office, changes: dict[str, object], code: str) -> None:
    await office.set_up(1)
    asked = len(office.site.asked)
    with pytest.raises(ChairsideError) as refused:
        await office.onboarding.start(office.request(2, **changes))
    assert refused.value.code == code
    assert len(office.site.asked) == asked
    assert await office.store.get_location_knowledge(2) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [("<p>No prices today</p>", "menu_empty"), ("<p>break down</p>", "setup_broke")],
)
async def test_pages_that_make_no_shop(office: Office, body: str, code: str) -> None:
    office.site.at = {"/": page(body)}
    job = await office.set_up()
    assert job.error is not None
    assert (job.state, job.error.code, job.version) == ("failed", code, None)
    assert await office.store.list_shops() == []
    assert office.events == []


async def test_a_site_that_fails_fails_the_job_and_leaves_the_shop(office: Office) -> None:
    await office.set_up()
    office.site.at = {}
    job = await office.set_up()
    assert job.error is not None
    assert (job.state, job.error.code, job.error.kind) == ("failed", "not_found", "ScrapeError")
    assert (await office.stored()).version == 1
    office.site.at = {"/": page(MENU)}
    assert (await office.set_up()).state == "done"


async def test_a_number_two_shops_want_at_once_goes_to_one(office: Office) -> None:
    jobs = await asyncio.gather(*(office.set_up(at, phone_number="+18085550199") for at in (1, 2)))
    assert sorted(job.state for job in jobs) == ["done", "failed"]
    failed = next(job for job in jobs if job.state == "failed")
    assert failed.error is not None
    assert failed.error.code == "phone_number_taken"
    assert await office.store.get_location_knowledge(failed.location_id) is None


async def test_pages_that_are_missing_are_named(office: Office) -> None:
    office.site.at["/"] = page(links("/prices", "/team"))
    job = await office.set_up()
    assert [(at.code, at.url.rpartition("/")[2]) for at in job.missing] == [("not_found", "team")]


async def test_stopping_stores_nothing_and_says_so(tmp_path: Path) -> None:
    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with open_office(tmp_path) as office:
        office.site.at["/prices"] = never
        jobs = [await office.onboarding.start(office.request(at)) for at in range(1, 6)]
        while not office.site.paths:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(2):
            await office.onboarding.__aexit__(None, None, None)
        ended = [office.onboarding.job(job.id) for job in jobs]
        assert {job.error.code for job in ended if job is not None and job.error is not None} == {"server_stopping"}
        assert await office.store.list_shops() == []


async def test_an_unknown_job(office: Office) -> None:
    with pytest.raises(NotFound):
        await office.onboarding.finished("nobody")


class Elsewhere(PlainShelf[Prices]):
    """A backend where salons are registered before, and which is in trouble when it should store."""

    async def is_known(self, location_id: int) -> bool:
        return location_id == 1

    async def put(self, shop: Shop, scraped: Shop | None, facts: Prices | None) -> Shop:  # noqa: ARG002
        raise StoreError("store_broken", "The store is in trouble.")


async def test_a_shelf_that_knows_its_locations_and_one_that_fails(office: Office, tmp_path: Path) -> None:
    shelf = Elsewhere(office.store, LocalBus(), lambda: NOON)
    scraper = Scraper(limits(), AddressGuard(Names().resolve, allow_loopback=True), contact="x")
    async with Onboarding(office.store, shelf, scraper, Reader(extract, compose), clock=lambda: NOON) as onboarding:
        with pytest.raises(NotFound) as refused:
            await onboarding.start(office.request(2))
        assert refused.value.code == "location_unknown"
        job = await onboarding.finished((await onboarding.start(office.request(1))).id)
        assert job.error is not None
        assert job.error.code == "store_broken"


async def test_an_extractor_apart(tmp_path: Path) -> None:
    reader = Reader(partial(apart, read_prices, gives=Prices, timeout_s=20.0), compose)
    async with open_office(tmp_path, reader) as office:
        assert (await office.set_up()).outcome == "stored"
        office.site.at["/"] = page("<p>break down</p>")
        job = await office.set_up(2)
        assert job.error is not None
        assert job.error.code == "reading_failed"


async def test_an_extractor_that_never_ends_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ChairsideError) as failed:
        await apart(time.sleep, 60.0, gives=type(None), timeout_s=0.3)
    assert failed.value.code == "reading_timed_out"


async def test_the_process_that_reads_pages_knows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert await apart(os.getenv, "OPENAI_API_KEY", gives=type(None), timeout_s=20.0) is None
