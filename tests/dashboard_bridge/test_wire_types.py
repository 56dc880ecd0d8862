"""The page's types say what the server says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_generated_types_are_those_of_the_wire() -> None:
    command = [sys.executable, "scripts/make_wire_types.py", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert checked.returncode == 0, checked.stderr
