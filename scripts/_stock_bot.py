"""What we measure ourselves against: a plain phone bot on Pipecat's defaults, with the vendors and the words of ours.

Nova-3, Silero, smart-turn, the model's own greeting, a new client for each vendor and call: as Pipecat's examples and
documentation have it, on no deprecated API and with nothing slowed down. One argument: JSON with `port`, and of each
vendor its key and address.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import LLMRunFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.cartesia.tts import CartesiaTTSService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

PROMPT = "You are the receptionist of a salon. Answer in short sentences: you are on the telephone."
GREET = "Greet the caller, and ask how you can help."


@dataclass(frozen=True)
class Vendors:
    """Where the vendors are, and the keys to them."""

    port: int
    deepgram_url: str
    deepgram_key: str
    openai_url: str
    openai_key: str
    cartesia_url: str
    cartesia_key: str
    voice: str
    free: str
    """What the tool answers."""


async def check_availability(params: FunctionCallParams, services: list[str], when: str) -> None:  # noqa: ARG001
    """Say which times are free.

    Args:
        services: What the caller wants done.
        when: The day and time they want.
    """
    await params.result_callback({"say": params.app_resources})


def pipeline_of(transport: FastAPIWebsocketTransport, context: LLMContext, vendors: Vendors) -> Pipeline:
    """The frames' road, as every example has it."""
    stt = DeepgramSTTService(api_key=vendors.deepgram_key, base_url=vendors.deepgram_url)
    llm = OpenAILLMService(
        api_key=vendors.openai_key,
        base_url=vendors.openai_url,
        settings=OpenAILLMService.Settings(model="gpt-4.1-mini", system_instruction=PROMPT),
    )
    tts = CartesiaTTSService(
        api_key=vendors.cartesia_key,
        url=vendors.cartesia_url,
        settings=CartesiaTTSService.Settings(voice=vendors.voice),
    )
    user, assistant = LLMContextAggregatorPair(
        context, user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    )
    return Pipeline([transport.input(), stt, user, llm, tts, transport.output(), assistant])


async def answer(websocket: WebSocket, vendors: Vendors) -> None:
    """One call, from Twilio's handshake to the closed socket."""
    await websocket.accept()
    await websocket.receive_text()
    start: dict[str, Any] = json.loads(await websocket.receive_text())["start"]
    serializer = TwilioFrameSerializer(
        stream_sid=start["streamSid"],
        call_sid=start["callSid"],
        params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
    )
    params = FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=serializer)
    transport = FastAPIWebsocketTransport(websocket, params)
    context = LLMContext(tools=[check_availability])
    worker = PipelineWorker(
        pipeline_of(transport, context, vendors),
        params=PipelineParams(
            audio_in_sample_rate=8000, audio_out_sample_rate=8000, enable_metrics=True, enable_usage_metrics=True
        ),
        app_resources=vendors.free,
    )

    async def connected(*_: object) -> None:
        context.add_message({"role": "developer", "content": GREET})
        await worker.queue_frames([LLMRunFrame()])

    async def disconnected(*_: object) -> None:
        await worker.cancel()

    transport.add_event_handler("on_client_connected", connected)
    transport.add_event_handler("on_client_disconnected", disconnected)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def main() -> None:
    """Serve until stopped."""
    vendors = Vendors(**json.loads(sys.argv[1]))
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    app = FastAPI()

    @app.websocket("/media")
    async def media(websocket: WebSocket) -> None:
        await answer(websocket, vendors)

    uvicorn.run(app, port=vendors.port, log_level="warning", ws_per_message_deflate=False)


if __name__ == "__main__":
    main()
