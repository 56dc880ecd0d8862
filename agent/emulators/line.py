"""One call on the line: follows TwiML, runs the scenario's steps, keeps score. `Caller.call` makes it."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, TypeVar

import aiohttp

from agent.emulators.audio import noise
from agent.emulators.faults import Moment
from agent.emulators.media_socket import MediaSocket, Signing
from agent.emulators.network import Network, Next
from agent.emulators.phone import Earpiece, Mouth, Playing
from agent.emulators.phrasebook import Utterance
from agent.emulators.report import CallReport, End, Exchanges
from agent.emulators.scenario import BargeIn, Dtmf, HangUp, Noise, Play, Say, Scenario, Silence, Step, Wait
from agent.emulators.twilio import PhoneCall
from agent.emulators.twiml import TwimlError, Verb, parse_twiml
from agent.emulators.vendor import Json

if TYPE_CHECKING:
    from agent.emulators.caller import Caller

_VOICE, _STATUS = "/voice", "/voice/status"
_MOST_DOCUMENTS = 20
"""TwiML that redirects for ever is given up after this many documents."""
_KEY_S = 0.1
_MIDST_S = 0.5
"""How long an answer has been heard when the call is in its midst."""
_T = TypeVar("_T")


class Line:
    """A call under way. `run` it once."""

    def __init__(self, caller: Caller, state: PhoneCall, scenario: Scenario, signing: Signing) -> None:
        self._caller, self._state, self._scenario = caller, state, scenario
        self._signing: Signing = signing
        self._ear = Earpiece()
        self._exchanges = Exchanges()
        self._mouth = Mouth(self._utterance_ended)
        self._socket: MediaSocket | None = None
        self._leaving = asyncio.Event()
        self._script: asyncio.Task[None] | None = None
        self._marks: set[asyncio.Task[None]] = set()
        self._due_marks: dict[str, asyncio.Task[None]] = {}
        self._listening_since = 0.0
        self._started_at: float | None = None
        self._first_voice_at: float | None = None
        self._twiml: list[str] = []
        self._update: dict[str, str] | None = None
        self._network = Network(caller, scenario)
        self._reached: set[Moment] = set()
        self._parameters: dict[str, str] = {}
        self._sent_marks: list[str] = []
        self._cleared_at: list[float] = []
        self._dtmf = ""
        self._last_words = False
        self._over_at = 0.0
        self._end: End | None = None
        self._close_code: int | None = None
        self._error: str | None = None

    async def run(self) -> CallReport:
        """Ring, talk, hang up; returns the report whatever happened."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._state.on_update = self._updated
        self._reach("ring")
        try:
            await self._follow()
        except (aiohttp.ClientError, OSError, TwimlError, TimeoutError, ValueError) as why:
            self._fail(f"{type(why).__name__}: {why}")
        finally:
            self._over_at = loop.time()
            await self._stop_tasks()
            self._state.on_update = None
            self._state.status = "completed"
        await self._report_status(loop.time() - began)
        await self._report_recordings()
        return self._report(loop.time() - began)

    def _reach(self, moment: Moment) -> None:
        """Tell once that the call has come to a moment."""
        if moment not in self._reached:
            self._reached.add(moment)
            self._caller.reached(moment)

    def _fail(self, why: str) -> None:
        self._end = "failed"
        self._error = self._error or why
        self._leaving.set()

    async def _stop_tasks(self) -> None:
        tasks = [task for task in (self._script, *self._marks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # TwiML

    async def _follow(self) -> None:
        """Obey document after document, as Twilio does, until the call is over."""
        onward: Next | None = Next(_VOICE)
        status = "ringing"
        while onward is not None and len(self._twiml) < _MOST_DOCUMENTS:
            document = await self._fetch(onward, status)
            status = "in-progress"
            onward = await self._obey(document) if document is not None else None
            while self._update is not None and self._end is None:
                update, self._update = self._update, None
                onward = await self._replaced(update)
        if self._end is None:
            self._end = "refused" if self._started_at is None else "hung_up_by_server"

    async def _replaced(self, update: dict[str, str]) -> Next | None:
        """What a REST update wants done instead: TwiML, or where to ask for some."""
        self._leaving.clear()
        if "Url" in update:
            return Next(update["Url"])
        self._twiml.append(update["Twiml"])
        return await self._obey(update["Twiml"])

    async def _fetch(self, onward: Next, status: str) -> str | None:
        state = self._state
        if self._end == "hung_up_by_caller":
            status = "completed"
        form = self._caller.form(state.sid, to=state.to, caller=state.from_, status=status, **onward.form)
        answer = await self._caller.post(onward.url, form, signing=self._signing)
        state.status = "in-progress"
        if answer.status != 200:
            self._end = "refused" if self._started_at is None else "socket_closed"
            self._error = f"{onward.url} answered {answer.status}"
            return None
        self._twiml.append(answer.text)
        return answer.text

    async def _obey(self, document: str) -> Next | None:
        """Act on each verb; returns where to go on, or None."""
        verbs = parse_twiml(document)
        if self._end == "hung_up_by_caller":
            return None  # what is answered to somebody who has gone is not done
        for verb in verbs:
            if verb.name == "Stream":
                await self._stream(verb)
            elif verb.name == "Redirect":
                return Next(verb.text)
            elif verb.name == "Pause":
                await self._pause(float(verb.attributes.get("length", "1")))
            elif verb.name in ("Hangup", "Reject"):
                self._end = self._end or ("refused" if self._started_at is None else "hung_up_by_server")
                return None
            elif verb.name in ("Say", "Dial", "Record"):
                onward = await self._network.act(verb)
                self._end = self._network.end or self._end
                if onward is not None:
                    return onward
            if self._over():
                return None
        return None

    def _over(self) -> bool:
        return self._update is not None or self._end not in (None, "dialled", "recorded")

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._leaving.wait()

    def _updated(self, form: dict[str, str]) -> None:
        """The server changed this call through the REST API."""
        if form.get("Status") in ("completed", "canceled"):
            self._end = self._end or "hung_up_by_server"
        elif "Twiml" in form or "Url" in form:
            self._update = form
        self._leaving.set()

    # The media stream

    async def _stream(self, verb: Verb) -> None:
        """Talk over a media socket until either side ends it."""
        loop = asyncio.get_running_loop()
        self._parameters = verb.parameters
        self._leaving.clear()
        socket = await self._caller.open_media(verb.text, call_sid=self._state.sid, signing=self._signing)
        async with socket:
            self._socket = socket
            await socket.send_connected()
            await socket.send_start(verb.parameters)
            if self._started_at is None:
                self._started_at = self._listening_since = loop.time()
                self._reach("start")
            if self._script is None:
                self._script = asyncio.create_task(self._act())
            await self._talk(socket)
        self._socket = None

    async def _talk(self, socket: MediaSocket) -> None:
        reading = asyncio.create_task(self._listen(socket))
        speaking = asyncio.create_task(self._mouth.speak_into(socket))
        leaving = asyncio.create_task(self._leaving.wait())
        await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
        speaking.cancel()
        leaving.cancel()
        if not socket.closed and self._leaving.is_set():
            with suppress(ConnectionError, RuntimeError):
                await socket.send_stop()
        else:
            self._close_code = socket.close_code
        reading.cancel()
        await asyncio.gather(reading, speaking, leaving, return_exceptions=True)

    async def _listen(self, socket: MediaSocket) -> None:
        loop = asyncio.get_running_loop()
        async for message in socket.messages():
            now = loop.time()
            event = message.get("event")
            if event == "media":
                self._hear(message, now)
            elif event == "mark":
                self._mark(str(message.get("mark", {}).get("name", "")), socket, now)
            elif event == "clear":
                await self._clear(socket, now)

    def _hear(self, message: Json, now: float) -> None:
        try:
            ulaw = base64.b64decode(message["media"]["payload"], validate=True)
        except (KeyError, TypeError, binascii.Error) as why:
            raise ValueError(f"bad media from the server: {why!r}") from why
        before = self._ear.voice_arrived
        if self._ear.hear(ulaw, now):
            self._exchanges.agent_heard(now, before)
            self._first_voice_at = self._first_voice_at or now
            self._reach("greeting")
            if "first_turn" in self._reached and self._ear.voice_began(self._listening_since) is not None:
                asyncio.get_running_loop().call_later(_MIDST_S, self._reach, "mid_answer")

    def _mark(self, name: str, socket: MediaSocket, now: float) -> None:
        """A mark is sent back when all audio before it has been played."""
        task = asyncio.create_task(self._send_mark(name, socket, self._ear.buffered(now)))
        self._marks.add(task)
        self._due_marks[name] = task
        task.add_done_callback(self._marks.discard)

    async def _send_mark(self, name: str, socket: MediaSocket, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._due_marks.pop(name, None)
        self._sent_marks.append(name)
        try:
            await socket.send_mark(name)
        except (ConnectionError, RuntimeError):
            return

    async def _clear(self, socket: MediaSocket, now: float) -> None:
        """Empty the buffer; the marks that were waiting in it come back at once."""
        self._cleared_at.append(now)
        self._exchanges.cleared(now, self._ear.clear(now))
        for name, task in list(self._due_marks.items()):
            task.cancel()
            await self._send_mark(name, socket, 0)

    def _utterance_ended(self, playing: Playing) -> None:
        if playing.counts and playing.last_voiced_at is not None:
            self._listening_since = playing.last_voiced_at

    # The scenario

    async def _act(self) -> None:
        """Do the steps, then hang up."""
        try:
            spoken = [step for step in self._scenario.steps if isinstance(step, Say | Play | BargeIn)]
            for step in self._scenario.steps:
                self._last_words = bool(spoken) and step is spoken[-1]
                await self._do(step)
            if not any(isinstance(step, HangUp) for step in self._scenario.steps):
                await self._agent_done()
        except TimeoutError:
            self._fail(f"the agent was not heard within {self._scenario.patience_s} s")
            return
        except (OSError, ValueError, RuntimeError) as why:
            self._fail(f"{type(why).__name__}: {why}")
            return
        self._end = self._end or "hung_up_by_caller"
        self._leaving.set()

    async def _do(self, step: Step) -> None:
        match step:
            case Say():
                utterance = self._speech(step.say, step.voice, step.max_pause_ms)
                await self._agent_done()
                await self._utter(utterance)
            case Play():
                utterance = await asyncio.to_thread(self._caller.phrasebook.register_file, step.play, step.says)
                await self._agent_done()
                await self._utter(utterance)
            case BargeIn():
                utterance = self._speech(step.barge_in.say, step.barge_in.voice, 120)
                began = await self._within(self._ear.wait_voice(self._listening_since))
                after_s = step.barge_in.after_ms / 1000
                if step.barge_in.at_word is not None:
                    after_s = self._word_after_s(step.barge_in.at_word, began)
                await asyncio.sleep(max(0, began + after_s - self._now()))
                await self._utter(utterance)
            case Wait():
                await self._wait(step)
            case Silence():
                await asyncio.sleep(step.silence)
            case Noise():
                burst = noise(step.noise.kind, step.noise.ms)
                self._caller.phrasebook.register(burst)
                await self._mouth.play(burst, counts=False).done.wait()
            case Dtmf():
                await self._press(step.dtmf)
            case HangUp():
                self._end = self._end or "hung_up_by_caller"
                self._leaving.set()
                await asyncio.Event().wait()  # the call is over: what follows is never done

    def _word_after_s(self, number: int, began: float) -> float:
        """How long after the agent's voice began its Nth word does. Raises ValueError when that is not to be known."""
        heard = b"".join(ulaw for at, ulaw in self._ear.received if at >= began - 0.5)
        for rendering in reversed(self._caller.renderings):
            if len(rendering.words) >= number and (onset := rendering.onset) and onset in heard:
                return (rendering.words[number - 1].start_ms - rendering.words[0].start_ms) / 1000
        raise ValueError(f"barge_in.at_word: nobody says so many words ({number}) whose times are known")

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _speech(self, text: str, voice: str, max_pause_ms: int) -> Utterance:
        return self._caller.phrasebook.register_speech(text, voice=voice, max_pause_ms=max_pause_ms)

    async def _within(self, waiting: Awaitable[_T], timeout_s: float | None = None) -> _T:
        async with asyncio.timeout(timeout_s or self._scenario.patience_s):
            return await waiting

    async def _agent_done(self, timeout_s: float | None = None) -> None:
        pause_s = self._scenario.agent_pause_ms / 1000
        await self._within(self._ear.wait_done(self._listening_since, pause_s), timeout_s)

    async def _wait(self, step: Wait) -> None:
        if step.wait == "agent_done":
            await self._agent_done(step.timeout_s)
        elif step.wait == "agent_speaking":
            await self._within(self._ear.wait_voice(self._listening_since), step.timeout_s)
        else:
            await asyncio.sleep(step.wait)

    async def _utter(self, utterance: Utterance) -> None:
        playing = self._mouth.play(utterance.ulaw, counts=True)
        self._reach("first_turn")
        if self._last_words:
            self._reach("end")
        self._exchanges.begin(utterance.text, playing)
        await playing.done.wait()

    async def _press(self, digits: str) -> None:
        for digit in digits:
            if self._socket is not None:
                await self._socket.send_dtmf(digit)
                self._dtmf += digit
            await asyncio.sleep(_KEY_S)
        self._listening_since = self._now()  # an answer to the keys is one that comes after them

    # The end

    async def _report_status(self, duration_s: float) -> None:
        form = self._caller.form(
            self._state.sid,
            to=self._state.to,
            caller=self._state.from_,
            status="completed",
            Timestamp=format_datetime(datetime.now(UTC)),
            CallbackSource="call-progress-events",
            SequenceNumber="0",
            Duration=str(max(1, round(duration_s / 60))),
            CallDuration=str(round(duration_s)),
        )
        try:
            answer = await self._caller.post(_STATUS, form, signing=self._signing)
        except (aiohttp.ClientError, OSError) as why:
            self._error = self._error or f"{_STATUS}: {why}"
            return
        if answer.status >= 400 and self._signing == "right":
            self._error = self._error or f"{_STATUS} answered {answer.status}"

    async def _report_recordings(self) -> None:
        """What Twilio tells when a recording is stored names the call and the account, and no numbers."""
        for stored in self._network.stored:
            form = {"AccountSid": self._caller.rest.account_sid, "CallSid": self._state.sid, **stored.form}
            try:
                await self._caller.post(stored.url, form, signing=self._signing)
            except (aiohttp.ClientError, OSError) as why:
                self._error = self._error or f"{stored.url}: {why}"

    def _report(self, duration_s: float) -> CallReport:
        start = self._started_at
        heard_at = self._first_voice_at
        return CallReport(
            call_sid=self._state.sid,
            to=self._state.to,
            parameters=self._parameters,
            twiml=tuple(self._twiml),
            greeting_ms=None if start is None or heard_at is None else (heard_at - start) * 1000,
            exchanges=self._exchanges.done(),
            caller_audio_ms=self._mouth.played_ms,
            agent_audio=bytes(self._ear.played),
            received=tuple((at - (start or 0.0), ulaw) for at, ulaw in self._ear.received),
            clears=len(self._cleared_at),
            cleared_at=tuple(at - (start or 0.0) for at in self._cleared_at),
            marks=tuple(self._sent_marks),
            dtmf=self._dtmf,
            underruns_ms=tuple(self._ear.underruns_ms),
            duration_ms=duration_s * 1000,
            end=self._end or "failed",
            close_code=self._close_code,
            error=self._error,
            said=tuple(self._network.said),
            dialled=tuple(self._network.dialled),
            started_at=start,
            recordings=tuple(self._network.recordings),
            agent_voices=tuple((begin - (start or 0.0), end - (start or 0.0)) for begin, end in self._ear.voices()),
            network_spoke_at=None if (spoke_at := self._network.spoke_at) is None else spoke_at - (start or 0.0),
            ended_at=None if start is None else self._over_at - start,
        )
