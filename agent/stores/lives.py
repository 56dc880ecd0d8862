"""Which processes on one file live: each locks a file of its own, and the kernel lets go of it when they die."""

from __future__ import annotations

import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nobody is ever taken for dead
    fcntl = None


class Life:
    """This process's, from `begin` to `end`. Its file tells when it was seen last, whatever becomes of it."""

    def __init__(self, beside: Path) -> None:
        """`beside`: the file that the processes share."""
        self.name = uuid.uuid4().hex
        self._path = _path(beside, self.name)
        self._file: int | None = None

    def begin(self) -> None:
        """Live, for others to see. Raises OSError."""
        while self._file is None:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, self._path):
                self._file = file
            else:  # somebody looked before it was locked, and swept it away
                os.close(file)

    def seen(self, now: datetime) -> None:
        """Tell that it lives by now. Raises OSError."""
        if self._file is not None:
            os.pwrite(self._file, now.astimezone(UTC).isoformat(timespec="microseconds").encode(), 0)

    def end(self, *, leaves_calls: bool) -> None:
        """Die in order. What `leaves_calls` is for others to close, who learn from the file when."""
        if self._file is not None:
            if not leaves_calls:
                self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


class Death:
    """A process that is certainly gone. Once `is_settled` is set, nothing of it is left, and its file goes."""

    def __init__(self, name: str, file: int) -> None:
        self.name = name
        self.is_settled = False
        self._file = file

    @property
    def seen_at(self) -> datetime | None:
        """When it told last that it lives; None when its file does not say."""
        with suppress(OSError, ValueError):
            return datetime.fromisoformat(os.pread(self._file, 64, 0).decode("ascii"))
        return None


def lives(beside: Path) -> set[str]:
    """The names of all processes that have a file here, living or not."""
    return {path.name.rpartition("-")[2] for path in beside.parent.glob(f"{beside.name}-life-*")}


@contextmanager
def death_of(name: str, beside: Path) -> Generator[Death | None]:
    """That of the process called so; None while it lives, or while another one sees to what it left."""
    path = _path(beside, name)
    file = _locked(path)
    if file is None:
        yield None
        return
    death = Death(name, file)
    try:
        yield death
    finally:
        if death.is_settled:
            path.unlink(missing_ok=True)
        os.close(file)


def _locked(path: Path) -> int | None:
    if fcntl is None:
        return None
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _path(beside: Path, name: str) -> Path:
    return beside.with_name(f"{beside.name}-life-{name}")
