"""What callers say about time, and what is understood of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.bookings.dates import DateQuestion, When, resolve
from agent.bookings.readback import spoken_when
from agent.model import OpeningHours

NEW_YORK = ZoneInfo("America/New_York")
WEDNESDAY = datetime(2026, 10, 28, 10, 5, tzinfo=NEW_YORK)
# Strings throughout: YAML would read dates and sexagesimal numbers into them.
SCENES = yaml.load((Path(__file__).parent / "phrases.yaml").read_text("utf-8"), yaml.BaseLoader)["scenes"]  # noqa: S506


@dataclass(frozen=True)
class Scene:
    now: datetime
    zone: ZoneInfo
    hours: OpeningHours | None = None
    before: When | None = None

    def resolve(self, words: str) -> When | DateQuestion:
        return resolve(words, now=self.now, zone=self.zone, hours=self.hours, before=self.before)


def scene(written: dict[str, Any]) -> Scene:
    week = {
        day: [dict(zip(("opens", "closes"), span.split("-"), strict=True))]
        for day, span in written.get("hours", {}).items()
    }
    hours = OpeningHours.model_validate({"week": week}) if week else None
    before = when(written["before"]) if "before" in written else None
    return Scene(datetime.fromisoformat(written["now"]), ZoneInfo(written["zone"]), hours, before)


def when(written: str) -> When:
    """The corpus' way of writing a When, read."""
    day, *rest = written.split()
    first, _, last = day.partition("..")
    fields: dict[str, Any] = {"first": first, "last": last or first}
    marks = {"~": "approximate", "!": "earliest"}
    for mark in rest:
        if mark in marks:
            fields[marks[mark]] = True
        else:
            key = {">": "after", "<": "before"}.get(mark[0], "at")
            fields[key] = mark.lstrip("<>")
    return When.model_validate(fields)


def expected(written: str) -> When | tuple[str, tuple[When, ...] | None]:
    if not written.startswith("? "):
        return when(written)
    code, _, options = written[2:].partition(": ")
    return code, tuple(map(when, options.split(" | "))) if options else None


CASES = [
    (each["name"], scene(each), words, expected(means)) for each in SCENES for words, means in each["phrases"].items()
]


@pytest.mark.parametrize(("at", "words", "means"), [case[1:] for case in CASES], ids=[f"{c[0]}: {c[2]}" for c in CASES])
def test_what_callers_say(at: Scene, words: str, means: When | tuple[str, tuple[When, ...] | None]) -> None:
    understood = at.resolve(words)
    if isinstance(means, When):
        assert understood == means
        return
    code, options = means
    assert isinstance(understood, DateQuestion)
    assert understood.code == code
    if options is not None:
        assert understood.options == options


def test_the_corpus_is_large_enough() -> None:
    assert len(CASES) >= 300


def ask(words: str, at: Scene | None = None) -> DateQuestion:
    understood = (at or Scene(WEDNESDAY, NEW_YORK)).resolve(words)
    assert isinstance(understood, DateQuestion)
    return understood


def test_a_question_can_be_spoken_and_names_weekday_and_date() -> None:
    assert ask("Monday the 26th of October").say == (
        "That was Monday, October 26th, which has passed. Which day would you like?"
    )
    assert ask("nine thirty this morning").say == (
        "9:30 AM today, Wednesday, October 28th, has passed. What time would you like?"
    )
    assert ask("Monday the 27th").say == "Did you mean Monday, November 2nd, or Friday, November 27th?"
    british = Scene(WEDNESDAY, ZoneInfo("Europe/London"))
    assert ask("Friday or Saturday", british).say == (
        "Did you mean Friday the 30th of October, or Saturday the 31st of October?"
    )


def test_every_question_of_the_corpus_says_a_date_of_the_month() -> None:
    asked = [at.resolve(words) for _, at, words, means in CASES if not isinstance(means, When)]
    assert len(asked) > 50
    for question in asked:
        assert isinstance(question, DateQuestion)
        assert any(f"{day}" in question.say for day in ("st", "nd", "rd", "th")), question
        assert "{" not in question.say


def test_the_country_can_be_told_apart_from_the_zone() -> None:
    zone = ZoneInfo("UTC")
    now = datetime(2026, 10, 1, 9, tzinfo=zone)
    assert isinstance(resolve("6/11", now=now, zone=zone), DateQuestion)
    assert resolve("6/11", now=now, zone=zone, country="GB") == when("2026-11-06")
    assert resolve("6/11", now=now, zone=zone, country="US") == when("2027-06-11")


