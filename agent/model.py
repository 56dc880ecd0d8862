"""The nouns of the house, frozen. No other room is imported here.

Units: prices are decimal amounts in the shop's currency, durations are whole minutes, phone numbers
are E.164 strings, moments are timezone-aware UTC datetimes, audio is 8 kHz mu-law unless said.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    field_validator,
    model_validator,
)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

LocationId = Annotated[int, Field(gt=0)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


def to_e164(text: str) -> str:
    """Return `text` as E.164, or raise ValueError. National formats are refused: they have no country."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as why:
        raise ValueError(f"{text!r} is not an E.164 phone number like +18084826296") from why
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"{text!r} is not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as why:
        raise ValueError(f"{name!r} is not an IANA time zone like Pacific/Honolulu") from why
    return name


PhoneNumber = Annotated[str, AfterValidator(to_e164)]
ZoneName = Annotated[str, AfterValidator(_known_zone)]


class Model(BaseModel):
    """Frozen, and strict about fields nobody knows: a typo in a shop file must not pass in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class Processing(Model):
    """A stretch inside a service in which it works by itself: the client stays, the stylist is free."""

    after: Annotated[int, Field(gt=0, le=24 * 60)]
    """Minutes from the start of the service."""
    minutes: Annotated[int, Field(gt=0, le=24 * 60)]


class Service(Model):
    """One line of the menu. No `price` means "ask": the receptionist must not invent one."""

    name: Name
    price: Annotated[Decimal, Field(ge=0, decimal_places=2)] | None = None
    price_from: bool = False
    """The price is a lower bound ("from 180")."""
    price_text: str = ""
    """The shop's own words where a number alone would lie ("by consultation")."""
    minutes: Annotated[int, Field(gt=0, le=24 * 60)] | None = None
    staff: tuple[Name, ...] = ()
    """Names of the professionals who do it; empty means anyone."""
    category: str = ""
    description: str = ""
    processing: tuple[Processing, ...] = ()
    """In order; colour develops and the stylist may see somebody else meanwhile."""
    buffer_minutes: Annotated[int, Field(ge=0, le=240)] = 0
    """Kept free after it, for cleaning up: the stylist is busy, the client is gone."""
    add_on: bool = False
    """Only together with another service."""
    patch_test_hours: Annotated[int, Field(gt=0, le=24 * 14)] | None = None
    """A new client needs a patch test this long before."""
    consultation_first: bool = False
    """A new client comes for a consultation before it can be booked."""

    @model_validator(mode="after")
    def _gaps_lie_inside(self) -> Service:
        reached = 0
        for gap in self.processing:
            if self.minutes is None or gap.after <= reached or gap.after + gap.minutes >= self.minutes:
                raise ValueError(
                    f"{self.name}: processing {gap.after}+{gap.minutes} min does not lie inside it, in order"
                )
            reached = gap.after + gap.minutes
        return self


class OpenInterval(Model):
    """A stretch of opening hours in the shop's local time; it ends on the day it starts."""

    opens: time
    closes: time

    @model_validator(mode="after")
    def _in_order(self) -> OpenInterval:
        if self.closes <= self.opens:
            raise ValueError(f"closes {self.closes:%H:%M} is not after opens {self.opens:%H:%M}")
        return self


class OpeningHours(Model):
    """A week in the shop's own time. A day without intervals is closed; several are a split day."""

    week: dict[Weekday, tuple[OpenInterval, ...]] = Field(default_factory=dict[Weekday, tuple[OpenInterval, ...]])
    closures: tuple[date, ...] = ()

    @field_validator("week")
    @classmethod
    def _disjoint(cls, week: dict[Weekday, tuple[OpenInterval, ...]]) -> dict[Weekday, tuple[OpenInterval, ...]]:
        for day, intervals in week.items():
            ordered = sorted(intervals, key=lambda interval: interval.opens)
            for before, after in pairwise(ordered):
                if after.opens < before.closes:
                    raise ValueError(f"{day}: {after.opens:%H:%M} lies inside another interval")
            week = {**week, day: tuple(ordered)}
        return week

    def on(self, day: date) -> tuple[OpenInterval, ...]:
        """The intervals of a local calendar day; empty when closed."""
        return () if day in self.closures else self.week.get(WEEKDAYS[day.weekday()], ())


class Away(Model):
    """Whole days somebody is not there, first and last included."""

    first: date
    last: date

    @model_validator(mode="after")
    def _in_order(self) -> Away:
        if self.last < self.first:
            raise ValueError(f"away until {self.last} before it began on {self.first}")
        return self


