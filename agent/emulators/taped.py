"""Vendors that answer from a tape: what they said then, as long after what they said it to.

Each compares what it is asked with what was asked then. What the tape does not know is a finding; the call goes on
with the answer to the nearest, so that all that a change touches shows at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar, cast

from aiohttp import web

from agent.emulators.cartesia import Cartesia
from agent.emulators.deepgram import Deepgram
from agent.emulators.findings import Findings
from agent.emulators.latencies import Latencies
from agent.emulators.openai import OpenAI
from agent.emulators.phrasebook import Phrasebook
from agent.emulators.stage import Stage
from agent.emulators.twilio import TwilioRest
from agent.emulators.vendor import Connection, Json, connection_of, messages, open_socket, parse_json, send_json
from agent.recording.reel import Reel
from agent.recording.tape import Note

P = TypeVar("P")
NEVER_S = 60.0
"""How long an answer that was cut short by us is kept open when nobody cuts it short."""


class TapedDeepgram(Deepgram):
    """Says what was heard then, once as much of the caller's sound has come as had come then."""

    def __init__(self, reel: Reel, key: str, findings: Findings) -> None:
        super().__init__(Phrasebook(), key, Latencies().deepgram)
        self._connections = _connections(reel, "deepgram")
        self._findings = findings

    async def _flux(self, request: web.Request) -> web.StreamResponse:
        if not self._connections:
            self._findings.unknown("connection_unknown", "Deepgram was dialled more often than then.", "", None)
            return self.refusal(503, request)
        first, *notes = self._connections.pop(0)
        await asyncio.sleep(float(first.facts.get("took", 0)))
        if first.what == "refused":
            return self.refusal(503, request)
        ws = await open_socket(request)
        heard = _Progress()
        telling = self.keep(asyncio.create_task(self._tell(ws, connection_of(request), notes, heard)))
        try:
            async for message in messages(ws, connection_of(request)):
                if isinstance(message, bytes):
                    heard.advance(audio=len(message))
                elif message.get("type") == "CloseStream":
                    left = (float(note.facts["took"]) for note in notes if note.what == "left")
                    await asyncio.sleep(next(left, 0.0))
                    break
                elif message.get("type") != "KeepAlive":
                    heard.advance(controls=1)
        finally:
            telling.cancel()
            await ws.close()
        return ws

    _nova = _flux

    async def _tell(
        self, ws: web.WebSocketResponse, connection: Connection, notes: Sequence[Note], heard: _Progress
    ) -> None:
        for note in notes:
            if note.what not in ("in", "close"):
                continue
            due = await heard.reached(int(note.facts["audio"]), int(note.facts["controls"]))
            await _until(due + float(note.facts["since"]))
            if note.what == "close":
                await ws.close()
            elif note.raw is not None:
                await send_json(ws, connection, json.loads(note.raw))


class _Progress:
    """How much has been received, and when."""

    def __init__(self) -> None:
        self._steps = [(0, 0, asyncio.get_running_loop().time())]
        self._more = asyncio.Event()

    def advance(self, audio: int = 0, controls: int = 0) -> None:
        last = self._steps[-1]
        self._steps.append((last[0] + audio, last[1] + controls, asyncio.get_running_loop().time()))
        self._more.set()

    async def reached(self, audio: int, controls: int) -> float:
        """Wait until so much was received; when that was."""
        while True:
            for has_audio, has_controls, at in self._steps:
                if has_audio >= audio and has_controls >= controls:
                    return at
            self._more.clear()
            await self._more.wait()


@dataclass
class _Exchange:
    """A request to the model, and what was answered."""

    at: float
    body: Json
    notes: list[Note]
    is_used: bool = False


