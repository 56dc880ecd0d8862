"""Emulated Cartesia, driven by the vendor's SDK."""

import asyncio
import audioop
import base64
import json
from typing import Any

import aiohttp
import pytest
from cartesia import AsyncCartesia, AuthenticationError, NotFoundError
from cartesia.types.websocket_response import Chunk, Done, Error, FlushDone, Timestamps
from pydantic import TypeAdapter

from agent.emulators.audio import frames, is_voiced, load_wav
from agent.emulators.faults import Fault
from agent.emulators.stage import Stage

VOICE: Any = {"mode": "id", "id": "a0e99841-438c-4a64-b679-ae501e7d6091"}
MULAW: Any = {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000}
TYPES: dict[str, Any] = {
    "chunk": Chunk,
    "flush_done": FlushDone,
    "done": Done,
    "timestamps": Timestamps,
    "error": Error,
}
TEXT = "Thank you for calling. How can I help?"


def client(stage: Stage, key: str | None = None) -> AsyncCartesia:
    base = stage.cartesia.base_url
    return AsyncCartesia(
        api_key=key or stage.cartesia.key,
        base_url=base,
        websocket_base_url=base.replace("http", "ws", 1),
        max_retries=0,
    )


def request(text: str, context: str = "c1", **more: Any) -> Any:
    return {
        "model_id": "sonic-3.5",
        "transcript": text,
        "voice": VOICE,
        "output_format": MULAW,
        "context_id": context,
        "add_timestamps": True,
        "continue": False,
        **more,
    }


async def read_until_done(socket: Any, context: str = "c1") -> list[Any]:
    received: list[Any] = []
    while not received or not (received[-1].type in ("done", "error") and received[-1].context_id == context):
        message = await asyncio.wait_for(socket.recv(), 5)
        TypeAdapter(TYPES[message.type]).validate_python(message.to_dict(mode="json"))
        received.append(message)
    return received


def audio(messages: list[Any], context: str = "c1") -> bytes:
    chunks = [m for m in messages if m.type == "chunk" and m.context_id == context]
    return b"".join(base64.b64decode(m.data) for m in chunks)


def words(messages: list[Any]) -> list[tuple[str, float]]:
    stamps = [m.word_timestamps for m in messages if m.type == "timestamps"]
    return [pair for stamp in stamps for pair in zip(stamp.words, stamp.start, strict=True)]


async def test_speech_comes_in_chunks_with_every_word_timed(stage: Stage) -> None:
    async with client(stage) as cartesia, cartesia.tts.websocket_connect() as socket:
        await socket.send(request(TEXT))
        messages = await read_until_done(socket)

    spoken = audio(messages)
    assert [word for word, _ in words(messages)] == TEXT.split()
    assert all(0 <= start * 8000 < len(spoken) for _, start in words(messages))
    assert is_voiced(frames(spoken)[0])
    assert len([m for m in messages if m.type == "chunk"]) > 10
    assert stage.cartesia.spoken == 1
    assert stage.cartesia.connections[0].received[0]["transcript"] == TEXT


async def test_a_context_continues_and_its_clock_goes_on(stage: Stage) -> None:
    async with client(stage) as cartesia, cartesia.tts.websocket_connect() as socket:
        await socket.send(request("Thank you.", max_buffer_delay_ms=0, **{"continue": True}))
        await socket.send(request("Goodbye.", max_buffer_delay_ms=0, **{"continue": True}))
        await socket.send(request("", max_buffer_delay_ms=0))
        messages = await read_until_done(socket)

    assert [word for word, _ in words(messages)] == ["Thank", "you.", "Goodbye."]
    starts = [start for _, start in words(messages)]
    assert starts == sorted(starts)
    assert [m.flush_id for m in messages if m.type == "flush_done"] == [1, 2]
    assert starts[-1] * 8000 < len(audio(messages))


async def test_text_is_buffered_until_a_sentence_or_the_delay(stage: Stage) -> None:
    async with client(stage) as cartesia, cartesia.tts.websocket_connect() as socket:
        for piece in ("How ", "can I ", "help?"):
            await socket.send(request(piece, **{"continue": True}))
        await socket.send(request(" One moment", max_buffer_delay_ms=30, **{"continue": True}))
        await asyncio.sleep(0.06)
        await socket.send(request(" please.", **{"continue": False}))
        messages = await read_until_done(socket)

    assert stage.cartesia.spoken == 3
    assert [word for word, _ in words(messages)] == ["How", "can", "I", "help?", "One", "moment", "please."]


async def test_a_cancelled_context_falls_silent(stage: Stage) -> None:
    long = "One two three four five six seven eight nine ten. " * 8
    async with client(stage) as cartesia, cartesia.tts.websocket_connect() as socket:
        await socket.send(request(long, "c1"))
        await socket.recv()
        await socket.send({"context_id": "c1", "cancel": True})
        await socket.send(request("Yes?", "c2"))
        messages = await read_until_done(socket, "c2")

    after = messages.index(next(m for m in messages if m.context_id == "c2"))
    assert {m.context_id for m in messages[after:]} == {"c2"}
    assert "done" not in [m.type for m in messages if m.context_id == "c1"]