class Professional(Model):
    """Somebody who works at the shop. Without times of their own, whenever the shop is open."""

    name: Name
    role: str = ""
    specialties: tuple[Name, ...] = ()
    hours: OpeningHours | None = None
    """Their own week and single days off, within the shop's; None means the shop's."""
    off: tuple[Weekday, ...] = ()
    breaks: dict[Weekday, tuple[OpenInterval, ...]] = Field(default_factory=dict[Weekday, tuple[OpenInterval, ...]])
    away: tuple[Away, ...] = ()


class BookingRules(Model):
    """How a shop takes appointments over the phone."""

    by_phone: bool = True
    """False: the receptionist takes messages and books nothing."""
    notice_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 30)] = 0
    """How long before its start an appointment must be made."""
    horizon_days: Annotated[int, Field(ge=1, le=730)] = 90
    """How far ahead one may book; today counts as 0."""
    slot_minutes: Annotated[int, Field(ge=5, le=120)] = 15
    """Appointments begin at multiples of this from the full hour."""
    hold_s: Annotated[int, Field(ge=30, le=3600)] = 180
    """How long a slot waits for the caller's yes."""
    cancel_notice_hours: Annotated[int, Field(ge=0, le=24 * 30)] | None = None
    """Later than this before the start, cancelling or moving is late; None means never."""
    late_text: str = ""
    """What the shop says about late cancelling, in its own words."""
    texts: bool = True
    """Whether confirmations go out by SMS."""


class Faq(Model):
    """A question customers ask, and the shop's answer."""

    question: Text
    answer: Text


class Policy(Model):
    """A rule of the shop in its own words (cancellation, deposit, patch test)."""

    name: Name
    text: Text


Redacted = Literal["phone", "email"]


class Shop(Model):
    """Everything a call may know about a shop; one version, pinned for the length of a call."""

    location_id: LocationId
    business_name: Name
    phone_number: PhoneNumber
    """The number customers dial, which leads here."""
    timezone: ZoneName
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    address: str = ""
    website_url: str = ""
    transfer_to: PhoneNumber | None = None
    """A person's phone, for callers who need one."""
    emergency_number: Annotated[str, StringConstraints(pattern=r"^\d{2,6}$")] = "112"
    greeting: str = ""
    """The shop's own greeting; empty means the house's. Either way it says an assistant answers."""
    voice_id: str = ""
    """The TTS vendor's voice; empty means the house's."""
    records_calls: bool = False
    """Calls are kept with their sound; the greeting says so."""
    redacts: tuple[Redacted, ...] = ()
    """What is taken out of a caller's words beside card numbers, before anybody or anything reads them."""
    hours: OpeningHours = OpeningHours()
    services: tuple[Service, ...] = ()
    professionals: tuple[Professional, ...] = ()
    faq: tuple[Faq, ...] = ()
    policies: tuple[Policy, ...] = ()
    booking: BookingRules = BookingRules()
    version: Annotated[int, Field(ge=0)] = 0
    """Grows by one with each stored change; set by the store."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def country(self) -> str:
        """ISO 3166 of its own number ("US"), by which dates and numbers are read; empty when that tells none."""
        return phonenumbers.region_code_for_number(phonenumbers.parse(self.phone_number)) or ""

    @model_validator(mode="after")
    def _staff_are_known(self) -> Shop:
        known = {person.name for person in self.professionals}
        unknown = {name for service in self.services for name in service.staff} - known
        if known and unknown:
            raise ValueError(f"services name staff who are not professionals: {', '.join(sorted(unknown))}")
        return self


class ShopListing(Model):
    """A shop as the selector of a dashboard needs it."""

    location_id: LocationId
    business_name: Name
    phone_number: PhoneNumber
    timezone: ZoneName


class ShopVersion(Model):
    """Which version of which shop."""

    location_id: LocationId
    version: int


class Source(Model):
    """Where a fact was found: the page, and the words on it that say so."""

    url: str
    quote: str = ""
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0


class ScrapedService(Model):
    """A service as a website tells it: the words as they stand there, and what they were read as beside them."""

    service_name: Name
    category: str = ""
    description: str = ""
    price: Annotated[Decimal, Field(ge=0, decimal_places=2)] | None = None
    price_max: Annotated[Decimal, Field(ge=0, decimal_places=2)] | None = None
    """The upper end of a range."""
    price_from: bool = False
    price_text: str = ""
    currency: str = ""
    """ISO 4217, or empty when the page leaves it open."""
    minutes: Annotated[int, Field(gt=0, le=24 * 60)] | None = None
    duration_text: str = ""
    source: Source


class ScrapedProfessional(Model):
    """Somebody who works at the shop, as a website tells it."""

    name: Name
    role: str = ""
    specialties: tuple[Name, ...] = ()
    source: Source


class SalonInfo(Model):
    """What a website tells about the shop itself; empty where it tells nothing."""

    business_name: str = ""
    website_url: str = ""
    phone: str = ""
    """As it stands there; national formats are usual."""
    email: str = ""
    address: str = ""
    currency: str = ""
    hours: OpeningHours = OpeningHours()
    faq: tuple[Faq, ...] = ()
    sources: dict[str, Source] = Field(default_factory=dict[str, Source])
    """By the name of the field they support."""


class Decision(Model):
    """What somebody said to a change."""

    verdict: Literal["approved", "rejected"]
    by: str
    """`admin`, or the id of a login."""
    at: AwareDatetime


ChangeKind = Literal["added", "changed", "removed"]
Subject = Literal["services", "professionals", "faq", "policies", "hours", "closures", "facts"]


class Change(Model):
    """One thing a website says differently from the shop. `before` or `after` is None where there is nothing."""

    id: str
    """What somebody approves or rejects: `subject:key`."""
    subject: Subject
    key: str
    """Names the thing within its subject; stable between two scrapes."""
    kind: ChangeKind
    before: JsonValue
    after: JsonValue
    source: Source | None = None
    """Where the website says `after`, if that is known."""
    decision: Decision | None = None


ProposalState = Literal["open", "approved", "rejected", "superseded"]


class Proposal(Model):
    """The changes a scrape suggests for one version of a shop, and what was said to them.

    It is open until every change is decided; then approved when any of them was, else rejected.
    """

    id: str = ""
    """A UUID, given when it is stored."""
    location_id: LocationId
    based_on: int
    """The version of the shop it started from."""
    revision: Annotated[int, Field(ge=1)] = 1
    """Grows by one with each decision; set by the store."""
    state: ProposalState = "open"
    changes: tuple[Change, ...]
    created_at: AwareDatetime | None = None
    decided_at: AwareDatetime | None = None
    decided_by: str | None = None
    """Who said the last word."""
    scraped: Shop | None = Field(default=None, exclude=True)
    """The shop as the website tells it; kept beside the proposal, never shown with it."""

    @property
    def undecided(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.decision is None)


class ClaimMismatch(Model):
    """What was said in a turn of a call, and what was done or is so: they differ, for a person to look at."""

    turn: int
    kind: Literal["booking", "price"]
    said: str
    did: str


class OpenQuestion(Model):
    """What a caller asked in a turn, and the shop's knowledge could not answer."""

    turn: int
    question: str


