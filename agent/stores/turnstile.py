"""Processes that write to one SQLite file stand in line, instead of knocking again and again."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: everybody goes without
    fcntl = None

PATIENCE_S = 1.0


class Turnstile:
    """A line before a file's write lock, kept by the kernel (flock on a file beside it).

    Left to itself SQLite sleeps for up to 100 ms between two looks at its lock; here the next one is woken when the
    one before is done. A courtesy only, SQLite's own lock decides: who has waited for `patience_s`, or where there is
    no such lock, goes on without.
    """

    def __init__(self, path: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._path = path
        self._patience_s = patience_s

    @contextmanager
    def turn(self) -> Generator[None]:
        """Wait for one's turn; the next one's begins when this is left. Never raises by itself."""
        file = self._enter()
        try:
            yield
        finally:
            if file is not None:
                os.close(file)

    def _enter(self) -> int | None:
        if fcntl is None:
            return None
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _Waiting(file).until(self._patience_s)
        except OSError:
            os.close(file)
            return None
        return file


class _Waiting:
    """One place in the line. flock knows no time limit, so a thread waits in it that may be left behind."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._come = threading.Event()
        self._has_left = False
        threading.Thread(target=self._wait, name="turnstile", daemon=True).start()

    def until(self, patience_s: float) -> int | None:
        """The file, locked; None when patience is at its end, and the thread will close it."""
        self._come.wait(patience_s)
        with self._lock:
            self._has_left = not self._come.is_set()
            return None if self._has_left else self._file

    def _wait(self) -> None:
        assert fcntl is not None  # noqa: S101 - nobody waits without it
        with suppress(OSError):  # no lock to be had: go on without
            fcntl.flock(self._file, fcntl.LOCK_EX)
        with self._lock:
            if self._has_left:
                os.close(self._file)
            else:
                self._come.set()
