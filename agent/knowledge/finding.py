"""Which service, or who, is meant by words a caller said. Pure: a shop and words in, what the shop has out.

Names come from speech recognition and from people: accents, plurals, British and American spelling, word order,
words run together or apart, letters misheard. Nothing is ever made up: what comes back is the shop's own.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, Literal, TypeVar

from rapidfuzz import fuzz, process

from agent.knowledge.extract.durations import find_durations
from agent.knowledge.remembered import remembered
from agent.knowledge.spoken import CLIENTELE, LIGHT, name_words, plain, stem, words_of
from agent.model import Professional, Service, Shop

T = TypeVar("T")
Kind = Literal["exact", "several", "none"]

MAX_WORDS = 300
"""Characters of what was said that are looked at."""
MAX_TELLING = 16
"""Words of it, fillers aside."""
SHOWN = 6
ALIKE, LONG_ALIKE = 80.0, 75.0
"""The least likeness (rapidfuzz's `ratio`, 0 to 100) of a word misheard; short words must be right."""
LONG = 6
"""From so many letters on a word is long: two wrong ones leave enough."""
NAME_ALIKE = 70.0
"""The same for people's names, which recognition spells as it likes; such a name is asked about."""
RIGHT = 100.0
FUZZY_LENGTH = 4
COMPOUND_LENGTH = 5
COMPOUND = 0.9
"""How well a part of a compound answers the whole."""
LIGHT_WEIGHT = 0.3

MEANT = 0.5
"""The share of the caller's words that a service must answer to be one of several."""
CERTAIN = 0.85
"""The share of words on both sides that makes it the one."""
APART = 0.05
NEARBY = 0.25
"""How far behind the best another may be and still be named."""


@dataclass(frozen=True)
class Found(Generic[T]):
    """What the words mean. Only `exact` may be acted on unasked.

    exact: one match. several: those it may be, likeliest first, at most SHOWN (`more` were left off); it may be one
    alone that fits in part, to be asked about. none: nothing fits, `near` names what the caller may have meant
    instead (categories of the menu, or the people).
    """

    kind: Kind
    matches: tuple[T, ...] = ()
    more: int = 0
    near: tuple[str, ...] = ()


def find_services(shop: Shop, words: str) -> Found[Service]:
    """The services that `words` may mean: a name as said on the phone, or a whole question about one."""
    return _menu(shop.services).find(words)


def find_professional(shop: Shop, words: str) -> Found[Professional]:
    """Who is meant by a name as said on the phone; a name that is only nearly right is never `exact`."""
    said = name_words(words[:MAX_WORDS])
    scored = [(_named(said, name_words(person.name)), person) for person in shop.professionals]
    scored = sorted((each for each in scored if each[0] >= NAME_ALIKE), key=lambda each: -each[0])
    if not scored:
        return Found("none", near=tuple(person.name for person in shop.professionals[:SHOWN]))
    best = scored[0][0]
    if best > RIGHT:
        scored = [each for each in scored if each[0] == best]
    people = tuple(person for _, person in scored)
    if best > RIGHT and len(people) == 1:
        return Found("exact", people)
    return Found("several", people[:SHOWN], more=max(len(people) - SHOWN, 0))


def _named(said: Sequence[str], names: Sequence[str]) -> float:
    """How well a name was said: over RIGHT when some of it was said as it is, more for more of it."""
    right = sum(name in said for name in names)
    if right:
        return RIGHT + right
    pairs = [(word, name) for word in (*said, "".join(said)) for name in (*names, "".join(names))]
    return max((fuzz.ratio(word, name) for word, name in pairs if min(len(word), len(name)) > 2), default=0.0)


@dataclass(frozen=True, eq=False)
class _Line:
    """One service as it is compared."""

    service: Service
    place: int
    name: frozenset[str]
    all: frozenset[str]
    """The name's words and the category's."""
    minutes: int | None
    name_weight: float


@dataclass
class _Scored:
    line: _Line
    told: float
    """The share of the caller's words that the service answers."""
    named: float
    """The share of its name that the caller said."""

    @property
    def score(self) -> float:
        return 0.6 * self.told + 0.4 * self.named


@dataclass
class _Hit:
    """What a service has of what was said: by the place of each of the caller's words, and by its own words."""

    answered: list[float]
    words: dict[str, float] = field(default_factory=dict[str, float])

    def take(
        self, places: Iterable[int], parts: Iterable[str], has: frozenset[str], likeness: float, share: float
    ) -> None:
        for place in places:
            self.answered[place] = max(self.answered[place], likeness * share)
        for part in parts:
            if part in has:
                self.words[part] = max(self.words.get(part, 0.0), likeness)


@dataclass(frozen=True)
class _Heard:
    """One word, or two run together, and the menu's ways of writing it may be, by likeness (0 to 1)."""

    places: tuple[int, ...]
    may_be: Mapping[str, float]


@dataclass
class _Menu:
    """A shop's services, ready to be looked through."""

    services: Sequence[Service]
    lines: list[_Line] = field(default_factory=list["_Line"])
    by_word: dict[str, list[_Line]] = field(default_factory=lambda: defaultdict[str, list["_Line"]](list))
    weights: dict[str, float] = field(default_factory=dict[str, float])
    forms: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """How words may be written: alone, or two neighbours as one."""
    joined: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        names = [_timed(service.name) for service in self.services]
        categories = [words_of(service.category) if service.category else () for service in self.services]
        words = [frozenset((*name, *section)) for (name, _), section in zip(names, categories, strict=True)]
        counts = Counter(word for every in words for word in every)
        self.weights = {word: self._weigh(word, count) for word, count in counts.items()}
        for place, (service, (name, minutes)) in enumerate(zip(self.services, names, strict=True)):
            weight = sum(self.weights[word] for word in set(name))
            line = _Line(service, place, frozenset(name), words[place], minutes or service.minutes, weight)
            self.lines.append(line)
            self.joined.append("".join(name))
            for word in line.all:
                self.by_word[word].append(line)
                self.forms[word] = (word,)
        for name, _ in names:
            for pair in pairwise(name):
                self.forms.setdefault("".join(pair), pair)
        self._spelled = list(self.forms)

    def find(self, words: str) -> Found[Service]:
        said, minutes = _timed(words[:MAX_WORDS])
        said = said[:MAX_TELLING]
        heard = list(self._hear(said))
        found = self._fitting(said, heard)
        if minutes is not None and any(each.line.minutes == minutes for each in found):
            found = [each for each in found if each.line.minutes == minutes]
        found.sort(key=lambda each: (-each.score, each.line.place))
        if not found:
            return self._by_sound(said, heard)
        best = found[0]
        behind = found[1].score if len(found) > 1 else -1.0
        whole = best.named >= CERTAIN and best.score - behind >= APART
        if best.told >= CERTAIN and (len(found) == 1 or whole):
            return Found("exact", (best.line.service,))
        return _several([each.line.service for each in found if best.score - each.score <= NEARBY])

    def _weigh(self, word: str, count: int) -> float:
        return math.log(1 + len(self.services) / count) * (LIGHT_WEIGHT if word in LIGHT else 1.0)

    def _hear(self, said: Sequence[str]) -> Iterator[_Heard]:
        for place, word in enumerate(said):
            yield _Heard((place,), self._may_be(word) or self._compounds(word))
        for place, pair in enumerate(pairwise(said)):
            if not (pair[0] in self.forms and pair[1] in self.forms):
                yield _Heard((place, place + 1), self._run_together(stem("".join(pair))))

    def _may_be(self, word: str) -> dict[str, float]:
        """The menu's ways of writing that `word` may stand for."""
        if word in self.forms:
            return {word: 1.0}
        if not _may_be_misheard(word):
            return {}
        near = process.extract(word, self._spelled, scorer=fuzz.ratio, score_cutoff=_alike(word), limit=8)
        return {form: likeness / 100 for form, likeness, _ in near if _may_be_misheard(form)}

    def _run_together(self, word: str) -> dict[str, float]:
        """Two words heard for one ("bali age"): then the one is about as long."""
        return {form: likeness for form, likeness in self._may_be(word).items() if abs(len(form) - len(word)) <= 2}

    def _compounds(self, word: str) -> dict[str, float]:
        """For languages that write words together: Herrenhaarschnitt, Haarschnitt."""
        if len(word) < COMPOUND_LENGTH:
            return {}
        inside = (form for form in self.by_word if len(form) >= COMPOUND_LENGTH and (form in word or word in form))
        return dict.fromkeys(inside, COMPOUND)

    def _fitting(self, said: Sequence[str], heard: Iterable[_Heard]) -> list[_Scored]:
        """The services that answer enough of what was said."""
        unknown = math.log(1 + min(len(self.services), 20))
        weights = [unknown * (LIGHT_WEIGHT if word in LIGHT else 1.0) for word in said]
        hits: dict[int, _Hit] = defaultdict(lambda: _Hit([0.0] * len(said)))
        for each in heard:
            for form, likeness in each.may_be.items():
                parts = self.forms[form]
                weight = max(self.weights[part] for part in parts)
                for place in each.places:
                    weights[place] = min(weights[place], weight)
                for place, share in self._shares(parts):
                    hits[place].take(each.places, parts, self.lines[place].all, likeness, share)
        whole = sum(weights) or 1.0
        clientele = CLIENTELE.intersection(said)
        scored = (self._score(self.lines[place], hit, weights, whole) for place, hit in hits.items())
        return [
            each for each in scored if (each.told >= MEANT or each.named >= CERTAIN) and _serves(each.line, clientele)
        ]

    def _shares(self, parts: Sequence[str]) -> Iterable[tuple[int, float]]:
        """The services that have some of `parts`, each with the share it has."""
        if len(parts) == 1:
            return ((line.place, 1.0) for line in self.by_word[parts[0]])
        counts = Counter(line.place for part in set(parts) for line in self.by_word[part])
        return ((place, count / len(set(parts))) for place, count in counts.items())

    def _score(self, line: _Line, hit: _Hit, weights: Sequence[float], whole: float) -> _Scored:
        told = sum(weight * part for weight, part in zip(weights, hit.answered, strict=True)) / whole
        named = sum(self.weights[word] * likeness for word, likeness in hit.words.items() if word in line.name)
        return _Scored(line, told, named / line.name_weight if line.name_weight else 0.0)

    def _by_sound(self, said: Sequence[str], heard: Iterable[_Heard]) -> Found[Service]:
        """No word is known: perhaps the whole sounds like a name ("bay lay age"). Else what lies near."""
        whole = "".join(said)
        if len(whole) > COMPOUND_LENGTH:
            alike = process.extract(whole, self.joined, scorer=fuzz.ratio, score_cutoff=LONG_ALIKE, limit=SHOWN)
            clientele = CLIENTELE.intersection(said)
            lines = [line for _, _, place in alike if _serves(line := self.lines[place], clientele)]
            if lines:
                return _several([line.service for line in lines])
        known = {part for each in heard for form in each.may_be for part in self.forms[form]}
        partly = known - CLIENTELE - LIGHT
        near = [line.service.category for word in sorted(partly) for line in self.by_word[word]]
        every = [service.category for service in self.services]
        named = dict.fromkeys(category for category in (*near, *every) if category.strip())
        return Found("none", near=tuple(named)[:SHOWN])


def _may_be_misheard(word: str) -> bool:
    """Short words and numbers must be right, and men are not women for one letter."""
    return len(word) >= FUZZY_LENGTH and word not in CLIENTELE and not word.isdecimal()


def _alike(word: str) -> float:
    return LONG_ALIKE if len(word) >= LONG else ALIKE


def _serves(line: _Line, clientele: frozenset[str]) -> bool:
    """A gents' cut is no ladies' cut, however alike."""
    served = line.all & CLIENTELE
    return not clientele or not served or bool(clientele & served)


def _several(services: Sequence[Service]) -> Found[Service]:
    return Found("several", tuple(services[:SHOWN]), more=max(len(services) - SHOWN, 0))


def _timed(text: str) -> tuple[tuple[str, ...], int | None]:
    """The words of a name or a question, and the minutes it tells; the latter are no words of it."""
    bare = plain(text)
    durations = find_durations(bare)
    for duration in reversed(durations):
        bare = f"{bare[: duration.start]} {bare[duration.end :]}"
    words = words_of(bare) or words_of(text)
    return words, durations[0].minutes if durations else None


@remembered
def _menu(services: tuple[Service, ...]) -> _Menu:
    return _Menu(services)
