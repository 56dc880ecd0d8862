"""A shop and a moment become what the language model is told. Pure: no clock, no store.

The prompt has two halves. `stable` is the same bytes for every call of one shop version, so the vendor's
prompt cache answers for it; `moving` is the short tail that differs from call to call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time

from agent.knowledge.instructions import instructions_for
from agent.knowledge.menu import NAME_TOKENS, brief, clean, menu_section
from agent.knowledge.opening import open_status
from agent.knowledge.remembered import remembered
from agent.knowledge.tokens import clipped, fitting
from agent.model import WEEKDAYS, Caller, OpenInterval, Shop, to_e164

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

WITHHELD_NUMBERS = frozenset({"+266696687", "+86282452253", "+7378742833", "+2562533", "+8656696"})
"""What Twilio sends for ANONYMOUS, UNAVAILABLE, RESTRICTED, BLOCKED and UNKNOWN, spelled on a keypad."""

KEY_TERM_TOKENS = 400
"""Deepgram takes 500 tokens of key terms (Keyterm Prompting: limits); counted here on the safe side."""

PROMPT_TOKENS = 7_000
"""What `stable` costs at most, whatever a shop has, counted by `tokens.py` on the safe side. The instructions take
some 800 of them, the menu MENU_TOKENS (`menu.py`), and the other sections what follows."""
TEAM_TOKENS, HOURS_TOKENS, CLOSURES_TOKENS, LINE_TOKENS = 600, 400, 300, 120
FAQ_TOKENS, POLICIES_TOKENS = 1_200, 800
ANSWER_TOKENS = 250
"""One answer, or one rule."""

RETURNING = (
    "This number has booked here before: you may say welcome back once. Who calls is not known by that, for a number"
    " can be shared: tell no name and nothing of appointments unless find_my_appointments has answered it."
)
"""Of a caller whose number the book knows; whose appointments they may hear of is decided by the tools."""

RECORDING_NOTICE = "This call is recorded."
ADMITS_RECORDING = re.compile(
    r"\b(?:record(?:ed|ing|s)?|grabad[ao]s?|grabamos|aufgezeichnet|aufzeichnen|enregistrée?s?|enregistrons"
    r"|registrat[aeio]|gravad[ao]s?)\b|録音|записывается",
    re.IGNORECASE,
)
"""By which a greeting of the shop's own is known to say it already."""

ADMITS_ASSISTANT = re.compile(
    r"\b(?:assistants?|automated|automatic|virtual|artificial|chatbot|bot|robot"
    r"|asistente|assistentin|assistent|assistente|virtuelle?|automatique|automatische?)\b"
    r"|\b(?-i:A\.?I\b)",
    re.IGNORECASE,
)
"""Words that tell a caller no human answers. "AI" only in capitals: in small letters it is another word."""


@dataclass(frozen=True)
class AiContext:
    """The system prompt in its two halves."""

    stable: str
    """The same bytes for one version of a shop."""
    moving: str
    """Now, open or closed, and who calls."""


def get_ai_context_for_location(shop: Shop, *, now: datetime, caller: Caller, returning: bool = False) -> AiContext:
    """What the model is told at the start of a call. `now` is aware; it is turned into the shop's time.

    `returning`: something was booked under the caller's number before.
    """
    moving = [*_now_lines(shop, now), _caller_line(caller, returning=returning)]
    return AiContext(stable=_stable(shop), moving="\n".join(moving))


def greeting_for(shop: Shop) -> str:
    """The first words of a call: the shop's own or the house's. Always says that an assistant answers, and where
    calls are recorded that this one is, before anything is asked of the caller."""
    own = clean(shop.greeting)
    if not own:
        name = clean(shop.business_name)
        own = f"Thank you for calling {name}. I'm the shop's automated assistant. How can I help you?"
    elif not ADMITS_ASSISTANT.search(own):
        own = f"{_ended(own)} You are speaking with our automated assistant."
    if not shop.records_calls or ADMITS_RECORDING.search(own):
        return own
    *said, last = re.split(r"(?<=[.!?…])\s+", _ended(own))
    notice = [RECORDING_NOTICE, last] if last.endswith("?") else [last, RECORDING_NOTICE]
    return " ".join((*said, *notice))


def _ended(sentence: str) -> str:
    return sentence if sentence[-1] in ".!?…" else sentence + "."


def fixed_phrases(shop: Shop) -> dict[str, str]:
    """Phrases said word for word, by key. Those for trouble are rendered long before there is any."""
    return {
        "apology": "I'm sorry, something went wrong on my side. One moment, please.",
        "goodbye": f"Thank you for calling {clean(shop.business_name)}. Goodbye!",
        "still_there": "Are you still there?",
        "one_moment": "One moment, please.",
        "still_trying": "Thank you for waiting, I'll be right with you.",
        "not_caught": "I'm sorry, I didn't catch that. Could you say it again, please?",
        "go_on": "I'm listening.",
    }


def key_terms(shop: Shop, limit: int = 100) -> tuple[str, ...]:
    """Words speech recognition should expect, the least guessable first: the shop, people, services.

    At most `limit` terms and KEY_TERM_TOKENS tokens: over Deepgram's limit a stream stops transcribing.
    """
    terms = [shop.business_name]
    terms += [person.name for person in shop.professionals]
    terms += [service.name for service in shop.services]
    terms += [specialty for person in shop.professionals for specialty in person.specialties]
    unique: dict[str, str] = {}
    for term in map(clean, terms):
        unique.setdefault(term.casefold(), term)
    chosen: list[str] = []
    tokens = 0
    for term in unique.values():
        tokens += 1 + len(term.encode()) // 3
        if len(chosen) == limit or tokens > KEY_TERM_TOKENS:
            break
        chosen.append(term)
    return tuple(chosen)


