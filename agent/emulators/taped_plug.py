"""A plug of the house that answers from a tape: the book, the records."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from agent.emulators.findings import Findings
from agent.emulators.vendor import Json
from agent.errors import Conflict, Denied, NotFound, StoreError, Unavailable
from agent.recording.tape import Note
from agent.recording.witness import answer_type, arguments_of

_ERRORS: dict[str, type[StoreError]] = {kind.__name__: kind for kind in (Conflict, NotFound, Denied, Unavailable)}
_MOMENTS = {"now", "expires_at", "since", "starts", "ends"}
"""Arguments that follow the clock, not the call."""


class TapedPlug:
    """A plug of the house that answers from a tape. Verbs that were never used then are the real one's."""

    def __init__(self, real: object, port: type[Any], notes: Sequence[Note], findings: Findings, name: str) -> None:
        self._real, self._port, self._notes, self._findings, self._name = real, port, list(notes), findings, name

    def __getattr__(self, verb: str) -> Any:
        if self._name != "book" and not any(note.what == verb for note in self._notes):
            return getattr(self._real, verb)

        async def act(*args: Any, **kwargs: Any) -> Any:
            asked = arguments_of(self._port, verb, args, kwargs)
            note = self._found(verb, asked)
            if note is None:
                raise Unavailable("tape_unknown", f"The tape holds no further answer to {verb}.")
            await asyncio.sleep(float(note.facts["took"]))
            if (failed := note.facts.get("failed")) is not None:
                raise _ERRORS.get(failed["kind"], StoreError)(failed["code"], failed["message"])
            return answer_type(self._port, verb).validate_python(note.facts["told"])

        return act

    def _found(self, verb: str, asked: Json) -> Note | None:
        of_verb = [note for note in self._notes if note.what == verb]
        same = (note for note in of_verb if _timeless(note.facts["asked"]) == _timeless(asked))
        note = next(same, None)
        if note is None:
            note = next(iter(of_verb), None)
            nearest = None if note is None else note.facts["asked"]
            self._findings.unknown("store_unknown", f"{self._name}: {verb} was not asked like this.", asked, nearest)
        if note is not None:
            self._notes.remove(note)
        return note


def _timeless(asked: Json) -> Json:
    return {name: value for name, value in asked.items() if name not in _MOMENTS}
