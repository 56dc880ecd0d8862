"""Set up shops: store them from files, list them, point their phone numbers here.

    python scripts/setup_shop.py --from-file shop.yaml [more.yaml ...]
    python scripts/setup_shop.py --list [--json [FILE]]
    python scripts/setup_shop.py --connect-number +18084826296   (or: all)

Exit codes: 0 done, 1 it failed (store, Twilio), 2 what was given is wrong. Nothing is stored unless every
file is good.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agent.bus.local import LocalBus
from agent.errors import ChairsideError, Conflict, SettingsError, ShopFileError
from agent.knowledge.registry import register_shop
from agent.knowledge.shop_file import read_shop_file
from agent.model import Shop, ShopListing, to_e164
from agent.ports import KnowledgeStore
from agent.settings import Settings, read_settings
from agent.stores.choice import open_store


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.json is not None and not arguments.list:
        parser.error("--json goes with --list")
    if not (arguments.from_file or arguments.list or arguments.connect_number):
        parser.error("nothing to do: give --from-file, --list or --connect-number")
    try:
        asyncio.run(_run(arguments))
    except ShopFileError as why:
        _complain(f"[{why.stage}/{why.code}] nothing was stored")
        for problem in why.problems:
            _complain(f"  {problem}")
        return 2
    except (Conflict, SettingsError) as why:
        _complain(str(why))
        return 2
    except (ChairsideError, OSError) as why:
        _complain(str(why))
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Set up the shops Chairside answers for.")
    parser.add_argument("--from-file", nargs="+", type=Path, metavar="FILE", help="store these shops")
    parser.add_argument("--list", action="store_true", help="show the stored shops")
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="list as JSON, on standard output or into FILE"
    )
    parser.add_argument("--connect-number", metavar="NUMBER", help="point this Twilio number here; 'all': every shop's")
    parser.add_argument("--database", type=Path, metavar="PATH", help="this SQLite file, whatever the settings say")
    return parser


async def _run(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments.database)
    shops = _read_all(arguments.from_file or [])
    numbers = _wanted_numbers(arguments.connect_number)
    async with open_store(settings) as store:
        if shops:
            await _store_all(store, shops, quiet=arguments.json is not None)
        listings = await store.list_shops()
    if arguments.list:
        _show(listings, arguments.json)
    if arguments.connect_number:
        known = {shop.phone_number for shop in listings} | set(settings.phone_to_location_map)
        for number in set(numbers) - known:
            _complain(f"Mind that {number} leads to no shop yet: callers would be told so.")
        await _connect_all(settings, numbers or [shop.phone_number for shop in listings])


def _settings(database: Path | None) -> Settings:
    settings = read_settings()
    if database is None:
        return settings
    return settings.model_copy(update={"database_path": database, "supabase_url": ""})


def _read_all(paths: list[Path]) -> list[Shop]:
    """Every shop, or a ShopFileError with the problems of all files, each with its file's name."""
    shops: dict[Path, Shop] = {}
    problems: list[str] = []
    for path in paths:
        try:
            shops[path] = read_shop_file(path)
        except ShopFileError as why:
            problems += [f"{path}: {problem}" for problem in why.problems]
    problems += _clashes(shops)
    if problems:
        raise ShopFileError(", ".join(map(str, paths)), problems)
    return list(shops.values())


def _clashes(shops: dict[Path, Shop]) -> list[str]:
    problems: list[str] = []
    for field in ("location_id", "phone_number"):
        first: dict[object, Path] = {}
        for path, shop in shops.items():
            other = first.setdefault(getattr(shop, field), path)
            if other != path:
                problems.append(f"{path}: {field}: {getattr(shop, field)} is in {other} too")
    return problems


def _wanted_numbers(argument: str | None) -> list[str]:
    if argument is None or argument == "all":
        return []
    try:
        return [to_e164(argument)]
    except ValueError as why:
        raise SettingsError([f"--connect-number: {why}"]) from why


async def _store_all(store: KnowledgeStore, shops: list[Shop], *, quiet: bool) -> None:
    for shop in shops:  # all are checked before the first is stored
        owner = await store.get_location_from_phone_number(shop.phone_number)
        if owner not in (None, shop.location_id):
            raise Conflict("phone_number_taken", f"{shop.phone_number} already leads to location {owner}.")
    bus = LocalBus()  # nobody listens in this process; a running server looks into the store by itself
    for shop in shops:
        stored = await register_shop(store, bus, shop, clock=lambda: datetime.now(UTC))
        if not quiet:
            print(f"Location {stored.location_id}, {stored.business_name}: version {stored.version} stored.")


def _show(listings: list[ShopListing], target: str | None) -> None:
    if target is not None:
        text = json.dumps({"shops": [shop.model_dump() for shop in listings]}, ensure_ascii=False, indent=2)
        if target == "-":
            print(text)
        else:
            Path(target).write_text(text + "\n", encoding="utf-8")
        return
    table = Table("location", "shop", "number", "time zone")
    for shop in listings:
        table.add_row(str(shop.location_id), shop.business_name, shop.phone_number, shop.timezone)
    Console().print(table)


async def _connect_all(settings: Settings, numbers: list[str]) -> None:
    from agent.telephony.numbers import connect_number  # only here: loading the twilio package is slow

    for number in numbers:
        connected = await connect_number(settings, number)
        print(f"{connected.phone_number}: calls go to {connected.voice_url}, texts to {connected.sms_url}.")


def _complain(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
