"""What is Supabase's own: keys, refusals, outages, projects that are not ready for us."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
import rig.project
from rig.gateway import Fault
from rig.postgres import Cluster
from rig.project import Project

from agent.errors import Conflict, Denied, NotFound, SettingsError, StoreError, Unavailable, Unreadable
from agent.model import CallRecord, Message, Proposal, SalonInfo, ScrapedService, Shop, Source, Turn
from agent.stores.supabase import SupabaseStore

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOP = Shop(
    location_id=1, business_name="Plumeria", phone_number="+18084826296", timezone="Pacific/Honolulu", currency="USD"
)
CALL = CallRecord(call_sid="CA1", location_id=1, caller="anonymous", called="+18084826296", started_at=NOON)
TURN = Turn(call_sid="CA1", location_id=1, index=1, heard="hello", at=NOON)
MESSAGE = Message(call_sid="CA1", location_id=1, tool_call_id="call_1", text="Ring me", at=NOON)
PROPOSAL = Proposal(
    id="00000000-0000-4000-8000-00000000000a", location_id=1, based_on=1, changes=(), created_at=NOON, scraped=SHOP
)
CUT = ScrapedService(service_name="Cut", price=Decimal(40), source=Source(url="https://salon.example"))

Verb = Callable[[SupabaseStore], Coroutine[Any, Any, object]]
READS: dict[str, Verb] = {
    "get_location_from_phone_number": lambda store: store.get_location_from_phone_number("+18084826296"),
    "get_location_knowledge": lambda store: store.get_location_knowledge(1),
    "list_shops": lambda store: store.list_shops(),
    "get_knowledge_versions": lambda store: store.get_knowledge_versions(),
    "get_knowledge_version": lambda store: store.get_knowledge_version(1),
    "get_version_from_phone_number": lambda store: store.get_version_from_phone_number("+18084826296"),
    "get_all_knowledge": lambda store: anext(store.get_all_knowledge(), None),
    "get_all_knowledge of some": lambda store: anext(store.get_all_knowledge([1]), None),
    "get_scraped_services": lambda store: store.get_scraped_services(1),
    "get_scraped_professionals": lambda store: store.get_scraped_professionals(1),
    "get_salon_info": lambda store: store.get_salon_info(1),
    "get_open_proposal": lambda store: store.get_open_proposal(1),
    "get_proposal": lambda store: store.get_proposal(1, PROPOSAL.id),
    "get_approved_scrape": lambda store: store.get_approved_scrape(1),
    "get_call": lambda store: store.get_call(1, "CA1"),
    "recent_calls": lambda store: store.recent_calls(1),
    "get_turns": lambda store: store.get_turns(1, "CA1"),
    "get_messages": lambda store: store.get_messages(1),
}
WRITES: dict[str, Verb] = {
    "store_knowledge": lambda store: store.store_knowledge("location_1", SHOP),
    "insert_scraped_services": lambda store: store.insert_scraped_services(1, [CUT]),
    "insert_scraped_professionals": lambda store: store.insert_scraped_professionals(1, []),
    "insert_salon_info": lambda store: store.insert_salon_info(1, SalonInfo()),
    "propose": lambda store: store.propose(PROPOSAL),
    "store_approved": lambda store: store.store_approved(SHOP, SHOP),
    "open_call": lambda store: store.open_call(CALL),
    "add_turn": lambda store: store.add_turn(TURN),
    "close_call": lambda store: store.close_call(1, "CA1", ended_at=NOON, reason="failed", greeting=""),
    "conclude_call": lambda store: store.conclude_call(
        1, "CA1", outcome="question", summary="", mismatches=[], unanswered=[]
    ),
    "take_message": lambda store: store.take_message(MESSAGE),
}
VERBS = READS | WRITES | {"decide": lambda store: store.decide(PROPOSAL, None, SHOP)}


@pytest.fixture
def project(supabase_project: Project) -> Project:
    supabase_project.empty()
    return supabase_project


@pytest.fixture
async def store(project: Project) -> AsyncIterator[SupabaseStore]:
    async with SupabaseStore.open(project.url, project.gateway.secret_key) as opened:
        yield opened


# Keys


async def test_a_secret_key_and_the_older_service_role_key_both_open(project: Project):
    for key in (project.gateway.secret_key, project.gateway.service_role_key):
        async with SupabaseStore.open(project.url, key) as store:
            assert await store.list_shops() == []


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("publishable_key", "publishable key"),
        ("anon_key", "role 'anon'"),
        ("", "not a key"),
        ("eyJ.x.y", "not a key"),
        ("postgres", "not a key"),
    ],
)
async def test_a_key_that_row_level_security_binds_is_refused_before_anything_is_asked(
    project: Project, key: str, why: str
):
    before = project.gateway.requests
    with pytest.raises(SettingsError) as refused:
        async with SupabaseStore.open(project.url, getattr(project.gateway, key, key)):
            pass
    assert why in refused.value.message
    assert "SUPABASE_SECRET_KEY" in refused.value.message
    assert project.gateway.requests == before


@pytest.mark.parametrize("url", ["project.supabase.co", "ftp://project", "https://", "http://[::1"])
async def test_an_address_that_is_none_is_refused(project: Project, url: str):
    with pytest.raises(SettingsError) as refused:
        async with SupabaseStore.open(url, project.gateway.secret_key):
            pass
    assert "SUPABASE_URL" in refused.value.message


async def test_a_wrong_secret_key_is_denied(project: Project):
    wrong = "sb_secret_of_another_project"
    async with SupabaseStore.open(project.url, wrong) as store:
        for verb in VERBS.values():
            with pytest.raises(Denied) as refused:
                await verb(store)
            assert refused.value.code == "store_denied"
            assert wrong not in str(refused.value)


# Outages


@pytest.mark.parametrize("fault", ["503", "html502", "html200", "hang"])
async def test_an_outage_is_unavailable_at_once_and_nothing_is_tried_twice(project: Project, fault: Fault):
    async with SupabaseStore.open(project.url, project.gateway.secret_key, timeout_s=0.2) as store:
        for name, verb in VERBS.items():
            before, began = project.gateway.requests, time.monotonic()
            project.gateway.faults.append(fault)
            with pytest.raises(Unavailable):
                await verb(store)
            assert time.monotonic() - began < 0.9, name
            assert project.gateway.requests == before + 1, name


@pytest.mark.parametrize("verb", WRITES)
async def test_a_write_whose_answer_was_lost_is_repeated_without_harm(
    project: Project, store: SupabaseStore, verb: str
):
    if verb in ("add_turn", "close_call", "conclude_call"):
        await store.open_call(CALL)
    with project.connect() as database:
        project.gateway.faults.append("lost answer")
        with pytest.raises(Unavailable):
            await WRITES[verb](store)
        await WRITES[verb](store)
        for table in rig.project.table_names(database):
            assert len(database.execute(f"select from {table}".encode()).fetchall()) <= 1, table
        assert database.execute("select version from salon_static_data where version > 1").fetchall() == []


async def test_an_address_nobody_answers_is_unavailable(project: Project):
    async with SupabaseStore.open("http://127.0.0.1:9", project.gateway.secret_key) as store:
        with pytest.raises(Unavailable) as refused:
            await store.list_shops()
    assert refused.value.code == "store_unreachable"


async def test_a_closed_store_is_unavailable(project: Project):
    async with SupabaseStore.open(project.url, project.gateway.secret_key) as store:
        await store.list_shops()
    for verb in VERBS.values():
        with pytest.raises(Unavailable) as refused:
            await verb(store)
        assert refused.value.code == "store_closed"


# Refusals


async def test_a_failed_scrape_leaves_the_last_one(store: SupabaseStore):
    await store.insert_scraped_services(1, [CUT])
    dear = CUT.model_copy(update={"price": Decimal("99999999999")})
    with pytest.raises(Conflict) as refused:
        await store.insert_scraped_services(1, [CUT, CUT, dear])
    assert refused.value.code == "number_too_large"
    assert await store.get_scraped_services(1) == [CUT]


async def test_refusals_have_the_codes_of_the_embedded_store(store: SupabaseStore):
    await store.store_knowledge("location_1", SHOP)
    other = SHOP.model_copy(update={"location_id": 2})
    for code, kind, verb in (
        ("phone_number_taken", Conflict, store.store_knowledge("location_2", other)),
        ("key_mismatch", Conflict, store.store_knowledge("location_2", SHOP)),
        ("row_unknown", NotFound, store.add_turn(TURN)),
        ("call_unknown", NotFound, WRITES["close_call"](store)),
        ("number_too_large", Conflict, store.get_call(2**70, "CA1")),
    ):
        with pytest.raises(kind) as refused:
            await verb
        assert refused.value.code == code
    with pytest.raises(Conflict):
        await store.take_message(MESSAGE.model_copy(update={"text": "zero \0 byte"}))


async def test_the_database_too_refuses_a_key_that_is_not_the_shops(project: Project):
    body = {"p_key": "location_2", "p_data": SHOP.model_dump(mode="json")}
    async with httpx.AsyncClient(headers={"apikey": project.gateway.secret_key}) as http:
        answer = await http.post(f"{project.url}/rest/v1/rpc/store_knowledge", json=body)
    assert (answer.status_code, answer.json()["details"]) == (409, "key_mismatch")


async def test_a_missing_grant_is_denied(project: Project, store: SupabaseStore):
    with project.connect() as database:
        database.execute("revoke select on messages from service_role")
        try:
            with pytest.raises(Denied):
                await store.get_messages(1)
        finally:
            database.execute("grant select on messages to service_role")


async def test_one_shop_that_cannot_be_read_comes_as_an_error_among_the_others(project: Project, store: SupabaseStore):
    for number in range(1, 61):
        shop = SHOP.model_copy(update={"location_id": number, "phone_number": f"+1808555{number:04d}"})
        await store.store_knowledge(f"location_{number}", shop)
    with project.connect() as database:
        database.execute("update salon_static_data set data = data - 'currency', version = 4 where location_id = 7")
        database.execute("insert into salon_static_data (key, data) values ('location_90', '{\"theirs\": 1}')")
    found = [shop async for shop in store.get_all_knowledge()]

    assert [shop.location_id for shop in found] == list(range(1, 61))
    assert [(shop.location_id, shop.version) for shop in found if isinstance(shop, Unreadable)] == [(7, 4)]
    assert await store.get_knowledge_versions() == dict.fromkeys(range(1, 61), 1) | {7: 4}


async def test_what_cannot_be_read_is_a_store_error_and_can_be_replaced(project: Project, store: SupabaseStore):
    await store.store_approved(SHOP, SHOP)
    await store.propose(PROPOSAL)
    await store.open_call(CALL)
    with project.connect() as database:
        database.execute("""update approved_scrapes set data = '{}'""")
        database.execute("""update knowledge_proposals set data = '[]'""")
        database.execute("""update salon_static_data set data = '{"location_id": 1}'""")
        database.execute("update customer_interactions set called = 'nobody'")
    for name in (
        *("get_location_knowledge", "list_shops", "get_call"),
        *("get_open_proposal", "get_proposal", "get_approved_scrape"),
    ):
        with pytest.raises(StoreError) as refused:
            await READS[name](store)
        assert refused.value.code.startswith("stored_")
        assert refused.value.code.endswith("_unreadable")
    assert (await store.store_knowledge("location_1", SHOP)).version == 2


# Projects


async def test_a_project_without_our_tables_says_so_until_the_migrations_are_applied(postgres: Cluster):
    with rig.project.running(postgres, "bare") as project:
        async with SupabaseStore.open(project.url, project.gateway.secret_key) as store:
            for verb in VERBS.values():
                with pytest.raises(Unavailable) as refused:
                    await verb(store)
                assert refused.value.code == "schema_missing", refused.value
            with project.connect() as database:
                rig.project.migrate(database)
            for name in (name for name in VERBS if name not in ("add_turn", "close_call", "conclude_call", "decide")):
                await _once_known(store, VERBS[name])


async def _once_known(store: SupabaseStore, verb: Verb) -> None:
    """PostgREST looks at the schema anew because each migration tells it to; it needs no restart."""
    deadline = time.monotonic() + 5
    while True:
        try:
            await verb(store)
            return
        except Unavailable:
            assert time.monotonic() < deadline


async def test_a_project_that_makes_its_salons_itself_has_to_number_them(existing_project: Project):
    """There a profile is a login, which we cannot make."""
    async with SupabaseStore.open(existing_project.url, existing_project.gateway.secret_key) as store:
        shop = SHOP.model_copy(update={"location_id": 7, "phone_number": "+18085550107"})
        with pytest.raises(NotFound) as refused:
            await store.store_knowledge("location_7", shop)
        assert refused.value.code == "location_unknown"
        assert "profiles location_id 7" in refused.value.message
        assert await store.get_location_knowledge(7) is None

        with existing_project.connect() as database:
            login = "00000000-0000-4000-8000-000000000007"
            database.execute("insert into auth.users values (%s)", [login])
            database.execute("insert into profiles (id, location_id) values (%s, 7)", [login])
        assert (await store.store_knowledge("location_7", shop)).version == 1
        assert [listing.location_id for listing in await store.list_shops()] == [7]
        await store.open_call(CALL.model_copy(update={"location_id": 7, "call_sid": "CA7"}))
        assert [call.call_sid for call in await store.recent_calls(7)] == ["CA7"]
        with existing_project.connect() as database:
            kept = database.execute("select salon_id::text from customer_interactions where call_sid = 'CA7'")
            assert kept.fetchone() == (login,)
            for table in ("customer_interactions", "salon_static_data", "phone_numbers", "profiles"):
                database.execute(f"delete from {table} where location_id = 7".encode())
