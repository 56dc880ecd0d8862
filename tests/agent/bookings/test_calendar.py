"""The calendar as the people of a salon would put it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from salon import (
    ANA,
    BEARD,
    BLOW_DRY,
    COLOUR,
    CUT,
    FRINGE,
    GLOSS,
    MARCUS,
    NOW,
    PRIYA,
    SALON,
    SHAVE,
    ask,
    at,
    busy,
    clocks,
    hours,
    ruled,
    said,
    staffed,
    week,
)

from agent.bookings.calendar import check, first_free, free, nearest, to_load
from agent.bookings.rules import Reason, Wanted
from agent.model import BusyStretch, Processing, Professional, Service, Shop, Visit

THURSDAY = date(2026, 10, 29)


def visit(wanted: Wanted, when: str, *book: BusyStretch, shop: Shop = SALON, now: datetime = NOW) -> Visit:
    found = check(shop, wanted, at(when, shop), busy=book, now=now)
    assert isinstance(found, Visit), found
    return found


def reason(wanted: Wanted, when: str, *book: BusyStretch, shop: Shop = SALON, now: datetime = NOW) -> Reason:
    found = check(shop, wanted, at(when, shop), busy=book, now=now)
    assert isinstance(found, Reason), found
    return found


def kept(of: Visit, shop: Shop = SALON) -> list[str]:
    zone = shop.zone
    return [
        f"{one.staff} {one.starts.astimezone(zone):%H:%M}-{one.ends.astimezone(zone):%H:%M}".strip() for one in of.busy
    ]


class TestExactlyThen:
    def test_thursday_at_three_with_ana(self):
        found = visit(ask(CUT, staff="Ana"), "2026-10-29 15:00")

        assert said(found) == "Ana 15:00 Ladies' Cut"
        assert (found.starts, found.ends) == (at("2026-10-29 15:00"), at("2026-10-29 15:45"))
        assert kept(found) == ["Ana 15:00-15:45"]
        assert found.starts.tzinfo is UTC

    def test_ana_is_taken_at_three_and_free_at_a_quarter_to_four(self):
        book = busy("Ana", "2026-10-29 15:00", 45)
        why = reason(ask(CUT, staff="Ana"), "2026-10-29 15:00", book)

        assert (why.code, why.staff, why.service) == ("taken", "Ana", "Ladies' Cut")
        assert why.say == "Ana is already booked at 3 PM on Thursday the 29th of October."
        assert (why.day, why.at) == (THURSDAY, at("2026-10-29 15:00"))
        assert said(visit(ask(CUT, staff="Ana"), "2026-10-29 15:45", book)) == "Ana 15:45 Ladies' Cut"

    def test_ana_has_half_an_hour_but_a_cut_takes_longer(self):
        why = reason(ask(CUT, staff="Ana"), "2026-10-29 14:30", busy("Ana", "2026-10-29 15:00", 45))
        assert why.say == "Ana is not free for long enough at 2:30 PM on Thursday the 29th of October."

    def test_everybody_who_cuts_is_taken(self):
        day = "2026-11-05 15:00"
        why = reason(ask(CUT), day, busy("Ana", day, 45), busy("Priya", day, 45))
        assert (why.code, why.staff) == ("taken", None)
        assert why.say == "Nobody who does the Ladies' Cut is free at 3 PM on Thursday the 5th of November."

    def test_marcus_does_not_work_on_saturdays(self):
        why = reason(ask(BEARD), "2026-10-31 11:00")
        assert (why.code, why.staff, why.opens) == ("staff_off", "Marcus", None)
        assert why.say == "Marcus does not work on Saturday the 31st of October."

    def test_marcus_comes_at_ten(self):
        why = reason(ask(BEARD), "2026-10-29 09:30")
        assert (why.code, why.opens, why.closes) == ("staff_off", time(10), time(16))
        assert why.say == "Marcus works from 10 AM to 4 PM on Thursday the 29th of October."

    def test_a_single_day_off(self):
        own = week(rest="09:00-18:00").model_copy(update={"closures": (THURSDAY,)})
        shop = staffed(ANA.model_copy(update={"hours": own}))
        assert reason(ask(CUT), "2026-10-29 10:00", shop=shop).code == "staff_off"
        assert said(visit(ask(CUT), "2026-10-30 10:00", shop=shop)) == "Ana 10:00 Ladies' Cut"

    def test_priya_is_on_holiday_until_monday(self):
        why = reason(ask(BLOW_DRY, staff="Priya"), "2026-10-30 10:00")
        assert (why.code, why.staff, why.last_day) == ("staff_away", "Priya", date(2026, 11, 2))
        assert why.say == "Priya is away until Monday the 2nd of November."
        assert said(visit(ask(BLOW_DRY, staff="Priya"), "2026-11-03 10:00")) == "Priya 10:00 Blow Dry"

    def test_ana_has_lunch(self):
        why = reason(ask(CUT, staff="Ana"), "2026-10-29 12:30")
        assert (why.code, why.opens, why.closes) == ("staff_break", time(13), time(13, 30))
        assert why.say == "Ana has a break from 1 PM to 1:30 PM on Thursday the 29th of October."
        assert said(visit(ask(CUT, staff="Ana"), "2026-10-29 12:15")) == "Ana 12:15 Ladies' Cut"

    def test_of_several_people_the_one_who_nearly_could_is_told_about(self):
        why = reason(ask(CUT), "2026-10-29 13:00")
        assert why.say == "Nobody who does the Ladies' Cut is free at 1 PM on Thursday the 29th of October."
        both_away = staffed(PRIYA, PRIYA.model_copy(update={"name": "Ana"}))
        assert reason(ask(CUT), "2026-10-29 13:00", shop=both_away).say == (
            "Nobody who does the Ladies' Cut is in at 1 PM on Thursday the 29th of October."
        )

    def test_closed_on_mondays(self):
        why = reason(ask(CUT), "2026-11-02 10:00")
        assert (why.code, why.say) == ("closed_day", "We are closed on Monday the 2nd of November.")

    def test_closed_for_a_holiday(self):
        assert reason(ask(CUT), "2026-11-26 10:00").say == "We are closed on Thursday the 26th of November."

    def test_after_closing_and_before_opening(self):
        why = reason(ask(CUT), "2026-10-29 18:30")
        assert (why.code, why.opens, why.closes) == ("outside_hours", time(9), time(18))
        assert why.say == "On Thursday the 29th of October we are open from 9 AM to 6 PM."
        assert reason(ask(CUT), "2026-10-29 07:00").say == why.say

    def test_a_cut_must_be_done_by_closing(self):
        why = reason(ask(CUT), "2026-10-29 17:30")
        assert (why.code, why.latest) == ("outside_hours", at("2026-10-29 17:15"))
        assert why.say == (
            "It takes 45 minutes, and on Thursday the 29th of October we are open from 9 AM to 6 PM, "
            "so it would have to begin by 5:15 PM."
        )
        assert said(visit(ask(CUT), "2026-10-29 17:15")) == "Ana 17:15 Ladies' Cut"

    def test_nobody_sits_through_the_midday_closing(self):
        why = reason(ask(CUT), "2026-11-04 12:00")
        assert (why.code, why.opens, why.closes) == ("outside_hours", time(9), time(12, 30))
        assert "from 9 AM to 12:30 PM and from 2 PM to 7 PM" in why.say
        assert reason(ask(CUT), "2026-11-04 13:00").code == "outside_hours"

    def test_hours_that_touch_are_one_opening(self):
        shop = staffed(ANA, opening=week(rest="09:00-12:00 12:00-18:00"))
        assert said(visit(ask(CUT), "2026-10-30 11:45", shop=shop)) == "Ana 11:45 Ladies' Cut"

    def test_five_past_three_is_offered_three_or_a_quarter_past(self):
        why = reason(ask(CUT, staff="Ana"), "2026-10-29 15:05")
        assert why.code == "off_grid"
        assert why.instead == (at("2026-10-29 15:00"), at("2026-10-29 15:15"))
        assert why.say == (
            "Appointments do not begin at 3:05 PM on Thursday the 29th of October, but 3 PM or 3:15 PM is free."
        )

    def test_five_past_three_while_ana_is_busy_is_taken_not_crooked(self):
        assert reason(ask(CUT, staff="Ana"), "2026-10-29 15:05", busy("Ana", "2026-10-29 15:00", 45)).code == "taken"

    def test_a_moment_without_a_zone_is_none(self):
        with pytest.raises(TypeError):
            check(SALON, ask(CUT), datetime(2026, 10, 29, 15), busy=(), now=NOW)  # noqa: DTZ001


class TestSoonAndFar:
    def test_half_past_nine_this_morning_is_gone(self):
        why = reason(ask(CUT), "2026-10-28 09:30")
        assert (why.code, why.say) == ("past", "9:30 AM today is already past, it is 10:05 AM now.")
        assert why.earliest == NOW

    def test_last_monday_is_gone_closed_or_not(self):
        why = reason(ask(CUT), "2026-10-26 10:00")
        assert (why.code, why.say) == (
            "past",
            "Monday the 26th of October is already past, today is Wednesday the 28th of October.",
        )

    def test_half_an_hour_from_now(self):
        why = reason(ask(BEARD), "2026-10-28 10:35")
        assert why.instead == (at("2026-10-28 10:30"), at("2026-10-28 10:45"))
        assert said(visit(ask(BEARD), "2026-10-28 10:30")) == "Marcus 10:30 Beard Trim"

    def test_the_shop_wants_two_hours_notice(self):
        shop = ruled(notice_minutes=120)
        why = reason(ask(CUT), "2026-10-28 11:45", shop=shop)
        assert (why.code, why.earliest) == ("too_soon", at("2026-10-28 12:05"))
        assert why.say == ("That is too soon, the earliest we can book is Wednesday the 28th of October at 12:05 PM.")
        assert clocks(free(shop, ask(CUT), date(2026, 10, 28), busy=(), now=NOW).visits)[0] == "14:00"

    def test_somebody_new_needs_a_patch_test_two_days_before_a_colour(self):
        new = ask(COLOUR, new_client=True)
        why = reason(new, "2026-10-29 10:00")
        assert (why.code, why.service, why.earliest) == ("patch_test", "Root Colour", at("2026-10-30 10:05"))
        assert reason(new, "2026-10-30 10:00").code == "patch_test"
        assert said(visit(new, "2026-10-30 10:15")) == "Ana 10:15 Root Colour"
        assert said(visit(ask(COLOUR), "2026-10-29 10:00")) == "Ana 10:00 Root Colour"
        assert reason(ask(CUT, new_client=True), "2026-10-29 15:05").code == "off_grid"

    def test_we_book_ninety_days_ahead(self):
        assert said(visit(ask(CUT), "2027-01-26 10:00")) == "Ana 10:00 Ladies' Cut"
        why = reason(ask(CUT), "2027-01-27 10:00")
        assert (why.code, why.last_day) == ("too_far", date(2027, 1, 26))
        assert why.say == (
            "Wednesday the 27th of January is too far ahead, the last day we book is Tuesday the 26th of January."
        )

    def test_today_is_the_shop_s_today(self):
        """At 22:00 UTC it is Thursday noon in Honolulu; Friday is tomorrow there."""
        shop = SALON.model_copy(update={"timezone": "Pacific/Honolulu"})
        late = datetime(2026, 10, 29, 22, 0, tzinfo=UTC)
        assert reason(ask(FRINGE), "2026-10-29 11:00", shop=shop, now=late).code == "past"
        assert said(visit(ask(FRINGE), "2026-10-29 12:00", shop=shop, now=late), shop) == "Ana 12:00 Fringe Trim"


class TestColour:
    def test_a_colour_leaves_the_stylist_free_while_it_develops_and_a_fringe_trim_fits_in(self):
        colour = visit(ask(COLOUR), "2026-10-30 10:00")
        assert kept(colour) == ["Ana 10:00-10:30", "Ana 11:05-11:40"]

        alone = staffed(ANA)
        assert said(visit(ask(FRINGE), "2026-10-30 10:45", *colour.busy, shop=alone)) == "Ana 10:45 Fringe Trim"
        assert said(visit(ask(FRINGE), "2026-10-30 10:30", *colour.busy, shop=alone)) == "Ana 10:30 Fringe Trim"
        assert reason(ask(FRINGE), "2026-10-30 11:00", *colour.busy, shop=alone).code == "taken"
        assert reason(ask(CUT), "2026-10-30 10:30", *colour.busy, shop=alone).code == "taken"

    def test_a_colour_is_laid_around_a_fringe_trim_that_is_booked_already(self):
        fringe = busy("Ana", "2026-10-30 10:30", 15)
        assert said(visit(ask(COLOUR), "2026-10-30 10:00", fringe)) == "Ana 10:00 Root Colour"
        assert reason(ask(COLOUR), "2026-10-30 10:15", fringe).code == "taken"

    def test_lunch_may_be_had_while_the_colour_develops(self):
        lunch = ANA.model_copy(update={"breaks": {"fri": hours("12:30-13:00")}})
        assert said(visit(ask(COLOUR), "2026-10-30 12:00", shop=staffed(lunch))) == "Ana 12:00 Root Colour"
        assert reason(ask(COLOUR), "2026-10-30 11:45", shop=staffed(lunch)).code == "staff_break"

    def test_the_client_stays_while_the_colour_develops(self):
        """The last work ends at closing; a gap does not carry a visit over the midday closing."""
        assert reason(ask(COLOUR), "2026-11-04 11:30").code == "outside_hours"

    def test_a_blow_dry_after_the_colour_is_not_in_its_own_gap(self):
        both = visit(ask(COLOUR, BLOW_DRY), "2026-11-05 10:00")
        assert said(both) == "Ana 10:00 Root Colour, Ana 11:30 Blow Dry"
        assert kept(both) == ["Ana 10:00-10:30", "Ana 11:05-12:00"]


class TestBuffers:
    def test_cleaning_keeps_the_barber_after_the_client_has_left(self):
        shave = visit(ask(SHAVE), "2026-10-29 10:00")
        assert shave.ends == at("2026-10-29 10:30")
        assert kept(shave) == ["Marcus 10:00-10:45"]
        assert reason(ask(BEARD), "2026-10-29 10:30", *shave.busy).code == "taken"

    def test_a_shave_needs_room_for_its_cleaning(self):
        assert reason(ask(SHAVE), "2026-10-29 11:00", busy("Marcus", "2026-10-29 11:30", 15)).code == "taken"

    def test_cleaning_may_go_on_after_closing(self):
        shop = staffed(MARCUS.model_copy(update={"hours": None}))
        assert kept(visit(ask(SHAVE), "2026-10-29 17:30", shop=shop)) == ["Marcus 17:30-18:15"]

    def test_cleaning_does_not_keep_the_barber_beyond_his_own_hours(self):
        assert reason(ask(SHAVE), "2026-10-29 15:30").code == "staff_off"
        assert said(visit(ask(SHAVE), "2026-10-29 15:15")) == "Marcus 15:15 Hot Towel Shave"

    def test_cleaning_is_not_done_over_lunch(self):
        barber = MARCUS.model_copy(update={"breaks": {"thu": hours("12:00-12:30")}})
        assert reason(ask(SHAVE), "2026-10-29 11:30", shop=staffed(barber)).code == "staff_break"

    def test_cleaning_waits_while_the_same_client_goes_on(self):
        both = visit(ask(SHAVE, BEARD), "2026-10-29 10:00")
        assert said(both) == "Marcus 10:00 Hot Towel Shave, Marcus 10:30 Beard Trim"
        assert kept(both) == ["Marcus 10:00-10:45"]


class TestWhoDoesIt:
    def test_anyone_is_whoever_has_least_that_day(self):
        day = "2026-11-05 15:00"
        assert said(visit(ask(CUT), day)) == "Ana 15:00 Ladies' Cut"
        assert said(visit(ask(CUT), day, busy("Ana", "2026-11-05 09:00", 15))) == "Priya 15:00 Ladies' Cut"
        evening_before = busy("Ana", "2026-11-04 16:00", 120)
        assert said(visit(ask(CUT), day, evening_before)) == "Ana 15:00 Ladies' Cut"

    def test_one_person_for_everything_if_somebody_can(self):
        book = busy("Ana", "2026-11-05 15:45", 30)
        assert (
            said(visit(ask(CUT, BLOW_DRY), "2026-11-05 15:00", book)) == "Priya 15:00 Ladies' Cut, Priya 15:45 Blow Dry"
        )

    def test_two_people_when_neither_has_time_for_both(self):
        book = (busy("Ana", "2026-11-05 15:45", 30), busy("Priya", "2026-11-05 15:00", 45))
        assert (
            said(visit(ask(CUT, BLOW_DRY), "2026-11-05 15:00", *book)) == "Ana 15:00 Ladies' Cut, Priya 15:45 Blow Dry"
        )

    def test_a_cut_for_her_and_a_beard_trim_after_it(self):
        both = visit(ask(CUT, BEARD), "2026-11-05 15:00")
        assert said(both) == "Ana 15:00 Ladies' Cut, Marcus 15:45 Beard Trim"
        assert kept(both) == ["Ana 15:00-15:45", "Marcus 15:45-16:00"]

    def test_who_is_missing_is_said_with_the_time_of_their_part(self):
        why = reason(ask(CUT, BEARD), "2026-11-05 14:30", busy("Marcus", "2026-11-05 15:00", 60))
        assert (why.code, why.staff, why.service) == ("taken", "Marcus", "Beard Trim")
        assert why.say == "Marcus is already booked at 3:15 PM on Thursday the 5th of November."

    def test_the_caller_chooses_one_for_each(self):
        both = visit(ask(CUT, BLOW_DRY, staff=("Priya", "Ana")), "2026-11-05 15:00")
        assert said(both) == "Priya 15:00 Ladies' Cut, Ana 15:45 Blow Dry"

    def test_who_has_begun_with_a_client_takes_them_back(self):
        all_three = visit(ask(CUT, BEARD, BLOW_DRY, staff=("Priya", None, None)), "2026-11-05 10:00")
        assert [part.staff for part in all_three.parts] == ["Priya", "Marcus", "Priya"]

    def test_a_gloss_is_done_by_whoever_did_the_colour(self):
        both = visit(ask(CUT, COLOUR, GLOSS, staff=("Priya", None, None)), "2026-11-05 10:00")
        assert said(both) == "Priya 10:00 Ladies' Cut, Ana 10:45 Root Colour, Ana 12:15 Gloss"

    def test_a_shop_that_names_nobody_sees_one_client_at_a_time(self):
        shop = staffed(opening=week(rest="09:00-18:00"))
        assert said(visit(ask(CUT), "2026-10-29 15:00", shop=shop)) == "15:00 Ladies' Cut"
        for name in ("", "Ana"):
            why = reason(ask(CUT), "2026-10-29 15:00", busy(name, "2026-10-29 15:00", 30), shop=shop)
            assert why.say == "We are already booked at 3 PM on Thursday the 29th of October."
            assert why.staff is None

    def test_time_of_nobody_in_particular_keeps_everybody(self):
        assert reason(ask(CUT), "2026-11-05 15:00", busy("", "2026-11-05 15:00", 30)).code == "taken"

    def test_the_book_of_who_has_left_keeps_nobody(self):
        found = visit(ask(CUT), "2026-11-05 15:00", busy("Hannah", "2026-11-05 15:00", 30))
        assert said(found) == "Ana 15:00 Ladies' Cut"


class TestADay:
    def test_every_quarter_hour_of_a_free_day(self):
        shop = staffed(ANA)
        found = free(shop, ask(CUT), date(2026, 10, 30), busy=(), now=NOW)
        begins = [visit.starts for visit in found.visits]
        assert (found.day, found.reason) == (date(2026, 10, 30), None)
        assert (begins[0], begins[-1]) == (at("2026-10-30 09:00"), at("2026-10-30 17:15"))
        assert {after - before for before, after in pairwise(begins)} == {timedelta(minutes=15)}

    def test_what_follows_an_appointment_is_offered_off_the_half_hours_too(self):
        shop = ruled(staffed(ANA), slot_minutes=30)
        book = [busy("Ana", "2026-10-30 15:00", 45)]
        begins = clocks(free(shop, ask(CUT), date(2026, 10, 30), busy=book, now=NOW).visits)
        assert begins[10:15] == ["14:00", "15:45", "16:00", "16:30", "17:00"]

    def test_what_follows_ana_s_appointment_is_ana_s(self):
        shop = ruled(slot_minutes=30)
        book = [busy("Ana", "2026-11-05 15:00", 45)]
        found = free(shop, ask(CUT), date(2026, 11, 5), busy=book, now=NOW)
        assert {said(visit) for visit in found.visits} >= {"Priya 15:30 Ladies' Cut", "Ana 15:45 Ladies' Cut"}
        assert reason(ask(CUT, staff="Priya"), "2026-11-05 15:45", *book, shop=shop).code == "off_grid"

    def test_the_day_begins_when_the_doors_open(self):
        shop = ruled(staffed(ANA, opening=week(rest="09:10-12:00")), slot_minutes=60)
        found = free(shop, ask(CUT), date(2026, 10, 30), busy=(), now=NOW)
        assert clocks(found.visits) == ["09:10", "10:00", "11:00"]

    def test_nobody_comes_at_seven_past_three(self):
        shop = staffed(ANA)
        book = [busy("Ana", "2026-10-30 15:00", 7)]
        begins = clocks(free(shop, ask(CUT), date(2026, 10, 30), busy=book, now=NOW).visits)
        assert [begin for begin in begins if begin.startswith("15")] == ["15:10", "15:15", "15:30", "15:45"]

    @pytest.mark.parametrize(
        ("minutes", "begins"), [(20, ["09:00", "09:20", "09:40", "10:00"]), (90, ["09:00", "10:30", "12:00", "13:30"])]
    )
    def test_other_grids(self, minutes: int, begins: list[str]):
        shop = ruled(staffed(ANA, opening=week(rest="09:00-18:00")), slot_minutes=minutes)
        assert clocks(free(shop, ask(FRINGE), date(2026, 10, 30), busy=(), now=NOW).visits)[:4] == begins

    @pytest.mark.parametrize(
        ("wanted", "day", "code", "say"),
        [
            (ask(CUT), date(2026, 11, 2), "closed_day", "We are closed on Monday the 2nd of November."),
            (ask(BEARD), date(2026, 10, 31), "staff_off", "Marcus does not work on Saturday the 31st of October."),
            (
                ask(CUT, staff="Priya"),
                date(2026, 10, 30),
                "staff_away",
                "Priya is away until Monday the 2nd of November.",
            ),
            (ask(CUT, staff="Ana"), date(2026, 11, 5), "taken", "Ana is fully booked on Thursday the 5th of November."),
            (
                ask(BLOW_DRY, CUT, staff="Marcus"),
                date(2026, 11, 5),
                "staff_does_not",
                "Marcus does not do the Blow Dry.",
            ),
            (
                ask(CUT),
                date(2026, 10, 27),
                "past",
                "Tuesday the 27th of October is already past, today is Wednesday the 28th of October.",
            ),
            (
                ask(COLOUR, new_client=True),
                date(2026, 10, 29),
                "patch_test",
                "The Root Colour needs a patch test at least 48 hours before for anybody who is new here, "
                "so the earliest is Friday the 30th of October at 10:05 AM.",
            ),
        ],
    )
    def test_a_day_without_anything_says_why(self, wanted: Wanted, day: date, code: str, say: str):
        book = [busy("Ana", "2026-11-05 09:00", 9 * 60)]
        found = free(SALON, wanted, day, busy=book, now=NOW)
        assert found.visits == ()
        assert found.reason is not None
        assert (found.reason.code, found.reason.say) == (code, say)

    def test_it_is_too_late_for_today(self):
        evening = at("2026-10-28 18:30")
        found = free(SALON, ask(CUT), date(2026, 10, 28), busy=(), now=evening)
        assert found.reason is not None
        assert (found.reason.code, found.reason.say) == (
            "past",
            "It is too late for Wednesday the 28th of October, it is 6:30 PM now.",
        )

    def test_a_visit_longer_than_any_opening(self):
        long = Service(name="Braids", minutes=10 * 60)
        found = free(SALON, ask(long), THURSDAY, busy=(), now=NOW)
        assert found.reason is not None
        assert (found.reason.code, found.reason.latest) == ("outside_hours", None)
        assert (
            found.reason.say == "It takes 10 hours, and on Thursday the 29th of October we are open from 9 AM to 6 PM."
        )

    def test_two_people_who_are_never_free_one_after_the_other(self):
        shop = staffed(ANA, MARCUS, opening=week(rest="10:00-16:00"))
        book = [busy("Ana", "2026-10-30 11:00", 5 * 60), busy("Marcus", "2026-10-30 10:00", 90)]
        found = free(shop, ask(BEARD, CUT), date(2026, 10, 30), busy=book, now=NOW)
        assert found.reason is not None
        assert (found.reason.code, found.reason.say) == (
            "taken",
            "There is nothing free on Friday the 30th of October.",
        )


class TestOtherTimes:
    def test_before_and_after_what_is_taken(self):
        book = [busy("Ana", "2026-10-29 15:00", 45)]
        found = nearest(SALON, ask(CUT, staff="Ana"), at("2026-10-29 15:00"), busy=book, now=NOW)
        assert [said(one) for one in found] == [
            "Ana 14:15 Ladies' Cut",
            "Ana 15:45 Ladies' Cut",
            "Ana 14:00 Ladies' Cut",
        ]

    def test_the_same_time_with_somebody_else_is_one_of_them(self):
        book = [busy("Ana", "2026-11-05 15:00", 45)]
        found = nearest(SALON, ask(CUT, staff="Ana"), at("2026-11-05 15:00"), busy=book, now=NOW)
        assert [said(one) for one in found] == [
            "Priya 15:00 Ladies' Cut",
            "Ana 14:15 Ladies' Cut",
            "Ana 15:45 Ladies' Cut",
        ]

    def test_marcus_on_another_day_or_somebody_else_on_saturday(self):
        found = nearest(SALON, ask(FRINGE, staff="Marcus"), at("2026-10-31 11:00"), busy=(), now=NOW)
        assert [(one.starts, one.parts[0].staff) for one in found] == [
            (at("2026-10-31 11:00"), "Ana"),
            (at("2026-11-03 11:00"), "Marcus"),
            (at("2026-11-03 10:45"), "Marcus"),
        ]

    def test_on_a_closed_day_the_next_days_at_that_hour(self):
        found = nearest(SALON, ask(CUT), at("2026-11-02 16:30"), busy=(), now=NOW)
        assert [one.starts for one in found] == [at(f"2026-11-03 {hour}") for hour in ("16:30", "16:15", "16:45")]

    def test_for_a_day_that_is_past_from_today_on(self):
        found = nearest(SALON, ask(CUT), at("2026-10-26 11:00"), busy=(), now=NOW)
        assert [one.starts for one in found] == [at(f"2026-10-28 {hour}") for hour in ("11:00", "10:45", "11:15")]

    def test_what_cannot_be_booked_has_no_other_time(self):
        assert nearest(SALON, ask(GLOSS), at("2026-11-05 11:00"), busy=(), now=NOW) == ()
        assert nearest(SALON, ask(CUT), at("2027-06-01 11:00"), busy=(), now=NOW) == ()
        assert nearest(SALON, ask(CUT), at("2026-11-05 11:00"), busy=(), now=NOW, limit=0) == ()

    def test_the_first_after_work(self):
        found = first_free(
            SALON,
            ask(CUT, staff="Ana"),
            busy=[busy("Ana", "2026-10-28 14:00", 300)],
            now=NOW,
            since=date(2026, 10, 26),
            until=date(2026, 11, 11),
            between=(time(17), time(18, 30)),
        )
        assert [one.starts for one in found] == [at(f"2026-10-{day}") for day in ("29 17:00", "29 17:15", "30 17:00")]

    def test_nothing_before_noon_means_not_at_noon(self):
        found = first_free(
            SALON,
            ask(CUT, staff="Ana"),
            busy=[busy("Ana", "2026-10-29 09:00", 180)],
            now=NOW,
            since=THURSDAY,
            until=THURSDAY,
            between=(None, time(12)),
        )
        assert found == ()

    def test_what_has_to_be_read_of_the_book(self):
        begins, ends = to_load(SALON, date(2026, 10, 24), date(2026, 10, 25))
        assert begins <= datetime(2026, 10, 23, 23, tzinfo=UTC)
        assert ends >= datetime(2026, 10, 26, 4, tzinfo=UTC)


class TestClocksChange:
    """London goes forward on 28 March 2027 at 01:00 and went back on 25 October 2026 at 02:00."""

    night = staffed(Professional(name="Ana"), opening=week(rest="00:00-04:00"))
    spring = datetime(2027, 3, 27, 12, tzinfo=UTC)
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)

    def test_the_hour_that_is_skipped_is_not_offered(self):
        found = free(self.night, ask(FRINGE), date(2027, 3, 28), busy=(), now=self.spring)
        assert clocks(found.visits) == [f"{hour:02d}:{minute:02d}" for hour in (0, 2, 3) for minute in (0, 15, 30, 45)]
        why = reason(ask(FRINGE), "2027-03-28 01:30", shop=self.night, now=self.spring)
        assert (why.code, why.say) == (
            "no_such_time",
            "On Sunday the 28th of March the clocks go forward, and 1:30 AM is skipped.",
        )

    def test_the_hour_that_comes_twice_is_offered_once(self):
        found = free(self.night, ask(FRINGE), date(2026, 10, 25), busy=(), now=self.autumn)
        begins = clocks(found.visits)
        assert begins == [f"{hour:02d}:{minute:02d}" for hour in range(4) for minute in (0, 15, 30, 45)]
        assert found.visits[5].starts == datetime(2026, 10, 25, 0, 15, tzinfo=UTC)
        second = at("2026-10-25 01:15").replace(fold=1)
        why = check(self.night, ask(FRINGE), second, busy=(), now=self.autumn)
        assert isinstance(why, Reason)
        assert (why.code, why.instead) == ("off_grid", (found.visits[7].starts, found.visits[8].starts))
        assert why.say == (
            "On Sunday the 25th of October the clocks go back, and appointments are not in the hour that comes twice."
        )

    def test_what_follows_an_appointment_is_not_in_the_hour_that_comes_twice(self):
        """Ana is free from 01:20 on, the second time."""
        until = at("2026-10-25 01:20").replace(fold=1).astimezone(UTC)
        book = [BusyStretch(staff="Ana", starts=until - timedelta(hours=3), ends=until)]
        found = free(self.night, ask(FRINGE), date(2026, 10, 25), busy=book, now=self.autumn)
        assert clocks(found.visits)[:2] == ["02:00", "02:15"]

    def test_a_visit_over_the_change_has_its_real_length(self):
        dye = Service(name="Dye", minutes=120, processing=(Processing(after=30, minutes=60),))
        for now, day in ((self.spring, "2027-03-28"), (self.autumn, "2026-10-25")):
            found = visit(ask(dye), f"{day} 00:30", shop=self.night, now=now)
            assert found.ends - found.starts == timedelta(hours=2)
            assert [one.ends - one.starts for one in found.busy] == [timedelta(minutes=30)] * 2

    def test_a_night_is_an_hour_longer_or_shorter(self):
        """Open 00:00 to 04:00: three hours in spring, five in autumn."""
        long = Service(name="Dreadlocks", minutes=5 * 60)
        assert said(visit(ask(long), "2026-10-25 00:00", shop=self.night, now=self.autumn))
        short = Service(name="Weave", minutes=3 * 60 + 15)
        assert reason(ask(short), "2027-03-28 00:00", shop=self.night, now=self.spring).code == "outside_hours"

    def test_ten_o_clock_stays_ten_o_clock(self):
        before, after = (
            visit(ask(CUT), f"2026-10-{day} 10:00", now=self.autumn - timedelta(days=9)) for day in (24, 27)
        )
        assert after.starts - before.starts == timedelta(days=3, hours=1)

    def test_now_and_the_wish_in_the_shop_s_zone_are_compared_in_real_time(self):
        """01:50 came first, 01:10 the second time is twenty minutes later."""
        now = at("2026-10-25 01:10").replace(fold=1)
        first = check(self.night, ask(FRINGE), at("2026-10-25 01:45"), busy=(), now=now)
        assert isinstance(first, Reason)
        assert first.code == "past"
