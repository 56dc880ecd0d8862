"""A website is read again, and somebody says yes or no to what it says anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from test_onboarding import NOON, Office, open_office
from website import page

from agent.bus.local import LocalBus
from agent.errors import ChairsideError
from agent.events import ShopChanged
from agent.knowledge.approval import Approval, Verdicts
from agent.knowledge.composing import compose_shop
from agent.knowledge.extract.facts import SiteFacts
from agent.knowledge.jobs import SetupRequest
from agent.knowledge.proposals import diff
from agent.knowledge.reader import read_site
from agent.knowledge.shelf import StoreShelf
from agent.model import Proposal, Service, Shop, Source
from agent.stores.embedded import EmbeddedStore

DEARER = page("<li>Cut: 50</li><li>Toner: 20</li>")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncGenerator[Office]:
    """Balayage 180 and cut 45 are approved; the site now says cut 50 and toner 20."""
    async with open_office(tmp_path) as opened:
        await opened.set_up()
        opened.site.at["/prices"] = DEARER
        await opened.set_up()
        yield opened


async def waiting(office: Office) -> Proposal:
    proposal = await office.approval.open_proposal(1)
    assert proposal is not None
    return proposal


async def menu(office: Office) -> list[tuple[str, Decimal | None]]:
    return [(service.name, service.price) for service in (await office.stored()).services]


async def test_what_is_approved_is_made_and_announced_and_the_rest_is_not(office: Office):
    proposal = await waiting(office)
    verdicts = Verdicts(approve=("services:cut", "services:toner"), reject=("services:balayage",))
    decided = await office.approval.decide(1, proposal.id, verdicts, by="olu")

    assert (decided.version, decided.proposal.state) == (2, "approved")
    assert await menu(office) == [("Cut", 50), ("Balayage", 180), ("Toner", 20)]
    assert office.events[-1] == ShopChanged(at=NOON, location_id=1, version=2)
    assert await office.approval.open_proposal(1) is None
    again = await office.set_up()
    assert (again.outcome, again.version) == ("unchanged", 2)


async def test_what_is_rejected_is_announced_to_nobody_and_never_asked_again(office: Office):
    proposal = await waiting(office)
    events = len(office.events)
    decided = await office.approval.decide(1, proposal.id, Verdicts(reject="all"), by="olu")

    assert (decided.version, decided.proposal.state, len(office.events)) == (1, "rejected", events)
    assert (await office.set_up()).outcome == "unchanged"


async def test_a_part_may_wait_and_comes_again_with_the_next_look(office: Office):
    proposal = await waiting(office)
    await office.approval.decide(1, proposal.id, Verdicts(approve=("services:cut",)), by="olu")
    assert [change.id for change in (await waiting(office)).undecided] == ["services:toner", "services:balayage"]

    shop = await office.stored()
    services = (Service(name="Cut", price=Decimal(55)), *shop.services[1:])
    await office.store.store_knowledge("location_1", shop.model_copy(update={"services": services}))
    again = await office.set_up()
    assert again.proposal is not None
    assert [change.id for change in again.proposal.changes] == ["services:toner", "services:balayage"]
    with pytest.raises(ChairsideError) as refused:
        await office.approval.decide(1, proposal.id, Verdicts(approve="all"), by="olu")
    assert refused.value.code == "proposal_outdated"
    await office.approval.decide(1, again.proposal.id, Verdicts(approve="all"), by="olu")
    assert await menu(office) == [("Cut", 55), ("Toner", 20)]


async def test_a_change_whose_ground_has_moved_is_outdated_and_the_others_are_not(office: Office):
    proposal = await waiting(office)
    shop = await office.stored()
    services = (Service(name="Cut", price=Decimal(55)), *shop.services[1:])
    await office.store.store_knowledge("location_1", shop.model_copy(update={"services": services}))

    with pytest.raises(ChairsideError) as refused:
        await office.approval.decide(1, proposal.id, Verdicts(approve="all"), by="olu")
    assert refused.value.code == "proposal_outdated"
    assert await waiting(office) == proposal
    assert await menu(office) == [("Cut", 55), ("Balayage", 180)]
    decided = await office.approval.decide(1, proposal.id, Verdicts(approve=("services:toner",)), by="olu")
    assert decided.version == 3
    assert await menu(office) == [("Cut", 55), ("Balayage", 180), ("Toner", 20)]


async def test_two_who_approve_at_once(office: Office):
    proposal = await waiting(office)
    answers = await asyncio.gather(
        *(office.approval.decide(1, proposal.id, Verdicts(approve="all"), by=f"{n}") for n in range(5)),
        return_exceptions=True,
    )
    refusals = [answer.code for answer in answers if isinstance(answer, ChairsideError)]
    assert len(refusals) == 4
    assert set(refusals) <= {"proposal_decided", "proposal_outdated"}
    assert (await office.stored()).version == 2
    assert await menu(office) == [("Cut", 50), ("Toner", 20)]
    assert len([event for event in office.events if event.type == "shop.changed"]) == 2


@pytest.mark.parametrize(
    ("location_id", "proposal_id", "code"),
    [(1, "nobody", "proposal_unknown"), (9, "nobody", "location_unknown"), (2, "", "proposal_unknown")],
)
async def test_what_is_not_there(office: Office, location_id: int, proposal_id: str, code: str):
    office.site.at["/prices"] = page("<li>Cut: 45</li>")
    await office.set_up(2)
    name = proposal_id or (await waiting(office)).id  # that of another shop
    with pytest.raises(ChairsideError) as refused:
        await office.approval.decide(location_id, name, Verdicts(approve="all"), by="olu")
    assert refused.value.code == code


async def test_a_proposal_and_the_approved_scrape_outlive_the_process(tmp_path: Path):
    async with open_office(tmp_path) as office:
        await office.set_up()
        shop = await office.stored()
        services = (shop.services[0], Service(name="Balayage", price=Decimal(200)))  # the owner's own edit
        await office.store.store_knowledge("location_1", shop.model_copy(update={"services": services}))
        office.site.at["/prices"] = page("<li>Cut: 50</li><li>Balayage: 180</li>")
        job = await office.set_up()
    async with EmbeddedStore.open(tmp_path / "shops.db") as store:
        approval = Approval(store, LocalBus(), clock=lambda: NOON)
        proposal = await approval.open_proposal(1)
        assert proposal == job.proposal
        assert proposal is not None
        assert [change.id for change in proposal.changes] == ["services:cut"]
        assert (await approval.decide(1, proposal.id, Verdicts(approve="all"), by="olu")).version == 3
    async with open_office(tmp_path) as office:
        office.site.at["/prices"] = page("<li>Cut: 50</li><li>Balayage: 180</li>")
        job = await office.set_up()  # from another port now, which is the admin's word
        assert (job.error, job.proposal) == (None, None)
        assert [at.price for at in (await office.stored()).services] == [50, 200]


URL = "https://salon.example/"
REQUEST = SetupRequest(location_id=3, phone_number="+18085550188", website_url=URL, business_name="Salon Nova")


def site(balayage: str, extra: str = "") -> SiteFacts:
    """What a page with this price says."""
    return read_site(
        [
            (
                URL,
                f"""<html lang="en"><title>Salon Nova</title><h1>Salon Nova</h1><h2>Colour</h2>
