"""Real salon sites with ground truth, where CHAIRSIDE_FIXTURES names the folder that holds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
SITES = Path(os.environ.get("CHAIRSIDE_FIXTURES", "")) / "sites"

LEAST = {
    "strict micro F1": 0.97,
    "strict macro F1": 0.97,
    "duration": 0.98,
    "currency": 0.97,
    "hours": 0.95,
    "phone": 0.95,
    "faq": 0.95,
    "staff": 0.9,
    "address": 0.85,
    "name": 0.9,
}
"""What the rules reach, less a margin; the aims of the issue are lower."""


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """The scorer's own numbers over all sites."""
    out = tmp_path_factory.mktemp("predictions")
    report = [sys.executable, str(ROOT / "scripts" / "site_report.py"), "--sites", str(SITES), "--out", str(out)]
    subprocess.run(report, check=True, capture_output=True, timeout=240)  # noqa: S603
    told = out / "scores.told"
    command = [sys.executable, str(SITES / "score.py"), str(out), "--quiet", "--json", str(told)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603
    return summed(json.loads(told.read_text()))


def summed(told: dict[str, Any]) -> dict[str, float]:
    sites = list(told["sites"].values())
    pairs = ("duration", "currency", "hours", "faq")
    shares = {name: sum(s[name][0] for s in sites) / sum(s[name][1] for s in sites) for name in pairs}
    staff = [sum(s["staff"][k] for s in sites) for k in ("tp", "pred", "true")]
    flags = {name: [s[key] for s in sites if s.get(key) is not None] for name, key in FLAGS.items()}
    return {
        "strict micro F1": told["summary"]["strict"]["micro"][2],
        "strict macro F1": told["summary"]["strict"]["macro"][2],
        "staff": 2 * staff[0] / (staff[1] + staff[2]),
        **shares,
        **{name: sum(values) / len(values) for name, values in flags.items()},
    }


FLAGS = {"phone": "phone", "address": "address", "name": "bname"}

if SITES.joinpath("score.py").is_file() and os.environ.get("CHAIRSIDE_FIXTURES"):

    @pytest.mark.parametrize("part", LEAST)
    def test_real_sites_are_read_well(scores: dict[str, float], part: str) -> None:
        assert scores[part] >= LEAST[part]
