"""Keys become a turn of the caller's when they make a number, and nothing otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputDTMFFrame,
    InterruptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from agent.pipelines.intake import Intake
from agent.pipelines.keypad import LEAST, MOST, Keypad
from agent.redaction import Redactor

TOLD = (InterruptionFrame, ProposedUserStartedSpeakingFrame, TranscriptionFrame, ProposedUserStoppedSpeakingFrame)


class _Ear(FrameProcessor):
    """What reaches whoever stands behind the keypad."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is FrameDirection.DOWNSTREAM and isinstance(frame, (*TOLD, InputDTMFFrame)):
            self.frames.put_nowait(frame)
        await self.push_frame(frame, direction)


@asynccontextmanager
async def keypad(pause_s: float = 60.0, *, proposes: bool = True) -> AsyncGenerator[tuple[PipelineWorker, _Ear]]:
    ear = _Ear()
    worker = PipelineWorker(
        Pipeline([Keypad(Intake(Redactor(), None), proposes=proposes, pause_s=pause_s), ear]), enable_rtvi=False
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    yield worker, ear
    await worker.queue_frame(EndFrame())
    await asyncio.wait_for(running, 5)


async def press(worker: PipelineWorker, keys: Iterable[str]) -> None:
    for key in keys:
        await worker.queue_frame(InputDTMFFrame(button=KeypadEntry(key)))


async def heard(ear: _Ear, count: int) -> list[str]:
    """The next frames: a key as itself, words as they are, proposals as "(" and ")", an interruption as "!"."""
    signs = {InterruptionFrame: "!", ProposedUserStartedSpeakingFrame: "(", ProposedUserStoppedSpeakingFrame: ")"}
    found: list[str] = []
    for _ in range(count):
        frame = await asyncio.wait_for(ear.frames.get(), 5)
        if isinstance(frame, InputDTMFFrame):
            found.append(frame.button.value)
        else:
            found.append(frame.text if isinstance(frame, TranscriptionFrame) else signs[type(frame)])
    return found


async def test_a_number_is_a_turn_that_the_hash_key_ends():
    async with keypad() as (worker, ear):
        await press(worker, "07911123456#")
        told = await heard(ear, 12 + 3)
    assert [sign for sign in told if len(sign) > 1 or sign in "()"] == ["(", "(keyed) 07911123456", ")"]
    assert told.index("(") == LEAST  # the turn begins with the key that makes it a number
    assert told[-2:] == ["(keyed) 07911123456", ")"]


async def test_where_words_make_the_turn_none_is_proposed():
    async with keypad(proposes=False) as (worker, ear):
        await press(worker, "5550101#")
        told = await heard(ear, 8 + 2)
    assert told.index("!") == LEAST
    assert told[-1] == "(keyed) 5550101"


async def test_a_pause_ends_it_as_well():
    async with keypad(pause_s=0.05) as (worker, ear):
        await press(worker, "5550101")
        assert (await heard(ear, 7 + 3))[-2:] == ["(keyed) 5550101", ")"]


@pytest.mark.parametrize("keys", ["1#", "#", "0", "123#"])
async def test_a_few_keys_are_no_turn_and_do_not_begin_the_next(keys: str):
    async with keypad(pause_s=0.05) as (worker, ear):
        await press(worker, keys)
        assert await heard(ear, len(keys)) == list(keys)
        while any("keypad" in task.get_name() for task in asyncio.all_tasks()):  # the pause has yet to end
            await asyncio.sleep(0.01)
        await press(worker, "9876#")
        assert (await heard(ear, 5 + 3))[-2:] == ["(keyed) 9876", ")"]


async def test_who_leans_on_a_key_says_no_more_than_a_number():
    async with keypad() as (worker, ear):
        await press(worker, "7*" * 45 + "#")
        told = await heard(ear, 91 + 3)
    assert told[-2] == "(keyed) " + "7*" * (MOST // 2)
    assert told.count("(") == 1


async def test_a_call_that_ends_in_the_middle_of_a_number_leaves_nothing_behind():
    before = asyncio.all_tasks()
    async with keypad() as (worker, ear):
        await press(worker, "079")
        await heard(ear, 3)
    assert not [task for task in asyncio.all_tasks() - before if "keypad" in task.get_name()]
