"""Look at this installation as a doctor would: each finding green or red, the remedy beside the red.

    python scripts/doctor.py [--json [FILE]]

Settings come from the environment (`make doctor` reads .env first). Nothing is changed: no number is touched,
no vendor is called. Exit code: 0 when nothing is red, 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import uvicorn
from loguru import logger
from rich.console import Console
from rich.markup import escape
from twilio.request_validator import RequestValidator

from agent.emulators.report import CallReport
from agent.emulators.scenario import parse_scenario
from agent.emulators.theatre import open_theatre
from agent.emulators.voice import VoiceUnavailable
from agent.errors import ChairsideError, SettingsError
from agent.knowledge.registry import location_key
from agent.knowledge.shop_file import read_shop_file
from agent.model import Shop, ShopListing
from agent.settings import Settings, read_settings
from agent.stores.choice import describe_store, open_store
from agent.stores.embedded import EmbeddedStore
from server import create_app, uvicorn_config

ROOT = Path(__file__).resolve().parent.parent
State = Literal["green", "red", "not checked"]
SAMPLE = ROOT / "scripts" / "samples" / "plumeria-hair-honolulu.yaml"
GREETING_LIMIT_MS = 1000.0
"""A greeting later than this means that it was not rendered before the call."""


@dataclass(frozen=True)
class Finding:
    """What one look showed; `remedy` is empty unless red."""

    name: str
    state: State
    detail: str
    remedy: str = ""


def green(name: str, detail: str) -> Finding:
    return Finding(name, "green", detail)


def red(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, "red", detail, remedy)


def look_at_python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return green("python", version)
    return red("python", f"{version} is not supported", "Install Python 3.11 to 3.13, then: make clean setup")


def look_at_codec() -> Finding:
    """Every mu-law byte decoded and encoded again; G.711 has two zeros, and 0x7f becomes the other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.11 and 3.12 announce that 3.13 moves it
        import audioop
    every = bytes(range(256))
    back = audioop.lin2ulaw(audioop.ulaw2lin(every, 2), 2)
    if back == every.replace(b"\x7f", b"\xff"):
        return green("codec", "mu-law survives a round trip")
    return red("codec", "mu-law is garbled by this Python's audioop", "make clean setup")


def look_at_keys(settings: Settings) -> Finding:
    try:
        settings.require_vendor_keys()
    except SettingsError as why:
        remedy = "Fill them in, in .env (docs/going-live.md, Keys)"
        return red("keys", "; ".join(why.problems), remedy)
    return green("keys", "all are set")


def look_at_public_url(settings: Settings) -> Finding:
    url = urlsplit(settings.public_url)
    remedy = "Set PUBLIC_URL to the https address that leads here (docs/going-live.md, A public address)"
    if url.scheme != "https" or not url.hostname:
        return red("public url", f"{settings.public_url} is not https: Twilio cannot open a media socket", remedy)
    if url.path or url.query:
        return red("public url", f"{settings.public_url} has a path; signatures will not match", remedy)
    if url.hostname in {"localhost", "127.0.0.1"} or url.hostname.endswith(".example.com"):
        return red("public url", f"{url.hostname} is no address Twilio can reach", remedy)
    return green("public url", settings.public_url)


async def look_at_store(settings: Settings) -> tuple[Finding, list[ShopListing]]:
    where = describe_store(settings)
    remedy = "Store a shop: .venv/bin/python scripts/setup_shop.py --from-file my-shop.yaml"
    if not settings.supabase_url and not settings.database_path.exists():
        return red("shops", f"{where} does not exist yet", remedy), []
    try:
        async with open_store(settings) as store:
            shops = await store.list_shops()
    except ChairsideError as why:
        return red("shops", str(why), f"Check that {where} is a Chairside database and may be written"), []
    if not shops:
        return red("shops", f"{where} holds no shop", remedy), []
    strays = set(settings.phone_to_location_map.values()) - {shop.location_id for shop in shops}
    if strays:
        detail = f"PHONE_TO_LOCATION_MAP names locations without a shop: {sorted(strays)}"
        return red("shops", detail, remedy), shops
    return green("shops", ", ".join(f"{shop.business_name} on {shop.phone_number}" for shop in shops)), shops


async def look_at_server(settings: Settings, shops: Sequence[ShopListing]) -> list[Finding]:
    """Ask a running server as Twilio does: here, and through the public address."""
    here = f"http://127.0.0.1:{settings.port}"
    async with httpx.AsyncClient(timeout=5) as client:
        if not await _is_chairside(client, here):
            nobody = f"no server is running at {here}; the emulated call stands in for it"
            return [Finding("running server", "not checked", nobody)]
        findings = [await _look_at_twiml(client, here, settings, shops)]
        if look_at_public_url(settings).state == "green":
            findings.append(await _look_from_outside(client, settings))
    return findings


async def _look_at_twiml(
    client: httpx.AsyncClient, here: str, settings: Settings, shops: Sequence[ShopListing]
) -> Finding:
    name, token = "running server", settings.twilio_auth_token.get_secret_value()
    if not shops or not token:
        return Finding(name, "not checked", "needs a shop and TWILIO_AUTH_TOKEN")
    form = {"CallSid": "CA" + "0" * 32, "From": "+12025550143", "To": shops[0].phone_number}
    signature = RequestValidator(token).compute_signature(f"{settings.public_url}/voice", form)
    answer = await client.post(f"{here}/voice", data=form, headers={"X-Twilio-Signature": signature})
    if answer.status_code == 403:
        remedy = "Restart it: it runs with another PUBLIC_URL or TWILIO_AUTH_TOKEN than .env holds now"
        return red(name, "it refuses our signature", remedy)
    wrong = twiml_problem(answer.text, settings.public_url)
    if wrong:
        return red(name, wrong, "Restart it with today's .env: make serve")
    return green(name, f"answers for {shops[0].phone_number}")


