"""The phone network behind a call: Twilio's own voice, people who are rung, the tape after the beep."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.emulators.audio import duration_ms
from agent.emulators.report import Dialled, End
from agent.emulators.scenario import Scenario
from agent.emulators.twiml import Verb

if TYPE_CHECKING:
    from agent.emulators.caller import Caller

_RECORDINGS = "https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{sid}"


@dataclass(frozen=True)
class Next:
    """Where Twilio asks for the next document, and with which fields besides the usual ones."""

    url: str
    form: dict[str, str] = field(default_factory=dict[str, str])


class Network:
    """Does what `<Say>`, `<Dial>` and `<Record>` ask for. `end` is how the call has ended, once it has."""

    def __init__(self, caller: Caller, scenario: Scenario) -> None:
        self._caller, self._scenario = caller, scenario
        self.said: list[str] = []
        self.dialled: list[Dialled] = []
        self.recordings: list[str] = []
        self.stored: list[Next] = []
        """What is told once recordings are stored, which takes Twilio until after the call."""
        self.end: End | None = None
        self.spoke_at: float | None = None
        """When this side of the network was first heard, by the event loop's clock."""

    async def act(self, verb: Verb) -> Next | None:
        """Do one verb; returns where to go on, or None for the verb after it."""
        if self.spoke_at is None:
            self.spoke_at = asyncio.get_running_loop().time()
        if verb.name == "Say":
            self.said.append(verb.text)
            return None
        return await (self._dial(verb) if verb.name == "Dial" else self._record(verb))

    async def _dial(self, verb: Verb) -> Next | None:
        """Ring a person; how that went is told to `action`."""
        status = self._scenario.dials[len(self.dialled)] if len(self.dialled) < len(self._scenario.dials) else None
        if status not in (None, "completed"):
            await asyncio.sleep(min(self._scenario.ring_s, float(verb.attributes.get("timeout", "30"))))
        self.dialled.append(Dialled(verb.text, status or "completed"))
        if status in (None, "completed"):
            self.end = "dialled"
        if "action" not in verb.attributes:
            return None
        form = {"DialCallSid": "CA" + uuid.uuid4().hex, "DialCallStatus": status or "completed"}
        if self.end == "dialled":
            form |= {"DialBridged": "true", "DialCallDuration": "42"}
        else:
            form |= {"DialBridged": "false"}
        return Next(verb.attributes["action"], form)

    async def _record(self, verb: Verb) -> Next | None:
        """Record the caller. Of silence Twilio keeps nothing and goes on to the next verb."""
        self.end = "recorded"
        message = self._scenario.message
        if message is None:
            self.end = "recorded" if "action" not in verb.attributes else None
            return None
        spoken = (await asyncio.to_thread(self._caller.phrasebook.register_speech, message)).ulaw
        sid = "RE" + uuid.uuid4().hex
        self._caller.rest.recordings[sid] = spoken
        self.recordings.append(sid)
        seconds = min(round(duration_ms(spoken) / 1000), int(verb.attributes.get("maxLength", "3600")))
        form = {
            "RecordingSid": sid,
            "RecordingUrl": _RECORDINGS.format(account=self._caller.rest.account_sid, sid=sid),
            "RecordingDuration": str(seconds),
        }
        if "recordingStatusCallback" in verb.attributes:
            status = {"RecordingStatus": "completed", "RecordingChannels": "1", "RecordingSource": "RecordVerb"}
            self.stored.append(Next(verb.attributes["recordingStatusCallback"], {**form, **status, "ErrorCode": "0"}))
        if self._scenario.hangs_up_recording:
            self.end = "hung_up_by_caller"
        key = "hangup" if self._scenario.hangs_up_recording else verb.attributes.get("finishOnKey", "#")[:1]
        return Next(verb.attributes.get("action", "/voice"), {**form, "Digits": key})
