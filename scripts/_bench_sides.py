"""The two servers that are measured beside each other, each alone on a core in a process of its own.

Vendors and callers share this process, on another core. What a server may use of the machine, whom it reaches, what
callers say and what the model answers are the same for both.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy
import psutil
import soxr
from _house import ROOT
from _phone_line import LineError, PhoneLine, Utterance, utterance
from _stock_bot import Vendors
from pydantic import SecretStr

from agent.bus.local import LocalBus
from agent.emulators.caller import Caller
from agent.emulators.latencies import CartesiaLatencies, DeepgramLatencies, Latencies, OpenAILatencies
from agent.emulators.mind import Rule, ToolCall
from agent.emulators.stage import Stage
from agent.emulators.twiml import parse_twiml
from agent.emulators.voice import CALLER_VOICE, speak
from agent.knowledge.registry import register_shop
from agent.model import WEEKDAYS, Shop
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore

Name = Literal["ours", "stock"]
SERVER_CORE, LOAD_CORE = 0, 1
START_S = 40.0
LATE_MS: float = Settings.model_fields["max_loop_late_ms"].default
BUSY: float = Settings.model_fields["max_loop_busy"].default
"""Calls are refused as in a deployment; only their number is not limited."""
NUMBER = "+12125550142"

ASK = "What are your opening hours on Friday?"
ANSWER = (
    "On Fridays we are open from nine until half past five, and on Saturdays we close at four."
    " You can also book online whenever you like. Is there anything else that I can help you with?"
)
ASK_FREE = "Is a haircut free tomorrow at three?"
FREE = "A haircut tomorrow at three o'clock in the afternoon is free with Kai. Shall I book that for you?"
INTERRUPT = "Sorry, can I ask you something else?"
GO_ON = "Of course, please go ahead and ask me whatever you like. I am listening."
VOICES = (CALLER_VOICE, "en-us+m1", "en-us+m7", "en-us+f2", "en-gb+m3", "en-gb+f4")


def low() -> Latencies:
    """Fast vendors; the rest of what is told of them is the emulators' own."""
    return Latencies(
        deepgram=DeepgramLatencies(connect_ms=200),
        openai=OpenAILatencies(ttft_ms=350, tokens_per_s=60),
        cartesia=CartesiaLatencies(connect_ms=200, first_chunk_ms=90),
    )


def published() -> Latencies:
    """Vendors at their published medians; the model's first token is spread about its own (`FirstTokens`)."""
    return Latencies(
        deepgram=DeepgramLatencies(connect_ms=200, endpoint_ms=250),
        openai=OpenAILatencies(ttft_ms=536, tokens_per_s=60),
        cartesia=CartesiaLatencies(connect_ms=200, first_chunk_ms=188),
    )


VENDOR_SETS = {"low": low, "published": published}


def rules() -> list[Rule]:
    """What the model answers, whoever asks."""
    tool = ToolCall(name="check_availability", arguments={"services": ["haircut"], "when": "tomorrow at three"})
    return [
        Rule(when="opening hours", say=ANSWER),
        Rule(when="haircut free", tool=tool),
        Rule(after_tool="check_availability", say=FREE),
        Rule(when="something else", say=GO_ON),
    ]


def shop(*, records_calls: bool = False) -> Shop:
    """A shop that is open whenever the bench runs."""
    week = {day: [{"opens": "08:00", "closes": "20:00"}] for day in WEEKDAYS}
    facts = {
        "location_id": 4242,
        "business_name": "Bench Street Hair",
        "phone_number": NUMBER,
        "timezone": "America/New_York",
        "currency": "USD",
        "hours": {"week": week},
        "services": [{"name": "Haircut", "price": "45", "minutes": 45}],
        "professionals": [{"name": "Kai Hale"}],
        "records_calls": records_calls,
    }
    return Shop.model_validate(facts)


@dataclass(frozen=True)
class Words:
    """What callers say and the noise they make, ready for the wire."""

    ask: Utterance
    ask_free: Utterance
    interrupt: Utterance
    cough: Utterance


def words_for(stage: Stage) -> Words:
    """Said in a voice that smart-turn takes for finished: it must not wait for what does not come."""
    cough = speak("ahem", voice=CALLER_VOICE, rate=150).ulaw  # a throat cleared: voice to every detector, and no word
    stage.phrasebook.register(cough)
    ask, ask_free, interrupt = (_finished(stage, text) for text in (ASK, ASK_FREE, INTERRUPT))
    return Words(ask, ask_free, interrupt, utterance(cough))


def _finished(stage: Stage, text: str) -> Utterance:
    from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

    judge = LocalSmartTurnAnalyzerV3()
    for voice in VOICES:
        spoken = stage.phrasebook.register_speech(text, voice=voice)
        if judge._predict_endpoint(_for_judge(spoken.ulaw))["prediction"] == 1:  # pyright: ignore[reportPrivateUsage]
            return utterance(spoken.ulaw)
    raise LineError(f"smart-turn takes no voice saying {text!r} for finished")


