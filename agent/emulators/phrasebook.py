"""How the emulated STT understands speech: it knows the audio that emulated callers were given to play.

A caller's utterance is registered with its words and their times. Whatever reaches the STT is looked up
in 20 ms blocks by its exact samples, so the words heard are those whose audio really came through the
product: a cut-off utterance gives its first words, a cough gives none, strangers are "(unintelligible)".
"""

from __future__ import annotations

import audioop
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.emulators.audio import FRAME, FRAME_MS, frames, is_voiced, load_wav
from agent.emulators.dictation import dictate
from agent.emulators.voice import CALLER_RATE, CALLER_VOICE, SpokenWord, speak

UNINTELLIGIBLE = "(unintelligible)"
_UNKNOWN_MS = 300
"""Voice that nobody registered counts as words only from this length on."""
_LOST_BLOCKS = 50
"""An utterance may lose up to this many blocks (1 s) on the way and still be the same utterance."""
_SKIPPABLE_MS = 200
"""A word wholly inside a longer gap was not heard; inside a shorter one it is guessed, as people do."""


@dataclass(frozen=True, eq=False)
class Utterance:
    """Registered audio (8 kHz mu-law) and the words in it; noise has none."""

    ulaw: bytes
    words: tuple[SpokenWord, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True)
class HeardWord:
    """A word the listener made out; `start_ms` and `end_ms` count from the beginning of the stream."""

    text: str
    start_ms: float
    end_ms: float


class Phrasebook:
    """Every utterance that callers may play. One book serves all connections of an emulated STT."""

    def __init__(self) -> None:
        self._blocks: defaultdict[bytes, list[tuple[Utterance, int]]] = defaultdict(list)
        self._known: dict[tuple[bytes, str], Utterance] = {}

    def register(self, ulaw: bytes, words: Sequence[SpokenWord] = ()) -> Utterance:
        """Add audio and its words; the same audio and words again return the first registration."""
        utterance = Utterance(ulaw, tuple(words))
        known = self._known.setdefault((ulaw, utterance.text), utterance)
        if known is utterance:
            for index, block in enumerate(frames(ulaw)):
                key = canonical(block)
                if key.strip(b"\xff"):
                    self._blocks[key].append((utterance, index))
        return known

    def register_speech(self, text: str, *, voice: str = CALLER_VOICE, max_pause_ms: int | None = 120) -> Utterance:
        """Have espeak-ng say `text` as callers do, and register it. Raises VoiceUnavailable without the extra."""
        speech = speak(text, voice=voice, rate=CALLER_RATE, max_pause_ms=max_pause_ms)
        return self.register(speech.ulaw, speech.words)

    def register_file(self, path: Path | str, says: str | None = None) -> Utterance:
        """Register an audio file. Words come from `says`, a `.txt` beside it, or pocketsphinx, in that order.

        Blocks while pocketsphinx listens (a third of the clip's length). Raises AudioFileError.
        """
        path = Path(path)
        ulaw = load_wav(path)
        beside = path.with_suffix(".txt")
        if says is None and beside.is_file():
            says = beside.read_text(encoding="utf-8")
        if says is not None:
            return self.register(ulaw, spread(says, ulaw))
        return self.register(ulaw, dictate(ulaw) or spread(UNINTELLIGIBLE, ulaw))

    def lookup(self, block: bytes) -> Sequence[tuple[Utterance, int]]:
        """Where a canonical mu-law block occurs: utterance and block number."""
        return self._blocks.get(block, ())


def canonical(ulaw: bytes) -> bytes:
    """The one spelling of a mu-law block: it has two zeros, and a trip through linear16 keeps only one."""
    return audioop.lin2ulaw(audioop.ulaw2lin(ulaw, 2), 2)


