"""A running house for a module's calls, and the recorded wire where it is at hand."""

import os
from collections.abc import AsyncGenerator

import pytest_asyncio
from house import House, open_house

collect_ignore = [] if os.environ.get("CHAIRSIDE_FIXTURES") else ["test_recorded_webhooks.py"]
"""Recorded wire is outside material: without its folder there is nothing to collect."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncGenerator[House]:
    async with open_house() as running:
        yield running
