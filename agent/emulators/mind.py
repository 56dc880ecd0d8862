"""The emulated model's judgement. It knows no shop: all it says of one it finds in the request it is given.

So a fact missing from the prompt is missing from the call, and a test can hear it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.emulators.booking_mind import book
from agent.emulators.notes import UNKNOWN, Notes, asks_of_unlisted, find_answer, read_notes
from agent.emulators.structured import nothing, schema_of
from agent.emulators.vendor import Json, objects, parse_json

_EMERGENCY = re.compile(
    r"\b(emergency|can.?t breathe|hardly breathe|swelling|unconscious|bleeding|ambulance|chest pain)\b", re.I
)
_MESSAGE = re.compile(
    r"\b(take (a|down a) message|leave (a|my|him|her|them) message|leave a message|pass (this|that|it) on"
    r"|tell (?!me\b|us\b)\w+|(call|ring|phone) me back|have (someone|somebody|\w+) call)\b",
    re.I,
)
_GOODBYE = re.compile(r"\b(good ?bye|bye|that'?s all|that is all|hang up|nothing else|that will be all)\b", re.I)
_THANKS = re.compile(r"\b(thank you|thanks|great|perfect|lovely|okay|ok)\b", re.I)
_HELLO = re.compile(r"^\W*(hi|hello|hey|good (morning|afternoon|evening))\b(\W+\w+){0,3}\W*$", re.I)
_STILL_THERE = re.compile(r"\b(idle|silent|quiet|still there|not (spoken|responded|said)|no response)\b", re.I)
_HINT = re.compile(r"A colleague at the salon tells you, unheard by the caller: (.+)", re.S)
_NUMBER = re.compile(r"\+?\d[\d\s().-]{5,}\d")
_NAME = re.compile(r"\b(?i:my name is|this is|it'?s|i am|i'm)\s+([A-Z][\w'-]+(?: [A-Z][\w'-]+)?)")


class ToolCall(BaseModel):
    """A function the model wants called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])


class Rule(BaseModel):
    """A scenario's own answer: the first rule that fits decides.

    `when` fits the caller's last words, `after_tool` the name of the tool that has just answered; with both, both
    must fit. A rule for a tool that is not on offer is passed over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: str | None = None
    after_tool: str | None = None
    from_caller: str = ""
    """Only in calls whose instructions name this number."""
    say: str | None = None
    """`{result}` stands for what the tool has just answered, word for word."""
    tool: ToolCall | None = None
    tools: tuple[ToolCall, ...] = ()
    """Several at once, in this order."""
    ttft_ms: float | None = Field(default=None, ge=0)
    status: int | None = Field(default=None, ge=400, le=599)

    @model_validator(mode="after")
    def _is_whole(self) -> Rule:
        if self.when is None and self.after_tool is None:
            raise ValueError("a rule has `when` or `after_tool`")
        if self.say is None and not self.calls and self.status is None:
            raise ValueError("a rule needs `say`, `tool`, `tools` or `status`")
        for pattern in (self.when, self.after_tool):
            try:
                re.compile(pattern or "")
            except re.error as why:
                raise ValueError(f"{pattern!r} is not a regular expression: {why}") from why
        return self

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """What it calls."""
        return (*((self.tool,) if self.tool else ()), *self.tools)


@dataclass(frozen=True)
class Reply:
    """What the model does next: speak, call tools, both in this order, or fail with an HTTP status."""

    say: str | None = None
    tools: tuple[ToolCall, ...] = ()
    ttft_ms: float | None = None
    status: int | None = None


@dataclass(frozen=True)
class Situation:
    """A request, read: what was said last and by whom, what is known, which tools are on offer."""

    instructions: str
    heard: str
    """The caller's last words."""
    prompted: str
    """An instruction given after them, if that came last."""
    tool: str
    """The name of the tool whose result came last, or ''."""
    result: str
    said_before: tuple[str, ...]
    hints: tuple[str, ...]
    """What a colleague has told the model since it spoke last."""
    offered: frozenset[str]


def answer(body: Json, rules: Sequence[Rule] = ()) -> Reply:
    """The model's reply to a chat completion request; scenario rules come before its own judgement."""
    situation = read(body)
    reply = _reply(situation, body, rules)
    if reply.say is None or not situation.hints:
        return reply
    return replace(reply, say=" ".join((reply.say, *situation.hints)))


def _reply(situation: Situation, body: Json, rules: Sequence[Rule]) -> Reply:
    for rule in rules:
        if _fits(rule, situation):
            say = rule.say and rule.say.replace("{result}", situation.result)
            return Reply(say=say, tools=rule.calls, ttft_ms=rule.ttft_ms, status=rule.status)
    if (wanted := schema_of(body)) is not None:
        return Reply(say=json.dumps(nothing(wanted[1])))  # what stands on a page is a scenario's to say
    if situation.tool:
        return Reply(say=_after_tool(situation))
    if situation.prompted:
        return Reply(say=_prompted(situation))
    return _converse(situation, body)


def read(body: Json) -> Situation:
    """Make sense of a request's messages and tools."""
    messages = objects(body.get("messages"))
    instructions = "\n".join(text_of(m) for m in messages if m.get("role") in ("system", "developer"))
    heard = [text_of(m) for m in messages if m.get("role") == "user"]
    last = messages[-1] if messages else {}
    role = last.get("role")
    names = {
        call.get("id"): str(call.get("function", {}).get("name", ""))
        for message in messages
        for call in objects(message.get("tool_calls"))
    }
    return Situation(
        instructions=instructions,
        heard=heard[-1] if heard else "",
        prompted=text_of(last)
        if role in ("system", "developer") and len(messages) > 1 and not _HINT.search(text_of(last))
        else "",
        tool=names.get(last.get("tool_call_id"), "") if role == "tool" else "",
        result=text_of(last) if role == "tool" else "",
        hints=_hints(messages),
        said_before=tuple(text_of(m) for m in messages if m.get("role") in ("user", "assistant")),
        offered=frozenset(str(tool.get("function", {}).get("name", "")) for tool in objects(body.get("tools"))),
    )


