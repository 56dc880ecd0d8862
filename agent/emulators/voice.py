"""A voice for callers and for the emulated TTS: espeak-ng through the `espeakng-loader` wheel.

espeak-ng keeps its state in globals and carries it from one sentence into the next. So each sentence is spoken by a
freshly loaded library: the same words are the same bytes in every process, whatever was said before.
"""

from __future__ import annotations

import _ctypes
import audioop
import ctypes
import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from agent.emulators.audio import FRAME_MS, RATE, frames, is_voiced, resample

_SYNCHRONOUS = 2
_BUFFER_MS = 60
_DONT_EXIT = 0x8000
_UTF8 = 1
_RATE_PARAMETER = 1
_END_OF_LIST, _WORD = 0, 1
_DEFAULT_RATE = 165
_SEED = 1  # breath is noise, else seeded with the second it is

CALLER_VOICE = "en-us+m3"
"""espeak-ng's intonation is flat; of its voices, turn detectors take this one for finished most reliably."""
CALLER_RATE = 185
"""Words a minute."""


class VoiceUnavailable(RuntimeError):
    """No speech synthesiser here; the message says how to get one."""


@dataclass(frozen=True)
class SpokenWord:
    """A word, punctuation included, and when it is heard, in ms from the start of its audio."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True)
class Speech:
    """Spoken text: 8 kHz mu-law in whole 20 ms frames, without silence around it."""

    ulaw: bytes
    words: tuple[SpokenWord, ...]


def speak(text: str, *, voice: str = "en-us", rate: int = _DEFAULT_RATE, max_pause_ms: int | None = None) -> Speech:
    """Say `text` at `rate` words a minute. `max_pause_ms` shortens the pauses between its sentences.

    Raises VoiceUnavailable without the extra `emulators`, ValueError for a voice espeak-ng does not have.
    """
    speech = _say(text, voice, rate)
    return speech if max_pause_ms is None else _hurry(speech, max_pause_ms)


@lru_cache(maxsize=1024)
def _say(text: str, voice: str, rate: int) -> Speech:
    library, data = _installed()
    with _one_at_a_time, _Engine(library, data) as engine:
        pcm, source_rate, marks = engine.synthesise(text, voice, rate)
    ulaw = audioop.lin2ulaw(resample(pcm, source_rate, RATE), 2)
    ulaw, lead_ms = _trim(ulaw)
    words = _words(text, marks, lead_ms, len(ulaw) * 1000 / RATE)
    return Speech(ulaw, words)


def _trim(ulaw: bytes) -> tuple[bytes, float]:
    """Drop silent frames at both ends; also says how many ms went from the front."""
    blocks = frames(ulaw)
    voiced = [at for at, block in enumerate(blocks) if is_voiced(block)]
    if not voiced:
        return b"", 0.0
    return b"".join(blocks[voiced[0] : voiced[-1] + 1]), voiced[0] * FRAME_MS


def _words(text: str, marks: list[tuple[int, float]], lead_ms: float, total_ms: float) -> tuple[SpokenWord, ...]:
    """Give each whitespace-separated word the first espeak mark inside it ("$180" has several, "-" none)."""
    texts = text.split()
    starts: list[float | None] = []
    at = since = 0
    for word in texts:
        end = text.index(word, at) + len(word)
        said = any(letter.isalnum() for letter in word)  # a dash is silent: its mark belongs to the next word
        inside = [ms for position, ms in marks if since <= position < end] if said else []
        starts.append(min(total_ms, max(0.0, inside[0] - lead_ms)) if inside else None)
        at, since = end, end if said else since
    known = _spread(starts, total_ms)
    ends = [*known[1:], total_ms]
    return tuple(SpokenWord(*word) for word in zip(texts, known, ends, strict=True))


def _spread(starts: list[float | None], total_ms: float) -> list[float]:
    """Fill in unmarked starts evenly between their marked neighbours, and let time never run back."""
    filled: list[float] = []
    for index, start in enumerate(starts):
        before = filled[-1] if filled else 0.0
        if start is None:
            gap, later = next(
                ((n, ms) for n, ms in enumerate(starts[index:]) if ms is not None),
                (len(starts) - index, total_ms),
            )
            start = before + max(0.0, later - before) / (gap + 1) if filled else 0.0
        filled.append(max(before, start))
    return filled


@lru_cache(maxsize=1024)
def _hurry(speech: Speech, max_pause_ms: int) -> Speech:
    """Shorten each silent stretch to `max_pause_ms`, and move the words after it forward."""
    kept: list[bytes] = []
    cuts: list[tuple[float, int]] = []
    quiet = 0
    for index, block in enumerate(frames(speech.ulaw)):
        quiet = 0 if is_voiced(block) else quiet + FRAME_MS
        if quiet > max_pause_ms:
            cuts.append((index * FRAME_MS, FRAME_MS))
        else:
            kept.append(block)

    def moved(ms: float) -> float:
        return ms - sum(min(length, max(0.0, ms - at)) for at, length in cuts)

    words = tuple(SpokenWord(word.text, moved(word.start_ms), moved(word.end_ms)) for word in speech.words)
    return Speech(b"".join(kept), words)


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h; `id` is a union whose widest members are 8 bytes."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Engine:
    """The library, loaded for one sentence. One at a time: a second would share its globals."""

    def __init__(self, library: str, data: str) -> None:
        self._library: Any = ctypes.CDLL(library)
        self._library.espeak_Synth.argtypes = (
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
            ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        )  # fmt: skip
        self._rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data.encode(), _DONT_EXIT)
        if self._rate <= 0:
            raise VoiceUnavailable(f"espeak-ng could not be initialised from {data}")
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
        self._pcm = bytearray()
        self._marks: list[tuple[int, float]] = []
        self._callback = _Callback(self._collect)  # kept: C holds only a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.espeak_Terminate()
        _ctypes.dlclose(self._library._handle)

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pcm += ctypes.string_at(samples, count * 2)
        at = 0
        while events[at].type != _END_OF_LIST:
            if events[at].type == _WORD:
                self._marks.append((events[at].text_position - 1, float(events[at].audio_position)))
            at += 1
        return 0

    def synthesise(self, text: str, voice: str, rate: int) -> tuple[bytes, int, list[tuple[int, float]]]:
        """16-bit PCM, its sample rate, and (character offset, ms) of each word espeak-ng began."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        self._library.espeak_SetParameter(_RATE_PARAMETER, rate, 0)
        encoded = text.encode() + b"\0"
        self._library.espeak_Synth(encoded, len(encoded), 0, 1, 0, _UTF8, None, None)
        return bytes(self._pcm), self._rate, self._marks


_one_at_a_time = threading.Lock()


@lru_cache(maxsize=1)
def _installed() -> tuple[str, str]:
    """Where the library and its data are."""
    try:
        loader: Any = importlib.import_module("espeakng_loader")
    except ImportError as why:
        raise VoiceUnavailable(
            "Emulated speech needs espeak-ng: install the extra with pip install 'chairside[emulators]'."
        ) from why
    library: Callable[[], str] = loader.get_library_path
    data: Callable[[], str] = loader.get_data_path
    return library(), data()
