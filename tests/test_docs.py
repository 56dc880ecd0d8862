"""The documents do not lie: settings, targets, paths and links they name exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.settings import Settings

ROOT = Path(__file__).parent.parent
NOT_OURS = {".venv", ".git", "node_modules", "var", "dist", "build", "__pycache__"}
SETTINGS = {name.upper(): field for name, field in Settings.model_fields.items()}
MAX_README_LINES = 120


def ours(*suffixes: str) -> Iterator[Path]:
    """Every file of the repository with one of these suffixes; all text files when none is given."""
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        hidden = any(part in NOT_OURS or part.endswith("_cache") for part in inside)
        if path.is_file() and not hidden and (not suffixes or path.suffix in suffixes):
            yield path


MARKDOWN = [str(path.relative_to(ROOT)) for path in ours(".md")]


def as_written(default: object) -> str:
    """A default as docs/settings.md writes it."""
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if default != "" else "empty"


def test_every_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| .+ \|$", text, re.MULTILINE))
    actual = {name: as_written(field.get_default(call_default_factory=True)) for name, field in SETTINGS.items()}
    assert documented == actual


def test_every_setting_is_in_the_env_example_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text()
    offered = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert offered.keys() == SETTINGS.keys()
    commented_out = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))
    examples = {"PHONE_TO_LOCATION_MAP", "ENVIRONMENT"}
    for name in commented_out.keys() - examples:
        assert f"`{commented_out[name]}`" == as_written(SETTINGS[name].get_default(call_default_factory=True))


def test_the_env_example_is_good_settings_once_filled_in() -> None:
    text = (ROOT / ".env.example").read_text()
    values = {name.lower(): value.strip("'") for name, value in re.findall(r"^#?([A-Z_]+)=(.+)$", text, re.MULTILINE)}
    map_as_json = values.pop("phone_to_location_map")
    Settings.model_validate_strings(values)
    assert re.fullmatch(r'\{"\+\d+": \d+\}', map_as_json)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("document", MARKDOWN)
def test_named_targets_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / document).read_text()
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", MARKDOWN)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text())
    relative = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith("#")]
    assert [link for link in relative if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("document", MARKDOWN)
def test_named_files_exist(document: str) -> None:
    rooms = "agent|dashboard_bridge|scripts|docs|tests"
    named = re.findall(rf"`((?:{rooms})/[\w./-]*)", (ROOT / document).read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_repository_speaks_of_itself_alone() -> None:
    """No address of a package registry, no path of somebody's machine; in halves, not to find themselves."""
    forbidden = re.compile(
        "|".join(["pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npmjs", "/ro" + "ot/", "/ho" + "me/"])
    )
    guilty: list[str] = []
    for path in ours():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        guilty += [f"{path.relative_to(ROOT)}:{at}" for at, line in enumerate(lines, 1) if forbidden.search(line)]
    assert guilty == []
