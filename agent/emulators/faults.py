"""What goes wrong with a vendor, and when in a call."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

FaultyVendor = Literal["deepgram", "openai", "cartesia", "twilio"]
Moment = Literal["ring", "start", "greeting", "first_turn", "mid_answer", "tool", "end"]
"""Of a call: it rings; its stream begins; the agent is first heard; the caller begins to speak; half a second into the
answer; the model has asked for a tool; the caller begins their last words."""
MOMENTS: tuple[Moment, ...] = get_args(Moment)

FaultKind = Literal[
    "refuse",
    "slow_connect",
    "status",
    "drop",
    "half_open",
    "mute",
    "zero_audio",
    "silent_audio",
    "garbage",
    "drip",
    "late",
    "lose_answer",
]
_BY_REQUEST = frozenset({"status", "drop", "lose_answer"})
CUTS_LIVE = frozenset({"refuse", "slow_connect", "status", "drop"})
"""A vendor that fails so while sockets are open has lost these first: else nobody would notice in this call."""


class Fault(BaseModel):
    """A failure to order.

    `status` answers with an HTTP error; `drop` cuts the connection in the middle of a message, `after_ms` after it was
    opened; `lose_answer` does what was asked and cuts it then. These three hit the next `times` requests, or with
    `for_s` all of them for so long. The others are conditions of the whole vendor, from when they are ordered (`at` a
    moment of a call, else at once) for `for_s` seconds or for good: `refuse` connections; `slow_connect` by `seconds`;
    `half_open`: sockets are up and nothing is read or answered; `mute`: everything is read, nothing said; `zero_audio`:
    speech without sound; `silent_audio`: sound without voice; `garbage` in place of every message; `drip`: `seconds`
    between messages or words; `late`: all that follows a second of quiet is held for `seconds`.

    With `path`, only requests to a path with this text in it fail.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    vendor: FaultyVendor
    kind: FaultKind
    path: str = ""
    status: int = Field(default=500, ge=400, le=599)
    retry_after_s: int | None = Field(default=None, ge=0)
    """What a `status` says in its Retry-After header."""
    after_ms: float = Field(default=0, ge=0)
    times: int = Field(default=1, ge=1)
    at: Moment | None = None
    for_s: float | None = Field(default=None, gt=0)
    seconds: float = Field(default=4.0, gt=0)

    @property
    def stands(self) -> bool:
        """Whether it is a condition of the vendor, not a number of requests that fail."""
        return self.for_s is not None or self.kind not in _BY_REQUEST
