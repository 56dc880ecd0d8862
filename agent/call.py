"""One phone call, from pick-up to hang-up. Read this first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from loguru import logger

from agent.bookings.audit import audit
from agent.bookings.desk import Desk
from agent.conclusion import outcome_of, summary_of, unanswered
from agent.errors import ChairsideError, NotFound
from agent.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallSummarised,
    ClaimMismatched,
    EndReason,
    QuestionUnanswered,
)
from agent.knowledge.approval import Approval
from agent.knowledge.cache import KnowledgeCache
from agent.knowledge.editing import Editing
from agent.knowledge.onboarding import Onboarding
from agent.knowledge.prompt import get_ai_context_for_location, is_withheld
from agent.model import Caller, Shop, to_e164
from agent.pipelines.dismantling import SETTLE_S
from agent.pipelines.greeting import Phrases, wording
from agent.pipelines.line import Line
from agent.pipelines.receptionist import Receptionist
from agent.pipelines.speech import SpeechStack
from agent.pipelines.tap import CallLog
from agent.ports import BookingStore, CallControl, CallStore, Clock, EventBus, Members, Telephone, TextStore
from agent.pulse import Pulse
from agent.recording.recorder import Recorder, Shelf
from agent.recording.tape import Tape
from agent.recording.witness import witnessed
from agent.settings import Settings
from agent.stores.outbox_file import Backlog
from agent.switchboard import Switchboard

TELL_S = 1.5
"""How long the phone company has to take an order; then the stream is closed, which leads it to /voice/after."""
LOOK_UP_S = 2.0
"""What the book has time to tell whether it knows a number: about as long as a greeting plays."""


@dataclass(frozen=True)
class Services:
    """Everything a call needs from the house; built once per process in `agent.wiring`."""

    settings: Settings
    clock: Clock
    knowledge: KnowledgeCache
    calls: CallStore
    backlog: Callable[[], Awaitable[Backlog]]
    """How much of what was written to `calls` waits for the store. Raises StoreError."""
    bookings: BookingStore
    look_ahead: Callable[[int], None]
    """Reads what a shop has booked before anybody asks what is free. Nobody waits for it."""
    desk: Desk
    bus: EventBus
    own: EventBus
    """What happens in this process alone; the same as `bus` where there is but one."""
    telephone: Telephone
    texts: TextStore
    members: Members
    speech: SpeechStack
    phrases: Phrases
    switchboard: Switchboard
    pulse: Pulse
    """How late the process runs."""
    control: CallControl
    """Of calls wherever they are held."""
    onboarding: Onboarding[Any]
    approval: Approval
    editing: Editing
    recorder: Recorder

    @property
    def tapes(self) -> Shelf:
        """The calls that were recorded."""
        return self.recorder.shelf


async def run_call(caller: Caller, line: Line, services: Services) -> EndReason:
    """Answer, converse until somebody hangs up, and leave everything tidy.

    The caller is admitted and the media stream is open. Returns who ended the call; never raises for what
    happens in it. `CallAnswered` is published first, `CallEnded` last, each exactly once.
    """
    began = asyncio.get_running_loop().time()
    shop = await _shop_of(caller, services)  # pinned: a change of the shop is for the next call
    tape = services.recorder.begin(caller, shop, line.began_at)
    if tape is not None:
        line.tape, services = tape, recorded(services, tape)
        line.ears.append(tape)
    log = CallLog(caller, services.bus, services.clock, tape)
    reason: EndReason = "failed"
    receptionist: Receptionist | None = None
    looking_up: asyncio.Task[None] | None = None
    try:
        try:
            heard = await _greet(shop, line, services)
        finally:  # a call whose greeting fails was answered, too, and is kept
            log.publish(
                CallAnswered,
                caller=caller.caller,
                called=caller.called,
                business_name=shop.business_name,
                greeting=wording(shop)["greeting"],
            )
        receptionist = _receptionist(shop, line, heard, log, services)
        services.switchboard.connect(caller.call_sid, receptionist)
        looking_up = asyncio.create_task(_look_up(caller, shop, receptionist, services))
        reason = await receptionist.run()
    except asyncio.CancelledError:
        reason = "server_stopped"
        raise
    except Exception:  # the caller must not pay for our mistake: /voice/after takes over
        logger.exception("call {} failed", caller.call_sid)
    finally:
        if looking_up is not None:
            looking_up.cancel()
        if line.malformed:
            logger.warning("call {}: {} messages of its stream made no sense", caller.call_sid, line.malformed)
        services.switchboard.ended(caller.call_sid, reason)
        _conclude(log, shop)
        log.publish(
            CallEnded,
            reason=reason,
            duration_ms=round((asyncio.get_running_loop().time() - began) * 1000),
            turns=receptionist.turns if receptionist else 0,
        )
        if tape is not None:
            tape.end()
        if receptionist is not None:
            asyncio.get_running_loop().call_later(SETTLE_S, receptionist.dismantle)
    return reason


def recorded(services: Services, tape: Tape) -> Services:
    """The same, for a call whose dealings with book, records and phone company go on its tape."""
    return replace(
        services,
        calls=witnessed(services.calls, CallStore, tape, "calls"),
        desk=services.desk.through(lambda book: witnessed(book, BookingStore, tape, "book")),
        telephone=witnessed(services.telephone, Telephone, tape, "telephone"),
    )


def _conclude(log: CallLog, shop: Shop) -> None:
    """Tell what became of the call, and what of it a person should look at. Never raises: the call is over."""
    try:
        _tell_outcome(log, shop, tuple(log.story))
    except Exception:  # what went before stays told, and the end is told in any case
        logger.exception("call {} could not be concluded", log.caller.call_sid)


def _tell_outcome(log: CallLog, shop: Shop, story: tuple[CallEvent, ...]) -> None:
    for mismatch in audit(story, shop):
        log.publish(ClaimMismatched, **asdict(mismatch))
    for turn, question in unanswered(story):
        log.publish(QuestionUnanswered, turn=turn, question=question)
    log.publish(CallSummarised, outcome=outcome_of(story), summary=summary_of(story, shop, now=log.clock()))


async def _shop_of(caller: Caller, services: Services) -> Shop:
    """From memory, at once, unless another process heard the phone ring and knows a newer version."""
    shop = await services.knowledge.shop_at_least(caller.location_id, caller.shop_version)
    if shop is None:
        raise NotFound("unknown_location", f"location {caller.location_id} is not registered")
    return shop


async def _greet(shop: Shop, line: Line, services: Services) -> list[str] | None:
    """Put the greeting on the wire before anything else is built; the words heard of it gather in the result.

    None when the greeting is not rendered: then the conversation begins with speaking it.
    """
    greeting = await services.phrases.fetch(shop, "greeting")
    if greeting is None:
        return None
    heard: list[str] = []
    await line.say(greeting, heard.append)
    return heard


async def _look_up(caller: Caller, shop: Shop, receptionist: Receptionist, services: Services) -> None:
    """Tell the model when the book knows the caller's number, while the greeting plays. Nobody waits for it."""
    if is_withheld(caller.caller):
        return
    try:
        async with asyncio.timeout(LOOK_UP_S):
            known = await services.desk.has_booked(caller.location_id, to_e164(caller.caller))
    except (ChairsideError, TimeoutError) as why:
        logger.info("call {}: whether the caller is known was not to be learned: {!r}", caller.call_sid, why)
        return
    if known:
        context = get_ai_context_for_location(shop, now=services.clock(), caller=caller, returning=True)
        receptionist.instruct(context.moving)


