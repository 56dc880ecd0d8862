"""What holds for every shop, every book and every day; `minute_by_minute` finds the same the slow way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minute_by_minute import MINUTE, Slowly, minutes_of, number, span, worked
from salon import ask, staffed, week

from agent.bookings.calendar import NEAREST_DAYS, check, first_free, free, nearest
from agent.bookings.rules import Reason, Wanted
from agent.model import (
    WEEKDAYS,
    Away,
    BookingRules,
    BusyStretch,
    OpeningHours,
    OpenInterval,
    Processing,
    Professional,
    Service,
    Shop,
    Visit,
    Weekday,
)

NAMES = ("Ana", "Ben", "Cleo")
EDGES = {
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/London": (date(2027, 3, 28), date(2026, 10, 25)),
    "Australia/Lord_Howe": (date(2026, 10, 4), date(2026, 4, 5)),  # by half an hour
    "America/Sao_Paulo": (date(2018, 11, 4), date(2018, 2, 17)),  # at midnight, until 2019
    "Africa/Cairo": (date(2026, 4, 24), date(2026, 10, 29)),  # at midnight
    "Pacific/Honolulu": (date(2026, 3, 8), date(2026, 11, 1)),  # never
}
"""Where and when clocks go forward and back."""

SPEAKABLE = re.compile(r"[A-Z0-9][A-Za-z0-9 ,:]+\.")


def times(examples: int) -> settings:
    """The same examples on every run; generating them counts for no deadline."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


@dataclass(frozen=True)
class Case:
    """A shop, a book, and what somebody wants on a day."""

    shop: Shop
    wanted: Wanted
    day: date
    busy: tuple[BusyStretch, ...]
    now: datetime


def clock(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)


@cache
@st.composite
def spans(draw: st.DrawFn, most: int = 2) -> tuple[OpenInterval, ...]:
    """Hours of a day, night hours included, in steps of ten minutes; some touch."""
    count = draw(st.integers(1, most))
    edges = sorted(draw(st.lists(st.integers(0, 143), min_size=2 * count, max_size=2 * count, unique=True)))
    if count == 2 and edges[1] % 3 == 0:
        edges[1] = edges[2]
    return tuple(
        OpenInterval(opens=clock(edges[at] * 10), closes=clock(edges[at + 1] * 10)) for at in range(0, 2 * count, 2)
    )


def weekly(day: date, intervals: tuple[OpenInterval, ...]) -> dict[Weekday, tuple[OpenInterval, ...]]:
    return {WEEKDAYS[day.weekday()]: intervals}


