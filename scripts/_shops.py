"""The demo's two shops: their websites on loopback, set up by the running server as an owner would ask for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from _account import ShopAccount
from _found import Show, following_all
from _site import Server, set_up_at
from rich.console import Console
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from agent.emulators.theatre import Theatre, serving
from agent.knowledge.jobs import SetupRequest
from agent.knowledge.shop_file import read_owner_file
from agent.settings import Settings

SAMPLES = Path(__file__).resolve().parent / "samples"


@dataclass(frozen=True)
class SampleShop:
    """A shop of our own invention: `folder` holds its website and what its owner says beside it."""

    location_id: int
    phone_number: str
    business_name: str
    folder: Path

    def request(self, website_url: str) -> SetupRequest:
        """The set-up of this shop. Raises ShopFileError."""
        return SetupRequest(
            location_id=self.location_id,
            phone_number=self.phone_number,
            business_name=self.business_name,
            website_url=website_url,
            owner=read_owner_file(self.folder / "owner.yaml"),
        )


SHOPS = (
    SampleShop(1, "+18084826296", "Plumeria Hair Studio", SAMPLES / "plumeria-hair-honolulu"),
    SampleShop(2, "+442079460123", "Copper Lane Barbers and Salon", SAMPLES / "copper-lane-london"),
)


async def no_shops(_: Settings) -> None:
    """The store of a server whose shops are yet to be set up."""


@asynccontextmanager
async def open_websites(shops: Sequence[SampleShop] = SHOPS) -> AsyncGenerator[list[str]]:
    """The addresses of the shops' websites, each on a port of its own on this machine. Raises TheatreError."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(_website(shop.folder / "site")) for shop in shops]


@asynccontextmanager
async def _website(folder: Path) -> AsyncGenerator[str]:
    pages = Starlette(routes=[Mount("/", StaticFiles(directory=folder, html=True))])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(pages, lifespan="off", log_config=None, access_log=False)
        async with serving(config, listening):
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


async def set_up_all(theatre: Theatre, urls: Sequence[str]) -> tuple[ShopAccount, ...]:
    """Set both shops up at once over HTTP. Raises ChairsideError: what kept the first of them from its end."""
    token = theatre.settings.admin_token.get_secret_value()
    async with Server.at(theatre.url, token) as server:
        with following_all([shop.business_name for shop in SHOPS]) as shows:
            jobs = (_set_up(server, *each) for each in zip(SHOPS, urls, shows, strict=True))
            return tuple(await asyncio.gather(*jobs))


async def _set_up(server: Server, sample: SampleShop, url: str, show: Show) -> ShopAccount:
    job = (await set_up_at(server, sample.request(url), show)).job
    shop = await server.shop(sample.location_id)
    return ShopAccount(
        location_id=shop.location_id,
        business_name=shop.business_name,
        website_url=url,
        pages_read=job.pages_read,
        services=len(shop.services),
        professionals=len(shop.professionals),
        open_days=sum(bool(intervals) for intervals in shop.hours.week.values()),
        faq=len(shop.faq),
        questions=tuple(question.text for question in job.questions),
        outcome=job.outcome or "",
        version=shop.version,
    )


def tell_shops(console: Console, shops: Sequence[ShopAccount]) -> None:
    """A line for each shop, and what is still to be asked of its owner."""
    for shop in shops:
        console.print(
            f"[bold]{shop.business_name}[/]: {shop.pages_read} pages of {shop.website_url} tell {shop.services}"
            f" services, {shop.professionals} people, hours for {shop.open_days} days, {shop.faq} answers.",
            soft_wrap=True,
        )
        if shop.questions:
            console.print(f"  To ask its owner: [dim]{' '.join(shop.questions)}[/]", soft_wrap=True)
