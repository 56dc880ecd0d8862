"""Telephone audio: 8 kHz mu-law in whole 20 ms frames of 160 bytes, and the files it is read from."""

from __future__ import annotations

import audioop
import random
import struct
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy
import soxr  # pyright: ignore[reportMissingTypeStubs]

RATE = 8000
"""Samples a second, which is also bytes a second of mu-law."""
FRAME_MS = 20
FRAME = RATE * FRAME_MS // 1000
"""Bytes in a 20 ms mu-law frame."""
SILENT = b"\xff" * FRAME
VOICED_RMS = 300
"""Root mean square of a frame's 16-bit samples from which it counts as voice; line noise stays below."""

_PCM, _ALAW, _ULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE


class AudioFileError(ValueError):
    """An audio file cannot be read; the message names it and says why."""


def frames(ulaw: bytes) -> list[bytes]:
    """Cut mu-law audio into 20 ms frames; the last one is padded with silence."""
    padded = ulaw + b"\xff" * (-len(ulaw) % FRAME)
    return [padded[at : at + FRAME] for at in range(0, len(padded), FRAME)]


def duration_ms(ulaw: bytes) -> float:
    """How long mu-law audio plays."""
    return len(ulaw) * 1000 / RATE


def is_voiced(frame: bytes) -> bool:
    """Whether a mu-law frame is loud enough to be somebody's voice."""
    return bool(frame) and audioop.rms(audioop.ulaw2lin(frame, 2), 2) > VOICED_RMS


def silence(ms: float) -> bytes:
    """Digital silence as mu-law, rounded up to whole frames."""
    return SILENT * -(-int(ms) // FRAME_MS)


def resample(pcm: bytes, source_rate: int, target_rate: int) -> bytes:
    """Convert mono 16-bit PCM between sample rates, filtered so that nothing folds back."""
    if source_rate == target_rate:
        return pcm
    samples = numpy.frombuffer(pcm, dtype=numpy.int16)
    return soxr.resample(samples, source_rate, target_rate).astype(numpy.int16).tobytes()


@lru_cache(maxsize=32)
def noise(kind: Literal["cough", "line"], ms: int) -> bytes:
    """Synthetic noise as mu-law: "cough" is loud like a voice, "line" is a hiss below any voice."""
    level, seed = (9000, 7) if kind == "cough" else (150, 11)
    dice = random.Random(f"{seed}/{ms}")
    samples = [int(dice.gauss(0, level / 3)) for _ in range(ms * RATE // 1000)]
    pcm = struct.pack(f"<{len(samples)}h", *(max(-32000, min(32000, value)) for value in samples))
    return b"".join(frames(audioop.lin2ulaw(pcm, 2)))


def load_wav(path: Path | str) -> bytes:
    """Read a WAV (mu-law, A-law, or linear of any rate, width and channels) or headerless `.ulaw` as mu-law.

    Raises AudioFileError when the file is missing or in another format.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as why:
        raise AudioFileError(f"{path}: {why.strerror or why}") from why
    if path.suffix.lower() in {".ulaw", ".ul"}:
        return data
    try:
        return _ulaw_of(*_riff_chunks(data))
    except (ValueError, struct.error, audioop.error) as why:
        raise AudioFileError(f"{path}: {why}") from why


def _riff_chunks(data: bytes) -> tuple[bytes, bytes]:
    """The `fmt ` and `data` chunks of a RIFF file. The wave module of 3.11 refuses mu-law, hence our own."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("not a WAV file")
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        chunks.setdefault(name, data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    if b"fmt " not in chunks or b"data" not in chunks:
        raise ValueError("a WAV file without format or data")
    return chunks[b"fmt "], chunks[b"data"]


def _ulaw_of(fmt: bytes, data: bytes) -> bytes:
    tag, channels, rate = struct.unpack_from("<HHI", fmt)
    width = struct.unpack_from("<H", fmt, 14)[0] // 8
    if tag == _EXTENSIBLE:
        tag = struct.unpack_from("<H", fmt, 24)[0]
    if tag == _ULAW and channels == 1 and rate == RATE:
        return data
    pcm = _linear(tag, width, data[: len(data) - len(data) % (width * channels)])
    if channels == 2:
        pcm = audioop.tomono(pcm, 2, 0.5, 0.5)
    elif channels != 1:
        raise ValueError(f"{channels} channels; one or two are understood")
    return audioop.lin2ulaw(resample(pcm, rate, RATE), 2)


def _linear(tag: int, width: int, data: bytes) -> bytes:
    if tag == _ULAW:
        return audioop.ulaw2lin(data, 2)
    if tag == _ALAW:
        return audioop.alaw2lin(data, 2)
    if tag != _PCM:
        raise ValueError(f"WAV format {tag}; linear, mu-law and A-law are understood")
    if width == 1:  # 8-bit WAV is unsigned
        data = audioop.bias(data, 1, -128)
    return audioop.lin2lin(data, width, 2)