class TapedOpenAI(OpenAI):
    """Answers a request with what was answered to the same one then, token by token."""

    def __init__(self, reel: Reel, key: str, findings: Findings) -> None:
        super().__init__(key, Latencies().openai)
        self._findings = findings
        self._exchanges = [
            _Exchange(first.at, json.loads(first.raw or "{}"), rest)
            for first, *rest in _connections(reel, "openai")
            if first.what == "ask"
        ]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = parse_json(await request.text())
        if body is None:
            return self.refusal(400, request)
        self.requests.append(body)
        exchange = self._found(body)
        if exchange is None:
            return self.refusal(404, request, "The tape holds no further answer.")
        began = asyncio.get_running_loop().time() - exchange.at
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        for note in exchange.notes:
            await _until(began + note.at)
            match note.what:
                case "refused":
                    return web.Response(status=int(note.facts["status"]), text=str(note.facts["body"]))
                case "answered":
                    await response.prepare(request)
                case "part":
                    await response.write(f"data: {note.raw}\n\n".encode())
                case "end" if note.facts.get("whole"):
                    await response.write(b"data: [DONE]\n\n")
                    await response.write_eof()
                    return response
                case "broken":
                    break
                case _:
                    await asyncio.sleep(NEVER_S)
        if not exchange.notes or exchange.notes[-1].what != "broken":  # it was withdrawn, or the tape ends here
            await asyncio.sleep(NEVER_S)
        if request.transport is not None:
            request.transport.abort()
        return response

    def _found(self, body: Json) -> _Exchange | None:
        open_ = [exchange for exchange in self._exchanges if not exchange.is_used]
        same = next((exchange for exchange in open_ if exchange.body == body), None)
        found = same or max(open_, key=lambda exchange: _likeness(exchange.body, body), default=None)
        if same is None:
            number = len(self._exchanges) - len(open_) + 1
            what = f"Request {number} to the model is not on the tape, which has {len(self._exchanges)}."
            self._findings.unknown("request_unknown", what, body, None if found is None else found.body)
        if found is not None:
            # What was said to other words stays for whoever says those.
            found.is_used = found is same or _last(found.body) == _last(body)
        return found


def _likeness(one: Json, other: Json) -> tuple[bool, int]:
    """Requests are alike that end alike; of those, that have more messages in common."""
    common = sum(mine == theirs for mine, theirs in zip(one["messages"], other["messages"], strict=False))
    return _last(one) == _last(other), common


def _last(body: Json) -> object:
    return body["messages"][-1] if body.get("messages") else None


@dataclass
class _Spoken:
    """One stream of speech as it was: what was asked for, and what came how long after which of it."""

    asked: list[tuple[float, Json]]
    told: list[tuple[int, float, Json]]
    """After how many requests, how long after the last of them, what."""
    is_used: bool = False


class TapedCartesia(Cartesia):
    """Says what was said then to the same words."""

    def __init__(self, reel: Reel, key: str, findings: Findings) -> None:
        super().__init__(key, Latencies().cartesia)
        self._findings = findings
        self._phrases = reel.phrases
        self._openings = [first for first, *_ in _connections(reel, "cartesia")]
        self._streams = _streams(reel.of("cartesia"))

    async def _bytes(self, request: web.Request) -> web.Response:
        body = parse_json(await request.text()) or {}
        ulaw = self._phrases.get(str(body.get("transcript", "")))
        if ulaw is None:
            return self.refusal(404, request)  # not said in this call
        return web.Response(body=ulaw, content_type="application/octet-stream")

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        opening = self._openings.pop(0) if self._openings else None
        if opening is not None:
            await asyncio.sleep(float(opening.facts.get("took", 0)))
            if opening.what == "refused":
                return self.refusal(503, request)
        ws = await open_socket(request)
        connection = connection_of(request)
        speaking: dict[str, tuple[_Spoken, list[float], asyncio.Event, asyncio.Task[None]]] = {}
        try:
            async for message in messages(ws, connection):
                if isinstance(message, dict):
                    self._take(message, speaking, ws, connection)
        finally:
            for *_, task in speaking.values():
                task.cancel()
            await ws.close()
        return ws

    def _take(  # type: ignore[override]  # contexts are streams of the tape here
        self,
        message: Json,
        contexts: dict[str, tuple[_Spoken, list[float], asyncio.Event, asyncio.Task[None]]],
        ws: web.WebSocketResponse,
        connection: Connection,
    ) -> None:
        name = str(message.get("context_id"))
        if message.get("cancel"):
            if name in contexts:
                contexts[name][3].cancel()
            return
        if name not in contexts:
            stream = self._found(message)
            if stream is None:
                return
            times: list[float] = []
            more = asyncio.Event()
            task = self.keep(asyncio.create_task(self._speak_taped(stream, name, times, more, ws, connection)))
            contexts[name] = (stream, times, more, task)
        stream, times, more, _ = contexts[name]
        taped = stream.asked[len(times)][1] if len(times) < len(stream.asked) else None
        if taped is None or _of_any_context(taped) != _of_any_context(message):
            self._findings.unknown("speech_unknown", "Other words were given to be spoken.", message, taped)
        times.append(asyncio.get_running_loop().time())
        more.set()

    def _found(self, message: Json) -> _Spoken | None:
        open_ = [stream for stream in self._streams if not stream.is_used]
        same = (stream for stream in open_ if _of_any_context(stream.asked[0][1]) == _of_any_context(message))
        found = next(same, None) or next(iter(open_), None)
        if found is None:
            self._findings.unknown("speech_unknown", "More was given to be spoken than then.", message, None)
        else:
            found.is_used = True
        return found

    async def _speak_taped(
        self,
        stream: _Spoken,
        name: str,
        times: list[float],
        more: asyncio.Event,
        ws: web.WebSocketResponse,
        connection: Connection,
    ) -> None:
        for after, since, message in stream.told:
            while len(times) < after:
                more.clear()
                await more.wait()
            await _until(times[after - 1] + since)
            if not await send_json(ws, connection, {**message, "context_id": name}):
                return


