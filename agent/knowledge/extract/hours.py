"""Opening hours: days and times as shops write them, split days, day ranges, closed days, holidays."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta

from agent.knowledge.extract import words
from agent.knowledge.extract.dates import find_dates, has_date
from agent.knowledge.extract.facts import Fact, HoursFact
from agent.knowledge.extract.page import Document, Line, clean
from agent.knowledge.extract.spans import reading
from agent.knowledge.extract.structured import Structured, Thing, listed
from agent.model import WEEKDAYS, OpenInterval, Weekday

Week = dict[Weekday, tuple[OpenInterval, ...]]
MAX_CLOSURE = 60
_CLOSED = words.whole(
    r"closed|geschlossen|ruhetag|zu|fermé(?:e|s)?|cerrado|выходной|закрыто|休み|休業|(?:定)?休日|定休(?:日)?"
)
_ALL = words.whole(
    r"every\s?day|daily|7\s+days(?:\s+a\s+week)?|täglich|tous\s+les\s+jours|todos\s+los\s+días|diario|ежедневно"
    r"|без\s+выходных|毎日|年中無休"
)
_SPANS: tuple[tuple[re.Pattern[str], tuple[Weekday, ...]], ...] = (
    (
        words.whole(r"week\s?days|werktags|wochentags|en\s+semaine|entre\s+semana|будни|будние(?:\s+дни)?|平日"),
        WEEKDAYS[:5],
    ),
    (words.whole(r"week-?\s?ends?|wochenende|fines?\s+de\s+semana|выходные|土日(?:祝)?|週末"), WEEKDAYS[5:]),
)
_TIME = (
    r"(?<![\d.,/])(?P<h{0}>[01]?\d|2[0-4])(?:\s?[:.h時]\s?(?P<m{0}>[0-5]\d)分?)?"
    r"\s*(?P<s{0}>a\.?m\.?|p\.?m\.?|uhr|h(?![a-z])|時|ч\.?)?(?![\d%€$£])"
)
_PAIR = re.compile(
    _TIME.format("1")
    + r"\s*(?:-|–|—|‒|―|~|〜|～|to|bis|à|a|al?|hasta|do|до|until|till|and)\s*(?:las\s+)?"
    + _TIME.format("2"),
    re.I,
)
_JOIN = re.compile(r"\s*(?:-|–|—|‒|~|〜|～|to|bis|through|thru|au|à|al?|до|по|から)\s*(?:el\s+|le\s+)?$", re.I)
_AND = re.compile(r"^[\s,/+&・、|:.]*(?:and|und|et|y|e|и)?[\s,/+&・、]*$", re.I)
_HOLIDAY = words.whole(
    r"holidays?|closures?|closed|ferien|betriebsferien|urlaub|congés?|vacances"
    r"|fermetures?(?:\s+exceptionnelles?)?|vacaciones|cierres?|отпуск|休業日?"
)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A day, a span of days, a pair of times or a word for closed, where it stands in a line."""

    start: int
    end: int
    days: tuple[Weekday, ...] = ()
    interval: OpenInterval | None = None
    closed: bool = False
    single: bool = False


def read_hours(documents: Sequence[Document], structured: Sequence[Structured]) -> tuple[HoursFact, ...]:
    """For each day the reading that most pages agree on."""
    votes: dict[Weekday, dict[tuple[OpenInterval, ...], list[HoursFact]]] = defaultdict(lambda: defaultdict(list))
    for document, data in zip(documents, structured, strict=True):
        for fact in (*_from_data(document, data), *_from_page(document)):
            votes[fact.day][fact.intervals].append(fact)
    best = {day: max(options.values(), key=_weight) for day, options in votes.items()}
    return tuple(max(best[day], key=lambda fact: fact.confidence) for day in WEEKDAYS if day in best)


def _weight(facts: list[HoursFact]) -> float:
    return sum(fact.confidence for fact in facts)


def _from_page(document: Document) -> Iterator[HoursFact]:
    if words.LEGAL_PAGE.search(document.title):
        return
    lines = [line for line in document.lines if not line.hidden and line.region != "nav"]
    for place, line in enumerate(lines):
        week, last = _week_at(lines, place)
        for day, intervals in week.items():
            yield HoursFact(
                day=day, intervals=intervals, source_url=document.url, quote=document.quote(line, last), confidence=0.9
            )


