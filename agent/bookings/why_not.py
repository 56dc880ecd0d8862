"""Why a visit that the rules allow cannot be then, or not on that day: the most helpful reason there is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from agent.bookings.diary import Diary, away_until, is_off
from agent.bookings.local_day import exists, moment, seconds
from agent.bookings.plan import Block, Plan
from agent.bookings.readback import spoken_day, spoken_minutes, spoken_time
from agent.bookings.reasons import Reason, ReasonCode, spoken_name
from agent.bookings.rules import Wanted, earliest, last_day, patch_test
from agent.bookings.stretches import Stretch, common, over
from agent.model import Professional, Shop, local

MOST_HELPFUL: tuple[ReasonCode, ...] = ("taken", "staff_break", "staff_off", "staff_away")
"""Of several people the one who nearly could is told about."""

MINUTE = timedelta(minutes=1)
"""What looks earlier than this is bookable from now on: there is no notice to give."""


@dataclass(frozen=True)
class Question:
    """What was asked: a day, or a moment of it."""

    shop: Shop
    wanted: Wanted
    now: datetime
    day: date
    at: datetime | None = None
    """UTC, as `now` is: datetimes of one zone are compared by their wall clocks, which lose an hour a year."""
    skipped: time | None = None
    """The wall time asked for, where clocks never show it."""

    def about(self, code: ReasonCode, say: str) -> Reason:
        """A reason that carries what was asked."""
        return Reason(code=code, say=say, day=self.day, at=self.at)

    def spoken(self, day: date | None = None) -> str:
        """A day with its date, as this shop's callers say it; that asked for, if none is given."""
        return spoken_day(day or self.day, today=self.today, country=self.shop.country, near=False)

    def clock(self, at: datetime | int) -> str:
        """A moment as the shop's clocks say it."""
        return spoken_time(local(moment(at) if isinstance(at, int) else at, self.shop).time())

    @property
    def today(self) -> date:
        return local(self.now, self.shop).date()


def asked_day(shop: Shop, wanted: Wanted, day: date, now: datetime) -> Question:
    """Whether there is anything on a local day."""
    return Question(shop, wanted, now.astimezone(UTC), day)


def asked_moment(shop: Shop, wanted: Wanted, at: datetime, now: datetime) -> Question:
    """Whether it can begin then."""
    skipped = None if exists(at) else at.time()
    return Question(shop, wanted, now.astimezone(UTC), local(at, shop).date(), at.astimezone(UTC), skipped)


def out_of_range(asked: Question) -> Reason | None:
    """No such time, past, too soon or too far: whatever the hours and the book say."""
    if asked.skipped is not None:
        say = f"On {asked.spoken()} the clocks go forward, and {spoken_time(asked.skipped)} is skipped."
        return asked.about("no_such_time", say)
    since, _ = earliest(asked.shop, asked.wanted, asked.now)
    if asked.day < asked.today or (asked.at is not None and asked.at < asked.now):
        return _past(asked, since)
    if asked.at is not None and asked.at < since:
        return _too_soon(asked)
    if asked.at is None and asked.day < local(since, asked.shop).date():
        return _too_soon(asked)
    last = last_day(asked.shop, asked.now)
    if asked.day <= last:
        return None
    say = f"{asked.spoken()} is too far ahead, the last day we book is {asked.spoken(last)}."
    return asked.about("too_far", say).model_copy(update={"last_day": last})


def on_that_day(asked: Question, diary: Diary, plan: Plan, starts: Sequence[Stretch]) -> Reason | None:
    """What keeps the visit from beginning within `starts`: the hours, or the people. None: nothing does."""
    if not diary.openings:
        return asked.about("closed_day", f"We are closed on {asked.spoken()}.")
    stays = diary.stays(plan)
    room = common(stays, starts)
    if not room:
        return _too_late_today(asked) if stays and asked.at is None else _outside_hours(asked, diary, plan, stays)
    for block in plan.blocks:
        states = [_state(asked, diary, block, name, room) for name in block.able]
        if None not in states:
            nearly: ReasonCode = next(code for code in MOST_HELPFUL if states.count(code))
            return _of_people(asked, diary, block, nearly)
    return None


def off_grid(asked: Question, at: datetime, around: Sequence[int]) -> Reason:
    """It would be free, but nothing begins then; `around` are the free beginnings next to it."""
    said = f"{asked.clock(at)} on {asked.spoken()}"
    say = f"Appointments do not begin at {said}."
    if around:
        say = f"{say[:-1]}, but {' or '.join(map(asked.clock, around))} is free."
    if local(at, asked.shop).fold:
        say = f"On {asked.spoken()} the clocks go back, and appointments are not in the hour that comes twice."
    return asked.about("off_grid", say).model_copy(update={"instead": tuple(map(moment, around))})


def fully_booked(asked: Question) -> Reason:
    """Everybody has time, but not one after the other."""
    return asked.about("taken", f"There is nothing free on {asked.spoken()}.")


def _past(asked: Question, since: datetime) -> Reason:
    if asked.at is None or asked.day < asked.today:
        say = f"{asked.spoken()} is already past, today is {asked.spoken(asked.today)}."
    else:
        say = f"{asked.clock(asked.at)} today is already past, it is {asked.clock(asked.now)} now."
    return asked.about("past", say).model_copy(update={"earliest": since})


