"""`fuzz.py` in small: what it makes up is taken without a fault, and what would be one is told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path


def test_a_sample_of_every_door_is_taken(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    out = tmp_path / "fuzz.json"
    process = start("fuzz.py", "--messages", "600", "--runs", "3000", "--json", out)
    said, complained = process.communicate(timeout=100)
    assert process.returncode == 0, said + complained
    told = json.loads(out.read_text())
    assert told["messages"] >= 600
    assert told["parsed"] == 3000
    assert told["faults"] == []
    assert {door["door"] for door in told["doors"]} == {"media", "ops", "twilio", "people"}
    statuses = {status for door in told["doors"] for status in door["answers"]}
    assert {"200", "204", "400", "422"} <= statuses, "requests got past signature and token"
    assert "1000" in statuses, "a call took what was said in it, and ended in good order"
    assert told["bystander"]["answered"] == told["bystander"]["asked"] >= 1