def _week_at(lines: Sequence[Line], place: int) -> tuple[Week, Line]:
    """The days told by a line, if need be with the times on the line after it."""
    line = lines[place]
    text = _text(line)
    if len(text) > 200 or not _has_days(text) or has_date(text):
        return {}, line
    week = parse_hours(text)
    if week:
        return week, line
    days_only = not re.sub(r"[\W\d_]", "", words.WEEKDAY.sub("", text))
    for after in lines[place + 1 : place + 3] if days_only else ():
        more = _text(after)
        if _has_days(more) or len(more) > 60:
            break
        text = f"{text} {more}"
        if week := parse_hours(text):
            return week, after
    return {}, line


def _text(line: Line) -> str:
    """A row of a table reads as a sentence; an opening and a closing time in two cells are a pair."""
    if not line.cells:
        return reading(line)
    text = ""
    for cell in line.cells:
        glue = " - " if _is_time(cell) and re.search(r"\d\D{0,6}$", text) else " "
        text += glue + cell
    return clean(text)


def _is_time(text: str) -> bool:
    return bool(re.fullmatch(_TIME.format("0"), text.strip(), re.I))


def _has_days(text: str) -> bool:
    return bool(_days(text))


def parse_hours(text: str) -> Week:
    """ "Tue-Fri 9-18, Sat 8:00-14:00, Sun closed" as a week; empty when the text does not say times for days."""
    week: Week = {}
    days: tuple[Weekday, ...] = ()
    intervals: list[OpenInterval] = []
    shut = False
    """A word for closed came before its days ("closed Sundays")."""
    for mark in [*_marks(text), None]:
        if mark is None or (mark.days and (intervals or not days)):
            _put(week, days, intervals)
            days, intervals = (mark.days if mark else ()), []
        elif mark.days:
            days = tuple(dict.fromkeys((*days, *mark.days)))
        elif mark.closed and days and not intervals:
            week.update(dict.fromkeys(days, ()))
            days = ()
        elif mark.closed:
            _put(week, days, intervals)
            days, intervals, shut = (), [], True
        elif mark.interval:
            intervals.append(mark.interval)
            shut = False
        if shut and days:
            week.update(dict.fromkeys(days, ()))
            days = ()
    return week


def _put(week: Week, days: tuple[Weekday, ...], intervals: list[OpenInterval]) -> None:
    ordered = sorted(intervals, key=lambda each: each.opens)
    if days and ordered and all(a.closes <= b.opens for a, b in itertools.pairwise(ordered)):
        week.update({day: tuple(ordered) for day in days})


def _marks(text: str) -> list[_Mark]:
    marks = [*_days(text), *_pairs(text)]
    marks += [_Mark(m.start(), m.end(), closed=True) for m in _CLOSED.finditer(text)]
    return sorted(marks, key=lambda mark: mark.start)


def _days(text: str) -> list[_Mark]:
    """Days with ranges filled in."""
    found: list[_Mark] = []
    for match in words.WEEKDAY.finditer(text):
        name = match[0].rstrip(".")
        if len(name) <= 2 and name.isascii() and not name[0].isupper():
            continue
        day: Weekday = next(d for d in WEEKDAYS if match[d])
        before = found[-1] if found else None
        between = text[before.end : match.start()] if before else ""
        if before and before.single and _JOIN.fullmatch(between):
            found[-1] = _Mark(before.start, match.end(), days=_range(before.days[0], day))
        else:
            found.append(_Mark(match.start(), match.end(), days=(day,), single=True))
    found += [_Mark(m.start(), m.end(), days=WEEKDAYS) for m in _ALL.finditer(text)]
    found += [_Mark(m.start(), m.end(), days=days) for pattern, days in _SPANS for m in pattern.finditer(text)]
    return sorted(found, key=lambda mark: mark.start)


def _range(first: Weekday, last: Weekday) -> tuple[Weekday, ...]:
    start, stop = WEEKDAYS.index(first), WEEKDAYS.index(last)
    return tuple(WEEKDAYS[n % 7] for n in range(start, stop + 1 if stop >= start else stop + 8))


def _pairs(text: str) -> Iterator[_Mark]:
    for match in _PAIR.finditer(text):
        interval = _interval(match)
        if interval:
            yield _Mark(match.start(), match.end(), interval=interval)


