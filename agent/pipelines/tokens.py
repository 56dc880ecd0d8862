"""The model's answer, token by token, for little: the SDK checks every one of them against its types, a quarter of what
a call costs once its sound goes past the frames."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from openai import APIError, APIStatusError, AsyncOpenAI, AsyncStream, NotGiven, Omit
from openai.types.chat import ChatCompletionChunk

from agent.recording.tape import Tape

_DATA = "data:"


class Part(dict[str, Any]):
    """A JSON object whose fields are attributes; those it does not have are None."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name)


class TokenStream(AsyncStream[ChatCompletionChunk]):
    """The SDK's stream, with chunks as they came: `Part`s that read like ChatCompletionChunk.

    Raises APIError for an error in the stream, and what the SDK raises for a connection that breaks.
    """

    tape: Tape | None = None
    name = ""
    """What the tape calls this request."""

    async def __stream__(self) -> AsyncIterator[Any]:
        is_whole = False
        try:
            async for line in self.response.aiter_lines():
                if not line.startswith(_DATA):
                    continue
                text = line[len(_DATA) :].lstrip()
                if text.startswith("[DONE]"):
                    is_whole = True
                    continue  # what is left of the body is read, so that the connection serves again
                if self.tape is not None:
                    self.tape.note(self.name, "part", text)
                chunk = json.loads(text, object_hook=Part)
                if chunk.error:
                    raise APIError(_message_of(chunk.error), request=self.response.request, body=chunk.error)
                yield chunk
        finally:
            if self.tape is not None:
                self.tape.note(self.name, "end", whole=is_whole)
            await self.response.aclose()


def _message_of(error: object) -> str:
    message = error.message if isinstance(error, Part) else None
    return message if isinstance(message, str) and message else "An error occurred during streaming"


async def streamed(
    client: AsyncOpenAI, params: Mapping[str, Any], tape: Tape | None = None
) -> AsyncStream[ChatCompletionChunk]:
    """Ask for a completion; `params` are those of `chat.completions.create`. Raises what the SDK raises.

    Sent as they are: the SDK would walk through prompt and tools for fields to rename, and there are none.
    """
    given = {name: value for name, value in params.items() if not isinstance(value, NotGiven | Omit)}
    if tape is None:
        return await _post(client, given)
    name = tape.connection("openai")
    tape.note(name, "ask", json.dumps({**given, "stream": True}, ensure_ascii=False))
    try:
        stream = await _post(client, given)
    except APIStatusError as why:
        tape.note(name, "refused", status=why.status_code, body=why.response.text[:2000])
        raise
    except APIError as why:
        tape.note(name, "broken", message=str(why))
        raise
    tape.note(name, "answered")
    stream.tape, stream.name = tape, name
    return stream


async def _post(client: AsyncOpenAI, given: Mapping[str, Any]) -> TokenStream:
    return await client.post(
        "/chat/completions", body=given, cast_to=ChatCompletionChunk, stream=True, stream_cls=TokenStream
    )
