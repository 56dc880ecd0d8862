"""A Supabase project: a database with our migrations, PostgREST before it, and the gateway before that."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from rig import postgrest
from rig.gateway import Gateway
from rig.postgres import Cluster

HERE = Path(__file__).parent
MIGRATIONS = sorted((HERE.parents[1] / "supabase" / "migrations").glob("*.sql"))


Step = Callable[[psycopg.Connection[Any]], None]


@dataclass(frozen=True)
class Project:
    """One that runs: `url` and the gateway's keys lead in as for anybody, `connect` as the superuser.

    `http` speaks to PostgREST without a library between.
    """

    url: str
    gateway: Gateway
    cluster: Cluster
    database: str
    http: httpx.Client

    def connect(self) -> psycopg.Connection[Any]:
        return self.cluster.connect(self.database)

    def empty(self) -> None:
        """Delete every row, and the outages that were ordered."""
        self.gateway.faults.clear()
        with self.connect() as connection:
            tables = ", ".join(f"public.{name}" for name in table_names(connection))
            connection.execute(f"truncate {tables} cascade")


def table_names(connection: psycopg.Connection[Any]) -> list[str]:
    """Every table PostgREST can show, so that a new one cannot be forgotten."""
    rows = connection.execute("select tablename from pg_tables where schemaname = 'public' order by tablename")
    return [name for (name,) in rows]


def migrate(connection: psycopg.Connection[Any]) -> None:
    """Apply every migration, each in one transaction."""
    for path in MIGRATIONS:
        with connection.transaction():
            connection.execute(path.read_bytes())


def bootstrap(connection: psycopg.Connection[Any]) -> None:
    connection.execute((HERE / "bootstrap.sql").read_bytes())


def settle(connection: psycopg.Connection[Any]) -> None:
    """Make of an empty database a salon project that has been used without us."""
    connection.execute((HERE / "existing.sql").read_bytes())


@contextmanager
def running(cluster: Cluster, database: str, *steps: Step) -> Iterator[Project]:
    """A project in a new database, after `steps` (`migrate`, or `settle` before it)."""
    cluster.create_database(database)
    with cluster.connect(database) as connection:
        for step in (bootstrap, *steps):
            step(connection)
    jwt_secret = secrets.token_hex(32)
    with postgrest.running(cluster.dsn(database, "authenticator"), jwt_secret) as upstream:
        gateway = Gateway(upstream, jwt_secret)
        with gateway.open() as url, httpx.Client(base_url=f"{url}/rest/v1/", timeout=30) as http:
            yield Project(url, gateway, cluster, database, http)
