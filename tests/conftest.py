"""What every test stands on."""
# ruff: noqa: E402 - the clock comes first

from __future__ import annotations

# isort: off
from agent.emulators import virtual_clock

virtual_clock.install()  # before anything that reads a clock is imported; real time until a test runs on it
# isort: on

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import rig.postgres
import rig.project
import rig.redis
from loguru import logger
from rig.postgres import Cluster
from rig.project import Project
from rig.redis import RedisServer

# Pipecat tells every frame's fate at DEBUG, which costs more than what is tested.
logger.remove()
logger.add(sys.stderr, level="WARNING")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL of this session's own."""
    with rig.postgres.running(rig.postgres.installations()[0]) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def supabase_project(postgres: Cluster) -> Iterator[Project]:
    """A Supabase project of this session's own; `empty()` it before use."""
    with rig.project.running(postgres, "chairside", rig.project.migrate) as project:
        yield project


@pytest.fixture(scope="session")
def existing_project(postgres: Cluster) -> Iterator[Project]:
    """One that had been a salon's for years when our migrations came; not to be emptied."""
    with rig.project.running(postgres, "existing", rig.project.settle, rig.project.migrate) as project:
        yield project


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, which it may kill and start again."""
    with rig.redis.running(tmp_path) as server:
        yield server
