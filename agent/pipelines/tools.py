"""What the model may do in a call. Each tool answers in words it can speak; none raises, none trusts its arguments.

Tools are synchronous in Pipecat's sense: the model waits for the answer before it speaks, so that it cannot
promise what did not happen.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, cast

from loguru import logger
from pipecat.adapters.llm.schemas.direct_function import (
    DirectFunction,
    tool_options,  # pyright: ignore[reportUnknownVariableType] - Pipecat leaves it untyped
)
from pipecat.frames.frames import FunctionCallResultProperties
from pipecat.services.llm_service import FunctionCallParams
from pydantic import ValidationError

from agent.errors import ChairsideError, StoreError
from agent.events import CallTransferred, MessageTaken, ToolOutcome, ToolUsed
from agent.knowledge.menu import find_service_answer, menu_section
from agent.model import Message, Shop
from agent.pipelines.appointments import Appointments, Reply
from agent.pipelines.line_transport import HangUpFrame
from agent.pipelines.speech import SharedClientLLM
from agent.pipelines.tap import CallLog, Tap
from agent.ports import CallStore

MAX_SERVICES = 6
"""More in one visit is a matter for a person."""
PUTTING_THROUGH = "One moment please, I'm putting you through to the salon."
TRANSFER = "transfer"
"""Reason of the HangUpFrame that rings a person instead of hanging up."""


@dataclass(frozen=True)
class Answer:
    """What a tool tells the model. `say` is spoken as it stands, without asking the model again."""

    outcome: ToolOutcome
    result: dict[str, object]
    say: str = ""
    then_speak: bool = True
    """Whether the model goes on speaking at once; it waits for the caller where something was spoken for it."""


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


def _lenient(tool: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Models leave arguments out, invent some and send other types. What is missing is empty; a tool then asks."""
    wants = list(inspect.signature(tool).parameters)[1:]

    @wraps(tool)
    async def used(params: FunctionCallParams, **sent: object) -> None:
        listed = {name: _listed(sent.get(name)) for name in wants if name == "services"}
        await tool(params, **{name: listed.get(name, _words(sent.get(name))) for name in wants})

    return used


@tool_options(timeout_secs=8)
@_lenient
async def check_availability(params: FunctionCallParams, services: list[str], when: str, staff: str = "") -> None:
    """Say which times are free. It is spoken for you: add nothing. Use it when the caller asks what is free.

    Args:
        services: What they want done, each in the caller's own words. Empty for what was spoken of before.
        when: The caller's own words for day and time, unchanged: "Thursday week, after four", "the 5th".
        staff: Whom they want, if they said; "anyone" when they no longer mind.
    """
    await _use(params, lambda desk: _spoken(desk, desk.appointments.check(services, when, staff)))


@tool_options(timeout_secs=8)
@_lenient
async def hold_appointment(params: FunctionCallParams, services: list[str], when: str, staff: str = "") -> None:
    """Keep a time while the caller decides, once they named what and when. It is read back for you: add nothing.

    Nothing is booked by this. Hold again when they change their mind.

    Args:
        services: What they want done, each in the caller's own words. Empty for what was spoken of before.
        when: The caller's own words for day and time, unchanged. "right after it" follows what is held already.
        staff: Whom they want, if they said; "anyone" when they no longer mind.
    """
    key = _key(params)
    await _use(params, lambda desk: _spoken(desk, desk.appointments.hold(services, when, staff, key=key)))


@tool_options(timeout_secs=8)
@_lenient
async def confirm_appointment(params: FunctionCallParams, name: str, phone: str = "") -> None:
    """Book, or move, what is held, after the caller has said yes to it. The confirmation is spoken for you.

    Args:
        name: The caller's name, as they said or spelled it.
        phone: A number to reach them on, only when theirs is withheld.
    """
    await _use(params, lambda desk: _confirm(desk, params, name, phone))


@tool_options(timeout_secs=8)
@_lenient
async def find_my_appointments(params: FunctionCallParams, name: str = "", detail: str = "") -> None:
    """Look up the caller's own appointments. Ask for their name first. Nobody else's can be looked up.

    Args:
        name: The caller's name, as they said it.
        detail: What they said of the appointment: its day or its service.
    """
    await _use(params, lambda desk: _spoken(desk, desk.appointments.find(name, detail)))