@pytest.mark.parametrize("country", ["US", "GB", "IN", "DE", "FR", "AQ", "XX", ""])
def test_a_holiday_is_a_day_or_a_question_in_any_country_and_year(country: str) -> None:
    for year in (2026, 2034, 2060):
        now = datetime(year, 10, 1, 9, tzinfo=NEW_YORK)
        understood = resolve("the day after Thanksgiving", now=now, zone=ZoneInfo("UTC"), country=country)
        if country == "US":
            assert isinstance(understood, When)
            assert understood.first.weekday() == 4
        else:
            assert isinstance(understood, DateQuestion)


def test_a_naive_clock_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        resolve("tomorrow", now=WEDNESDAY.replace(tzinfo=None), zone=NEW_YORK)


@pytest.mark.parametrize(
    "words",
    ["tomorrow " * 2000, "1" * 10_000, "at " * 5000, "½" * 399, "\ufdfa" * 399, ":" * 10_000, "a-" * 5000, "\0" * 50],
    ids=["words", "digits", "prepositions", "halves", "ligatures", "colons", "dashes", "nulls"],
)
def test_flooding_is_a_question(words: str) -> None:
    assert ask(words).code in ("not_understood", "no_such_time")


def test_what_the_house_says_it_understands() -> None:
    said = spoken_when(datetime(2026, 11, 6, 17, 45, tzinfo=NEW_YORK), today=WEDNESDAY.date(), country="US")
    assert said == "Friday, November 6th at 5:45 PM"
    assert Scene(WEDNESDAY, NEW_YORK).resolve(said) == when("2026-11-06 17:45")


ZONES = st.sampled_from(
    ["America/New_York", "America/Phoenix", "Pacific/Honolulu", "America/Toronto", "Europe/London", "Europe/Berlin",
     "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Auckland", "America/Sao_Paulo", "UTC"]
).map(ZoneInfo)  # fmt: skip
NOWS = st.integers(1_704_067_200, 2_240_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
QUIET = settings(deadline=None, database=None, derandomize=True, max_examples=150)
WORDS = sorted({word for _, _, words, _ in CASES for word in words.split()})
PHRASES = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
HOURS = OpeningHours.model_validate(
    {"week": {day: [{"opens": "09:00", "closes": "19:00"}] for day in ("tue", "wed", "thu", "fri", "sat")}}
)


@QUIET
@given(now=NOWS, zone=ZONES, minutes=st.integers(1, 700 * 24 * 60))
def test_a_moment_read_back_is_that_moment(now: datetime, zone: ZoneInfo, minutes: int) -> None:
    now = now.replace(second=0, microsecond=0)
    moment = (now + timedelta(minutes=minutes)).astimezone(zone)
    today = now.astimezone(zone).date()
    # Where clocks go back, an hour comes twice and can be named once.
    if moment.fold or (
        moment.date() == today and moment.replace(tzinfo=None) <= now.astimezone(zone).replace(tzinfo=None)
    ):
        return
    for country in ("US", "GB"):
        for near in (True, False):
            said = spoken_when(moment, today=today, country=country, near=near)
            assert resolve(said, now=now, zone=zone) == When(first=moment.date(), last=moment.date(), at=moment.time())


def check(understood: When | DateQuestion, now: datetime, zone: ZoneInfo) -> None:
    """Whatever was said: a question with words, or days and times that do not lie behind."""
    if isinstance(understood, DateQuestion):
        assert understood.say.endswith("?")
        whens = understood.options
    else:
        whens = (understood,)
    here = now.astimezone(zone)
    for each in whens:
        assert each.first >= here.date()
        end = each.at or each.before
        if each.last == here.date() and end is not None:
            assert datetime.combine(each.last, end, zone) >= here.replace(second=0, microsecond=0)


@QUIET
@given(words=st.one_of(st.text(max_size=500), PHRASES, PHRASES), now=NOWS, zone=ZONES, talked=st.booleans())
def test_any_words_are_understood_or_asked_about(words: str, now: datetime, zone: ZoneInfo, talked: bool) -> None:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    before = When(first=tomorrow, last=tomorrow, at=time(15)) if talked else None
    for hours in (None, HOURS):
        understood = resolve(words, now=now, zone=zone, hours=hours, before=before)
        check(understood, now, zone)
        assert understood == resolve(words, now=now, zone=zone, hours=hours, before=before)


@QUIET
@given(now=NOWS, zone=ZONES, case=st.sampled_from(CASES))
def test_no_phrase_of_the_corpus_leads_into_the_past(now: datetime, zone: ZoneInfo, case: tuple[Any, ...]) -> None:
    check(resolve(case[2], now=now, zone=zone, hours=HOURS), now, zone)