class CallRecord(Model):
    """One phone call, as kept. `ended_at` and `end_reason` are None while it is under way.

    `outcome` is None until the call is concluded, or if it never was; the three below it tell nothing then.
    """

    call_sid: str
    location_id: LocationId
    caller: str
    """E.164, or what the carrier sent ("anonymous")."""
    called: PhoneNumber
    started_at: AwareDatetime
    greeting: str = ""
    """What the caller heard of the greeting."""
    ended_at: AwareDatetime | None = None
    end_reason: str | None = None
    outcome: str | None = None
    """The most that the call came to: one of `agent.events.Outcome`."""
    summary: str = ""
    mismatches: tuple[ClaimMismatch, ...] = ()
    unanswered: tuple[OpenQuestion, ...] = ()


class Turn(Model):
    """A caller's utterance with its answer. `spoken` is what the caller heard of `said`."""

    call_sid: str
    location_id: LocationId
    index: Annotated[int, Field(ge=1)]
    heard: str
    said: str = ""
    spoken: str = ""
    interrupted: bool = False
    voice_to_voice_ms: float | None = None
    at: AwareDatetime


class CallSearch(Model):
    """Which calls are looked for. What is None or empty leaves them open."""

    location_ids: frozenset[LocationId] | None = None
    """None means all shops; an empty set none."""
    call_sid: str = ""
    outcome: str = ""
    since: AwareDatetime | None = None
    """Begun then or later."""
    until: AwareDatetime | None = None
    """Begun before."""
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    """Words, each of which was said by the caller or the agent, as a whole or in part. A to Z in either case."""
    before: tuple[AwareDatetime, str] | None = None
    """Beginning and sid of a call: those that stand behind it."""
    limit: Annotated[int, Field(ge=1, le=100)] = 25

    @property
    def words(self) -> tuple[str, ...]:
        """Those of `text`, each once."""
        return tuple(dict.fromkeys(self.text.split()))


class CallFound(Model):
    """A call that was looked for."""

    record: CallRecord
    turns: Annotated[int, Field(ge=0)]
    """How many are stored."""


BookingState = Literal["held", "booked", "cancelled"]


class VisitPart(Model):
    """One service of a visit, by one person. `ends` is when the client is done with it."""

    service: Name
    staff: str
    """Empty in a shop that names nobody."""
    starts: AwareDatetime
    ends: AwareDatetime