def is_withheld(number: str) -> bool:
    """Whether what the carrier sent as the caller's number is no number one could call back."""
    try:
        return to_e164(number) in WITHHELD_NUMBERS
    except ValueError:
        return True


@remembered
def _stable(shop: Shop) -> str:
    menu = menu_section(shop)
    name = _short(shop.business_name)
    instructions = instructions_for(shop, name, menu_is_whole=menu.whole)
    closures = [f"- {_date(day)}" for day in sorted(shop.hours.closures)]
    facts = [
        f"Shop facts of {name}:",
        *_section("Services:", list(menu.lines)),
        *_section("Team:", _team_lines(shop)),
        *_section("Opening hours:", _hours_lines(shop)),
        *_section("Closures:", _within(closures, CLOSURES_TOKENS), "none announced"),
        *_section("Address:", [f"- {_short(shop.address)}"] if shop.address.strip() else []),
        *_section("Website:", [f"- {_short(shop.website_url)}"] if shop.website_url.strip() else []),
        *_section("Questions and answers:", _faq_lines(shop), "none given"),
        *_section("Policies:", _policy_lines(shop)),
        "End of the shop facts.",
    ]
    return instructions + "\n\n" + "\n".join(facts)


def _section(title: str, lines: list[str], empty: str = "not known, do not guess") -> list[str]:
    return [title, *(lines or [f"- {empty}"])]


def _within(lines: list[str], budget: int) -> list[str]:
    """As many lines as `budget` has tokens for, the first first; of the others is told that there are some."""
    fits = fitting(lines, budget)
    if fits == len(lines):
        return lines
    fits = fitting(lines, budget - _MORE_TOKENS)
    return [*lines[:fits], f"- and {len(lines) - fits} more, which are not known here: offer to take a message"]


_MORE_TOKENS = 40


def _team_lines(shop: Shop) -> list[str]:
    """Everybody with role and skills, or where that is too long for a prompt, by name."""
    lines: list[str] = []
    for person in shop.professionals:
        role = f", {_short(person.role)}" if person.role.strip() else ""
        skills = f": {clipped(', '.join(map(clean, person.specialties)), LINE_TOKENS)}" if person.specialties else ""
        lines.append(f"- {_short(person.name)}{role}{skills}")
    if fitting(lines, TEAM_TOKENS) == len(lines):
        return lines
    return _within([f"- {_short(person.name)}" for person in shop.professionals], TEAM_TOKENS)


def _hours_lines(shop: Shop) -> list[str]:
    if not any(shop.hours.week.values()):
        return []
    week = zip(WEEKDAYS, WEEKDAY_NAMES, strict=True)
    each = HOURS_TOKENS // len(WEEKDAYS) - 8
    return [f"- {name}: {clipped(_intervals(shop.hours.week.get(day, ())), each)}" for day, name in week]


def _intervals(intervals: tuple[OpenInterval, ...]) -> str:
    if not intervals:
        return "closed"
    return " and ".join(f"{_clock(i.opens)} to {_clock(i.closes)}" for i in intervals)


def _faq_lines(shop: Shop) -> list[str]:
    # A question and its answer stay together, so they are counted as one line.
    pairs = [f"Q: {brief(faq.question, LINE_TOKENS)}\nA: {brief(faq.answer, ANSWER_TOKENS)}" for faq in shop.faq]
    return _within(pairs, FAQ_TOKENS)


def _policy_lines(shop: Shop) -> list[str]:
    lines = [f"- {_short(rule.name)}: {brief(rule.text, ANSWER_TOKENS)}" for rule in shop.policies]
    return _within(lines, POLICIES_TOKENS)


def _now_lines(shop: Shop, now: datetime) -> list[str]:
    status = open_status(shop, now)
    here = status.now
    lines = [f"Now: {_date(here.date())}, {_clock(here.time())} at the shop."]
    if not any(shop.hours.week.values()):
        return [*lines, "Open or closed now: not known, do not guess."]
    if status.closes_at is not None:
        lines.append(f"The shop is open now, until {_clock(status.closes_at.time())}.")
    else:
        closed_today = here.date() in shop.hours.closures
        lines.append("The shop is closed all day today." if closed_today else "The shop is closed now.")
    if status.next_opening is None:
        return [*lines, "Next opening: not known, do not guess."]
    return [*lines, f"Next opening: {_when(status.next_opening, here.date())}."]


def _caller_line(caller: Caller, *, returning: bool) -> str:
    if is_withheld(caller.caller):
        return "Caller: the caller withheld their number; ask for one if they leave a message."
    known = f" {RETURNING}" if returning else ""
    return f"Caller: {to_e164(caller.caller)}.{known}"


def _when(moment: datetime, today: date) -> str:
    days = (moment.date() - today).days
    nearby = {0: "today, ", 1: "tomorrow, "}.get(days, "")
    return f"{nearby}{_date(moment.date())}, at {_clock(moment.time())}"


def _date(day: date) -> str:
    return f"{WEEKDAY_NAMES[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def _clock(at: time) -> str:
    """9:00 AM. Not strftime: its words follow the machine's locale."""
    return f"{at.hour % 12 or 12}:{at.minute:02d} {'AM' if at.hour < 12 else 'PM'}"


def _short(text: str) -> str:
    return brief(text, NAME_TOKENS)


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