def _hints(messages: Sequence[Json]) -> tuple[str, ...]:
    spoken = [at for at, message in enumerate(messages) if message.get("role") == "assistant"]
    since = messages[spoken[-1] + 1 if spoken else 0 :]
    told = (_HINT.search(text_of(message)) for message in since if message.get("role") == "developer")
    return tuple(hint[1].strip() for hint in told if hint)


def text_of(message: Json) -> str:
    """A message's text, whether it is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in objects(cast(object, content)))
    return str(content or "")


def _fits(rule: Rule, situation: Situation) -> bool:
    if any(call.name not in situation.offered for call in rule.calls):
        return False
    if rule.from_caller not in situation.instructions:
        return False
    if rule.after_tool is not None:
        fits = bool(situation.tool and re.search(rule.after_tool, situation.tool))
    else:
        fits = not situation.tool and bool(situation.heard)
    return fits and re.search(rule.when or "", situation.heard, re.I | re.S) is not None


def _after_tool(situation: Situation) -> str:
    if situation.tool == "find_service" and (found := parse_json(situation.result)) is not None and "found" in found:
        return _about_found(found)
    if re.search(r"error|fail|invalid", situation.result, re.I):
        return "I am sorry, that did not work just now. Is there anything else?"
    if situation.tool == "take_message" and re.search(r":\s*false|refused", situation.result):
        return "What would you like me to tell the people of the shop?"
    if situation.tool == "take_message":
        return "I have noted your message and will pass it on. Is there anything else?"
    if situation.tool == "find_my_appointments":
        return _first_sentence(situation.result) or "I have found it."
    if situation.tool == "end_call":
        return "Thank you for calling, goodbye."
    return f"Okay, that is done for you now. {_first_sentence(situation.result)}".strip()


def _about_found(found: Json) -> str:
    """What `find_service` found, said to the caller."""
    services = objects(found.get("services"))
    if not services:
        categories = " or ".join(map(str, found.get("categories") or ()))
        return f"I cannot find that on our menu. Perhaps you mean something from {categories}?"
    if found["found"] != "exact":
        names = " or ".join(str(service.get("name")) for service in services[:3])
        return f"There is more than one that fits, {names}. Which one do you mean?"
    price, duration = str(services[0].get("price", "")), str(services[0].get("duration", ""))
    if "on request" in price:
        return f"I don't have a price for {services[0].get('name')} here, I can take a message for you."
    takes = f" It takes {duration}." if "not known" not in duration else ""
    return f"Our price for {services[0].get('name')} is {price}.{takes}"


def _first_sentence(result: str) -> str:
    """Something sayable out of a tool's result."""
    try:
        parsed = json.loads(result)
    except ValueError:
        parsed = result
    if isinstance(parsed, dict):
        texts = [value for value in cast(Json, parsed).values() if isinstance(value, str) and " " in value]
        return texts[0] if texts else ""
    return str(parsed).split("\n")[0]


def _prompted(situation: Situation) -> str:
    if _STILL_THERE.search(situation.prompted):
        return "Are you still there? I am happy to help you."
    return "Hello, thank you for calling. How can I help you today?"


def _converse(situation: Situation, body: Json) -> Reply:
    heard = situation.heard
    notes = read_notes(situation.instructions)
    if _EMERGENCY.search(heard):
        return Reply(say=_emergency(notes))
    act = book(body, notes, situation.offered) if not _MESSAGE.search(heard) else None
    if act is not None:
        tools = (ToolCall(name=act.tool, arguments=act.arguments or {}),) if act.tool else ()
        return Reply(say=act.say or None, tools=tools)
    if _MESSAGE.search(heard):
        return _take_message(situation)
    if "find_service" in situation.offered and asks_of_unlisted(notes, heard):
        return Reply(tools=(ToolCall(name="find_service", arguments={"words": heard.strip()}),))
    known = find_answer(notes, heard, situation.said_before[:-1])
    if known:
        return Reply(say=known)
    if _GOODBYE.search(heard):
        if "end_call" in situation.offered:
            return Reply(tools=(ToolCall(name="end_call"),))
        return Reply(say="Thank you for calling, goodbye.")
    if _HELLO.search(heard):
        return Reply(say="Hello, thank you for calling. What can I do for you?")
    if _THANKS.search(heard) and len(heard.split()) <= 8 and "?" not in heard:
        return Reply(say="You are welcome. Is there anything else I can help you with?")
    return Reply(say=UNKNOWN)


def _emergency(notes: Notes) -> str:
    for line in notes.lines:
        number = re.search(r"\b\d{2,6}\b", line)
        if number and re.search(r"emergenc", line, re.I):
            return f"Please hang up and call {number[0]} right away, that is an emergency."
    return "Please hang up and call the emergency number right away."


def _take_message(situation: Situation) -> Reply:
    if "take_message" not in situation.offered:
        return Reply(say="I am sorry, I am not able to take a message here.")
    number = _NUMBER.search(situation.heard)
    names = [name[1] for said in situation.said_before if (name := _NAME.search(said))]
    arguments = {
        "caller_name": names[-1] if names else "",
        "callback_number": number[0] if number else "",
        "message": situation.heard.strip(),
    }
    return Reply(tools=(ToolCall(name="take_message", arguments=arguments),))
