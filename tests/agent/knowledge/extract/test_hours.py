"""Opening hours as shops write them."""

from __future__ import annotations

import pytest

from agent.knowledge.extract.hours import parse_hours
from agent.model import WEEKDAYS

WEEK = {
    "Mon-Fri 9-17": "mon-fri 09:00-17:00",
    "Tue–Fri 9:00 AM – 5:00 PM, Sat "
    "8:00 AM – 12:00 PM, Sun/Mon Closed": "tue-fri 09:00-17:00; sat 08:00-12:00; sun,mon",
    "Everyday 8:00 AM to 9:30PM": "mon-sun 08:00-21:30",
    "Mo–Fr 09:00–17:30 · Sa 10:00–16:00": "mon-fri 09:00-17:30; sat 10:00-16:00",
    "Di, Mi 9-12.30 Uhr und 14-18 Uhr": "tue,wed 09:00-12:30 14:00-18:00",
    "Lundi Fermé": "mon",
    "Mardi 9h – 19h": "tue 09:00-19:00",
    "Ouvert du mardi au vendredi de 9h30 à 19h, "
    "samedi 9h - 18h. Fermé le dimanche et lundi.": "tue-fri 09:30-19:00; sat 09:00-18:00; sun,mon",
    "Lunes a viernes 9:00 - 14:00 y 16:00 - 20:00. Domingo cerrado": "mon-fri 09:00-14:00 16:00-20:00; sun",
    "Пн-Пт 10:00–20:00, Сб-Вс 11:00-18:00": "mon-fri 10:00-20:00; sat,sun 11:00-18:00",
    "平日 10:00〜20:00 土日祝 9:00〜19:00 定休日 火曜日": "mon 10:00-20:00; wed-fri "
    "10:00-20:00; sat,sun 09:00-19:00; tue",
    "Saturday 9-5, closed Sunday": "sat 09:00-17:00; sun",
    "Sunday + Monday Closed": "sun,mon",
    "Fri 1-5pm": "fri 13:00-17:00",
    "Sat noon to late": "",
    "Monday by appointment": "",
    "Call us on Monday": "",
}


def as_text(text: str) -> str:
    """The week that `text` tells, one day after the other."""
    week = parse_hours(text)
    spans = {day: " ".join(f"{i.opens:%H:%M}-{i.closes:%H:%M}" for i in week[day]) for day in WEEKDAYS if day in week}
    return "; ".join(f"{day} {span}".strip() for day, span in spans.items())


def spelled(short: str) -> str:
    """`mon-fri 09:00-17:00; sun` with every day on its own."""
    days: dict[str, str] = {}
    for part in filter(None, short.split("; ")):
        names, _, times = part.partition(" ")
        first, _, last = names.partition("-")
        named = WEEKDAYS[WEEKDAYS.index(first) : WEEKDAYS.index(last) + 1] if last else tuple(names.split(","))
        days |= dict.fromkeys(named, times)
    return "; ".join(f"{day} {days[day]}".strip() for day in WEEKDAYS if day in days)


@pytest.mark.parametrize("text", WEEK)
def test_hours_are_read(text: str) -> None:
    assert as_text(text) == spelled(WEEK[text])


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td>Monday</td><td>9:00 AM</td><td>6:00 PM</td></tr></table>",
        "<p>Mon</p><p>9 AM - 6 PM</p>",
        "<ul><li><b>Mon</b><span>9–18</span></li></ul>",
        '<script type="application/ld+json">{"@type": "HairSalon", "openingHours": "Mo 09:00-18:00"}</script>',
        '<script type="application/ld+json">{"@type": "HairSalon", "openingHoursSpecification": {"@type":'
        '"OpeningHoursSpecification", "dayOfWeek": "https://schema.'
        'org/Monday", "opens": "09:00", "closes": "18:00"}}</script>',
    ],
)
def test_hours_are_found_in_every_layout(read, html: str) -> None:
    (day,) = read(html).hours
    assert (day.day, [f"{i.opens:%H:%M}-{i.closes:%H:%M}" for i in day.intervals]) == ("mon", ["09:00-18:00"])


def test_most_pages_win_over_a_leftover(read) -> None:
    facts = read("<p>Mon 9-17</p>", "<p>Mon 9-17</p>", "<p>Mon 7-19</p>")
    assert [i.opens.hour for i in facts.hours[0].intervals] == [9]


def test_closures_are_listed_day_by_day(read) -> None:
    html = '<html lang="de"><h5>Ferien</h5><ul><li>Fr. 7.4.23 - So. 9.4.23 (Ostern)</li><li>Sa. 20.5.23</li></ul>'
    assert [fact.value.isoformat() for fact in read(html).closures] == [
        "2023-04-07",
        "2023-04-08",
        "2023-04-09",
        "2023-05-20",
    ]
    assert read(html).hours == ()


def test_closures_by_the_name_of_the_month_are_no_hours_of_that_weekday(read) -> None:
    html = """<h2>Opening hours</h2><p>Thursday 9 am - 8 pm</p><h2>Holiday closures</h2><ul>
    <li>Thanksgiving: Thursday, November 26, 2026: closed</li><li>New Year's Day, 1 January 2027</li></ul>"""
    facts = read(html)
    assert [fact.value.isoformat() for fact in facts.closures] == ["2026-11-26", "2027-01-01"]
    assert [(fact.day, fact.intervals[0].closes.hour) for fact in facts.hours] == [("thu", 20)]


def test_news_under_a_heading_about_closing_are_no_closures(read) -> None:
    html = """<h2>Closed for now</h2><p>March 20, 2020 - Temporarily closed to keep our friends safe.</p>
    <p>April 18, 2020 - New site launched!</p><p>May 4, 2020 - We are open!</p>"""
    assert [fact.value.isoformat() for fact in read(html).closures] == ["2020-03-20"]


SPECIFIED = """<script type="application/ld+json">{"@type": "HairSalon", "openingHoursSpecification": [
{"@type": "OpeningHoursSpecification", "dayOfWeek": ["Monday", "Tuesday"], "opens": "09:00", "closes": "13:00"},
{"@type": "OpeningHoursSpecification", "dayOfWeek": "Tuesday", "opens": "14:00", "closes": "18:00"},
{"@type": "OpeningHoursSpecification", "dayOfWeek": "Friday", "opens": "09:00", "closes": "17:00"},
{"@type": "OpeningHoursSpecification", "dayOfWeek": "Friday", "opens": "10:00", "closes": "18:00"}]}</script>"""


def test_a_split_day_is_one_day_in_data_too(read) -> None:
    week = {fact.day: [f"{i.opens:%H}-{i.closes:%H}" for i in fact.intervals] for fact in read(SPECIFIED).hours}
    assert (week["mon"], week["tue"]) == (["09-13"], ["09-13", "14-18"])
    assert week["fri"] in (["09-17"], ["10-18"])  # contradictory: one of them, never both as one day
