"""Nobody is left in silence: a watch over what the caller hears, whatever it is that fails.

It looks at the line alone: when the caller's voice ended, when the last of ours was played. While something of us is
due and nothing is heard for `WAIT_S`, a phrase rendered long before is said, and whoever can help is told; when that
has happened `PHRASES` times in a row, the call is handed over to those who can.
"""

from __future__ import annotations

import asyncio
from typing import Literal, Protocol

from agent.pipelines.line import Line

WAIT_S = 1.8
"""How long a caller hears nothing before a phrase: with what a tick and the way to the ear take, two seconds."""
LOOK_S = 0.1
TURN_S = 2.2
"""The same while the ears say that a turn goes on: people stop to think."""
PHRASES = 2
"""How many phrases a caller hears without an answer before the call is handed over."""
UNHEARD = 1
"""How often they are asked to repeat what nobody heard."""
WORD_MS = 360.0
"""Voice that lasts at least so long is speech; a cough is shorter."""
DEAF_AFTER_MS = 8000.0
"""So much voice without a word from the ears: they are deaf, though the caller has not paused."""

Trouble = Literal["nothing_heard", "turn_open", "answer_due"]
"""What we are late with: words for the caller's voice; the end of their turn; an answer, or the rest of one."""


class Watched(Protocol):
    """The conversation, as the watch sees it."""

    @property
    def is_quiet_on_purpose(self) -> bool:
        """Somebody else speaks with the caller, or the call is ending."""
        ...

    @property
    def turns(self) -> int:
        """How many turns of the caller's have begun."""
        ...

    @property
    def caller_speaks(self) -> bool:
        """A turn of the caller's is open."""
        ...

    @property
    def is_due(self) -> bool:
        """A turn has ended, or words of ours were ordered, and we have not come to their end."""
        ...

    async def bridge(self, trouble: Trouble, times: int) -> bool:
        """Say a phrase that is ready; False when there is none."""
        ...

    async def give_up(self, trouble: Trouble) -> None:
        """Hand the call over to those who can help."""
        ...


class Vigil:
    """The watch over one call. Run `watch` beside the conversation until it is over."""

    def __init__(self, line: Line, call: Watched) -> None:
        self._line = line
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        """Nothing before it counts."""
        self._bridged_at = float("-inf")
        self._times = 0
        self._turns = 0
        self._unheard_times = 0
        self._heard_ms = 0.0
        """The caller's voice that was answered for."""

    async def watch(self) -> None:
        """Look on until cancelled, or until the call was handed over."""
        while True:
            await asyncio.sleep(LOOK_S)
            trouble = self._trouble()
            if trouble is not None and not await self._bridge(trouble):
                await self._call.give_up(trouble)
                return

    def _trouble(self) -> Trouble | None:
        """What we are late with; None: nothing, or not yet."""
        line, call, now = self._line, self._call, self._loop.time()
        if call.is_quiet_on_purpose:
            self._since, self._times, self._heard_ms = now, 0, line.caller_voiced_ms
            return None
        quiet_s = now - max(self._since, line.caller_voice_at or 0.0, line.agent_voice_until or 0.0)
        if call.turns > self._turns:
            self._turns, self._unheard_times = call.turns, 0
        if call.is_due:
            self._heard_ms = line.caller_voiced_ms
        if (line.answer_voice_at or 0.0) > self._bridged_at and not call.is_due:
            self._times = 0
        if call.caller_speaks:
            return "turn_open" if quiet_s >= TURN_S else None
        if call.is_due:
            return "answer_due" if quiet_s >= WAIT_S else None
        return self._unheard(line.caller_voiced_ms - self._heard_ms, quiet_s)

    def _unheard(self, voiced_ms: float, quiet_s: float) -> Trouble | None:
        """Whether the caller spoke, and no word of it has come from the ears."""
        if voiced_ms >= DEAF_AFTER_MS or (voiced_ms >= WORD_MS and quiet_s >= WAIT_S):
            return "nothing_heard"
        if quiet_s >= WAIT_S:
            self._heard_ms = self._line.caller_voiced_ms  # a cough
        return None

    async def _bridge(self, trouble: Trouble) -> bool:
        """Say something; False when that has been done often enough, or nothing is ready."""
        if trouble == "nothing_heard":
            self._unheard_times += 1
        else:
            self._times += 1
        enough = self._times > PHRASES or self._unheard_times > UNHEARD
        if enough or not await self._call.bridge(trouble, self._times):
            return False
        self._bridged_at, self._heard_ms = self._loop.time(), self._line.caller_voiced_ms
        return True
