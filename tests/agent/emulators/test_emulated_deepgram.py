"""Emulated Deepgram, driven by the vendor's SDK; time is the audio's, so nothing here waits for real speech."""

import asyncio
import audioop
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from deepgram import AsyncDeepgramClient, DeepgramClientEnvironment
from deepgram.core.api_error import ApiError
from deepgram.listen.v1.types.listen_v1metadata import ListenV1Metadata
from deepgram.listen.v1.types.listen_v1results import ListenV1Results
from deepgram.listen.v1.types.listen_v1speech_started import ListenV1SpeechStarted
from deepgram.listen.v1.types.listen_v1utterance_end import ListenV1UtteranceEnd
from deepgram.listen.v2.types.listen_v2close_stream import ListenV2CloseStream
from deepgram.listen.v2.types.listen_v2configure import ListenV2Configure
from deepgram.listen.v2.types.listen_v2configure_success import ListenV2ConfigureSuccess
from deepgram.listen.v2.types.listen_v2connected import ListenV2Connected
from deepgram.listen.v2.types.listen_v2force_end_turn import ListenV2ForceEndTurn
from deepgram.listen.v2.types.listen_v2turn_info import ListenV2TurnInfo
from pydantic import TypeAdapter
from websockets.exceptions import ConnectionClosedError

from agent.emulators.audio import frames, noise, silence
from agent.emulators.faults import Fault
from agent.emulators.stage import Stage

PRICE = "How much is a balayage, please?"
NAME = "That works for me. My name is Anna."
TYPES: dict[str, Any] = {
    "Connected": ListenV2Connected,
    "TurnInfo": ListenV2TurnInfo,
    "ConfigureSuccess": ListenV2ConfigureSuccess,
    "Results": ListenV1Results,
    "Metadata": ListenV1Metadata,
    "UtteranceEnd": ListenV1UtteranceEnd,
    "SpeechStarted": ListenV1SpeechStarted,
}


def client(stage: Stage, key: str | None = None) -> AsyncDeepgramClient:
    base = stage.deepgram.base_url
    http = base.replace("ws", "http", 1)
    environment = DeepgramClientEnvironment(base=http, production=base, agent=base, agent_rest=http)
    return AsyncDeepgramClient(api_key=key or stage.deepgram.key, environment=environment)


@asynccontextmanager
async def flux(stage: Stage, **query: Any) -> AsyncGenerator[Any, None]:
    async with client(stage).listen.v2.connect(
        model="flux-general-en", encoding="linear16", sample_rate=8000, **query
    ) as socket:
        yield socket


@asynccontextmanager
async def nova(stage: Stage, **query: Any) -> AsyncGenerator[Any, None]:
    async with client(stage).listen.v1.connect(
        model="nova-3", encoding="linear16", sample_rate=8000, **query
    ) as socket:
        yield socket


async def play(socket: Any, ulaw: bytes) -> None:
    for block in frames(ulaw):
        await socket.send_media(audioop.ulaw2lin(block, 2))


async def until_closed(socket: Any) -> list[Any]:
    """Close the stream and read what came, checking each message with the SDK's own types."""
    await socket.send_close_stream(ListenV2CloseStream(type="CloseStream"))
    return [checked(message) async for message in socket]


def checked(message: Any) -> Any:
    raw = json.loads(message.json()) if not isinstance(message, dict) else message
    TypeAdapter(TYPES[raw["type"]]).validate_python(raw)
    return message


def turns(messages: list[Any]) -> list[tuple[str, str, int]]:
    infos = [m for m in messages if m.type == "TurnInfo" and m.event != "Update"]
    return [(m.event, m.transcript, m.turn_index) for m in infos]


# Flux


