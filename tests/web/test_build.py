"""What is built of the page, and from what: small, nothing inline, its own tests green, no addresses in the lock."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from pathlib import Path

from tests.web.desk import NODE, WEB

MAX_FIRST_KB = 150
"""Gzipped: what a browser loads before it shows the wall."""
MAX_ALL_KB = 200
"""Gzipped: every view together."""


def gzipped_kb(*files: Path) -> float:
    return sum(len(gzip.compress(path.read_bytes())) for path in files) / 1000


def test_the_page_is_small(dist: Path) -> None:
    html = (dist / "index.html").read_text()
    first = [dist / path for path in re.findall(r'(?:src|href)="/(assets/[^"]+)"', html)]
    assert {path.suffix for path in first} == {".js", ".css"}
    assert gzipped_kb(dist / "index.html", *first) <= MAX_FIRST_KB
    assert gzipped_kb(*(path for path in dist.rglob("*") if path.is_file())) <= MAX_ALL_KB


def test_nothing_is_inline_or_from_elsewhere(dist: Path) -> None:
    html = (dist / "index.html").read_text()
    assert re.findall(r"<script(?![^>]* src=)[^>]*>|<style|\bstyle=|\bon\w+=", html) == []
    assert re.findall(r"(?:src|href)=\"(?!/)[^\"]*", html) == []
    styles = "".join(path.read_text() for path in dist.rglob("*.css"))
    assert re.findall(r"@import|url\((?![\"']?/)", styles) == []


def test_the_lock_holds_no_addresses() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    packages = {name: told for name, told in lock["packages"].items() if name}
    assert len(packages) > 20
    assert [name for name, told in packages.items() if "resolved" in told] == []
    assert [name for name, told in packages.items() if "integrity" not in told] == []


def test_the_lock_serves_every_platform() -> None:
    """npm leaves out other platforms' programs when it adds to a tree that is installed."""
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    named = {name.rpartition("node_modules/")[2] for name in packages}
    wanted = {optional for told in packages.values() for optional in told.get("optionalDependencies", {})}
    assert wanted - named == set()


def test_units() -> None:
    """Vitest: the feed under loss, mu-law, what is shown."""
    ran = subprocess.run(  # noqa: S603
        [NODE, "node_modules/vitest/vitest.mjs", "run", "--reporter=json"],
        cwd=WEB,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert told["numPassedTests"] == told["numTotalTests"] > 40


def test_style() -> None:
    """Biome: form and lint, warnings included."""
    ran = subprocess.run(  # noqa: S603
        [NODE, "node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."],
        cwd=WEB,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
