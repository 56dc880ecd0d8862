"""What is said back to callers, in forms a voice reads well: days with weekday and date, times, numbers, names."""

from __future__ import annotations

from datetime import date, datetime, time

import phonenumbers

from agent.bookings.named_days import MONTH_FIRST

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SIGNS = {".": "dot", "@": "at", "_": "underscore", "-": "dash", "+": "plus"}

YEAR_SAID_AFTER = 330
"""Days ahead from which a date is not clear without its year."""


def spoken_day(day: date, *, today: date, country: str = "", near: bool = True) -> str:
    """ "Friday, November 6th" where the month comes first, else "Friday the 6th of November".

    `near` puts "today" and "tomorrow" before it. Days far ahead, or past by more than a month, get their year.
    """
    name, month, dom = WEEKDAY_NAMES[day.weekday()], MONTH_NAMES[day.month - 1], ordinal(day.day)
    said = f"{name}, {month} {dom}" if country.upper() in MONTH_FIRST else f"{name} the {dom} of {month}"
    ahead = (day - today).days
    if not -31 < ahead < YEAR_SAID_AFTER:
        said = f"{said}, {day.year}"
    prefix = {0: "today, ", 1: "tomorrow, "}.get(ahead, "") if near else ""
    return prefix + said


def spoken_time(at: time) -> str:
    """ "5:45 PM", "5 PM", "12 noon", "12 midnight"; minutes, no seconds."""
    if (at.hour, at.minute) in ((0, 0), (12, 0)):
        return "12 noon" if at.hour else "12 midnight"
    minutes = f":{at.minute:02}" if at.minute else ""
    return f"{(at.hour - 1) % 12 + 1}{minutes} {'AM' if at.hour < 12 else 'PM'}"


def spoken_when(moment: datetime, *, today: date, country: str = "", near: bool = True) -> str:
    """ "Friday, November 6th at 5:45 PM"; `moment` in the shop's own time."""
    return f"{spoken_day(moment.date(), today=today, country=country, near=near)} at {spoken_time(moment.time())}"


def spoken_minutes(minutes: int) -> str:
    """A duration: "45 minutes", "1 hour", "2 hours and 30 minutes"."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{count} {unit}{'s' * (count != 1)}" for count, unit in ((hours, "hour"), (rest, "minute")) if count]
    return " and ".join(parts) or "0 minutes"


def ordinal(number: int) -> str:
    """ "1st", "22nd", "13th"."""
    tail = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{tail}"


def spoken_phone(number: str, *, country: str = "") -> str:
    """An E.164 number digit by digit, in the groups it is written in: "five five five, zero one zero one".

    A number with the calling code of `country` is read in its national form, another with "plus" and its country
    code. What is no phone number ("anonymous") comes back as it is.
    """
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    # By calling code, not by region: a British mobile may be of Guernsey, and is dialled like any other.
    home = phonenumbers.country_code_for_region(country.upper()) == parsed.country_code
    style = phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    written = phonenumbers.format_number(parsed, style)
    groups = "".join(character if character.isdigit() or character == "+" else " " for character in written).split()
    return ", ".join(_spoken_digits(group) for group in groups)


def _spoken_digits(group: str) -> str:
    return " ".join("plus" if character == "+" else _DIGITS[int(character)] for character in group)


def spoken_email(address: str) -> str:
    """ "jane dot doe at gmail dot com"; digits one by one."""
    said = [
        f" {_SIGNS[character]} " if character in _SIGNS
        else f" {_DIGITS[int(character)]} " if character.isascii() and character.isdigit()
        else character
        for character in address
    ]  # fmt: skip
    return " ".join("".join(said).split())


def spelled(name: str) -> str:
    """Letter by letter, words apart: "S, I, O, B, H, A, N. N, G, U, Y, E, N"."""
    return ". ".join(", ".join(_letter(character) for character in word) for word in name.split())


def _letter(character: str) -> str:
    return {"'": "apostrophe", "’": "apostrophe", "-": "dash"}.get(character, character.upper())
