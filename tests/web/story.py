"""A phone call as its events, for a page to show: published on the bus of a house, as a call would."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agent.events import (
    CallAnswered,
    CallEnded,
    OfCall,
    QuestionUnanswered,
    StageTimed,
    ToolUsed,
    TurnHeard,
    TurnSpoken,
    TurnStarted,
)
from agent.wiring import utc_now
from tests.house import PLUMERIA, House, new_sid


@dataclass
class Story:
    """One call to the first shop."""

    house: House
    caller: str = "+12025550143"
    call_sid: str = field(default_factory=new_sid)
    _seq: int = 0

    def begins(self) -> None:
        shop = PLUMERIA
        self._tell(
            CallAnswered,
            caller=self.caller,
            called=shop.phone_number,
            business_name=shop.business_name,
            greeting="Hello.",
        )
        self.says("Hello.", turn=0)

    def hears(self, text: str, *, turn: int = 1, final: bool = True) -> None:
        self._tell(TurnHeard, turn=turn, text=text, final=final)

    def says(self, text: str, heard: str | None = None, *, turn: int = 1) -> None:
        """The agent's words; `heard` when the caller cut them short."""
        cut = {"heard_text": text if heard is None else heard, "interrupted": heard is not None}
        self._tell(TurnSpoken, turn=turn, text=text, voice_to_voice_ms=820.0 if turn else None, **cut)

    def tells_a_lot(self) -> None:
        """A turn with everything a page can show."""
        self._tell(TurnStarted, turn=2, interrupting=True)
        self.hears("And may I bring my dog?", turn=2)
        for stage, ms in (("stt", 130.0), ("llm", 420.0), ("tts", 160.0), ("voice_to_voice", 910.0)):
            self._tell(StageTimed, turn=2, stage=stage, ms=ms)
        call = {"tool": "look_up", "tool_call_id": "t1", "arguments": {"question": "dogs"}}
        self._tell(ToolUsed, turn=2, outcome="refused", took_ms=12.0, **call)
        self._tell(QuestionUnanswered, turn=2, question="May I bring my dog?")
        self.says("I am not sure about dogs. Shall I ask?", "I am not sure", turn=2)

    def ends(self) -> None:
        self._tell(CallEnded, reason="caller_hung_up", duration_ms=9000.0, turns=2)

    def _tell(self, kind: type[OfCall], **facts: Any) -> None:
        self._seq += 1
        at = utc_now() - timedelta(seconds=60 - self._seq)
        head = {"call_sid": self.call_sid, "location_id": PLUMERIA.location_id, "seq": self._seq, "at": at}
        self.house.services.bus.publish(kind.model_validate(head | facts))  # type: ignore[arg-type]
