"""The whole house at work, without keys or a phone: two shops are set up, and scripted callers ring them.

    python scripts/demo.py [--calls N] [--exit] [--json [FILE]] [--keep] [--scenes DIR]

Twilio, Deepgram, OpenAI and Cartesia are emulated on this machine; the server between them is the real one. It
reads the shops from two sample websites (scripts/samples), as `POST /shop/setup` asks it to. The transcript is what
an operator receives from `WS /ops`; the appointments are read from the store, the texts from the customers' phones.
Without --exit callers with questions ring again now and then, until Ctrl-C. Exit codes: 0 done, 1 a set-up or a call
went wrong or did not end as its scene says, 2 what was given is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import sys
import webbrowser
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import cycle, groupby, islice
from pathlib import Path
from typing import Any


def leave(*_: object) -> None:
    sys.exit(0)


signal.signal(signal.SIGINT, leave)  # Ctrl-C works from the first moment: what follows takes seconds to import

from _account import CallAccount, DemoBook, ShopAccount, complain, problems_of, tell, write  # noqa: E402
from _book import BookWatch  # noqa: E402
from _clock import clock_from, demo_start, last_booked, tell_clock  # noqa: E402
from _ending import check_endings, ending_of, missed_endings  # noqa: E402
from _house import ROOT, SAMPLES, Backstage, open_house  # noqa: E402
from _ops_client import Operator  # noqa: E402
from _performance import Performance  # noqa: E402
from _scene import read_scenario  # noqa: E402
from _screen import Screen  # noqa: E402
from _shops import SHOPS, no_shops, open_websites, set_up_all, tell_shops  # noqa: E402
from loguru import logger  # noqa: E402
from pydantic import SecretStr  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.text import Text  # noqa: E402

from agent.emulators.scenario import Scenario, ScenarioError  # noqa: E402
from agent.emulators.theatre import Theatre, TheatreError  # noqa: E402
from agent.emulators.voice import VoiceUnavailable  # noqa: E402
from agent.errors import ChairsideError  # noqa: E402
from agent.knowledge.shop_file import read_shop_file  # noqa: E402
from agent.model import Shop  # noqa: E402

SCENES = ROOT / "scripts" / "scenes"
KEPT = Path("var") / "demo" / "chairside.db"
EMULATED = "Twilio, Deepgram, OpenAI and Cartesia are emulated on this machine: no keys, no phone."
SETTING_UP = "Two sample salons are set up from their websites, served on this machine, and their owners' words."
LEAST_TURNS = 3
WIDE = 150
"""Characters; in a file or a pipe tables need not fold."""
RING_EVERY_S = 1.5
"""Callers ring this far apart, so that calls overlap and can still be told apart on the screen."""
MOST_AT_ONCE = 5
"""The emulated vendors share this process with the server: more calls would measure the stage."""
PAGE_S = 4.0
"""What a browser takes to start and to show the page."""
PAUSE_S = 20.0
"""Without --exit: from the end of a call to the next caller."""


def main(argv: Sequence[str] | None = None) -> int:
    """Perform what the arguments ask for and return the exit code."""
    arguments = _parser().parse_args(argv)
    console = Console(stderr=arguments.json == "-", highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    logger.remove()
    logger.add(lambda line: console.print(line, end="", style="dim", markup=False), level="WARNING")
    try:
        scenes = read_scenes(arguments.scenes)
        demo = Demo(scenes, arguments, Screen(console))
        stopped = asyncio.run(_until_told(demo.perform()))
        if arguments.json is not None:
            write(demo.book(), arguments.json)
    except ScenarioError as why:
        complain(f"[demo/scenes_invalid] {why}")
        return 2
    except (ChairsideError, VoiceUnavailable, TheatreError, OSError) as why:
        complain(f"The demo could not go on: {why}")
        return 1
    if stopped:
        return 0
    problems = [problem for call in demo.calls for problem in problems_of(call, least_turns=LEAST_TURNS)]
    problems += demo.problems
    for problem in problems:
        complain(problem)
    return 1 if problems else 0


def _page_of(theatre: Theatre) -> str:
    """The page's start link, which lets in without a login."""
    return f"{theatre.url}/#token={theatre.settings.operator_token.get_secret_value()}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Scripted callers ring two sample shops; every vendor is emulated.")
    parser.add_argument("--calls", type=_count, metavar="N", help="how many callers ring at first (one for each scene)")
    parser.add_argument("--exit", action="store_true", help="end with the last of them instead of waiting for Ctrl-C")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="figures on standard output or into FILE")
    parser.add_argument("--keep", action="store_true", help=f"keep shops and calls in {KEPT}")
    parser.add_argument("--scenes", type=Path, default=SCENES, metavar="DIR", help="other scenes than ours, as YAML")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of calls")
    return int(text)


