"""Servers of a test session: on free ports of the loopback, stopped by whoever started them."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class RigError(Exception):
    """A part of the rig is missing or does not start; the message says what to do."""


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_until(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, timeout_s: float) -> None:
    """Raise RigError, with the end of the log, when `process` ends or is not ready in time."""
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            state = "ended" if process.poll() is not None else f"was not ready after {timeout_s:.0f} s"
            raise RigError(f"{log.stem} {state}:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.01)


def stop(process: subprocess.Popen[bytes], signal: int, timeout_s: float = 10) -> None:
    """End `process` by `signal`, and by force when that does not help."""
    if process.poll() is None:
        process.send_signal(signal)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout_s)
        return
    process.kill()
    process.wait()
