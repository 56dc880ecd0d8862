"""The receptionist of one call: the frames' road as one list, and what happens along it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import cast

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext, LLMContextMessage
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    UserTurnStoppedMessage,
)
from pipecat.workers.runner import WorkerRunner

from agent.bookings.desk import Desk
from agent.errors import Conflict
from agent.events import CallTransferred, EndReason, VendorDegraded
from agent.knowledge.prompt import AiContext, key_terms
from agent.model import Shop
from agent.pipelines.appointments import Appointments
from agent.pipelines.dismantling import dismantle
from agent.pipelines.greeting import Phrases, Rendered, wording
from agent.pipelines.hearing import DeepgramOnLine
from agent.pipelines.intake import Intake
from agent.pipelines.keypad import Keypad
from agent.pipelines.line import SAMPLE_RATE, Line
from agent.pipelines.line_transport import HangUpFrame, LineTransport
from agent.pipelines.speech import SpeechStack
from agent.pipelines.supervision import Supervision
from agent.pipelines.tap import CallLog, Tap
from agent.pipelines.tool_desk import ToolDesk
from agent.pipelines.tools import TRANSFER, tools_for
from agent.pipelines.turns import user_turns
from agent.pipelines.vigil import Trouble, Vigil
from agent.ports import CallStore
from agent.redaction import Redactor
from agent.settings import Settings

END_S = 1.0
"""How long a pipeline that hangs may take to end before it is left behind."""
APOLOGY_S = 6.0
"""How long an apology may take to be heard before the call moves on to whoever can help."""
ANSWER_S = 8.0
"""How long the model may take to end an answer that something else waits to be said behind."""
CHECK_INS = 1
"""How often a silent caller is asked whether they are there before the call ends politely."""


class Receptionist:
    """One conversation. Build it when the greeting is on the wire; `run` returns when the call is over."""

    def __init__(
        self,
        *,
        shop: Shop,
        instructions: AiContext,
        line: Line,
        greeting_heard: list[str] | None,
        log: CallLog,
        speech: SpeechStack,
        phrases: Phrases,
        calls: CallStore,
        desk: Desk,
        look_ahead: Callable[[], None],
        settings: Settings,
        hang_up: Callable[[], Coroutine[object, object, None]],
        put_through: Callable[[], Coroutine[object, object, bool]],
        ring: Callable[[str], Coroutine[object, object, None]],
    ) -> None:
        """`greeting_heard` gathers the greeting's words as they are heard; None when none is on the wire.

        `look_ahead` reads the book, which what the caller begins to say may be about.
        `hang_up` tells the phone company that we end the call, `put_through` that a person of the shop is to be
        rung; it returns whether the phone company does so. `ring` has a number rung, or raises TelephonyError.
        """
        self._shop = shop
        self._line = line
        self._log = log
        self._phrases = phrases
        self._breakers = speech.breakers
        self._settings = settings
        self._words = wording(shop)
        self._tap = Tap(log, line, [] if greeting_heard is None else greeting_heard)
        self.ending: EndReason | None = None
        self._look_ahead = look_ahead
        self._hang_up, self._put_through, self._ring = hang_up, put_through, ring
        self.supervision = Supervision(line, log, self)
        self._tools = ToolDesk(
            shop,
            log,
            self._tap,
            calls,
            Appointments(desk, shop, log.caller, log.clock),
            self._words["goodbye"],
            tell_owed=self._tell_owed,
        )
        self._silences = 0
        self._moving = {"role": "developer", "content": instructions.moving}
        self._greeting = {"role": "assistant", "content": self._words["greeting"]}
        # With none on the wire the pipeline speaks it, and tells of it as of any answer.
        self._greeting_told = greeting_heard is None
        self._greeting_ends = line.playout.written_ms
        """Noted now: whoever hangs up before the pipeline runs has not heard so far."""
        self._due = greeting_heard is None
        self._due_since = line.began_at
        self._handed_over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport = LineTransport(line)
        self._worker = self._build(instructions, speech)
        self._runner = WorkerRunner(handle_sigint=False, force_gc=False)
        line.listener = self

    @property
    def turns(self) -> int:
        """How many times the caller has spoken."""
        return self._tap.turn

    async def run(self) -> EndReason:
        """Hold the conversation until somebody ends it; return who did."""
        self._look_ahead()
        await self._runner.add_workers(self._worker)
        vigil = asyncio.create_task(Vigil(self._line, self).watch(), name="vigil")
        limit = asyncio.get_running_loop().call_later(self._settings.max_call_s, self._say_goodbye, "call_too_long")
        try:
            await self._until_over(asyncio.create_task(self._runner.run(), name="pipeline"))
        finally:
            limit.cancel()
            vigil.cancel()
            await asyncio.gather(vigil, return_exceptions=True)
            self._line.let_go()
            await self.supervision.close()
            self._tell_greeting(interrupted=True)
            # What a tool has begun is finished, and told, before the call is over.
            await asyncio.gather(*self._tools.under_way, *self._tasks, return_exceptions=True)
        return self.ending or "failed"

    async def _until_over(self, pipeline: asyncio.Task[None]) -> None:
        """Until the pipeline has ended. One that hangs on a vendor does not hold a call that was handed over."""
        handed_over = asyncio.create_task(self._handed_over.wait())
        try:
            await asyncio.wait([pipeline, handed_over], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([pipeline], timeout=END_S)
        finally:
            handed_over.cancel()
            if not pipeline.done():
                pipeline.cancel()
                await asyncio.wait([pipeline], timeout=END_S)
        if pipeline.done() and not pipeline.cancelled():
            pipeline.result()

    def dismantle(self) -> None:
        """The call is over and told: nothing is to be left of it. A pipeline that hangs is left as it is."""
        if self._worker.has_finished():
            dismantle(self._worker, self._transport, self._runner, self)

    def instruct(self, moving: str) -> None:
        """Replace the moving half of what the model is told, from its next answer on."""
        self._moving["content"] = moving

    async def stop(self, reason: EndReason) -> None:
        """End the call from outside the conversation; one that is ending already keeps its reason."""
        if self.ending is None:
            self.ending = reason
            await self._worker.cancel(reason=reason)

    def _build(self, instructions: AiContext, speech: SpeechStack) -> PipelineWorker:
        intake = Intake(Redactor(self._shop.redacts), self._line.tape)
        call = speech.for_call(
            intake=intake,
            tape=self._line.tape,
            instructions=instructions.stable,
            key_terms=key_terms(self._shop),
            voice_id=self._shop.voice_id,
            cache_key=f"location_{self._shop.location_id}_v{self._shop.version}",
        )
        self._llm, self._tts, self._stt = call.llm, call.tts, call.stt
        self._llm.on_begin, self._tts.on_whole = self._owe, self._sound_came
        self._context = LLMContext(messages=self._history(), tools=list(tools_for(self._shop)))
        pair = LLMContextAggregatorPair(self._context, user_params=user_turns(self._settings))
        user, assistant = pair.user(), pair.assistant()
        if isinstance(call.stt, DeepgramOnLine):
            self._line.hearer, call.llm.on_guess = call.stt, call.stt.taken_up
        self._tap.follow(user, assistant, call.tts)
        self._tap.on_silent = self._spoken
        user.add_event_handler("on_user_turn_started", self._caller_spoke)
        user.add_event_handler("on_user_turn_stopped", self._caller_stopped)
        user.add_event_handler("on_user_turn_idle", self._caller_is_silent)
        self._transport.add_event_handler("on_client_disconnected", self._socket_closed)
        worker = PipelineWorker(
            Pipeline(
                [
                    self._transport.input(),  # the caller's voice
                    Keypad(intake, proposes=self._settings.stt != "nova"),  # a number keyed in is a turn as well
                    call.stt,  # becomes words
                    self._tap.ears,  # which operators see at once
                    user,  # a whole turn goes into the history
                    call.llm,  # is answered, or a tool is called
                    call.tts,  # becomes voice
                    self._transport.output(),  # is played to the caller
                    self._tap.mouth,
                    assistant,  # what was heard goes into the history
                ]
            ),
            params=PipelineParams(
                audio_in_sample_rate=SAMPLE_RATE, audio_out_sample_rate=SAMPLE_RATE, enable_metrics=True
            ),
            app_resources=self._tools,
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
        )
        worker.add_event_handler("on_pipeline_started", self._started)
        worker.add_event_handler("on_pipeline_error", self._something_failed)
        return worker

    def _history(self) -> list[LLMContextMessage]:
        """What the model is told before the first turn; the stable part of its instructions comes before this."""
        history: list[dict[str, str]] = [self._moving]
        if not self._greeting_told:
            history.append(self._greeting)
        return cast(list[LLMContextMessage], history)

    # What happens along the way

    async def _started(self, *_: object) -> None:
        """The pipeline runs. Pipecat did not speak the greeting, so it is told that one is being heard."""
        if self._greeting_told:  # it was not rendered: spoken the slow way, heard and told as any answer
            self._queue(TTSSpeakFrame(self._words["greeting"]))
            return
        self._queue(BotStartedSpeakingFrame())
        last = self._greeting_ends - 1
        self._line.playout.await_heard(lambda: last, self._greeting_played)

    def _greeting_played(self) -> None:
        self._tell_greeting(interrupted=False)
        self._queue(BotStoppedSpeakingFrame())

    def _tell_greeting(self, *, interrupted: bool) -> None:
        """Once: what the caller heard of the greeting, which is what the history keeps of it."""
        if self._greeting_told:
            return
        self._greeting_told = True
        if interrupted:
            self._greeting["content"] = " ".join(self._tap.greeting_heard) or "(interrupted)"
        self._tap.greeting_over(self._words["greeting"], interrupted=interrupted)

    async def _caller_spoke(self, *_: object) -> None:
        self._silences = 0
        self._look_ahead()
        self._tell_greeting(interrupted=True)

    async def _caller_stopped(self, _: object, __: object, message: UserTurnStoppedMessage) -> None:
        if message.content and not self._llm.is_silent:
            self._owe()
        self._tell_owed()

    def _tell_owed(self) -> None:
        """What was done while the caller talked over it is told as soon as they have finished."""
        if self._tap.caller_speaks or self.ending is not None or self.supervision.is_attended:
            return
        if owed := self._tools.take_owed():
            self._spawn(self._speak_after_answer(owed))

    async def _speak_after_answer(self, words: str) -> None:
        """Behind the answer that is under way: words inside of it would be in no transcript."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await self._llm.speak(words)

    async def _caller_is_silent(self, *_: object) -> None:
        if self.supervision.is_attended:
            return
        self._silences += 1
        if self._silences > CHECK_INS:
            self._say_goodbye("caller_silent")
        else:
            self._queue(TTSSpeakFrame(self._words["still_there"]))

    async def _socket_closed(self, *_: object) -> None:
        self.caller_gone()

    async def _something_failed(self, _: object, frame: ErrorFrame) -> None:
        """A vendor complained. One that can no longer work ends the call with an apology, not with silence."""
        vendor = _vendor_of(frame)
        code = str(frame.category.value) if frame.category else "unknown"
        self._log.publish(VendorDegraded, vendor=vendor, code=code, message=frame.error[:300])
        unusable = frame.processor is not None and not frame.processor.is_usable
        # An answer that failed was asked of every model. A socket that was refused is tried again: the watch goes on.
        if unusable or vendor == "openai":
            await self._hand_over(vendor, f"{vendor} is unusable")

    # Nobody is left in silence

    @property
    def is_quiet_on_purpose(self) -> bool:
        return self.ending is not None or self.supervision.is_attended

    @property
    def caller_speaks(self) -> bool:
        return self._tap.caller_speaks

    @property
    def is_due(self) -> bool:
        return self._due or bool(self._tools.under_way)

    def _owe(self) -> None:
        """Something of ours is to be heard now."""
        self._due, self._due_since = True, asyncio.get_running_loop().time()

    def _spoken(self) -> None:
        """Our voice has ended: nothing is due any more, unless there was none, or the answer goes on."""
        was_heard = (self._line.answer_voice_at or 0.0) >= self._due_since
        self._due = self._due and (not was_heard or self._llm.is_answering or self._tts.is_speaking)

    def _sound_came(self) -> None:
        if not self._tap.is_speaking:
            self._spoken()

    async def bridge(self, trouble: Trouble, times: int) -> bool:
        """Say what was rendered before the call, and tell what is late."""
        names: dict[Trouble, Rendered] = {"nothing_heard": "not_caught", "turn_open": "not_caught"}
        name = names.get(trouble, "one_moment" if times == 1 else "still_trying")
        if trouble == "turn_open" and isinstance(self._stt, DeepgramOnLine) and self._stt.tells:
            name = "go_on"
        phrase = await self._phrases.fetch(self._shop, name)
        if phrase is None:
            return False
        self._log.publish(
            VendorDegraded, vendor=self._late(trouble), code=trouble, message=f"The caller was told: {phrase.text}"
        )
        await self._line.say(phrase, lambda _: None)
        if name == "not_caught" and isinstance(self._stt, DeepgramOnLine):
            await self._stt.distrust()
        return True

    async def give_up(self, trouble: Trouble) -> None:
        """Let go of a call in which the caller has waited long enough."""
        await self._hand_over(self._late(trouble), f"{trouble} for too long")

    def _late(self, trouble: Trouble) -> str:
        """Who is waited for."""
        if trouble != "answer_due":
            return "deepgram"
        if self._tools.under_way:
            return "store"
        return "openai" if self._llm.is_answering or not self._tts.is_speaking else "cartesia"

    async def _hand_over(self, vendor: str, why: str) -> None:
        """Apologise, and close the stream: it leads to /voice/after, which rings the shop or takes a message."""
        if self.ending is not None:
            return
        self.ending = "failed"
        if vendor in self._breakers:
            self._breakers[vendor].failed()
        await self._apologise()
        self._handed_over.set()
        await self._worker.cancel(reason=why)

    async def _apologise(self) -> None:
        phrase = await self._phrases.fetch(self._shop, "apology")
        if phrase is not None:
            await self._line.clear()
            await self._line.say(phrase, lambda _: None)
            await self._line.playout.played(min(APOLOGY_S, len(phrase.ulaw) / 8000 + 0.5))

    # What operators do

    @property
    def location_id(self) -> int:
        return self._shop.location_id

    async def take_hint(self, text: str) -> None:
        """The model is told with its next answer; the caller does not hear it."""
        self._note(f"A colleague at the salon tells you, unheard by the caller: {text}")

    async def say(self, text: str) -> None:
        """The caller is told, behind the answer that is under way."""
        self._spawn(self._speak_after_answer(text))

    async def fall_silent(self) -> None:
        """At once, in the middle of a word. What the caller says goes on into the history."""
        self._llm.is_silent = True
        await self._worker.queue_frame(InterruptionFrame())
        await self._line.clear()
        self._line.is_attended = True
        self._tell_greeting(interrupted=True)

    async def resume(self) -> None:
        """The next turn is the model's to answer again."""
        self._line.is_attended = False
        self._note(
            "A colleague at the salon has just talked with the caller. The colleague's words are not written here."
            " Do not repeat what was settled; go on from what the caller says next."
        )
        self._llm.is_silent = False
        self._tell_owed()

    async def ring(self, to: str | None) -> str:
        """Put the caller through; the conversation is over with that."""
        number = to or self._shop.transfer_to
        if number is None:
            raise Conflict("transfer_unknown", "The shop has no number to transfer to; name one.")
        await self._ring(number)
        self._log.publish(CallTransferred, to=number, reason="an operator")
        self._spawn(self.stop("transferred"))
        return number

    async def end(self) -> None:
        """Hang up, whoever is speaking."""
        if self.ending is None:
            self.ending = "operator_hung_up"
            await self._hang_up()
            self._spawn(self._worker.cancel(reason="an operator"))

    def _note(self, text: str) -> None:
        self._context.add_message(cast(LLMContextMessage, {"role": "developer", "content": text}))

    # What the line tells

    def caller_gone(self) -> None:
        """`stop`, or the socket closed: nobody is left to talk to. Said twice, it is done once."""
        self._line.playout.interrupt()  # nothing more will be heard: whoever waits for it may go
        self._spawn(self.stop("caller_hung_up"))

    def hanging_up(self, reason: str) -> None:
        """The last words were heard: from here on it is we who end the call, or a person who takes it over."""
        if self.ending is None and reason == TRANSFER:
            self.ending = "transferred"
            self._spawn(self._transfer())
        elif self.ending is None:
            self.ending = "agent_hung_up"
            self._spawn(self._hang_up())

    async def _transfer(self) -> None:
        if not await self._put_through():
            self.ending = "failed"  # the closed stream leads to /voice/after, which rings the shop

    def digit_pressed(self, digit: str) -> None:
        self._tap.digit_pressed(digit)

    def answer_began(self, voice_to_voice_ms: float) -> None:
        for breaker in self._breakers.values():
            breaker.worked()
        self._tap.answer_began(voice_to_voice_ms)

    def _say_goodbye(self, reason: str) -> None:
        self._queue(TTSSpeakFrame(self._words["goodbye"]), HangUpFrame(reason=reason))

    def _queue(self, *frames: Frame) -> None:
        if any(isinstance(frame, TTSSpeakFrame) for frame in frames):
            self._owe()
        self._spawn(self._worker.queue_frames(frames))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _vendor_of(frame: ErrorFrame) -> str:
    name = type(frame.processor).__name__.lower() if frame.processor is not None else "pipeline"
    vendors = {"deepgram": "deepgram", "llm": "openai", "cartesia": "cartesia", "line": "twilio"}
    return next((vendor for part, vendor in vendors.items() if part in name), name)
