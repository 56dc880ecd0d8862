"""The sound of a recorded call as a person would have heard it: the caller left, the agent right."""

from __future__ import annotations

import audioop
import struct

from agent.recording.reel import Reel
from agent.recording.tape import Sound

RATE = 8000
_SILENT = b"\xff"


def stereo_wav(reel: Reel) -> bytes:
    """A WAV file, 8 kHz, 16 bit. The agent's sound lies where it was played, not where it was sent."""
    length = round(reel.until * RATE)
    left, right = _as_it_came(reel.caller, length), _as_it_played(reel.agent, length)
    pcm = audioop.tostereo(audioop.ulaw2lin(left, 2), 2, 1, 0)
    pcm = audioop.add(pcm, audioop.tostereo(audioop.ulaw2lin(right, 2), 2, 0, 1), 2)
    form = struct.pack("<HHIIHH", 1, 2, RATE, RATE * 4, 4, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(pcm)) + pcm
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _as_it_came(sounds: tuple[Sound, ...], length: int) -> bytes:
    track = bytearray(_SILENT * length)
    reached = 0
    for sound in sounds:
        # Frames come a little early or late; what follows at once is laid end to end.
        at = round(sound.at * RATE)
        at = reached if abs(at - reached) < RATE // 10 else at
        track[at : at + len(sound.ulaw)] = sound.ulaw
        reached = at + len(sound.ulaw)
    return bytes(track[:length].ljust(length, _SILENT))


def _as_it_played(sounds: tuple[Sound, ...], length: int) -> bytes:
    """Twilio plays what it was sent in order, from when it came; `clear` empties what is left."""
    track = bytearray(_SILENT * length)
    reached = 0
    for sound in sounds:
        now = round(sound.at * RATE)
        if not sound.ulaw:
            track[now:reached] = _SILENT * max(0, min(reached, len(track)) - now)
            reached = min(reached, now)
            continue
        at = max(now, reached)
        track[at : at + len(sound.ulaw)] = sound.ulaw
        reached = at + len(sound.ulaw)
    return bytes(track[:length].ljust(length, _SILENT))
