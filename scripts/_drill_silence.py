"""How long a caller heard nothing while it was the agent's turn to be heard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from agent.emulators.report import CallReport
from agent.events import OfCall, TurnSpoken, VendorDegraded

WHOLE_S = 1.0
"""An answer is told as heard within this of its last voice."""
ASKED, ASKING_S = ("nothing_heard", "turn_open"), 5.0
"""After these words of the watch it is the caller's turn: they were asked to say it again, or to go on."""
Who = Literal["agent", "caller", "network"]


def longest_silence(report: CallReport, events: Sequence[OfCall], replies: Iterable[str]) -> tuple[float, str]:
    """Seconds, and where in the call: from `start` or the end of the caller's speech to the agent's next voice, and
    inside an answer that is not whole. `replies` are the model's own words, by which a whole answer is known."""
    if report.started_at is None:
        return 0.0, "not answered"
    over = report.ended_at or 0.0
    longest, where = 0.0, "nowhere"
    until, who = 0.0, None
    for begin, end, whose in [*_stretches(report), (over, over, "network")]:
        begin = min(begin, over)
        owed = who in (None, "caller") or (whose != "caller" and not _is_whole(until, events, replies))
        if owed and begin - until > longest:
            longest, where = begin - until, f"after {who or 'start'} at {until:.1f} s"
        if end > until:
            until, who = end, whose
        if whose == "network":
            break
    return longest, where


def _stretches(report: CallReport) -> list[tuple[float, float, Who]]:
    """Everything that was heard, in order."""
    start = report.started_at or 0.0
    heard: list[tuple[float, float, Who]] = [(begin, end, "agent") for begin, end in report.agent_voices]
    for exchange in report.exchanges:
        if exchange.voiced is not None:
            heard.append((exchange.voiced[0] - start, exchange.voiced[1] - start, "caller"))
    if report.network_spoke_at is not None:
        heard.append((report.network_spoke_at, report.network_spoke_at, "network"))
    return sorted(heard)


def _is_whole(until: float, events: Sequence[OfCall], replies: Iterable[str]) -> bool:
    """Whether the agent's voice that ended then had come to the end of what it had to say."""
    began = events[0].at if events else None
    for event in events:
        if began is None:
            return False
        told = (event.at - began).total_seconds()
        if isinstance(event, VendorDegraded) and event.code in ASKED and 0 <= until - told <= ASKING_S:
            return True
        if not isinstance(event, TurnSpoken):
            continue
        if -WHOLE_S <= told - until <= WHOLE_S and _is_end(event.heard_text, replies):
            return True
    return False


def _is_end(heard: str, replies: Iterable[str]) -> bool:
    """Whether words end as the model ended, or are no words of the model's and end a sentence."""
    heard = " ".join(heard.split())
    whole = [" ".join(reply.split()) for reply in replies if reply]
    last = heard.rsplit(". ", 1)[-1]
    if any(reply.endswith(heard) or heard.endswith(reply) for reply in whole):
        return True
    return heard.endswith((".", "?", "!")) and not any(last in reply for reply in whole)
