"""What one call does with the appointment book: the caller's words in, words to speak out.

The model passes words and never identifiers, moments or rights. Everything that matters is checked here, in code:
that a time was read back and agreed to before it is booked, that a name was said by the caller before it is used,
that an appointment belongs to the caller before it is named or changed. So a model that misbehaves can waste a
caller's time, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.bookings import wordings
from agent.bookings.capture import phone_from_words
from agent.bookings.consent import consents, means_all, takes_back
from agent.bookings.dates import DateQuestion, When, resolve
from agent.bookings.desk import Declined, Desk, Offer, wanted_of
from agent.bookings.identity import is_said, is_same_person
from agent.bookings.rules import Wanted
from agent.errors import StoreError
from agent.events import BookingCancelled, BookingHeld, BookingMade, BookingMoved, OfCall, ToolOutcome
from agent.knowledge.finding import find_professional, find_services
from agent.knowledge.prompt import is_withheld
from agent.model import Booking, Caller, Service, Shop, Visit, local, to_e164
from agent.ports import Clock

MAX_WORDS = 600
"""Longer than anybody speaks in a turn."""
MAX_QUOTED = 60
NOT_YOURS = "I cannot find an appointment under that name and the number you are calling from."
WITHHELD = "Your number is withheld, so I cannot look into appointments. I can take a message instead."
NOTHING_HELD = "Nothing is being kept for you yet. What would you like to book, and when?"
ASK_NAME = "What name is the appointment under?"
ASK_AGAIN = "Which one do you mean?"
NOT_REACHED = "I could not reach the appointment book for the other one, so please ask me for that again."
OTHER_DAY, OTHER_PERSON = "Which other day would suit you?", "Would somebody else do?"
LEAVE_WORD, LOOK_AGAIN = "Shall I take a message for the salon?", "What else may I look for?"
NEXT_STEPS: Mapping[str, str] = {
    **dict.fromkeys(("not_by_phone", "hours_unknown", "duration_unknown", "consultation_first"), LEAVE_WORD),
    **dict.fromkeys(("staff_unknown", "staff_does_not"), OTHER_PERSON),
    **dict.fromkeys(("add_on_alone", "nobody_does", "rules_changed", "booking_unknown"), LOOK_AGAIN),
}
"""What to go on with where nothing near can be offered, by why not; for the rest, OTHER_DAY."""
ANYONE = frozenset({"anyone", "anybody", "any", "whoever", "no preference", "don't mind", "either"})
_UNSAYABLE = re.compile(r"[^\w\s'’.-]|[\d_]")
"""What is in no name that is spoken."""
_RIGHT_AFTER = re.compile(
    r"\b(right |straight |directly |just )?after (it|that|this|my appointment|the (cut|other))\b", re.I
)


@dataclass(frozen=True)
class Reply:
    """What a tool answers: `say` is spoken as it stands, `facts` are for the model, `events` tell what was done."""

    outcome: ToolOutcome
    say: str
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
    events: tuple[tuple[type[OfCall], dict[str, object]], ...] = ()
    spoken: bool = True
    """False: the model puts it in its own words."""


@dataclass(frozen=True)
class _Pending:
    """Something the caller was asked to agree to, and in which turn."""

    booking: Booking
    turn: int


class Appointments:
    """The state of one call. Raises StoreError, when the store fails, and nothing else."""

    def __init__(self, desk: Desk, shop: Shop, caller: Caller, clock: Clock) -> None:
        self._desk = desk
        self._shop = shop
        self._clock = clock
        self._call_sid = caller.call_sid
        self._phone = "" if is_withheld(caller.caller) else to_e164(caller.caller)
        self._heard: list[str] = []
        self._when: When | None = None
        self._wanted: Wanted | None = None
        self._holds: dict[str | None, _Pending] = {}
        self._cancelling: _Pending | None = None
        self._asked: list[int] = []
        self._own: tuple[Booking, ...] = ()
        self._name = ""
        self._made = False

    def listen(self, turns: Sequence[str]) -> None:
        """What the caller has said so far, turn by turn, this turn included."""
        self._heard = [words[:MAX_WORDS] for words in turns]

    def told_late(self, asked: int, told: int) -> None:
        """What a caller was to be asked in turn `asked` they hear only after turn `told`: a yes counts from then on."""
        for moves, pending in self._holds.items():
            self._holds[moves] = _later(pending, asked, told)
        self._cancelling = self._cancelling and _later(self._cancelling, asked, told)
        self._asked = [told if turn == asked else turn for turn in self._asked]

    def wish(self) -> str:
        """What the caller was about to book, for the people of the shop."""
        held = [wordings.visit_words(p.booking.visit, self._shop, now=self._clock()) for p in self._holds.values()]
        return "; ".join(held) or "an appointment"

    # What is free, and keeping it

    async def check(self, services: Sequence[str], when: str, staff: str) -> Reply:
        """What is free for these services when the caller means."""
        wanted, moment = await self._read(services, staff), self._moment(when)
        if isinstance(wanted, Reply):
            return wanted
        if isinstance(moment, Reply):
            return moment
        return self._offer(await self._desk.offer(self._shop.location_id, wanted, moment), moment)

    async def hold(self, services: Sequence[str], when: str, staff: str, *, key: str) -> Reply:
        """Keep the time the caller means, and read it back; with a day only, say what is free on it."""
        wanted, moment = await self._read(services, staff), self._moment(when)
        if isinstance(wanted, Reply):
            return wanted
        if isinstance(moment, Reply):
            return moment
        return await self._hold(wanted, moment, key=key)

    async def _hold(self, wanted: Wanted, moment: When, *, key: str, moves: Booking | None = None) -> Reply:
        here = self._shop.location_id
        offer = await self._desk.offer(here, wanted, moment, ignoring=moves.booking_id if moves else None)
        if isinstance(offer, Declined) or not (offer.exact or moment.earliest):
            return self._offer(offer, moment)
        held = await self._desk.hold(
            here,
            wanted,
            offer.visits[0].starts,
            key=key,
            call_sid=self._call_sid,
            moves=moves.booking_id if moves else None,
        )
        if isinstance(held, Declined):
            return self._declined(held)
        self._remember(held.visit)
        say = self._ask(held, moves.visit if moves else None)
        facts = {"held": wordings.visit_words(held.visit, self._shop, now=self._clock()), "booked": False}
        return Reply("ok", say, facts, ((BookingHeld, {"booking": held}),))

    async def confirm(self, name: str, phone: str) -> Reply:
        """Book what is held, once the caller has heard it and said yes."""
        if not self._holds:
            say = NOTHING_HELD if not self._made else f"That is done already. {wordings.ANYTHING_ELSE}"
            return Reply("refused", say, {"booked": self._made})
        ready = [pending for pending in self._holds.values() if self._agreed(pending)]
        if not ready:
            return Reply(
                "refused", self._ask_yes(), {"booked": False, "reason": "the caller has not said yes to this yet"}
            )
        number = self._number(phone)
        who = self._who(name)
        if not who and any(pending.booking.moves is None for pending in ready):
            return Reply("refused", "What name may I put it under?")
        if not number:
            return Reply("refused", "Your number is withheld. Which number can the shop reach you on?")
        return await self._book(ready, who, number)

    async def _book(self, ready: Sequence[_Pending], name: str, number: str) -> Reply:
        said: list[str] = []
        events: list[tuple[type[OfCall], dict[str, object]]] = []
        refused: dict[str, object] = {}
        for held in (pending.booking for pending in ready):
            try:
                # Not the tool call's key: one hold becomes one appointment, also when an earlier answer was lost.
                made = await self._desk.confirm(
                    held, key=f"confirm:{held.booking_id}", customer_name=name, customer_phone=number
                )
            except StoreError:
                if not events:
                    raise
                said.append(NOT_REACHED)  # what is booked is booked, and told
                break
            self._holds.pop(held.moves, None)
            if isinstance(made, Declined):
                no = self._declined(made)
                said.append(no.say)
                refused = dict(no.facts)
            else:
                events.append(self._made_of(held, made))
                said.append(self._confirmation(held, made))
        done = len(events) == len(ready)
        if done:
            said.append(self._ask_yes() if self._holds else wordings.ANYTHING_ELSE)
        return Reply("ok" if done else "refused", " ".join(said), {**refused, "booked": bool(events)}, tuple(events))

    def _made_of(self, held: Booking, made: Booking) -> tuple[type[OfCall], dict[str, object]]:
        before = next((own.visit for own in self._own if own.booking_id == held.moves), held.visit)
        self._own = (*(own for own in self._own if own.booking_id != made.booking_id), made)
        self._made = True
        return (
            (BookingMade, {"booking": made})
            if held.moves is None
            else (BookingMoved, {"booking": made, "before": before})
        )

    def _confirmation(self, held: Booking, made: Booking) -> str:
        words = wordings.booked if held.moves is None else wordings.moved
        return words(made, self._shop, now=self._clock())

    # Appointments the caller has

    async def find(self, name: str, detail: str) -> Reply:
        """The caller's own appointments, once they have said who they are."""
        if not self._phone:
            return Reply("refused", WITHHELD)
        known = await self._desk.upcoming(self._shop.location_id, self._phone)
        own = tuple(booking for booking in known if self._is_theirs(booking, name, detail))
        if not own:
            say = NOT_YOURS if name or detail else ASK_NAME
            return Reply("refused", say, {"found": 0})
        self._own, self._name = own, own[0].customer_name
        say = wordings.listed(own, self._shop, now=self._clock())
        facts = {"appointments": [wordings.visit_words(b.visit, self._shop, now=self._clock()) for b in own]}
        return Reply("ok", say, facts, spoken=False)

    async def move(self, which: str, when: str, *, key: str) -> Reply:
        """Keep another time for one of the caller's appointments, and read it back."""
        booking = await self._one_of_theirs(which)
        if isinstance(booking, Reply):
            return booking
        wanted = wanted_of(booking.visit, self._desk.shop(self._shop.location_id))
        if wanted is None:
            return Reply(
                "refused", "The shop no longer offers that service, so I cannot move it. Shall I take a message?"
            )
        self._remember(booking.visit)
        moment = self._moment(when)
        return moment if isinstance(moment, Reply) else await self._hold(wanted, moment, key=key, moves=booking)

    async def cancel(self, which: str, *, key: str) -> Reply:
        """Ask whether to cancel; once the caller has agreed, do it."""
        pending = self._cancelling
        if pending is not None and self._agreed(pending):
            return await self._cancel(pending.booking, key)
        booking = await self._one_of_theirs(which)
        if isinstance(booking, Reply):
            return booking
        self._cancelling = _Pending(booking, self._turn)
        self._asked.append(self._turn)
        late = self._desk.is_late(booking)
        say = wordings.shall_i_cancel(booking, self._shop, now=self._clock(), late=late)
        return Reply("ok", say, {"cancelled": False, "late": late})

    async def _cancel(self, booking: Booking, key: str) -> Reply:
        self._cancelling = None
        done = await self._desk.cancel(booking, key=key)
        if isinstance(done, Declined):
            return self._declined(done)
        self._own = tuple(own for own in self._own if own.booking_id != done.booking_id)
        say = f"{wordings.cancelled(done, self._shop, now=self._clock())} {wordings.ANYTHING_ELSE}"
        return Reply("ok", say, {"cancelled": True}, ((BookingCancelled, {"booking": done}),))

    async def _one_of_theirs(self, which: str) -> Booking | Reply:
        """The appointment the caller means, of those they have a right to."""
        if not self._own:
            found = await self.find("", which)
            if found.outcome != "ok":
                return Reply("refused", ASK_NAME if found.say == ASK_NAME else NOT_YOURS)
        fits = [booking for booking in self._own if self._is_meant(booking, which)] or list(self._own)
        if len(fits) == 1:
            return fits[0]
        return Reply("refused", f"{wordings.listed(fits, self._shop, now=self._clock())} {ASK_AGAIN}")

    # Rights

    @property
    def _turn(self) -> int:
        return len(self._heard)

    def _agreed(self, pending: _Pending) -> bool:
        """Whether the caller has said yes to this after they were asked, and not taken it back since.

        A yes answers what was asked last. To what was asked before that it is one only where it means both.
        """
        for turn in range(len(self._heard), pending.turn, -1):
            words = self._heard[turn - 1]
            if takes_back(words) or self._names_another_time(words, pending.booking):
                return False
            if consents(words):
                asked_since = any(pending.turn < asked < turn for asked in self._asked)
                return not asked_since or means_all(words)
        return False

    def _names_another_time(self, words: str, booking: Booking) -> bool:
        """ "Yes, at four then": a yes with a time of its own is one to that time."""
        if phone_from_words(words, self._shop.country):
            return False
        start = local(booking.visit.starts, self._shop)
        found = resolve(
            words,
            now=self._clock(),
            zone=self._shop.zone,
            hours=self._shop.hours,
            before=When(first=start.date(), last=start.date(), at=start.time()),
            country=self._shop.country,
        )
        if not isinstance(found, When) or not found.one_day:
            return False
        return found.first != start.date() or found.at not in (None, start.time())

    def _who(self, name: str) -> str:
        """The name to book under: one the caller said, or the one they proved to be."""
        name = " ".join(_UNSAYABLE.sub(" ", name[:MAX_WORDS]).split())[:200]
        if name and is_said(name, self._heard):
            self._name = name
        return self._name

    def _number(self, phone: str) -> str:
        """The number to book under: the line's, or one the caller gave when theirs is withheld."""
        if self._phone or not phone:
            return self._phone
        given = phone_from_words(phone, self._shop.country)
        said = {phone_from_words(words, self._shop.country) for words in self._heard}
        return given if given is not None and given in said else ""

    def _is_theirs(self, booking: Booking, name: str, detail: str) -> bool:
        """Number of the line plus name, or number plus one detail, each said by the caller in this call."""
        if name and is_said(name, self._heard) and is_same_person(name, booking.customer_name):
            return True
        if is_said(booking.customer_name, self._heard):
            return True
        return bool(detail) and any(self._is_meant(booking, words) for words in self._heard)

    def _is_meant(self, booking: Booking, words: str) -> bool:
        """Whether words name a booking: by its day, by its service, or by both where both are named."""
        day = resolve(
            words, now=self._clock(), zone=self._shop.zone, hours=self._shop.hours, country=self._shop.country
        )
        start = local(booking.visit.starts, self._shop)
        on_day = isinstance(day, When) and day.first == day.last == start.date()
        found = find_services(self._shop, words)
        names = {service.name for service in found.matches}
        by_service = any(part.service in names for part in booking.visit.parts)
        return on_day or (by_service and not isinstance(day, When))

    # Words

    async def _read(self, services: Sequence[str], staff: str) -> Wanted | Reply:
        """What is wanted, of the shop as it is now. Left out, it is what was spoken of before."""
        shop = self._desk.shop(self._shop.location_id)
        if not services and self._wanted is not None:
            chosen = self._wanted.services
        else:
            chosen = self._services(shop, services)
            if isinstance(chosen, Reply):
                return chosen
        who = self._staff(shop, staff, chosen)
        if isinstance(who, Reply):
            return who
        new = await self._desk.is_new_client(shop.location_id, self._phone)
        self._wanted = Wanted(services=chosen, staff=who, new_client=new)
        return self._wanted

    def _services(self, shop: Shop, words: Sequence[str]) -> tuple[Service, ...] | Reply:
        chosen: list[Service] = []
        for said in words:
            found = find_services(shop, said[:MAX_WORDS])
            if found.kind == "none":
                return Reply("refused", f"I cannot find {_quoted(said)} on our menu. What would you like to have done?")
            if found.kind == "several":
                names = wordings.either([service.name for service in found.matches[:4]])
                return Reply("refused", f"Would that be {names}?", {"candidates": names})
            chosen.append(found.matches[0])
        if not chosen:
            return Reply("refused", "What would you like to have done?")
        return tuple(chosen)

    def _staff(self, shop: Shop, said: str, services: Sequence[Service]) -> tuple[str | None, ...] | Reply:
        if said.strip().casefold() in ANYONE:
            return (None,) * len(services)
        if not said.strip():
            same = self._wanted is not None and self._wanted.services == tuple(services)
            return self._wanted.staff if same and self._wanted else (None,) * len(services)
        found = find_professional(shop, said)
        if found.kind == "exact":
            return (found.matches[0].name,) * len(services)
        if found.kind == "several":
            return Reply("refused", f"Would that be {wordings.either([person.name for person in found.matches[:4]])}?")
        team = f"Our team is {wordings.either(list(found.near))}. " if found.near else ""
        return Reply("refused", f"I do not know anybody called {_quoted(said)} here. {team}Whom would you like?")

    def _moment(self, words: str) -> When | Reply:
        """What the caller means, in the light of what was spoken of before."""
        after = self._right_after(words)
        if after is not None:
            return after
        found = resolve(
            words[:MAX_WORDS],
            now=self._clock(),
            zone=self._shop.zone,
            hours=self._shop.hours,
            before=self._when,
            country=self._shop.country,
        )
        if isinstance(found, DateQuestion):
            return Reply("refused", found.say, {"question": found.code})
        self._when = found
        return found

    def _right_after(self, words: str) -> When | None:
        """ "Right after it": when what is held or booked in this call ends."""
        spoken_of = [pending.booking for pending in self._holds.values()] or list(self._own)
        if not spoken_of or not _RIGHT_AFTER.search(words):
            return None
        end = local(spoken_of[-1].visit.ends, self._shop)
        return When(first=end.date(), last=end.date(), at=end.time())

    def _remember(self, visit: Visit) -> None:
        start: datetime = local(visit.starts, self._shop)
        self._when = When(first=start.date(), last=start.date(), at=start.time())

    # Answers

    def _offer(self, offer: Offer | Declined, moment: When) -> Reply:
        if isinstance(offer, Declined):
            return self._declined(offer)
        if moment.first == moment.last:
            self._when = moment
        words = [wordings.visit_words(visit, self._shop, now=self._clock()) for visit in offer.visits]
        say = wordings.offered(offer.visits, self._shop, now=self._clock())
        return Reply("ok", say, {"free": words, "booked": False})

    def _declined(self, no: Declined) -> Reply:
        others = [wordings.visit_words(visit, self._shop, now=self._clock()) for visit in no.alternatives]
        say = wordings.declined(no.say, no.alternatives, self._shop, now=self._clock())
        if not others and not say.endswith("?"):
            say = f"{say} {NEXT_STEPS.get(no.code, OTHER_DAY)}"
        return Reply("refused", say, {"reason": no.code, "alternatives": others, "booked": False})

    def _ask(self, held: Booking, moved_from: Visit | None) -> str:
        """The read-back of a hold, from which on a yes to it counts."""
        self._holds[held.moves] = _Pending(held, self._turn)
        self._asked.append(self._turn)
        return wordings.read_back(held, self._shop, now=self._clock(), name=self._name, moved_from=moved_from)

    def _ask_yes(self) -> str:
        """Everything that is held and not agreed to, read back once more."""
        before = {own.booking_id: own.visit for own in self._own}
        held = [pending.booking for pending in self._holds.values()]
        return " ".join(self._ask(booking, before.get(booking.moves or "")) for booking in held)


def _later(pending: _Pending, asked: int, told: int) -> _Pending:
    return replace(pending, turn=told) if pending.turn == asked else pending


def _quoted(said: str) -> str:
    """The caller's own word, short enough to be said back, with nothing but words in it."""
    plain = " ".join(re.findall(r"[^\W_][\w'’&-]*", said[:MAX_QUOTED])[:6])
    return plain or "that"