async def _look_from_outside(client: httpx.AsyncClient, settings: Settings) -> Finding:
    if await _is_chairside(client, settings.public_url):
        return green("way in", f"{settings.public_url} leads to this server")
    remedy = f"Start the tunnel or proxy again, to port {settings.port}; a new address goes into PUBLIC_URL"
    return red("way in", f"{settings.public_url} does not lead to this server", remedy)


async def _is_chairside(client: httpx.AsyncClient, url: str) -> bool:
    try:
        answer = await client.get(f"{url}/healthz")
        return answer.is_success and answer.json().get("status") == "ok"
    except (httpx.HTTPError, ValueError, AttributeError):
        return False


def twiml_problem(twiml: str, public_url: str) -> str:
    """What is wrong with the TwiML that answers a call; empty when nothing is."""
    try:
        stream = ElementTree.fromstring(twiml).find("./Connect/Stream")  # noqa: S314 - our own server's
    except ElementTree.ParseError:
        return "its answer is no TwiML"
    expected = "ws" + public_url.removeprefix("http") + "/media"
    if stream is None:
        return "it does not connect the call to a stream"
    if stream.get("url") != expected:
        return f"it sends Twilio to {stream.get('url')} instead of {expected}"
    return "" if stream.find("./Parameter[@name='ticket']") is not None else "the stream has no ticket"


async def look_at_emulated_call() -> list[Finding]:
    """A call of the sample shop, every vendor emulated: proves this machine, not the keys."""
    name = "emulated call"
    try:
        shop = read_shop_file(SAMPLE)
        report, public_url = await asyncio.wait_for(_emulated_call(shop), 60)
    except VoiceUnavailable as why:
        return [red(name, str(why), "make clean setup")]
    except Exception as why:
        # Whatever broke, the other findings must still be shown.
        return [red(name, f"{type(why).__name__}: {why}", "Run make test; the first failure names the culprit")]
    wrong = twiml_problem(report.twiml[0], public_url) if report.twiml else "no TwiML came"
    twiml = red("twiml", wrong, "make test ARGS='-k voice'") if wrong else green("twiml", "a signed /voice connects")
    return [twiml, _judge(report)]


async def _emulated_call(shop: Shop) -> tuple[CallReport, str]:
    steps = [{"say": f"Hello, how much is a {shop.services[0].name}?"}, {"wait": "agent_done"}]
    scenario = parse_scenario({"name": "doctor", "to": shop.phone_number, "steps": steps})
    async with open_theatre(_build, furnish=partial(_store, shop), scenarios=[scenario]) as theatre:
        return await theatre.caller.call(scenario), theatre.settings.public_url


def _build(settings: Settings) -> uvicorn.Config:
    return uvicorn_config(settings, create_app(settings))


async def _store(shop: Shop, settings: Settings) -> None:
    async with EmbeddedStore.open(settings.database_path) as store:
        await store.store_knowledge(location_key(shop.location_id), shop)


def _judge(report: CallReport) -> Finding:
    name, remedy = "emulated call", "Run make test; the first failure names the culprit"
    answers = [at.voice_to_voice_ms for at in report.exchanges if at.voice_to_voice_ms is not None]
    if report.error or report.greeting_ms is None or not answers:
        return red(name, report.error or f"the caller was not answered ({report.end})", remedy)
    detail = f"greeting after {report.greeting_ms:.0f} ms, answer after {answers[0]:.0f} ms"
    if report.greeting_ms > GREETING_LIMIT_MS:
        return red(name, detail, "This machine is too busy or too small for calls: free it, then look again")
    return green(name, detail)


async def examine(show: Callable[[Finding], None]) -> list[Finding]:
    """Every finding, shown as it is made."""
    findings: list[Finding] = []

    def found(*new: Finding) -> None:
        findings.extend(new)
        for finding in new:
            show(finding)

    found(look_at_python(), look_at_codec())
    try:
        settings = read_settings()
    except SettingsError as why:
        found(red("settings", "; ".join(why.problems), "Correct them in .env (docs/settings.md)"))
    else:
        found(look_at_keys(settings), look_at_public_url(settings))
        store, shops = await look_at_store(settings)
        found(store)
        found(*await look_at_server(settings, shops))
    found(*await look_at_emulated_call())
    return findings


def main(argv: Sequence[str] | None = None) -> int:
    """Show the findings and return the exit code."""
    parser = argparse.ArgumentParser(description="Check this installation; the remedy stands beside what is red.")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="on standard output, or into FILE")
    arguments = parser.parse_args(argv)
    logger.remove()
    to_stdout = arguments.json == "-"
    console = Console(stderr=to_stdout)
    findings = asyncio.run(examine(lambda finding: _show(console, finding)))
    healthy = all(finding.state != "red" for finding in findings)
    if arguments.json is not None:
        text = json.dumps({"ok": healthy, "findings": [asdict(at) for at in findings]}, indent=2, ensure_ascii=False)
        print(text) if to_stdout else Path(arguments.json).write_text(text + "\n", encoding="utf-8")
    return 0 if healthy else 1


def _show(console: Console, finding: Finding) -> None:
    sign = {"green": "[green]✓[/]", "red": "[red]✗[/]", "not checked": "[dim]·[/]"}[finding.state]
    console.print(f"{sign} {finding.name:<15} {escape(finding.detail)}", soft_wrap=True)
    if finding.remedy:
        console.print(f"  [red]→ {escape(finding.remedy)}[/]", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
