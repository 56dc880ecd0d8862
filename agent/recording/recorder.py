"""Where tapes are made, kept and forgotten. Recording never delays a call: gathering is memory, writing a thread.

A tape that cannot be written is given up, which is logged; its call goes on. Files reach the kernel every half
second, so that a process that is killed leaves all but the last moment behind.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from loguru import logger

from agent.model import Caller, Shop
from agent.ports import Clock
from agent.recording.folder import MANIFEST, TapeFolder
from agent.recording.manifest import manifest_of
from agent.recording.tape import Stretch, Tape
from agent.settings import Settings

WRITE_S = 0.5
SWEEP_S = 600.0


class Recorder:
    """Every tape of this process; use as an async context manager. One folder per location, in it one per call."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.shelf = Shelf(settings.tapes_path)
        self._settings = settings
        self._clock = clock
        self._running: dict[Tape, TapeFolder] = {}
        self._writing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Recorder:
        self._tasks = [
            asyncio.create_task(self._keep_writing(), name="tapes"),
            asyncio.create_task(self._keep_sweeping(), name="tapes-sweeper"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for tape in self._running:
            tape.end()
        await self.write()

    def begin(self, caller: Caller, shop: Shop, began_at: float) -> Tape | None:
        """The tape of a call, `began_at` by the event loop's time; None where the shop's calls are not recorded."""
        if not shop.records_calls:
            return None
        try:
            path = self.shelf.path_of(caller.location_id, caller.call_sid)
        except ValueError as why:
            logger.error("a call is not recorded: {}", why)
            return None
        since = asyncio.get_running_loop().time() - began_at
        manifest = manifest_of(caller, shop, self._settings, self._clock() - timedelta(seconds=since), began_at)
        tape = Tape(manifest, began_at)
        self._running[tape] = TapeFolder(path, manifest)
        return tape

    async def write(self) -> None:
        """Write what all tapes have gathered."""
        async with self._writing:
            taken = [(tape, folder, tape.take()) for tape, folder in self._running.items()]
            done = await asyncio.to_thread(_written, taken)
            for tape in done:
                self._running.pop(tape, None)

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE_S)
            if self._running:
                await self.write()

    async def _keep_sweeping(self) -> None:
        while True:
            with suppress(OSError):
                keep = timedelta(days=self._settings.tape_days)
                before = (self._clock() - keep).timestamp()
                live = {folder.path for folder in self._running.values()}
                await asyncio.to_thread(self.shelf.sweep, before, self._settings.tapes_max_mb * 1_000_000, live)
            await asyncio.sleep(SWEEP_S)


def _written(taken: list[tuple[Tape, TapeFolder, Stretch]]) -> list[Tape]:
    """Write a stretch of each tape; those that are done with, or cannot be written."""
    done: list[Tape] = []
    for tape, folder, stretch in taken:
        try:
            folder.write(stretch)
        except OSError as why:
            logger.error("the tape of {} is given up: {}", tape.manifest.caller.call_sid, why)
            with suppress(OSError):
                folder.close()
            done.append(tape)
        else:
            done += [tape] if stretch.is_last else []
    return done


class Shelf:
    """The tapes on disk. May wait for it: call it in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, location_id: int, call_sid: str) -> Path:
        """Where the tape of a call is, if it was recorded."""
        if not call_sid.isalnum():
            raise ValueError(f"{call_sid!r} is no CallSid")
        return self.root / str(location_id) / call_sid

    def find(self, location_id: int, call_sid: str) -> Path | None:
        """The tape of a call, or None."""
        try:
            path = self.path_of(location_id, call_sid)
        except ValueError:
            return None
        return path if (path / MANIFEST).is_file() else None

    def forget_caller(self, location_id: int, number: str) -> int:
        """Delete every tape of somebody's calls to a location; how many there were."""
        found = [path for path in self._tapes(self.root / str(location_id)) if _caller_of(path) == number]
        for path in found:
            shutil.rmtree(path, ignore_errors=True)
        return len(found)

    def sweep(self, before: float, most_bytes: int, live: set[Path]) -> int:
        """Delete tapes begun before a moment (seconds since 1970), then the oldest until the rest fits."""
        tapes = sorted((_began(path), path) for place in self._places() for path in self._tapes(place))
        sizes = {path: sum(file.stat().st_size for file in path.iterdir()) for _, path in tapes}
        total, deleted = sum(sizes.values()), 0
        for began, path in tapes:
            if path in live or (began >= before and total <= most_bytes):
                continue
            shutil.rmtree(path, ignore_errors=True)
            total -= sizes[path]
            deleted += 1
        return deleted

    def _places(self) -> Iterator[Path]:
        if self.root.is_dir():
            yield from (path for path in self.root.iterdir() if path.is_dir())

    def _tapes(self, place: Path) -> Iterator[Path]:
        if place.is_dir():
            yield from (path for path in sorted(place.iterdir()) if (path / MANIFEST).is_file())


def _began(path: Path) -> float:
    return (path / MANIFEST).stat().st_mtime


def _caller_of(path: Path) -> str:
    try:
        return str(json.loads((path / MANIFEST).read_text(encoding="utf-8"))["caller"]["caller"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
