"""What the model may do in a call. Each tool answers in words it can speak; none raises, none trusts its arguments.

Tools are synchronous in Pipecat's sense: the model waits for the answer before it speaks, so that it cannot
promise what did not happen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

from loguru import logger
from pipecat.adapters.llm.schemas.direct_function import (
    DirectFunction,
    tool_options,  # pyright: ignore[reportUnknownVariableType] - Pipecat leaves it untyped
)
from pipecat.frames.frames import FunctionCallResultProperties, TTSSpeakFrame
from pipecat.services.llm_service import FunctionCallParams
from pydantic import ValidationError

from agent.errors import ChairsideError
from agent.events import MessageTaken, ToolUsed
from agent.knowledge.menu import find_service_answer, menu_section
from agent.model import Message, Shop
from agent.pipelines.line import HangUpFrame
from agent.pipelines.tap import CallLog, Tap
from agent.ports import CallStore

Outcome = Literal["ok", "refused", "failed"]


@dataclass(frozen=True)
class Answer:
    """What a tool tells the model, and whether the model should go on speaking."""

    outcome: Outcome
    result: dict[str, object]
    then_speak: bool = True


@dataclass(frozen=True)
class ToolDesk:
    """What tools work with in one call: Pipecat hands it over as `app_resources`."""

    shop: Shop
    log: CallLog
    tap: Tap
    calls: CallStore
    goodbye: str


@tool_options(timeout_secs=8)
async def take_message(
    params: FunctionCallParams, message: str, caller_name: str = "", callback_number: str = ""
) -> None:
    """Leave a message for the people of the shop. Ask for the caller's name and what it is about first.

    Args:
        message: What the caller wants the shop to know, in one or two sentences.
        caller_name: The caller's name, if given.
        callback_number: The number to call back on, if it differs from the one they are calling from.
    """
    await _use(params, lambda desk: _take_message(desk, params, message, caller_name, callback_number))


@tool_options(timeout_secs=8)
async def end_call(params: FunctionCallParams) -> None:
    """Hang up, once the caller has said goodbye or wants nothing more.

    A goodbye is spoken for you: call this without saying one.
    """
    await _use(params, lambda desk: _end_call(desk, params))


@tool_options(timeout_secs=8)
async def find_service(params: FunctionCallParams, words: str) -> None:
    """Look through the shop's whole menu. Use it before you name a service or price that is not in the shop facts.

    Args:
        words: What the caller asked for, in the caller's own words.
    """
    await _use(params, lambda desk: _find_service(desk, words))


TOOLS: tuple[DirectFunction, ...] = (take_message, end_call)


def tools_for(shop: Shop) -> list[DirectFunction]:
    """What the model may do at this shop; the same for every call of one version of it, as the prompt is.

    A menu that stands whole in the prompt needs no looking up: a tool less is a round trip less.
    """
    return [*TOOLS] if menu_section(shop).whole else [find_service, *TOOLS]


async def _find_service(desk: ToolDesk, words: str) -> Answer:
    return Answer("ok", find_service_answer(desk.shop, words))


async def _take_message(
    desk: ToolDesk, params: FunctionCallParams, message: str, caller_name: str, callback_number: str
) -> Answer:
    try:
        stored = Message(
            call_sid=desk.log.caller.call_sid,
            location_id=desk.shop.location_id,
            tool_call_id=params.tool_call_id,
            caller_name=caller_name,
            callback_number=callback_number or desk.log.caller.caller,
            text=message,
            at=desk.log.clock(),
        )
    except ValidationError:
        return Answer("refused", {"stored": False, "say": "Ask what the message is, in a sentence or two."})
    # A caller who hangs up or talks on must not undo a message that is being stored.
    await asyncio.shield(desk.calls.take_message(stored))
    desk.log.publish(MessageTaken, message=stored)
    return Answer("ok", {"stored": True, "say": "The message is noted; somebody will call back."})


async def _end_call(desk: ToolDesk, params: FunctionCallParams) -> Answer:
    await params.llm.push_frame(TTSSpeakFrame(desk.goodbye))
    await params.llm.push_frame(HangUpFrame(reason="end_call"))
    return Answer("ok", {"ended": True}, then_speak=False)


async def _use(params: FunctionCallParams, work: Callable[[ToolDesk], Awaitable[Answer]]) -> None:
    """Run a tool, tell the log, answer the model. Whatever goes wrong is an answer too."""
    desk = cast(ToolDesk, params.app_resources)
    began = asyncio.get_running_loop().time()
    turn = desk.tap.turn
    try:
        answer = await work(desk)
    except ChairsideError as why:
        logger.warning("tool {} failed: {}", params.function_name, why)
        answer = _failed(why.code)
    except Exception:  # the call path speaks, it does not raise
        logger.exception("tool {} broke", params.function_name)
        answer = _failed("tool_broke")
    desk.log.publish(
        ToolUsed,
        turn=turn,
        tool=params.function_name,
        tool_call_id=params.tool_call_id,
        arguments=dict(cast(dict[str, Any], params.arguments)),
        outcome=answer.outcome,
        took_ms=round((asyncio.get_running_loop().time() - began) * 1000, 1),
    )
    await params.result_callback(answer.result, properties=FunctionCallResultProperties(run_llm=answer.then_speak))


def _failed(code: str) -> Answer:
    say = "Say honestly that this did not work just now, and give the shop's number or offer to try again."
    return Answer("failed", {"error": code, "say": say})
