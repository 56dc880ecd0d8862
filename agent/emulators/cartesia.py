"""Cartesia's speech: `/tts/websocket` with contexts, and `/tts/bytes`. The voice is espeak-ng's."""

from __future__ import annotations

import asyncio
import audioop
import base64
import re
import struct
import uuid
from collections import deque
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from agent.emulators.audio import RATE, duration_ms, resample, silence
from agent.emulators.latencies import CartesiaLatencies
from agent.emulators.vendor import (
    Connection,
    Json,
    Vendor,
    connection_of,
    header_key,
    messages,
    open_socket,
    parse_json,
    send_json,
)
from agent.emulators.voice import SpokenWord, speak

_ENCODINGS = {"pcm_s16le": 2, "pcm_mulaw": 1, "pcm_alaw": 1}
_BETWEEN_MS = 120
"""Silence between two submissions of one context, as between two sentences."""
_ENOUGH_TEXT = 120
_DEFAULT_BUFFER_MS = 3000
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Rendering:
    """Spoken text in the encoding asked for, with word times in ms."""

    audio: bytes
    bytes_per_ms: float
    words: tuple[SpokenWord, ...]
    onset: bytes = b""
    """Mu-law of 40 ms at the first word, by which it is known on a telephone line."""


class Problem(ValueError):
    """A request the vendor refuses: `code` and `title` as it would name them."""

    def __init__(self, status: int, code: str, title: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.title, self.message = status, code, title, message


class Cartesia(Vendor):
    """The emulated text-to-speech vendor. `spoken` counts generated transcripts, `characters` what it would bill;
    `requests` holds bodies."""

    name = "cartesia"

    def __init__(self, key: str, latencies: CartesiaLatencies) -> None:
        super().__init__()
        self.key = key
        self.latencies = latencies
        self.spoken = 0
        self.characters = 0
        self.renderings: deque[Rendering] = deque(maxlen=50)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/tts/websocket", self._websocket), web.post("/tts/bytes", self._bytes)]

    def refusal(self, status: int, request: web.Request) -> web.Response:
        code = {401: "unauthorized", 402: "quota_exceeded", 429: "concurrency_limited"}.get(status, "error")
        return self._refuse(Problem(status, code, code.replace("_", " ").capitalize(), f"Emulated {status}."), request)

    def _refuse(self, problem: Problem, request: web.Request) -> web.Response:
        body = {
            "error_code": problem.code,
            "title": problem.title,
            "message": problem.message,
            "request_id": connection_of(request).id,
        }
        return web.json_response(body, status=problem.status)

    def _admits(self, request: web.Request) -> bool:
        keys = (
            request.headers.get("X-API-Key"),
            header_key(request, "bearer"),
            request.query.get("api_key"),
            request.query.get("access_token"),
        )
        return self.key in keys

    async def _bytes(self, request: web.Request) -> web.Response:
        if not self._admits(request):
            return self.refusal(401, request)
        body = parse_json(await request.text())
        try:
            if body is None:
                raise Problem(400, "invalid_request", "Invalid request", "The body is not a JSON object.")
            self.requests.append(body)
            rendering = render(body, str(body.get("transcript", "")))
            self.renderings.append(rendering)
        except Problem as why:
            return self._refuse(why, request)
        self.spoken += 1
        self.characters += len(str(body.get("transcript", "")))
        audio = _as_it_comes(rendering.audio, connection_of(request))
        length_ms = len(rendering.audio) / rendering.bytes_per_ms
        await asyncio.sleep((self.latencies.first_chunk_ms + length_ms / self.latencies.speed) / 1000)
        if body["output_format"]["container"] == "wav":
            return web.Response(body=_wav(audio, body["output_format"]), content_type="audio/wav")
        return web.Response(body=audio, content_type="application/octet-stream")

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if not self._admits(request):
            return self.refusal(401, request)
        await asyncio.sleep(self.latencies.connect_ms / 1000)
        ws = await open_socket(request)
        connection = connection_of(request)
        contexts: dict[str, _Context] = {}
        try:
            async for message in messages(ws, connection):
                if isinstance(message, dict):
                    self._take(message, contexts, ws, connection)
        finally:
            for context in contexts.values():
                context.cancel()
            await asyncio.gather(*(c.task for c in contexts.values()), return_exceptions=True)
            await ws.close()
        return ws

    def _take(
        self,
        message: Json,
        contexts: dict[str, _Context],
        ws: web.WebSocketResponse,
        connection: Connection,
    ) -> None:
        name = str(message.get("context_id") or uuid.uuid4())
        context = contexts.get(name)
        if message.get("cancel"):
            if context is not None:
                context.cancel()
            return
        if context is None or context.task.done():
            context = contexts[name] = _Context(self, name, ws, connection)
        context.take(message)


class _Context:
    """One stream of speech on a connection: transcripts in, audio out in order, paced."""

    def __init__(self, vendor: Cartesia, name: str, ws: web.WebSocketResponse, connection: Connection) -> None:
        self._vendor, self._name, self._ws, self._connection = vendor, name, ws, connection
        self._work: asyncio.Queue[tuple[Json, str, bool] | None] = asyncio.Queue()
        self._buffer = ""
        self._timer: asyncio.TimerHandle | None = None
        self._spoken_ms = 0.0
        self._flushes = 0
        self.task = asyncio.create_task(self._run())

    def take(self, message: Json) -> None:
        """Accept a generation request."""
        self._buffer += str(message.get("transcript") or "")
        delay_ms = float(message.get("max_buffer_delay_ms", _DEFAULT_BUFFER_MS))
        goes_on = bool(message.get("continue"))
        flushes = bool(message.get("flush")) or (delay_ms == 0 and goes_on)
        complete = re.search(r"[.!?…][\"')\]]*\s*$", self._buffer) or len(self._buffer) > _ENOUGH_TEXT
        if complete or flushes or not goes_on:
            self._submit(message, flushes)
        elif self._buffer and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(delay_ms / 1000, self._submit, message, False)
        if not goes_on:
            self._work.put_nowait(None)

    def cancel(self) -> None:
        """Stop generating; nothing more is sent for this context."""
        if self._timer is not None:
            self._timer.cancel()
        self.task.cancel()

    def _submit(self, message: Json, flushes: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._buffer.strip() or flushes:
            self._work.put_nowait((message, self._buffer, flushes))
        self._buffer = ""

    async def _run(self) -> None:
        try:
            while (work := await self._work.get()) is not None:
                request, text, flushes = work
                if text.strip():
                    await self._speak(request, text)
                if flushes:
                    self._flushes += 1
                    await self._send(
                        {"type": "flush_done", "done": False, "flush_done": True, "flush_id": self._flushes}
                    )
            await self._send({"type": "done", "done": True})
        except Problem as why:
            await self._fail(why)

    async def _speak(self, request: Json, text: str) -> None:
        """Send a transcript's audio, first chunk after the vendor's latency, then faster than it plays."""
        loop = asyncio.get_running_loop()
        speeds = self._vendor.latencies
        first_at = loop.time() + speeds.first_chunk_ms / 1000
        later = self._spoken_ms > 0
        rendering = render(request, text, lead_ms=_BETWEEN_MS if later else 0)
        self._vendor.spoken += 1
        self._vendor.characters += len(text)
        self._vendor.renderings.append(rendering)
        await asyncio.sleep(0 if later else max(0.0, first_at - loop.time()))
        size = int(speeds.chunk_ms * rendering.bytes_per_ms)
        began = loop.time()
        for at in range(0, len(rendering.audio), size):
            due = began + at / rendering.bytes_per_ms / speeds.speed / 1000
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            await self._send_chunk(rendering.audio[at : at + size])
            if request.get("add_timestamps"):
                await self._send_words(rendering, at / rendering.bytes_per_ms, speeds.chunk_ms)
        self._spoken_ms += len(rendering.audio) / rendering.bytes_per_ms

    async def _send_chunk(self, audio: bytes) -> None:
        audio = _as_it_comes(audio, self._connection)
        if not audio:
            return
        data = base64.b64encode(audio).decode()
        await self._send({"type": "chunk", "data": data, "done": False, "step_time": 12.5})

    async def _send_words(self, rendering: Rendering, since_ms: float, span_ms: float) -> None:
        words = [word for word in rendering.words if since_ms <= word.start_ms < since_ms + span_ms]
        if not words:
            return
        times = {
            "words": [word.text for word in words],
            "start": [round((self._spoken_ms + word.start_ms) / 1000, 3) for word in words],
            "end": [round((self._spoken_ms + word.end_ms) / 1000, 3) for word in words],
        }
        await self._send({"type": "timestamps", "done": False, "word_timestamps": times})

    async def _send(self, message: Json, status: int = 206) -> None:
        whole = {**message, "status_code": status, "context_id": self._name}
        if not await send_json(self._ws, self._connection, whole):
            raise asyncio.CancelledError

    async def _fail(self, why: Problem) -> None:
        """The error message of the API version that the client named."""
        if self._connection.headers.get("Cartesia-Version", "2026") < "2025":
            message: Json = {"type": "error", "done": True, "error": f"{why.title}: {why.message}"}
        else:
            message = {
                "type": "error",
                "done": True,
                "title": why.title,
                "message": why.message,
                "error_code": why.code,
                "request_id": self._connection.id,
            }
        await self._send(message, why.status)


def render(request: Json, text: str, lead_ms: float = 0) -> Rendering:
    """Speak a generation request's text after `lead_ms` of silence. Raises Problem for what it cannot do."""
    if not str(request.get("model_id", "")).startswith("sonic"):
        message = "The model is not valid, make sure it is a valid model ID."
        raise Problem(404, "model_not_found", "Invalid model", message)
    if not (request.get("voice") or {}).get("id"):
        raise Problem(400, "invalid_voice", "Invalid voice", "The voice needs an id.")
    wanted: Any = request.get("output_format") or {}
    encoding, rate = wanted.get("encoding", "pcm_s16le"), int(wanted.get("sample_rate", 44100))
    if wanted.get("container") not in ("raw", "wav") or encoding not in _ENCODINGS:
        message = "The emulator speaks raw and wav, linear, mu-law and A-law."
        raise Problem(400, "invalid_output_format", "Invalid output format", message)
    speech = speak(" ".join(_TAG.sub(" ", text).split()) or ".", voice="en-us+f3")
    ulaw = silence(lead_ms) + speech.ulaw
    moved_ms = duration_ms(silence(lead_ms))
    words = tuple(SpokenWord(w.text, w.start_ms + moved_ms, w.end_ms + moved_ms) for w in speech.words)
    begins = int((words[0].start_ms if words else 0) * 8)
    onset = ulaw[begins : begins + 320]
    return Rendering(_encode(ulaw, encoding, rate), _ENCODINGS[encoding] * rate / 1000, words, onset)


def _as_it_comes(audio: bytes, connection: Connection) -> bytes:
    """Speech as a vendor in its condition gives it: with its voice, without, or none."""
    fault = connection.trouble()
    if fault is not None and fault.kind == "zero_audio":
        return b""
    if fault is not None and fault.kind == "silent_audio":
        return b"\xff\x7f" * (len(audio) // 2)  # all but silence in mu-law, A-law and linear
    return audio


def _encode(ulaw: bytes, encoding: str, rate: int) -> bytes:
    if encoding == "pcm_mulaw" and rate == RATE:
        return ulaw
    pcm = resample(audioop.ulaw2lin(ulaw, 2), RATE, rate)
    if encoding == "pcm_mulaw":
        return audioop.lin2ulaw(pcm, 2)
    return audioop.lin2alaw(pcm, 2) if encoding == "pcm_alaw" else pcm


def _wav(audio: bytes, wanted: Json) -> bytes:
    tag = {"pcm_mulaw": 7, "pcm_alaw": 6}.get(wanted.get("encoding", ""), 1)
    rate, width = int(wanted["sample_rate"]), 2 if tag == 1 else 1
    fmt = struct.pack("<HHIIHH", tag, 1, rate, rate * width, width, 8 * width)
    chunks = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(audio)) + audio
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks
