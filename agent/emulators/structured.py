"""Structured answers: what OpenAI asks of a JSON schema in its strict form, and the answer that says nothing.

OpenAI's guide "Structured model outputs", section "Supported schemas": every object lists all of its properties as
required and admits no others. A schema that does not is refused with 400.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from agent.emulators.vendor import Json


def schema_of(body: Json) -> tuple[str, Json] | None:
    """The name and schema of the answer that a request wants, or None for free text."""
    wanted = _object(body.get("response_format"))
    if wanted.get("type") != "json_schema":
        return None
    form = _object(wanted.get("json_schema"))
    return str(form.get("name", "")), _object(form.get("schema"))


def complaint(body: Json) -> str | None:
    """Why the schema of a request is refused, in the vendor's words, or None."""
    wanted = schema_of(body)
    strict = _object(_object(body.get("response_format")).get("json_schema")).get("strict")
    if wanted is None or strict is not True:
        return None
    name, schema = wanted
    found = next(_faults(schema), None)
    return None if found is None else f"Invalid schema for response_format '{name}': In context=(), {found}"


def nothing(schema: Json, root: Json | None = None) -> Any:
    """The emptiest value a schema allows."""
    root = schema if root is None else root
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        return nothing(_object(cast(list[object], schema["anyOf"])[-1]), root)
    if "enum" in schema:
        return cast(list[object], schema["enum"])[0]
    match schema.get("type"):
        case "object":
            return {name: nothing(_object(part), root) for name, part in _object(schema.get("properties")).items()}
        case "array":
            return []
        case "boolean":
            return False
        case "integer" | "number":
            return 0
        case "string":
            return ""
        case _:
            return None


def _faults(schema: Json) -> Iterator[str]:
    properties = _object(schema.get("properties"))
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield "'additionalProperties' is required to be supplied and to be false."
        if missing := properties.keys() - set(cast(list[str], schema.get("required") or [])):
            yield (
                "'required' is required to be supplied and to be an array including every key in properties. "
                f"Missing '{min(missing)}'."
            )
    parts = [*properties.values(), *_object(schema.get("$defs")).values(), schema.get("items")]
    for part in filter(None, map(_object, parts)):
        yield from _faults(part)


def _resolved(schema: Json, root: Json) -> Json:
    reference = schema.get("$ref")
    return _object(_object(root.get("$defs")).get(str(reference).rpartition("/")[2])) if reference else schema


def _object(value: object) -> Json:
    return cast(Json, value) if isinstance(value, dict) else {}