async def test_a_turn_starts_with_a_word_and_ends_with_all(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(PRICE)
    async with flux(stage) as socket:
        await play(socket, silence(300) + said.ulaw + silence(500))
        messages = await until_closed(socket)

    assert messages[0].type == "Connected"
    assert turns(messages) == [("StartOfTurn", "How", 0), ("EndOfTurn", PRICE, 0)]
    assert messages[-1].trigger == "model"
    updates = [m.transcript for m in messages if m.type == "TurnInfo" and m.event == "Update"]
    assert len(updates) >= 4
    assert all(PRICE.startswith(text) for text in updates)
    assert [m.sequence_id for m in messages] == list(range(len(messages)))


async def test_the_eager_end_comes_only_when_asked_for_and_says_the_same(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(PRICE)
    async with flux(stage, eager_eot_threshold=0.5) as socket:
        await play(socket, said.ulaw + silence(500) + said.ulaw + silence(500))
        messages = await until_closed(socket)

    ends = [turn for turn in turns(messages) if turn[0] != "StartOfTurn"]
    assert ends == [
        ("EagerEndOfTurn", PRICE, 0),
        ("EndOfTurn", PRICE, 0),
        ("EagerEndOfTurn", PRICE, 1),
        ("EndOfTurn", PRICE, 1),
    ]


async def test_a_pause_withdraws_the_eager_end(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(NAME, max_pause_ms=300)
    async with flux(stage, eager_eot_threshold=0.5) as socket:
        await play(socket, said.ulaw + silence(500))
        messages = await until_closed(socket)

    told = [turn[:2] for turn in turns(messages)]
    assert told[:2] == [("StartOfTurn", "That"), ("EagerEndOfTurn", "That works for me.")]
    assert told[2] in [("TurnResumed", "That works for me."), ("TurnResumed", "That works for me. My")]
    assert told[3:] == [("EagerEndOfTurn", NAME), ("EndOfTurn", NAME)]


async def test_a_cough_is_no_turn(stage: Stage) -> None:
    cough = stage.phrasebook.register(noise("cough", 400)).ulaw
    async with flux(stage, eager_eot_threshold=0.5) as socket:
        await play(socket, cough + silence(1000))
        messages = await until_closed(socket)

    assert [m.type for m in messages] == ["Connected"]


async def test_without_audio_no_turn_ends(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(PRICE)
    async with flux(stage) as socket:
        await play(socket, said.ulaw)
        assert turns(await until_closed(socket)) == [("StartOfTurn", "How", 0)]


async def test_a_turn_can_be_forced_to_end(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(PRICE)
    async with flux(stage) as socket:
        await play(socket, said.ulaw)
        await socket.send_force_end_turn(ListenV2ForceEndTurn(type="ForceEndTurn"))
        messages = await until_closed(socket)

    assert messages[-1].transcript == PRICE
    assert messages[-1].trigger == "manual"


async def test_configure_changes_thresholds_and_is_confirmed(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(PRICE)
    async with flux(stage, keyterm=["Ana", "Balayage"]) as socket:
        await socket.send_configure(
            ListenV2Configure.construct(type="Configure", thresholds={"eager_eot_threshold": 0.4})
        )
        await play(socket, said.ulaw + silence(300))
        messages = await until_closed(socket)

    assert messages[1].type == "ConfigureSuccess"
    assert messages[1].thresholds.eager_eot_threshold == 0.4
    assert messages[1].keyterms == ["Ana", "Balayage"]
    assert turns(messages)[-1] == ("EagerEndOfTurn", PRICE, 0)


async def test_connections_are_logged_with_query_audio_and_times(stage: Stage) -> None:
    async with flux(stage, keyterm=["Ana", "Balayage"]) as socket:
        await play(socket, silence(200))
        await until_closed(socket)

    (connection,) = stage.deepgram.connections
    await asyncio.sleep(0)
    assert connection.path == "/v2/listen"
    assert connection.values("keyterm") == ["Ana", "Balayage"]
    assert connection.value("sample_rate") == "8000"
    assert connection.audio_ms == 200
    assert [m["type"] for m in connection.received] == ["CloseStream"]
    assert connection.closed_at is not None
    assert connection.closed_at >= connection.opened_at
    assert stage.deepgram.open_connections == []


# nova


def finals(messages: list[Any]) -> list[tuple[str, bool, bool]]:
    results = [m for m in messages if m.type == "Results" and m.is_final]
    return [(m.channel.alternatives[0].transcript, m.speech_final, m.from_finalize) for m in results]


async def test_nova_reports_interims_and_a_final_at_the_endpoint(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(PRICE)
    async with nova(stage, interim_results="true", utterance_end_ms="1000", vad_events="true") as socket:
        await play(socket, silence(300) + said.ulaw + silence(260))
        await asyncio.sleep(0.05)
        await play(socket, silence(900))
        messages = await until_closed(socket)

    assert finals(messages) == [(PRICE, True, False)]
    kinds = [m.type for m in messages]
    assert kinds.count("SpeechStarted") == kinds.count("UtteranceEnd") == 1
    assert kinds[-1] == "Metadata"
    final = next(m for m in messages if m.type == "Results" and m.is_final)
    words = final.channel.alternatives[0].words
    assert [word.punctuated_word for word in words] == PRICE.split()
    assert words[0].word == "how"
    assert words[0].start == pytest.approx(0.3, abs=0.02)


async def test_nova_gives_the_words_to_finalize_when_it_does_not_endpoint(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(PRICE)
    async with nova(stage, endpointing="false") as socket:
        await play(socket, said.ulaw + silence(1000))
        await socket.send_finalize()
        messages = await until_closed(socket)

    assert finals(messages) == [(PRICE, False, True)]


async def test_finalize_after_the_endpoint_is_empty(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(PRICE)
    async with nova(stage) as socket:
        await play(socket, said.ulaw + silence(300))
        await socket.send_finalize()
        messages = await until_closed(socket)

    assert finals(messages) == [(PRICE, True, False), ("", False, True)]


async def test_a_longer_endpointing_waits_longer(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(NAME, max_pause_ms=300)
    async with nova(stage, endpointing="400") as socket:
        await play(socket, said.ulaw + silence(420))
        assert finals(await until_closed(socket)) == [(NAME, True, False)]


async def test_a_short_endpointing_cuts_at_a_pause_and_repeats_nothing(stage: Stage) -> None:
    said = stage.phrasebook.register_speech(NAME, max_pause_ms=300)
    async with nova(stage) as socket:
        await play(socket, said.ulaw + silence(300))
        heard = finals(await until_closed(socket))
    assert heard == [("That works for me.", True, False), ("My name is Anna.", True, False)]


async def test_nova_hangs_up_on_silence_of_the_wire(stage: Stage) -> None:
    url = stage.deepgram.base_url + "/v1/listen?encoding=mulaw&sample_rate=8000"
    headers = {"Authorization": f"Token {stage.deepgram.key}"}
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
        message = await socket.receive_json()
        closing = await socket.receive()

    assert message["type"] == "Metadata"
    assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1011)
    assert "net0001" in str(closing.extra)


# the door


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_wrong_key_is_refused(stage: Stage, version: str) -> None:
    listen = getattr(client(stage, key="wrong").listen, version)
    with pytest.raises(ApiError) as refused:
        async with listen.connect(model="any", encoding="linear16", sample_rate=8000):
            pass
    assert refused.value.status_code == 401
    assert stage.deepgram.connections[0].status == 401


async def test_ordered_faults_happen_once(stage: Stage) -> None:
    stage.order(
        Fault(vendor="deepgram", kind="status", status=503),
        Fault(vendor="deepgram", kind="drop", after_ms=20),
    )
    with pytest.raises(ApiError) as refused:
        async with nova(stage):
            pass
    assert refused.value.status_code == 503

    async with flux(stage) as socket:
        assert (await socket.recv()).type == "Connected"
        with pytest.raises(ConnectionClosedError):
            await socket.recv()

    async with flux(stage) as socket:
        assert [m.type for m in await until_closed(socket)] == ["Connected"]


def test_a_fault_of_another_vendor_cannot_be_ordered(stage: Stage) -> None:
    with pytest.raises(ValueError, match="openai fault ordered at deepgram"):
        stage.deepgram.order(Fault(vendor="openai", kind="status"))
