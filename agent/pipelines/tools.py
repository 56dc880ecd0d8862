"""What the model may do in a call. Each tool answers in words it can speak; none raises, none trusts its arguments.

Tools are synchronous in Pipecat's sense: the model waits for the answer before it speaks, so that it cannot
promise what did not happen.
"""

from __future__ import annotations

from collections.abc import Awaitable

from loguru import logger
from pipecat.adapters.llm.schemas.direct_function import (
    DirectFunction,
    tool_options,  # pyright: ignore[reportUnknownVariableType] - Pipecat leaves it untyped
)
from pipecat.services.llm_service import FunctionCallParams
from pydantic import ValidationError

from agent.errors import StoreError
from agent.events import CallTransferred, MessageTaken
from agent.knowledge.menu import find_service_answer, menu_section
from agent.model import Message, Shop
from agent.pipelines.appointments import Reply
from agent.pipelines.line_transport import HangUpFrame
from agent.pipelines.tool_desk import Answer, ToolDesk, key_of, lenient, speak, use

PUTTING_THROUGH = "One moment please, I'm putting you through to the salon."
TRANSFER = "transfer"
"""Reason of the HangUpFrame that rings a person instead of hanging up."""


@tool_options(timeout_secs=8)
@lenient
async def check_availability(params: FunctionCallParams, services: list[str], when: str, staff: str = "") -> None:
    """Say which times are free. It is spoken for you: add nothing. Use it when the caller asks what is free.

    Args:
        services: What they want done, each in the caller's own words. Empty for what was spoken of before.
        when: The caller's own words for day and time, unchanged: "Thursday week, after four", "the 5th".
        staff: Whom they want, if they said; "anyone" when they no longer mind.
    """
    await use(params, lambda desk: _spoken(desk, desk.appointments.check(services, when, staff)))


@tool_options(timeout_secs=8)
@lenient
async def hold_appointment(params: FunctionCallParams, services: list[str], when: str, staff: str = "") -> None:
    """Keep a time while the caller decides, once they named what and when. It is read back for you: add nothing.

    Nothing is booked by this. Hold again when they change their mind.

    Args:
        services: What they want done, each in the caller's own words. Empty for what was spoken of before.
        when: The caller's own words for day and time, unchanged. "right after it" follows what is held already.
        staff: Whom they want, if they said; "anyone" when they no longer mind.
    """
    key = key_of(params)
    await use(params, lambda desk: _spoken(desk, desk.appointments.hold(services, when, staff, key=key)))


@tool_options(timeout_secs=8)
@lenient
async def confirm_appointment(params: FunctionCallParams, name: str, phone: str = "") -> None:
    """Book, or move, what is held, after the caller has said yes to it. The confirmation is spoken for you.

    Args:
        name: The caller's name, as they said or spelled it.
        phone: A number to reach them on, only when theirs is withheld.
    """
    await use(params, lambda desk: _confirm(desk, params, name, phone))


@tool_options(timeout_secs=8)
@lenient
async def find_my_appointments(params: FunctionCallParams, name: str = "", detail: str = "") -> None:
    """Look up the caller's own appointments. Ask for their name first. Nobody else's can be looked up.

    Args:
        name: The caller's name, as they said it.
        detail: What they said of the appointment: its day or its service.
    """
    await use(params, lambda desk: _spoken(desk, desk.appointments.find(name, detail)))


@tool_options(timeout_secs=8)
@lenient
async def move_appointment(params: FunctionCallParams, which: str, when: str) -> None:
    """Keep another time for one of the caller's appointments. It is read back for you; confirm_appointment moves it.

    Args:
        which: Which one, in the caller's own words: "the haircut on Friday".
        when: The caller's own words for the new day and time: "same time next Friday".
    """
    key = key_of(params)
    await use(params, lambda desk: _spoken(desk, desk.appointments.move(which, when, key=key)))


@tool_options(timeout_secs=8)
@lenient
async def cancel_appointment(params: FunctionCallParams, which: str) -> None:
    """Cancel one of the caller's appointments. The first call asks them whether to; after their yes, call it again.

    Args:
        which: Which one, in the caller's own words.
    """
    key = key_of(params)
    await use(params, lambda desk: _spoken(desk, desk.appointments.cancel(which, key=key)))


@tool_options(timeout_secs=8)
@lenient
async def take_message(
    params: FunctionCallParams, message: str, caller_name: str = "", callback_number: str = ""
) -> None:
    """Leave a message for the people of the shop. Ask for the caller's name and what it is about first.

    Args:
        message: What the caller wants the shop to know, in one or two sentences.
        caller_name: The caller's name, if given.
        callback_number: The number to call back on, if it differs from the one they are calling from.
    """
    await use(params, lambda desk: _take_message(desk, params, message, caller_name, callback_number))


@tool_options(timeout_secs=8)
@lenient
async def transfer_to_person(params: FunctionCallParams, reason: str) -> None:
    """Put the caller through to a person of the shop: when they ask for one, or you cannot help them.

    That they are being put through is said for you: add nothing.

    Args:
        reason: Why, in a few words.
    """
    await use(params, lambda desk: _transfer(desk, params, reason))


@tool_options(timeout_secs=8)
@lenient
async def end_call(params: FunctionCallParams) -> None:
    """Hang up, once the caller has said goodbye or wants nothing more.

    A goodbye is spoken for you: call this without saying one.
    """
    await use(params, lambda desk: _end_call(desk, params))


@tool_options(timeout_secs=8)
@lenient
async def find_service(params: FunctionCallParams, words: str) -> None:
    """Look through the shop's whole menu. Use it before you name a service or price that is not in the shop facts.

    Args:
        words: What the caller asked for, in the caller's own words.
    """
    await use(params, lambda desk: _find_service(desk, words))


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
    await speak(params, f"{desk.take_owed()} {PUTTING_THROUGH}".strip())
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
    await speak(params, f"{desk.take_owed()} {desk.goodbye}".strip())
    await params.llm.push_frame(HangUpFrame(reason="end_call"))
    return Answer("ok", {"ended": True}, then_speak=False)
