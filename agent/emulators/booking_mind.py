"""How the emulated model books: it hands the caller's words to whichever tool fits, and believes what tools answer.

It keeps no calendar and resolves no date: whatever is right about a booking in a test was made right by the tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from agent.emulators.notes import Notes, mentioned
from agent.emulators.vendor import Json, objects

_WHEN = re.compile(
    r"\b((mon|tues|wednes|thurs|fri|satur|sun)days?|today|tomorrow|tonight|morning|afternoon|evening|noon|midday"
    r"|week|weekend|fortnight|o'?clock|half (past|an hour)|quarter (to|past)|january|february|march|april|june|july"
    r"|august|september|october|november|december|first thing|(an|two|three|half an) hours?|after it"
    r"|at (one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d)|soon"
    r"|\d{1,2}(:\d\d)? ?([ap]\.?m|th|st|nd|rd)"
    r"|(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) (thirty|fifteen|forty)|same time)\b",
    re.I,
)
_YES = re.compile(
    r"\b(yes|yeah|please do|go ahead|book it|that'?s (right|it|fine)|do it|cancel it|move it|both|sure)\b", re.I
)
_CANCEL = re.compile(r"\bcancel\b", re.I)
_MOVE = re.compile(r"\b(move|reschedule|push|change)\b", re.I)
_BOOK = re.compile(
    r"\b(book|appointment|come in|get in|squeeze|fit me|i'?d like|i want|i need|can i (have|get))\b", re.I
)
_ASKS = re.compile(r"\b(do you have|have you got|anything|what else|is there|are there|free|available|any)\b|\?$", re.I)
_PERSON = re.compile(r"\b(real person|human|somebody|someone|manager|a person|put me through|speak to)\b", re.I)
_NAME = re.compile(r"\b(?i:my name is|this is|it'?s|it is|i am|i'm|under|name'?s|for)\s+([A-Z][\w'-]+ [A-Z][\w'-]+)")
_NUMBER = re.compile(r"\+?\d[\d\s().-]{5,}\d")
_ONLY_NAME = re.compile(r"^\W*([A-Z][\w'-]+ [A-Z][\w'-]+)\W*(?:$|[.,])")


@dataclass(frozen=True)
class Act:
    """What booking asks for next: words to say, or a tool with its arguments."""

    say: str = ""
    tool: str = ""
    arguments: dict[str, Any] | None = None


@dataclass(frozen=True)
class _Talk:
    """The conversation as far as bookings go."""

    heard: str
    turns: tuple[str, ...]
    name: str
    intent: str
    """What the caller is about: "book", "move", "cancel" or ''."""
    first_words: str
    """The words in which they said so."""
    is_held: bool
    is_cancelling: bool


def book(body: Json, notes: Notes, offered: frozenset[str]) -> Act | None:
    """What to do about appointments after the caller's last words; None when they are about something else."""
    if "hold_appointment" not in offered:
        return None
    talk = _read(body)
    if _PERSON.search(talk.heard) and "transfer_to_person" in offered:
        return Act(tool="transfer_to_person", arguments={"reason": "the caller asks for a person"})
    gives_name = talk.name and _ONLY_NAME.search(talk.heard)
    if talk.is_held and (_YES.search(talk.heard) or gives_name or _NUMBER.search(talk.heard)):
        return _confirm(talk)
    if talk.is_cancelling and _YES.search(talk.heard):
        return Act(tool="cancel_appointment", arguments={"which": talk.heard})
    act = {"cancel": _cancel, "move": _move}.get(talk.intent)
    return act(talk) if act else _book(talk, notes)


def names_moment(words: str) -> bool:
    """Whether somebody speaks of a day or a time."""
    return _WHEN.search(words) is not None


def name_in(words: str) -> str:
    """The name somebody gives, or ''."""
    found = _NAME.search(words) or _ONLY_NAME.search(words)
    return found[1] if found else ""