def _interval(match: re.Match[str]) -> OpenInterval | None:
    first, second = _half(match["s1"]), _half(match["s2"])
    opens = int(match["h1"]) * 60 + int(match["m1"] or 0)
    closes = int(match["h2"]) * 60 + int(match["m2"] or 0)
    opens, closes = _on_clock(opens, first), _on_clock(closes, second)
    if not first and second == "p" and opens < 12 * 60 and opens + 12 * 60 < closes and opens < 7 * 60:
        opens += 12 * 60
    if not second and closes <= opens and closes + 12 * 60 > opens:
        closes += 12 * 60
    closes = min(closes, 24 * 60 - 1) if closes else 24 * 60 - 1
    if not 0 <= opens < closes or closes - opens < 30:
        return None
    return OpenInterval(opens=time(opens // 60, opens % 60), closes=time(closes // 60, closes % 60))


def _half(suffix: str | None) -> str:
    return (suffix or "")[:1].lower() if (suffix or "")[:1].lower() in "ap" else ""


def _on_clock(minutes: int, half: str) -> int:
    """12 am is midnight, 1 pm is 13:00."""
    if half == "p" and minutes < 12 * 60:
        return minutes + 12 * 60
    return minutes - 12 * 60 if half == "a" and minutes >= 12 * 60 else minutes


def _from_data(document: Document, structured: Structured) -> Iterator[HoursFact]:
    specified: dict[Weekday, dict[tuple[OpenInterval, ...], str]] = defaultdict(dict)
    for thing in structured.of("OpeningHoursSpecification"):
        quote = next((str(d) for d in listed(thing.get("dayOfWeek"))), "")[:200]
        for day, intervals in _specified(thing).items():
            specified[day].setdefault(intervals, quote)
    for day, options in specified.items():
        for intervals, quote in _split_day(options).items():
            yield HoursFact(day=day, intervals=intervals, source_url=document.url, quote=quote, confidence=0.95)
    for thing in structured.businesses():
        for entry in listed(thing.get("openingHours")):
            for part in re.split(r"[,;]\s*(?=[A-Z])", str(entry)):
                for day, intervals in parse_hours(part).items():
                    yield HoursFact(day=day, intervals=intervals, source_url=document.url, quote=part, confidence=0.95)


def _split_day(options: dict[tuple[OpenInterval, ...], str]) -> dict[tuple[OpenInterval, ...], str]:
    """A morning and an afternoon, each specified by itself, are one day; what overlaps contradicts itself."""
    ordered = sorted((interval for intervals in options for interval in intervals), key=lambda each: each.opens)
    apart = all(a.closes <= b.opens for a, b in itertools.pairwise(ordered))
    return {tuple(ordered): next(iter(options.values()))} if len(ordered) > 1 and apart else options


def _specified(thing: Thing) -> Week:
    opens, closes = str(thing.get("opens") or ""), str(thing.get("closes") or "")
    days: list[Weekday] = []
    for name in listed(thing.get("dayOfWeek")):
        if match := words.WEEKDAY.search(str(name).rsplit("/", 1)[-1]):
            days.append(next(d for d in WEEKDAYS if match[d]))
    if (opens, closes) in (("00:00", "00:00"), ("", "")):
        return dict.fromkeys(days, ())
    pair = _PAIR.search(f"{opens[:5]} - {closes[:5]}")
    interval = _interval(pair) if pair else None
    return dict.fromkeys(days, (interval,)) if interval else {}


def read_closures(documents: Sequence[Document]) -> tuple[Fact[date], ...]:
    """Single days on which the shop says it is closed, from lists under a heading such as "Ferien"."""
    found: dict[date, Fact[date]] = {}
    for document in documents:
        heading = ""
        for line in document.lines:
            if line.level:
                heading = line.text
            elif _HOLIDAY.search(heading) and len(line.text) < 120 and not line.hidden and not _is_news(line.text):
                for day in _closed_days(line.text, document.language):
                    fact = Fact[date](value=day, source_url=document.url, quote=document.quote(line), confidence=0.85)
                    found.setdefault(day, fact)
    return tuple(found[day] for day in sorted(found))


def _is_news(text: str) -> bool:
    """A sentence that does not itself speak of closing ("May 4, 2020 - We are open!")."""
    return text.endswith((".", "!", "?")) and not (_CLOSED.search(text) or _HOLIDAY.search(text))


def _closed_days(text: str, language: str) -> list[date]:
    days = find_dates(text, language)
    if len(days) == 2 and timedelta(0) <= days[1] - days[0] <= timedelta(days=MAX_CLOSURE):
        return [days[0] + timedelta(days=n) for n in range((days[1] - days[0]).days + 1)]
    return days
