"""Starting the server: whatever is missing or wrong is named, one line each, before anything is opened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import SettingsError
from agent.settings import VENDOR_KEYS, Settings
from server import create_app

ROOT = Path(__file__).parents[1]
KEYS = dict.fromkeys(VENDOR_KEYS, "x")
LOWER = {name.lower(): "x" for name in VENDOR_KEYS}
SECRETLESS = {"secret_key": "", "operator_token": ""}


def start(tmp_path: Path, **environment: str) -> tuple[int, list[str]]:
    """Run `python server.py` with nothing but this environment: exit code and lines of stderr.

    Pipecat greets on stderr while it is imported; that line is left out.
    """
    done = subprocess.run(  # noqa: S603 - our own server
        [sys.executable, str(ROOT / "server.py")],
        env={"PATH": os.environ["PATH"], "DATABASE_PATH": str(tmp_path / "chairside.db"), "PORT": "0", **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, [line for line in done.stderr.splitlines() if "Pipecat 1." not in line]


def test_without_keys_it_names_each_and_does_not_start(tmp_path: Path):
    code, said = start(tmp_path)
    assert code == 2
    assert [f"chairside: {name} is not set" for name in VENDOR_KEYS] == said[: len(VENDOR_KEYS)]
    assert len(said) == len(VENDOR_KEYS) + 1
    assert "docs/settings.md" in said[-1]
    assert not (tmp_path / "chairside.db").exists()


def test_one_empty_key_is_named_alone():
    with pytest.raises(SettingsError) as why:
        Settings.model_validate({**LOWER, "openai_api_key": ""}).require_vendor_keys()
    assert why.value.problems == ["OPENAI_API_KEY is not set"]


def test_in_production_the_secrets_are_required_as_well():
    with pytest.raises(SettingsError) as why:
        Settings.model_validate({**LOWER, "environment": "production"} | SECRETLESS).require_vendor_keys()
    assert why.value.problems == ["SECRET_KEY is not set", "OPERATOR_TOKEN is not set"]


def test_every_setting_that_is_wrong_is_named_and_no_secret_with_it(tmp_path: Path):
    wrong = {"PORT": "abc", "MAX_CALLS": "0", "LOG_LEVEL": "loud", "STT": "whisper", "TICKET_TTL_S": "9999"}
    code, said = start(tmp_path, **{**KEYS, "OPENAI_API_KEY": "sk-very-secret"}, **wrong)
    assert code == 2
    assert {line.removeprefix("chairside: ").partition(":")[0] for line in said[:-1]} == set(wrong)
    assert "sk-very-secret" not in "".join(said)


@pytest.mark.parametrize("value", ["+18084826296=1", '{"8084826296":1}', '{"+18084826296":"one"}'])
def test_a_phone_map_that_is_wrong_is_named(tmp_path: Path, value: str):
    code, said = start(tmp_path, **KEYS, PHONE_TO_LOCATION_MAP=value)
    assert code == 2
    assert said[0].startswith("chairside: PHONE_TO_LOCATION_MAP")
    assert len(said) == 2


def test_a_database_that_cannot_be_opened_is_one_plain_line(tmp_path: Path):
    (tmp_path / "taken").write_text("a file, no folder")
    code, said = start(tmp_path, **KEYS, DATABASE_PATH=str(tmp_path / "taken" / "chairside.db"))
    assert code != 0
    assert not [line for line in said if "Traceback" in line]


async def test_an_application_without_keys_does_not_come_up():
    app = create_app(Settings.model_validate(dict.fromkeys(LOWER, "")))
    with pytest.raises(SettingsError) as why:
        async with app.router.lifespan_context(app):
            pass
    assert why.value.problems == [f"{name} is not set" for name in VENDOR_KEYS]
