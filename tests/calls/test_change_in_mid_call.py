"""A shop changes while twenty callers talk to it, ten on each of two servers that share nothing but the store.

They keep the facts they were answered with; the next call, on either server, has the new ones.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from agent.emulators.caller import Caller
from agent.emulators.stage import Stage, open_stage
from agent.knowledge.prompt import greeting_for
from agent.model import CallRecord, Shop, Turn
from agent.pipelines.greeting import Phrase, Phrases
from agent.pipelines.speech import SpeechStack
from agent.settings import Settings
from agent.stores.embedded import EmbeddedStore
from tests.agent.knowledge.website import open_website, page
from tests.calls.conftest import asked_by
from tests.house import QUICK, Handset, open_handset, ticket_in
from tests.servers import free_port, running_server, url_of

SHOP, NUMBER = 3, "+18085550188"
ADMIN = {"Authorization": "Bearer the admin's own"}
SETTINGS: dict[str, Any] = {
    "admin_token": SecretStr("the admin's own"),
    "scrape_allow_loopback": True,
    # What is asserted is what the store says, however busy the machine is.
    "shop_check_ms": 5000,
    "greeting_wait_ms": 5000,
}
MENU = """
<h2>Colour</h2><table><tr><td>Balayage</td><td>150 min</td><td>from ${balayage}</td></tr>
<tr><td>Root touch-up</td><td>75 min</td><td>${roots}</td></tr></table>
<p>Monday closed. Tuesday to Saturday 9:00 - 18:00</p><p>Call us: (808) 555-0188</p>
"""
BEFORE, AFTER = {"balayage": 210, "roots": 95}, {"balayage": 260, "roots": 120}


def menu(prices: dict[str, int]) -> str:
    return page(MENU.replace("{balayage}", str(prices["balayage"])).replace("{roots}", str(prices["roots"])))


@dataclass
class Lines:
    """Two servers over one store, and who phones them. `live` keeps the callers on the line, by their number."""

    stage: Stage
    store: EmbeddedStore
    servers: list[tuple[Settings, Caller]]
    live: dict[str, Handset] = field(default_factory=dict[str, Handset])
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def ring(self, server: int, caller: str) -> Handset:
        """A call to the shop on one of the servers, answered."""
        settings, phone = self.servers[server]
        handset = await self.stack.enter_async_context(open_handset(url_of(settings)))
        form = phone.form(handset.call_sid, to=NUMBER, caller=caller)
        await handset.start(ticket_in(await phone.post("/voice", form)))
        await handset.hear("media")
        self.live[caller] = handset
        return handset

    async def greeting(self, caller: str, length: int) -> bytes:
        """The first `length` bytes of sound that reach a caller's ear."""
        async with asyncio.timeout(5):
            while len(heard := _sound(self.live[caller])) < length:
                await asyncio.sleep(0.02)
        return heard[:length]

    async def say(self, caller: str, words: str, turn: int) -> Turn:
        """Ask something as the call's n-th turn, and wait for the answer to have been heard."""
        handset = self.live[caller]
        await handset.speak(self.stage.phrasebook.register_speech(words).ulaw)
        async with asyncio.timeout(15):
            while True:
                turns = await self.store.get_turns(SHOP, handset.call_sid)
                # Who speaks over the end of the greeting has that in the first turn until the answer takes its place.
                if len(turns) == turn and turns[-1].spoken and not turns[-1].spoken.startswith("Thank you for calling"):
                    return turns[-1]
                await asyncio.sleep(0.02)

    async def record(self, caller: str) -> CallRecord:
        """Hang up, and see what was kept."""
        handset = self.live[caller]
        await handset.stop()
        async with asyncio.timeout(15):
            while (record := await self.store.get_call(SHOP, handset.call_sid)) is None or record.ended_at is None:
                await asyncio.sleep(0.02)
        return record

    def asked(self, caller: str) -> list[str]:
        """What the language model was told in a caller's call, oldest first."""
        return [json.dumps(request) for request in asked_by(self.stage.openai.requests, caller)]


