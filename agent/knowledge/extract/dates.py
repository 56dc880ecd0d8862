"""Days of the calendar as shops write them: 2026-12-25, 25.12.2026, December 25, 2026, le 25 décembre 2026."""

from __future__ import annotations

import re
from datetime import date

_MONTHS = (
    r"jan(?:uary|uar|vier)?|jänner|enero|января",
    r"feb(?:ruary|ruar|rero)?|février|февраля",
    r"mar(?:ch|s|zo)?|märz|марта",
    r"apr(?:il)?|avril|abril|апреля",
    r"may|mai|mayo|мая",
    r"june?|juni|juin|junio|июня",
    r"july?|juli|juillet|julio|июля",
    r"aug(?:ust)?|août|agosto|августа",
    r"sept?(?:ember)?|septembre|septiembre|сентября",
    r"oct(?:ober|obre)?|okt(?:ober)?|octubre|октября",
    r"nov(?:ember|embre)?|noviembre|ноября",
    r"dec(?:ember)?|dez(?:ember)?|décembre|diciembre|декабря",
)
_MONTH = "|".join(_MONTHS)
_DATE = re.compile(
    r"(?<!\d)(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{2,4})(?!\d)|(?P<iso>20\d\d-\d\d-\d\d)"
    r"|(?<!\d)(?P<sd>\d{1,2})/(?P<sm>\d{1,2})/(?P<sy>\d{2,4})(?!\d)"
    rf"|(?<!\d)(?P<nd>\d{{1,2}})(?:st|nd|rd|th|er|\.)?\s+(?:of\s+|de\s+)?(?P<nm>{_MONTH})\.?,?\s+(?:de\s+)?(?P<ny>20\d\d)"
    rf"|(?<![^\W\d_])(?P<um>{_MONTH})\.?\s+(?P<ud>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<uy>20\d\d)(?!\d)",
    re.IGNORECASE,
)


def has_date(text: str) -> bool:
    """Whether `text` names a day of a year."""
    return bool(_DATE.search(text))


def find_dates(text: str, language: str) -> list[date]:
    """Every day of a year that `text` names, without those that may be read in two ways."""
    return [day for match in _DATE.finditer(text) if (day := _date(match, language))]


def _date(match: re.Match[str], language: str) -> date | None:
    try:
        if match["iso"]:
            return date.fromisoformat(match["iso"])
        if month := match["nm"] or match["um"]:
            named = next(n for n, names in enumerate(_MONTHS, 1) if re.fullmatch(names, month, re.IGNORECASE))
            return date(int(match["ny"] or match["uy"]), named, int(match["nd"] or match["ud"]))
        day, month, year = (int(match[a] or match[b]) for a, b in (("d", "sd"), ("m", "sm"), ("y", "sy")))
        if match["sd"] and language == "en" and max(day, month) <= 12:
            return None  # 3/4 is March or April
        if match["sd"] and month > 12:
            day, month = month, day
        return date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None