def _for_judge(ulaw: bytes) -> Any:
    """With the silence in which it is asked: 16 kHz floats."""
    import audioop

    pcm = audioop.ulaw2lin(ulaw + b"\xff" * 1600, 2)
    samples = numpy.frombuffer(pcm, dtype=numpy.int16).astype(numpy.float32) / 32768
    return soxr.resample(samples, 8000, 16000)


class Door(Protocol):
    """How a caller gets to a server's media stream."""

    async def __call__(self, call_sid: str) -> PhoneLine: ...


class Refused(LineError):
    """The server answered with words instead of a stream."""


@dataclass
class Side:
    """A server that runs."""

    name: Name
    process: psutil.Process
    door: Door

    async def dial(self) -> tuple[PhoneLine, str]:
        """A new call. Raises Refused, LineError, OSError."""
        call_sid = "CA" + secrets.token_hex(16)
        return await self.door(call_sid), call_sid

    @property
    def cpu_s(self) -> float:
        """Processor time used so far, its workers' included."""
        times = [process.cpu_times() for process in self._all]
        return sum(at.user + at.system for at in times)

    @property
    def rss_mb(self) -> float:
        """Memory in RAM, in MB of a million bytes, its workers' included."""
        return sum(process.memory_info().rss for process in self._all) / 1e6

    @property
    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@asynccontextmanager
async def running(name: Name, stage: Stage, **overrides: Any) -> AsyncGenerator[Side]:
    """A server of this kind, ready for its first call, alone on its core; stopped at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start = _ours if name == "ours" else _stock
    async with start(stage, port, overrides) as (command, environment, door):
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, "LOGURU_LEVEL": "ERROR", **environment},
            preexec_fn=_on_server_core,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            await _serving(port, process)
            yield Side(name, psutil.Process(process.pid), door)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _on_server_core() -> None:
    os.sched_setaffinity(0, {SERVER_CORE})


def to_load_core() -> None:
    """Keep this process, which holds vendors and callers, off the servers' core."""
    os.sched_setaffinity(0, {LOAD_CORE})


def never_pause() -> None:
    """Vendors and callers are to be in time: looking through all they hold would stop them for a tenth of a second."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1000)


async def _serving(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until it answers HTTP: a bound socket takes connections long before anybody serves them."""
    async with asyncio.timeout(START_S):
        while process.returncode is None:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                if await reader.read(1):
                    writer.close()
                    return
            except OSError:
                await asyncio.sleep(0.02)
    raise LineError("the server did not start; what it said is above")


@asynccontextmanager
async def _ours(
    stage: Stage, port: int, overrides: Mapping[str, Any]
) -> AsyncGenerator[tuple[list[str], dict[str, str], Door]]:
    asked = {
        "port": port,
        "log_level": "ERROR",
        "max_calls": 1000,
        "user_idle_s": 60,
        "max_loop_late_ms": LATE_MS,
        "max_loop_busy": BUSY,
        **overrides,
    }
    records_calls = bool(asked.pop("records_calls", False))
    path = stage.database_path.with_name(f"{secrets.token_hex(4)}.db")
    settings = stage.settings(database_path=path, **asked)
    async with EmbeddedStore.open(path) as store:
        await register_shop(store, LocalBus(), shop(records_calls=records_calls), clock=lambda: datetime.now(UTC))
    async with stage.caller(f"http://127.0.0.1:{port}") as caller:

        async def door(call_sid: str) -> PhoneLine:
            return await _through_webhook(caller, call_sid)

        yield [sys.executable, str(ROOT / "server.py")], _environment(settings), door


async def _through_webhook(caller: Caller, call_sid: str) -> PhoneLine:
    answer = await caller.post("/voice", caller.form(call_sid, to=NUMBER, caller="+12125550188"))
    verb = next((verb for verb in parse_twiml(answer.text) if verb.name == "Stream"), None)
    if verb is None:
        raise Refused(answer.text)
    return await PhoneLine.dial(caller.reachable(verb.text), call_sid, verb.parameters)


def _environment(settings: Settings) -> dict[str, str]:
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    shown = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in values.items()}
    return {k.upper(): str(v) for k, v in shown.items() if isinstance(v, str | int | float | Path)}


@asynccontextmanager
async def _stock(
    stage: Stage, port: int, _: Mapping[str, Any]
) -> AsyncGenerator[tuple[list[str], dict[str, str], Door]]:
    import json

    vendors = Vendors(
        port=port,
        deepgram_url=stage.deepgram.base_url,
        deepgram_key=stage.deepgram.key,
        openai_url=stage.openai.base_url,
        openai_key=stage.openai.key,
        cartesia_url=f"ws{stage.cartesia.base_url.removeprefix('http')}/tts/websocket",
        cartesia_key=stage.cartesia.key,
        voice=Settings().cartesia_voice,
        free=FREE,
    )

    async def door(call_sid: str) -> PhoneLine:
        return await PhoneLine.dial(f"ws://127.0.0.1:{port}/media", call_sid, {})

    yield [sys.executable, str(Path(__file__).with_name("_stock_bot.py")), json.dumps(asdict(vendors))], {}, door
