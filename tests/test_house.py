"""The house keeps its shape: imports go one way, and tests stand on real bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("agent", "dashboard_bridge")

MAY_IMPORT = {
    # Blind to our clients, so that they stay true to the vendors' wire and not to our idea of it.
    "agent.emulators": {
        "agent.emulators",
        "agent.errors",
        "agent.events",
        "agent.model",
        "agent.recording",
        "agent.settings",
    },
    "dashboard_bridge": {
        "dashboard_bridge",
        "agent.access",
        "agent.errors",
        "agent.events",
        "agent.login_tokens",
        "agent.model",
        "agent.ports",
        "agent.recording",
        "agent.settings",
    },
}
"""The only rooms of ours that a room may know; the other directions are contracts in pyproject.toml."""


def lint_imports(where: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


def room_of(module: str, rooms: set[str]) -> str:
    """The listed room a module lies in, else the module itself."""
    return next((room for room in rooms if module == room or module.startswith(f"{room}.")), module)


def test_imports_go_one_way() -> None:
    checked = lint_imports(ROOT)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("importer", MAY_IMPORT)
def test_a_room_knows_only_its_own(importer: str) -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    allowed = MAY_IMPORT[importer]
    inside = {at for at in graph.modules if room_of(at, {importer}) == importer}
    known = {(at, room_of(seen, allowed)) for at in inside for seen in graph.find_modules_directly_imported_by(at)}
    # A package's own __init__ ("agent") is no room; nothing lives there.
    strangers = {(at, seen) for at, seen in known if seen not in allowed | {"agent"}}
    assert not strangers


@pytest.mark.parametrize(
    ("file", "planted"),
    [
        ("agent/model.py", "import agent.ports"),
        ("agent/stores/__init__.py", "import agent.bus.local"),
        ("agent/bus/local.py", "import pipecat.frames.frames"),
        ("agent/wiring.py", "import agent.emulators"),
        ("dashboard_bridge/relay.py", "import server"),
    ],
)
def test_a_wrong_import_would_be_noticed(tmp_path: Path, file: str, planted: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / file
    path.write_text(path.read_text() + f"\n{planted}\n")
    checked = lint_imports(tmp_path)
    assert checked.returncode == 1
    assert "BROKEN" in checked.stdout


def test_no_test_replaces_our_code_with_a_mock() -> None:
    # Spelled in halves, so that this file does not find itself.
    words = re.compile(
        "|".join([r"mock\." + "patch", "Magic" + "Mock", "Async" + "Mock", r"monkeypatch\." + "setattr"])
    )
    guilty = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert not guilty