def _receptionist(
    shop: Shop, line: Line, greeting_heard: list[str] | None, log: CallLog, services: Services
) -> Receptionist:
    """The conversation of this call: what it knows, how it hears, thinks and speaks."""
    return Receptionist(
        shop=shop,
        instructions=get_ai_context_for_location(shop, now=services.clock(), caller=log.caller),
        line=line,
        greeting_heard=greeting_heard,
        log=log,
        speech=services.speech,
        phrases=services.phrases,
        calls=services.calls,
        desk=services.desk,
        look_ahead=partial(services.look_ahead, shop.location_id),
        settings=services.settings,
        hang_up=partial(_hang_up, log.caller, services),
        put_through=partial(_put_through, log.caller, shop, services),
        ring=partial(services.telephone.transfer, log.caller.call_sid),
    )


async def _hang_up(caller: Caller, services: Services) -> None:
    """Tell the phone company. Should that fail, the closed stream leads Twilio to `/voice/after`, which hangs up."""
    try:
        async with asyncio.timeout(TELL_S):
            await services.telephone.hang_up(caller.call_sid)
    except (ChairsideError, TimeoutError) as why:
        logger.warning("hang-up of {} failed: {!r}", caller.call_sid, why)


async def _put_through(caller: Caller, shop: Shop, services: Services) -> bool:
    """Ring a person of the shop in place of us; False when the phone company does not."""
    if shop.transfer_to is None:
        return False
    try:
        async with asyncio.timeout(TELL_S):
            await services.telephone.transfer(caller.call_sid, shop.transfer_to)
    except (ChairsideError, TimeoutError) as why:
        logger.warning("transfer of {} failed: {!r}", caller.call_sid, why)
        return False
    return True
