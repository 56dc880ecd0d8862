"""A server that tells as much as it can, attacked and phoned: its secrets are in no line and no answer."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
from house import PLUMERIA, new_sid, ticket_in

from agent.emulators.scenario import parse_scenario
from agent.emulators.stage import open_stage
from agent.emulators.vendor import Fault
from agent.knowledge.registry import location_key
from agent.stores.embedded import EmbeddedStore
from tests.servers import free_port, running_server, url_of

VENDORS = ("openai", "cartesia", "deepgram")
ADMIN = "the-admin's-own-token-0123456789"


async def test_no_secret_is_in_a_log_or_an_answer(tmp_path: Path) -> None:
    log, told = tmp_path / "server.log", list[str]()
    async with open_stage() as stage:
        settings = stage.settings(port=free_port(), admin_token=ADMIN, log_level="DEBUG", scrape_with_llm=True)
        async with EmbeddedStore.open(settings.database_path) as store:
            brief = PLUMERIA.model_copy(update={"greeting": "Hello, the automated assistant speaking."})
            await store.store_knowledge(location_key(1), brief)
        async with running_server(settings, log=log), stage.caller(url_of(settings)) as caller:
            form = {"to": PLUMERIA.phone_number, "caller": "+12025550143"}
            ringing = await caller.post("/voice", caller.form(new_sid(), **form))
            for signing in ("none", "wrong"):
                told.append((await caller.post("/voice", caller.form(new_sid(), **form), signing=signing)).text)  # type: ignore[arg-type]
            told += await _asked(url_of(settings), settings.operator_token.get_secret_value())
            steps = [{"say": "How much is a balayage?"}, {"wait": 2}, {"hang_up": True}]
            call = parse_scenario({"name": "call", "steps": steps, **form})
            await caller.call(call)
            stage.order(*(Fault(vendor=at, kind="status", status=401, times=3) for at in VENDORS))
            await caller.call(call)
    secrets = {
        name: value.get_secret_value()
        for name, value in settings
        if hasattr(value, "get_secret_value") and value.get_secret_value()
    }
    secrets["ticket"] = ticket_in(ringing)
    assert len(secrets) >= 7
    lines = log.read_text()
    assert "DEBUG" in lines
    assert len(lines) > 10_000
    for name, secret in secrets.items():
        assert secret not in lines, name
        assert not [text for text in told if secret in text], name


async def _asked(url: str, operator_token: str) -> list[str]:
    """What wrong requests with right secrets in them, and right ones, are told."""
    bearer = {"Authorization": f"Bearer {operator_token}"}
    admin = {"Authorization": f"Bearer {ADMIN}"}
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        answers = [
            await client.post("/login", json={"token": [operator_token]}),
            await client.post(
                "/login", content=json.dumps(operator_token), headers={"Content-Type": "application/json"}
            ),
            await client.get("/shops", headers={"Authorization": f"Bearer {operator_token}x"}),
            await client.get("/me", headers=bearer),
            await client.get("/metrics", headers=bearer),
            await client.get("/health/vendors", headers=bearer),
            await client.get(f"/calls?location_id={operator_token}", headers=admin, follow_redirects=True),
            await client.post("/shop/setup?wait=true", json={"location_id": ADMIN}, headers=admin),
            await client.get("/shop/1/config", headers=admin),
            await client.get("/healthz"),
            await client.get("/readyz"),
        ]
    return [answer.text + str(answer.headers) for answer in answers]
