"""Whether somebody is who they would have to be. Pure.

A number can be shared or borrowed, and a model can be talked into anything: so a name counts only when the caller
themselves said it in this call, whatever the model passes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from rapidfuzz.distance import JaroWinkler

ALIKE = 0.88
"""Jaro-Winkler similarity at which two heard names are one: Sara and Sarah, Kim and Kym, not Tom and Tim."""


def is_said(name: str, heard: Sequence[str]) -> bool:
    """Whether each part of a name fell in the caller's own words, as speech recognition may have written it."""
    said = [token for words in heard for token in _tokens(words)]
    spelled = [run for words in heard for run in _spelled(words)]
    parts = _tokens(name)
    return bool(parts) and all(
        any(_alike(part, token) for token in said) or any(part in run for run in spelled) for part in parts
    )


def is_same_person(name: str, booked_under: str) -> bool:
    """Whether a name is that of a booking: every part of the shorter one is in the longer one, first names too."""
    one, other = _tokens(name), _tokens(booked_under)
    if not one or not other:
        return False
    few, many = sorted((one, other), key=len)
    return all(any(_alike(part, token) for token in many) for part in few)


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    return min(len(one), len(other)) > 2 and JaroWinkler.similarity(one, other) >= ALIKE


def _tokens(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return [token for token in re.findall(r"[a-z]+", plain.replace("'", "")) if token not in _TITLES]


def _spelled(text: str) -> Iterable[str]:
    """Words spelled out: "S I O B H A N", "S as in sugar, I, O, B as in boy"."""
    letters = re.sub(r"\b([a-zA-Z]) (?:as in|for|like) [a-zA-Z]+", r"\1", text)
    for run in re.findall(r"\b[a-zA-Z](?:[\s,.-]+[a-zA-Z]\b)+", letters):
        yield re.sub(r"[^a-z]", "", run.casefold())


_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "mx"})
