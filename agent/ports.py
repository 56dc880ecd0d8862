"""Every plug of the house on one page. A backend keeps the contract written here; `tests/contracts/` holds it to that.

All methods may be called from one event loop only. Stores raise `agent.errors.StoreError` subclasses and
nothing else. `location_id` is mandatory wherever a row belongs to a shop: a store never guesses it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol

from agent.errors import Unreadable
from agent.events import AnyEvent, EndReason, Outcome
from agent.model import (
    AudioFrame,
    Booking,
    CallFound,
    CallRecord,
    CallSearch,
    ClaimMismatch,
    Message,
    OpenQuestion,
    OperatorCommand,
    Proposal,
    Role,
    SalonInfo,
    ScrapedProfessional,
    ScrapedService,
    Shop,
    ShopListing,
    ShopVersion,
    TextMessage,
    Turn,
    Visit,
)

Clock = Callable[[], datetime]
"""Returns now as an aware UTC datetime. Injected everywhere, so that time is data."""


class KnowledgeStore(Protocol):
    """Which shops there are, and what each wants said."""

    async def get_location_from_phone_number(self, phone_number: str) -> int | None:
        """The location an E.164 number leads to, or None."""
        ...

    async def get_location_knowledge(self, location_id: int) -> Shop | None:
        """The newest approved version of a shop, or None."""
        ...

    async def store_knowledge(self, key: str, data: Shop) -> Shop:
        """Store `data` under `location_{id}` and return it with its version grown by one.

        Storing what is already there changes nothing and keeps the version. Raises Conflict when the phone
        number leads to another shop, or when `key` is not that of `data.location_id`. All or nothing.

        Services and professionals get their rows in the same transaction, for appointments to refer to: found again
        by folded name, kept under their id, `active` while the shop names them, never deleted.
        """
        ...

    async def list_shops(self) -> list[ShopListing]:
        """All shops, by location_id."""
        ...

    # For keeping many shops in memory: one small question tells what has changed, and only that is read.

    async def get_knowledge_versions(self) -> dict[int, int]:
        """The version of every shop by location_id, those that cannot be read included. One round trip."""
        ...

    async def get_knowledge_version(self, location_id: int) -> int | None:
        """The newest version of a shop, or None. One indexed read."""
        ...

    async def get_version_from_phone_number(self, phone_number: str) -> ShopVersion | None:
        """The shop an E.164 number leads to, in its newest version, or None. One indexed read, one round trip."""
        ...

    def get_all_knowledge(self, location_ids: Collection[int] | None = None) -> AsyncIterator[Shop | Unreadable]:
        """The newest version of every shop, or of those named, by location_id; read in pages, never one by one.

        A shop that cannot be read comes as the error it is, in its place: the others are not its fault. A
        location without a shop is passed over. Raises StoreError; what came before that is good.
        """
        ...

    # What the last look at a shop's website found. The shop itself need not be stored yet.

    async def insert_scraped_services(self, location_id: int, services: Sequence[ScrapedService]) -> None:
        """Put `services` in the place of those of the last scrape, in this order. All or nothing."""
        ...

    async def insert_scraped_professionals(
        self, location_id: int, professionals: Sequence[ScrapedProfessional]
    ) -> None:
        """Put `professionals` in the place of those of the last scrape, in this order. All or nothing."""
        ...

    async def insert_salon_info(self, location_id: int, info: SalonInfo) -> None:
        """Put `info` in the place of that of the last scrape."""
        ...

    async def get_scraped_services(self, location_id: int) -> list[ScrapedService]:
        """Those of the last scrape, in its order."""
        ...

    async def get_scraped_professionals(self, location_id: int) -> list[ScrapedProfessional]:
        """Those of the last scrape, in its order."""
        ...

    async def get_salon_info(self, location_id: int) -> SalonInfo | None:
        """That of the last scrape, or None."""
        ...


class ShopSource(Protocol):
    """What keeping shops in memory needs of a `KnowledgeStore`; the contract is that of its methods."""

    async def get_knowledge_versions(self) -> dict[int, int]: ...
    async def get_knowledge_version(self, location_id: int) -> int | None: ...
    async def get_version_from_phone_number(self, phone_number: str) -> ShopVersion | None: ...
    def get_all_knowledge(self, location_ids: Collection[int] | None = None) -> AsyncIterator[Shop | Unreadable]: ...


class Proposals(Protocol):
    """What websites say anew, until somebody of the shop has said yes or no; and what they said when that was done.

    A shop has at most one open proposal. Writes of one shop take turns, and each is all or nothing.
    """

    async def propose(self, proposal: Proposal) -> None:
        """Keep a new open proposal, `scraped` included; one that was open is superseded.

        Repeating it changes nothing. Raises Conflict proposal_exists (the id is stored for another shop).
        """
        ...

    async def get_open_proposal(self, location_id: int) -> Proposal | None:
        """The open one, `scraped` included, or None."""
        ...

    async def get_proposal(self, location_id: int, proposal_id: str) -> Proposal | None:
        """One of this location in whatever state, `scraped` included, or None."""
        ...

    async def decide(self, proposal: Proposal, shop: Shop | None, scraped: Shop) -> int:
        """Store what was said to an open proposal, and `shop` as the approved changes make it; return its version.

        `proposal.revision` and `shop.version` are those that were read. Without a shop, none is changed. `scraped`
        becomes the approved scrape. Raises NotFound proposal_unknown, Conflict proposal_outdated (superseded, or
        proposal or shop were changed meanwhile) or proposal_decided, and what `store_knowledge` raises.
        """
        ...

    async def store_approved(self, shop: Shop, scraped: Shop | None) -> Shop:
        """Store `shop` as `store_knowledge` does, if what is stored still has `shop.version` (0: none is stored).

        `scraped`, if given, becomes the approved scrape, and an open proposal is superseded. Raises Conflict
        shop_changed, unless what is stored is equal, and what `store_knowledge` raises.
        """
        ...

    async def get_approved_scrape(self, location_id: int) -> Shop | None:
        """What the website said when the shop was last approved, or None."""
        ...


class CallStore(Protocol):
    """The record of calls. Every write is idempotent: repeating it leaves one row."""

    async def open_call(self, record: CallRecord) -> None:
        """Store a call that has begun; a call_sid already stored is left as it is."""
        ...

    async def add_turn(self, turn: Turn) -> None:
        """Insert or replace the turn with this (call_sid, index). Raises NotFound for an unknown call."""
        ...

    async def close_call(
        self, location_id: int, call_sid: str, *, ended_at: datetime, reason: EndReason, greeting: str
    ) -> None:
        """Mark a call as ended; the first closing wins. Raises NotFound for an unknown call."""
        ...

    async def conclude_call(
        self,
        location_id: int,
        call_sid: str,
        *,
        outcome: Outcome,
        summary: str,
        mismatches: Sequence[ClaimMismatch],
        unanswered: Sequence[OpenQuestion],
    ) -> None:
        """Store what became of a call; the first conclusion wins. Raises NotFound for an unknown call."""
        ...

    async def take_message(self, message: Message) -> None:
        """Store a message durably before returning; (call_sid, tool_call_id) is stored once.

        The call itself need not be stored yet: calls are recorded behind the conversation, messages in it.
        """
        ...

    async def get_call(self, location_id: int, call_sid: str) -> CallRecord | None: ...

    async def recent_calls(self, location_id: int, limit: int = 20) -> list[CallRecord]:
        """Newest first."""
        ...

    async def get_turns(self, location_id: int, call_sid: str) -> list[Turn]:
        """By index."""
        ...

    async def get_messages(self, location_id: int, limit: int = 20) -> list[Message]:
        """Newest first."""
        ...

    async def messages_of_call(self, location_id: int, call_sid: str) -> list[Message]:
        """Those left in one call, in the order in which they were left; at most 100."""
        ...

    async def search_calls(self, search: CallSearch) -> list[CallFound]:
        """The calls that fit, newest first (of one moment, by call_sid from the greatest); at most `search.limit`."""
        ...


class BookingStore(Protocol):
    """The appointment book. What it returns is what is committed; two visits never share somebody's time.

    Writes with a `key`, made of (call_sid, tool_call_id), of the hold when confirming, are safe to repeat: within a
    day, the same verb with the same key returns what the first one made, as it was then, and changes nothing, also
    when its answer was lost. Each verb has keys of its own; a write that was refused is not remembered. After
    Unavailable nothing is known: repeat it.
    Writes of one location take turns under a lock in the database; waiting for it is bounded, then Unavailable is
    raised and nothing is written.

    Confirming, moving and cancelling an appointment that has a phone number leaves a text due in the same transaction.
    Somebody is told by the folded name; moments without a zone raise StoreError moment_naive. An id that is no UUID
    is that of no booking.
    """

    async def hold(
        self,
        location_id: int,
        visit: Visit,
        *,
        key: str,
        call_sid: str,
        now: datetime,
        expires_at: datetime,
        moves: str | None = None,
    ) -> Booking:
        """Keep the time of `visit` until `expires_at`, for the booking `moves` to move to, or for a new one.

        Holds of this location that expired at `now` are released under the same lock. An earlier hold of the same
        call for the same (the same `moves`) gives way to this one, unless this one is refused: a caller may be deciding
        on a new appointment and on moving one at once. The time of the booking `moves` counts as free.
        A hold that expired, gave way or was let go is cancelled and keeps its `expires_at`; a day later it is gone.
        Raises Conflict slot_taken, NotFound booking_unknown (`moves` names none that is booked here).
        """
        ...

    async def confirm(
        self,
        location_id: int,
        booking_id: str,
        *,
        key: str,
        call_sid: str,
        now: datetime,
        customer_name: str,
        customer_phone: str,
        notes: str = "",
    ) -> Booking:
        """Make a hold of this call an appointment. With `moves`, that booking takes the hold's visit and keeps its
        id, name, phone and, unless new ones are given, notes; its revision grows by one, and the hold is gone; it is
        what is returned. Other holds that were to move the same booking are let go.

        Raises Conflict hold_expired (let go ones, too), NotFound booking_unknown (no hold of this call, or what it
        moves is gone), StoreError booking_invalid (a text is too long).
        """
        ...

    async def cancel(self, location_id: int, booking_id: str, *, key: str, now: datetime) -> Booking:
        """Cancel an appointment, or let go of a hold; one that is cancelled already is returned as it is.

        It keeps its visit and frees its time; holds that were to move it are let go. Raises NotFound booking_unknown.
        """
        ...

    async def put_booking(self, booking: Booking) -> Booking:
        """Store an appointment the shop made or blocked itself, under its own id; the same again changes nothing.

        Holds that expired at its `changed_at` are released first. Nobody is sent a text.
        Raises Conflict slot_taken, Conflict booking_exists (the id is stored with other content, wherever),
        StoreError booking_invalid (a hold, or an id that is no UUID).
        """
        ...

    async def get_booking(self, location_id: int, booking_id: str) -> Booking | None:
        """The booking in whatever state, or None when this location has none of that id."""
        ...

    async def bookings_between(
        self, location_id: int, starts: datetime, ends: datetime, *, now: datetime
    ) -> list[Booking]:
        """What is booked, or held and not expired at `now`, and busy within [starts, ends); by start."""
        ...

    async def bookings_of(self, location_id: int, customer_phone: str, *, since: datetime) -> list[Booking]:
        """Those booked under an E.164 number that end after `since`; by start. Never holds, never cancelled ones."""
        ...

    async def bookings_of_call(self, location_id: int, call_sid: str) -> list[Booking]:
        """The appointments made in a call, as they are now, cancelled ones included; by start. Never holds."""
        ...


class TextStore(Protocol):
    """The texts that changes of appointments make due, and who wants none. The book writes the rows with the change.

    A claimed text is on lease: only who holds it, told by `attempts`, may say what became of it.
    """

    async def claim_texts(self, *, now: datetime, until: datetime, limit: int = 10) -> list[TextMessage]:
        """Take texts that are due at `now`, oldest first; nobody else gets them before `until`.

        They come as stored: `sending`, `attempts` grown by one. With more than one attempt, what became of the last
        one may be unknown, because a lease that ran out is due again.
        """
        ...

    async def settle_text(
        self,
        text: TextMessage,
        state: Literal["sent", "failed", "stopped", "skipped"],
        *,
        now: datetime,
        provider_sid: str = "",
        error: str = "",
    ) -> bool:
        """Say for good what became of a claimed text. False when its lease has passed to another."""
        ...

    async def postpone_text(self, text: TextMessage, *, not_before: datetime, now: datetime, error: str) -> bool:
        """Make a claimed text due again later. False when its lease has passed to another."""
        ...

    async def withdraw_text(self, location_id: int, booking_id: str, revision: int, *, now: datetime) -> bool:
        """Skip the `cancelled` text of a booking that is not taken up yet: the customer was told. False: none."""
        ...

    async def get_texts(self, location_id: int, limit: int = 20) -> list[TextMessage]:
        """Those changed last first."""
        ...

    async def opt_out(self, location_id: int, phone_number: str, *, since: datetime) -> None:
        """Send no more texts of this shop to an E.164 number; the first time stands."""
        ...

    async def opt_in(self, location_id: int, phone_number: str) -> None:
        """Take an opt-out back, if there is one."""
        ...

    async def is_opted_out(self, location_id: int, phone_number: str) -> bool: ...


class Members(Protocol):
    """Who belongs to which shop. `user_id` is the `sub` of a login: a UUID."""

    async def roles_of(self, user_id: str) -> dict[int, Role]:
        """What somebody is, by location; empty for who is nobody's."""
        ...

    async def set_role(self, location_id: int, user_id: str, role: Role | None) -> None:
        """Make somebody a member, or change what they are; None ends it. Raises NotFound location_unknown, Conflict
        user_invalid."""
        ...


