"""One door of a running server, under made-up messages: `fuzz.py` starts one of these processes for each.

What to knock at comes as JSON on standard input (`Target`), what became of it goes as JSON to standard output
(`Found`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import httpx
import schemathesis
from _fuzz_words import FIELDS, FIRST, HTTP_DOORS, MEDIA, OPS, TWILIO_DOORS
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

ANSWER_S = 20.0
OF_ONE_CALL = 2000
"""Messages: so few calls of many messages, because a call costs more than all that is said in it."""
CLEAN = {1000, 1001, 1003, 1007, 1008, 1009, 1013, 4401}
"""Closed on purpose. 1006 is a connection that broke, 1011 a server that did."""


@dataclass(frozen=True)
class Target:
    """A server, and papers that open its doors: a fuzzer without papers never gets behind them."""

    url: str
    public_url: str
    auth_token: str
    operator_token: str
    admin_token: str
    numbers: tuple[str, ...]


@dataclass
class Found:
    """What a door did with what it was given."""

    door: str
    messages: int = 0
    answers: dict[str, int] = field(default_factory=dict[str, int])
    """By HTTP status or close code."""
    faults: list[str] = field(default_factory=list[str])
    """What must not be, with what led to it."""

    took_s: float = 0.0

    def answered(self, how: str) -> None:
        self.answers[how] = self.answers.get(how, 0) + 1

    def fault(self, what: str, given: object) -> None:
        if len(self.faults) < 20:
            self.faults.append(f"{what}: {str(given)[:400]}")


Trying = Callable[[int, int, st.SearchStrategy[Any], Callable[[Any], Awaitable[int]]], None]


def trying(
    loop: asyncio.AbstractEventLoop,
    found: Found,
    messages: int,
    of_seed: int,
    strategy: st.SearchStrategy[Any],
    use: Callable[[Any], Awaitable[int]],
) -> None:
    """Draw from a strategy and hand over what was drawn until `found` has so many messages; `use` tells how many."""

    @seed(of_seed)
    @settings(
        max_examples=messages,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=cast(list[HealthCheck], list(HealthCheck)),
    )
    @given(strategy)
    def knock(drawn: Any) -> None:
        if found.messages >= messages:
            raise _Enough
        found.messages += loop.run_until_complete(_used(found, use(drawn), drawn))

    with suppress(_Enough):
        while True:  # where a strategy has fewer ends than that
            knock()


class _Enough(Exception):
    """Hypothesis draws no more once a test has failed, so having enough is a failure to it."""


async def _used(found: Found, using: Awaitable[int], drawn: object) -> int:
    """A door that does not answer, or breaks off, is a fault like any other; the next message is sent all the same."""
    try:
        return await using
    except (TimeoutError, OSError, httpx.HTTPError, WebSocketException) as why:
        found.fault(f"{type(why).__name__} {why}", drawn)
        return 1


# The media socket


class MediaDoor:
    """Strangers' first messages, and whatever may come over the socket of a call that was let in."""

    def __init__(self, target: Target, found: Found) -> None:
        self._target = target
        self._found = found
        self._sign = RequestValidator(target.auth_token)
        self._call: tuple[ClientConnection, asyncio.Task[None], list[int]] | None = None

    async def strangers(self, first: list[str | bytes]) -> int:
        async with asyncio.timeout(ANSWER_S), connect(_socket(self._target, "/media"), compression=None) as socket:
            await _send(socket, first)
            # The server would wait for a handshake that goes on: this one does not.
            await _send(socket, ["."])
            await self._closed(socket, first)
        return len(first)

    async def calls(self, messages: list[str | bytes]) -> int:
        """Send them over a call: one that is under way, or a new one. After OF_ONE_CALL messages it hangs up."""
        async with asyncio.timeout(ANSWER_S):
            if self._call is None:
                self._call = await self._dialled()
            socket, reading, sent = self._call
            await _send(socket, messages)
            sent.append(len(messages))
            if sum(sent) >= OF_ONE_CALL or reading.done():
                await self.hang_up()
        return len(messages)

    async def over(self) -> int:
        """The last call ends, too."""
        await self.hang_up()
        return 1

    async def hang_up(self) -> None:
        """End the call, and see how it ended."""
        if self._call is None:
            return
        (socket, reading, sent), self._call = self._call, None
        await _send(socket, ['{"event":"stop","streamSid":"MZ1"}'])
        await reading
        await self._closed(socket, f"a call of {sum(sent)} messages")

    async def _dialled(self) -> tuple[ClientConnection, asyncio.Task[None], list[int]]:
        sid = "CA" + uuid.uuid4().hex
        socket = await connect(_socket(self._target, "/media"), compression=None)
        ticket = await asyncio.to_thread(self._ticket, sid)
        start = {"streamSid": "MZ1", "callSid": sid, "customParameters": {"ticket": ticket}}
        await _send(socket, [json.dumps({"event": "start", "start": start})])
        return socket, asyncio.create_task(_drain(socket)), []

    def _ticket(self, sid: str) -> str:
        form = {"CallSid": sid, "From": "+12025550199", "To": self._target.numbers[0], "CallStatus": "ringing"}
        signature = self._sign.compute_signature(self._target.public_url + "/voice", form)
        headers = {"X-Twilio-Signature": signature}
        text = httpx.post(self._target.url + "/voice", data=form, headers=headers, timeout=ANSWER_S).text
        return text.partition('name="ticket" value="')[2].partition('"')[0]

    async def _closed(self, socket: ClientConnection, sent: object) -> None:
        await socket.wait_closed()
        self._found.answered(f"{socket.close_code} {socket.close_reason or ''}".strip())
        if socket.close_code not in CLEAN:
            self._found.fault(f"closed with {socket.close_code}", sent)


