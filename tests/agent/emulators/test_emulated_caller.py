"""Twilio's caller side, against a small server of our own that answers the phone by script."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from agent.emulators.audio import frames, silence
from agent.emulators.media_socket import Signing
from agent.emulators.phone import Earpiece
from agent.emulators.report import CallReport
from agent.emulators.scenario import parse_scenario
from agent.emulators.stage import PUBLIC_URL, Stage
from agent.emulators.twiml import TwimlError, parse_twiml
from agent.emulators.voice import speak

STREAM = (
    '<Response><Connect><Stream url="wss://chairside.test/media"><Parameter name="location_id" value="7"/>'
    "</Stream></Connect><Redirect>/voice/after</Redirect></Response>"
)
HELLO = speak("Hello.").ulaw
SHORT = speak("Yes?").ulaw


class Receptionist:
    """Answers calls by script: sends `greeting` at the start, and `answer` after each mark or key."""

    def __init__(self, stage: Stage) -> None:
        self.validator = RequestValidator(stage.twilio.auth_token)
        self.stage = stage
        self.greeting = HELLO
        self.voice = STREAM
        self.after: list[str] = ["<Response><Hangup/></Response>"]
        self.on_digit: Callable[[web.WebSocketResponse, str, str], Any] | None = None
        self.on_voice: Callable[[web.WebSocketResponse, str], Any] | None = None
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.wire: list[Any] = []
        self.close_code: int | None = None

    async def webhook(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        signature = request.headers.get("X-Twilio-Signature", "")
        if not self.validator.validate(PUBLIC_URL + request.path, form, signature):
            return web.Response(status=403)
        self.forms.append((request.path, form))
        texts = {"/voice": lambda: self.voice, "/voice/after": lambda: self.after.pop(0)}
        return web.Response(text=texts.get(request.path, str)(), content_type="text/xml")

    async def media(self, request: web.Request) -> web.WebSocketResponse:
        signature = request.headers.get("X-Twilio-Signature", "")
        assert self.validator.validate("wss://chairside.test/media", {}, signature)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        stream, heard_voice = "", False
        async for message in ws:
            event = json.loads(message.data)
            self.wire.append(event)
            if event["event"] == "start":
                stream = event["streamSid"]
                await speak_into(ws, stream, self.greeting)
            elif event["event"] == "dtmf" and self.on_digit:
                await self.on_digit(ws, stream, event["dtmf"]["digit"])
            elif event["event"] == "media" and self.on_voice and not heard_voice:
                heard_voice = any(base64.b64decode(event["media"]["payload"]).strip(b"\xff"))
                if heard_voice:
                    await self.on_voice(ws, stream)
        self.close_code = ws.close_code
        return ws

    def events(self, kind: str) -> list[Any]:
        return [event for event in self.wire if event["event"] == kind]


async def speak_into(ws: web.WebSocketResponse, stream: str, ulaw: bytes, mark: str | None = None) -> None:
    for at in range(0, len(ulaw), 320):
        payload = base64.b64encode(ulaw[at : at + 320]).decode()
        await ws.send_json({"event": "media", "streamSid": stream, "media": {"payload": payload}})
    if mark:
        await ws.send_json({"event": "mark", "streamSid": stream, "mark": {"name": mark}})


@asynccontextmanager
async def answering(stage: Stage) -> AsyncGenerator[tuple[Receptionist, str], None]:
    receptionist = Receptionist(stage)
    app = web.Application()
    app.add_routes([web.post("/{path:voice.*}", receptionist.webhook), web.get("/media", receptionist.media)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield receptionist, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def line(stage: Stage) -> AsyncGenerator[tuple[Receptionist, Any], None]:
    """A receptionist, and a function that phones it with some steps."""
    async with answering(stage) as (receptionist, url), stage.caller(url) as caller:

        async def phone(*steps: Any, signing: Signing = "right", **more: Any) -> CallReport:
            data = {"name": "test", "to": "+18084826296", "agent_pause_ms": 60, "patience_s": 2, **more}
            return await caller.call(parse_scenario({**data, "steps": list(steps)}), signing=signing)

        yield receptionist, phone


async def test_a_call_from_ringing_to_goodbye(line: Any) -> None:
    receptionist, phone = line
    report: CallReport = await phone({"wait": "agent_speaking"}, {"hang_up": True})

    assert report.end == "hung_up_by_caller"
    assert report.error is None
    assert report.parameters == {"location_id": "7"}
    assert report.greeting_ms is not None
    assert report.greeting_ms < 250
    path, form = receptionist.forms[0]
    assert (path, form["To"], form["CallStatus"]) == ("/voice", "+18084826296", "ringing")
    path, form = receptionist.forms[-1]
    assert (path, form["CallSid"], form["CallStatus"]) == ("/voice/status", report.call_sid, "completed")
    kinds = [event["event"] for event in receptionist.wire]
    assert (kinds[:2], kinds[-1]) == (["connected", "start"], "stop")
    assert receptionist.events("start")[0]["start"]["customParameters"] == {"location_id": "7"}


async def test_frames_leave_at_the_pace_of_speech_numbered_without_gaps(line: Any) -> None:
    receptionist, phone = line
    loop = asyncio.get_running_loop()
    began = loop.time()
    await phone({"silence": 0.5}, {"hang_up": True})
    elapsed = loop.time() - began

    media = receptionist.events("media")
    assert 24 <= len(media) <= elapsed * 50 + 1
    assert [event["media"]["chunk"] for event in media] == [str(n + 1) for n in range(len(media))]
    numbered = [int(event["sequenceNumber"]) for event in receptionist.wire if "sequenceNumber" in event]
    assert numbered == list(range(1, len(numbered) + 1))
    assert all(base64.b64decode(event["media"]["payload"]) == silence(20) for event in media)


async def test_what_is_said_goes_out_byte_for_byte_and_the_answer_is_timed(line: Any, stage: Stage) -> None:
    receptionist, phone = line

    async def later(ws: web.WebSocketResponse, stream: str) -> None:
        said = stage.phrasebook.register_speech("Hi.")
        asyncio.get_running_loop().call_later(
            len(said.ulaw) / 8000 + 0.1, lambda: tasks.append(asyncio.create_task(speak_into(ws, stream, SHORT)))
        )

    tasks: list[Any] = []
    receptionist.on_voice = later
    report: CallReport = await phone({"say": "Hi."}, {"wait": "agent_done"})

    sent = b"".join(base64.b64decode(event["media"]["payload"]) for event in receptionist.events("media"))
    said = stage.phrasebook.register_speech("Hi.")
    assert said.ulaw in sent
    (exchange,) = report.exchanges
    assert exchange.said == "Hi."
    assert exchange.voice_to_voice_ms == pytest.approx(100, abs=90)
    assert exchange.barge_in_clear_ms is None
    assert report.caller_audio_ms == len(said.ulaw) / 8
    assert report.agent_audio.count(SHORT[:160]) == 1


async def test_marks_come_back_when_played_and_at_once_when_cleared(line: Any) -> None:
    receptionist, phone = line

    async def digit(ws: web.WebSocketResponse, stream: str, pressed: str) -> None:
        if pressed == "1":
            await speak_into(ws, stream, HELLO * 20, mark="long")
            await ws.send_json({"event": "mark", "streamSid": stream, "mark": {"name": "longer"}})
        else:
            await ws.send_json({"event": "clear", "streamSid": stream})
            await speak_into(ws, stream, b"", mark="after")

    receptionist.greeting = SHORT
    receptionist.on_digit = digit
    report: CallReport = await phone({"dtmf": "1"}, {"dtmf": "2"}, {"silence": 0.1}, {"hang_up": True})

    assert report.marks == ("long", "longer", "after")
    assert (report.clears, report.dtmf) == (1, "12")
    assert [event["mark"]["name"] for event in receptionist.events("mark")] == ["long", "longer", "after"]
    assert len(report.agent_audio) < len(HELLO) * 2


async def test_barging_in_is_measured_to_the_clear(line: Any) -> None:
    receptionist, phone = line

    async def interrupted(ws: web.WebSocketResponse, stream: str) -> None:
        await ws.send_json({"event": "clear", "streamSid": stream})

    receptionist.greeting = HELLO * 20
    receptionist.on_voice = interrupted
    report: CallReport = await phone({"barge_in": {"say": "Wait!", "after_ms": 100}}, {"hang_up": True})

    (exchange,) = report.exchanges
    assert exchange.barge_in_clear_ms is not None
    assert exchange.barge_in_clear_ms < 150
    assert exchange.dropped_ms == pytest.approx(len(HELLO) * 20 / 8 - 120, abs=100)
    assert exchange.voice_to_voice_ms is None


async def test_a_recording_is_played_to_the_millisecond(line: Any, tmp_path: Path) -> None:
    _, phone = line
    clip = tmp_path / "clip.ulaw"
    clip.write_bytes(HELLO + b"\xff" * 83)
    report: CallReport = await phone({"play": str(clip), "says": "Hello."}, {"hang_up": True})

    assert report.caller_audio_ms == pytest.approx((len(HELLO) + 83) / 8)
    assert report.exchanges[0].said == "Hello."


async def test_a_noise_is_no_utterance(line: Any) -> None:
    receptionist, phone = line
    report: CallReport = await phone({"noise": {"kind": "cough", "ms": 60}}, {"hang_up": True})
    assert report.exchanges == ()
    assert report.caller_audio_ms == 0
    assert any(base64.b64decode(e["media"]["payload"]) != silence(20) for e in receptionist.events("media"))


async def test_the_server_can_hang_up_through_rest(line: Any, stage: Stage) -> None:
    receptionist, phone = line

    async def hang_up(_: web.WebSocketResponse, __: str, ___: str) -> None:
        (sid,) = stage.twilio.calls
        account = stage.twilio.account_sid
        url = f"{stage.twilio.base_url}/2010-04-01/Accounts/{account}/Calls/{sid}.json"
        headers = {"Authorization": aiohttp.encode_basic_auth(account, stage.twilio.auth_token)}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data={"Status": "completed"}, headers=headers) as answer,
        ):
            assert answer.status == 200

    receptionist.on_digit = hang_up
    report: CallReport = await phone({"dtmf": "1"}, {"silence": 5})

    assert report.end == "hung_up_by_server"
    assert receptionist.wire[-1]["event"] == "stop"
    assert len(report.twiml) == 1


async def test_after_the_server_closes_the_twiml_goes_on(line: Any) -> None:
    receptionist, phone = line

    async def close(ws: web.WebSocketResponse, _: str, __: str) -> None:
        await ws.close(code=1011)

    receptionist.on_digit = close
    receptionist.after = [STREAM, "<Response><Say>Sorry.</Say><Hangup/></Response>"]
    report: CallReport = await phone({"dtmf": "1"}, {"silence": 0.1}, {"dtmf": "2"}, {"silence": 5})

    assert report.end == "hung_up_by_server"
    assert report.close_code == 1011
    assert len(report.twiml) == 3
    assert report.dtmf == "12"
    assert [path for path, _ in receptionist.forms] == [
        "/voice", "/voice/after", "/voice/after", "/voice/status",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("twiml", "end"),
    [
        ("<Response><Say>Wrong number.</Say><Hangup/></Response>", "refused"),
        ("<Response><Dial>+18085550100</Dial></Response>", "dialled"),
        ("<Response><Record/></Response>", "recorded"),
        ("<Response/>", "refused"),
    ],
)
async def test_a_call_may_end_without_a_stream(line: Any, twiml: str, end: str) -> None:
    receptionist, phone = line
    receptionist.voice = twiml
    report: CallReport = await phone({"say": "Hello."})
    assert (report.end, report.greeting_ms, report.error) == (end, None, None)


async def test_a_person_who_does_not_come_is_told_of_at_the_action(line: Any) -> None:
    receptionist, phone = line
    receptionist.voice = '<Response><Say>One moment.</Say><Dial action="/voice/after">+18085550100</Dial></Response>'
    receptionist.after = [
        '<Response><Dial action="/voice/after">+18085550101</Dial></Response>',
        "<Response><Say>Goodbye.</Say><Hangup/></Response>",
    ]
    report: CallReport = await phone(dials=["no-answer", "completed"])
    assert [(at.number, at.status) for at in report.dialled] == [
        ("+18085550100", "no-answer"),
        ("+18085550101", "completed"),
    ]
    assert (report.end, report.said) == ("dialled", ("One moment.", "Goodbye."))
    forms = [form for path, form in receptionist.forms if path == "/voice/after"]
    assert [(form["DialCallStatus"], form["DialBridged"]) for form in forms] == [
        ("no-answer", "false"),
        ("completed", "true"),
    ]
    assert all(form["DialCallSid"].startswith("CA") for form in forms)


async def test_what_is_said_after_the_beep_is_recorded_and_told_of_twice(line: Any, stage: Stage) -> None:
    receptionist, phone = line
    receptionist.voice = (
        '<Response><Record action="/voice/after" finishOnKey="#" maxLength="60"'
        ' recordingStatusCallback="/voice/stored"/><Say>Nothing.</Say></Response>'
    )
    receptionist.after = ["<Response><Say>Thank you.</Say></Response>"]
    report: CallReport = await phone(message="Please call me back.")
    (sid,) = report.recordings
    assert (report.end, report.said) == ("recorded", ("Thank you.",))
    done, stored = (form for path, form in receptionist.forms if path in ("/voice/after", "/voice/stored"))
    assert (done["RecordingSid"], done["Digits"], done["From"]) == (sid, "#", "+12025550143")
    assert done["RecordingUrl"].endswith(sid)
    assert int(done["RecordingDuration"]) == round(len(stage.twilio.recordings[sid]) / 8000)
    assert (stored["RecordingSid"], stored["RecordingStatus"]) == (sid, "completed")
    assert "From" not in stored


async def test_of_silence_nothing_is_recorded(line: Any) -> None:
    receptionist, phone = line
    receptionist.voice = '<Response><Record action="/voice/after"/><Say>Nothing.</Say><Hangup/></Response>'
    report: CallReport = await phone()
    assert (report.recordings, report.said) == ((), ("Nothing.",))


async def test_an_update_ends_a_pause_and_goes_on_elsewhere(line: Any, stage: Stage) -> None:
    receptionist, phone = line
    receptionist.voice = '<Response><Pause length="60"/><Say>Never.</Say></Response>'
    receptionist.after = ["<Response><Say>Here.</Say><Hangup/></Response>"]
    calling = asyncio.create_task(phone())
    while not stage.twilio.calls or not receptionist.forms:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    (call,) = stage.twilio.calls.values()
    assert call.on_update is not None
    call.on_update({"Url": "/voice/after"})
    report: CallReport = await asyncio.wait_for(calling, 5)
    assert report.said == ("Here.",)


@pytest.mark.parametrize("signing", ["wrong", "none"])
async def test_a_caller_may_sign_badly(line: Any, signing: Signing) -> None:
    receptionist, phone = line
    report: CallReport = await phone(signing=signing)
    assert (report.end, report.error) == ("refused", "/voice answered 403")
    assert receptionist.forms == []


async def test_an_agent_that_says_nothing_is_a_failed_call(line: Any) -> None:
    receptionist, phone = line
    receptionist.greeting = b""
    report: CallReport = await phone({"say": "Hello?"}, patience_s=0.1)
    assert report.end == "failed"
    assert report.error == "the agent was not heard within 0.1 s"


async def test_twiml_that_is_none_is_a_failed_call(line: Any) -> None:
    receptionist, phone = line
    receptionist.voice = "oops"
    report: CallReport = await phone()
    assert report.end == "failed"
    assert "TwimlError" in (report.error or "")


async def test_the_socket_can_be_misused(stage: Stage) -> None:
    async with answering(stage) as (receptionist, url), stage.caller(url) as caller:
        async with await caller.open_media(call_sid="CA9") as socket:
            await socket.send_raw('{"event": "odd"}')
            await socket.send_start({"ticket": "forged"}, call_sid="CA1")
            first = await anext(aiter(socket.messages()))
        answer = await caller.post("/voice", caller.form("CA9", to="+1", caller="anonymous"), signing="wrong")

    assert first["event"] == "media"
    assert receptionist.wire[0] == {"event": "odd"}
    assert receptionist.events("start")[0]["start"]["callSid"] == "CA1"
    assert answer.status == 403


async def test_nothing_is_left_behind(stage: Stage) -> None:
    before = asyncio.all_tasks()
    async with answering(stage) as (_, url), stage.caller(url) as caller:
        scenario = parse_scenario({"name": "t", "to": "+18084826296", "steps": [{"hang_up": True}]})
        reports = await asyncio.gather(*(caller.call(scenario) for _ in range(5)))
    assert {report.end for report in reports} == {"hung_up_by_caller"}
    assert len({report.call_sid for report in reports}) == 5
    assert asyncio.all_tasks() <= before


def test_the_earpiece_plays_out_in_order_and_forgets_what_is_cleared() -> None:
    ear = Earpiece()
    voiced = frames(HELLO)[2]
    ear.hear(voiced * 10, now=1.0)
    assert ear.buffered(1.05) == pytest.approx(0.15)
    assert ear.clear(1.05) == pytest.approx(150)
    assert len(ear.played) == 400
    assert ear.voice_ended() == pytest.approx(1.05)
    ear.hear(voiced, now=1.06)
    ear.hear(voiced, now=1.2)
    assert ear.underruns_ms == pytest.approx([10, 120])
    assert ear.voice_began(1.07) == pytest.approx(1.2)


def test_twiml_is_read_as_twilio_would() -> None:
    stream, redirect = parse_twiml(STREAM)
    assert (stream.name, stream.parameters) == ("Stream", {"location_id": "7"})
    assert (redirect.name, redirect.text) == ("Redirect", "/voice/after")
    for bad in ("", "<Reply/>", "<Response><Connect/></Response>"):
        with pytest.raises(TwimlError):
            parse_twiml(bad)
