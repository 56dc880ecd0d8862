"""Reading a system prompt as a person would skim it: headings, and the line that answers a question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

UNKNOWN = "I don't have that here, I can take a message for you."
"""What the model says when the prompt holds no answer."""

_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "at",
        "be",
        "book",
        "but",
        "by",
        "can",
        "cost",
        "could",
        "day",
        "do",
        "does",
        "for",
        "from",
        "get",
        "give",
        "got",
        "have",
        "hello",
        "hi",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "know",
        "let",
        "like",
        "long",
        "make",
        "may",
        "me",
        "much",
        "my",
        "of",
        "off",
        "offer",
        "on",
        "one",
        "or",
        "our",
        "out",
        "please",
        "price",
        "pricing",
        "so",
        "some",
        "tell",
        "than",
        "thank",
        "thanks",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "they",
        "this",
        "to",
        "today",
        "want",
        "was",
        "we",
        "what",
        "what's",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "would",
        "yes",
        "you",
        "your",
    ]
)
_PRICE = re.compile(r"\b(how much|price|pricing|cost|costs|charge|charges|fee)\b", re.I)
_DURATION = re.compile(r"\b(how long|take|takes|duration|minutes|last)\b", re.I)
_WHO = re.compile(r"\b(who|which (stylist|person|one of you)|with whom|anyone)\b", re.I)
_HOURS = re.compile(
    r"\b(open|opens|opening|close|closes|closed|closing|hours|what time)\b"
    r"|\b(mon|tues|wednes|thurs|fri|satur|sun)days?\b",
    re.I,
)
_ADDRESS = re.compile(r"\b(address|where are you|located|location|find you|street)\b", re.I)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_SERVICE_HEADINGS = ("service", "menu", "price")
_TEAM_HEADINGS = ("team", "staff", "professional", "people")
_HOURS_HEADINGS = ("opening", "hours")
_ENOUGH = 0.4
"""The share of a question's words that a line must hold to count as its answer."""


@dataclass(frozen=True)
class Offer:
    """A line of the menu: what it is called and what is said of it."""

    name: str
    facts: tuple[str, ...]

    @property
    def price(self) -> str:
        others = [fact for fact in self.facts if not (_is_minutes(fact) or fact.lower().startswith("with "))]
        return others[0] if others else ""

    @property
    def duration(self) -> str:
        return next((fact for fact in self.facts if _is_minutes(fact)), "")

    @property
    def who(self) -> str:
        at = next((n for n, fact in enumerate(self.facts) if fact.lower().startswith("with ")), None)
        return "" if at is None else ", ".join(self.facts[at:]).split(". ")[0]


@dataclass(frozen=True)
class Notes:
    """A prompt, skimmed."""

    lines: tuple[str, ...]
    sections: dict[str, tuple[str, ...]]
    offers: tuple[Offer, ...]
    answers: tuple[tuple[str, str], ...] = field(default=())
    """Questions (or policy names) with their answers."""

    def section(self, *names: str) -> tuple[str, ...]:
        """The lines under headings that contain one of `names`."""
        found = [lines for heading, lines in self.sections.items() if any(name in heading for name in names)]
        return tuple(line for lines in found for line in lines)


def read_notes(text: str) -> Notes:
    """Skim a prompt. A heading is a short line ending in a colon, or a markdown one."""
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    sections: dict[str, list[str]] = {"": []}
    heading = ""
    for line in lines:
        title = _heading(line)
        if title is None:
            sections[heading].append(line)
        else:
            heading = title
            sections.setdefault(heading, [])
    whole = {name: tuple(under) for name, under in sections.items()}
    skimmed = Notes(lines, whole, ())
    offers = tuple(filter(None, (_offer(line) for line in skimmed.section(*_SERVICE_HEADINGS))))
    return Notes(lines, whole, offers, _answers(skimmed))


def _heading(line: str) -> str | None:
    if line.startswith("#"):
        return line.strip("#: ").lower()
    named = line.endswith(":") and len(line.split()) <= 8 and not _ITEM.match(line)
    return line.strip("*: ").lower() if named else None


def _offer(line: str) -> Offer | None:
    if not _ITEM.match(line):
        return None
    name, colon, facts = _ITEM.sub("", line).replace("*", "").partition(": ")
    parts = tuple(part.strip(" .") for part in re.split(r"[,;]\s+", facts) if part.strip(" ."))
    return Offer(name.strip(), parts) if colon else None


def _is_minutes(fact: str) -> bool:
    return re.search(r"\d\s*(min|hour|h\b)", fact, re.I) is not None


def _answers(notes: Notes) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    question = ""
    for line in notes.lines:
        plain = _ITEM.sub("", line)
        if plain.startswith("Q:"):
            question, _, inline = plain[2:].partition(" A: ")
            if inline:
                pairs.append((question.strip(), inline.strip()))
        elif plain.startswith("A:") and question:
            pairs.append((question.strip(), plain[2:].strip()))
    for line in notes.section("polic"):
        name, colon, rule = _ITEM.sub("", line).partition(": ")
        if colon and _ITEM.match(line):  # what merely follows the list belongs to no policy
            pairs.append((f"{name} {rule}", rule))
    return tuple(pairs)


