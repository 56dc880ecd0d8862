"""What is kept of a call, what is not, and for how long: on real sockets, and with a process that is killed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from _ops_client import Operator
from loguru import logger

from agent.emulators.scenario import parse_scenario
from agent.emulators.stage import open_stage
from agent.events import CallEnded, TurnHeard, TurnSpoken
from agent.knowledge.registry import location_key
from agent.recording.reel import read_tape
from agent.recording.sound import stereo_wav
from agent.stores.embedded import EmbeddedStore
from tests.calls.conftest import brief
from tests.house import COPPER_LANE, PLUMERIA, House, open_house
from tests.servers import free_port, running_server, url_of

ROOT = Path(__file__).parents[2]
RECORDING = brief(PLUMERIA).model_copy(update={"records_calls": True})
CARD = "4242424242424242"
AS_WORDS = "four two four two, four two four two, four two four two, four two four two"
IN_FIGURES = "4242 4242 4242 4242"


def scenario(*steps: dict[str, Any], name: str = "recorded", to: str = PLUMERIA.phone_number):
    return parse_scenario({"name": name, "to": to, "caller": "+18085550177", "steps": list(steps)})


@dataclass
class Everything:
    """All that a call with a card number left behind, as bytes by where it lay."""

    places: dict[str, bytes] = field(default_factory=dict[str, bytes])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def left_behind() -> AsyncGenerator[tuple[House, Everything]]:
    """A call in which a card number is said in words, in figures, and keyed in."""
    log: list[str] = []
    sink = logger.add(lambda line: log.append(str(line)), level="TRACE")
    everything = Everything()
    async with open_house(shops=(RECORDING, brief(COPPER_LANE))) as house:
        ops_url = house.url.replace("http", "ws") + "/ops"
        async with Operator(ops_url, house.settings.operator_token.get_secret_value()) as operator:
            report = await house.call(
                scenario(
                    {"say": f"My card number is {AS_WORDS}."},
                    {"say": f"I will say it again: {IN_FIGURES}."},
                    {"dtmf": CARD + "#"},
                    {"say": "And how much is a blowout?"},
                    {"wait": "agent_done"},
                    {"hang_up": True},
                )
            )
            await house.event(CallEnded, 10, call_sid=report.call_sid)
            await operator.call_over(report.call_sid, 5)
            everything.places["/ops"] = repr(operator.finals[report.call_sid]).encode()
        await asyncio.sleep(0.6)
        everything.places["requests"] = json.dumps(list(house.stage.openai.requests)).encode()
        everything.places["log"] = "".join(log).encode()
        everything.places["events"] = "".join(event.model_dump_json() for event in house.events).encode()
        for path in house.settings.database_path.parent.rglob("*"):
            if path.is_file() and path.suffix != ".pcm" and path.suffix != ".ulaw":
                everything.places[path.name] = path.read_bytes()
        yield house, everything
    logger.remove(sink)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.virtual_clock
async def test_a_card_number_is_nowhere(left_behind: tuple[House, Everything]) -> None:
    house, everything = left_behind
    heard = [event.text for event in house.told(TurnHeard) if event.final]
    assert sum("[card number]" in text for text in heard) == 3, heard
    assert any("blowout" in text for text in heard)
    assert {"requests", "log", "/ops", "events", "wire.jsonl", "events.jsonl", "blobs.jsonl", "manifest.json"} <= set(
        everything.places
    )
    for place, data in everything.places.items():
        text = data.decode("utf-8", "replace")
        digits = "".join(letter for letter in text if letter.isdigit() or not letter.isspace())
        assert CARD not in digits, place
        assert "four two four two" not in text.replace(",", ""), place


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.virtual_clock
async def test_its_sound_is_made_unintelligible_and_the_rest_is_not(left_behind: tuple[House, Everything]) -> None:
    house, _ = left_behind
    path = next(house.settings.tapes_path.glob("1/*"))
    reel = read_tape(path)
    said = next(event for event in reel.events if isinstance(event, TurnHeard) and "card" in event.text and event.final)
    until = (said.at - reel.manifest.began_at).total_seconds()
    spoken = [s.ulaw for s in reel.caller if until - 3 < s.at < until - 1]
    assert len(set(spoken)) <= 2, "nothing but a buzz, and silence where there was silence"
    blowout = next(event for event in reel.events if isinstance(event, TurnHeard) and "blowout" in event.text)
    since = (blowout.at - reel.manifest.began_at).total_seconds()
    assert len({s.ulaw for s in reel.caller if since - 0.5 < s.at < since + 0.5}) > 10
    wav = stereo_wav(reel)
    assert wav[:4] == b"RIFF"
    assert abs((len(wav) - 44) / 32000 - reel.until) < 0.01


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.virtual_clock
async def test_the_greeting_says_that_the_call_is_recorded(left_behind: tuple[House, Everything]) -> None:
    house, _ = left_behind
    greeting = next(event for event in house.told(TurnSpoken) if event.turn == 0)
    assert "This call is recorded." in greeting.text


@pytest.mark.virtual_clock
async def test_a_shop_that_does_not_want_it_is_not_recorded() -> None:
    async with open_house(shops=(brief(PLUMERIA),)) as house:
        report = await house.call(scenario({"say": "How much is a blowout?"}, {"wait": "agent_done"}))
        await house.event(CallEnded, 10, call_sid=report.call_sid)
        assert "recorded" not in house.told(TurnSpoken)[0].text
        assert not house.settings.tapes_path.exists()


@pytest.mark.virtual_clock
async def test_who_wants_to_be_forgotten_is() -> None:
    async with open_house(shops=(RECORDING,)) as house:
        for _ in range(2):
            report = await house.call(scenario({"wait": "agent_done"}, {"hang_up": True}))
            await house.event(CallEnded, 10, call_sid=report.call_sid)
        await asyncio.sleep(0.6)
        shelf = house.services.recorder.shelf
        assert shelf.find(1, report.call_sid) is not None
        assert shelf.forget_caller(1, "+18085550178") == 0
        assert shelf.forget_caller(1, "+18085550177") == 2
        assert shelf.find(1, report.call_sid) is None


async def test_a_killed_process_leaves_all_but_the_last_second(tmp_path: Path) -> None:
    """On the machine's clock: the server is a process of its own, and dies in the middle of an answer."""
    call = scenario(
        {"say": "How much is a balayage?"},
        {"say": "And how long does it take, and who does it?"},
        {"silence": 30},
    )
    async with open_stage(scenarios=[call]) as stage:
        settings = stage.settings(port=free_port(), tapes_path=tmp_path / "tapes")
        async with EmbeddedStore.open(settings.database_path) as store:
            await store.store_knowledge(location_key(1), RECORDING)
        async with running_server(settings) as server, stage.caller(url_of(settings)) as caller:
            calling = asyncio.create_task(caller.call(call))
            await asyncio.sleep(9.0)
            server.kill()
            await server.wait()
            report = await asyncio.wait_for(calling, 30)
        tape = next((tmp_path / "tapes" / "1").iterdir())
        reel = read_tape(tape)
    assert not reel.is_sealed
    assert report.started_at is not None
    sent_s = max(sound.at for sound in reel.caller)
    lived_s = report.received[-1][0]
    assert reel.until > lived_s - 1.0, (reel.until, lived_s)
    assert sent_s > lived_s - 1.0
    assert any(isinstance(event, TurnHeard) and event.final for event in reel.events)
    command = [sys.executable, str(ROOT / "scripts" / "replay_call.py"), str(tape)]
    replayed = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
    )
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "tape_unsealed" in replayed.stderr
