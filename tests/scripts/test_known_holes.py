"""Audits fail for known holes, and say aloud when they could not be made."""

from __future__ import annotations

import json

import pytest

from scripts.audit import read_npm_audit, read_pip_audit

SOUND = {"name": "httpx", "version": "0.28.1", "vulns": []}
HOLED = {"name": "left", "version": "1.0", "vulns": [{"id": "PYSEC-2026-1"}, {"id": "PYSEC-2026-2"}]}
UNKNOWN = {"name": "httpx", "skip_reason": "Dependency not found and could not be audited: httpx (0.28.1)"}


def test_a_sound_lock_is_told_with_its_size() -> None:
    verdict = read_pip_audit(json.dumps({"dependencies": [SOUND]}))
    assert (verdict.looked_at, verdict.holes, verdict.not_run) == (1, (), "")
    assert verdict.told() == "audit: requirements.lock: 1 packages, 0 known holes"


def test_each_hole_is_a_line() -> None:
    verdict = read_pip_audit(json.dumps({"dependencies": [SOUND, HOLED]}))
    assert verdict.holes == ("left 1.0: PYSEC-2026-1", "left 1.0: PYSEC-2026-2")
    assert verdict.told().count("\n") == 2


@pytest.mark.parametrize("said", ["", "no network", "[]", "{}", json.dumps({"dependencies": [UNKNOWN, SOUND]})])
def test_what_could_not_be_looked_up_is_not_called_sound(said: str) -> None:
    verdict = read_pip_audit(said)
    assert not verdict.holes
    assert "NOT RUN" in verdict.told()
    assert "known holes is not known" in verdict.told()


@pytest.mark.parametrize(("severity", "fails"), [("critical", True), ("high", True), ("moderate", False)])
def test_npm_fails_for_what_is_serious(severity: str, fails: bool) -> None:
    told = {"vulnerabilities": {"left-pad": {"severity": severity}}, "metadata": {"dependencies": {"total": 7}}}
    verdict = read_npm_audit("tests/rig", json.dumps(told))
    assert (verdict.looked_at, bool(verdict.holes), verdict.not_run) == (7, fails, "")


@pytest.mark.parametrize("said", ["", '{"message": "405 Method Not Allowed - POST somewhere"}', '{"error": "offline"}'])
def test_npm_without_its_registry_is_not_called_sound(said: str) -> None:
    told = read_npm_audit("tests/rig", said).told()
    assert "NOT RUN" in told
    assert "somewhere" not in told
