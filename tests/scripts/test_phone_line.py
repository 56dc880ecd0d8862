"""The load generator: what it puts on the wire, and what it makes of what it hears."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve

from agent.emulators.audio import FRAME, silence
from agent.emulators.voice import speak
from scripts._phone_line import STREAM_SID, PhoneLine, longest_silence, utterance


@asynccontextmanager
async def dialled() -> AsyncGenerator[tuple[PhoneLine, ServerConnection]]:
    """A line, and the server's end of it."""
    arrived: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def answer(socket: ServerConnection) -> None:
        arrived.set_result(socket)
        await over.wait()

    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        line = await PhoneLine.dial(f"ws://127.0.0.1:{port}/media", "CA1", {"ticket": "t"})
        yield line, await arrived
        line.hang_up("CA1")
        over.set()


async def events(socket: ServerConnection, count: int) -> list[dict[str, object]]:
    return [json.loads(await socket.recv()) for _ in range(count)]


def media(ulaw: bytes) -> str:
    return json.dumps({"event": "media", "media": {"payload": base64.b64encode(ulaw).decode()}})


async def test_it_speaks_as_twilio_does():
    async with dialled() as (line, socket):
        connected, start, first = await events(socket, 3)
        assert (connected["event"], start["event"], first["event"]) == ("connected", "start", "media")
        assert start["start"]["customParameters"] == {"ticket": "t"}
        assert first["streamSid"] == STREAM_SID
        spoken = utterance(speak("Hello there.").ulaw)
        began, ended = await line.say(spoken)
        assert ended - began > 0.3


async def test_marks_come_back_when_they_were_played_and_at_once_when_the_buffer_is_cleared():
    voice = speak("One two three four five six seven.").ulaw[: FRAME * 20]
    async with dialled() as (line, socket):
        await socket.send(media(voice))
        await socket.send(json.dumps({"event": "mark", "mark": {"name": "m"}}))
        await line.voice_arrives(0)
        await asyncio.sleep(0.1)
        await socket.send(json.dumps({"event": "clear"}))
        cleared = await line.cleared(0, 1)
        assert cleared is not None
        assert 200 < cleared[1] < 400
        async with asyncio.timeout(0.2):
            while (event := json.loads(await socket.recv()))["event"] != "mark":
                pass
        assert event["mark"] == {"name": "m"}


async def test_a_hole_in_a_voice_is_noted_and_a_pause_is_not():
    voice = speak("Aaaaaaaah.").ulaw[FRAME * 4 : FRAME * 8]
    async with dialled() as (line, socket):
        await socket.send(media(voice))
        await asyncio.sleep(0.16)
        await socket.send(media(voice))
        await asyncio.sleep(0.05)
        assert len(line.holes) == 1
        await socket.send(media(silence(40)))
        await asyncio.sleep(0.2)
        await socket.send(media(voice))
        await asyncio.sleep(0.05)
        assert len(line.holes) == 1


def test_silence_after_a_noise_counts_to_the_next_voice_or_to_the_end():
    talks_on = [(0.0, 1.0), (1.2, 4.0)]
    assert round(longest_silence(talks_on, 0.5, 8.0, cut_short=False)) == 200
    assert round(longest_silence([(0.0, 1.0), (6.0, 7.0)], 0.5, 8.0, cut_short=True)) == 5000
    assert round(longest_silence([(0.0, 1.0)], 0.5, 8.0, cut_short=True)) == 7000
