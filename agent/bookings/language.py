"""What a language brings to `dates`: words, phrases, sentences."""

from __future__ import annotations

from dataclasses import dataclass

from agent.bookings.phrases import Table
from agent.bookings.spoken_words import Vocabulary


@dataclass(frozen=True)
class Language:
    vocabulary: Vocabulary
    phrases: Table
    """Days, times and the words between them."""
    bounds: Table
    """Phrases made of those: after, before, between."""
    beside: frozenset[str]
    """Words after which a bare number is an hour."""
    skipped: frozenset[str]
    """Words that stand between a bare hour and its day."""
    sentences: dict[str, str]
    """What is asked, by case; placeholders in braces."""