@tool_options(timeout_secs=8)
@_lenient
async def move_appointment(params: FunctionCallParams, which: str, when: str) -> None:
    """Keep another time for one of the caller's appointments. It is read back for you; confirm_appointment moves it.

    Args:
        which: Which one, in the caller's own words: "the haircut on Friday".
        when: The caller's own words for the new day and time: "same time next Friday".
    """
    key = _key(params)
    await _use(params, lambda desk: _spoken(desk, desk.appointments.move(which, when, key=key)))


@tool_options(timeout_secs=8)
@_lenient
async def cancel_appointment(params: FunctionCallParams, which: str) -> None:
    """Cancel one of the caller's appointments. The first call asks them whether to; after their yes, call it again.

    Args:
        which: Which one, in the caller's own words.
    """
    key = _key(params)
    await _use(params, lambda desk: _spoken(desk, desk.appointments.cancel(which, key=key)))


@tool_options(timeout_secs=8)
@_lenient
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
@_lenient
async def transfer_to_person(params: FunctionCallParams, reason: str) -> None:
    """Put the caller through to a person of the shop: when they ask for one, or you cannot help them.

    That they are being put through is said for you: add nothing.

    Args:
        reason: Why, in a few words.
    """
    await _use(params, lambda desk: _transfer(desk, params, reason))


@tool_options(timeout_secs=8)
@_lenient
async def end_call(params: FunctionCallParams) -> None:
    """Hang up, once the caller has said goodbye or wants nothing more.

    A goodbye is spoken for you: call this without saying one.
    """
    await _use(params, lambda desk: _end_call(desk, params))


@tool_options(timeout_secs=8)
@_lenient
async def find_service(params: FunctionCallParams, words: str) -> None:
    """Look through the shop's whole menu. Use it before you name a service or price that is not in the shop facts.

    Args:
        words: What the caller asked for, in the caller's own words.
    """
    await _use(params, lambda desk: _find_service(desk, words))


BOOKING: tuple[DirectFunction, ...] = (
    check_availability,
    hold_appointment,
    confirm_appointment,
    find_my_appointments,
    move_appointment,
    cancel_appointment,
)


def tools_for(shop: Shop) -> list[DirectFunction]:
    """What the model may do at this shop; the same for every call of one version of it, as the prompt is.

    A menu that stands whole in the prompt needs no looking up: a tool less is a round trip less.
    """
    return [
        *([] if menu_section(shop).whole else [find_service]),
        *(BOOKING if shop.booking.by_phone else ()),
        take_message,
        *([] if shop.transfer_to is None else [transfer_to_person]),
        end_call,
    ]


async def _find_service(desk: ToolDesk, words: str) -> Answer:
    return Answer("ok", find_service_answer(desk.shop, words))


async def _spoken(desk: ToolDesk, work: Awaitable[Reply]) -> Answer:
    """What the appointment book answers, told to the log and to the caller."""
    reply = await work
    for kind, facts in reply.events:
        desk.log.publish(kind, **facts)
    result = {**reply.facts, "say" if not reply.spoken else "said_to_caller": reply.say}
    return Answer(reply.outcome, result, say=reply.say if reply.spoken else "", then_speak=not reply.spoken)


async def _confirm(desk: ToolDesk, params: FunctionCallParams, name: str, phone: str) -> Answer:
    try:
        return await _spoken(desk, desk.appointments.confirm(name, phone))
    except StoreError as why:
        logger.error("a booking could not be stored: {}", why)
        return await _call_back(desk, params, name)


async def _call_back(desk: ToolDesk, params: FunctionCallParams, name: str) -> Answer:
    """The book cannot be reached: be honest, and leave a request that somebody rings back."""
    wish = desk.appointments.wish()
    stored = await _store_message(desk, params, f"Please call back to book: {wish}", name, "")
    say = "I'm sorry, I cannot reach the appointment book just now, so nothing is booked yet."
    if stored:
        say += " I have left a note for the shop to call you back about it."
    return Answer("failed", {"booked": False, "call_back_requested": stored}, say=say, then_speak=False)


async def _transfer(desk: ToolDesk, params: FunctionCallParams, reason: str) -> Answer:
    if desk.shop.transfer_to is None:  # a model may name a tool that it was not offered
        say = "Nobody can be put through here. Offer to take a message instead."
        return Answer("refused", {"transferred": False, "say": say})
    await _speak(params, f"{desk.take_owed()} {PUTTING_THROUGH}".strip())
    await params.llm.push_frame(HangUpFrame(reason=TRANSFER))
    desk.log.publish(CallTransferred, to=desk.shop.transfer_to, reason=" ".join(reason.split())[:200] or "asked for")
    return Answer("ok", {"transferred": True}, then_speak=False)