def _too_soon(asked: Question) -> Reason:
    since, tested = earliest(asked.shop, asked.wanted, asked.now)
    if tested is not None:
        why = patch_test(asked.shop, tested, since, asked.now)
        return asked.about(why.code, why.say).model_copy(update={"service": why.service, "earliest": since})
    here = local(since, asked.shop)
    say = f"That is too soon, the earliest we can book is {asked.spoken(here.date())} at {spoken_time(here.time())}."
    return asked.about("too_soon", say).model_copy(update={"earliest": since})


def _too_late_today(asked: Question) -> Reason:
    """The day has hours, but what is left of them is too short or too soon."""
    since, _ = earliest(asked.shop, asked.wanted, asked.now)
    if since - asked.now < MINUTE:
        say = f"It is too late for {asked.spoken()}, it is {asked.clock(asked.now)} now."
        return asked.about("past", say).model_copy(update={"earliest": since})
    return _too_soon(asked)


def _outside_hours(asked: Question, diary: Diary, plan: Plan, stays: Sequence[Stretch]) -> Reason:
    """Before opening, after closing, in a pause, or not finished by closing."""
    spans = diary.openings
    at = asked.at
    inside = [span for span in spans if at is not None and moment(span[0]) <= at < moment(span[1])]
    hours = " and ".join(f"from {asked.clock(opens)} to {asked.clock(closes)}" for opens, closes in spans)
    say = f"On {asked.spoken()} we are open {hours}."
    latest = stays[-1][1] - 1 if stays else None
    if inside or at is None:
        say = f"It takes {spoken_minutes(plan.seconds // 60)}, and on {asked.spoken()} we are open {hours}."
    if inside and latest is not None:
        say = f"{say[:-1]}, so it would have to begin by {asked.clock(latest)}."
    opens, closes = (inside or [(spans[0][0], spans[-1][1])])[0]
    return asked.about("outside_hours", say).model_copy(
        update={
            "opens": _wall(asked, opens),
            "closes": _wall(asked, closes),
            "latest": None if latest is None else moment(latest),
        }
    )


def _state(asked: Question, diary: Diary, block: Block, name: str, room: Sequence[Stretch]) -> ReasonCode | None:
    """What keeps somebody from a block when the visit begins within `room`."""
    person = _person(asked.shop, name)
    if person is not None and away_until(person, diary.day):
        return "staff_away"
    if person is not None and is_off(person, diary.day):
        return "staff_off"
    if not common(room, diary.starts(block, name, breaks=False, booked=False)):
        return "staff_off"
    if not common(room, diary.starts(block, name, booked=False)):
        return "staff_break"
    return None if common(room, diary.starts(block, name)) else "taken"


def _of_people(asked: Question, diary: Diary, block: Block, code: ReasonCode) -> Reason:
    name = block.able[0] if len(block.able) == 1 else ""
    service, (begins, _) = block.services[0]
    starts = None if asked.at is None else asked.at + (moment(begins) - moment(0))
    when = asked.spoken() if starts is None else f"{asked.clock(starts)} on {asked.spoken()}"
    reason = asked.about(code, _sentence(asked, diary, block, code, when))
    changes: dict[str, str | date | time | None] = {"staff": name or None, "service": service.name}
    person = _person(asked.shop, name)
    if person is not None and code == "staff_away":
        changes["last_day"] = away_until(person, diary.day)
    times = diary.present(name) if code == "staff_off" else diary.breaks(name) if code == "staff_break" else []
    if person is not None and times:
        changes |= {"opens": _wall(asked, times[0][0]), "closes": _wall(asked, times[-1][1])}
    return reason.model_copy(update=changes)


def _sentence(asked: Question, diary: Diary, block: Block, code: ReasonCode, when: str) -> str:
    """One for everybody who does it, or for the only one."""
    name, *others = block.able
    if others:
        some = f"Nobody who does the {spoken_name(block.services[0][0].name)}"
        return f"{some} is {'free' if code in ('taken', 'staff_break') else 'in'} {'at' if asked.at else 'on'} {when}."
    person, who = _person(asked.shop, name), spoken_name(name)
    if code == "taken":
        return f"{f'{who} is' if who else 'We are'} {_booked(asked, diary, block, name)} {when}."
    if person is not None and code == "staff_away":
        return f"{who} is away until {asked.spoken(away_until(person, diary.day))}."
    spans = diary.breaks(name) if code == "staff_break" else diary.present(name)
    hours = " and ".join(f"from {asked.clock(begins)} to {asked.clock(ends)}" for begins, ends in spans)
    if code == "staff_break":
        return f"{who} has a break {hours} on {asked.spoken()}."
    return f"{who} works {hours} on {asked.spoken()}." if spans else f"{who} does not work on {asked.spoken()}."


def _booked(asked: Question, diary: Diary, block: Block, name: str) -> str:
    """Whether they are busy at the beginning already, or only before the end."""
    if asked.at is None:
        return "fully booked on"
    begins = seconds(asked.at) + block.work[0][0]
    return "already booked at" if over(diary.booked(name), begins, begins + 1) else "not free for long enough at"


def _person(shop: Shop, name: str) -> Professional | None:
    return next((person for person in shop.professionals if person.name == name), None)


def _wall(asked: Question, at: int) -> time:
    return local(moment(at), asked.shop).time()