def spread(text: str, ulaw: bytes) -> tuple[SpokenWord, ...]:
    """Words without known times: shared out over the voiced part of the audio, by their length."""
    words = text.split()
    voiced = [index for index, block in enumerate(frames(ulaw)) if is_voiced(block)]
    if not words or not voiced:
        return ()
    weights = [len(re.sub(r"\W", "", word)) + 2 for word in words]
    timed: list[SpokenWord] = []
    done = 0
    for word, weight in zip(words, weights, strict=True):
        first = voiced[done * len(voiced) // sum(weights)]
        done += weight
        last = voiced[min(len(voiced) - 1, done * len(voiced) // sum(weights) - 1)]
        timed.append(SpokenWord(word, first * FRAME_MS, max(first, last) * FRAME_MS + FRAME_MS))
    return tuple(timed)


@dataclass
class _Passage:
    """An utterance being recognised: which blocks of it came through, and when the first would have."""

    utterance: Utterance
    origin_ms: float
    first: int
    last: int
    gaps: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def advance(self, index: int) -> None:
        lost_ms = (index - self.last - 1) * FRAME_MS
        if lost_ms > _SKIPPABLE_MS:
            self.gaps.append(((self.last + 1) * FRAME_MS, index * FRAME_MS))
        self.last = index

    def words(self) -> list[HeardWord]:
        until = (self.last + 1) * FRAME_MS
        since = self.first * FRAME_MS if self.first * FRAME_MS > _SKIPPABLE_MS else 0.0
        gaps = [(0.0, since), *self.gaps]
        return [
            HeardWord(word.text, self.origin_ms + word.start_ms, self.origin_ms + word.end_ms)
            for word in self.utterance.words
            if word.start_ms < until and not any(a <= word.start_ms and word.end_ms <= b for a, b in gaps)
        ]


class Ear:
    """One listener: fed 20 ms blocks in order, it tells which words have been heard so far."""

    def __init__(self, book: Phrasebook) -> None:
        self._book = book
        self._settled: list[HeardWord] = []
        self._guesses: list[_Passage] = []
        self._unknown_ms = 0.0
        self._unknown_since = 0.0
        self._silent_ms = 0.0
        self.clock_ms = 0.0
        """How much audio has been heard."""

    def hear(self, block: bytes) -> bool:
        """Take the next 20 ms of mu-law; True when it is voiced."""
        block = canonical(block)
        voiced = is_voiced(block)
        places = self._book.lookup(block)
        if places and not self._follow(places) and voiced:
            self._begin(places)
        elif voiced and not places:
            self._wonder()
        self._silent_ms = 0.0 if voiced else self._silent_ms + FRAME_MS
        if places or self._silent_ms >= _UNKNOWN_MS:
            self._unknown_ms = 0.0
        self.clock_ms += FRAME_MS
        return voiced

    def _follow(self, places: Sequence[tuple[Utterance, int]]) -> bool:
        """Keep the guesses that this block continues; False when it continues none."""
        following: list[_Passage] = []
        for guess in self._guesses:
            ahead = [at for known, at in places if known is guess.utterance and at > guess.last]
            if ahead and min(ahead) - guess.last <= _LOST_BLOCKS:
                guess.advance(min(ahead))
                following.append(guess)
        if following:
            self._guesses = following
        return bool(following)

    def _begin(self, places: Sequence[tuple[Utterance, int]]) -> None:
        self._settle()
        seen: set[int] = set()
        for utterance, index in sorted(places, key=lambda place: place[1]):
            if id(utterance) not in seen:
                seen.add(id(utterance))
                self._guesses.append(_Passage(utterance, self.clock_ms - index * FRAME_MS, index, index))

    def _wonder(self) -> None:
        if self._unknown_ms == 0.0:
            self._unknown_since = self.clock_ms
        before = self._unknown_ms
        self._unknown_ms += FRAME_MS
        if before < _UNKNOWN_MS <= self._unknown_ms:
            self._settle()
            end = self.clock_ms + FRAME_MS
            self._settled.append(HeardWord(UNINTELLIGIBLE, self._unknown_since, end))

    def _settle(self) -> None:
        """Take the words of the utterance so far as final."""
        self._settled += self._current()
        self._guesses = []

    def _current(self) -> list[HeardWord]:
        return self._guesses[0].words() if self._guesses else []

    def words(self) -> list[HeardWord]:
        """Every word heard since the stream began."""
        return self._settled + self._current()


class BlockCutter:
    """Cuts a stream of linear16 or mu-law at 8 kHz into mu-law blocks of 20 ms."""

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self._wide = encoding != "mulaw"
        self._known_rate = sample_rate == 8000
        self._size = sample_rate * FRAME_MS // 1000 * (2 if self._wide else 1)
        self._rest = b""

    def cut(self, data: bytes) -> list[bytes]:
        """The whole blocks that `data` completes. A message of whole blocks begins on a block."""
        if len(data) % self._size == 0:
            self._rest = b""
        data = self._rest + data
        blocks: list[bytes] = []
        for at in range(0, len(data) - self._size + 1, self._size):
            blocks.append(self._ulaw(data[at : at + self._size]))
        self._rest = data[len(data) // self._size * self._size :]
        return blocks

    def _ulaw(self, block: bytes) -> bytes:
        if not self._wide:
            return block
        if not self._known_rate:  # another rate is heard for its loudness only: every n-th sample will do
            step = len(block) // 2 / FRAME
            block = b"".join(block[int(n * step) * 2 : int(n * step) * 2 + 2] for n in range(FRAME))
        return audioop.lin2ulaw(block, 2)
