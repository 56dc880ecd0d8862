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
import time
import uuid
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import uvicorn
from loguru import logger
from redis.asyncio import Redis
from redis.exceptions import RedisError
from rich.console import Console
from rich.markup import escape
from twilio.request_validator import RequestValidator

from agent.emulators.report import CallReport
from agent.emulators.scenario import parse_scenario
from agent.emulators.theatre import open_theatre
from agent.emulators.voice import VoiceUnavailable
from agent.errors import ChairsideError, Denied, SettingsError
from agent.knowledge.registry import location_key
from agent.knowledge.shop_file import read_shop_file
from agent.model import Shop, ShopListing
from agent.ports import CallStore
from agent.settings import Settings, read_settings
from agent.stores.choice import describe_store, open_store
from agent.stores.embedded import EmbeddedStore
from agent.stores.outbox_file import OutboxFile
from agent.wiring import outbox_path, utc_now
from server import create_app, uvicorn_config

ROOT = Path(__file__).resolve().parent.parent
State = Literal["green", "red", "not checked"]
SAMPLE = ROOT / "scripts" / "samples" / "plumeria-hair-honolulu.yaml"
OLDEST_S = 300.0
"""What has waited longer for the store than this is not held up by a hiccup."""
REDIS_S = 3.0
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


async def look_at_store(settings: Settings) -> tuple[list[Finding], list[ShopListing]]:
    """Whether the store answers, and which shops are in it."""
    where = describe_store(settings)
    add = "Store a shop: .venv/bin/python scripts/setup_shop.py --from-file my-shop.yaml"
    if not settings.supabase_url and not settings.database_path.exists():
        return [red("store", f"{where} does not exist yet", add)], []
    began = time.monotonic()
    try:
        async with open_store(settings) as store:
            shops = await store.list_shops()
    except (ChairsideError, SettingsError) as why:
        return [red("store", str(why), _store_remedy(settings, why))], []
    found = [green("store", f"{where} answers after {(time.monotonic() - began) * 1000:.0f} ms")]
    strays = set(settings.phone_to_location_map.values()) - {shop.location_id for shop in shops}
    if not shops:
        found.append(red("shops", f"{where} holds no shop", add))
    elif strays:
        detail = f"PHONE_TO_LOCATION_MAP names locations without a shop: {sorted(strays)}"
        found.append(red("shops", detail, add))
    else:
        found.append(green("shops", ", ".join(f"{at.business_name} on {at.phone_number}" for at in shops)))
    return found, shops


def _store_remedy(settings: Settings, why: ChairsideError) -> str:
    if not settings.supabase_url:
        return f"Check that {settings.database_path} is a Chairside database and may be written"
    if isinstance(why, Denied | SettingsError):
        return "Set SUPABASE_SECRET_KEY to the project's secret key (sb_secret_...), and apply supabase/migrations"
    return "Check SUPABASE_URL, and that the project is not paused; calls are taken meanwhile, and stored later"


async def look_at_outbox(settings: Settings, now: datetime) -> Finding:
    """Whether what calls wrote gets through to the store."""
    name, path = "outbox", outbox_path(settings)
    if not path.exists():
        return green(name, "nothing was ever written on this machine")
    try:
        async with OutboxFile.open(path) as file:
            held = await file.backlog()
    except ChairsideError as why:
        return red(name, str(why), f"Check that the folder of {path} may be written, and has room")
    if held.set_aside:
        remedy = f"The table outbox of {path} says why, in the column reason; mend that, or delete those rows"
        return red(name, f"{held.set_aside} writes can never be stored", remedy)
    oldest_s = 0.0 if held.oldest_at is None else (now - held.oldest_at).total_seconds()
    if oldest_s > OLDEST_S:
        remedy = "Start the server (make serve), which forwards them; if it runs, mend the store above"
        return red(name, f"{held.waiting} writes wait, the oldest for {oldest_s / 60:.0f} minutes", remedy)
    return green(name, f"{held.waiting} writes wait")


async def look_at_redis(settings: Settings) -> Finding:
    """Whether a message comes back, as those between the processes of a house do."""
    name, url = "redis", settings.redis_url.get_secret_value()
    if not url:
        return Finding(name, "not checked", "REDIS_URL is not set: one process answers and shows all calls")
    remedy = (
        "Start Redis, or correct REDIS_URL in .env; calls are answered without it, dashboards miss other processes'"
    )
    began = time.monotonic()
    try:
        async with (
            asyncio.timeout(REDIS_S),
            Redis.from_url(url, socket_connect_timeout=REDIS_S) as client,
            client.pubsub() as mailbox,
        ):
            channel = f"chairside:doctor:{uuid.uuid4().hex}"
            await mailbox.subscribe(channel)
            await client.publish(channel, b"")
            while (await mailbox.get_message(timeout=REDIS_S) or {}).get("type") != "message":
                pass
    except (RedisError, OSError, ValueError, TimeoutError) as why:
        return red(name, f"{type(why).__name__}: {without_password(str(why), url)}".rstrip(": "), remedy)
    return green(name, f"a message comes back after {(time.monotonic() - began) * 1000:.0f} ms")


def without_password(words: str, url: str) -> str:
    """What a library says of a failure, which may quote the address."""
    password = urlsplit(url).password
    return words.replace(password, "***") if password else words


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
    """A call of the sample shop from ringing to its record, vendors emulated: proves this machine, not the keys."""
    name = "emulated call"
    try:
        shop = read_shop_file(SAMPLE)
        report, public_url, record = await asyncio.wait_for(_emulated_call(shop), 60)
    except VoiceUnavailable as why:
        return [red(name, str(why), "make clean setup")]
    except Exception as why:
        # Whatever broke, the other findings must still be shown.
        return [red(name, f"{type(why).__name__}: {why}", "Run make test; the first failure names the culprit")]
    wrong = twiml_problem(report.twiml[0], public_url) if report.twiml else "no TwiML came"
    twiml = red("twiml", wrong, "make test ARGS='-k voice'") if wrong else green("twiml", "a signed /voice connects")
    return [twiml, _judge(report), record]


async def _emulated_call(shop: Shop) -> tuple[CallReport, str, Finding]:
    steps = [{"say": f"Hello, how much is a {shop.services[0].name}?"}, {"wait": "agent_done"}]
    scenario = parse_scenario({"name": "doctor", "to": shop.phone_number, "steps": steps})
    async with open_theatre(_build, furnish=partial(_store, shop), scenarios=[scenario]) as theatre:
        report = await theatre.caller.call(scenario)
        async with EmbeddedStore.open(theatre.settings.database_path) as store:
            return report, theatre.settings.public_url, await _record_of(report, shop, store)


async def _record_of(report: CallReport, shop: Shop, store: CallStore) -> Finding:
    """Whether the call and its turn are kept, once it is over."""
    for _ in range(50):
        record = await store.get_call(shop.location_id, report.call_sid)
        turns = await store.get_turns(shop.location_id, report.call_sid)
        if record is not None and record.end_reason is not None and turns:
            return green("call record", f"the call is kept, {record.end_reason}, with what was said")
        await asyncio.sleep(0.1)
    return red("call record", "the call is not kept as it was", "Run make test; the first failure names the culprit")


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
        found(*store)
        found(await look_at_outbox(settings, utc_now()), await look_at_redis(settings))
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
