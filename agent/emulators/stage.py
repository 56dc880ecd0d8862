"""The whole outside world on loopback: `async with open_stage() as stage` starts every vendor."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from agent.emulators.caller import Caller
from agent.emulators.cartesia import Cartesia
from agent.emulators.deepgram import Deepgram
from agent.emulators.faults import Fault, Moment
from agent.emulators.latencies import Latencies
from agent.emulators.openai import OpenAI
from agent.emulators.phrasebook import Phrasebook
from agent.emulators.scenario import BargeIn, Noise, Play, Say, Scenario
from agent.emulators.twilio import TwilioRest
from agent.emulators.vendor import Vendor
from agent.emulators.voice import speak
from agent.settings import Settings

PUBLIC_URL = "https://chairside.test"
"""What the emulated Twilio signs for; the caller finds the server behind it on loopback."""


@dataclass(frozen=True)
class Stage:
    """The running vendors, and the settings that lead to them."""

    phrasebook: Phrasebook
    deepgram: Deepgram
    openai: OpenAI
    cartesia: Cartesia
    twilio: TwilioRest
    database_path: Path
    watchers: list[Callable[[Moment], None]] = field(default_factory=list[Callable[[Moment], None]])
    """Told when a call comes to one of its moments."""
    _pending: list[Fault] = field(default_factory=list[Fault])

    def settings(self, **overrides: Any) -> Settings:
        """Settings of a server on this stage; the environment is read for what is neither ours nor given."""
        ours: dict[str, Any] = {
            "public_url": PUBLIC_URL,
            "port": 0,
            "secret_key": SecretStr(secrets.token_hex(32)),
            "operator_token": SecretStr(secrets.token_hex(16)),
            "deepgram_api_key": SecretStr(self.deepgram.key),
            "openai_api_key": SecretStr(self.openai.key),
            "cartesia_api_key": SecretStr(self.cartesia.key),
            "twilio_account_sid": self.twilio.account_sid,
            "twilio_auth_token": SecretStr(self.twilio.auth_token),
            "deepgram_base_url": self.deepgram.base_url,
            "openai_base_url": self.openai.base_url,
            "cartesia_base_url": self.cartesia.base_url,
            "twilio_base_url": self.twilio.base_url,
            "supabase_url": "",
            "database_path": self.database_path,
            "tapes_path": self.database_path.with_name("tapes"),
            "max_per_caller_per_minute": 100_000,  # the same few people ring all day
            "max_refusals_per_minute": 100_000,
            # Vendors and callers run on the same loop, and on a machine with other work.
            "max_loop_late_ms": 10_000,
            "max_loop_busy": 10,
        }
        return Settings(**{**ours, **overrides})

    def caller(self, server_url: str, *, public_url: str = PUBLIC_URL) -> Caller:
        """Those who phone the server at `server_url`, which calls itself `public_url`."""
        return Caller(
            server_url=server_url,
            public_url=public_url,
            rest=self.twilio,
            phrasebook=self.phrasebook,
            renderings=self.cartesia.renderings,
            reached=self.reached,
        )

    def order(self, *faults: Fault) -> None:
        """Order failures from the vendors they name: now, or when the next call reaches their moment."""
        vendors: dict[str, Vendor] = {v.name: v for v in self.vendors}
        for fault in faults:
            if fault.at is None:
                vendors[fault.vendor].order(fault)
            else:
                self._pending.append(fault)

    def reached(self, moment: Moment) -> None:
        """A call has come to a moment: what was ordered for it happens now."""
        for watcher in self.watchers:
            watcher(moment)
        due = [fault for fault in self._pending if fault.at == moment]
        self._pending[:] = [fault for fault in self._pending if fault.at != moment]
        self.order(*(fault.model_copy(update={"at": None}) for fault in due))

    @property
    def vendors(self) -> tuple[Vendor, ...]:
        return (self.deepgram, self.openai, self.cartesia, self.twilio)

    def prepare(self, scenario: Scenario) -> None:
        """Learn a scenario's utterances, rules and faults. May take seconds for a recording without words."""
        for step in scenario.steps:
            if isinstance(step, Say):
                self.phrasebook.register_speech(step.say, voice=step.voice, max_pause_ms=step.max_pause_ms)
            elif isinstance(step, BargeIn):
                self.phrasebook.register_speech(step.barge_in.say, voice=step.barge_in.voice)
            elif isinstance(step, Play):
                self.phrasebook.register_file(step.play, step.says)
            elif isinstance(step, Noise):
                continue  # registered as it is made
        self.openai.rules += [rule for rule in scenario.rules if rule not in self.openai.rules]
        self.order(*scenario.faults)


@asynccontextmanager
async def open_stage(
    *,
    scenarios: Sequence[Scenario] = (),
    latencies: Latencies | None = None,
    database_path: Path | None = None,
) -> AsyncGenerator[Stage, None]:
    """Start every vendor on a free port of 127.0.0.1 and stop them at the end.

    `latencies` default to those of the first scenario that has some, then to the usual ones. Rules of all
    scenarios apply to every call. Raises VoiceUnavailable without the extra `emulators`.
    """
    speeds = latencies or next((s.latencies for s in scenarios if s.latencies), Latencies())
    speak("Hello.")  # the first word is slow: say it before anybody measures
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="chairside-stage-"))
        book = Phrasebook()
        stage = Stage(
            phrasebook=book,
            deepgram=Deepgram(book, secrets.token_hex(20), speeds.deepgram),
            openai=OpenAI(f"sk-emulated-{secrets.token_hex(12)}", speeds.openai),
            cartesia=Cartesia(f"sk_car_{secrets.token_hex(12)}", speeds.cartesia),
            twilio=TwilioRest("AC" + secrets.token_hex(16), secrets.token_hex(16)),
            database_path=database_path or Path(folder) / "chairside.db",
        )
        stage.openai.on_tool = lambda: stage.reached("tool")
        for vendor in stage.vendors:
            await stack.enter_async_context(vendor)
        for scenario in scenarios:
            stage.prepare(scenario)
        yield stage