async def ops(target: Target, found: Found, messages: list[str | bytes]) -> int:
    """A page that sends whatever it likes. The sixth mistake ends it; what was sent after that was for nobody."""
    papers = {"Authorization": f"Bearer {target.operator_token}"}
    async with (
        asyncio.timeout(ANSWER_S),
        connect(_socket(target, "/ops"), additional_headers=papers, compression=None) as socket,
    ):
        reading = asyncio.create_task(_drain(socket))
        await _send(socket, messages)
        await socket.close()
        await reading
    found.answered(str(socket.close_code))
    if socket.close_code not in CLEAN:
        found.fault(f"closed with {socket.close_code}", messages)
    return len(messages)


def _socket(target: Target, path: str) -> str:
    return target.url.replace("http", "ws", 1) + path


async def _send(socket: ClientConnection, messages: list[str | bytes]) -> None:
    try:
        for message in messages:
            await socket.send(message)
    except ConnectionClosed:
        pass


async def _drain(socket: ClientConnection) -> None:
    try:
        async for _ in socket:
            pass
    except ConnectionClosed:
        pass


# The doors of HTTP


class HttpDoors:
    """Requests made up by schemathesis from the description of the doors: such as fit it, and such as do not."""

    def __init__(self, target: Target, found: Found) -> None:
        self._target = target
        self._found = found
        self._client = httpx.AsyncClient(base_url=target.url, timeout=ANSWER_S)
        self._sign = RequestValidator(target.auth_token)

    def cases(self, *, by_twilio: bool) -> st.SearchStrategy[Any]:
        doors = {at: of for at, of in HTTP_DOORS["paths"].items() if (at in TWILIO_DOORS) is by_twilio}
        schema = cast(Any, schemathesis.openapi.from_dict({**HTTP_DOORS, "paths": doors}))
        modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
        return st.one_of(
            [at.ok().as_strategy(generation_mode=mode) for at in schema.get_all_operations() for mode in modes]
        )

    async def knock(self, case: Any) -> int:
        body = _plain(case.body)
        if _leads_outside(body):
            return 0
        headers = {"Authorization": f"Bearer {self._target.admin_token}", "If-Match": '"1"'}
        if case.path in TWILIO_DOORS:
            await self._post_signed(case.path, _fields(body) or {"Body": body})
        else:
            content = body if isinstance(body, bytes) else json.dumps(body, default=str).encode("utf-8", "replace")
            path = _path(case)
            answer = await self._client.request(
                case.method, path, content=content, params=_texts(case.query), headers=headers
            )
            self._note(answer, (path, body))
        return 1

    async def signed(self, drawn: tuple[str, dict[str, str]]) -> int:
        await self._post_signed(*drawn)
        return 1

    async def _post_signed(self, path: str, form: Mapping[Any, Any]) -> None:
        fields = {str(name): _text(value) for name, value in form.items()}
        signature = self._sign.compute_signature(self._target.public_url + path, fields)
        kind = "application/x-www-form-urlencoded"
        headers = {"X-Twilio-Signature": signature, "Content-Type": kind}
        answer = await self._client.post(path, content=urlencode(fields), headers=headers)
        self._note(answer, (path, fields))

    def _note(self, answer: httpx.Response, given: object) -> None:
        self._found.answered(str(answer.status_code))
        if answer.status_code == 500:
            self._found.fault(f"500 {answer.text[:100]}", given)


