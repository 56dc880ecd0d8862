"""Two emulated models: one that makes the calls a script expects, one that makes those and every forbidden one.

Both hand our tools the caller's own words; neither resolves a date, and neither knows an identifier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agent.emulators.booking_mind import name_in, names_moment
from agent.emulators.mind import Reply, ToolCall, answer, read
from agent.emulators.vendor import Json
from agent.model import Booking, Service
from tests.calls.scripted.world import Script

_YES = re.compile(r"\b(yes|yeah|book it|cancel it|move it|that'?s (it|right|fine)|both|please do|go ahead)\b", re.I)
_ASKS = re.compile(r"\b(anything|what else|do you have|is there|available)\b", re.I)
_PERSON = re.compile(r"\b(person|human|somebody|someone|manager|owner|breathe|swelling)\b", re.I)
_BYE = re.compile(r"\b(bye|that'?s all)\b", re.I)
BOAST = "You're booked for Friday at three."
PRIVATE = "I'm sorry, I cannot speak about other people's appointments."


def targets(expect: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The abstract calls a script expects, with their arguments."""
    chosen: Sequence[Mapping[str, Any]] = expect.get("tools") or expect.get("tools_any_order") or ()
    if not chosen and expect.get("tools_one_of"):
        chosen = expect["tools_one_of"][0]
    return [next(iter(call.items())) for call in chosen]


class ExpectedModel:
    """Acts as the script expects; in everything else it is the emulated mind, without the booking tools."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._targets = targets(script.expect)

    def __call__(self, body: Json) -> Reply | None:
        """The reply to a request of this script's call; None for those of other calls."""
        situation = read(body)
        if not str(body.get("prompt_cache_key")).startswith(f"location_{self.script.shop.location_id}_"):
            return None
        turns = [str(m.get("content") or "") for m in body["messages"] if m.get("role") == "user"]
        if not turns or situation.prompted:
            return self._plain(body)
        if situation.tool:
            acts = self._acts(turns) if situation.tool == "find_my_appointments" else []
            aside = answer({**body, "messages": [*asked_again(body["messages"])], "tools": []}).say
            return Reply(say=self._aside(aside, turns[-1]), tools=tuple(acts)) if acts else self._plain(body)
        if self._pries(turns):
            return Reply(say=PRIVATE)
        found = self._find(turns)
        if found is not None:
            return Reply(tools=(found,))
        acts = self._acts(turns)
        plain = self._plain(body)
        return Reply(say=self._aside(plain.say, turns[-1]), tools=tuple(acts)) if acts else plain

    def _aside(self, words: str | None, heard: str) -> str | None:
        """What is answered beside a tool's work, when something was asked."""
        asked = "?" in heard or _PERSON.search(heard)
        return words if words and asked and "take a message" not in words else None

    def _pries(self, turns: Sequence[str]) -> bool:
        """Whether the caller is after somebody else's appointments."""
        others = {booking.customer_name for booking in self.script.book.values()} - {
            b.customer_name for b in self._own()
        }
        named = any(name and name in turn for name in others for turn in turns)
        return named and bool(re.search(r"\b(she|he|her|him|they|them|coming)\b", turns[-1], re.I))

    def _plain(self, body: Json) -> Reply:
        kept = [tool for tool in body.get("tools", []) if tool["function"]["name"] in ("end_call", "find_service")]
        return answer({**body, "tools": kept})

    def _find(self, turns: Sequence[str]) -> ToolCall | None:
        """Look the caller up once, in the turn in which they say their name."""
        wants = [name for name, _ in self._targets]
        name = self._name(turns)
        if (
            name is None
            or self._name(turns[:-1])
            or not {"find_bookings", "cancel_booking", "reschedule_booking"} & {*wants}
        ):
            return None
        return ToolCall(name="find_my_appointments", arguments={"name": name})

    def _acts(self, turns: Sequence[str]) -> list[ToolCall]:
        acts: list[ToolCall] = []
        for name, arguments in self._targets:
            match name:
                case "create_booking":
                    acts += self._book(turns, arguments)
                case "reschedule_booking":
                    acts += self._move(turns)
                case "cancel_booking":
                    acts += self._cancel(turns)
                case "transfer_to_human" if _PERSON.search(turns[-1]):
                    acts.append(ToolCall(name="transfer_to_person", arguments={"reason": turns[-1]}))
                case "take_message" if len(turns) == len(self.script.utterances) or re.search(
                    "message|tell", turns[-1]
                ):
                    acts.append(ToolCall(name="take_message", arguments={"message": " ".join(turns)}))
                case _:
                    pass
        agreed = [act for act in acts if act.name == "confirm_appointment"]
        return [*agreed[:1], *(act for act in acts if act.name != "confirm_appointment")]

    def _book(self, turns: Sequence[str], arguments: Mapping[str, Any]) -> list[ToolCall]:
        service = self._service(turns, arguments)
        words, name = turns[-1], self._name(turns)
        staff = next(
            (p.name for p in self.script.shop.professionals if re.search(rf"\b{p.name}\b", " ".join(turns))), ""
        )
        if _YES.search(words) and name and any(names_moment(turn) for turn in turns[:-1]):
            return [ToolCall(name="confirm_appointment", arguments={"name": name})]
        only_staff = bool(staff) and staff in words and any(names_moment(turn) for turn in turns[:-1])
        if not names_moment(words) and not only_staff:
            return []
        moving = any(target == "reschedule_booking" for target, _ in self._targets)
        when = words if not moving else "right after it"
        known = {
            "services": [service.name] if service else [],
            "when": when if names_moment(words) else "the same",
            "staff": staff,
        }
        return [
            ToolCall(
                name="check_availability" if _ASKS.search(words) and not moving else "hold_appointment", arguments=known
            )
        ]

    def _move(self, turns: Sequence[str]) -> list[ToolCall]:
        words, name = turns[-1], self._name(turns)
        if _YES.search(words) and name and len(turns) > 1:
            return [ToolCall(name="confirm_appointment", arguments={"name": name})]
        if not names_moment(words) and name != self._name(turns[:-1]):
            words = next((turn for turn in turns if names_moment(turn)), words)
        if not names_moment(words) or not name:
            return []
        which, _, when = words.partition(" to ")
        when = re.split(r" and |\?", when)[0]
        return [
            ToolCall(name="move_appointment", arguments={"which": which if when else turns[0], "when": when or words})
        ]

    def _cancel(self, turns: Sequence[str]) -> list[ToolCall]:
        if not any(re.search("cancel", turn, re.I) for turn in turns):
            return []
        return [ToolCall(name="cancel_appointment", arguments={"which": " ".join(turns)})]

    def _service(self, turns: Sequence[str], arguments: Mapping[str, Any]) -> Service | None:
        wanted = arguments.get("service")
        pattern = wanted.get("re", "") if isinstance(wanted, dict) else re.escape(wanted or "")
        menu = self.script.shop.services
        if pattern:
            return next((service for service in menu if re.search(pattern, service.name, re.I)), None)
        spoken = " ".join(turns).casefold()
        said = [service for service in menu if service.name.casefold() in spoken]
        return (
            said[0]
            if said
            else next(
                (s for s in menu if set(re.findall(r"\w+", s.name.casefold())) & set(re.findall(r"\w+", spoken))), None
            )
        )

    def _name(self, turns: Sequence[str]) -> str | None:
        """The name the script expects, once the caller has said (or spelled) it."""
        names = [str(args["name"]) for _, args in self._targets if isinstance(args.get("name"), str)]
        names += [booking.customer_name for booking in self._own()]
        said = re.sub(r"[^a-z]", "", " ".join(turns).casefold())
        expected = (name for name in names if name and re.sub(r"[^a-z]", "", name.casefold()) in said)
        given = (name for turn in turns if not names and (name := name_in(turn)))
        return next(expected, None) or next(given, None)

    def _own(self) -> list[Booking]:
        return [booking for booking in self.script.book.values() if booking.customer_phone == self.script.caller]


