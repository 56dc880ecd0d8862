"""How long something takes, in minutes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MIN = r"(?:minutes?|minuten|minutos?|mins?|min|минут[аы]?|мин|分(?:間)?|['′])\.?"
_HOUR = r"(?:hours?|hrs?|heures?|horas?|stunden?|std|час(?:а|ов)?|ч|時間|h)\.?"
_END = r"(?![^\W\d_])"
_ABOUT = r"(?:ca\.?|approx\.?|about|environ|etwa|около|約|\+/-|±|~|≈)?\s*"
_DURATION = re.compile(
    rf"{_ABOUT}(?<![\d.,:$£€])(?:"
    rf"(?P<h>\d{{1,2}})\s*-?(?:{_HOUR})\s*(?:and|und|et|y|e)?\s*(?P<hm>[0-5]?\d)\s*(?:{_MIN}{_END}|(?![\d:.,]))"
    rf"|(?P<hd>\d{{1,2}}(?:[.,]\d{{1,2}})?)\s*(?P<half>1/2|½)?\s*-?(?:{_HOUR}){_END}"
    rf"|(?P<m>\d{{1,3}})(?:\s*(?:-|–|—|to|bis|à|a|до|〜)\s*(?P<m2>\d{{1,3}}))?\s*-?{_MIN}{_END}"
    rf"|(?P<clock>\d):(?P<clockm>[0-5]\d)\s*(?:h|hrs?){_END}"
    r")",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Duration:
    minutes: int
    text: str
    start: int
    end: int


def find_durations(text: str) -> list[Duration]:
    """Every length of time in `text` between 1 minute and 12 hours. Of a range the longer counts."""
    found: list[Duration] = []
    for match in _DURATION.finditer(text):
        minutes = _minutes(match)
        if 0 < minutes <= 720:
            found.append(Duration(minutes, match[0].strip(), match.start(), match.end()))
    return found


def without_durations(text: str) -> str:
    """`text` without its lengths of time and the brackets or dashes that held them."""
    for duration in reversed(find_durations(text)):
        if not duration.start and re.match(r"\s*[^\W\d_]{3}", text[duration.end :]):
            continue  # "15 minute scalp massage": part of the name
        text = text[: duration.start] + " " + text[duration.end :]
    text = re.sub(r"\(\s*[-–/,|·]?\s*\)|\[\s*\]", " ", text)
    return re.sub(r"\s+", " ", text).strip(" \t-–—|·•,;:/")


def _minutes(match: re.Match[str]) -> int:
    if match["h"]:
        return int(match["h"]) * 60 + int(match["hm"])
    if match["clock"]:
        return int(match["clock"]) * 60 + int(match["clockm"])
    if match["m"]:
        return max(int(match["m"]), int(match["m2"] or 0))
    hours = float(match["hd"].replace(",", ".")) + (0.5 if match["half"] else 0)
    return round(hours * 60)
