"""What a customer's text asks for. Pure, and strict: a text that might mean something else cancels nothing."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

MOST_CHARS = 200
"""Nobody cancels with more; such a text is not searched for words."""

_STOP = frozenset({"stop", "stopall", "unsubscribe", "end", "quit", "revoke", "optout"})
"""Twilio: SMS STOP filtering. It also takes the single word CANCEL for one, which here cancels an appointment."""
_START = frozenset({"start", "unstop", "yes"})
_CANCEL = frozenset({"c", "cancel"})
_COURTESIES = frozenset(
    {"a", "appointment", "appt", "booking", "can", "could", "hello", "hey", "hi", "i", "it", "like", "my", "number"}
    | {"ok", "pls", "please", "thank", "thanks", "that", "the", "this", "to", "want", "would", "ty", "you"}
)


@dataclass(frozen=True)
class Reply:
    """What is asked for; `number` of those offered, when one is named."""

    wish: Literal["cancel", "stop", "start", "unclear"]
    number: int | None = None


def read_reply(body: str) -> Reply:
    """What a text asks for. Case, signs, emoji and courtesies do not matter; any other word makes it unclear."""
    if len(body) > MOST_CHARS:
        return Reply("unclear")
    words = re.findall(r"[a-z]+|[0-9]+", _letters(body))
    if len(words) == 1 and words[0] in _STOP:
        return Reply("stop")
    if len(words) == 1 and words[0] in _START:
        return Reply("start")
    numbers = [word for word in words if word.isdecimal()]
    others = {word for word in words if not word.isdecimal()}
    if not others & _CANCEL or others - _CANCEL - _COURTESIES or len(numbers) > 1 or _has_other_letters(body):
        return Reply("unclear")
    if numbers and len(numbers[0]) > 2:
        return Reply("unclear")
    return Reply("cancel", int(numbers[0]) if numbers else None)


def _letters(body: str) -> str:
    """Lower case; what looks like a letter of the alphabet is one, as full-width ones are."""
    return unicodedata.normalize("NFKC", body).casefold()


def _has_other_letters(body: str) -> bool:
    """Words of another alphabet are words we do not know."""
    return any(sign.isalpha() and not sign.isascii() for sign in _letters(body))