<ul><li>Balayage 150 min from ${balayage}</li><li>Gloss $60</li>{extra}</ul>
<h2>Our team</h2><h3>Ana Lima</h3><p>Owner and colour specialist</p>
<p>Tuesday to Friday 9:00 - 18:00</p></html>""",
            )
        ]
    )


@asynccontextmanager
async def shelf_and_store(folder: Path) -> AsyncGenerator[tuple[StoreShelf, EmbeddedStore]]:
    async with EmbeddedStore.open(folder / "shops.db") as store:
        yield StoreShelf(store, LocalBus(), lambda: datetime.now(UTC)), store


async def test_a_change_tells_the_page_and_the_words_that_say_so(tmp_path: Path):
    async with shelf_and_store(tmp_path) as (shelf, store):
        facts = site("210")
        before = await shelf.put(compose_shop(facts, REQUEST, None), compose_shop(facts, REQUEST, None), facts)
        facts = site("225", "<li>Toner $30</li>")
        after: Shop = compose_shop(facts, REQUEST, before)
        after = after.model_copy(update={"services": tuple(at for at in after.services if at.name != "Gloss")})
        await shelf.propose(diff(before, after), after, facts)
        kept = await store.get_open_proposal(3)

    assert kept is not None
    sources = {change.id: change.source for change in kept.changes}
    assert sources.keys() == {"services:balayage", "services:toner", "services:gloss"}
    assert sources["services:gloss"] is None  # nothing says it any more
    for name, words in (("services:balayage", "225"), ("services:toner", "30")):
        source = sources[name]
        assert isinstance(source, Source)
        assert source.url == URL
        assert words in source.quote
