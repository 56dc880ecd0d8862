"""A shop file (YAML or JSON) becomes a Shop, an owner's file OwnerFacts, or a list of all that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError
from yaml.error import MarkedYAMLError

from agent.errors import ShopFileError
from agent.knowledge.owner import OwnerFacts
from agent.model import Model, Shop

M = TypeVar("M", bound=Model)
MAX_BYTES = 500_000
"""A thousand services with long texts stay far below; a larger file is a mistake."""
MAX_DEPTH = 20
"""A shop file needs six levels."""


def read_shop_file(path: Path) -> Shop:
    """The shop in `path`; `.json` is read as JSON, anything else as YAML. UTF-8 in both cases.

    Raises ShopFileError with every problem as `path.inside[0].file: what is wrong`.
    """
    shop = _read(path, Shop)
    if problems := [*_contradictions(shop)]:
        raise ShopFileError(str(path), problems)
    return shop


def read_owner_file(path: Path) -> OwnerFacts:
    """What the owner says beside the website, in a file of the same form. Raises ShopFileError."""
    return _read(path, OwnerFacts)


def _read(path: Path, kind: type[M]) -> M:
    text = _text(path)
    data = _json(path, text) if path.suffix.lower() == ".json" else _yaml(path, text)
    if not isinstance(data, dict):
        raise ShopFileError(str(path), ["(file): must be a mapping of fields, such as `greeting: ...`"])
    try:
        return kind.model_validate(data)
    except ValidationError as why:
        raise ShopFileError(str(path), [_problem(e["loc"], e["msg"], e["type"]) for e in why.errors()]) from why
    except RecursionError as why:
        raise ShopFileError(str(path), ["(file): is nested too deeply"]) from why


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise ShopFileError(str(path), ["(file): not found, or not a file"])
        if path.stat().st_size > MAX_BYTES:
            raise ShopFileError(str(path), [f"(file): is larger than {MAX_BYTES} bytes"])
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as why:
        problem = f"(file): is not UTF-8 text (byte {why.start}); save it with the encoding UTF-8"
        raise ShopFileError(str(path), [problem]) from why
    except (OSError, ValueError) as why:
        raise ShopFileError(str(path), [f"(file): cannot be read: {why}"]) from why


class _Loader(yaml.SafeLoader):
    """YAML without its surprises: every scalar stays text, and the model decides what it means.

    Plain YAML 1.1 reads 17:00 as the number 1020, +18084826296 as a number without its plus, and takes the
    last of two equal keys in silence.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise MarkedYAMLError(problem="a field name must be text", problem_mark=node.start_mark)
            if key.value in seen:
                raise MarkedYAMLError(problem=f"{key.value!r} is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: kept
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    if (kept := [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"])
}


def _yaml(path: Path, text: str) -> object:
    try:
        _refuse_tricks(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader, made stricter
    except MarkedYAMLError as why:
        where = f" (line {why.problem_mark.line + 1})" if why.problem_mark else ""
        raise ShopFileError(str(path), [f"(file): is not valid YAML: {why.problem}{where}"]) from why
    except yaml.YAMLError as why:
        raise ShopFileError(str(path), [f"(file): is not valid YAML: {_one_line(str(why))}"]) from why
    except RecursionError as why:
        raise ShopFileError(str(path), ["(file): is nested too deeply"]) from why


def _refuse_tricks(text: str) -> None:
    """Ten lines of aliases to aliases unfold into gigabytes; deep nesting takes hours to read."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise MarkedYAMLError(problem=f"aliases (*name) are not allowed (line {line})")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise MarkedYAMLError(problem=f"nested more than {MAX_DEPTH} deep")


def _json(path: Path, text: str) -> object:
    try:
        # Numbers stay text as in YAML: 42.10 then is a price, not a binary fraction.
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_unique_keys)
    except ValueError as why:
        raise ShopFileError(str(path), [f"(file): is not valid JSON: {why}"]) from why
    except RecursionError as why:
        raise ShopFileError(str(path), ["(file): is nested too deeply"]) from why


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        twice = next(key for key in fields if [k for k, _ in pairs].count(key) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return fields


def _problem(location: tuple[int | str, ...], message: str, kind: str) -> str:
    words = {"missing": "is missing", "extra_forbidden": "is not a field of this file"}
    return f"{_path(location)}: {words.get(kind, _one_line(message.removeprefix('Value error, ')))}"


def _path(location: tuple[int | str, ...]) -> str:
    parts = [part for part in location if part != "[key]"]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".") or "(file)"


def _contradictions(shop: Shop) -> Iterable[str]:
    """What each field alone cannot show."""
    yield from _repeated("services", [service.name for service in shop.services])
    yield from _repeated("professionals", [person.name for person in shop.professionals])
    if shop.transfer_to == shop.phone_number:
        yield "transfer_to: is the shop's own number here; a transferred call would come back"


def _repeated(field: str, names: list[str]) -> Iterable[str]:
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        earlier = first.setdefault(name.casefold(), place)
        if earlier != place:
            yield f"{field}[{place}].name: {name!r} is the name of {field}[{earlier}] too"


def _one_line(text: str) -> str:
    return " ".join(text.split())
