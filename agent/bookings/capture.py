"""What callers dictate: phone numbers, e-mail addresses, names spelled letter by letter. Pure, English."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
    # A number without its area code leads nowhere, though libphonenumber calls it possible, too.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
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


def amend_name(known: str, words: str, *, settled: frozenset[str] = frozenset()) -> str | None:
    """`known` with the word replaced that the spelling in `words` is nearest to; None when nothing is spelled.

    "First name" or "surname" in `words` says which. Words of `settled` are replaced only if there is no other.
    """
    name = name_from_spelling(words)
    parts = known.split()
    if name is None or len(name.split()) >= len(parts):
        return name
    if len(parts) == 2 and (both := _both_in_one(parts, name)) is not None:
        return both
    which = _which(parts, words, name, settled)
    return " ".join([*parts[:which], name, *parts[which + 1 :]])


def _which(parts: Sequence[str], words: str, name: str, settled: frozenset[str]) -> int:
    said = words.lower()
    if re.search(r"\b(?:surname|last name|family name)\b", said):
        return len(parts) - 1
    if re.search(r"\b(?:first|given|christian) name\b", said):
        return 0
    open_ = [at for at, part in enumerate(parts) if part not in settled] or range(len(parts))
    return max(open_, key=lambda at: _likeness(parts[at], name))


def _both_in_one(parts: Sequence[str], name: str) -> str | None:
    """First name and surname spelled without a break, parted where they fit the known ones best."""
    if _likeness("".join(parts), name) <= max(_likeness(part, name) for part in parts):
        return None
    cuts = range(2, len(name) - 1)
    if len(name) < max(map(len, parts)) + 2 or not cuts:
        return None
    at = max(cuts, key=lambda cut: _likeness(parts[0], name[:cut]) + _likeness(parts[1], name[cut:]))
    return f"{name[:at]} {_capitalised(name[at:])}"


def _likeness(one: str, other: str) -> float:
    """0 to 1, by letters and by sound: Siobhan has few letters of Chevonne, and all of its consonants."""
    letters = SequenceMatcher(None, one.lower(), other.lower()).ratio()
    return (letters + (_consonants(one) == _consonants(other))) / 2


def _consonants(word: str) -> str:
    """Soundex's classes of consonants that sound alike, doubled ones once; vowels, h, w and y are silent."""
    return re.sub(r"(.)\1+", r"\1", "".join(_SOUNDEX.get(letter, "") for letter in word.lower()))


_SOUNDEX = {letter: group[0] for group in ("bfpv", "cgjkqsxz", "dt", "l", "mn", "r") for letter in group}


def name_as_spelled(name: str, turns: Sequence[str]) -> str:
    """`name` in the letters the caller spelled it with, if they did: "Chevonne Nguyen" and "S, I, O, B, H, A, N".

    `turns` are all of the caller's. What is spelled before the name was spoken of, an address, or letters that are
    only part of another sentence ("an O P I gel") amend nothing.
    """
    began = next((at for at, words in enumerate(turns) if _speaks_of(name, words)), len(turns))
    settled: frozenset[str] = frozenset()
    for words in turns[began:]:
        if email_from_words(words) is not None or not _is_spelling(name, words):
            continue
        amended = amend_name(name, words, settled=settled) or name
        # A name as it is written (McDonald) says more than its letters do.
        name = name if _same_letters(amended, name) else amended
        settled |= {*(name_from_spelling(words) or "").split()} & {*name.split()}
    return name


def _speaks_of(name: str, words: str) -> bool:
    said = {*re.findall(r"[^\W\d_]+", words.lower()), *(name_from_spelling(words) or "").lower().split()}
    return any(part in said for part in re.findall(r"[^\W\d_]+", name.lower()))


def _is_spelling(name: str, words: str) -> bool:
    """Whether letters are what a turn is about: most of its words, announced as such, or near to the name's own."""
    spelled = name_from_spelling(words)
    if spelled is None or spelled.lower() in _NO_NAMES:
        return False
    if len(spelled) < 3 and spelled[0].lower() not in {part[0].lower() for part in name.split()}:
        return False
    told = re.findall(r"[^\W\d_]+", _EXPLAINED.sub(r"\1", words.lower()))
    letters = sum(map(len, spelled.split()))
    near = any(_likeness(part, spelled) >= 0.6 for part in name.split())
    return letters * 2 >= len(told) or "spel" in words.lower() or near


_NO_NAMES = frozenset({"am", "pm", "ok", "uk", "us", "usa", "tv", "uv", "id", "diy"})
_EXPLAINED = re.compile(r"\b(\w) (?:as in|for|like) \w+")


def _same_letters(one: str, other: str) -> bool:
    return re.sub(r"[\W_]", "", one).casefold() == re.sub(r"[\W_]", "", other).casefold()
