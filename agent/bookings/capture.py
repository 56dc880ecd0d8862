"""What callers dictate: phone numbers, e-mail addresses, names spelled letter by letter. Pure, English."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import dropwhile

import phonenumbers

from agent.bookings.numerals import in_digits

LONGEST = 300
"""Characters; what is longer is not read."""

_ZEROS = r"\b(?:oh|o|nought|naught|nil|zero)\b"
_REPEATS = {"double": 2, "triple": 3, "treble": 3}
_NATO = (
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima", "mike",
    "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey", "xray", "yankee",
    "zulu",
)  # fmt: skip
_LETTERS = {
    **{word: word[0] for word in _NATO},
    "alfa": "a", "juliett": "j", "whisky": "w", "zed": "z", "zee": "z", "aitch": "h", "haitch": "h",
    "apostrophe": "'", "hyphen": "-", "dash": "-",
}  # fmt: skip
_EMAIL = re.compile(
    r"[a-z0-9](?:[a-z0-9._%+-]{0,62}[a-z0-9_+-])?@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}"
)
_EMAIL_SIGNS = {
    "dot": ".", "point": ".", "period": ".", "at": "@", "underscore": "_", "dash": "-", "hyphen": "-", "minus": "-",
    "plus": "+",
}  # fmt: skip
_EMAIL_LEADS = frozenset({"my", "email", "mail", "address", "is", "it's", "its", "that's", "um", "uh", "the", "yes"})
_EMAIL_ASIDES = re.compile(r"\be[ -]mail\b|\b(?:all |in )?(?:lower|small) ?(?:case|letters)\b|(?<=\bat) sign\b")


def phone_from_words(words: str, country: str) -> str | None:
    """The E.164 number that `words` dictate ("oh seven nine double four ..."), or None when they give no valid one.

    National numbers are those of `country` (ISO 3166). The last digits said count, so that a number after a
    correction is not glued to the one before it.
    """
    digits = _dictated_digits(words)
    candidates = [digits, *(digits[cut:] for cut in range(1, len(digits) - 6))]
    for candidate in candidates if digits else ():
        number = _valid(candidate, country)
        if number:
            return number
    return None


def _dictated_digits(words: str) -> str:
    text = words[:LONGEST].lower().replace("-", " ") if len(words) <= LONGEST else ""
    # A hundred is two zeros here: "eight hundred five five five" is 800 555.
    text = re.sub(r"\bhundred\b", " 0 0 ", re.sub(_ZEROS, " 0 ", text))
    text = re.sub(r"\b(double|triple|treble)\b", r" , \1 ", text)
    text = in_digits(re.sub(r"(?<=[a-z]) (?=\d)", " ", text), "en")
    digits, repeat = "", 1
    for token in re.findall(r"\+|[0-9]+|[a-z]+", text):
        if token in _REPEATS:
            repeat = _REPEATS[token]
        elif token in ("+", "plus"):
            digits = "+"
        elif token.isdigit():
            digits += token[0] * (repeat - 1) + token
            repeat = 1
    return digits


def _valid(digits: str, country: str) -> str | None:
    try:
        number = phonenumbers.parse(digits, country.upper() or None)
    except phonenumbers.NumberParseException:
        return None
    # Numbers set aside for fiction (555-01xx) are possible, not valid: dialling them is the caller's business.
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_from_words(words: str) -> str | None:
    """The address that `words` dictate ("jane dot doe at gmail dot com"), in lower case, or None."""
    if len(words) > LONGEST:
        return None
    text = in_digits(_EMAIL_ASIDES.sub("", words.lower().replace("’", "'")), "en")
    tokens: list[str] = re.findall(r"[a-z]+(?:'[a-z]+)?|[0-9]+|[@._%+-]", text.rstrip(". !?"))
    kept = [_EMAIL_SIGNS.get(token, token) for token in dropwhile(_EMAIL_LEADS.__contains__, tokens)]
    found = _EMAIL.fullmatch("".join(kept))
    return found.group() if found else None


def name_from_spelling(words: str) -> str | None:
    """The name spelled in `words`, or None when nothing is: "S as in sugar, I, O, B as in boy, H, A, N" is Siobhan.

    Words said beside the letters are passed over. Commas part letters as well as names: they part names only where
    every part has several letters.
    """
    if len(words) > LONGEST:
        return None
    chunks = [_letters(chunk) for chunk in re.split(r"[,.;!?]|\bspace\b|\bnew word\b", words.lower())]
    chunks = [chunk for chunk in chunks if chunk]
    if not chunks or sum(map(len, chunks)) < 2:
        return None
    apart = all(len(chunk) > 1 for chunk in chunks)
    return " ".join(_capitalised(chunk) for chunk in (chunks if apart else ["".join(chunks)]))


def _letters(chunk: str) -> str:
    """The letters of a chunk; "as in boy" only says which B it is."""
    chunk = re.sub(r"\bdouble[ -]u\b", "w", chunk.replace("’", "'"))
    tokens = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", chunk.replace("x-ray", "xray"))
    letters, repeat, at = "", 1, 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        letter = token if len(token) == 1 else _LETTERS.get(token, "")
        if token == "double":
            repeat = 2
        elif letter and not _is_article(tokens, at - 1):
            letters, repeat = letters + letter * repeat, 1
            at += _as_in(tokens, at)
    return letters


def _is_article(tokens: list[str], at: int) -> bool:
    """ "a", "i" and "o" among words are words, not letters."""
    beside = [tokens[other] for other in (at - 1, at + 1) if 0 <= other < len(tokens)]
    as_letter = any(len(word) == 1 or word in _LETTERS or word in ("as", "for", "double", "like") for word in beside)
    return bool(beside) and not as_letter and tokens[at] in ("a", "i", "o")


def _as_in(tokens: list[str], at: int) -> int:
    """How many words after a letter only explain it."""
    follow = tokens[at : at + 3]
    if follow[:2] == ["as", "in"] and len(follow) == 3:
        return 3
    return 2 if follow[:1] in (["for"], ["like"]) and len(follow) > 1 and len(follow[1]) > 1 else 0


def _capitalised(word: str) -> str:
    return re.sub(r"(^|['-])([^\W\d_])", lambda match: match.group(1) + match.group(2).upper(), word)


def amend_name(known: str, words: str) -> str | None:
    """`known` with the word replaced that the spelling in `words` is nearest to; None when nothing is spelled."""
    name = name_from_spelling(words)
    parts = known.split()
    if name is None or len(name.split()) >= len(parts):
        return name

    def likeness(part: str) -> float:
        return SequenceMatcher(None, part.lower(), name.lower()).ratio()

    nearest = max(parts, key=likeness)
    return " ".join(name if part == nearest else part for part in parts)
