"""Which store the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rig.project import Project

from agent.errors import Denied, SettingsError, StoreError, Unavailable
from agent.settings import Settings
from agent.stores.choice import open_store
from agent.stores.embedded import EmbeddedStore
from agent.stores.supabase import SupabaseStore
from agent.wiring import check_store


def settings(tmp_path: Path, **named: Any) -> Settings:
    return Settings(database_path=tmp_path / "chairside.db", **{"supabase_url": "", **named})


async def test_a_file_unless_a_project_is_named(tmp_path: Path, supabase_project: Project):
    supabase_project.empty()
    key = SecretStr(supabase_project.gateway.secret_key)
    async with open_store(settings(tmp_path)) as store:
        assert isinstance(store, EmbeddedStore)
    async with open_store(
        settings(tmp_path, supabase_url=supabase_project.url + "/", supabase_secret_key=key)
    ) as store:
        assert isinstance(store, SupabaseStore)
        assert await store.get_location_knowledge(7) is None


@pytest.mark.parametrize(
    ("url", "key", "error"),
    [
        (None, "", SettingsError),
        (None, "publishable_key", SettingsError),
        (None, "sb_secret_wrong", Denied),
        ("http://127.0.0.1:9", "secret_key", Unavailable),
        ("nowhere", "secret_key", SettingsError),
    ],
)
async def test_a_server_that_could_not_use_its_project_does_not_start(
    tmp_path: Path,
    supabase_project: Project,
    url: str | None,
    key: str,
    error: type[StoreError] | type[SettingsError],
):
    secret = SecretStr(getattr(supabase_project.gateway, key, key) if key else "")
    with pytest.raises(error):
        await check_store(settings(tmp_path, supabase_url=url or supabase_project.url, supabase_secret_key=secret))
    assert not (tmp_path / "chairside.db").exists()
