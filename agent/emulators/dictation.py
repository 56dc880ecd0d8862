"""Words of a recording nobody wrote down: pocketsphinx, when the extra `emulators` is installed."""

from __future__ import annotations

import audioop
import importlib
from functools import lru_cache
from typing import Any

from agent.emulators.audio import RATE, resample
from agent.emulators.voice import SpokenWord

_MODEL_RATE = 16000
_FRAME_MS = 10


@lru_cache(maxsize=64)
def dictate(ulaw: bytes) -> tuple[SpokenWord, ...]:
    """What pocketsphinx hears in 8 kHz mu-law, with times; () when it hears nothing or is not installed.

    Blocks for about a third of the audio's length.
    """
    try:
        sphinx: Any = importlib.import_module("pocketsphinx")
    except ImportError:
        return ()
    decoder: Any = sphinx.Decoder(samprate=_MODEL_RATE, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(resample(audioop.ulaw2lin(ulaw, 2), RATE, _MODEL_RATE), full_utt=True)
    decoder.end_utt()
    words: list[SpokenWord] = []
    for segment in decoder.seg() or ():
        text = str(segment.word).split("(")[0]  # "a(2)" is the second way to say "a"; "<sil>" is no word
        if text and text[0] not in "<[":
            words.append(SpokenWord(text, segment.start_frame * _FRAME_MS, (segment.end_frame + 1) * _FRAME_MS))
    return tuple(words)
