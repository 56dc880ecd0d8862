"""A running house for a module's strangers."""

from collections.abc import AsyncGenerator

import pytest_asyncio
from house import House, open_house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncGenerator[House]:
    async with open_house() as running:
        yield running
