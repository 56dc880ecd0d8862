"""OpenAI's chat completions, streamed and whole. What is answered is the mind's business (`mind.py`)."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import ClientConnectionResetError, web

from agent.emulators.latencies import OpenAILatencies
from agent.emulators.mind import Reply, Rule, ToolCall, answer
from agent.emulators.structured import complaint
from agent.emulators.vendor import GARBAGE, LOGGED, Json, Vendor, connection_of, header_key, objects, parse_json, pieces

_TYPES = {400: "invalid_request_error", 401: "invalid_request_error", 429: "requests"}
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


class OpenAI(Vendor):
    """The emulated language model. `requests` holds every request body, oldest first."""

    name = "openai"

    def __init__(self, key: str, latencies: OpenAILatencies) -> None:
        super().__init__()
        self.key = key
        self.latencies = latencies
        self.rules: list[Rule] = []
        """Scenario rules; the first that fits a request wins over the mind's own judgement."""
        self.replies: deque[str] = deque(maxlen=LOGGED)
        """The words of every answer, oldest first."""
        self.on_tool: Callable[[], None] = lambda: None
        """Called when the model asks for a tool."""
        self.minds: list[Callable[[Json], Reply | None]] = []
        """Asked before the rules, each with the whole request; None leaves it to the next."""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/chat/completions", self._complete)]

    def refusal(
        self, status: int, request: web.Request, message: str = "", parameter: str | None = None
    ) -> web.Response:
        known = "Incorrect API key provided." if status == 401 else f"The emulated model fails with {status}."
        error = {
            "message": message or known,
            "type": _TYPES.get(status, "server_error"),
            "param": parameter,
            "code": _CODES.get(status),
        }
        headers = {"x-request-id": f"req_{connection_of(request).id}"}
        return web.json_response({"error": error}, status=status, headers=headers)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if header_key(request, "bearer") != self.key:
            return self.refusal(401, request)
        body = parse_json(await request.text())
        if body is None or not isinstance(body.get("messages"), list):
            return self.refusal(400, request)
        self.requests.append(body)
        if (wrong := complaint(body)) is not None:
            return self.refusal(400, request, wrong, "response_format")
        own = (reply for mind in self.minds if (reply := mind(body)) is not None)
        reply = next(own, None) or answer(body, self.rules)
        if reply.status is not None:
            return self.refusal(reply.status, request)
        ttft_ms = self.latencies.ttft_ms if reply.ttft_ms is None else reply.ttft_ms
        pace = 1 / self.latencies.tokens_per_s
        await asyncio.sleep(ttft_ms / 1000)
        completion = _Completion(body, reply)
        if not body.get("stream"):
            await asyncio.sleep(pace * completion.tokens)
            return web.json_response(completion.whole())
        self.replies.append(reply.say or "")
        if reply.tools:
            self.on_tool()
        try:
            return await _stream(request, completion, pace)
        except ClientConnectionResetError:  # cut off, by us or by whoever asked
            return web.Response()


async def _stream(request: web.Request, completion: _Completion, pace: float) -> web.StreamResponse:
    """Send the chunks at the model's pace, by an absolute schedule so that sleeping late adds nothing."""
    loop = asyncio.get_running_loop()
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream; charset=utf-8",
            "x-request-id": f"req_{connection_of(request).id}",
        }
    )
    await response.prepare(request)
    due = loop.time()
    trouble = connection_of(request).trouble
    for chunk, counts in completion.chunks():
        fault = trouble()
        if fault is not None and fault.kind in ("half_open", "mute"):
            await asyncio.Event().wait()  # until whoever asked is gone
        spoilt = fault is not None and fault.kind == "garbage"
        await response.write(f"data: {GARBAGE}\n\n".encode() if spoilt else _event(chunk))
        drips = fault is not None and fault.kind == "drip"
        due += fault.seconds if drips and fault is not None else pace if counts else 0
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


def _event(chunk: Json) -> bytes:
    return b"data: " + json.dumps(chunk, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


@dataclass(frozen=True)
class _Call:
    id: str
    tool: ToolCall
    arguments: str


class _Completion:
    """One answer on the wire: key order and framing are those of recorded streams."""

    def __init__(self, body: Json, reply: Reply) -> None:
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex[:29]}"}
        self._created = int(time.time())
        self._model = str(body.get("model", "gpt-4.1-mini"))
        options: Json = body.get("stream_options") or {}
        self._usage_wanted = bool(options.get("include_usage"))
        self._calls = [
            _Call(f"call_{uuid.uuid4().hex[:24]}", tool, json.dumps(tool.arguments, separators=(",", ":")))
            for tool in reply.tools
        ]
        words = _tokens(reply.say or "")
        limit = body.get("max_completion_tokens") or body.get("max_tokens") or len(words)
        self._words = words[: int(limit)]
        self._is_cut = len(words) > len(self._words)
        self._prompt_tokens = len(json.dumps(objects(body["messages"]))) // 4

    @property
    def tokens(self) -> int:
        """How many tokens the answer costs."""
        return len(self._words) + sum(len(call.arguments) // 5 + 8 for call in self._calls)

    @property
    def _finish(self) -> str:
        return "tool_calls" if self._calls else "length" if self._is_cut else "stop"

    def whole(self) -> Json:
        """The answer as one object, for requests without `stream`."""
        message: Json = {"role": "assistant", "content": "".join(self._words), "refusal": None}
        if self._calls:
            function = [{"name": call.tool.name, "arguments": call.arguments} for call in self._calls]
            message["content"] = "".join(self._words) or None
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": what}
                for call, what in zip(self._calls, function, strict=True)
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish}
        return {**self._base("chat.completion"), "choices": [choice], "usage": self._usage()}

    def chunks(self) -> Sequence[tuple[Json, bool]]:
        """Every chunk of the stream, each with whether it carries a token."""
        deltas: list[tuple[Json, bool]] = []
        if self._words or not self._calls:
            deltas.append(({"role": "assistant", "content": "", "refusal": None}, False))
            deltas += [({"content": word}, True) for word in self._words]
        for index, call in enumerate(self._calls):
            deltas += self._call_deltas(index, call, opens=not deltas)
        chunks = [(self._chunk(delta, None), counts) for delta, counts in deltas]
        chunks.append((self._chunk({}, self._finish), False))
        if self._usage_wanted:
            usage: Json = {**self._base("chat.completion.chunk"), "choices": [], "usage": self._usage()}
            chunks.append((usage, False))
        return chunks

    def _call_deltas(self, index: int, call: _Call, *, opens: bool) -> list[tuple[Json, bool]]:
        function = {"name": call.tool.name, "arguments": ""}
        opening: Json = {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}
        if opens:
            opening = {"role": "assistant", "content": None, **opening, "refusal": None}
        rest = [
            ({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, True)
            for piece in pieces(call.arguments, 5)
        ]
        return [(opening, True), *rest]

    def _chunk(self, delta: Json, finish: str | None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._base("chat.completion.chunk"), "choices": [choice]}

    def _base(self, kind: str) -> Json:
        return {
            **self._head,
            "object": kind,
            "created": self._created,
            "model": self._model,
            "system_fingerprint": "fp_7568d46099",
        }

    def _usage(self) -> Json:
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": self.tokens,
            "total_tokens": self._prompt_tokens + self.tokens,
            "completion_tokens_details": {"reasoning_tokens": 0},
        }


def _tokens(text: str) -> list[str]:
    """Text cut about as finely as a tokenizer does."""
    return re.findall(r"\s*\S{1,6}|\s+$", text)