def _plain(body: Any) -> Any:
    """A body without schemathesis' own marks."""
    return None if type(body).__name__ in ("NotSet", "Unset") else body


def _fields(of: Any) -> dict[str, Any]:
    return cast(dict[str, Any], of) if isinstance(of, dict) else {}


def _path(case: Any) -> str:
    path = str(case.path)
    for name, value in _fields(case.path_parameters).items():
        path = path.replace("{" + name + "}", str(value))  # percent-encoded as it came
    return path


def _texts(query: Any) -> dict[str, str]:
    return {str(name): _text(value) for name, value in _fields(query).items()}


def _text(value: object) -> str:
    """As a form would hold it: no lone surrogates, which no client can send."""
    return str(value).encode("utf-8", "replace").decode()


def _leads_outside(body: object) -> bool:
    """Whether a set-up would look a name up in the world's directory: made-up names are nobody's to ask for."""
    url = _fields(body).get("website_url")
    if not isinstance(url, str):
        return False
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        return False
    return not all(letter in "0123456789.:[]abcdefx" for letter in host) or host[-1:].isalpha()


def main() -> None:
    door, messages, of_seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.nice(5)  # the call that is listened to meanwhile goes before
    target, found = Target(**json.loads(sys.stdin.read())), Found(door)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        began = time.monotonic()
        _DOORS[door](target, found, partial(trying, loop, found), messages, of_seed)
        found.took_s = round(time.monotonic() - began, 1)
        for task in asyncio.all_tasks(loop):
            task.cancel()
    print(json.dumps(asdict(found)))


def _media(target: Target, found: Found, trying: Trying, messages: int, of_seed: int) -> None:
    door = MediaDoor(target, found)
    trying(messages // 20, of_seed, st.lists(FIRST, min_size=1, max_size=4), door.strangers)
    trying(messages, of_seed, st.lists(MEDIA, min_size=8, max_size=40), door.calls)
    trying(found.messages + 1, of_seed, st.none(), lambda _: door.over())


def _ops(target: Target, found: Found, trying: Trying, messages: int, of_seed: int) -> None:
    # As many as a socket forgives, and one: all are read.
    trying(messages, of_seed, st.lists(OPS, min_size=1, max_size=6), lambda drawn: ops(target, found, drawn))


def _twilio(target: Target, found: Found, trying: Trying, messages: int, of_seed: int) -> None:
    doors = HttpDoors(target, found)
    trying(messages // 2, of_seed, doors.cases(by_twilio=True), doors.knock)
    trying(messages, of_seed, st.tuples(st.sampled_from(TWILIO_DOORS), FIELDS), doors.signed)


def _people(target: Target, found: Found, trying: Trying, messages: int, of_seed: int) -> None:
    doors = HttpDoors(target, found)
    trying(messages, of_seed, doors.cases(by_twilio=False), doors.knock)


_DOORS = {"media": _media, "ops": _ops, "twilio": _twilio, "people": _people}

if __name__ == "__main__":
    main()
