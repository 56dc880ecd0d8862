"""A shop from its website, as an operator types it: a process of its own, a real site on loopback or in a folder."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from house import open_house
from pydantic import SecretStr

SCRIPTS = Path(__file__).parents[2] / "scripts"
NUMBER = "+18085550188"
FACTS = ("--location", "7", "--number", NUMBER, "--name", "Willow Room")
PAPERS = {"ADMIN_TOKEN": "the admin's own"}

HOME = """<!doctype html><html lang="en"><head><title>Willow Room</title></head><body>
<h1>Willow Room</h1><p>A small hair salon near the river, where three chairs and a pot of tea wait for you. We cut and
colour hair for everybody, on weekdays and on Saturdays, and have done so for nineteen years.</p>
<ul><li><a href="/prices.html">Prices</a></li><li><a href="/team.html">Team</a></li></ul>
<h2>Opening hours</h2><table><tr><td>Monday</td><td>Closed</td></tr><tr><td>Tuesday - Friday</td><td>9:00 am - 6:00 pm
</td></tr><tr><td>Saturday</td><td>9:00 am - 2:00 pm</td></tr><tr><td>Sunday</td><td>Closed</td></tr></table>
<p>Call us: <a href="tel:+18084826296">(808) 482-6296</a></p><p>12 Harbor Street, Honolulu, HI 96813</p>
</body></html>"""
PRICES = """<!doctype html><html lang="en"><head><title>Prices - Willow Room</title></head><body><h1>Our prices</h1>
<p>What we do and what it costs. Every appointment begins with a word about your hair, and that is free.</p>
<h2>Cuts</h2><table><tr><td>Long cut</td><td>60 min</td><td>$65</td></tr>
<tr><td>Short cut [red]now[/red]</td><td>30 min</td><td>$45</td></tr></table>
<h2>Colour</h2><table><tr><td>Full colour</td><td></td><td>from $120</td></tr></table></body></html>"""
TEAM = """<!doctype html><html lang="en"><head><title>Team - Willow Room</title></head><body><h1>Our team</h1>
<p>The people you meet when you come through our door, any day of the week but Sunday and Monday.</p>
<div class="team"><div class="member"><h3>Mara Keane</h3><p>Owner and stylist</p></div>
<div class="member"><h3>Theo Blunt</h3><p>Stylist</p></div></div></body></html>"""
DEARER = PRICES.replace("$45", "$49").replace("Full colour", "Root colour")


@dataclass
class Salon:
    pages: dict[str, str] = field(default_factory=lambda: {"/": HOME, "/prices.html": PRICES, "/team.html": TEAM})
    url: str = ""


@pytest.fixture
def salon() -> Iterator[Salon]:
    state = Salon()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = state.pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((page or "").encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The same site in a folder, among what else a browser saves."""
    folder = tmp_path / "site"
    (folder / "files").mkdir(parents=True)
    (folder / "index.html").write_text(HOME)
    (folder / "prices.html").write_text(PRICES)
    (folder / "team.aspx").write_text(TEAM)
    (folder / "files" / "style.css").write_text("h1 { color: red }")
    (folder / "files" / "photo").write_bytes(b"\x89PNG\0\0\0")
    return folder


