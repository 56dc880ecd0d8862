"""Vendors that are ill, from a moment of a call on."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from agent.emulators.faults import Fault
from agent.emulators.scenario import ScenarioError, parse_scenario
from agent.emulators.stage import Stage, open_stage
from agent.emulators.vendor import GARBAGE
from tests.virtual import on_virtual_clock

BODY = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}], "stream": True}


async def ask(stage: Stage, timeout_s: float = 3.0) -> str:
    """What the emulated model answers. Raises aiohttp.ClientError, TimeoutError."""
    headers = {"Authorization": f"Bearer {stage.openai.key}"}
    async with asyncio.timeout(timeout_s), aiohttp.ClientSession() as session:
        url = stage.openai.base_url + "/chat/completions"
        async with session.post(url, json=BODY, headers=headers) as answer:
            return await answer.text()


@on_virtual_clock
async def test_a_vendor_that_refuses_is_there_again_when_its_time_is_over():
    async with open_stage() as stage:
        stage.order(Fault(vendor="openai", kind="refuse", for_s=5))
        await asyncio.sleep(0.1)
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(stage)
        await asyncio.sleep(5)
        assert "[DONE]" in await ask(stage)


@pytest.mark.parametrize("kind", ["half_open", "mute"])
@on_virtual_clock
async def test_a_vendor_that_hangs_answers_nothing(kind: str):
    async with open_stage() as stage:
        stage.order(Fault.model_validate({"vendor": "openai", "kind": kind}))
        with pytest.raises(TimeoutError):
            await ask(stage)


@pytest.mark.parametrize("kind", ["slow_connect", "late"])
@on_virtual_clock
async def test_a_vendor_that_is_slow_answers_in_the_end(kind: str):
    async with open_stage() as stage:
        stage.order(Fault.model_validate({"vendor": "openai", "kind": kind, "seconds": 4}))
        with pytest.raises(TimeoutError):
            await ask(stage, 4.0)
        assert "[DONE]" in await ask(stage, 10.0)


@on_virtual_clock
async def test_garbage_is_no_answer():
    async with open_stage() as stage:
        stage.order(Fault(vendor="openai", kind="garbage"))
        assert GARBAGE in await ask(stage)


@on_virtual_clock
async def test_a_drip_has_its_seconds_between_words():
    async with open_stage() as stage:
        stage.order(Fault(vendor="openai", kind="drip", seconds=2, for_s=600))
        began = asyncio.get_running_loop().time()
        await ask(stage, 100)
        assert asyncio.get_running_loop().time() - began > 10


@on_virtual_clock
async def test_what_is_ordered_for_a_moment_waits_for_it():
    async with open_stage() as stage:
        stage.order(Fault(vendor="openai", kind="status", status=503, for_s=60, at="tool"))
        assert "[DONE]" in await ask(stage)
        stage.reached("start")
        assert "[DONE]" in await ask(stage)
        stage.reached("tool")
        assert "fails with 503" in await ask(stage)


def test_a_scenario_names_its_faults():
    call = {"name": "a", "to": "+18084826296", "faults": [{"vendor": "cartesia", "kind": "drip", "at": "mid_answer"}]}
    (fault,) = parse_scenario(call).faults
    assert fault.stands
    call["faults"] = [{"vendor": "cartesia", "kind": "explode"}]
    with pytest.raises(ScenarioError, match=r"faults\[0\].kind"):
        parse_scenario(call)
