"""What processes say to each other of operators' acts: a byte for the kind, an id of 32 letters, then JSON or sound."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from agent import errors
from agent.errors import ChairsideError, Unavailable
from agent.model import AudioFrame, AudioSide

Kind = Literal["ask", "answer", "sound", "voice"]
_LETTERS: dict[Kind, bytes] = {"ask": b"A", "answer": b"R", "sound": b"S", "voice": b"V"}
_KINDS: dict[bytes, Kind] = {letter: kind for kind, letter in _LETTERS.items()}
_ID = 32
_SIDES: tuple[AudioSide, ...] = ("caller", "agent", "operator")


class Link(Protocol):
    """What is needed of the way to other processes."""

    def send(self, message: bytes, to: str = ...) -> None: ...


@dataclass(frozen=True)
class Parcel:
    """One message. `number` names a question and its answer, or an ear and its sound."""

    kind: Kind
    number: str
    body: bytes

    @property
    def facts(self) -> dict[str, Any]:
        """The body as JSON. Raises ValueError."""
        return cast(dict[str, Any], json.loads(self.body))


def packed(kind: Kind, number: str, facts: object = None, *, sound: bytes = b"") -> bytes:
    """A message as it is sent; `facts` as JSON, or sound."""
    return _LETTERS[kind] + number.encode() + (sound or json.dumps(facts).encode())


def unpacked(message: bytes) -> Parcel | None:
    """None for what is no message of acts."""
    kind = _KINDS.get(message[:1])
    if kind is None or len(message) <= _ID:
        return None
    return Parcel(kind, message[1 : 1 + _ID].decode("ascii", "replace"), message[1 + _ID :])


def sound_of(frame: AudioFrame) -> bytes:
    """Side (1 byte), ms since the start of the call (4 bytes, big-endian), mu-law."""
    return bytes((_SIDES.index(frame.side),)) + frame.at_ms.to_bytes(4, "big") + frame.ulaw


def frame_of(call_sid: str, sound: bytes) -> AudioFrame:
    """The other way round."""
    side, at_ms = _SIDES[sound[0]], int.from_bytes(sound[1:5], "big")
    return AudioFrame(call_sid=call_sid, side=side, at_ms=at_ms, ulaw=sound[5:])


def told_of(why: ChairsideError) -> dict[str, str]:
    """An error as it travels."""
    return {"kind": type(why).__name__, "code": why.code, "message": why.message}


def raised_of(told: dict[str, Any]) -> ChairsideError:
    """The error that another process met, as if it had been met here."""
    kind = getattr(errors, str(told.get("kind")), None)
    code, message = str(told.get("code")), str(told.get("message"))
    if isinstance(kind, type) and issubclass(kind, ChairsideError):
        return kind(code, message)
    return Unavailable(code, message)