def _sound(handset: Handset) -> bytes:
    media = [message for message in handset.received if message["event"] == "media"]
    return b"".join(base64.b64decode(message["media"]["payload"]) for message in media)


@asynccontextmanager
async def open_lines() -> AsyncGenerator[Lines]:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(open_stage(latencies=QUICK))
        each = [stage.settings(port=free_port(), **SETTINGS) for _ in range(2)]
        store = await stack.enter_async_context(EmbeddedStore.open(each[0].database_path))
        await asyncio.gather(*(stack.enter_async_context(running_server(settings)) for settings in each))
        phones = [await stack.enter_async_context(stage.caller(url_of(settings))) for settings in each]
        lines = Lines(stage, store, list(zip(each, phones, strict=True)))
        await stack.enter_async_context(lines.stack)
        yield lines


async def test_twenty_live_calls_keep_their_facts_and_the_next_on_each_server_has_the_new_ones():
    twenty = [(at % 2, f"+1202555{at:04d}") for at in range(20)]
    async with open_website() as site, open_lines() as lines:
        site.at = {"/": menu(BEFORE)}
        before = await set_up(lines, site.of("127.0.0.1"), "Kai Salon")
        await asyncio.gather(*(lines.ring(server, caller) for server, caller in twenty))
        talking = asyncio.gather(*(lines.say(caller, "How much is a balayage?", 1) for _, caller in twenty))

        site.at = {"/": menu(AFTER)}
        after = await set_up(lines, site.of("127.0.0.1"), "Lani Salon", accept_changes=True)
        assert greeting_for(after) != greeting_for(before)
        next_ones = [(0, "+12025550900"), (1, "+12025550901")]
        await asyncio.gather(*(lines.ring(server, caller) for server, caller in next_ones))
        expected = await rendered(lines.servers[0][0], after)
        for _, caller in next_ones:
            assert (await lines.greeting(caller, len(expected.ulaw))) == expected.ulaw

        assert_heard(await talking, "210")
        roots = "How much is a root touch-up?"
        news = asyncio.gather(*(lines.say(caller, roots, 1) for _, caller in next_ones))
        assert_heard(await asyncio.gather(*(lines.say(caller, roots, 2) for _, caller in twenty)), "95")
        assert_heard(await news, "120")
        for _, caller in twenty:
            assert lines.asked(caller)
            assert all("95 USD" in told and "120 USD" not in told for told in lines.asked(caller))
        for _, caller in next_ones:
            assert all("120 USD" in told and "95 USD" not in told for told in lines.asked(caller))
            assert (await lines.record(caller)).greeting == greeting_for(after)
        kept = await asyncio.gather(*(lines.record(caller) for _, caller in twenty))
        assert {record.greeting for record in kept} == {greeting_for(before)}
        assert {record.end_reason for record in kept} == {"caller_hung_up"}


def assert_heard(turns: Sequence[Turn], price: str) -> None:
    assert [turn.spoken for turn in turns if price not in turn.spoken] == []


async def set_up(lines: Lines, website_url: str, name: str, **more: object) -> Shop:
    """The shop from its website, asked of the first server; how it is stored then."""
    asked = {"location_id": SHOP, "phone_number": NUMBER, "website_url": website_url, "business_name": name, **more}
    async with httpx.AsyncClient(base_url=url_of(lines.servers[0][0]), timeout=30, headers=ADMIN) as admin:
        done = (await admin.post("/shop/setup?wait=true", json=asked)).json()
    assert done["job"]["outcome"] in ("stored", "created"), done
    stored = await lines.store.get_location_knowledge(SHOP)
    assert stored is not None
    return stored


async def rendered(settings: Settings, shop: Shop) -> Phrase:
    """The greeting as the servers have put it beside their store."""
    speech = SpeechStack(settings)
    try:
        phrases = Phrases(settings, speech.cartesia, settings.database_path.parent / "phrases")
        greeting = await phrases.fetch(shop, "greeting")
    finally:
        await speech.aclose()
    assert greeting is not None
    return greeting
