"""What a call was like from the caller's side. Milliseconds unless said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.emulators.phone import Playing

End = Literal["hung_up_by_caller", "hung_up_by_server", "socket_closed", "dialled", "recorded", "refused", "failed"]


@dataclass(frozen=True)
class Exchange:
    """A caller's utterance and how it was met."""

    said: str
    voice_to_voice_ms: float | None
    """Last voiced caller frame sent to first voiced agent media received after it; None: no answer came."""
    barge_in_clear_ms: float | None
    """First voiced caller frame sent to the `clear` it caused."""
    dropped_ms: float | None
    """Agent audio which that `clear` threw away unplayed."""
    voiced: tuple[float, float] | None = None
    """When its voice began and ended at the caller's mouth, by the event loop's clock; None: it was never said."""


@dataclass(frozen=True)
class Dialled:
    """A person who was rung, and how that ended, in Twilio's words."""

    number: str
    status: str


@dataclass(frozen=True)
class CallReport:
    """A finished call."""

    call_sid: str
    to: str
    parameters: dict[str, str]
    """The custom parameters of the TwiML's stream, the location among them."""
    twiml: tuple[str, ...]
    """Every TwiML document received, in order."""
    greeting_ms: float | None
    """`start` sent to first voiced agent audio received."""
    exchanges: tuple[Exchange, ...]
    caller_audio_ms: float
    """How much scenario audio was sent."""
    agent_audio: bytes
    """Mu-law that reached the caller's ear."""
    received: tuple[tuple[float, bytes], ...]
    """Each media message: seconds after `start`, and its mu-law."""
    clears: int
    marks: tuple[str, ...]
    """Names of the marks sent back, in order."""
    dtmf: str
    underruns_ms: tuple[float, ...]
    """Gaps in the agent's voice that the play-out buffer running empty caused."""
    duration_ms: float
    end: End
    close_code: int | None
    """What the server closed the last media socket with; None when the caller's side closed it."""
    error: str | None
    said: tuple[str, ...] = ()
    """What Twilio's own voice said to the caller."""
    dialled: tuple[Dialled, ...] = ()
    started_at: float | None = None
    """When `start` was sent, by the event loop's clock; None for a call that was not answered."""
    cleared_at: tuple[float, ...] = ()
    """When each `clear` came: seconds after `start`."""
    recordings: tuple[str, ...] = ()
    """The sids of what the caller left after a beep."""
    agent_voices: tuple[tuple[float, float], ...] = ()
    """When the agent's voice was at the caller's ear: seconds after `start`. A stretch has no pause in it."""
    network_spoke_at: float | None = None
    """When Twilio's own voice, or a person who is rung, first took over: seconds after `start`."""
    ended_at: float | None = None
    """When the call was over: seconds after `start`."""


class Exchanges:
    """Keeps score of utterances and answers while a call runs."""

    OVERLAP_S = 0.3

    def __init__(self) -> None:
        self._all: list[_Draft] = []

    def begin(self, said: str, playing: Playing) -> None:
        """An utterance is queued."""
        self._all.append(_Draft(said, playing))

    def agent_heard(self, now: float, before: float) -> None:
        """Voiced agent audio arrived; `before` is when some last did. An answer follows a gap or a clear."""
        for draft in self._all[-1:]:
            ended = draft.playing.last_voiced_at
            if ended is None or draft.answered_ms is not None:
                continue
            if draft.cleared_ms is None and now - before < self.OVERLAP_S:
                continue  # the agent talks on, over the caller
            draft.answered_ms = (now - ended) * 1000

    def cleared(self, now: float, dropped_ms: float) -> None:
        """The server emptied the play-out buffer. With nothing in it, nobody was interrupted."""
        if dropped_ms == 0:
            return
        for draft in self._all[-1:]:
            began = draft.playing.first_voiced_at
            if began is not None and draft.cleared_ms is None and draft.answered_ms is None:
                draft.cleared_ms = (now - began) * 1000
                draft.dropped_ms = dropped_ms

    def done(self) -> tuple[Exchange, ...]:
        return tuple(
            Exchange(draft.said, draft.answered_ms, draft.cleared_ms, draft.dropped_ms, draft.playing.voiced)
            for draft in self._all
        )


@dataclass
class _Draft:
    said: str
    playing: Playing
    answered_ms: float | None = None
    cleared_ms: float | None = None
    dropped_ms: float | None = None
