"""What stands beside somebody we talk to and writes down what is said; without a tape, nobody stands there."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any, Protocol, TypeVar, cast, get_type_hints

from pydantic import TypeAdapter

from agent.errors import ChairsideError
from agent.recording.tape import Tape

P = TypeVar("P")


class Socket(Protocol):
    """As much of a WebSocket of `websockets` as a witness has to stand beside."""

    async def send(self, message: str | bytes, /) -> None: ...
    def __aiter__(self) -> AsyncIterator[str | bytes]: ...


class WitnessedSocket:
    """A vendor's WebSocket whose text messages go on the tape, both ways. All else is the socket's own."""

    def __init__(self, socket: Socket, tape: Tape, name: str) -> None:
        self._socket = socket
        self._tape = tape
        self._name = name

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self._tape.note(self._name, "out", message)
        await self._socket.send(message)

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        async for message in self._socket:
            if isinstance(message, str):
                self._tape.note(self._name, "in", message)
            yield message
        self._tape.note(self._name, "close")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def witnessed(plug: P, port: type[Any], tape: Tape, name: str) -> P:
    """A plug of the house whose every call goes on the tape: verb, arguments, what came of it, how long it took."""
    return cast(P, _Witnessed(plug, port, tape, name))


class _Witnessed:
    def __init__(self, plug: object, port: type[Any], tape: Tape, name: str) -> None:
        self._plug, self._port, self._tape, self._name = plug, port, tape, name

    def __getattr__(self, verb: str) -> Any:
        method = getattr(self._plug, verb)
        if not inspect.iscoroutinefunction(getattr(self._port, verb, None)):
            return method

        async def act(*args: Any, **kwargs: Any) -> Any:
            began = self._tape.now()
            asked = arguments_of(self._port, verb, args, kwargs)
            try:
                answer = await method(*args, **kwargs)
            except ChairsideError as why:
                failed = {"kind": type(why).__name__, "code": why.code, "message": why.message}
                self._tape.note(self._name, verb, took=self._tape.now() - began, asked=asked, failed=failed)
                raise
            told = answer_type(self._port, verb).dump_python(answer, mode="json")
            self._tape.note(self._name, verb, took=self._tape.now() - began, asked=asked, told=told)
            return answer

        return act


def arguments_of(port: type[Any], verb: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, as JSON."""
    bound = inspect.signature(getattr(port, verb)).bind(None, *args, **kwargs)
    return {name: _ANY.dump_python(value, mode="json") for name, value in bound.arguments.items() if name != "self"}


def answer_type(port: type[Any], verb: str) -> TypeAdapter[Any]:
    """What a verb of a port returns."""
    key = (port, verb)
    if key not in _ANSWERS:
        _ANSWERS[key] = TypeAdapter(get_type_hints(getattr(port, verb))["return"])
    return _ANSWERS[key]


_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_ANSWERS: dict[tuple[type[Any], str], TypeAdapter[Any]] = {}