class BusyStretch(Model):
    """A time in which somebody can see nobody else: a service without its processing gaps, buffers included."""

    staff: str
    starts: AwareDatetime
    ends: AwareDatetime

    @model_validator(mode="after")
    def _in_order(self) -> BusyStretch:
        # In UTC: of two moments in one zone Python compares what the clock on the wall shows, also when it is set back.
        if self.ends.astimezone(UTC) <= self.starts.astimezone(UTC):
            raise ValueError("a busy stretch ends after it starts")
        return self


class Visit(Model):
    """What an appointment is made of. Several services follow one another; several people may do them."""

    parts: Annotated[tuple[VisitPart, ...], Field(min_length=1)]
    busy: Annotated[tuple[BusyStretch, ...], Field(min_length=1)]

    @property
    def starts(self) -> datetime:
        """When the client is to come, UTC."""
        return min(part.starts.astimezone(UTC) for part in self.parts)

    @property
    def ends(self) -> datetime:
        """When the client leaves, UTC."""
        return max(part.ends.astimezone(UTC) for part in self.parts)


CustomerName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
CustomerPhone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)]
BookingNotes = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]


class Booking(Model):
    """An appointment as the database holds it. A held one is nobody's yet: it waits for the caller's yes."""

    booking_id: str
    """A UUID."""
    location_id: LocationId
    state: BookingState
    visit: Visit
    customer_name: CustomerName = ""
    customer_phone: CustomerPhone = ""
    """E.164; empty for times the shop has blocked."""
    notes: BookingNotes = ""
    call_sid: str = ""
    """The call that made or holds it; empty when the shop did."""
    moves: str | None = None
    """Of a held one: the booking that it is to replace once confirmed."""
    expires_at: AwareDatetime | None = None
    """Of a hold, one that was let go included: from when it holds nothing. None of appointments, cancelled or not."""
    created_at: AwareDatetime
    changed_at: AwareDatetime
    revision: Annotated[int, Field(ge=1)] = 1
    """Grows with each move; 1 as made."""


class Message(Model):
    """What a caller left for the shop's people."""

    call_sid: str
    location_id: LocationId
    tool_call_id: str
    """Makes storing it twice harmless."""
    caller_name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    callback_number: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)] = ""
    text: Text
    at: AwareDatetime


TextKind = Literal["booked", "moved", "cancelled"]
TextState = Literal["due", "sending", "sent", "failed", "stopped", "skipped"]


class TextMessage(Model):
    """A text (SMS) that a change of an appointment makes due; what it says is rendered when it is sent."""

    text_id: str
    location_id: LocationId
    booking_id: str
    kind: TextKind
    revision: Annotated[int, Field(ge=1)]
    """Of the booking, as the text is to tell it."""
    to_number: str
    """E.164 in all that can be sent."""
    state: TextState = "due"
    """`sending` while a process has it on lease; `stopped`: the customer wants none; `skipped`: there was no need."""
    attempts: Annotated[int, Field(ge=0)] = 0
    """How often it was taken up; a lease is told by this number."""
    provider_sid: str = ""
    last_error: str = ""
    """Why it was not sent, or not yet: a code."""
    not_before: AwareDatetime
    """When it is due; of one being sent, when the lease ends."""
    created_at: AwareDatetime
    changed_at: AwareDatetime


class Caller(Model):
    """Who is on the line, as the carrier told: the inputs of one call."""

    call_sid: str
    location_id: LocationId
    caller: str
    called: PhoneNumber
    shop_version: int = 0
    """Of the shop as it was when the phone rang: the call reads this one or a newer one."""


Act = Literal["listen", "unlisten", "whisper", "say", "take_over", "hand_back", "transfer", "hang_up"]


class OperatorCommand(Model):
    """What an operator asks of a live call. `listen` and `unlisten` change nothing in it; they are for the audit."""

    command: Act
    location_id: LocationId
    call_sid: str
    operator: Name
    text: str = ""
    """Of a whisper (to the receptionist) or of words to say (to the caller)."""
    to: PhoneNumber | None = None
    """Of a transfer; None means the shop's own `transfer_to`."""


Role = Literal["viewer", "operator", "owner"]
"""What a person is in a shop: one who looks and listens, one who also acts on calls, one who also changes the shop."""

AudioSide = Literal["caller", "agent", "operator"]


class AudioFrame(Model):
    """A stretch of a call's sound, one side of it. `at_ms` counts from the start of the call."""

    call_sid: str
    side: AudioSide
    at_ms: Annotated[int, Field(ge=0, lt=2**32)]
    ulaw: bytes


def local(moment: datetime, shop: Shop) -> datetime:
    """A moment in the shop's own time."""
    return moment.astimezone(shop.zone)
