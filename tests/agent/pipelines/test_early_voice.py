"""Cartesia's sound on its way to the line: in larger pieces, and never kept from the caller when no more comes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from pipecat.frames.frames import TTSAudioRawFrame, TTSStoppedFrame
from pipecat.utils.context.word_timestamp_tracker import WordTimestamp

from agent.pipelines.pieces import HELD_S
from agent.pipelines.speech import EarlyCartesia
from tests.virtual import on_virtual_clock


class Voice(EarlyCartesia):
    """With an answer of which everything that goes on can be read."""

    def __init__(self) -> None:
        super().__init__(api_key="none", settings=EarlyCartesia.Settings(voice="none"))
        self.tasks: list[asyncio.Task[Any]] = []

    def create_task(self, coroutine: Coroutine[Any, Any, Any], name: str | None = None) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.create_task(coroutine, name=name))
        return self.tasks[-1]

    async def sound(self, times: int) -> None:
        for _ in range(times):
            await self.append_to_audio_context("one", TTSAudioRawFrame(b"\1" * 1600, 8000, 1, context_id="one"))

    async def went_on(self) -> list[object]:
        """What each item is: ms of sound, a word, or the end."""
        queue = self._audio_context_manager._contexts["one"]
        return [told(queue.get_nowait()) for _ in range(queue.qsize())]


def told(item: object) -> object:
    if isinstance(item, TTSAudioRawFrame):
        return len(item.audio) // 16
    return item.word if isinstance(item, WordTimestamp) else type(item).__name__


async def voice() -> Voice:
    service = Voice()
    await service.create_audio_context("one")
    return service


@on_virtual_clock
async def test_what_is_held_goes_on_when_no_more_comes():
    service = await voice()
    await service.sound(9)
    at_once = await service.went_on()
    assert set(at_once) == {100}
    await asyncio.sleep(HELD_S + 0.01)
    assert await service.went_on() == [900 - 100 * len(at_once)]


@on_virtual_clock
async def test_words_do_not_wait_for_sound_and_the_end_waits_for_all_of_it():
    service = await voice()
    await service.sound(6)
    at_once = await service.went_on()
    await service.sound(2)
    await service.append_to_audio_context("one", WordTimestamp("hello", 0.1, "one"))
    await service.append_to_audio_context("one", TTSStoppedFrame(context_id="one"))
    assert at_once == [100] * 6
    assert [item for item in await service.went_on() if item != 100] == ["hello", 200, "TTSStoppedFrame"]
    await asyncio.sleep(1)
    assert await service.went_on() == []


@on_virtual_clock
async def test_nothing_is_left_to_do_once_the_caller_talks_over_it():
    service = await voice()
    await service.sound(9)
    await service.went_on()
    service._let_go()
    await asyncio.sleep(HELD_S + 0.01)
    assert await service.went_on() == []
    assert service.tasks == []
