"""A bridge to test on; what it is made of is in bridge_rig.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from bridge_rig import Bridge, Opener, opened_bridge


@pytest.fixture
async def open_bridge() -> AsyncIterator[Opener]:
    """Opens bridges with the limits a test wants; see `opened_bridge`."""
    async with AsyncExitStack() as stack:

        async def opened(**wanted: Any) -> Bridge:
            return await stack.enter_async_context(opened_bridge(**wanted))

        yield opened


@pytest.fixture
async def bridge(open_bridge: Opener) -> Bridge:
    """Two shops behind a bridge with its usual limits."""
    return await open_bridge()
