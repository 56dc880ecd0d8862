"""Ready-made speech: greetings and fixed phrases, rendered once by the TTS vendor and kept as mu-law.

A call's greeting must be on the wire before anything else is built, so it is rendered when a shop appears or
changes, and kept in files keyed by text, voice and model: a restart renders nothing again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from cartesia import AsyncCartesia, CartesiaError
from loguru import logger

from agent.errors import VendorError
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.prompt import fixed_phrases, greeting_for
from agent.model import Shop
from agent.settings import Settings

Rendered = Literal["greeting", "apology", "one_moment", "still_trying", "not_caught", "go_on"]
PhraseName = Rendered | Literal["goodbye", "still_there"]
RENDERS_AT_ONCE = 4
KEPT = 500
"""Phrases in memory, the latest used: some 20 MB. All are in files, which the ringing of a phone fetches."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words with their sound: 8 kHz mu-law, no header."""

    text: str
    ulaw: bytes


class Phrases:
    """What each shop's receptionist says word for word, ready to be written to the line."""

    def __init__(self, settings: Settings, cartesia: AsyncCartesia, directory: Path) -> None:
        self._settings = settings
        self._cartesia = cartesia
        self._directory = directory
        self._ready: OrderedDict[str, Phrase] = OrderedDict()
        self._making: dict[str, asyncio.Task[None]] = {}
        self._renders = asyncio.Semaphore(RENDERS_AT_ONCE)

    def get(self, shop: Shop, name: Rendered) -> Phrase | None:
        """The phrase as this version of the shop says it; None when it is not in memory."""
        key = self._key(shop, wording(shop)[name])
        if key in self._ready:
            self._ready.move_to_end(key)
        return self._ready.get(key)

    async def fetch(self, shop: Shop, name: Rendered) -> Phrase | None:
        """As `get`, and from its file when another process has rendered it; None while it is not rendered."""
        if (ready := self.get(shop, name)) is not None:
            return ready
        text = wording(shop)[name]
        kept = await asyncio.to_thread(_read, self._path(self._key(shop, text)))
        return None if kept is None else Phrase(text, kept)

    async def make_ready_to_greet(self, shop: Shop, within_s: float) -> None:
        """Have the phrases in memory, rendered now if need be; a phone rings meanwhile, so not for long.

        Rendering goes on when the time is over. Never raises for the vendor, which is logged.
        """
        if self.get(shop, "greeting") is not None:
            return
        try:
            async with asyncio.timeout(within_s):
                await self.try_prepare(shop)
        except TimeoutError:
            logger.warning("phrases of location {} not rendered while it rang", shop.location_id)

    async def render_missing(self, shops: Iterator[Shop]) -> int:
        """Render what has no file yet; how many shops have all their phrases then."""
        return sum(await asyncio.gather(*(self._render_missing(shops) for _ in range(RENDERS_AT_ONCE))))

    async def _render_missing(self, shops: Iterator[Shop]) -> int:
        whole = 0
        for shop in shops:
            paths = [self._path(self._key(shop, text)) for text in _rendered(shop)]
            if await asyncio.to_thread(_all_there, paths) or await self.try_prepare(shop):
                whole += 1
        return whole

    async def prepare(self, shop: Shop) -> None:
        """Render what this shop needs and does not have. Raises VendorError; what worked is kept."""
        texts = [text for text in _rendered(shop) if self._key(shop, text) not in self._ready]
        renders = await asyncio.gather(*(self._make_ready(shop, text) for text in texts), return_exceptions=True)
        for failure in renders:
            if failure is not None:
                raise failure

    @asynccontextmanager
    async def following(self, knowledge: KnowledgeCache) -> AsyncGenerator[None]:
        """Render anew whenever a shop changes, while the context is open."""
        async with knowledge.changes() as shops:

            async def follow() -> None:
                async for shop in shops:
                    await self.try_prepare(shop)

            task = asyncio.create_task(follow(), name="phrases")
            try:
                yield
            finally:
                tasks = [task, *self._making.values()]
                for ending in tasks:
                    ending.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def try_prepare(self, shop: Shop) -> bool:
        """Like `prepare`, but a vendor that fails is logged: calls then speak the greeting through the pipeline."""
        try:
            await self.prepare(shop)
        except VendorError as why:
            logger.warning("phrases of location {} not rendered: {}", shop.location_id, why)
            return False
        return True

    async def _make_ready(self, shop: Shop, text: str) -> None:
        """Once, however many want it; who gives up does not stop it."""
        key = self._key(shop, text)
        if (making := self._making.get(key)) is None:
            making = self._making[key] = asyncio.create_task(self._make(key, shop, text), name=f"phrase-{key}")
            making.add_done_callback(lambda task: self._made(key, task))
        await asyncio.shield(making)

    def _made(self, key: str, task: asyncio.Task[None]) -> None:
        del self._making[key]
        if not task.cancelled():
            task.exception()  # told to whoever still waits, if anybody does

    async def _make(self, key: str, shop: Shop, text: str) -> None:
        path = self._path(key)
        if (kept := await asyncio.to_thread(_read, path)) is None:
            async with self._renders:
                kept = await self._render(shop, text)
            await asyncio.to_thread(_write, path, kept)
        self._ready[key] = Phrase(text, kept)
        if len(self._ready) > KEPT:
            self._ready.popitem(last=False)

    async def _render(self, shop: Shop, text: str) -> bytes:
        try:
            answer = await self._cartesia.tts.generate(
                model_id=self._settings.cartesia_model,
                transcript=text,
                voice={"mode": "id", "id": self._voice(shop)},
                output_format={"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000},
            )
            audio = await answer.read()
        except CartesiaError as why:
            raise VendorError("cartesia", "render_failed", f"could not render {text!r}: {why}") from why
        if not audio:
            raise VendorError("cartesia", "no_audio", f"no audio came for {text!r}")
        return audio

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}.ulaw"

    def _voice(self, shop: Shop) -> str:
        return shop.voice_id or self._settings.cartesia_voice

    def _key(self, shop: Shop, text: str) -> str:
        named = "\n".join((self._settings.cartesia_model, self._voice(shop), text))
        return hashlib.sha256(named.encode()).hexdigest()[:32]


def wording(shop: Shop) -> Mapping[PhraseName, str]:
    """The words of every phrase a shop's receptionist says word for word."""
    fixed = fixed_phrases(shop)
    return {"greeting": greeting_for(shop), **cast(dict[PhraseName, str], fixed)}


def _rendered(shop: Shop) -> tuple[str, ...]:
    """What must be there at once. The others are spoken in the conversation, as every answer is."""
    words = wording(shop)
    return tuple(words[name] for name in get_args(Rendered))


def _all_there(paths: list[Path]) -> bool:
    return all(path.exists() for path in paths)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _write(path: Path, audio: bytes) -> None:
    """Whole or not at all: another process may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{id(audio):x}.part")
    part.write_bytes(audio)
    part.replace(path)
