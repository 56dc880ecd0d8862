"""Measuring: the figures come as a table and as JSON, with the machine they were made on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.emulators.mind import Rule
from scripts._bench import percentile
from scripts._bench_first_tokens import FirstTokens

Start = Callable[..., subprocess.Popen[str]]
FEW = ("--shops", "40", "--lookups", "60")


def test_the_knowledge_is_measured_as_a_table_and_as_json(start: Start, tmp_path: Path):
    process = start("bench.py", "knowledge", *FEW, "--json", tmp_path / "out.json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    (report,) = json.loads((tmp_path / "out.json").read_text())
    assert report["what"] == "knowledge"
    assert report["parameters"] == {"shops": 40, "lookups": 60}
    assert report["machine"]["cores"] >= 1
    figures = {figure["name"]: figure for figure in report["figures"]}
    assert figures["start with 40 shops"]["unit"] == "s"
    assert figures["lookup by number, any shop, p99"]["target"] == 1000
    assert 0 < figures["a shop packed, allocated"]["value"] < figures["a shop unpacked, allocated"]["value"]
    assert all(figure["value"] >= 0 for figure in report["figures"])
    assert "start with 40 shops" in out
    assert "Python" in out.splitlines()[-1]


def test_the_bookings_are_measured_on_both_stores(start: Start, tmp_path: Path):
    process = start("bench.py", "bookings", "--rounds", "2", "--bookers", "5", "--json", tmp_path / "out.json")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    (told,) = json.loads((tmp_path / "out.json").read_text()).values()
    assert [backend.pop("name") for backend in told] == ["sqlite", "supabase"]
    for backend in told:
        assert 0 < backend.pop("p50_ms") <= backend.pop("p99_ms")
        assert backend == {"winners_per_round": [1, 1], "duplicates": 0, "losers_with_alternatives": 8}
    assert "supabase, at the desk, p99" in out


def test_json_on_standard_output_is_alone_there(start: Start):
    process = start("bench.py", "knowledge", *FEW, "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out)[0]["what"] == "knowledge"
    assert "start with 40 shops" in err


@pytest.mark.parametrize(
    "wrong",
    [(), ("weather",), ("knowledge", "--shops", "0"), ("knowledge", "--shops", "many"), ("bookings", "--rounds", "0")],
)
def test_what_is_given_wrong_is_told(start: Start, wrong: tuple[str, ...]):
    process = start("bench.py", *wrong)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "usage:" in err


def test_a_percentile_is_a_value_that_was_measured():
    hundred = [float(value) for value in range(100, 0, -1)]
    assert [percentile(hundred, share) for share in (0, 0.01, 0.5, 0.99, 0.991, 1)] == [1, 1, 50, 99, 100, 100]
    assert percentile([7.0], 0.99) == 7
    assert percentile([1.0, 2.0], 0.5) == 1


def test_calls_are_measured_on_both_sides_in_one_run(start: Start, tmp_path: Path):
    out, svg = tmp_path / "out.json", tmp_path / "out.svg"
    process = start("bench.py", "greeting", "--rounds", "1", "--json", out, "--svg", svg)
    told, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    measured = json.loads(out.read_text())
    (row,) = measured["rows"]
    assert set(row) == {"name", "unit", "ours", "stock", "ratio", "n", "generator_late_ms_p99"}
    assert (row["name"], row["unit"], row["n"]) == ("greeting_ms", "ms", 1)
    assert 0 < row["ours"] < row["stock"]
    assert measured["machine"]["cores"] >= 1
    assert measured["conditions"]["vendors"] == "low"
    assert "greeting_ms, stock" in told
    assert svg.read_text().count("<rect") == 4


def test_the_rounds_share_slow_first_tokens_out_between_them_and_either_side_meets_the_same():
    tokens = FirstTokens([Rule(when="open", say="From nine.")], 500)

    def drawn(at: int) -> list[float]:
        tokens.begin(at, 20)
        asked = {"messages": [{"role": "user", "content": "When are you open?"}]}
        return [tokens(asked).ttft_ms or 0 for _ in range(3)]

    rounds = [drawn(at) for at in range(20)]
    assert [drawn(at) for at in range(20)] == rounds
    for draws in zip(*rounds, strict=True):
        ordered = sorted(draws)
        assert ordered[9] <= 500 <= ordered[10]
        assert ordered[18] <= 500 * 3.31 <= ordered[19] * 1.01
    assert len(set(zip(*rounds, strict=True))) == 3


def test_the_relay_is_measured_while_calls_are_under_way(start: Start, tmp_path: Path):
    few = ("--runs", "rooms20x10", "--rounds", "1", "--seconds", "1", "--calls", "1")
    process = start("bench.py", "relay", *few, "--json", tmp_path / "out.json")
    out, err = process.communicate(timeout=170)
    assert process.returncode == 0, err
    told = json.loads((tmp_path / "out.json").read_text())
    run = told["runs"]["rooms20x10"]
    assert run["finals_lost"] == 0
    assert 0 < run["p50_ms"] <= run["p99_ms"]
    assert told["appear_ms"]["all"]
    assert told["errors"] == []
    assert "rooms20x10, p99" in out
