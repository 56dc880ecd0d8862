"""Words as callers say them and menus write them, brought to one form. Pure.

"Gents' cut", "a men's haircut" and "Men's Hair Cut" become the same words; so do colour and color, fringe and bangs.
What this does not know, `finding.py` compares by spelling.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rapidfuzz import fuzz, process

_SIGNS = str.maketrans({"½": " half ", "¼": " quarter ", "¾": " 3 quarter ", "&": " and ", "+": " and "})
_SLASHED_HALF = re.compile(r"(?<!\d)1\s?/\s?2(?!\d)")
_APOSTROPHES = re.compile(r"(?<=\w)['’`´](?=\w|\s|$)")
_POSSESSIVE = re.compile(r"(?<=\w)['’`´]s\b")
_WORD = re.compile(r"[^\W_]+")

FILLERS = frozenset([
    "a", "an", "the", "and", "or", "of", "for", "to", "in", "on", "at", "with", "without", "by", "my", "me", "i",
    "im", "id", "ill", "you", "your", "we", "our", "us", "it", "its", "is", "are", "am", "be", "do", "does", "did",
    "can", "could", "would", "will", "shall", "may", "might", "like", "want", "need", "get", "have", "has", "had",
    "got", "give", "book", "booking", "appointment", "appointments", "make", "please", "thanks", "thank", "hi",
    "hello", "hey", "how", "much", "what", "whats", "which", "when", "who", "many", "cost", "costs", "price",
    "prices", "priced", "pricing", "charge", "charges", "just", "some", "any", "something", "someone", "about",
    "that", "this", "these", "those", "there", "here", "so", "then", "also", "maybe", "well", "um", "uh", "er", "erm",
    "okay", "ok", "yes", "no", "not", "if", "offer", "offers", "tell", "know", "looking", "think", "take", "takes",
    "der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "und", "oder", "mit", "ohne",
    "fur", "bei", "von", "zu", "zum", "zur", "ich", "mochte", "bitte", "was", "wie", "viel", "kostet", "kosten", "le",
    "la", "les", "un", "une", "du", "de", "et", "ou", "avec", "sans", "pour", "chez", "je", "voudrais", "combien",
    "coute", "el", "los", "las", "una", "unos", "y", "o", "con", "sin", "para", "por", "quiero", "cuanto", "cuesta",
])  # fmt: skip
"""Words that carry no meaning in what a caller asks for, nor in a name."""
LIGHT = frozenset(("hair", "treatment", "servic", "session", "styl", "salon", "special"))
"""Words, in the form below, that half the menu has: they tell little."""

CLIENTELE = frozenset(("man", "woman", "child"))

_SAME: dict[str, tuple[str, ...]] = {
    form: tuple(meant.split())
    for meant, forms in {
        "man": "man men mens gent gents gentleman gentlemen gentlemens male males guy guys",
        "woman": "woman women womens lady ladies ladys female females",
        "child": "child children childrens childs kid kids kiddie kiddies",
        "color": "color colors colour colours coloring colouring colored coloured",
        "gray": "gray grey grays greys graying greying",
        "hair cut": "haircut haircuts haircutting",
        "hair color": "haircolor haircolour haircolors haircolours",
        "hair styl": "hairstyle hairstyles hairstyling hairdo",
        "blowdry": "blowdry blowdries blowdrys blowdrying blowout blowouts blowave",
        "makeup": "makeup makeups",
        "updo": "updo updos",
        "fring": "bang bangs fringe fringes",
        "mustach": "mustache moustache mustaches moustaches tash",
        "brow": "brow brows eyebrow eyebrows",
        "lash": "lash lashes eyelash eyelashes",
        "manicur": "mani manis manicure manicures",
        "pedicur": "pedi pedis pedicure pedicures",
        "manicur pedicur": "manipedi",
        "dreadlock": "dread dreads dreadlock dreadlocks loc locs",
        "highlight": "highlight highlights highlighting hilite hilites highlites",
        "senior": "senior seniors pensioner pensioners oap",
    }.items()
    for form in forms.split()
}
_LONG, _ALIKE = 6, 85.0
_LONG_FORMS = [form for form in _SAME if len(form) >= _LONG]
"""Those that are known with a letter misheard too ("chilrren's")."""
_PAIRS = {
    ("blow", "dry"): "blowdry", ("blow", "dries"): "blowdry", ("blow", "drying"): "blowdry",
    ("blow", "out"): "blowdry", ("blow", "wave"): "blowdry", ("make", "up"): "makeup", ("up", "do"): "updo",
    ("eye", "brow"): "brow", ("eye", "brows"): "brow", ("eye", "lash"): "lash", ("eye", "lashes"): "lash",
    ("high", "lights"): "highlight", ("hi", "lights"): "highlight", ("hair", "do"): "hairdo",
}  # fmt: skip
_NUMBERS = {
    word: str(number)
    for number, word in (
        (1, "one"), (2, "two"), (3, "three"), (4, "four"), (5, "five"), (6, "six"), (7, "seven"), (8, "eight"),
        (9, "nine"), (10, "ten"), (11, "eleven"), (12, "twelve"),
        (15, "fifteen"), (20, "twenty"), (30, "thirty"), (40, "forty"), (45, "fortyfive"), (50, "fifty"),
        (60, "sixty"), (75, "seventyfive"), (90, "ninety"), (120, "hundredtwenty"),
    )
}  # fmt: skip
_NUMBER_PAIRS = re.compile(r"\b(forty|seventy)[\s-]five\b|\b(?:one\s|a\s)?(hundred)\s(?:and\s)?(twenty)\b")
_HOW_LONG = re.compile(r"\bhow long\b")
_HOURS = (
    (re.compile(r"\b(?:an|one) hour and a half\b|\b(?:one|1) and a half hours?\b"), "90 min"),
    (re.compile(r"\bhalf (?:an )?hour\b"), "30 min"),
    (re.compile(r"\b(?:an|one) hour\b"), "60 min"),
    (re.compile(r"\btwo hours\b"), "120 min"),
)


def plain(text: str) -> str:
    """Small letters without accents; numbers and lengths of time as digits."""
    text = _SLASHED_HALF.sub(" half ", text.translate(_SIGNS)).casefold()
    text = unicodedata.normalize("NFKD", text)
    text = "".join(char for char in text if not unicodedata.combining(char))
    for pattern, minutes in _HOURS:
        text = pattern.sub(minutes, text)
    text = _HOW_LONG.sub(" ", text)
    text = _NUMBER_PAIRS.sub(lambda match: f"{match[1]}five" if match[1] else "hundredtwenty", text)
    return re.sub(r"\b[a-z]{3,13}\b", lambda match: _NUMBERS.get(match[0], match[0]), text)


@lru_cache(maxsize=8192)
def words_of(text: str) -> tuple[str, ...]:
    """The words of `text` that carry meaning, each in its one form, in order; all of them when none does."""
    found = _WORD.findall(_APOSTROPHES.sub("", plain(text)))
    paired: list[str] = []
    for word in found:
        if paired and (pair := _PAIRS.get((paired[-1], word))):
            paired[-1] = pair
        else:
            paired.append(word)
    telling = [word for word in paired if word not in FILLERS] or paired
    return tuple(form for word in telling for form in _forms(word))


@lru_cache(maxsize=1024)
def name_words(text: str) -> tuple[str, ...]:
    """The words of a person's name, or of what was said of one; "Ana's" is Ana's name."""
    return tuple(_WORD.findall(_APOSTROPHES.sub("", _POSSESSIVE.sub("", plain(text)))))


def _forms(word: str) -> tuple[str, ...]:
    """A word as it is compared; a compound that is written both ways becomes its parts."""
    if (same := _SAME.get(word)) is not None:
        return same
    single = _singular(word)
    if len(word) >= _LONG and (heard := process.extractOne(word, _LONG_FORMS, scorer=fuzz.ratio, score_cutoff=_ALIKE)):
        return _SAME[heard[0]]
    return _SAME.get(single) or (stem(single),)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def stem(word: str) -> str:
    """Waxing is a wax, cutting a cut; what is left of a word need not be one."""
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
        if word[-1] == word[-2] and word[-1] not in "aeiousl":
            return word[:-1]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word
