"""How a tool is used in a call: one after the other, to its end, whatever the model sent and whoever talks over it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, cast

from loguru import logger
from pipecat.frames.frames import FunctionCallResultProperties
from pipecat.services.llm_service import FunctionCallParams

from agent.errors import ChairsideError
from agent.events import ToolOutcome, ToolUsed
from agent.model import Shop
from agent.pipelines.appointments import Appointments
from agent.pipelines.speech import SharedClientLLM
from agent.pipelines.tap import CallLog, Tap
from agent.ports import CallStore

MAX_SERVICES = 6
"""More in one visit is a matter for a person."""


@dataclass(frozen=True)
class Answer:
    """What a tool tells the model. `say` is spoken as it stands, without asking the model again."""

    outcome: ToolOutcome
    result: dict[str, object]
    say: str = ""
    then_speak: bool = True
    """Whether the model goes on speaking at once; it waits for the caller where something was spoken for it."""


@dataclass(frozen=True)
class Heard:
    """What the caller had said when a tool was called: the turns as the model was told them, and the call's count."""

    turns: list[str]
    turn: int


@dataclass(frozen=True)
class ToolDesk:
    """What tools work with in one call: Pipecat hands it over as `app_resources`."""

    shop: Shop
    log: CallLog
    tap: Tap
    calls: CallStore
    appointments: Appointments
    goodbye: str
    under_way: set[asyncio.Task[Answer]] = field(default_factory=set[asyncio.Task[Answer]])
    """Work that goes on although the caller talks over it or has hung up."""
    turns: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A model may call several tools at once; they are used one after the other, in its order."""
    talked_over: set[str] = field(default_factory=set[str])
    """The tool calls whose answer nobody waits for any more."""
    owed: list[str] = field(default_factory=list[str])
    """What was done while the caller talked over it, and is to be told them next."""
    tell_owed: Callable[[], None] = lambda: None
    """Tells it now, unless the caller is speaking: then it is told when they have finished."""

    def take_owed(self) -> str:
        """What is owed; whoever takes it tells it."""
        words = " ".join(self.owed)
        self.owed.clear()
        return words

    def owe(self, answer: Answer, heard: Heard) -> None:
        """Have what was done told later. A question in it is one from then on, not from when it was talked over."""
        if answer.say:
            self.owed.append(answer.say)
            asked = len(heard.turns)
            self.appointments.told_late(asked, asked + self.tap.turn - heard.turn)
            if len(self.under_way) <= 1:  # else the next tool tells it, before what it says itself
                self.tell_owed()


async def use(params: FunctionCallParams, work: Callable[[ToolDesk], Awaitable[Answer]]) -> None:
    """Run a tool to its end, answer the model, speak what is to be spoken. Whatever goes wrong is an answer too.

    A caller who talks over a tool or hangs up cancels the waiting, never the work: what was begun is finished, and
    told with the next answer.
    """
    desk = cast(ToolDesk, params.app_resources)
    heard = Heard(_heard(params), desk.tap.turn)
    running = asyncio.ensure_future(_answer(desk, params, work, heard))
    desk.under_way.add(running)
    running.add_done_callback(desk.under_way.discard)
    try:
        answer = await asyncio.shield(running)
        properties = FunctionCallResultProperties(run_llm=answer.then_speak)
        await params.result_callback(answer.result, properties=properties)
        if words := f"{desk.take_owed()} {answer.say}".strip():
            await speak(params, words)
    except asyncio.CancelledError:
        desk.talked_over.add(params.tool_call_id)
        if running.done():
            desk.owe(running.result(), heard)
        raise


async def _answer(
    desk: ToolDesk, params: FunctionCallParams, work: Callable[[ToolDesk], Awaitable[Answer]], heard: Heard
) -> Answer:
    """The tool's answer, told to the log. Never raises."""
    began = asyncio.get_running_loop().time()
    try:
        async with desk.turns:
            desk.appointments.listen(heard.turns)
            answer = await work(desk)
            if params.tool_call_id in desk.talked_over:
                desk.owe(answer, heard)  # before the next tool, which may say goodbye
    except ChairsideError as why:
        logger.warning("tool {} failed: {}", params.function_name, why)
        answer = _failed(why.code)
    except Exception:  # the call path speaks, it does not raise
        logger.exception("tool {} broke", params.function_name)
        answer = _failed("tool_broke")
    desk.log.publish(
        ToolUsed,
        turn=heard.turn,
        tool=params.function_name,
        tool_call_id=params.tool_call_id,
        arguments=dict(cast(dict[str, Any], params.arguments)),
        outcome=answer.outcome,
        took_ms=round((asyncio.get_running_loop().time() - began) * 1000, 1),
    )
    return answer


def _heard(params: FunctionCallParams) -> list[str]:
    """The caller's turns so far, as the model was told them."""
    turns: list[str] = []
    for message in cast("list[dict[str, Any]]", params.context.get_messages()):
        content = message.get("content")
        if message.get("role") == "user" and isinstance(content, str):
            turns.append(content)
    return turns


def _failed(code: str) -> Answer:
    say = "Say honestly that this did not work just now, and give the shop's number or offer to try again."
    return Answer("failed", {"error": code, "say": say})


async def speak(params: FunctionCallParams, words: str) -> None:
    await cast(SharedClientLLM, params.llm).speak(words)


def key_of(params: FunctionCallParams) -> str:
    """Names one call of a tool, so that repeating it changes nothing."""
    desk = cast(ToolDesk, params.app_resources)
    return f"{desk.log.caller.call_sid}:{params.tool_call_id}"


def lenient(tool: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Models leave arguments out, invent some and send other types. What is missing is empty; a tool then asks."""
    wants = list(inspect.signature(tool).parameters)[1:]

    @wraps(tool)
    async def used(params: FunctionCallParams, **sent: object) -> None:
        listed = {name: _listed(sent.get(name)) for name in wants if name == "services"}
        await tool(params, **{name: listed.get(name, _words(sent.get(name))) for name in wants})

    return used


def _listed(sent: object) -> list[str]:
    """Models send a single word where a list was asked for, or something else entirely."""
    items = cast("list[object]", sent) if isinstance(sent, list) else [sent]
    return [words for item in items if (words := _words(item).strip())][:MAX_SERVICES]


def _words(sent: object) -> str:
    """Text, whatever came in its place; nothing for what is none."""
    if isinstance(sent, list):
        return " ".join(_words(item) for item in cast("list[object]", sent))
    if isinstance(sent, bool) or not isinstance(sent, str | int | float):
        return ""
    return str(sent)
