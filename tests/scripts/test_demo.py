"""The demo as a newcomer runs it, with scenes of few words: it plays in real time."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.emulators.scenario import load_scenario
from agent.knowledge.shop_file import read_shop_file

Start = Callable[..., subprocess.Popen[str]]

SCENES = Path(__file__).parents[2] / "scripts" / "scenes"
SAMPLES = SCENES.parent / "samples"
FOLDERS = {1: "plumeria-hair-honolulu", 2: "copper-lane-london"}
PRICES = {1: "180 USD", 2: "145 GBP"}
NUMBERS = {1: "+18084826296", 2: "+442079460123"}
SCENE = """
name: at location {location}
to: "{number}"
agent_pause_ms: 300
steps:
  - barge_in: {{say: "How much is a balayage?", after_ms: 300}}
  - say: Okay, thanks.
  - barge_in: {{say: "That is all, goodbye.", after_ms: 600}}
  - silence: 10
"""
GONE = f"""
name: gone
to: "{NUMBERS[1]}"
steps: [{{hang_up: true}}]
expect:
  outcome: booked
  row: {{service: Balayage, staff: Ana Kahale, at: "fri 10:00", name: Sam Reed, state: booked}}
"""
BOOKS = """
name: {service} for {name}
to: "{number}"
caller: "{caller}"
agent_pause_ms: 300
steps:
  - barge_in: {{say: "I'd like a {service} with Ana on Friday at {time}.", after_ms: 300}}
  - say: Yes please. My name is {name}.
  - barge_in: {{say: "That is all, goodbye.", after_ms: 600}}
  - silence: 10
expect:
  act: 1
  outcome: booked
  row: {{service: {row}, staff: Ana Kahale, at: "fri {at}", name: {name}, state: booked}}
  inside: {inside}