def _confirm(talk: _Talk) -> Act:
    if not talk.name:
        return Act(say="What name may I put it under?")
    numbers = [found[0] for turn in talk.turns if (found := _NUMBER.search(turn))]
    if not numbers and not any(_YES.search(turn) for turn in talk.turns[-2:]):
        return Act(say="Thank you. Shall I book it for you?")
    phone = {"phone": numbers[-1]} if numbers else {}
    return Act(tool="confirm_appointment", arguments={"name": talk.name, **phone})


def _cancel(talk: _Talk) -> Act:
    return Act(tool="cancel_appointment", arguments={"which": talk.first_words})


def _move(talk: _Talk) -> Act | None:
    if not names_moment(talk.heard) and talk.heard != talk.first_words and not talk.name:
        return None
    words = talk.heard if names_moment(talk.heard) else talk.first_words
    which, _, when = words.partition(" to ")
    return Act(tool="move_appointment", arguments={"which": which, "when": when or words})


def _book(talk: _Talk, notes: Notes) -> Act | None:
    service = mentioned(notes.offers, talk.heard)
    about = service is not None or _BOOK.search(talk.heard) or talk.intent == "book"
    if not about:
        return None
    if not names_moment(talk.heard):
        return Act(say="Of course. When would you like to come in?") if _BOOK.search(talk.heard) else None
    earlier = (mentioned(notes.offers, turn) for turn in reversed(talk.turns[:-1]))
    chosen = service or next((found for found in earlier if found), None)
    arguments = {
        "services": [chosen.name] if chosen else [],
        "when": talk.heard,
        "staff": _staff(notes, talk.heard),
    }
    return Act(tool="check_availability" if _ASKS.search(talk.heard) else "hold_appointment", arguments=arguments)


def _staff(notes: Notes, heard: str) -> str:
    """Somebody of the team whom the caller names."""
    team = [re.split(r"[,:(]", line.lstrip("-*• "))[0].strip() for line in notes.section("team", "staff", "people")]
    said = {word.casefold() for word in re.findall(r"\w+", heard)}
    return next((name for name in team if name and name.split()[0].casefold() in said), "")


def _read(body: Json) -> _Talk:
    messages = objects(body.get("messages"))
    turns = tuple(str(message.get("content") or "") for message in messages if message.get("role") == "user")
    results = list(_results(messages))
    names = [name for turn in turns if (name := name_in(turn))]
    about = [(intent, turn) for turn in turns if (intent := _intent(turn))]
    intent, words = about[-1] if about else ("", "")
    return _Talk(
        heard=turns[-1] if turns else "",
        turns=turns,
        name=names[-1] if names else "",
        intent="" if any(result.get("cancelled") or result.get("booked") for _, result in results[-1:]) else intent,
        first_words=words,
        is_held=_last(results, "held", "booked"),
        is_cancelling=any(
            name == "cancel_appointment" and result.get("cancelled") is False for name, result in results[-1:]
        ),
    )


def _intent(turn: str) -> str:
    if _CANCEL.search(turn):
        return "cancel"
    if _MOVE.search(turn):
        return "move"
    return "book" if _BOOK.search(turn) and not turn.endswith("?") else ""


def _last(results: Sequence[tuple[str, Json]], opens: str, closes: str) -> bool:
    """Whether the last result that bears one of two marks bears the first."""
    for _, result in reversed(results):
        if result.get(closes) is True:
            return False
        if opens in result:
            return True
    return False


def _results(messages: Sequence[Json]) -> list[tuple[str, Json]]:
    """What tools answered, oldest first, with the names of the tools."""
    names = {
        call.get("id"): str(call.get("function", {}).get("name", ""))
        for message in messages
        for call in objects(message.get("tool_calls"))
    }
    found: list[tuple[str, Json]] = []
    for message in messages:
        if message.get("role") != "tool":
            continue
        try:
            result = json.loads(str(message.get("content")))
        except ValueError:
            continue
        if isinstance(result, dict):
            found.append((names.get(message.get("tool_call_id"), ""), cast(Json, result)))
    return found
