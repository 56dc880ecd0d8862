"""The list of attacks is true: every test it names is there, and each attack says what it is refused with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LISTED: dict[str, list[dict[str, Any]]] = yaml.safe_load((ROOT / "tests/security/attacks.yaml").read_text())
ATTACKS = [attack for attacks in LISTED.values() for attack in attacks]


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """The id of every test in the files that the list names, with and without its parameters."""
    files = sorted({attack["test"].partition("::")[0] for attack in ATTACKS})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    ids = {line for line in done.stdout.splitlines() if "::" in line}
    return ids | {line.partition("[")[0] for line in ids}


def test_every_attack_is_tried_by_a_test_that_is_there(collected: set[str]) -> None:
    assert [attack["test"] for attack in ATTACKS if attack["test"] not in collected] == []


def test_a_test_that_is_not_there_would_be_noticed(collected: set[str]) -> None:
    assert "tests/security/test_shield.py::test_of_nothing" not in collected


def test_there_are_at_least_forty_each_with_its_refusal() -> None:
    assert len({attack["attack"] for attack in ATTACKS}) == len(ATTACKS) >= 40
    for attack in ATTACKS:
        assert attack.keys() in ({"attack", "code", "test"}, {"attack", "does", "test"}), attack
    assert sum("code" in attack for attack in ATTACKS) >= 40


def test_codes_are_those_their_tests_ask_for() -> None:
    """The file of each test has the code in it, or in what it imports its cases from."""
    for attack in ATTACKS:
        if "code" not in attack:
            continue
        file = ROOT / attack["test"].partition("::")[0]
        assert str(attack["code"]) in file.read_text(), attack