async def test_contexts_do_not_wait_for_each_other(stage: Stage) -> None:
    async with client(stage) as cartesia, cartesia.tts.websocket_connect() as socket:
        await socket.send(request("First.", "c1"))
        await socket.send(request("Second.", "c2"))
        messages = await read_until_done(socket, "c2")
        if not any(m.type == "done" and m.context_id == "c1" for m in messages):
            messages += await read_until_done(socket, "c1")

    assert audio(messages, "c1")
    assert audio(messages, "c2")


async def test_a_bad_model_is_an_error_message(stage: Stage) -> None:
    async with client(stage) as cartesia, cartesia.tts.websocket_connect() as socket:
        await socket.send(request("Hello.", model_id="violin-1"))
        (error,) = await read_until_done(socket)

    assert error.error_code == "model_not_found"
    assert error.title == "Invalid model"


async def test_old_clients_get_the_old_error(stage: Stage) -> None:
    url = stage.cartesia.base_url + f"/tts/websocket?api_key={stage.cartesia.key}&cartesia_version=2024-11-13"
    async with (
        aiohttp.ClientSession(headers={"Cartesia-Version": "2024-11-13"}) as session,
        session.ws_connect(url) as socket,
    ):
        await socket.send_json(request("Hello.", voice={}))
        error = await socket.receive_json()
    assert error == {
        "type": "error",
        "done": True,
        "error": "Invalid voice: The voice needs an id.",
        "status_code": 400,
        "context_id": "c1",
    }


@pytest.mark.parametrize("encoding", ["pcm_s16le", "pcm_mulaw"])
@pytest.mark.parametrize("rate", [8000, 16000])
async def test_bytes_are_rendered_whole(stage: Stage, encoding: Any, rate: Any) -> None:
    async with client(stage) as cartesia:
        answer = await cartesia.tts.generate(
            model_id="sonic-3.5",
            transcript=TEXT,
            voice=VOICE,
            output_format={"container": "raw", "encoding": encoding, "sample_rate": rate},
        )
        spoken = await answer.read()

    pcm = audioop.ulaw2lin(spoken, 2) if encoding == "pcm_mulaw" else spoken
    assert 1.5 < len(pcm) / 2 / rate < 4
    assert audioop.rms(pcm, 2) > 1000
    assert stage.cartesia.requests[0]["transcript"] == TEXT


async def test_bytes_may_be_a_wav_file(stage: Stage, tmp_path: Any) -> None:
    async with client(stage) as cartesia:
        answer = await cartesia.tts.generate(
            model_id="sonic-3.5",
            transcript=TEXT,
            voice=VOICE,
            output_format={"container": "wav", "encoding": "pcm_s16le", "sample_rate": 16000},
        )
        (tmp_path / "speech.wav").write_bytes(await answer.read())

    assert any(map(is_voiced, frames(load_wav(tmp_path / "speech.wav"))))


async def test_bytes_refuse_a_wrong_key_a_bad_model_and_a_strange_format(stage: Stage) -> None:
    spec: Any = {"model_id": "sonic-3.5", "transcript": "x", "voice": VOICE, "output_format": MULAW}
    async with client(stage, key="wrong") as cartesia:
        with pytest.raises(AuthenticationError):
            await cartesia.tts.generate(**spec)
    async with client(stage) as cartesia:
        with pytest.raises(NotFoundError, match="model_not_found"):
            await cartesia.tts.generate(**{**spec, "model_id": "violin-1"})
    headers = {"X-API-Key": stage.cartesia.key}
    async with aiohttp.ClientSession(stage.cartesia.base_url, headers=headers) as session:
        strange = {**spec, "output_format": {"container": "mp3", "sample_rate": 44100, "bit_rate": 128000}}
        async with session.post("/tts/bytes", json=strange) as answer:
            assert (answer.status, (await answer.json())["error_code"]) == (400, "invalid_output_format")
        async with session.post("/tts/bytes", data="{") as answer:
            assert answer.status == 400


async def test_a_socket_needs_the_key_and_can_be_made_to_fail(stage: Stage) -> None:
    stage.order(Fault(vendor="cartesia", kind="drop", after_ms=30))
    headers = {"X-API-Key": stage.cartesia.key}
    async with aiohttp.ClientSession(stage.cartesia.base_url.replace("http", "ws")) as session:
        async with session.ws_connect("/tts/websocket", headers=headers) as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSED
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect("/tts/websocket", headers={"X-API-Key": "wrong"})
    assert refused.value.status == 401


async def test_nonsense_on_the_socket_is_passed_over(stage: Stage) -> None:
    headers = {"X-API-Key": stage.cartesia.key}
    async with (
        aiohttp.ClientSession(stage.cartesia.base_url.replace("http", "ws")) as session,
        session.ws_connect("/tts/websocket", headers=headers) as socket,
    ):
        await socket.send_str("no json")
        await socket.send_str("[1]")
        await socket.send_bytes(b"\0")
        await socket.send_json({"cancel": True, "context_id": "unknown"})
        await socket.send_str(json.dumps(request("Hello.")))
        assert (await socket.receive_json())["type"] == "chunk"
