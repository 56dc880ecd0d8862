"""The bus of a house of several processes: everybody's events, and each process's own apart from them.

Events are mirrored through a `Link`, which loses what is sent while it is down. So every process remembers what
happened in its own calls, without partial words and timings, and tells it again to whoever has just (re)connected;
what somebody knows already is recognised by call and number.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from loguru import logger
from pydantic import TypeAdapter, ValidationError

from agent.bus.local import LocalBus
from agent.events import AnyEvent, CallEnded, CallEvent, OfCall, StageTimed, TurnHeard
from agent.ports import Clock

ENDED_KEPT = 200
"""Calls whose end is still told to who comes late: they may have missed it."""
DEAD_AFTER_S = 15.0
"""A process that has not been heard of for so long is gone, and its calls with it."""
EVENT, HELLO = b"E", b"H"
_EVENTS: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


class Link(Protocol):
    """What the bus needs of the way to other processes."""

    @property
    def name(self) -> str: ...
    def send(self, message: bytes, to: str = ...) -> None: ...


@dataclass
class _Theirs:
    """A call of another process."""

    owner: str
    location_id: int
    last: OfCall
    known: set[int] = field(default_factory=set[int])


class MirroredBus:
    """Implements `EventBus` over `own`, this process's bus, and a link to the others.

    Ledger and tape subscribe to `own`: each process keeps its own calls, and never reads them back from the link.
    """

    def __init__(self, own: LocalBus, link: Link, clock: Clock) -> None:
        self.own = own
        self._everywhere = LocalBus()
        self._link = link
        self._clock = clock
        self._stories: dict[str, list[CallEvent]] = {}
        self._endings: OrderedDict[str, CallEvent] = OrderedDict()
        self._theirs: dict[str, _Theirs] = {}
        self._heard_of: dict[str, float] = {}
        self._asked_at: dict[str, float] = {}

    def publish(self, event: AnyEvent) -> None:
        """Hand `event` to every subscriber here, and to other processes as soon as that can be."""
        self.own.publish(event)
        self._everywhere.publish(event)
        if isinstance(event, OfCall):
            self._remember(event)
        self._link.send(EVENT + event.model_dump_json().encode())

    def subscribe(self, *, limit: int | None = None) -> AbstractAsyncContextManager[AsyncIterator[AnyEvent]]:
        """Everybody's events; see `EventBus.subscribe`."""
        return self._everywhere.subscribe(limit=limit)

    def owner_of(self, location_id: int, call_sid: str) -> str | None:
        """The name of the other process that holds a live call of this location, or None."""
        call = self._theirs.get(call_sid)
        return call.owner if call is not None and call.location_id == location_id else None

    def forget(self, call_sid: str) -> None:
        """Another process's call is taken for lost. Should it be heard again, it is told anew from its beginning."""
        self._theirs.pop(call_sid, None)

    # What the link tells

    def connected(self) -> None:
        """Tell everybody of our calls, and ask for theirs. While we were away, nobody could be heard of."""
        self._heard_of = dict.fromkeys(self._heard_of, _now())
        self._link.send(HELLO)
        self._tell_again()

    def received(self, sender: str, message: bytes) -> None:
        """An event or a greeting of another process."""
        self._heard_of[sender] = _now()
        if message == HELLO:
            self._tell_again(sender)
        elif message.startswith(EVENT):
            self._take(sender, message[1:])

    def pulsed(self) -> None:
        """The link works: who has not been heard of for long is gone."""
        self._bury_the_dead()

    def _take(self, sender: str, line: bytes) -> None:
        try:
            event = _EVENTS.validate_json(line)
        except ValidationError:
            kind = json.loads(line).get("type") if line.startswith(b"{") else "?"
            logger.warning("an event of another process is not one we know: {}", str(kind)[:60])
            return
        if not isinstance(event, OfCall) or self._is_news(sender, event):
            self._everywhere.publish(event)

    def _is_news(self, sender: str, event: OfCall) -> bool:
        if event.call_sid in self._endings:
            return False
        call = self._theirs.get(event.call_sid)
        if call is None and event.seq != 1:
            self._ask(sender)  # we come in the middle of this call: its story is told from the beginning
            return False
        if call is None:
            call = self._theirs[event.call_sid] = _Theirs(sender, event.location_id, event)
        if event.seq in call.known:
            return False
        call.known.add(event.seq)
        call.owner, call.last = sender, event
        if isinstance(event, CallEnded):
            self._over(event)
        return True

    def _ask(self, sender: str) -> None:
        """Have a process tell its calls again; once a second is enough, for the answer is under way."""
        if _now() - self._asked_at.get(sender, float("-inf")) > 1.0:
            self._asked_at[sender] = _now()
            self._link.send(HELLO, sender)

    def _over(self, event: CallEnded) -> None:
        self._theirs.pop(event.call_sid, None)
        self._endings[event.call_sid] = event
        while len(self._endings) > ENDED_KEPT:
            self._endings.popitem(last=False)

    def _remember(self, event: OfCall) -> None:
        if isinstance(event, CallEnded):
            self._stories.pop(event.call_sid, None)
            self._over(event)
        elif not isinstance(event, StageTimed) and not (isinstance(event, TurnHeard) and not event.final):
            self._stories.setdefault(event.call_sid, []).append(event)  # type: ignore[arg-type]

    def _tell_again(self, to: str = "") -> None:
        told = [event for story in self._stories.values() for event in story]
        for event in (*self._endings.values(), *told):
            line = EVENT + event.model_dump_json().encode()
            if to:
                self._link.send(line, to)
            else:
                self._link.send(line)

    def _bury_the_dead(self) -> None:
        """Calls whose process ended without a word are over; their dashboards must not show them for hours."""
        late = _now() - DEAD_AFTER_S
        gone = {name for name, at in self._heard_of.items() if at < late}
        for name in gone:
            del self._heard_of[name]
            self._asked_at.pop(name, None)
        for call in [call for call in self._theirs.values() if call.owner in gone]:
            logger.warning("call {}: the process that held it is gone", call.last.call_sid)
            self.forget(call.last.call_sid)
            self._everywhere.publish(_ending_of(call.last, self._clock()))


def _ending_of(last: OfCall, now: datetime) -> CallEnded:
    return CallEnded(
        call_sid=last.call_sid,
        location_id=last.location_id,
        seq=last.seq + 1,
        at=now,
        reason="process_died",
        duration_ms=0.0,
        turns=0,
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
