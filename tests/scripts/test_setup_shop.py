"""The command as an operator types it: its own process, a real file, a real HTTP server for Twilio."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from rig.project import Project

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "setup_shop.py"
SAMPLES = [str(path) for path in sorted((ROOT / "scripts" / "samples").glob("*.yaml"))]


@dataclass
class Command:
    directory: Path

    @property
    def database(self) -> Path:
        return self.directory / "chairside.db"

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return subprocess.run(  # noqa: S603 - our own script
            [sys.executable, str(SCRIPT), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.directory,
            env={**inherited, "DATABASE_PATH": str(self.database), **settings},
            check=False,
        )


@pytest.fixture
def setup_shop(tmp_path: Path) -> Command:
    return Command(tmp_path)


def listed(done: subprocess.CompletedProcess[str]) -> list[tuple[int, str]]:
    assert done.returncode == 0, done.stderr
    return [(shop["location_id"], shop["phone_number"]) for shop in json.loads(done.stdout)["shops"]]


def test_the_samples_are_stored_and_listed(setup_shop: Command, tmp_path: Path):
    stored = setup_shop("--from-file", *SAMPLES)
    assert (stored.returncode, stored.stderr) == (0, "")
    assert stored.stdout.count("version 1 stored") == 2

    both = [(1, "+18084826296"), (2, "+442079460123")]
    assert listed(setup_shop("--from-file", *SAMPLES, "--list", "--json")) == both

    into_file = setup_shop("--list", "--json", str(tmp_path / "shops.json"))
    assert into_file.stdout == ""
    shops = json.loads((tmp_path / "shops.json").read_text(encoding="utf-8"))["shops"]
    assert [shop["business_name"] for shop in shops] == [
        "Plumeria Hair Studio",
        "Copper Lane Barbers and Salon",
    ]

    table = setup_shop("--list").stdout
    assert "Plumeria Hair Studio" in table
    assert "+442079460123" in table


def test_an_empty_database_lists_no_shop(setup_shop: Command, tmp_path: Path):
    elsewhere = tmp_path / "else" / "where.db"
    assert listed(setup_shop("--list", "--json", "--database", str(elsewhere))) == []
    assert elsewhere.exists()
    assert not setup_shop.database.exists()


def test_one_bad_file_among_good_ones_stores_nothing_and_lists_every_problem(setup_shop: Command, tmp_path: Path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("location_id: 3\nbusiness_name: Bad\ncurrency: GBP\nservices: [{name: Cut, price: cheap}]\n")
    done = setup_shop("--from-file", *SAMPLES, str(bad), "missing.yaml")

    assert done.returncode == 2
    assert done.stdout == ""
    assert "knowledge/shop_file_invalid" in done.stderr
    for problem in ("phone_number: is missing", "timezone: is missing", "services[0].price: ", "not found"):
        assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert listed(setup_shop("--list", "--json")) == []


def test_two_files_of_one_shop_contradict_each_other(setup_shop: Command):
    done = setup_shop("--from-file", SAMPLES[0], SAMPLES[0].replace("samples", "../scripts/samples"))

    assert done.returncode == 2
    assert "location_id: 2 is in" in done.stderr
    assert "phone_number: +442079460123 is in" in done.stderr


def test_a_number_of_a_stored_shop_is_a_conflict_and_nothing_is_stored(setup_shop: Command, tmp_path: Path):
    setup_shop("--from-file", SAMPLES[1])
    before = setup_shop("--list", "--json").stdout
    thief = tmp_path / "thief.yaml"
    thief.write_text(Path(SAMPLES[1]).read_text().replace("location_id: 1", "location_id: 9"))
    done = setup_shop("--from-file", SAMPLES[0], str(thief))

    assert done.returncode == 2
    assert "store/phone_number_taken" in done.stderr
    assert setup_shop("--list", "--json").stdout == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to do"),
        (("--json",), "--json goes with --list"),
        (("--connect-number", "8084826296"), "settings/settings_invalid"),
        (("--list", "--nonsense"), "unrecognized arguments"),
    ],
)
def test_wrong_arguments(setup_shop: Command, arguments: tuple[str, ...], words: str):
    done = setup_shop(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_settings_and_a_damaged_store_are_told_in_a_sentence(setup_shop: Command):
    wrong = setup_shop("--list", PORT="many")
    assert (wrong.returncode, "PORT" in wrong.stderr) == (2, True)

    setup_shop.database.write_text("not a database" * 100)
    damaged = setup_shop("--list")
    assert damaged.returncode == 1
    assert "store/store_damaged" in damaged.stderr
    assert "Traceback" not in damaged.stderr


def test_shops_go_to_supabase_when_the_settings_name_a_project(setup_shop: Command, supabase_project: Project):
    supabase_project.empty()
    settings = {"SUPABASE_URL": supabase_project.url, "SUPABASE_SECRET_KEY": supabase_project.gateway.secret_key}
    stored = setup_shop("--from-file", *SAMPLES, **settings)
    assert (stored.returncode, stored.stderr) == (0, "")
    assert listed(setup_shop("--list", "--json", **settings)) == [(1, "+18084826296"), (2, "+442079460123")]
    assert not setup_shop.database.exists()

    file = str(setup_shop.directory / "other.db")
    assert listed(setup_shop("--list", "--json", "--database", file, **settings)) == []


@pytest.mark.parametrize(
    ("key", "code", "words"),
    [
        ("", 2, "SUPABASE_SECRET_KEY is not set"),
        ("publishable_key", 2, "a publishable key"),
        ("anon_key", 2, "the role 'anon'"),
        ("sb_secret_wrong", 1, "store/store_denied"),
    ],
)
def test_a_key_that_cannot_do_is_told_in_a_sentence(
    setup_shop: Command, supabase_project: Project, key: str, code: int, words: str
):
    secret = getattr(supabase_project.gateway, key, key)
    done = setup_shop("--list", SUPABASE_URL=supabase_project.url, SUPABASE_SECRET_KEY=secret)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not secret or secret not in done.stderr


@dataclass
class Twilio:
    """The two REST resources the command uses, as Twilio words them."""

    url: str = ""
    numbers: dict[str, str] = field(default_factory=lambda: {"+18084826296": "PN" + "1" * 32})
    updates: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    authorizations: set[str] = field(default_factory=set[str])
    refuse: bool = False


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    state = Twilio()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = parse_qs(urlsplit(self.path).query).get("PhoneNumber", [""])[0]
            found = [_number(number, sid) for number, sid in state.numbers.items() if number == wanted]
            self._answer(200, {"incoming_phone_numbers": found, "page": 0, "page_size": 20})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            state.updates.append((self.path, {name: values[0] for name, values in parse_qs(body).items()}))
            self._answer(200, _number("+18084826296", "PN" + "1" * 32))

        def _answer(self, status: int, body: dict[str, object]) -> None:
            state.authorizations.add(self.headers.get("Authorization", ""))
            if state.refuse:
                status, body = 401, {"code": 20003, "message": "Authenticate", "status": 401}
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield state
        server.shutdown()
        thread.join()


def _number(number: str, sid: str) -> dict[str, object]:
    return {"sid": sid, "account_sid": "AC1", "phone_number": number, "friendly_name": number}


KEYS = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "hush", "PUBLIC_URL": "https://calls.example/"}


def test_connecting_points_calls_and_texts_of_a_number_here(setup_shop: Command, twilio: Twilio):
    setup_shop("--from-file", SAMPLES[1])
    done = setup_shop("--connect-number", "all", TWILIO_BASE_URL=twilio.url, **KEYS)

    assert (done.returncode, done.stderr) == (0, "")
    assert "calls go to https://calls.example/voice" in done.stdout
    ((path, sent),) = twilio.updates
    assert path == f"/2010-04-01/Accounts/AC1/IncomingPhoneNumbers/PN{'1' * 32}.json"
    assert sent == {
        "VoiceUrl": "https://calls.example/voice",
        "VoiceMethod": "POST",
        "StatusCallback": "https://calls.example/voice/status",
        "StatusCallbackMethod": "POST",
        "SmsUrl": "https://calls.example/sms",
        "SmsMethod": "POST",
    }
    assert twilio.authorizations == {"Basic QUMxOmh1c2g="}


def test_a_number_the_account_does_not_own(setup_shop: Command, twilio: Twilio):
    done = setup_shop("--connect-number", "+18085550100", TWILIO_BASE_URL=twilio.url, **KEYS)

    assert done.returncode == 1
    assert "leads to no shop yet" in done.stderr
    assert "telephony/number_not_owned" in done.stderr
    assert twilio.updates == []


def test_refused_keys_and_a_twilio_that_is_away_are_told_without_the_token(setup_shop: Command, twilio: Twilio):
    twilio.refuse = True
    refused = setup_shop("--connect-number", "+18084826296", TWILIO_BASE_URL=twilio.url, **KEYS)
    away = setup_shop("--connect-number", "+18084826296", TWILIO_BASE_URL="http://127.0.0.1:9", **KEYS)

    assert (refused.returncode, "telephony/twilio_401" in refused.stderr) == (1, True)
    assert (away.returncode, "telephony/twilio_unreachable" in away.stderr) == (1, True)
    for done in (refused, away):
        assert "hush" not in done.stderr + done.stdout
        assert "Traceback" not in done.stderr


def test_missing_keys_and_an_address_twilio_cannot_reach(setup_shop: Command):
    keyless = setup_shop("--connect-number", "+18084826296")
    local = setup_shop("--connect-number", "+18084826296", **{**KEYS, "PUBLIC_URL": "http://127.0.0.1:5001"})

    assert "telephony/twilio_keys_missing" in keyless.stderr
    assert "telephony/public_url_unreachable" in local.stderr
    assert (keyless.returncode, local.returncode) == (1, 1)
