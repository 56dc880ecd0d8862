"""Emulated OpenAI, driven by the vendor's SDK."""

import asyncio
import json
from typing import Any, Literal

import aiohttp
import pytest
from openai import (
    APIStatusError,
    AsyncOpenAI,
    AuthenticationError,
    BadRequestError,
    LengthFinishReasonError,
    RateLimitError,
)
from pydantic import BaseModel, ConfigDict

from agent.emulators.faults import Fault
from agent.emulators.mind import Rule, ToolCall
from agent.emulators.stage import Stage

PROMPT = "You answer the phone.\n\nServices:\n- Balayage: from 180 USD, 150 min, with Ana\n"
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("take_message", "end_call")
]


def asking(text: str) -> Any:
    return [{"role": "system", "content": PROMPT}, {"role": "user", "content": text}]


def client(stage: Stage, key: str | None = None) -> AsyncOpenAI:
    return AsyncOpenAI(api_key=key or stage.openai.key, base_url=stage.openai.base_url, max_retries=0)


async def test_a_streamed_answer_comes_in_pieces_with_usage_last(stage: Stage) -> None:
    async with client(stage) as openai:
        stream = await openai.chat.completions.create(
            model="gpt-4.1-mini",
            messages=asking("How much is a balayage?"),
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "Our price for Balayage is from 180 USD. It takes 150 min."
    assert len(chunks) > 10
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(chunks) - 3
    assert {chunk.model for chunk in chunks} == {"gpt-4.1-mini"}


async def test_a_tool_call_comes_in_pieces_and_its_result_is_answered(stage: Stage) -> None:
    messages = asking("Tell them Anna Bell called, my name is Anna Bell.")
    async with client(stage) as openai:
        stream = await openai.chat.completions.create(model="gpt-4.1-mini", messages=messages, tools=TOOLS, stream=True)
        chunks = [chunk async for chunk in stream]
        deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
        arguments = json.loads("".join(call.function.arguments for call in deltas))
        call = {
            "id": deltas[0].id,
            "type": "function",
            "function": {"name": deltas[0].function.name, "arguments": json.dumps(arguments)},
        }
        messages += [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": deltas[0].id, "content": '{"stored": true}'},
        ]
        answer = await openai.chat.completions.create(model="m", messages=messages, tools=TOOLS)

    assert deltas[0].function.name == "take_message"
    assert arguments["caller_name"] == "Anna Bell"
    assert arguments["message"].startswith("Tell them")
    assert len(deltas) > 3
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert "noted" in (answer.choices[0].message.content or "")


async def test_a_whole_answer_may_be_a_tool_call(stage: Stage) -> None:
    async with client(stage) as openai:
        answer = await openai.chat.completions.create(model="m", messages=asking("That's all, goodbye."), tools=TOOLS)

    (call,) = answer.choices[0].message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == "end_call"
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


async def test_rules_win_over_the_minds_own_judgement(stage: Stage) -> None:
    booking = ToolCall(name="take_message", arguments={"message": "x"})
    stage.openai.rules += [
        Rule(when="balayage", tool=ToolCall(name="not_offered")),
        Rule(when="balayage", tool=booking),
        Rule(after_tool="take_.*", say="Passed on."),
        Rule(when="haircut", status=429),
    ]
    async with client(stage) as openai:
        answer = await openai.chat.completions.create(model="m", messages=asking("a balayage"), tools=TOOLS)
        with pytest.raises(RateLimitError):
            await openai.chat.completions.create(model="m", messages=asking("a haircut"), tools=TOOLS)

    (call,) = answer.choices[0].message.tool_calls or ()
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"message": "x"}


async def test_every_request_is_kept(stage: Stage) -> None:
    async with client(stage) as openai:
        await openai.chat.completions.create(model="m", messages=asking("Hello."), temperature=0.2)

    (request,) = stage.openai.requests
    assert request["temperature"] == 0.2
    assert request["messages"] == asking("Hello.")


async def test_a_wrong_key_is_refused(stage: Stage) -> None:
    async with client(stage, key="wrong") as openai:
        with pytest.raises(AuthenticationError) as refused:
            await openai.chat.completions.create(model="m", messages=asking("Hello."))
    assert refused.value.code == "invalid_api_key"
    assert not stage.openai.requests


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_ordered_errors_are_the_vendors(stage: Stage, status: int) -> None:
    stage.order(Fault(vendor="openai", kind="status", status=status))
    async with client(stage) as openai:
        with pytest.raises(APIStatusError) as refused:
            await openai.chat.completions.create(model="m", messages=asking("Hello."))
    assert refused.value.status_code == status


async def test_a_body_that_is_no_request_is_refused(stage: Stage) -> None:
    headers = {"Authorization": f"Bearer {stage.openai.key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{stage.openai.base_url}/chat/completions", data="[") as answer:
            assert answer.status == 400
        async with session.post(f"{stage.openai.base_url}/chat/completions", json={"messages": 1}) as answer:
            assert (await answer.json())["error"]["type"] == "invalid_request_error"


async def test_a_stream_that_nobody_reads_on_is_given_up(stage: Stage) -> None:
    stage.openai.rules.append(Rule(when="long", say="word " * 4000))
    async with client(stage) as openai:
        stream = await openai.chat.completions.create(model="m", messages=asking("long"), stream=True)
        await anext(aiter(stream))
        await stream.close()
    async with asyncio.timeout(2):
        while stage.openai.open_connections:
            await asyncio.sleep(0.01)


class Shelf(BaseModel):
    """An answer in a form."""

    model_config = ConfigDict(extra="forbid")

    titles: list[str]
    kind: Literal["books", "tools"]
    length: int


async def test_a_structured_answer_has_its_form_by_the_vendors_own_parser(stage: Stage) -> None:
    stage.openai.rules += [Rule(when="my tools", say='{"titles": ["comb"], "kind": "tools", "length": 1}')]
    async with client(stage) as openai:
        answers = [
            await openai.chat.completions.parse(model="m", messages=asking(said), response_format=Shelf)
            for said in ("What of my tools?", "And else?")
        ]
    assert [answer.choices[0].message.parsed for answer in answers] == [
        Shelf(titles=["comb"], kind="tools", length=1),
        Shelf(titles=[], kind="books", length=0),  # of what it was not told it says nothing
    ]
    form = stage.openai.requests[0]["response_format"]["json_schema"]
    assert (form["name"], form["strict"]) == ("Shelf", True)


async def test_a_structured_answer_that_is_too_long_is_cut(stage: Stage) -> None:
    async with client(stage) as openai:
        with pytest.raises(LengthFinishReasonError):
            await openai.chat.completions.parse(
                model="m", messages=asking("Hello."), response_format=Shelf, max_completion_tokens=2
            )


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ({"type": "object", "properties": {}, "required": []}, "'additionalProperties' is required"),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": [], "additionalProperties": False},
            "Missing 'a'",
        ),
    ],
)
async def test_a_form_that_is_not_strict_is_refused(stage: Stage, schema: dict[str, object], complaint: str) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "form", "strict": True, "schema": schema}}
    async with client(stage) as openai:
        with pytest.raises(BadRequestError) as refused:
            await openai.chat.completions.create(model="m", messages=asking("Hello."), response_format=form)
    assert refused.value.param == "response_format"
    assert complaint in str(refused.value)
