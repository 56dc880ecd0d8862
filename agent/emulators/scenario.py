"""A phone call as a timeline: what the caller does when, what the model answers, how fast vendors are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
)

from agent.emulators.faults import Fault
from agent.emulators.latencies import Latencies
from agent.emulators.mind import Rule
from agent.emulators.voice import CALLER_VOICE
from agent.model import PhoneNumber

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class ScenarioError(ValueError):
    """A scenario file was refused; `problems` holds one `path: what is wrong` line each."""

    def __init__(self, source: str, problems: list[str]) -> None:
        super().__init__(f"{source}: " + "; ".join(problems))
        self.problems = problems


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Say(_Frozen):
    """The caller waits until the agent has finished, then says this. Pauses inside are kept short, so that an
    utterance is one turn; a longer `max_pause_ms` lets the caller hesitate between sentences."""

    say: Words
    max_pause_ms: int = Field(default=120, ge=0)
    voice: str = CALLER_VOICE


class Play(_Frozen):
    """Like `say`, with a recording: a path (relative to the scenario file) and the words in it, if known."""

    play: Path
    says: str | None = None


class Wait(_Frozen):
    """Wait for the agent to speak, for it to have finished, or for some seconds."""

    wait: Literal["agent_done", "agent_speaking"] | Annotated[float, Field(ge=0)]
    timeout_s: Annotated[float, Field(gt=0)] | None = None


class Interruption(_Frozen):
    """What is said, and how long after the agent began to be heard: so many ms, or as its Nth word begins."""

    say: Words
    after_ms: float = Field(default=500, ge=0)
    at_word: int | None = Field(default=None, ge=1)
    """Of what the emulated voice is saying then; whose words a real vendor speaks, no caller can count."""
    voice: str = CALLER_VOICE


class BargeIn(_Frozen):
    """Talk over the agent."""

    barge_in: Interruption


class Silence(_Frozen):
    """Say nothing for some seconds, whatever the agent does."""

    silence: float = Field(ge=0)


class NoiseBurst(_Frozen):
    """A sound that is no speech: a cough is as loud as a voice, line noise is not."""

    kind: Literal["cough", "line"] = "cough"
    ms: int = Field(default=300, gt=0)


class Noise(_Frozen):
    """Make a noise at once."""

    noise: NoiseBurst


class Dtmf(_Frozen):
    """Press keys, 100 ms apart."""

    dtmf: Annotated[str, StringConstraints(pattern=r"^[0-9*#A-D]+$")]


class HangUp(_Frozen):
    """Put the phone down. Without it the caller waits for the last answer, then hangs up."""

    hang_up: Literal[True]


_KINDS = ("say", "play", "wait", "barge_in", "silence", "noise", "dtmf", "hang_up")


def _kind(step: Any) -> str | None:
    """Which step a mapping is, by the one key that names it."""
    if isinstance(step, BaseModel):
        step = dict(step)
    keys = cast(dict[str, object], step) if isinstance(step, dict) else {}
    return next((kind for kind in _KINDS if kind in keys), None)


Step = Annotated[
    Annotated[Say, Tag("say")]
    | Annotated[Play, Tag("play")]
    | Annotated[Wait, Tag("wait")]
    | Annotated[BargeIn, Tag("barge_in")]
    | Annotated[Silence, Tag("silence")]
    | Annotated[Noise, Tag("noise")]
    | Annotated[Dtmf, Tag("dtmf")]
    | Annotated[HangUp, Tag("hang_up")],
    Discriminator(
        _kind,
        custom_error_type="unknown_step",
        custom_error_message="not a step; a step has one of " + ", ".join(_KINDS),
    ),
]


Picked = Literal["completed", "no-answer", "busy", "failed"]
"""How ringing a person ends, in Twilio's words of DialCallStatus; `completed`: they talked."""


class Scenario(_Frozen):
    """One call. `expect` is free-form, for whoever runs it."""

    name: Words
    to: PhoneNumber
    caller: str = "+12025550143"
    """E.164, or what carriers send for a withheld number."""
    steps: tuple[Step, ...] = ()
    rules: tuple[Rule, ...] = ()
    latencies: Latencies | None = None
    faults: tuple[Fault, ...] = ()
    expect: dict[str, Any] = Field(default_factory=dict[str, Any])
    agent_pause_ms: float = Field(default=600, ge=0)
    """Silence after which the caller takes the agent to have finished."""
    patience_s: float = Field(default=20, gt=0)
    """How long the caller waits for the agent before the call counts as failed."""
    dials: tuple[Picked, ...] = ()
    """How each `<Dial>` of the call ends, in order; further ones are picked up."""
    ring_s: float = Field(default=0.05, ge=0)
    """How long a person who does not come is rung; at most as long as the TwiML lets it ring."""
    message: Words | None = None
    """What the caller says after the beep of a `<Record>`; None: they say nothing, and it records nothing."""
    hangs_up_recording: bool = False
    """Whether they put the phone down then, instead of pressing the key and waiting for what is said."""


_SCENARIO: TypeAdapter[Scenario] = TypeAdapter(Scenario)


def parse_scenario(data: object, source: str = "scenario") -> Scenario:
    """Make a Scenario of parsed YAML or JSON. Raises ScenarioError with every problem."""
    try:
        return _SCENARIO.validate_python(data)
    except ValidationError as why:
        raise ScenarioError(source, [_problem(dict(error)) for error in why.errors()]) from why


def _problem(error: dict[str, Any]) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"] if part not in _TAGS)
    return f"{where.lstrip('.') or 'scenario'}: {error['msg']}"


_TAGS = frozenset({"constrained-float", "literal['agent_done','agent_speaking']"})


def load_scenario(path: Path | str) -> Scenario:
    """Read a scenario from a YAML file; recordings are found beside it. Raises ScenarioError."""
    path = Path(path)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as why:
        raise ScenarioError(str(path), [f"scenario: {why}"]) from why
    except yaml.YAMLError as why:
        raise ScenarioError(str(path), [f"scenario: not YAML: {' '.join(str(why).split())}"]) from why
    scenario = parse_scenario(data, str(path))
    steps = tuple(
        step.model_copy(update={"play": path.parent / step.play}) if isinstance(step, Play) else step
        for step in scenario.steps
    )
    return scenario.model_copy(update={"steps": steps})
