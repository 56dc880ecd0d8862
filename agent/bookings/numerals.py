"""Numbers in words, as digits; text2num does it, for the languages it knows."""

from __future__ import annotations

from typing import cast

from text_to_num import alpha2digit  # pyright: ignore[reportUnknownVariableType] - not annotated


def in_digits(text: str, language: str) -> str:
    """`text` with every number and ordinal in digits: "the twenty first, five forty five" is "the 21st, 5 45"."""
    return cast(str, alpha2digit(text, language, 0))
