"""Scenario files: what they may say, and how they are refused."""

from pathlib import Path

import pytest

from agent.emulators.mind import Rule
from agent.emulators.scenario import (
    BargeIn,
    Dtmf,
    HangUp,
    Noise,
    Play,
    Say,
    ScenarioError,
    Silence,
    Wait,
    load_scenario,
    parse_scenario,
)
from agent.emulators.stage import open_stage

WHOLE = """
name: everything
to: "+1 808-482-6296"
caller: "+12025550143"
agent_pause_ms: 400
patience_s: 5
steps:
  - say: How much is a balayage?
  - {say: That works. My name is Anna., max_pause_ms: 300}
  - {play: clips/hello.wav, says: hello there}
  - wait: agent_speaking
  - wait: 0.5
  - barge_in: {after_ms: 250, say: Wait!}
  - silence: 2
  - noise: {kind: line, ms: 500}
  - dtmf: "12#"
  - hang_up: true
rules:
  - {when: balayage, say: It is dear., ttft_ms: 10}
  - {after_tool: book.*, say: Booked.}
latencies:
  deepgram: {flux_end_ms: 300}
  cartesia: {speed: 4}
faults:
  - {vendor: openai, kind: status, status: 429}
expect: {turns: 3}
"""


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "call.yaml").write_text(WHOLE)
    scenario = load_scenario(tmp_path / "call.yaml")

    kinds = [type(step) for step in scenario.steps]
    assert kinds == [Say, Say, Play, Wait, Wait, BargeIn, Silence, Noise, Dtmf, HangUp]
    assert scenario.to == "+18084826296"
    assert scenario.rules[1] == Rule(after_tool="book.*", say="Booked.")
    assert scenario.latencies is not None
    assert scenario.latencies.deepgram.flux_end_ms == 300
    assert scenario.latencies.openai.ttft_ms == 350
    assert scenario.faults[0].status == 429
    assert scenario.expect == {"turns": 3}
    play = scenario.steps[2]
    assert isinstance(play, Play)
    assert play.play == tmp_path / "clips" / "hello.wav"


def test_every_problem_is_listed_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "call.yaml").write_text(
        """
to: "12345"
stepps: []
steps:
  - shout: Hello
  - say: ""
  - {say: x, loud: true}
  - dtmf: abc
  - wait: for_ever
  - barge_in: {after_ms: -1}
  - just text
rules:
  - {say: x}
latencies: {openai: {tokens_per_s: 0}}
faults: [{vendor: acme, kind: status}]
"""
    )
    with pytest.raises(ScenarioError) as refused:
        load_scenario(tmp_path / "call.yaml")

    problems = "\n".join(refused.value.problems)
    for where in (
        "name: Field required",
        "to: ",
        "stepps: Extra inputs",
        "steps[0]: not a step",
        "steps[1].say.say: ",
        "steps[2].say.loud: Extra inputs",
        "steps[3].dtmf.dtmf: ",
        "steps[4].wait.wait: ",
        "steps[5].barge_in.barge_in.say: Field required",
        "steps[5].barge_in.barge_in.after_ms: ",
        "steps[6]: not a step",
        "rules[0]: ",
        "latencies.openai.tokens_per_s: ",
        "faults[0].vendor: ",
    ):
        assert where in problems
    assert str(tmp_path / "call.yaml") in str(refused.value)


@pytest.mark.parametrize(
    ("text", "why"), [("steps: [", "not YAML"), ("- a\n- b", "valid dictionary"), (None, "No such file")]
)
def test_what_is_no_scenario_is_refused(tmp_path: Path, text: str | None, why: str) -> None:
    path = tmp_path / "call.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ScenarioError, match=why):
        load_scenario(path)


async def test_a_stage_takes_over_what_a_scenario_asks_for() -> None:
    scenario = parse_scenario(
        {
            "name": "quick",
            "to": "+18084826296",
            "steps": [{"say": "Hello."}, {"barge_in": {"say": "Wait!"}}, {"noise": {}}],
            "rules": [{"when": "hello", "say": "Hi."}],
            "latencies": {"openai": {"ttft_ms": 1}},
            "faults": [{"vendor": "cartesia", "kind": "drop"}],
        }
    )
    async with open_stage(scenarios=[scenario, scenario]) as stage:
        assert stage.openai.latencies.ttft_ms == 1
        assert stage.openai.rules == list(scenario.rules)
        hello = stage.phrasebook.register_speech("Hello.")
        assert stage.phrasebook.lookup(hello.ulaw[:160])
