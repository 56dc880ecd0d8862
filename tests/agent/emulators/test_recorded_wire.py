"""The emulators' messages against recorded ones: the same keys in the same order, of the same types.

Collected only when CHAIRSIDE_FIXTURES names the folder with the recordings (see conftest.py).
"""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from agent.emulators.audio import frames, silence
from agent.emulators.mind import Rule, ToolCall
from agent.emulators.stage import Stage

TRACES = Path(os.environ["CHAIRSIDE_FIXTURES"]) / "traces"
PRICE = "How much is a balayage, please?"


def lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (TRACES / name).read_text().splitlines()]


def shape(value: Any) -> Any:
    """Keys and types; a list has the shape of its first item, numbers are one type."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else "list"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def same(ours: Any, theirs: Any) -> None:
    assert shape(ours) == shape(theirs)
    assert list(ours) == list(theirs)


# Deepgram


async def deepgram(stage: Stage, path: str) -> dict[str, Any]:
    """One message of each kind, as sent for a sentence."""
    said = stage.phrasebook.register_speech(PRICE)
    headers = {"Authorization": f"Token {stage.deepgram.key}"}
    url = f"{stage.deepgram.base_url}{path}&encoding=mulaw&sample_rate=8000"
    async with aiohttp.ClientSession(headers=headers) as session, session.ws_connect(url) as socket:
        for block in frames(said.ulaw + silence(600)):
            await socket.send_bytes(block)
        await socket.send_json({"type": "CloseStream"})
        received = [json.loads(message.data) async for message in socket]
    return {message["type"]: message for message in received if message.get("words") != []}


@pytest.mark.parametrize("name", ["live_nova3_turns_captured", "live_nova2_phonecall_mulaw8k_captured"])
async def test_nova_messages(stage: Stage, name: str) -> None:
    ours = await deepgram(stage, "/v1/listen?model=nova-3&utterance_end_ms=500")
    for theirs in lines(f"deepgram/{name}.jsonl"):
        if theirs["type"] == "Metadata":
            if "models" in theirs:  # without: a stream that ended before a model was chosen
                assert list(ours["Metadata"]) == list(theirs)
            continue
        if theirs["type"] == "Results":
            theirs["metadata"].pop("diarize_info", None)
            words = theirs["channel"]["alternatives"][0]["words"]
            for word in words:
                word.pop("speaker", None)
            if not words:
                continue
        same(ours[theirs["type"]], theirs)


async def test_flux_messages(stage: Stage) -> None:
    ours = await deepgram(stage, "/v2/listen?model=flux-general-en")
    trigger = ours["TurnInfo"].pop("trigger")
    assert trigger == "model"
    for theirs in lines("deepgram/flux_v2_turninfo_observed.jsonl"):
        same(ours[theirs["type"]], theirs)


# OpenAI


async def openai(stage: Stage, tools: list[Any]) -> list[Any]:
    headers = {"Authorization": f"Bearer {stage.openai.key}"}
    body = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "go"}],
        "tools": tools,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{stage.openai.base_url}/chat/completions", json=body) as answer,
    ):
        return events((await answer.read()).decode())


def events(text: str) -> list[Any]:
    """The chunks of an SSE body, which must be framed as the vendor does."""
    *parts, rest = text.split("\n\n")
    assert rest == ""
    assert parts[-1] == "data: [DONE]"
    assert all(part.startswith("data: {") for part in parts[:-1])
    return [json.loads(part.removeprefix("data: ")) for part in parts[:-1]]


@pytest.mark.parametrize(
    ("name", "tool"),
    [("c6aa7e397b71", True), ("2018feb66ae1", True), ("a247c49c5fcd", True), ("4cc50a6135d2", False)],
)
async def test_streams_of_the_model(stage: Stage, name: str, tool: bool) -> None:
    call = ToolCall(name="get_weather", arguments={"city": "Edinburgh", "country": "UK"})
    stage.openai.rules.append(Rule(when="go", tool=call) if tool else Rule(when="go", say="A few words here."))
    tools = [{"type": "function", "function": {"name": "get_weather"}}] if tool else []
    ours = await openai(stage, tools)
    theirs = events((TRACES / "openai" / f"chat_stream_{name}.sse").read_text())

    for index in (0, 1, -2, -1):
        same(ours[index], theirs[index])
        if ours[index]["choices"]:
            same(ours[index]["choices"][0]["delta"], theirs[index]["choices"][0]["delta"])


# Cartesia


async def test_messages_of_the_voice(stage: Stage) -> None:
    request = {
        "model_id": "sonic-3.5",
        "transcript": "Hello.",
        "voice": {"mode": "id", "id": "x"},
        "context_id": "c",
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 8000},
        "add_timestamps": True,
        "flush": True,
        "continue": False,
    }
    (recorded_request, _) = lines("cartesia/ws_requests_docs_2026-03-01.jsonl")
    assert set(recorded_request) - set(request) == {"language"}
    headers = {"X-API-Key": stage.cartesia.key}
    received: dict[str, Any] = {}
    async with (
        aiohttp.ClientSession(stage.cartesia.base_url, headers=headers) as session,
        session.ws_connect("/tts/websocket") as socket,
    ):
        await socket.send_json(request)
        while "done" not in received:
            message = await socket.receive_json()
            received[message["type"]] = message

    for theirs in lines("cartesia/ws_messages_docs_2026-03-01.jsonl"):
        if theirs["type"] != "phoneme_timestamps":  # which nobody asked for
            assert shape(received[theirs["type"]]) == shape(theirs)


# Twilio


async def test_media_messages(stage: Stage) -> None:
    from test_emulated_caller import answering

    async with (
        answering(stage) as (receptionist, url),
        stage.caller(url) as caller,
        await caller.open_media() as socket,
    ):
        await socket.send_connected()
        await socket.send_start({"hello": "HelloValue"})
        await socket.send_media(silence(20))
        await socket.send_mark("171")
        await socket.send_stop()
        await anext(aiter(socket.messages()))
    ours = {event["event"]: event for event in receptionist.wire}

    for name in ("2024_bidirectional", "2024_with_mark", "2019_customparams"):
        for theirs in lines(f"twilio/mediastream_{name}.jsonl"):
            parameters = theirs.get("start", {}).get("customParameters")
            if parameters == {}:
                theirs["start"]["customParameters"] = {"hello": ""}
            same(ours[theirs["event"]], theirs)


async def test_webhook_forms(stage: Stage) -> None:
    recorded = json.loads((TRACES / "twilio/webhook_forms.json").read_text())
    caller = stage.caller("http://127.0.0.1:1")
    form = caller.form("CA1", to="+18084826296", caller="+12025550143")
    theirs = parse_qs(recorded[0]["form"], keep_blank_values=True)
    assert set(form) - {"AccountSid"} == set(theirs)


def test_signatures_are_those_of_the_vectors() -> None:
    vectors = json.loads((TRACES / "twilio/signature_vectors.json").read_text())
    validator = RequestValidator(vectors["auth_token"])
    for vector in vectors["vectors"]:
        assert validator.validate(vector["url"], vectors["params"], vector["signature"]) is vector["valid"]
