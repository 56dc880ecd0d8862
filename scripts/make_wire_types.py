"""Write the page's TypeScript types of the operators' socket from the models in dashboard_bridge/wire.py.

`--check` writes nothing and exits 1 when the file is not what would be written. json-schema-to-typescript does the
work; `make test` brings it (tests/rig).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter

from dashboard_bridge.wire import OPS_COMMAND, OPS_MESSAGE

ROOT = Path(__file__).resolve().parent.parent
TYPES = ROOT / "dashboard_bridge" / "web" / "src" / "wire.gen.ts"
MAKER = ROOT / "tests" / "rig" / "node_modules" / "json-schema-to-typescript" / "dist" / "src" / "cli.js"
BANNER = "// Made by scripts/make_wire_types.py from dashboard_bridge/wire.py. Do not edit."

Schema = dict[str, Any]


def wire_schema() -> Schema:
    """What is sent and what is asked, as one JSON schema."""
    sent = _named("OpsMessage", OPS_MESSAGE, "serialization")
    asked = _named("OpsCommand", OPS_COMMAND, "validation")
    both = {name: {"$ref": f"#/$defs/{name}"} for name in ("OpsMessage", "OpsCommand")}
    root = {"title": "Wire", "type": "object", "properties": both, "required": list(both)}
    return cast(Schema, _untitled({**root, "additionalProperties": False, "$defs": {**sent, **asked}}))


def _named(name: str, of: TypeAdapter[Any], mode: Any) -> Schema:
    schema = of.json_schema(mode=mode)
    defs = schema.pop("$defs")
    return {**defs, name: {**schema, "title": name}}


def _untitled(node: object, *, keep: bool = True) -> object:
    """Without the titles of fields, each of which would become a type of its own."""
    if isinstance(node, list):
        return [_untitled(item, keep=False) for item in cast(list[object], node)]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: _untitled(value, keep=key == "$defs") for name, value in cast(Schema, inner).items()}
        if key in {"properties", "$defs"}
        else _untitled(inner, keep=False)
        for key, inner in cast(Schema, node).items()
        if keep or key != "title"
    }


def types() -> str:
    """The TypeScript text. Raises CalledProcessError, or FileNotFoundError without Node."""
    command = ["node", str(MAKER), "--unreachableDefinitions", "--bannerComment", BANNER]
    done = subprocess.run(command, input=json.dumps(wire_schema()), capture_output=True, text=True, check=True)
    return done.stdout


def main() -> int:
    """Exit code 1: out of date (`--check`), or the maker is missing."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--check", action="store_true")
    check = asked.parse_args().check
    try:
        made = types()
    except (subprocess.CalledProcessError, FileNotFoundError) as why:
        print(f"json-schema-to-typescript could not be run: {why}", file=sys.stderr)
        return 1
    if check:
        fresh = TYPES.exists() and TYPES.read_text(encoding="utf-8") == made
        if not fresh:
            print(f"{TYPES.relative_to(ROOT)} is out of date: run scripts/make_wire_types.py", file=sys.stderr)
        return 0 if fresh else 1
    TYPES.parent.mkdir(parents=True, exist_ok=True)
    TYPES.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