"""
COLOUR = BOOKS.format(
    service="root touch-up", name="Nora Quinn", number=NUMBERS[1], caller="+18085550111", time="ten",
    row="Root Touch-Up", at="10:00", inside='""',
)  # fmt: skip
GLOSS = BOOKS.format(
    service="gloss treatment", name="Casey Wong", number=NUMBERS[1], caller="+18085550122", time="half past ten",
    row="Gloss Treatment", at="10:30", inside="root touch-up for Nora Quinn",
)  # fmt: skip
ODD = f"""
name: odd
to: "{NUMBERS[1]}"
steps: [{{say: hello, voice: nobody}}]
"""
WAIT_S = 90


def folder(path: Path, *scenes: str) -> Path:
    path.mkdir()
    for number, scene in enumerate(scenes):
        (path / f"{number}.yaml").write_text(scene)
    return path


@dataclass(frozen=True)
class Demos:
    """All demos of this file. They begin together, because they play in real time."""

    two_callers: subprocess.Popen[str]
    out: Path
    interrupted: subprocess.Popen[str]
    gone: subprocess.Popen[str]
    odd: subprocess.Popen[str]
    books: subprocess.Popen[str]


@pytest.fixture(scope="module")
def demos(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Demos:
    here = tmp_path_factory.mktemp("demos")
    two = folder(here / "two", *(SCENE.format(location=at, number=number) for at, number in NUMBERS.items()))
    gone, odd = folder(here / "gone", GONE), folder(here / "odd", ODD)
    out = here / "out.json"
    return Demos(
        two_callers=start("demo.py", "--calls", "2", "--exit", "--json", out, "--scenes", two),
        out=out,
        interrupted=start("demo.py", "--json", "--scenes", two),
        gone=start("demo.py", "--calls", "1", "--exit", "--json", "--scenes", gone),
        odd=start("demo.py", "--scenes", odd),
        books=start("demo.py", "--exit", "--json", "--scenes", folder(here / "books", COLOUR, GLOSS)),
    )


def test_ctrl_c_ends_it_in_good_order_with_nothing_but_json_on_standard_output(demos: Demos):
    demo = demos.interrupted
    assert demo.stderr is not None
    while "is on the line" not in (line := demo.stderr.readline()):
        assert line, "the demo ended before anybody rang"
    demo.send_signal(signal.SIGINT)
    book, shown = demo.communicate(timeout=WAIT_S)
    assert demo.returncode == 0
    told = json.loads(book)
    assert (told["calls"], [shop["version"] for shop in told["shops"]]) == ([], [1, 1])
    assert "Traceback" not in shown


def test_two_callers_ask_the_same_and_each_hears_the_price_of_its_own_shop(demos: Demos):
    shown, complaints = demos.two_callers.communicate(timeout=WAIT_S)
    assert (demos.two_callers.returncode, complaints) == (0, "")
    assert shown.splitlines()[0].endswith("are emulated on this machine: no keys, no phone.")
    assert "ws://127.0.0.1:" in shown
    assert "Authorization: Bearer " in shown

    calls = {call["location_id"]: call for call in json.loads(demos.out.read_text())["calls"]}
    assert calls.keys() == PRICES.keys()
    for location, call in calls.items():
        turns = call["turns"]
        heard = [turn["heard"] for turn in turns]
        assert heard == ["How much is a balayage?", "Okay, thanks.", "That is all, goodbye."]
        assert PRICES[location] in turns[0]["spoken"]
        assert PRICES[3 - location] not in json.dumps(call)
        assert all(0 < turn["voice_to_voice_ms"] < 10_000 for turn in turns)
        assert 0 < call["greeting_ms"] < 10_000
        assert (call["tools"], call["end_reason"]) == (["end_call"], "agent_hung_up")
        assert call["ops_transcripts"] >= len(turns)
        assert call["stored_turns"] == len(turns)
        assert all(turn["heard"] in shown and turn["spoken"] in shown for turn in turns)


def test_both_shops_are_set_up_from_their_websites_by_the_running_server(demos: Demos):
    shown, _ = demos.two_callers.communicate(timeout=WAIT_S)
    shops = {shop["location_id"]: shop for shop in json.loads(demos.out.read_text())["shops"]}
    assert shops.keys() == NUMBERS.keys()
    for location, shop in shops.items():
        pages = [*(SAMPLES / FOLDERS[location] / "site").glob("*.html")]
        truth = read_shop_file(SAMPLES / f"{FOLDERS[location]}.yaml")
        assert (shop["business_name"], shop["pages_read"]) == (truth.business_name, len(pages))
        counted = [shop[what] for what in ("services", "professionals", "open_days", "faq")]
        open_days = sum(map(bool, truth.hours.week.values()))
        assert counted == [len(truth.services), len(truth.professionals), open_days, len(truth.faq)]
        assert (shop["outcome"], shop["version"], len(shop["questions"])) == ("stored", 1, 2)
        assert shop["website_url"].startswith("http://127.0.0.1:")
        assert f"{shop['pages_read']} pages of {shop['website_url']} tell {len(truth.services)} services" in shown
        assert all(question in shown for question in shop["questions"])


def test_a_call_that_goes_wrong_is_told_and_fails_the_demo(demos: Demos):
    book, shown = demos.gone.communicate(timeout=WAIT_S)
    assert demos.gone.returncode == 1
    assert json.loads(book)["calls"][0]["turns"] == []
    assert "(gone) has 0 turns, not at least 3" in shown
    assert "(gone) came to abandoned, not booked" in shown
    assert "(gone): the book does not hold: Balayage with Ana Kahale, fri 10:00, Sam Reed, booked" in shown


def test_while_a_color_works_somebody_else_is_booked_and_both_are_texted(demos: Demos):
    written, shown = demos.books.communicate(timeout=WAIT_S)
    assert demos.books.returncode == 0, shown
    told = json.loads(written)
    assert [call["outcome"] for call in told["calls"]] == ["booked", "booked"]
    assert [call["tools"] for call in told["calls"]] == [["hold_appointment", "confirm_appointment", "end_call"]] * 2
    rows = {row["service"]: row for row in told["bookings"]}
    colour, gloss = rows["Root Touch-Up"], rows["Gloss Treatment"]
    assert colour["starts"] < gloss["starts"] < gloss["ends"] < colour["ends"]
    assert (colour["staff"], gloss["staff"]) == ("Ana Kahale", "Ana Kahale")
    assert (colour["states"], gloss["states"]) == (["held", "booked"], ["held", "booked"])
    assert {text["to"]: text["sender"] for text in told["texts"]} == dict.fromkeys(
        ("+18085550111", "+18085550122"), NUMBERS[1]
    )
    assert "Root Touch-Up, Ana Kahale, Nora Quinn: held → booked" in shown
    assert "The appointment book (*: changed after it was booked)" in shown
    assert all(text["body"] in shown for text in told["texts"])


def test_scenes_that_cannot_be_played_are_refused_by_name(demos: Demos):
    _, shown = demos.odd.communicate(timeout=WAIT_S)
    assert demos.odd.returncode == 2
    assert "[demo/scenes_invalid]" in shown
    assert "0.yaml: steps[0]: espeak-ng has no voice 'nobody'" in shown


@pytest.mark.parametrize("path", sorted(SCENES.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_scene_of_ours_speaks_three_times_and_says_goodbye(path: Path):
    scene = load_scenario(path)
    said = [step.model_dump_json() for step in scene.steps if step.model_dump().keys() & {"say", "barge_in"}]
    assert len(said) >= 3
    assert "bye" in said[-1].lower()
    assert scene.to in NUMBERS.values()
