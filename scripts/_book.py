"""The appointment book and the customers' texts, as the demo shows them: read from the store and from the phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager

from _account import BookingAccount, TextAccount
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from agent.emulators.theatre import Theatre
from agent.model import Booking, Shop, local
from agent.stores.embedded import EmbeddedStore

_LOOK_S = 0.25
_SENT_S = 15.0
_TEXTS = 200
STILL_OWED = ("due", "sending")


class BookWatch:
    """Follows what calls do to the book. `touched` names the appointments, by id, with their locations."""

    def __init__(
        self, theatre: Theatre, store: EmbeddedStore, shops: Mapping[int, Shop], touched: Mapping[str, int]
    ) -> None:
        self.rows: dict[str, BookingAccount] = {}
        self.texts: list[TextAccount] = []
        self._theatre, self._store = theatre, store
        self._shops, self._touched = shops, touched
        self._news: set[str] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, theatre: Theatre, touched: Mapping[str, int], show: Callable[[BookWatch, list[Text]], None]
    ) -> AsyncGenerator[BookWatch]:
        """Watch until the end; `show` is given the lines that tell what is new. Raises StoreError."""
        async with EmbeddedStore.open(theatre.settings.database_path) as store:
            known = [await store.get_location_knowledge(at.location_id) for at in await store.list_shops()]
            shops = {shop.location_id: shop for shop in known if shop is not None}
            watch = cls(theatre, store, shops, touched)

            async def follow() -> None:
                while True:
                    if news := await watch.look():
                        show(watch, news)
                    await asyncio.sleep(_LOOK_S)

            following = asyncio.create_task(follow(), name="book-watch")
            try:
                yield watch
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                if news := await watch.look():
                    show(watch, news)
                watch.close()

    def close(self) -> None:
        """Nothing is news any more."""
        self._news = set()

    async def look(self) -> list[Text]:
        """Read what is new since the last look, and tell it."""
        news: list[Text] = []
        fresh: set[str] = set()
        for booking_id, location_id in list(self._touched.items()):
            booking = await self._store.bookings.get_booking(location_id, booking_id)
            before = self.rows.get(booking_id)
            if booking is None or (before and (before.state, before.revision) == (booking.state, booking.revision)):
                continue
            row = self.rows[booking_id] = _row(booking, self._shops[location_id], before)
            fresh.add(booking_id)
            news.append(Text("  book ", "bold").append(_line(row), _colour(row)))
        self._news = fresh or self._news
        sent = [at for at in self._theatre.stage.twilio.texts.messages if at["direction"] != "inbound"]
        for message in sent[len(self.texts) :]:
            self.texts.append(TextAccount(sender=message["from"], to=message["to"], body=message["body"]))
            news.append(Text("  text ", "bold").append(f"to {message['to']}: {message['body']}", "dim"))
        return news

    async def texts_settled(self) -> list[str]:
        """Wait until nothing is owed any more; returns what was not sent, a sentence each."""
        until = asyncio.get_running_loop().time() + _SENT_S
        while True:
            texts = [text for at in self._shops for text in await self._store.texts.get_texts(at, _TEXTS)]
            mine = [text for text in texts if text.booking_id in self._touched]
            late = any(text.state in STILL_OWED for text in mine)
            if not late or asyncio.get_running_loop().time() > until:
                break
            await asyncio.sleep(_LOOK_S)
        told = {text.booking_id for text in mine}
        problems = [
            f"the text ({text.kind}) to {text.to_number} is {text.state}" for text in mine if text.state != "sent"
        ]
        untold = [row for row in self.rows.values() if row.state == "booked" and row.booking_id not in told]
        return problems + [f"no text is owed for {_line(row)}" for row in untold]

    def table(self, title: str = "") -> Table:
        """The book by shop and time. Marked: rows of the latest news, and those changed after they were booked."""
        columns = ("", "shop", "time", "service", "staff", "name", "state")
        table = Table(*columns, box=SIMPLE, pad_edge=False, title=title or None, title_justify="left")
        for row in sorted(self.rows.values(), key=lambda row: (row.location_id, row.starts)):
            told = [state for state in row.states if state != "held"] or ["held"]
            table.add_row(
                "*" if len(told) > 1 or row.booking_id in self._news else "",
                " ".join(self._shops[row.location_id].business_name.split()[:2]),
                f"{row.starts:%a %d %b %H:%M}-{row.ends:%H:%M}",
                row.service,
                row.staff,
                row.customer_name or "-",
                Text(" → ".join(told), _colour(row)),
            )
        return table


def _row(booking: Booking, shop: Shop, before: BookingAccount | None) -> BookingAccount:
    parts = booking.visit.parts
    return BookingAccount(
        booking_id=booking.booking_id,
        location_id=booking.location_id,
        call_sid=booking.call_sid,
        service=", ".join(part.service for part in parts),
        staff=", ".join(dict.fromkeys(part.staff for part in parts)),
        starts=local(booking.visit.starts, shop),
        ends=local(booking.visit.ends, shop),
        customer_name=booking.customer_name,
        customer_phone=booking.customer_phone,
        state=booking.state,
        states=(*(before.states if before else ()), booking.state),
        revision=booking.revision,
    )


def _line(row: BookingAccount) -> str:
    who = f", {row.customer_name}" if row.customer_name else ""
    return f"{row.starts:%a %d %b %H:%M}  {row.service}, {row.staff}{who}: {' → '.join(row.states[-2:])}"


def _colour(row: BookingAccount) -> str:
    return {"held": "yellow", "booked": "green"}.get(row.state, "red")