def asked_again(messages: Sequence[Json]) -> list[Json]:
    """A conversation up to the caller's last words, without what tools did since."""
    last = max(at for at, message in enumerate(messages) if message.get("role") == "user")
    return [
        message for message in messages[: last + 1] if message.get("role") != "tool" and not message.get("tool_calls")
    ]


class MisbehavingModel(ExpectedModel):
    """Makes the expected calls, and in the same breath every forbidden one; claims deeds nobody did."""

    def __call__(self, body: Json) -> Reply | None:
        reply = super().__call__(body)
        situation = read(body)
        if reply is None or situation.prompted:
            return reply
        if situation.tool:
            told = re.sub(r"[^\w\s:.,']", " ", situation.result)  # whatever a tool gives away is said aloud
            return Reply(say=f"{reply.say or ''} {told}".strip(), tools=reply.tools)
        turn = sum(message.get("role") == "user" for message in body["messages"])
        deeds = self._misdeeds()
        mine = [
            deeds[at % len(deeds)] for at in range(2 * turn, 2 * turn + 2)
        ]  # all of them at once would take a minute
        said = " ".join(filter(None, [reply.say, BOAST if turn == 1 else ""])) or None
        return Reply(say=said, tools=(*reply.tools, *mine))

    def _misdeeds(self) -> list[ToolCall]:
        stranger = next(
            (b for b in self.script.book.values() if b.customer_phone not in ("", self.script.caller)), None
        )
        victim = stranger.customer_name if stranger else "Mallory Moss"
        deeds = [
            ToolCall(
                name="hold_appointment",
                arguments={"services": ["'; DROP TABLE bookings; --"], "when": "yesterday at 25:00"},
            ),
            ToolCall(name="check_availability", arguments={"services": [], "when": "x" * 10_000}),
            ToolCall(name="find_my_appointments", arguments={"name": victim}),
            ToolCall(name="cancel_appointment", arguments={"which": f"{victim}'s"}),
            ToolCall(name="move_appointment", arguments={"which": f"{victim}'s", "when": "last Monday at noon"}),
        ]
        if "create_booking" in self.script.expect.get("forbidden", ()):
            service = self.script.shop.services[0].name
            deeds += [
                ToolCall(name="hold_appointment", arguments={"services": [service], "when": "tomorrow at ten"}),
                ToolCall(name="confirm_appointment", arguments={"name": "Mallory Moss"}),
            ]
        if any(name in ("cancel_booking", "reschedule_booking") for name, _ in self._targets):
            deeds = [deed for deed in deeds if deed.name not in ("cancel_appointment", "move_appointment")]
        return deeds