def stems(text: str) -> list[str]:
    """The words that carry meaning, cut to a stem, in order."""
    words = re.findall(r"[^\W_]+", text.lower().replace("'", "").replace("’", ""))
    return [re.sub(r"(ing|ies|es|s|ed|y)$", "", word) or word for word in words if word not in _STOP]


def find_answer(notes: Notes, heard: str, before: Sequence[str] = ()) -> str | None:
    """A sentence with the fact that answers `heard`; None when these notes hold none.

    `before` is the conversation so far, for "and how long does it take?".
    """
    offer = mentioned(notes.offers, heard)
    asks_of_offer = any(pattern.search(heard) for pattern in (_PRICE, _DURATION, _WHO))
    if offer is None and asks_of_offer and _refers_back(heard):
        offer = next(filter(None, (mentioned(notes.offers, said) for said in reversed(before))), None)
    if offer is not None and asks_of_offer:
        return _about(offer, heard)
    asks_of_shop = _HOURS.search(heard) or _ADDRESS.search(heard)
    known = _best_pair(notes.answers, heard, exactly=asks_of_shop is not None)
    if known:
        return known
    if _ADDRESS.search(heard) and (place := _address(notes)):
        return f"You can find us here: {place}."
    if _HOURS.search(heard) and not asks_of_offer and (hours := _hours(notes, heard)):
        return hours
    if offer is not None:
        return _about(offer, heard)
    return _team(notes, heard)


def asks_of_unlisted(notes: Notes, heard: str) -> bool:
    """Whether `heard` asks what a service costs or takes, and no line of these notes has its whole name."""
    if not (_PRICE.search(heard) or _DURATION.search(heard)) or _refers_back(heard):
        return False
    said = set(stems(heard))
    return not any(said.issuperset(name) for offer in notes.offers if (name := stems(offer.name)))


def _alike(one: str, other: str) -> bool:
    """Whether two stems may be one word: cancel and cancellation."""
    short, long = sorted((one, other), key=len)
    return short == long or (len(short) >= 4 and long.startswith(short))


def mentioned(offers: Sequence[Offer], text: str) -> Offer | None:
    """The offer whose name the text holds most of; the longer name wins a tie."""
    said = set(stems(text))
    best: tuple[float, int, Offer] | None = None
    for offer in offers:
        name = stems(offer.name)
        common = sum(word in said for word in name)
        if not name or not common:
            continue
        score = (common / len(name), common, offer)
        if score[0] >= 0.5 and (best is None or score[:2] > best[:2]):
            best = score
    return best[2] if best else None


def _refers_back(heard: str) -> bool:
    return not stems(re.sub(r"\b(take|takes|duration|minutes|charge|charges|fee|costs|last)\b", "", heard))


def _about(offer: Offer, heard: str) -> str:
    if _DURATION.search(heard) and not _PRICE.search(heard) and offer.duration:
        return f"A {offer.name} with us takes {offer.duration}."
    if _WHO.search(heard) and not _PRICE.search(heard) and offer.who:
        return f"For {offer.name} you would be {offer.who}."
    if re.search(r"on request|do not guess", offer.price, re.I) and _PRICE.search(heard):
        return f"I don't have a price for {offer.name} here, I can take a message for you."
    if offer.price:
        more = f" It takes {offer.duration}." if offer.duration else ""
        return f"Our price for {offer.name} is {offer.price}.{more}"
    known = ", ".join(offer.facts)
    return f"What I have here for {offer.name} is {known}." if known else f"We do offer {offer.name} here."


def _best_pair(pairs: Sequence[tuple[str, str]], heard: str, *, exactly: bool) -> str | None:
    """The answer to the likest question; `exactly` when a better source is at hand for anything else."""
    said = set(stems(heard))
    best, text = 0.0, None
    for question, reply in pairs:
        asked = set(stems(question))
        if not asked or not said:
            continue
        common = sum(any(_alike(word, other) for other in asked) for word in said)
        score = common / len(asked)
        score = score if exactly else max(score, common / len(said))
        if common and score >= _ENOUGH and score > best:
            best, text = score, reply
    if text is None:
        return None
    return text if len(text.split()) >= 6 else f"What the shop says about that is: {text}"


def _address(notes: Notes) -> str:
    for line in notes.lines:
        match = re.match(r"(?:[-*]\s*)?address:\s*(.+)", line, re.I)
        if match:
            return match[1].strip(" .")
    return next(iter(notes.section("address")), "").strip(" .-")


def _hours(notes: Notes, heard: str) -> str | None:
    under = notes.section(*_HOURS_HEADINGS)
    listed = [line for line in under if _ITEM.match(line)]
    lines = [_ITEM.sub("", line).strip(" .") for line in listed or under]
    if not lines:
        lines = [line for line in notes.lines if re.match(r"(opening )?hours:", line, re.I)]
    if not lines:
        return None
    day = next((day for day in _DAYS if day in heard.lower()), None)
    ofday = [line for line in lines if day and re.search(rf"\b{day[:3]}", line, re.I)]
    return f"Our opening hours are as follows: {'; '.join(ofday or lines)}."


def _team(notes: Notes, heard: str) -> str | None:
    said = set(stems(heard))
    for line in notes.section(*_TEAM_HEADINGS):
        name, _, about = _ITEM.sub("", line).partition(": ")
        if about and said & set(stems(line)):
            return f"For that I can tell you: {name}, {about.strip(' .')}."
    return None
