"""Whether a caller has said yes. Pure. In doubt it was no yes: then they are asked again, and nothing is done."""

from __future__ import annotations

import re

_YES = re.compile(
    r"\b(yes|yeah|yep|yup|aye|sure|correct|absolutely|definitely|certainly|of course|exactly|indeed|please do"
    r"|go ahead|go for it|do it|do that|book (it|that|me)|cancel (it|that|them)|move (it|that|me)|confirm(ed)?"
    r"|that'?s (it|right|fine|good|great|perfect|correct|the one)|that is (it|right|fine|correct)"
    r"|sounds? (good|great|fine|perfect)|(that|it) works|works for me|i'?ll take (it|that)|both|perfect|lovely"
    r"|brilliant|wonderful|okay|ok|alright|all right|fine|great|right|please)\b",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\b(no|not|nope|nah|never|wait|hold on|hang on|instead|rather|maybe|perhaps|unless|but|think about|thinking"
    r"|call (you )?back|changed my mind|forget it|later|sorry|what|when|where|which|who|why|how|is it|is there"
    r"|are there|do you|does|can (i|we|you)|could (i|we|you)|would (it|you)|should i|don'?t|doesn'?t|can'?t|won'?t"
    r"|isn'?t)\b"
    r"|\?",
    re.IGNORECASE,
)
_FIRM = re.compile(
    r"\b(yes|yeah|yep)\b.*\b(book|cancel|move|do|confirm)\b|\b(book|cancel|move) (it|that) (anyway|please|then)",
    re.IGNORECASE,
)
_SECOND_THOUGHT = re.compile(
    r"\b(no|nope|nah|wait|stop|hold on|hang on|but|instead|rather|actually|unless|if|maybe|perhaps|not yet"
    r"|chang(ed|e) my mind|never ?mind|forget (it|that)|don'?t|do not|(can|could) (i|we|you)|would you)\b",
    re.IGNORECASE,
)
_IDIOM = re.compile(r"\bno problem\b|\bwhy not\b|\bcan'?t wait\b", re.IGNORECASE)
"""They say yes in words that mean no elsewhere."""
_ALL = re.compile(r"\b(both|all of (it|them|that)|everything|the two of them)\b", re.IGNORECASE)


def consents(words: str) -> bool:
    """True when `words`, a caller's whole turn, agree to what they were just asked, without an if or a question."""
    words = _IDIOM.sub("yes", words)
    if _NEGATED.search(words):
        return False
    if _FIRM.search(words) and "?" not in words and not _SECOND_THOUGHT.search(words):
        return True
    return bool(_YES.search(words)) and not _DOUBT.search(words)


def takes_back(words: str) -> bool:
    """Whether a turn after a yes unsays it: then they are asked again."""
    return not consents(words) and _SECOND_THOUGHT.search(_IDIOM.sub("yes", words)) is not None


def means_all(words: str) -> bool:
    """Whether a yes is one to everything that was asked, not only to the last of it."""
    return _ALL.search(words) is not None


_NEGATED = re.compile(
    r"\b(do not|don'?t|not to|never|please stop|stop) (book|cancel|move|do|confirm|make)"
    r"|\bno,? (don'?t|thanks|thank you)"
    r"|\bnot (yet|that|this|right|correct)\b",
    re.IGNORECASE,
)
