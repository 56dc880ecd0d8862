"""GET /metrics: what a house counts, read as Prometheus reads it, by who may."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from agent.emulators.scenario import parse_scenario
from agent.events import CallEnded
from tests.calls.conftest import brief
from tests.house import COPPER_LANE, PLUMERIA, open_house


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_call_is_counted_and_timed() -> None:
    steps = [{"say": "How much is a balayage?"}, {"wait": "agent_done"}, {"hang_up": True}]
    scene = {"name": "counted", "to": PLUMERIA.phone_number, "caller": "+12025550177", "steps": steps}
    async with open_house(shops=(brief(PLUMERIA), brief(COPPER_LANE)), operator_token="watch") as house:
        await house.call(parse_scenario(scene))
        await house.event(CallEnded)
        async with httpx.AsyncClient(base_url=house.url) as client:
            assert (await client.get("/metrics")).status_code == 401
            assert (await client.get("/metrics", headers={"Authorization": "Bearer guess"})).status_code == 401
            answer = await client.get("/metrics", headers={"Authorization": "Bearer watch"})
            vendors = await client.get("/health/vendors", headers={"Authorization": "Bearer watch"})
            assert (await client.get("/health/vendors")).status_code == 401
    assert answer.headers["content-type"].startswith("text/plain")
    told = samples(answer.text)
    shop = ("location", "1")
    assert told["chairside_calls_answered_total", frozenset([shop])] == 1
    assert told["chairside_calls_ended_total", frozenset([shop, ("reason", "caller_hung_up")])] == 1
    assert told["chairside_calls_live", frozenset()] == 0
    assert told["chairside_outbox_waiting", frozenset()] == 0
    v2v = ("stage", "voice_to_voice")
    assert told["chairside_stage_seconds_count", frozenset([shop, v2v])] == 1
    for quantile in ("0.5", "0.95"):
        assert 0 < told["chairside_stage_recent_seconds", frozenset([shop, v2v, ("quantile", quantile)])] < 5
    assert told["process_open_fds", frozenset()] > 0
    assert told["chairside_loop_lag_seconds_count", frozenset()] > 0
    assert set(vendors.json().values()) == {"ok"}