class EventBus(Protocol):
    """Where everything that happened is announced. Publishing never waits and never fails."""

    def publish(self, event: AnyEvent) -> None:
        """Hand `event` to every subscriber, in publishing order."""
        ...

    def subscribe(self, *, limit: int | None = None) -> AbstractAsyncContextManager[AsyncIterator[AnyEvent]]:
        """Receive what is published from entering on.

        With `limit=None` nothing is lost (ledger, tape). With a limit, the oldest partial `turn.heard`, then the
        oldest `stage.timed`, then the oldest event gives way when the reader falls behind. Leaving the context ends
        the iteration; what was published before is still delivered to a reader without limit.
        """
        ...


class CallControl(Protocol):
    """What operators may do to a live call, whichever process holds it. Whoever calls has checked their rights.

    All raise NotFound `call_not_live` for a call that is not on the line at that location, and Unavailable when the
    process that holds it cannot be reached.
    """

    async def send(self, command: OperatorCommand) -> None:
        """Carry out a command and publish `OperatorActed`; returns when it is done.

        Raises Conflict `already_taken_over` (by somebody else), `not_yours` (hand_back of what another has taken
        over), TelephonyError when the phone company refuses.
        """
        ...

    def listen(self, location_id: int, call_sid: str) -> AbstractAsyncContextManager[AsyncIterator[AudioFrame]]:
        """Both sides' sound from entering on, until the call ends. Sound nobody takes in time is dropped."""
        ...

    async def speak(self, location_id: int, call_sid: str, operator: str, ulaw: bytes) -> None:
        """Play sound to the caller, after what was given before. Raises Conflict `not_yours` unless `operator` has
        taken the call over."""
        ...


class Telephone(Protocol):
    """What we ask of the phone company. Raises TelephonyError."""

    async def hang_up(self, call_sid: str) -> None:
        """End a call. A call that is already over is a success."""
        ...

    async def transfer(self, call_sid: str, to: str, *, announce: str = "") -> None:
        """Say `announce` and ring a person instead of what the call is doing; its media stream ends with that.

        Nobody comes: `/voice/after` is asked. Raises TelephonyError call_over when nobody is on the line any more.
        """
        ...

    async def send_text(self, *, sender: str, to: str, body: str) -> str:
        """Send a text from one of our numbers; returns the provider's id of what it accepted.

        Raises TextRefused (never try again), TooManyRequests, OutcomeUnknown (look with `find_text` before trying
        again), TelephonyError for other refusals, which may pass.
        """
        ...

    async def find_text(self, *, sender: str, to: str, containing: str, since: datetime) -> str | None:
        """The provider's id of the newest text accepted after `since` with these words in it, or None."""
        ...