async def _take_message(
    desk: ToolDesk, params: FunctionCallParams, message: str, caller_name: str, callback_number: str
) -> Answer:
    if not await _store_message(desk, params, message, caller_name, callback_number):
        return Answer("refused", {"stored": False, "say": "Ask what the message is, in a sentence or two."})
    return Answer("ok", {"stored": True, "say": "The message is noted; somebody will call back."})


async def _store_message(desk: ToolDesk, params: FunctionCallParams, text: str, name: str, number: str) -> bool:
    """Whether there was something to store; then it is stored durably. Raises StoreError."""
    try:
        message = Message(
            call_sid=desk.log.caller.call_sid,
            location_id=desk.shop.location_id,
            tool_call_id=params.tool_call_id,
            caller_name=name,
            callback_number=number or desk.log.caller.caller,
            text=text,
            at=desk.log.clock(),
        )
    except ValidationError:
        return False
    await desk.calls.take_message(message)
    desk.log.publish(MessageTaken, message=message)
    return True


async def _end_call(desk: ToolDesk, params: FunctionCallParams) -> Answer:
    await _speak(params, f"{desk.take_owed()} {desk.goodbye}".strip())
    await params.llm.push_frame(HangUpFrame(reason="end_call"))
    return Answer("ok", {"ended": True}, then_speak=False)


@dataclass(frozen=True)
class _Heard:
    """What the caller had said when a tool was called: the turns as the model was told them, and the call's count."""

    turns: list[str]
    turn: int


async def _use(params: FunctionCallParams, work: Callable[[ToolDesk], Awaitable[Answer]]) -> None:
    """Run a tool to its end, answer the model, speak what is to be spoken. Whatever goes wrong is an answer too.

    A caller who talks over a tool or hangs up cancels the waiting, never the work: what was begun is finished, and
    told with the next answer.
    """
    desk = cast(ToolDesk, params.app_resources)
    heard = _Heard(_heard(params), desk.tap.turn)
    running = asyncio.ensure_future(_answer(desk, params, work, heard))
    desk.under_way.add(running)
    running.add_done_callback(desk.under_way.discard)
    try:
        answer = await asyncio.shield(running)
        properties = FunctionCallResultProperties(run_llm=answer.then_speak)
        await params.result_callback(answer.result, properties=properties)
        if words := f"{desk.take_owed()} {answer.say}".strip():
            await _speak(params, words)
    except asyncio.CancelledError:
        desk.talked_over.add(params.tool_call_id)
        if running.done():
            _owe(desk, running.result(), heard)
        raise


def _owe(desk: ToolDesk, answer: Answer, heard: _Heard) -> None:
    """Have what was done told later. A question in it is one from then on, not from when it was talked over."""
    if answer.say:
        desk.owed.append(answer.say)
        asked = len(heard.turns)
        desk.appointments.told_late(asked, asked + desk.tap.turn - heard.turn)
        if len(desk.under_way) <= 1:  # else the next tool tells it, before what it says itself
            desk.tell_owed()


async def _speak(params: FunctionCallParams, words: str) -> None:
    await cast(SharedClientLLM, params.llm).speak(words)


async def _answer(
    desk: ToolDesk, params: FunctionCallParams, work: Callable[[ToolDesk], Awaitable[Answer]], heard: _Heard
) -> Answer:
    """The tool's answer, told to the log. Never raises."""
    began = asyncio.get_running_loop().time()
    try:
        async with desk.turns:
            desk.appointments.listen(heard.turns)
            answer = await work(desk)
            if params.tool_call_id in desk.talked_over:
                _owe(desk, answer, heard)  # before the next tool, which may say goodbye
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


def _key(params: FunctionCallParams) -> str:
    """Names one call of a tool, so that repeating it changes nothing."""
    desk = cast(ToolDesk, params.app_resources)
    return f"{desk.log.caller.call_sid}:{params.tool_call_id}"


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


def _failed(code: str) -> Answer:
    say = "Say honestly that this did not work just now, and give the shop's number or offer to try again."
    return Answer("failed", {"error": code, "say": say})