def _of_any_context(message: Json) -> Json:
    return {key: value for key, value in message.items() if key != "context_id"}


def _streams(notes: Sequence[Note]) -> list[_Spoken]:
    streams: dict[str, _Spoken] = {}
    for note in notes:
        if note.raw is None or not isinstance(message := json.loads(note.raw), dict):
            continue
        message = cast(Json, message)
        context = str(message.get("context_id"))
        if note.what == "out" and not message.get("cancel"):
            streams.setdefault(context, _Spoken([], [])).asked.append((note.at, message))
        elif note.what == "in" and context in streams:
            stream = streams[context]
            stream.told.append((len(stream.asked), note.at - stream.asked[-1][0], message))
    return list(streams.values())


class TapedTwilio(TwilioRest):
    """Takes as long as then to do what it is asked; what failed then fails."""

    def __init__(self, reel: Reel, account_sid: str, auth_token: str) -> None:
        super().__init__(account_sid, auth_token)
        self._acts = list(reel.of("telephone"))

    async def _call(self, request: web.Request) -> web.Response:
        if request.method == "POST" and self._acts:
            act = self._acts.pop(0)
            await asyncio.sleep(float(act.facts["took"]))
            if "failed" in act.facts:
                return self.refusal(500, request)
        return await super()._call(request)


def _connections(reel: Reel, vendor: str) -> list[list[Note]]:
    """What went over each connection with a vendor, in the order in which they were opened."""
    found: dict[str, list[Note]] = {}
    for note in reel.of(vendor):
        found.setdefault(note.of, []).append(note)
    return list(found.values())


async def _until(due: float) -> None:
    """Sleep until a moment of the event loop's."""
    left = due - asyncio.get_running_loop().time()
    if left > 0:
        await asyncio.sleep(left)


@asynccontextmanager
async def open_taped_stage(reel: Reel, findings: Findings) -> AsyncGenerator[Stage]:
    """The outside world of one recorded call."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="chairside-replay-"))
        stage = Stage(
            phrasebook=Phrasebook(),
            deepgram=TapedDeepgram(reel, "taped", findings),
            openai=TapedOpenAI(reel, "taped", findings),
            cartesia=TapedCartesia(reel, "taped", findings),
            twilio=TapedTwilio(reel, "AC" + "0" * 32, "taped"),
            database_path=Path(folder) / "chairside.db",
        )
        for vendor in stage.vendors:
            await stack.enter_async_context(vendor)
        yield stage
