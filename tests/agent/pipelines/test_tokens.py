"""An answer is read as it comes: words, tool calls, usage; an error in it is one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from openai import APIError, APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient

from agent.emulators.latencies import OpenAILatencies
from agent.emulators.mind import Rule, ToolCall
from agent.emulators.openai import OpenAI
from agent.pipelines.tokens import streamed

ASKED = {"model": "gpt-4.1-mini", "stream": True, "stream_options": {"include_usage": True}}


def asking(words: str) -> dict[str, object]:
    return {**ASKED, "messages": [{"role": "user", "content": words}]}


@asynccontextmanager
async def client_of(url: str, key: str = "k") -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key=key, base_url=url, http_client=DefaultAsyncHttpxClient(), max_retries=0) as client:
        yield client


async def test_words_and_usage_come_as_the_sdk_gives_them():
    vendor = OpenAI("key", OpenAILatencies(ttft_ms=0, tokens_per_s=10_000))
    vendor.rules.append(Rule(when="hours", say="From nine, until five."))
    async with vendor, client_of(vendor.base_url, "key") as client:
        ours = [chunk async for chunk in await streamed(client, asking("hours"))]
        theirs = [chunk async for chunk in await client.chat.completions.create(**asking("hours"))]  # type: ignore[call-overload]
    for chunks in (ours, theirs):
        words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
        assert "".join(word or "" for word in words) == "From nine, until five."
        assert chunks[-1].usage.completion_tokens > 0
        assert all(not chunk.choices[0].delta.tool_calls for chunk in chunks if chunk.choices)


async def test_a_tool_call_comes_in_pieces():
    vendor = OpenAI("key", OpenAILatencies(ttft_ms=0, tokens_per_s=10_000))
    tool = ToolCall(name="look", arguments={"where": "under the stairs"})
    vendor.rules.append(Rule(when="look", tool=tool))
    async with vendor, client_of(vendor.base_url, "key") as client:
        asked = {**asking("look"), "tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}]}
        deltas = [chunk.choices[0].delta async for chunk in await streamed(client, asked) if chunk.choices]
    calls = [delta.tool_calls[0] for delta in deltas if delta.tool_calls]
    assert (calls[0].function.name, calls[0].index) == ("look", 0)
    assert json.loads("".join(call.function.arguments or "" for call in calls)) == {"where": "under the stairs"}


@pytest.mark.parametrize(
    ("event", "told"), [({"error": {"message": "overloaded"}}, "overloaded"), ({"error": "no"}, "during streaming")]
)
async def test_an_error_in_the_stream_is_raised(event: dict[str, object], told: str):
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=f"data: {json.dumps(event)}\n\n", content_type="text/event-stream")

    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with client_of(f"http://127.0.0.1:{runner.addresses[0][1]}/v1") as client:
            with pytest.raises(APIError, match=told):
                [chunk async for chunk in await streamed(client, asking("hello"))]
    finally:
        await runner.cleanup()


async def test_a_refusal_is_the_sdks():
    vendor = OpenAI("key", OpenAILatencies())
    async with vendor, client_of(vendor.base_url, "wrong") as client:
        with pytest.raises(APIStatusError) as refused:
            await streamed(client, asking("hello"))
    assert refused.value.status_code == 401