def read_scenes(folder: Path) -> list[Scenario]:
    """The scenes of a folder by file name. Raises ScenarioError."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise ScenarioError(str(folder), ["there is no scene (*.yaml) in this folder"])
    scenes = [read_scenario(path) for path in paths]
    check_endings(scenes)
    return scenes


async def _until_told(work: Awaitable[None]) -> bool:
    """Do the work to its end, or until Ctrl-C (then True)."""
    working = asyncio.ensure_future(work)
    told = asyncio.Event()

    def stop() -> None:
        told.set()
        working.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError):
        await working
    return told.is_set()


class Demo:
    """One performance. `shops` are the accounts of those set up, `calls` of those that are over.

    `problems` are those of the book and of texts, once the last call is over.
    """

    def __init__(self, scenes: Sequence[Scenario], arguments: argparse.Namespace, screen: Screen) -> None:
        self.shops: tuple[ShopAccount, ...] = ()
        self.calls: list[CallAccount] = []
        self.problems: list[str] = []
        self._watch: BookWatch | None = None
        self._scenes = scenes
        self._arguments = arguments
        self._screen = screen

    async def perform(self) -> None:
        """Open the house, set its shops up, let callers ring, close with a table."""
        console = self._screen.console
        console.print(EMULATED, soft_wrap=True)
        kept = ROOT / KEPT if self._arguments.keep else None
        samples = [read_shop_file(SAMPLES / f"{shop.folder.name}.yaml") for shop in SHOPS]
        start = await self._start(samples, kept)
        console.print(tell_clock(start, samples), soft_wrap=True)
        token = SecretStr(secrets.token_hex(16))
        ours: dict[str, Any] = {"clock": clock_from(start), "admin_token": token, "scrape_allow_loopback": True}
        async with (
            open_house(self._scenes, database_path=kept, furnish=no_shops, **ours) as (theatre, backstage),
            open_websites() as urls,
        ):
            console.print(SETTING_UP, soft_wrap=True)
            self.shops = await set_up_all(theatre, urls)
            tell_shops(console, self.shops)
            await backstage.greetings_ready(len(SHOPS))
            self._announce(theatre, backstage)
            await self._open_page(theatre)
            secret = theatre.settings.operator_token.get_secret_value()
            try:
                with self._screen:
                    async with (
                        Operator(theatre.ops_url, secret, self._screen.show) as operator,
                        BookWatch.open(theatre, backstage.touched, self._show) as self._watch,
                    ):
                        await self._play(Performance(theatre, backstage, operator))
                        self.problems += await self._watch.texts_settled()
            finally:
                self._close(console)
            by_name = {scene.name: scene for scene in self._scenes}
            self.problems += missed_endings(by_name, self.calls, [*self._watch.rows.values()])

    def book(self) -> DemoBook:
        """What `--json` writes."""
        rows, texts = (self._watch.rows, self._watch.texts) if self._watch else ({}, [])
        return DemoBook(calls=tuple(self.calls), shops=self.shops, bookings=tuple(rows.values()), texts=tuple(texts))

    async def _start(self, samples: Sequence[Shop], kept: Path | None) -> datetime:
        """Where the clock stands at first: after what an earlier demo has booked, if that was kept."""
        now = datetime.now(UTC)
        since = now if kept is None else await last_booked(kept, samples, now=now)
        return demo_start(samples, since=since)

    def _show(self, watch: BookWatch, news: list[Text]) -> None:
        self._screen.tell(news, watch.table() if watch.rows else "")

    def _close(self, console: Console) -> None:
        """The book, the texts and the calls, once more and together."""
        if self._watch is not None and self._watch.rows:
            console.print(self._watch.table("The appointment book (*: changed after it was booked)"))
        if self._watch is not None and self._watch.texts:
            console.print("Texts on the customers' phones:")
            for text in self._watch.texts:
                console.print(Text(f"  {text.to}  ", "dim").append(text.body), soft_wrap=True)
        if self.calls:
            tell(console, self.calls)

    def _announce(self, theatre: Theatre, backstage: Backstage) -> None:
        settings, console = theatre.settings, self._screen.console
        self._screen.shops = {shop.location_id: shop.business_name for shop in self.shops}
        self._screen.answered_ms = backstage.answered_ms
        console.print(f"Watch every call on the operators' page: [bold]{_page_of(theatre)}[/]", soft_wrap=True)
        console.print(f"Operators' socket: [bold]{theatre.ops_url}[/]", soft_wrap=True)
        console.print(
            f"  watch it with the header [bold]Authorization: Bearer {settings.operator_token.get_secret_value()}[/]"
            " (docs/operators-socket.md)",
            soft_wrap=True,
        )
        if self._arguments.keep:
            console.print(f"Shops and calls are kept in {settings.database_path}", soft_wrap=True)
        if not self._arguments.exit:
            self._invite(theatre, SHOPS[0].phone_number)

    async def _open_page(self, theatre: Theatre) -> None:
        """Somebody who sits before a screen gets the page at once, and the callers wait until it has come up."""
        has_screen = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
        if self._arguments.exit or not (has_screen and self._screen.console.is_terminal):
            return
        if await asyncio.to_thread(webbrowser.open_new_tab, _page_of(theatre)):
            self._screen.console.print("It opens in your browser; the callers ring in a moment.")
            await asyncio.sleep(PAGE_S)

    def _invite(self, theatre: Theatre, number: str) -> None:
        """How to ring this house from another terminal, and how to end it."""
        settings = theatre.settings
        environment = {
            "PUBLIC_URL": settings.public_url,
            "TWILIO_AUTH_TOKEN": settings.twilio_auth_token.get_secret_value(),
            "OPERATOR_TOKEN": settings.operator_token.get_secret_value(),
            "DATABASE_PATH": settings.database_path,
        }
        given = " ".join(f"{name}={value}" for name, value in environment.items())
        self._screen.console.print(
            f"Ring it with a recording of yours:\n  [dim]{given} .venv/bin/python scripts/replay_call.py"
            f" --server {theatre.url} --to {number} --audio hello.wav[/]\n"
            "Ctrl-C ends it; until then callers ring again now and then.",
            soft_wrap=True,
        )

    async def _play(self, performance: Performance) -> None:
        again = cycle([scene for scene in self._scenes if ending_of(scene).row is None] or self._scenes)
        count = self._arguments.calls or len(self._scenes)
        first = list(islice(self._scenes, count))
        for _, scenes in groupby(sorted(first, key=_act), key=_act):
            await self._together(performance, list(scenes))
        await self._together(performance, list(islice(again, count - len(first))))
        while not self._arguments.exit:
            await asyncio.sleep(PAUSE_S)
            await self._together(performance, list(islice(again, 1)))

    async def _together(self, performance: Performance, scenes: Sequence[Scenario]) -> None:
        """Let callers ring one after the other while the earlier ones still talk."""
        room = asyncio.Semaphore(MOST_AT_ONCE)

        async def ring(after_s: float, scene: Scenario) -> None:
            await asyncio.sleep(after_s)
            async with room:
                self.calls.append(await performance.call(scene))

        async with asyncio.TaskGroup() as calls:
            after_s = -RING_EVERY_S
            for scene in scenes:
                after_s += 0 if ending_of(scene).at_once else RING_EVERY_S
                calls.create_task(ring(max(after_s, 0), scene))


def _act(scene: Scenario) -> int:
    return ending_of(scene).act


if __name__ == "__main__":
    sys.exit(main())
