"""What every backend of Proposals promises (`agent.ports.Proposals`)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from agent.bus.local import LocalBus
from agent.errors import ChairsideError, Conflict, NotFound
from agent.knowledge.approval import Approval, Shops, Verdicts
from agent.knowledge.proposals import diff
from agent.model import Change, Decision, Proposal, Service, Shop, Source

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOP = Shop(
    location_id=1,
    business_name="Plumeria Hair",
    phone_number="+18084826296",
    timezone="Pacific/Honolulu",
    currency="USD",
    services=(Service(name="Cut", price=Decimal("45")),),
)
OTHER = SHOP.model_copy(update={"location_id": 2, "phone_number": "+442079460123"})
SCRAPED = SHOP.model_copy(update={"services": (Service(name="Cut", price=Decimal("50")), Service(name="Toner"))})
CUT = Change(
    id="services:cut",
    subject="services",
    key="cut",
    kind="changed",
    before={"name": "Cut", "price": "45.00", "staff": []},
    after={"name": "Cut", "price": "50.00", "staff": ["Ana"]},
    source=Source(url="https://plumeria.example/menu", quote="Cut … $50 🌺", confidence=0.9),
)
TUESDAY = Change(id="hours:tue", subject="hours", key="tue", kind="removed", before=[{"opens": "09:00"}], after=None)


def proposed(**changes: object) -> Proposal:
    """A proposal of its own id."""
    fields = {"id": str(uuid4()), "location_id": 1, "based_on": 1, "changes": (CUT, TUESDAY), "created_at": NOON}
    return Proposal.model_validate({**fields, "scraped": SCRAPED, **changes})


def said(proposal: Proposal, *verdicts: str, state: str = "approved") -> Proposal:
    """As it is when each change got a verdict."""
    changes = tuple(
        change.model_copy(update={"decision": verdict and Decision(verdict=verdict, by="admin", at=NOON)})
        for change, verdict in zip(proposal.changes, verdicts, strict=True)
    )
    news = {"changes": changes, "state": state}
    if state != "open":
        news |= {"decided_at": NOON, "decided_by": "admin"}
    return proposal.model_copy(update=news)


def priced(shop: Shop, price: int) -> Shop:
    """Its cut at another price."""
    return shop.model_copy(update={"services": (Service(name="Cut", price=Decimal(price)),)})


@pytest.fixture
async def stored(shops: Shops) -> Shop:
    return await shops.store_approved(SHOP, SHOP)


async def refusal(attempt: object) -> str:
    """The code an attempt is refused with."""
    with pytest.raises(ChairsideError) as refused:
        await attempt  # type: ignore[misc]
    return refused.value.code


async def test_a_proposal_comes_back_exactly_as_it_was_kept(shops: Shops, stored: Shop):
    proposal = proposed()
    await shops.propose(proposal)
    await shops.propose(proposal)

    assert await shops.get_open_proposal(1) == proposal
    assert await shops.get_proposal(1, proposal.id) == proposal
    assert await shops.get_location_knowledge(1) == stored


@pytest.mark.parametrize("name", ["nobody", "", "00000000-0000-4000-8000-000000000000", "🌺"])
async def test_what_was_not_proposed_is_none(shops: Shops, name: str):
    assert await shops.get_open_proposal(1) is None
    assert await shops.get_proposal(1, name) is None
    assert await shops.get_approved_scrape(1) is None


async def test_a_newer_one_supersedes_that_of_its_own_shop(shops: Shops, stored: Shop):
    await shops.store_approved(OTHER, None)
    first, second, other = proposed(), proposed(), proposed(location_id=2, scraped=OTHER)
    for proposal in (first, other, second):
        await shops.propose(proposal)

    assert await shops.get_open_proposal(1) == second
    assert await shops.get_open_proposal(2) == other
    assert await shops.get_proposal(1, first.id) == first.model_copy(update={"state": "superseded"})
    assert await refusal(shops.decide(said(first, "approved", "approved"), SCRAPED, SCRAPED)) == "proposal_outdated"


async def test_another_shops_proposal_is_not_there(shops: Shops, stored: Shop):
    proposal = proposed()
    await shops.propose(proposal)
    stolen = proposal.model_copy(update={"location_id": 2})

    assert await shops.get_proposal(2, proposal.id) is None
    with pytest.raises(NotFound):
        await shops.decide(said(stolen, "rejected", "rejected"), None, OTHER)
    with pytest.raises(Conflict) as refused:
        await shops.propose(stolen)
    assert refused.value.code == "proposal_exists"
    assert await shops.get_open_proposal(1) == proposal


async def test_what_was_approved_is_stored_with_who_and_when_in_one(shops: Shops, stored: Shop):
    proposal = proposed()
    await shops.propose(proposal)
    decided = said(proposal, "approved", "rejected")

    assert await shops.decide(decided, priced(stored, 50), SCRAPED) == 2
    shop = await shops.get_location_knowledge(1)
    assert shop is not None
    assert (shop.version, shop.services[0].price) == (2, 50)
    assert await shops.get_proposal(1, proposal.id) == decided.model_copy(update={"revision": 2})
    assert await shops.get_open_proposal(1) is None
    assert await shops.get_approved_scrape(1) == SCRAPED
    again = decided.model_copy(update={"revision": 2})
    assert await refusal(shops.decide(again, priced(shop, 60), SHOP)) == "proposal_decided"
    assert await shops.get_location_knowledge(1) == shop
    assert await shops.get_approved_scrape(1) == SCRAPED


async def test_what_was_rejected_changes_no_shop(shops: Shops, stored: Shop):
    proposal = proposed()
    await shops.propose(proposal)

    assert await shops.decide(said(proposal, "rejected", "rejected", state="rejected"), None, SCRAPED) == 1
    assert await shops.get_location_knowledge(1) == stored
    assert await shops.get_approved_scrape(1) == SCRAPED


async def test_a_part_leaves_the_rest_open(shops: Shops, stored: Shop):
    proposal = proposed()
    await shops.propose(proposal)
    half = said(proposal, "approved", None, state="open")

    assert await shops.decide(half, priced(stored, 50), SHOP) == 2
    assert await shops.get_open_proposal(1) == half.model_copy(update={"revision": 2})
    late = said(proposal, "approved", "rejected")
    assert await refusal(shops.decide(late, None, SCRAPED)) == "proposal_outdated"
    whole = late.model_copy(update={"revision": 2})
    assert await shops.decide(whole, None, SCRAPED) == 2
    assert await shops.get_open_proposal(1) is None


async def test_a_shop_that_was_changed_meanwhile_is_not_overwritten(shops: Shops, stored: Shop):
    proposal = proposed()
    await shops.propose(proposal)
    edited = await shops.store_knowledge("location_1", stored.model_copy(update={"greeting": "Aloha!"}))

    assert await refusal(shops.decide(said(proposal, "approved", "approved"), priced(stored, 50), SCRAPED)) == (
        "proposal_outdated"
    )
    assert await refusal(shops.store_approved(priced(stored, 50), SCRAPED)) == "shop_changed"
    assert await refusal(shops.store_approved(priced(SHOP, 50), SCRAPED)) == "shop_changed"
    assert await shops.get_location_knowledge(1) == edited
    assert await shops.get_open_proposal(1) == proposal
    assert await shops.get_approved_scrape(1) == SHOP


async def test_of_several_who_decide_at_once_one_is_heard(shops: Shops, stored: Shop):
    proposal = proposed()
    await shops.propose(proposal)
    answers = await asyncio.gather(
        *(
            shops.decide(said(proposal, "approved", "approved"), priced(stored, price), SCRAPED)
            for price in range(60, 68)
        ),
        return_exceptions=True,
    )
    heard = [answer for answer in answers if answer == 2]
    codes = {answer.code for answer in answers if isinstance(answer, ChairsideError)}

    assert len(heard) == 1
    assert codes <= {"proposal_decided", "proposal_outdated"}
    assert len(answers) == 8
    shop = await shops.get_location_knowledge(1)
    assert shop is not None
    assert shop.version == 2


async def test_storing_with_a_scrape_supersedes_what_was_open_and_without_leaves_it(shops: Shops, stored: Shop):
    proposal = proposed()
    await shops.propose(proposal)

    renamed = await shops.store_approved(stored.model_copy(update={"business_name": "Plumeria"}), None)
    assert (renamed.version, await shops.get_open_proposal(1)) == (2, proposal)
    assert await shops.get_approved_scrape(1) == SHOP
    same = await shops.store_approved(renamed, SCRAPED)
    assert (same.version, await shops.get_open_proposal(1)) == (2, None)
    assert await shops.get_approved_scrape(1) == SCRAPED
    again = await shops.store_approved(renamed.model_copy(update={"version": 1}), SCRAPED)
    assert again == renamed


async def test_a_number_of_another_shop_stores_no_scrape_either(shops: Shops, stored: Shop):
    thief = OTHER.model_copy(update={"phone_number": SHOP.phone_number})
    assert await refusal(shops.store_approved(thief, thief)) == "phone_number_taken"
    assert await shops.get_approved_scrape(2) is None
    assert await shops.get_location_knowledge(2) is None


async def test_a_whole_decision_over_either_backend(shops: Shops, stored: Shop):
    """What was read back is still what the changes start from, prices and orders of keys included."""
    found = diff(stored, SCRAPED, last=SHOP)
    await shops.propose(proposed(changes=found.changes))
    approval = Approval(shops, LocalBus(), clock=lambda: NOON)
    waiting = await approval.open_proposal(1)
    assert waiting is not None
    half = await approval.decide(1, waiting.id, Verdicts(approve=("services:cut",)), by="olu")
    assert (half.version, half.proposal) == (2, await approval.open_proposal(1))
    whole = await approval.decide(1, waiting.id, Verdicts(approve="all"), by="admin")

    assert whole.version == 3
    shop = await shops.get_location_knowledge(1)
    assert shop is not None
    assert [(at.name, at.price) for at in shop.services] == [("Cut", 50), ("Toner", None)]
    assert diff(shop, SCRAPED, last=await shops.get_approved_scrape(1)).changes == ()
