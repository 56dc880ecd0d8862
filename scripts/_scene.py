"""Scenes and scenarios, checked to the last voice and recording before anything is started."""

from __future__ import annotations

from pathlib import Path

from agent.emulators.audio import load_wav
from agent.emulators.scenario import BargeIn, Interruption, Play, Say, Scenario, ScenarioError, load_scenario
from agent.emulators.voice import speak


def read_scenario(path: Path) -> Scenario:
    """A scenario whose voices and recordings are there too. Raises ScenarioError, VoiceUnavailable."""
    scenario = load_scenario(path)
    problems: list[str] = []
    for index, step in enumerate(scenario.steps):
        try:
            match step:
                case Say(say=words, voice=voice) | BargeIn(barge_in=Interruption(say=words, voice=voice)):
                    speak(words, voice=voice)
                case Play():
                    load_wav(step.play)
                case _:
                    pass
        except ValueError as why:
            problems.append(f"steps[{index}]: {why}")
    if problems:
        raise ScenarioError(str(path), problems)
    return scenario
