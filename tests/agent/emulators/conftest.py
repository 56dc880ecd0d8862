"""A stage with quick vendors, and the recorded wire where it is at hand."""

import os
from collections.abc import AsyncGenerator

import pytest

from agent.emulators.latencies import CartesiaLatencies, DeepgramLatencies, Latencies, OpenAILatencies
from agent.emulators.stage import Stage, open_stage

collect_ignore = [] if os.environ.get("CHAIRSIDE_FIXTURES") else ["test_recorded_wire.py"]
"""Recorded wire is outside material: without its folder there is nothing to collect."""

QUICK = Latencies(
    deepgram=DeepgramLatencies(interim_ms=1, finalize_ms=1, flux_result_ms=1, idle_close_ms=300),
    openai=OpenAILatencies(ttft_ms=5, tokens_per_s=5000),
    cartesia=CartesiaLatencies(first_chunk_ms=5, speed=500),
)


@pytest.fixture
async def stage() -> AsyncGenerator[Stage, None]:
    async with open_stage(latencies=QUICK) as running:
        yield running