@dataclass
class Command:
    directory: Path

    def __call__(self, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        own = {"DATABASE_PATH": str(self.directory / "chairside.db"), "SCRAPE_ALLOW_LOOPBACK": "true"}
        return subprocess.run(  # noqa: S603 - our own script
            [sys.executable, str(SCRIPTS / "setup_shop.py"), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.directory,
            env={**inherited, **own, **settings},
            check=False,
        )

    def shops(self) -> list[dict[str, Any]]:
        """What is stored."""
        done = self("--list", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["shops"]


@pytest.fixture
def setup_shop(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_a_dry_run_on_a_folder_writes_the_prediction_of_the_report_and_stores_nothing(
    setup_shop: Command, saved: Path, tmp_path: Path
):
    out = tmp_path / "out.json"
    done = setup_shop("--site-dir", saved, "--dry-run", "--json", out, PORT="many")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = json.loads(out.read_text(encoding="utf-8"))
    assert [(s["name"], s["price_min"], s["duration_min"], s["section"]) for s in found["services"]] == [
        ("Long cut", 65, 60, "Cuts"),
        ("Short cut [red]now[/red]", 45, 30, "Cuts"),
        ("Full colour", 120, None, "Colour"),
    ]
    assert found["phone"] == "+18084826296"
    assert found["hours"]["tue"] == [["09:00", "18:00"]]
    assert [person["name"] for person in found["professionals"]] == ["Mara Keane", "Theo Blunt"]
    assert not (tmp_path / "chairside.db").exists()

    report = [sys.executable, str(SCRIPTS / "site_report.py"), "--site-dir", str(saved), "--json"]
    reported = subprocess.run(report, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert json.loads(reported.stdout) == found


def test_a_dry_run_shows_a_table_and_what_a_booking_still_needs(setup_shop: Command, salon: Salon, tmp_path: Path):
    done = setup_shop("--website", salon.url, "--dry-run")
    assert done.returncode == 0, done.stderr
    for words in ("Willow Room: 3 services", "Short cut [red]now[/red]", "from 120 USD", "60 min", "tue  09:00-18:00"):
        assert words in done.stdout
    assert "How long do these take: Colour: Full colour?" in done.stdout
    assert "Which services does each do: Mara Keane; Theo Blunt?" in done.stdout
    assert not (tmp_path / "chairside.db").exists()


def test_a_website_is_stored_and_a_refresh_shows_what_changed_before_it_takes_it(setup_shop: Command, salon: Salon):
    stored = setup_shop("--website", salon.url, *FACTS)
    assert stored.returncode == 0, stored.stderr
    assert "Short cut" in stored.stdout
    assert "Location 7, Willow Room: version 1 stored." in stored.stdout
    assert setup_shop.shops() == [
        {"location_id": 7, "business_name": "Willow Room", "phone_number": NUMBER, "timezone": "Pacific/Honolulu"}
    ]

    salon.pages["/prices.html"] = DEARER
    with ThreadPoolExecutor() as pool:
        looking = ((), ("--dry-run", "--json"))
        shown, dry = pool.map(lambda more: setup_shop("--refresh", "--location", "7", *more), looking)
    assert shown.returncode == 0, shown.stderr
    assert "None of these changes is stored" in shown.stdout
    changes = {(at["kind"], at["key"]) for at in json.loads(dry.stdout)["changes"]}
    assert changes == {
        ("changed", "short cut [red]now[/red]"),
        ("added", "root colour"),
        ("removed", "full colour"),
    }
    taken = setup_shop("--refresh", "--location", "7", "--accept-changes")
    again = setup_shop("--refresh", "--location", "7")
    assert "version 2 is what it was" in again.stdout
    for done in (shown, taken):
        for words in ("~ changed", "price 45.00", "price 49.00", "+ added", "- removed"):
            assert words in done.stdout
    assert "version 2 stored" in taken.stdout


def test_the_owners_file_is_stored_with_the_website_and_asked_no_more(setup_shop: Command, saved: Path, tmp_path: Path):
    owner = tmp_path / "owner.yaml"
    owner.write_text(
        "greeting: Hello, an assistant speaking.\n"
        "services: [{name: Full colour, minutes: 120, staff: [Mara Keane]}, {name: Long cut, staff: [Theo Blunt]}]\n"
    )
    site = ("--site-dir", saved, "--website", "https://willow.example/", *FACTS)
    stored = setup_shop(*site, "--owner", owner)
    assert stored.returncode == 0, stored.stderr
    assert "Nothing is open for booking." in stored.stdout
    same = setup_shop(*site)
    assert "version 1 is what it was" in same.stdout, same

    owner.write_text("services: [{name: Perm, minutes: 90}]\n")
    unknown = setup_shop(*site, "--owner", owner)
    assert (unknown.returncode, "[setup/owner_service_unknown]" in unknown.stderr) == (2, True)
    owner.write_text("services: [{minutes: 90}]\nlocation_id: 7\n")
    broken = setup_shop(*site, "--owner", owner)
    assert broken.returncode == 2
    assert "services[0].name: is missing" in broken.stderr
    assert "location_id: is not a field of this file" in broken.stderr


def test_a_saved_site_is_stored_and_a_number_that_is_taken_is_not(setup_shop: Command, saved: Path):
    website = ("--website", "https://willow.example/")
    listed = setup_shop("--site-dir", saved, *website, *FACTS, "--list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert [shop["location_id"] for shop in json.loads(listed.stdout)["shops"]] == [7]
    thief = setup_shop("--site-dir", saved, *website, "--location", "8", "--number", NUMBER, "--name", "Thief")
    assert (thief.returncode, thief.stdout) == (2, "")
    assert thief.stderr == f"[store/phone_number_taken] {NUMBER} already leads to location 7.\n"
    assert [shop["location_id"] for shop in setup_shop.shops()] == [7]


def test_what_cannot_be_read_is_told_in_a_sentence_and_leaves_nothing(
    setup_shop: Command, salon: Salon, tmp_path: Path
):
    (tmp_path / "empty").mkdir()
    for page in ("/prices.html", "/team.html"):
        del salon.pages[page]
    nobody = "http://127.0.0.1:9"
    wrong: list[tuple[int, str, tuple[str | Path, ...]]] = [
        (2, "[scrape/folder_unknown]", ("--site-dir", "nowhere", "--dry-run")),
        (2, "[scrape/folder_empty]", ("--site-dir", "empty", "--dry-run")),
        (2, "[setup/output_unwritable]", ("--list", "--json", "no/where.json")),
        (1, "[setup/menu_empty]", ("--website", salon.url, *FACTS)),
        (1, "[scrape/not_found]", ("--website", salon.url + "no-such-page", *FACTS)),
        (2, "[scrape/scheme_refused]", ("--website", "ftp://willow.example", *FACTS)),
        (2, "[setup/phone_number_invalid]", ("--website", salon.url, *FACTS, "--number", "808")),
        (2, "[setup/location_id_invalid]", ("--refresh", "--location", "x")),
        (2, "[store/location_unknown]", ("--refresh", "--location", "9")),
        (2, "[store/location_unknown]", ("--proposals", "9")),
        (2, "[setup/location_id_invalid]", ("--proposals", "0")),
        (1, "[setup/server_unreachable]", ("--server", nobody, "--website", salon.url, *FACTS)),
        (1, "[setup/server_answer_invalid]", ("--server", salon.url, "--website", salon.url, *FACTS)),
    ]
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda case: setup_shop(*case[2], **PAPERS), wrong))
    for (status, code, _), done in zip(wrong, runs, strict=True):
        told = [line for line in done.stderr.splitlines() if not line.startswith("Left out")]
        assert (done.returncode, done.stdout, len(told)) == (status, "", 1), done
        assert told[0].startswith(code)
    assert setup_shop.shops() == []


def test_what_is_proposed_is_shown_with_its_words_and_decided_by_name(setup_shop: Command, salon: Salon):
    assert setup_shop("--website", salon.url, *FACTS).returncode == 0
    salon.pages["/prices.html"] = DEARER
    proposed = setup_shop("--refresh", "--location", "7")
    assert "see --proposals" in proposed.stdout, proposed.stderr
    looks = (("--json",), (), ("--approve", "services:nothing"))
    with ThreadPoolExecutor() as pool:
        machine, people, unknown = pool.map(lambda how: setup_shop("--proposals", "7", *how), looks)
    told = json.loads(machine.stdout)["proposal"]
    names = ["services:short cut [red]now[/red]", "services:root colour", "services:full colour"]
    assert [change["id"] for change in told["changes"]] == names
    assert "$49" in told["changes"][0]["source"]["quote"]
    for words in ("services:root", "price 45.00", "price 49.00", "$49", "--proposals 7 --approve all"):
        assert words in people.stdout
    assert (unknown.returncode, unknown.stderr.split()[0]) == (2, "[setup/change_unknown]")
    half = setup_shop("--proposals", "7", "--approve", names[0])
    assert half.returncode == 0, half.stderr
    assert "approved by admin" in " ".join(half.stdout.replace("│", " ").split())
    assert "version 2; 2 left to decide" in half.stdout
    rest = setup_shop("--proposals", "7", "--reject", "all")
    assert "version 2; 0 left to decide" in rest.stdout
    again = setup_shop("--proposals", "7", "--approve", "all")
    assert (again.returncode, again.stderr.split()[0]) == (2, "[store/proposal_unknown]")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--website", "https://willow.example"), "missing: --location, --number, --name"),
        (("--site-dir", ".", *FACTS), "missing: --website"),
        (("--dry-run",), "give --website, --site-dir or --refresh"),
        (("--location", "7", "--list"), "give --website, --site-dir or --refresh"),
        (("--refresh", "--location", "7", "--name", "New"), "give --location only"),
        (("--refresh", "--location", "7", "--dry-run", "--owner", "o.yaml"), "--owner is stored with the shop"),
        (("--owner", "o.yaml", "--list"), "give --website, --site-dir or --refresh"),
        (("--site-dir", ".", "--dry-run", "--list"), "--dry-run goes with"),
        (("--server", "http://a.example", "--site-dir", ".", *FACTS), "--server takes a website"),
        (("--website", "https://a.example", *FACTS, "--from-file", "a.yaml"), "give one"),
        (("--approve", "all"), "go with --proposals"),
        (("--proposals", "7", "--list"), "--proposals stands alone"),
        (("--proposals", "7", "--json", "--reject", "all"), "does not go with --approve"),
    ],
)
def test_arguments_that_do_not_go_together(
    arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.syspath_prepend(SCRIPTS)
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module("setup_shop").main(arguments)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


async def test_a_server_does_it_for_who_holds_its_token(setup_shop: Command, salon: Salon):
    async with open_house(admin_token=SecretStr(PAPERS["ADMIN_TOKEN"]), scrape_allow_loopback=True) as house:

        async def asked(*arguments: str, **papers: str) -> subprocess.CompletedProcess[str]:
            return await asyncio.to_thread(setup_shop, "--server", house.url, *arguments, **(papers or PAPERS))

        owner = setup_shop.directory / "owner.yaml"
        owner.write_text('transfer_to: "+18085550142"\nservices: [{name: Full colour, minutes: 120}]\n')
        stored = await asked("--website", salon.url, *FACTS, "--owner", str(owner))
        assert stored.returncode == 0, stored.stderr
        assert "1. Which services does each do: Mara Keane; Theo Blunt?" in stored.stdout
        assert "version 1 stored" in stored.stdout
        shop = await house.services.onboarding.shop(7)
        assert shop is not None
        assert [service.minutes for service in shop.services] == [60, 30, 120]
        assert shop.transfer_to == "+18085550142"

        salon.pages["/prices.html"] = DEARER
        await asked("--refresh", "--location", "7")
        half = await asked("--proposals", "7", "--approve", "services:root colour")
        assert half.returncode == 0, half.stderr
        assert "version 2; 2 left to decide" in half.stdout
        taken = await asked("--refresh", "--location", "7", "--accept-changes")
        assert "~ changed" in taken.stdout, taken
        assert "version 3 stored" in taken.stdout
        nothing = await asked("--proposals", "7")
        assert nothing.stdout == "Location 7: nothing is proposed.\n"

        stranger, thief = await asyncio.gather(
            asked("--refresh", "--location", "7", ADMIN_TOKEN="a guess"),
            asked("--website", salon.url, "--location", "8", "--number", NUMBER, "--name", "Thief"),
        )
        assert (stranger.returncode, "[access/token_refused]" in stranger.stderr) == (2, True)
        assert (thief.returncode, "phone_number_taken" in thief.stderr) == (2, True)
    assert not (setup_shop.directory / "chairside.db").exists()
