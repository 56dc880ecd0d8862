"""What the doctor says of a store, an outbox and a Redis, well and ill: real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import rig.redis
from house import PLUMERIA
from pydantic import SecretStr

from agent.model import CallRecord
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from agent.stores.letters import letter
from agent.stores.outbox_file import OutboxFile
from agent.wiring import outbox_path
from scripts.doctor import Finding, look_at_outbox, look_at_redis, look_at_store, without_password

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALL = CallRecord(call_sid="CA1", location_id=1, caller="anonymous", called="+18084826296", started_at=NOON)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(supabase_url="", redis_url=SecretStr(""), database_path=tmp_path / "chairside.db")


def looks(*findings: Finding) -> list[tuple[str, str, bool]]:
    return [(at.name, at.state, bool(at.remedy)) for at in findings]


async def test_a_store_that_answers_is_green_and_so_are_its_shops(settings: Settings):
    async with EmbeddedStore.open(settings.database_path) as store:
        await store.store_knowledge("location_1", PLUMERIA)
    findings, shops = await look_at_store(settings)
    assert looks(*findings) == [("store", "green", False), ("shops", "green", False)]
    assert [shop.location_id for shop in shops] == [1]


async def test_a_store_without_shops_one_that_is_none_and_one_that_is_away_are_red_with_a_remedy(settings: Settings):
    assert looks(*(await look_at_store(settings))[0]) == [("store", "red", True)]
    async with EmbeddedStore.open(settings.database_path):
        pass
    assert looks(*(await look_at_store(settings))[0]) == [("store", "green", False), ("shops", "red", True)]
    settings.database_path.write_bytes(b"no database" * 1000)
    assert looks(*(await look_at_store(settings))[0]) == [("store", "red", True)]
    secret = SecretStr("sb_secret_x")
    away = settings.model_copy(update={"supabase_url": "http://127.0.0.1:9", "supabase_secret_key": secret})
    (finding,), _ = await look_at_store(away)
    assert finding.state == "red"
    assert "SUPABASE_URL" in finding.remedy


async def test_an_outbox_is_red_when_writes_wait_for_long_or_can_never_be_stored(settings: Settings):
    assert (await look_at_outbox(settings, NOON)).state == "green"
    async with OutboxFile.open(outbox_path(settings)) as file:
        await file.put(letter("open_call", CALL), NOON)
        assert (await look_at_outbox(settings, NOON + timedelta(minutes=1))).state == "green"
        late = await look_at_outbox(settings, NOON + timedelta(minutes=10))
        assert looks(late) == [("outbox", "red", True)]
        assert "10 minutes" in late.detail
        first = await file.first("CA1")
        assert first is not None
        await file.set_aside(first.id, "because")
    assert looks(await look_at_outbox(settings, NOON)) == [("outbox", "red", True)]


async def test_redis_is_green_when_a_message_comes_back(settings: Settings, tmp_path: Path):
    assert looks(await look_at_redis(settings)) == [("redis", "not checked", False)]
    with rig.redis.running(tmp_path) as server:
        there = settings.model_copy(update={"redis_url": SecretStr(server.url)})
        assert looks(await look_at_redis(there)) == [("redis", "green", False)]
    assert looks(await look_at_redis(there)) == [("redis", "red", True)]


def test_no_password_is_told():
    assert without_password("no way to x:hidden@host", "redis://x:hidden@host/0") == "no way to x:***@host"
