"""Set up shops: store them from files or websites, list them, point their phone numbers here.

    python scripts/setup_shop.py --from-file shop.yaml [more.yaml ...]
    python scripts/setup_shop.py --website URL --location 1 --number +18084826296 --name "Plumeria Hair"
    python scripts/setup_shop.py --refresh --location 1 [--accept-changes]
    python scripts/setup_shop.py --proposals 1 [--approve ID ... | all] [--reject ID ... | all]
    python scripts/setup_shop.py --dry-run (--website URL | --site-dir DIR) [--json [FILE]]
    python scripts/setup_shop.py --list [--json [FILE]]
    python scripts/setup_shop.py --connect-number +18084826296   (or: all)

Exit codes: 0 done, 1 it failed (store, website, server, Twilio), 2 what was given is wrong. Nothing is stored
unless every file is good and the website was read to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from _found import plain, write_json
from loguru import logger
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from agent.bus.local import LocalBus
from agent.errors import ChairsideError, Conflict, NotFound, SettingsError, SetupError, ShopFileError
from agent.knowledge.jobs import SetupRequest
from agent.knowledge.owner import OwnerFacts
from agent.knowledge.registry import register_shop
from agent.knowledge.shop_file import read_owner_file, read_shop_file
from agent.model import Shop, ShopListing, to_e164
from agent.ports import KnowledgeStore
from agent.settings import Settings, read_settings
from agent.stores.choice import Store, open_store

if TYPE_CHECKING:
    from _site import Outcome

    from agent.knowledge.extract.facts import SecondReading

FLAGS = {
    "location_id": "--location",
    "phone_number": "--number",
    "website_url": "--website",
    "business_name": "--name",
    "timezone": "--timezone",
    "currency": "--currency",
}
"""What a request is made of, as it is typed here."""
GIVEN = frozenset([
    *(f"{field}_invalid" for field in FLAGS), "url_invalid", "scheme_refused", "credentials_refused", "port_refused",
    "phone_number_taken", "location_unknown", "proposal_unknown", "proposal_outdated", "proposal_decided",
    "change_unknown", "change_decided", "change_contradicted", "nothing_decided", "website_unknown",
    "timezone_unknown", "currency_unknown", "folder_unknown", "folder_unreadable", "folder_empty",
    "output_unwritable", "server_url_invalid", "token_missing", "token_refused",
    "owner_service_unknown", "owner_professional_unknown", "owner_transfer_invalid",
])  # fmt: skip
"""Errors of what was given: the same again fails again."""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if (wrong := _contradiction(arguments)) is not None:
        parser.error(wrong)
    logger.remove()
    logger.add(sys.stderr, level="ERROR", diagnose=False)
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
        return 2 if isinstance(why, ChairsideError) and why.code in GIVEN else 1
    except KeyboardInterrupt:
        _complain("Stopped.")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Set up the shops Chairside answers for.")
    parser.add_argument("--from-file", nargs="+", type=Path, metavar="FILE", help="store these shops")
    parser.add_argument("--list", action="store_true", help="show the stored shops")
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="with --list, --dry-run or --proposals: as JSON, on standard output or into FILE",
    )
    parser.add_argument("--connect-number", metavar="NUMBER", help="point this Twilio number here; 'all': every shop's")
    parser.add_argument("--database", type=Path, metavar="PATH", help="this SQLite file, whatever the settings say")
    site = parser.add_argument_group("from a website")
    site.add_argument("--website", metavar="URL", help="read this website")
    site.add_argument("--site-dir", type=Path, metavar="DIR", help="read the pages saved in this folder instead")
    site.add_argument("--refresh", action="store_true", help="read a stored shop's website again; shows what changed")
    site.add_argument("--dry-run", action="store_true", help="show what was found and store nothing")
    site.add_argument("--accept-changes", action="store_true", help="store what the site now says differently")
    site.add_argument("--location", metavar="N", help="the shop's id")
    site.add_argument("--number", metavar="+E164", help="the phone number that leads to the shop")
    site.add_argument("--name", metavar="TEXT", help="the shop's name")
    site.add_argument("--timezone", metavar="ZONE", help="where the number does not tell it: Europe/Berlin")
    site.add_argument("--currency", metavar="CODE", help="where the website does not tell it: EUR")
    site.add_argument("--owner", type=Path, metavar="FILE", help="what the owner says beside the website, as YAML")
    site.add_argument("--server", metavar="URL", help="let this running server do it (needs ADMIN_TOKEN)")
    said = parser.add_argument_group("what a website says anew")
    said.add_argument("--proposals", metavar="N", help="show what is proposed for location N")
    said.add_argument(
        "--approve", nargs="+", metavar="ID", help="with --proposals: make these changes; 'all': every one"
    )
    said.add_argument("--reject", nargs="+", metavar="ID", help="with --proposals: leave these; 'all': every one")
    return parser


def _contradiction(given: argparse.Namespace) -> str | None:
    """Why these arguments do not go together, or None."""
    from_site = given.website or given.site_dir or given.refresh
    facts = [flag for flag in FLAGS.values() if getattr(given, flag[2:]) is not None]
    others = given.from_file or given.list or given.connect_number
    if given.proposals is not None:
        return _beside_proposals(given, facts)
    if given.approve or given.reject:
        return "--approve and --reject go with --proposals"
    if given.json is not None and not (given.list or given.dry_run):
        return "--json goes with --list, --dry-run or --proposals"
    if not from_site:
        return _without_site(given, facts)
    if given.from_file:
        return "--from-file and a website are two things; give one"
    if given.owner and given.dry_run:
        return "--owner is stored with the shop, and --dry-run stores nothing"
    if given.dry_run and (others or given.accept_changes or given.server):
        return "--dry-run goes with --website, --site-dir or --refresh and stores nothing, here or on a server"
    if given.server and (others or given.site_dir or given.database):
        return "--server takes a website, and stores by its own settings"
    if given.refresh and set(facts) - {"--location"}:
        return "--refresh takes what is stored: give --location only"
    needed = ["--location"] if given.refresh else [] if given.dry_run else list(FLAGS.values())[:4]
    missing = [flag for flag in needed if flag not in facts]
    return f"missing: {', '.join(missing)}" if missing else None


def _beside_proposals(given: argparse.Namespace, facts: list[str]) -> str | None:
    others = given.website or given.site_dir or given.refresh or given.from_file or given.list or given.connect_number
    if others or facts or given.dry_run or given.accept_changes:
        return "--proposals stands alone, or with --approve, --reject, --server, --database or --json"
    if given.json is not None and (given.approve or given.reject):
        return "--json shows what is proposed; it does not go with --approve or --reject"
    if given.server and given.database:
        return "--server stores by its own settings"
    return None


def _without_site(given: argparse.Namespace, facts: list[str]) -> str | None:
    if given.dry_run or given.accept_changes or given.server or given.owner or facts:
        return "give --website, --site-dir or --refresh with that"
    if not (given.from_file or given.list or given.connect_number):
        return (
            "nothing to do: give --from-file, --website, --site-dir, --refresh, --proposals, --list or --connect-number"
        )
    return None


async def _run(arguments: argparse.Namespace) -> None:
    if arguments.dry_run and not arguments.refresh:
        await _look(arguments)
        return
    request = _request(arguments) if arguments.website and not arguments.refresh else None
    settings = _settings(arguments.database)
    if arguments.proposals is not None:
        from _proposals import show_or_decide

        await show_or_decide(_location(arguments.proposals, "--proposals"), arguments, settings)
        return
    if arguments.server:
        await _at_server(arguments, request, settings)
        return
    shops = _read_all(arguments.from_file or [])
    numbers = _wanted_numbers(arguments.connect_number)
    async with open_store(settings) as store:
        if shops:
            await _store_all(store, shops, quiet=arguments.json is not None)
        if request or arguments.refresh:
            await _from_site(store, request, arguments, settings)
        listings = await store.list_shops()
    if arguments.list:
        _show(listings, arguments.json)
    if arguments.connect_number:
        known = {shop.phone_number for shop in listings} | set(settings.phone_to_location_map)
        for number in set(numbers) - known:
            _complain(f"Mind that {number} leads to no shop yet: callers would be told so.")
        await _connect_all(settings, numbers or [shop.phone_number for shop in listings])


async def _look(arguments: argparse.Namespace) -> None:
    """What a website says, and nothing else: no store is opened."""
    from _found import show_facts
    from _site import look

    from agent.knowledge.extract.facts import prediction

    site, facts = await look(arguments.website or "", arguments.site_dir, read_settings)
    for page in site.problems:
        _complain(f"Left out [{page.code}]: {page.message}")
    _tell_second(facts.second_reading)
    if arguments.json is not None:
        write_json(prediction(facts), arguments.json, indent=1)
    else:
        show_facts(facts)


def _request(arguments: argparse.Namespace) -> SetupRequest:
    """Raises SetupError for the first fact that is wrong."""
    given = {field: getattr(arguments, flag[2:]) for field, flag in FLAGS.items()}
    given["currency"] = given["currency"] and given["currency"].upper()
    try:
        return SetupRequest.model_validate(
            {**given, "accept_changes": arguments.accept_changes, "owner": _owner(arguments)}
        )
    except ValidationError as why:
        first = why.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0])
        message = first["msg"].removeprefix("Value error, ")
        raise SetupError(f"{field}_invalid", f"{FLAGS[field]}: {message}.") from why


def _owner(arguments: argparse.Namespace) -> OwnerFacts | None:
    """Raises ShopFileError."""
    return read_owner_file(arguments.owner) if arguments.owner else None


async def _from_site(
    store: Store, request: SetupRequest | None, arguments: argparse.Namespace, settings: Settings
) -> None:
    """Straight on the store; without a request, as the shop is stored."""
    from _site import request_again, set_up

    if request is None:
        location_id = _location(arguments.location)
        shop = await store.get_location_knowledge(location_id)
        if shop is None:
            raise NotFound("location_unknown", f"There is no shop with location {location_id}.")
        request = request_again(shop, accept_changes=arguments.accept_changes, owner=_owner(arguments))
    outcome = await set_up(store, request, arguments.site_dir, settings)
    if arguments.dry_run and arguments.json is not None:
        changes = outcome.changes.changes if outcome.changes else ()
        write_json({"changes": [change.model_dump(mode="json") for change in changes]}, arguments.json)
    _tell(outcome, quiet=arguments.json is not None)


async def _at_server(arguments: argparse.Namespace, request: SetupRequest | None, settings: Settings) -> None:
    from _site import Server, request_again, set_up_at

    async with Server.at(arguments.server, settings.admin_token.get_secret_value()) as server:
        if request is None:
            shop = await server.shop(_location(arguments.location))
            request = request_again(shop, accept_changes=arguments.accept_changes, owner=_owner(arguments))
        _tell(await set_up_at(server, request), quiet=False)


def _location(text: str, flag: str = "--location") -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:19]) > 0 and len(text) < 19):
        raise SetupError("location_id_invalid", f"{flag}: {text} is not a whole number above 0.")
    return int(text)


def _tell(outcome: Outcome, *, quiet: bool) -> None:
    """How a set-up ended; `quiet` leaves standard output to somebody else's JSON."""
    from _found import show_changes, show_facts, show_questions

    job = outcome.job
    for page in job.missing:
        _complain(f"Left out [{page.code}]: {page.message}")
    _tell_second(job.second_reading)
    if quiet:
        return
    if outcome.changes is not None:
        show_changes(outcome.changes)
    elif outcome.facts is not None and job.outcome == "stored":
        show_facts(outcome.facts, job.questions)
    elif job.outcome == "stored":
        show_questions(job.questions)
    end = {
        "stored": "stored",
        "unchanged": "is what it was; nothing new",
        "proposed": "stands. None of these changes is stored; see --proposals, or add --accept-changes to take them",
    }[job.outcome or "unchanged"]
    print(f"Location {job.location_id}, {job.request.business_name}: version {job.version} {end}.")


def _tell_second(reading: SecondReading | None) -> None:
    """What a language model added, where one was asked."""
    if reading is None:
        return
    dropped = sum(reading.dropped.values())
    told = f"A language model was asked about {reading.pages} pages: {reading.kept} facts kept, {dropped} dropped."
    _complain(f"{told} {plain(reading.message)}".rstrip())


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
        write_json({"shops": [shop.model_dump() for shop in listings]}, target)
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
    print(plain(text), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
