"""Ready-made speech: rendered once by the TTS vendor, kept in files, made anew when a shop changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import pytest

from agent.bus.local import LocalBus
from agent.emulators.faults import Fault
from agent.emulators.latencies import CartesiaLatencies
from agent.emulators.stage import Stage, open_stage
from agent.errors import VendorError
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.prompt import greeting_for
from agent.knowledge.registry import register_shop
from agent.pipelines.greeting import Phrases, Rendered
from agent.pipelines.speech import SpeechStack
from agent.stores.embedded import EmbeddedStore
from agent.wiring import utc_now
from tests.house import PLUMERIA, QUICK

RENDERED = len(get_args(Rendered))


@asynccontextmanager
async def phrases_of(stage: Stage, folder: Path) -> AsyncGenerator[Phrases]:
    speech = SpeechStack(stage.settings())
    try:
        yield Phrases(stage.settings(), speech.cartesia, folder)
    finally:
        await speech.aclose()


async def test_phrases_are_rendered_as_mu_law_of_the_telephone(tmp_path: Path):
    async with open_stage(latencies=QUICK) as stage, phrases_of(stage, tmp_path) as phrases:
        assert phrases.get(PLUMERIA, "greeting") is None
        await phrases.prepare(PLUMERIA)
        greeting = phrases.get(PLUMERIA, "greeting")
        assert greeting is not None
        assert greeting.text == greeting_for(PLUMERIA)
        assert 3_000 < len(greeting.ulaw) / 8 < 15_000  # milliseconds
        asked = stage.cartesia.requests[0]["output_format"]
        assert asked == {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000}


async def test_a_restart_renders_nothing_again(tmp_path: Path):
    async with open_stage(latencies=QUICK) as stage:
        async with phrases_of(stage, tmp_path) as before:
            await before.prepare(PLUMERIA)
        rendered = len(stage.cartesia.requests)
        async with phrases_of(stage, tmp_path) as after:
            await after.prepare(PLUMERIA)
            assert after.get(PLUMERIA, "greeting") == before.get(PLUMERIA, "greeting")
        assert len(stage.cartesia.requests) == rendered


async def test_another_voice_is_another_sound(tmp_path: Path):
    async with open_stage(latencies=QUICK) as stage, phrases_of(stage, tmp_path) as phrases:
        await phrases.prepare(PLUMERIA)
        assert phrases.get(PLUMERIA.model_copy(update={"voice_id": "another"}), "greeting") is None


async def test_a_vendor_that_fails_leaves_the_greeting_to_the_pipeline(tmp_path: Path):
    async with open_stage(latencies=QUICK) as stage, phrases_of(stage, tmp_path) as phrases:
        stage.order(Fault(vendor="cartesia", kind="status", status=401, times=100))
        with pytest.raises(VendorError, match="render_failed"):
            await phrases.prepare(PLUMERIA)
        assert await phrases.try_prepare(PLUMERIA) is False
        assert phrases.get(PLUMERIA, "greeting") is None


async def test_a_changed_shop_gets_its_new_greeting_while_the_server_runs(tmp_path: Path):
    changed = PLUMERIA.model_copy(update={"greeting": "The assistant of a new shop speaking."})
    bus = LocalBus()
    async with (
        open_stage(latencies=QUICK) as stage,
        EmbeddedStore.open(tmp_path / "shops.db") as store,
        KnowledgeCache(store, bus) as knowledge,
        phrases_of(stage, tmp_path) as phrases,
        phrases.following(knowledge),
    ):
        await register_shop(store, bus, changed, clock=utc_now)
        async with asyncio.timeout(5):
            while phrases.get(changed, "greeting") is None:
                await asyncio.sleep(0.01)


async def test_a_greeting_is_rendered_once_however_many_phones_ring(tmp_path: Path):
    async with open_stage(latencies=QUICK) as stage, phrases_of(stage, tmp_path) as phrases:
        await asyncio.gather(*(phrases.make_ready_to_greet(PLUMERIA, 20) for _ in range(30)))
        assert phrases.get(PLUMERIA, "greeting") is not None
        assert phrases.get(PLUMERIA, "apology") is not None
        assert len(stage.cartesia.requests) == RENDERED


async def test_a_phone_rings_no_longer_than_it_may_and_the_next_one_has_the_greeting(tmp_path: Path):
    slow = QUICK.model_copy(update={"cartesia": CartesiaLatencies(first_chunk_ms=400, speed=500)})
    async with open_stage(latencies=slow) as stage, phrases_of(stage, tmp_path) as phrases:
        await phrases.make_ready_to_greet(PLUMERIA, 0.02)
        assert phrases.get(PLUMERIA, "greeting") is None
        await phrases.make_ready_to_greet(PLUMERIA, 20)
        assert phrases.get(PLUMERIA, "greeting") is not None
        assert len(stage.cartesia.requests) == RENDERED


async def test_what_another_process_rendered_is_fetched_from_its_file(tmp_path: Path):
    async with (
        open_stage(latencies=QUICK) as stage,
        phrases_of(stage, tmp_path) as one,
        phrases_of(stage, tmp_path) as other,
    ):
        assert await other.fetch(PLUMERIA, "greeting") is None
        await one.prepare(PLUMERIA)
        assert other.get(PLUMERIA, "greeting") is None
        assert await other.fetch(PLUMERIA, "greeting") == one.get(PLUMERIA, "greeting")


async def test_a_start_renders_what_is_missing_and_loads_nothing_else(tmp_path: Path):
    shops = [PLUMERIA.model_copy(update={"business_name": f"Salon {at}", "greeting": ""}) for at in range(6)]
    async with open_stage(latencies=QUICK) as stage:
        async with phrases_of(stage, tmp_path) as before:
            assert await before.render_missing(iter(shops[:4])) == 4
        async with phrases_of(stage, tmp_path) as after:
            stage.order(Fault(vendor="cartesia", kind="status", status=401))
            assert await after.render_missing(iter(shops)) == 5
            assert after.get(shops[0], "greeting") is None
            assert await after.fetch(shops[0], "greeting") is not None
        assert len(stage.cartesia.requests) == 4 + RENDERED - 1 + 1  # greetings, the phrases they share, one new one
