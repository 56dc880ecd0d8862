"""What counts as voice on a telephone line. One measure for all: who answers, who watches, who makes unintelligible."""

from __future__ import annotations

import audioop

VOICED_RMS = 350
"""16-bit RMS above which 20 ms of telephone audio count as voice; line noise stays under it."""


def is_voiced(pcm: bytes) -> bool:
    """Whether there is voice in a piece of 16-bit sound."""
    return audioop.rms(pcm, 2) > VOICED_RMS


def is_voiced_ulaw(ulaw: bytes) -> bool:
    """The same of mu-law."""
    return is_voiced(audioop.ulaw2lin(ulaw, 2))