@cache
@st.composite
def services(draw: st.DrawFn, number: int, names: tuple[str, ...]) -> Service:
    minutes = draw(st.sampled_from((5, 15, 30, 45, 50, 90, 150)))
    gap = draw(st.booleans()) and minutes > 30
    return Service(
        name=f"Service {number}",
        minutes=minutes,
        staff=draw(st.sampled_from(((), (), *[(name,) for name in names], names))) if names else (),
        processing=(Processing(after=minutes // 3, minutes=minutes // 3),) if gap else (),
        buffer_minutes=draw(st.sampled_from((0, 0, 5, 20))),
        add_on=number > 0 and draw(st.booleans()),
        patch_test_hours=draw(st.sampled_from((None, None, 3))),
    )


@cache
@st.composite
def people(draw: st.DrawFn, name: str, day: date) -> Professional:
    kind = draw(st.integers(0, 15))
    own = draw(spans()) if kind % 2 else None
    return Professional(
        name=name,
        hours=None if own is None else OpeningHours(week=weekly(day, own)),
        off=(WEEKDAYS[day.weekday()],) if kind == 4 else (),
        away=(Away(first=day, last=day + timedelta(days=2)),) if kind == 6 else (),
        breaks=weekly(day, draw(spans(most=1))) if kind in (7, 8, 9, 10) else {},
    )


@cache
def moments(day: date, zone: ZoneInfo) -> st.SearchStrategy[datetime]:
    """Real moments of that day, to five minutes."""
    walls = minutes_of(day, zone)
    return st.integers(0, len(walls) // 5 - 1).map(lambda count: walls[0][0] + MINUTE * 5 * count)


@cache
@st.composite
def books(draw: st.DrawFn, day: date, zone: ZoneInfo, names: tuple[str, ...], most: int = 5) -> tuple[BusyStretch, ...]:
    """Stretches on that day, overlapping ones too, some at crooked minutes and some of nobody or of strangers."""
    found: list[BusyStretch] = []
    for _ in range(draw(st.integers(0, most))):
        starts = draw(moments(day, zone)) + MINUTE * draw(st.sampled_from((0, 0, 0, 2)))
        length = draw(st.sampled_from((5, 15, 40, 63, 120)))
        staff = draw(st.sampled_from((*names, *names, *names, "", "Nobody we know")))
        found.append(BusyStretch(staff=staff, starts=starts, ends=starts + MINUTE * length))
    return tuple(found)


ALL_DAY = (OpenInterval(opens=time(), closes=time(23, 59)),)
OPENINGS = st.one_of(st.just(ALL_DAY), spans())


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Mostly around the days on which clocks change."""
    zone = draw(st.sampled_from(tuple(EDGES)))
    day = draw(st.sampled_from(EDGES[zone])) + timedelta(days=draw(st.sampled_from((0, 0, 0, -1, 1))))
    names = NAMES[: draw(st.integers(0, 3))]
    wanted = tuple(draw(services(number, names)) for number in range(draw(st.sampled_from((1, 1, 1, 2, 3)))))
    shop = Shop(
        location_id=1,
        business_name="Anywhere",
        phone_number="+12125550100",
        timezone=zone,
        currency="USD",
        hours=OpeningHours(week=weekly(day, draw(OPENINGS))),
        professionals=tuple(draw(people(name, day)) for name in names),
        booking=BookingRules(
            slot_minutes=draw(st.sampled_from((15, 15, 30, 20, 45, 90))),
            notice_minutes=draw(st.sampled_from((0, 0, 90))),
            horizon_days=draw(st.sampled_from((1, 30))),
        ),
    )
    wishes = tuple(draw(st.sampled_from((None, None, None, *names))) for _ in wanted)
    early = draw(st.sampled_from((timedelta(days=-2), timedelta(days=-1), timedelta(hours=6))))
    return Case(
        shop=shop,
        wanted=Wanted(services=wanted, staff=wishes, new_client=draw(st.booleans())),
        day=day,
        busy=draw(books(day, shop.zone, names)),
        now=minutes_of(day, shop.zone)[0][0] + early,
    )


def offered(case: Case) -> tuple[Visit, ...]:
    return free(case.shop, case.wanted, case.day, busy=case.busy, now=case.now).visits


@times(1000)
@given(cases())
def test_the_calendar_offers_what_counting_minutes_finds(case: Case):
    slowly = Slowly(case.shop, case.wanted, case.day, case.busy, case.now).starts()
    visits = offered(case)

    assert [visit.starts for visit in visits] == list(slowly)
    for visit in visits:
        hands = tuple(part.staff for part in visit.parts)
        assert hands in slowly[visit.starts]
        changes = {sum(one != other for one, other in pairwise(could)) for could in slowly[visit.starts]}
        assert sum(one != other for one, other in pairwise(hands)) == min(changes)


@times(600)
@given(cases(), st.data())
def test_a_moment_is_free_if_and_only_if_its_day_offers_it(case: Case, data: st.DataObject):
    visits = {visit.starts: visit for visit in offered(case)}
    every_fifth = [at for at, _ in minutes_of(case.day, case.shop.zone)[::5]]
    asked = data.draw(st.lists(st.sampled_from([*every_fifth, *visits, *visits]), min_size=2, max_size=4))

    for at in asked:
        found = check(case.shop, case.wanted, at.astimezone(case.shop.zone), busy=case.busy, now=case.now)
        assert (found if isinstance(found, Visit) else None) == visits.get(at)


@times(600)
@given(cases())
def test_a_visit_keeps_its_people_exactly_as_long_as_it_says(case: Case):
    """Busy is the services without their gaps, with the buffers; it meets no other busy stretch of that person."""
    named = {service.name: service for service in case.wanted.services}
    for visit in offered(case):
        assert visit.ends - visit.starts == MINUTE * case.wanted.minutes
        assert all(one.ends == other.starts for one, other in pairwise(visit.parts))
        expected: dict[str, set[int]] = {}
        for part in visit.parts:
            service, starts, ends = named[part.service], number(part.starts), number(part.ends)
            kept = {starts + at for at in worked(service)} | set(range(ends, ends + service.buffer_minutes))
            expected.setdefault(part.staff, set()).update(kept)
        for name, minutes in expected.items():
            own = [one for one in visit.busy if one.staff == name]
            assert {at for one in own for at in span(one)} == minutes
            assert all(one.ends < other.starts for one, other in pairwise(own))
            others = [one for one in case.busy if not name or one.staff in (name, "")]
            assert not any(one.starts < other.ends and other.starts < one.ends for one in own for other in others)


@times(500)
@given(cases(), st.data())
def test_another_booking_offers_nothing_new_but_the_moment_after_it(case: Case, data: st.DataObject):
    names = tuple(person.name for person in case.shop.professionals)
    more = data.draw(books(case.day, case.shop.zone, names, most=1))
    before = {visit.starts for visit in offered(case)}
    after = {visit.starts for visit in offered(Case(case.shop, case.wanted, case.day, case.busy + more, case.now))}

    follows = {one.ends + MINUTE * (-one.ends.minute % 5) for one in more}
    assert after - before <= follows


@times(500)
@given(cases(), st.data())
def test_what_is_told_instead_is_true_and_speakable(case: Case, data: st.DataObject):
    at = data.draw(moments(case.day, case.shop.zone)) + MINUTE * data.draw(st.sampled_from((0, 0, 0, 1)))
    found = check(case.shop, case.wanted, at, busy=case.busy, now=case.now)
    if isinstance(found, Visit):
        assert found.starts == at
        return
    assert SPEAKABLE.fullmatch(found.say), found.say
    starts = [visit.starts for visit in offered(case)]
    alone = check(case.shop, case.wanted, at, busy=(), now=case.now)
    if found.code == "taken":
        assert isinstance(alone, Visit) or alone.code == "off_grid"
    elif found.code == "off_grid":
        assert set(found.instead) <= set(starts)
        around = [max((s for s in starts if s < at), default=None), min((s for s in starts if s > at), default=None)]
        assert found.instead == tuple(s for s in around if s is not None)
    else:
        assert isinstance(alone, Reason)
        assert alone.code == found.code


@times(500)
@given(cases())
def test_a_day_gives_visits_or_a_reason(case: Case):
    day = free(case.shop, case.wanted, case.day, busy=case.busy, now=case.now)
    assert (day.reason is None) == bool(day.visits)
    assert day.reason is None or SPEAKABLE.fullmatch(day.reason.say), day.reason
    assert first_free(
        case.shop, case.wanted, busy=case.busy, now=case.now, since=case.day, until=case.day, limit=1000
    ) == (day.visits)


@times(200)
@given(cases(), st.data())
def test_other_times_are_free_and_near(case: Case, data: st.DataObject):
    at = data.draw(moments(case.day, case.shop.zone))
    visits = offered(case)
    found = nearest(case.shop, case.wanted, at, busy=case.busy, now=case.now, limit=4)
    days = {visit.starts.astimezone(case.shop.zone).date() for visit in found}

    assert len({visit.starts for visit in found}) == len(found)
    assert all(0 <= (day - case.day).days < NEAREST_DAYS for day in days)
    for visit in found:
        hands = tuple(part.staff for part in visit.parts)
        wanted = Wanted(services=case.wanted.services, staff=hands, new_client=case.wanted.new_client)
        assert isinstance(check(case.shop, wanted, visit.starts, busy=case.busy, now=case.now), Visit)
    if all(wish is None for wish in case.wanted.staff):
        same_day = [visit for visit in found if visit in visits]
        assert same_day == sorted(visits, key=lambda visit: (abs(visit.starts - at), visit.starts))[:4]


@times(300)
@given(
    st.sampled_from(
        [(zone, edge + timedelta(days=n)) for zone, edges in EDGES.items() for edge in edges for n in (-1, 0, 1)]
    ),
    st.sampled_from((5, 10, 15, 20, 30, 60)),
    st.sampled_from((5, 15, 45, 120)),
)
def test_no_time_vanishes_or_doubles_when_clocks_change(where: tuple[str, date], slot: int, minutes: int):
    """In a shop that never closes, each wall time of the grid is offered once, if its clocks show it."""
    zone, day = where
    shop = staffed(opening=week(rest="00:00-23:59")).model_copy(
        update={"timezone": zone, "booking": BookingRules(slot_minutes=slot)}
    )
    walls = minutes_of(day, shop.zone)
    service = Service(name="Braids", minutes=minutes)
    visits = free(shop, ask(service), day, busy=(), now=walls[0][0] - timedelta(days=1)).visits

    closes = next(at for at, wall in walls if wall.time() >= time(23, 59))
    expected = {wall: at for at, wall in reversed(walls) if wall.minute % slot == 0 and at + MINUTE * minutes <= closes}
    assert [visit.starts for visit in visits] == sorted(expected.values())
    assert {visit.ends - visit.starts for visit in visits} <= {MINUTE * minutes}


@pytest.mark.parametrize(("zone", "hours"), [("America/New_York", (23, 25)), ("Australia/Lord_Howe", (23.5, 24.5))])
def test_the_edges_are_edges(zone: str, hours: tuple[float, float]):
    assert tuple(len(minutes_of(day, ZoneInfo(zone))) / 60 for day in EDGES[zone]) == hours


@times(900)
@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 14),
    st.sampled_from((0, 5, 20)),
    st.integers(0, 12),
)
def test_another_client_fits_into_a_gap_exactly_if_it_is_long_enough(
    before: int, gap: int, after: int, length: int, buffer: int, late: int
):
    """All in units of five minutes but the buffer."""
    colour = Service(
        name="Colour", minutes=(before + gap + after) * 5, processing=(Processing(after=before * 5, minutes=gap * 5),)
    )
    other = Service(name="Other", minutes=length * 5, buffer_minutes=buffer)
    shop = staffed(Professional(name="Ana"), opening=week(rest="08:00-20:00")).model_copy(
        update={"booking": BookingRules(slot_minutes=5)}
    )
    noon = datetime(2026, 10, 29, 12, tzinfo=UTC)
    booked = check(shop, ask(colour), noon, busy=(), now=noon - timedelta(days=1))
    assert isinstance(booked, Visit)

    at = noon + MINUTE * 5 * (before + late)
    found = check(shop, ask(other), at, busy=booked.busy, now=noon - timedelta(days=1))
    fits = late * 5 + length * 5 + buffer <= gap * 5 or late >= gap + after
    assert isinstance(found, Visit) == fits
