"""The vendors' voices and ears: Deepgram hears, OpenAI thinks, Cartesia speaks.

A `SpeechStack` lives as long as the process and holds what calls share; `for_call` gives one call its services.
Which vendor address is used is a setting, so emulators and real vendors are reached by the same code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlencode

from cartesia import AsyncCartesia
from openai import DEFAULT_CONNECTION_LIMITS, AsyncOpenAI, DefaultAsyncHttpxClient, Timeout
from pipecat.frames.frames import (
    AggregatedTextProgressFrame,
    Frame,
    FunctionCallFromLLM,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.cartesia.tts import CartesiaTTSService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.stt_service import STTService
from pipecat.utils.context.word_timestamp_tracker import WordTimestamp
from pipecat.utils.types import assert_given
from pydantic import SecretStr

from agent.breaker import Breaker
from agent.pipelines.clauses import ClauseAggregator
from agent.pipelines.hearing import DeepgramOnLine, NovaOnLine
from agent.pipelines.intake import Intake
from agent.pipelines.ladder import Rung, first_answer
from agent.pipelines.line import SAMPLE_RATE
from agent.pipelines.pieces import HELD_S, Pieces
from agent.pipelines.sockets import OpensBehind
from agent.pipelines.timing import FirstBytes
from agent.pipelines.tokens import streamed
from agent.recording.tape import Tape
from agent.recording.witness import Socket, WitnessedSocket
from agent.settings import Settings

KEPT_OPEN_S = 60.0
EAGER_THRESHOLD = 0.5
"""Flux's confidence at which it predicts the end of a turn; Pipecat's default for eager end-of-turn."""


@dataclass(frozen=True)
class CallSpeech:
    """The three services of one call, not yet connected."""

    stt: STTService
    llm: SharedClientLLM
    tts: EarlyCartesia


class SharedClientLLM(OpenAILLMService):
    """Pipecat's OpenAI service on the process's client: building one per call stalls every other call ~30 ms."""

    def __init__(
        self,
        client: AsyncOpenAI,
        rungs: Sequence[Rung],
        tape: Tape | None = None,
        *,
        hedge_s: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """`rungs`: the models to ask, the best first; `hedge_s` as `first_answer` has it."""
        self._shared = client
        self._rungs, self._hedge_s = rungs, hedge_s
        self._tape = tape
        self._answered = asyncio.Event()
        self._answered.set()
        self.is_silent = False
        """Turns are heard and remembered, and not answered."""
        self.on_guess: Callable[[], Awaitable[None]] | None = None
        """Called when an answer to a turn that may go on is begun."""
        self.on_begin: Callable[[], None] = lambda: None
        """Called when an answer begins that the caller is to hear."""
        super().__init__(**kwargs)

    def create_client(self, *_: object, **__: object) -> AsyncOpenAI:
        return self._shared

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if self.is_silent and isinstance(frame, LLMContextFrame):
            return
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self._answered.set()  # an answer that was cut short has no end of its own

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        if isinstance(frame, LLMFullResponseStartFrame):
            self._answered.clear()
        if isinstance(frame, LLMFullResponseStartFrame | TTSSpeakFrame):
            self.on_begin()
        await super().push_frame(frame, direction)
        if isinstance(frame, LLMFullResponseEndFrame):
            self._answered.set()

    @property
    def is_answering(self) -> bool:
        return not self._answered.is_set()

    async def get_chat_completions(self, context: LLMContext) -> Any:
        if self._speculation_gate.is_speculating and self.on_guess is not None:
            await self.on_guess()
        asked = await self.get_llm_adapter().get_llm_invocation_params(
            context,
            system_instruction=assert_given(self._settings.system_instruction),
            convert_developer_to_user=not self.supports_developer_role,
        )
        params = cast("dict[str, Any]", self.build_chat_completion_params(asked))
        return await first_answer(self._rungs, params, self._tape, hedge_s=self._hedge_s)

    async def speak(self, text: str) -> None:
        """Have words of ours spoken, as an answer of their own after the model's.

        Spoken inside the model's answer they would belong to it, and Pipecat 1.14 ends that one's record with the
        model's last word: what was heard after it would be in no transcript.
        """
        await self._answered.wait()
        await self.push_frame(TTSSpeakFrame(text))

    async def run_function_calls(self, function_calls: Sequence[FunctionCallFromLLM]) -> None:
        # Pipecat 1.14 withdraws a prediction that wants a tool; when the turn ends at that very moment, it is kept
        # and withdrawn at once, and nobody answers. So the call waits for the turn: a withdrawal cancels the wait.
        while self._speculation_gate.is_speculating:  # noqa: ASYNC110 - the gate tells nobody
            await asyncio.sleep(0.005)
        # Arguments that are no JSON object would be an error of the vendor's to Pipecat, which ends the call.
        calls = (call if isinstance(call.arguments, dict) else replace(call, arguments={}) for call in function_calls)
        await super().run_function_calls([*calls])


class EarlyCartesia(OpensBehind, CartesiaTTSService):
    """Cartesia, given an answer's first clause as soon as the model has written it."""

    def __init__(self, tape: Tape | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.be_impatient()
        self._text_aggregator = ClauseAggregator()
        self._tape = tape
        self._loop = asyncio.get_running_loop()
        self._pieces = Pieces(self._loop.time)
        self._waiting: asyncio.TimerHandle | None = None
        self._speaking_in: set[str | None] = set()
        self.on_whole: Callable[[], None] = lambda: None
        """Called when all the sound of something that was to be said has come."""

    @property
    def is_speaking(self) -> bool:
        """Whether there is more to come of what it was given to say."""
        return bool(self._speaking_in)

    async def append_to_audio_context(self, context_id: str | None, frame: Any) -> None:
        if isinstance(frame, TTSStartedFrame):
            self._speaking_in.add(context_id)
        if isinstance(frame, TTSAudioRawFrame):
            await self._append(self._pieces.take(frame))
        else:
            if not isinstance(frame, WordTimestamp):  # words are told by their times, wherever their sound is
                await self._append_rest()
            await super().append_to_audio_context(context_id, frame)
        self._wait_for_more()
        if isinstance(frame, TTSStoppedFrame):
            self._speaking_in.discard(context_id)
            self.on_whole()

    async def _append(self, pieces: Sequence[TTSAudioRawFrame]) -> None:
        for piece in pieces:
            await super().append_to_audio_context(piece.context_id, piece)

    def _wait_for_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self._loop.call_later(HELD_S, self._no_more_came) if self._pieces.is_holding else None

    def _no_more_came(self) -> None:
        self._waiting = None
        self.create_task(self._append_rest(), "held_sound")

    async def _append_rest(self) -> None:
        await self._append(self._pieces.rest())

    def _let_go(self) -> None:
        """Nobody will hear what is held."""
        self._pieces.interrupted()
        self._wait_for_more()

    async def cleanup(self) -> None:
        self._let_go()
        await super().cleanup()

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        if isinstance(frame, AggregatedTextProgressFrame):
            return  # for a page that follows each word; ours hears of it by the marks
        if isinstance(frame, InterruptionFrame):
            self._speaking_in.clear()
            self._let_go()
        await super().push_frame(frame, direction)

    async def _connect_websocket(self) -> None:
        was = cast(object, self._websocket)
        began = 0.0 if self._tape is None else self._tape.now()
        await super()._connect_websocket()
        if self._tape is None or (self._websocket is was and was is not None):
            return
        name, took = self._tape.connection("cartesia"), self._tape.now() - began
        self._tape.note(name, "refused" if self._websocket is None else "open", took=took)
        if self._websocket is not None:
            self._websocket = cast(Any, WitnessedSocket(cast(Socket, self._websocket), self._tape, name))


class SpeechStack:
    """Vendor clients shared by all calls of a process; close it once, at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.breakers = {vendor: Breaker(vendor) for vendor in ("deepgram", "openai", "cartesia")}
        """Of whole calls: a vendor failed when a call had to be handed over for it."""
        self._openai = _client(settings, settings.openai_base_url, settings.openai_api_key)
        second_url = settings.openai_second_base_url or settings.openai_base_url
        self._second = _client(settings, second_url, settings.openai_second_api_key or settings.openai_api_key)
        self._rungs = [_rung(self._openai, settings.openai_model)]
        if settings.openai_second_model:
            self._rungs.append(_rung(self._second, settings.openai_second_model))
        self.cartesia = AsyncCartesia(
            api_key=settings.cartesia_api_key.get_secret_value(), base_url=settings.cartesia_base_url
        )

    @property
    def ill_vendor(self) -> str:
        """The vendor for which the last calls had to be handed over; '' when all are well, or it is time to try."""
        return next((vendor for vendor, breaker in self.breakers.items() if breaker.is_open), "")

    async def aclose(self) -> None:
        await self._openai.close()
        await self._second.close()
        await self.cartesia.close()

    def for_call(
        self,
        *,
        instructions: str,
        key_terms: tuple[str, ...],
        voice_id: str,
        cache_key: str,
        intake: Intake,
        tape: Tape | None,
    ) -> CallSpeech:
        """Services for one call. `instructions` is the stable prompt prefix; `cache_key` groups calls that share
        it, so that the vendor's prompt cache hits (OpenAI API reference, `prompt_cache_key`)."""
        return CallSpeech(
            stt=self._flux(key_terms, intake) if self._settings.stt == "flux" else self._nova(key_terms, intake),
            llm=self._llm(instructions, cache_key, tape),
            tts=self._tts(voice_id, tape),
        )

    def _flux(self, key_terms: tuple[str, ...], intake: Intake) -> STTService:
        eager = self._settings.eager_end_of_turn
        return DeepgramOnLine(
            intake=intake,
            metrics=FirstBytes(),
            api_key=self._settings.deepgram_api_key.get_secret_value(),
            url=f"{self._settings.deepgram_base_url}/v2/listen",
            enable_eager_end_of_turn=eager,
            guess_after_ms=self._settings.guess_after_quiet_ms if eager else 0,
            guess_while_speaking=eager and self._settings.guess_while_speaking,
            second_url=f"{self._settings.deepgram_base_url}/v1/listen?{self._nova_query(key_terms)}",
            # Flux decides turns itself; nothing behind it needs the audio.
            audio_passthrough=False,
            settings=DeepgramOnLine.Settings(
                model=self._settings.flux_model,
                keyterm=list(key_terms),
                eager_eot_threshold=EAGER_THRESHOLD if eager else None,
            ),
        )

    def _nova_query(self, key_terms: tuple[str, ...]) -> str:
        """How nova is asked to stand in for Flux: it ends turns itself, by 300 ms of silence."""
        asked = {
            "model": self._settings.nova_model,
            "encoding": "linear16",
            "sample_rate": str(SAMPLE_RATE),
            "interim_results": "true",
            "endpointing": "300",
            "utterance_end_ms": "1000",
        }
        return urlencode([*asked.items(), *(("keyterm", term) for term in key_terms)])

    def _nova(self, key_terms: tuple[str, ...], intake: Intake) -> STTService:
        return NovaOnLine(
            intake=intake,
            metrics=FirstBytes(),
            api_key=self._settings.deepgram_api_key.get_secret_value(),
            base_url=self._settings.deepgram_base_url,
            settings=NovaOnLine.Settings(
                model=self._settings.nova_model,
                keyterm=list(key_terms),
                # With Deepgram's endpointing on, the words come before Finalize, its reply is then empty, and
                # the turn waits out a timeout (100-126 ms a turn).
                endpointing=False,
                interim_results=True,
            ),
        )

    def _llm(self, instructions: str, cache_key: str, tape: Tape | None) -> SharedClientLLM:
        return SharedClientLLM(
            self._openai,
            self._rungs,
            tape,
            hedge_s=self._settings.openai_hedge_after_ms / 1000,
            metrics=FirstBytes(),
            settings=OpenAILLMService.Settings(
                model=self._settings.openai_model,
                system_instruction=instructions,
                extra={"prompt_cache_key": cache_key},
            ),
        )

    def _tts(self, voice_id: str, tape: Tape | None) -> EarlyCartesia:
        return EarlyCartesia(
            tape,
            metrics=FirstBytes(),
            api_key=self._settings.cartesia_api_key.get_secret_value(),
            url=f"{websocket_url(self._settings.cartesia_base_url)}/tts/websocket",
            settings=CartesiaTTSService.Settings(
                model=self._settings.cartesia_model, voice=voice_id or self._settings.cartesia_voice
            ),
        )


def _client(settings: Settings, base_url: str, key: SecretStr) -> AsyncOpenAI:
    """A client that does not try again by itself: its waits would be dead air, and there is another model.

    Its connections outlast the pauses of a call; httpx's own five seconds would have every other turn dial anew.
    """
    timeout = Timeout(60.0, connect=settings.vendor_connect_s)
    usual = DEFAULT_CONNECTION_LIMITS  # of whichever httpx the SDK brings
    limits = type(usual)(
        max_connections=usual.max_connections,
        max_keepalive_connections=usual.max_keepalive_connections,
        keepalive_expiry=KEPT_OPEN_S,
    )
    return AsyncOpenAI(
        api_key=key.get_secret_value(),
        base_url=base_url,
        max_retries=0,
        timeout=timeout,
        http_client=DefaultAsyncHttpxClient(timeout=timeout, limits=limits),
    )


def _rung(client: AsyncOpenAI, model: str) -> Rung:
    async def ask(params: dict[str, Any], tape: Tape | None) -> Any:
        return await streamed(client, {**params, "model": model}, tape)

    return Rung(model, ask, Breaker(f"openai {model}"))


def websocket_url(http_url: str) -> str:
    """`https://host` as `wss://host`, `http://host` as `ws://host`."""
    return "ws" + http_url.removeprefix("http") if http_url.startswith("http") else http_url
