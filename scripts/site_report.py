"""What the extractor reads from saved websites, and how well against their ground truth.

python scripts/site_report.py --sites DIR [--out DIR]       every DIR/<slug>/html; scores when DIR/score.py exists
python scripts/site_report.py --site-dir DIR/html --json [FILE]   one site, in the same form
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from _found import write_json  # noqa: E402
from _site import saved_site  # noqa: E402

from agent.errors import ChairsideError  # noqa: E402
from agent.knowledge.extract.facts import prediction  # noqa: E402
from agent.knowledge.first_reading import read_site  # noqa: E402


def predict(folder: Path) -> dict[str, Any]:
    return prediction(read_site(saved_site(folder).texts()))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--sites", type=Path, help="folder with <slug>/html folders and, for scores, score.py")
    which.add_argument("--site-dir", type=Path, help="one saved site")
    parser.add_argument("--out", type=Path, help="with --sites: keep the predictions here")
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="with --site-dir: write here instead of stdout"
    )
    options = parser.parse_args()
    try:
        return _report(options)
    except ChairsideError as why:
        print(why, file=sys.stderr)
        return 2


def _report(options: argparse.Namespace) -> int:
    if options.site_dir:
        write_json(predict(options.site_dir), options.json or "-", indent=1)
        return 0
    if options.out:
        return _all(options.sites, options.out)
    with tempfile.TemporaryDirectory() as folder:
        return _all(options.sites, Path(folder))


def _all(sites: Path, out: Path) -> int:
    folders = sorted(folder for folder in sites.glob("*/html") if folder.is_dir())
    if not folders:
        print(f"{sites} holds no <slug>/html folders", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        write_json(predict(folder), str(out / f"{folder.parent.name}.json"), indent=1)
    scorer = (sites / "score.py").resolve()
    if not scorer.exists():
        print(f"{len(folders)} sites read into {out}; {sites} holds no score.py")
        return 0
    return subprocess.run([sys.executable, str(scorer), str(out)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
