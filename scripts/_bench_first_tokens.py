"""When the model's first token comes in a bench: about a median, with the spread that is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import exp
from random import Random
from statistics import NormalDist
from typing import Any

from agent.emulators.mind import Reply, Rule, answer

SPREAD = NormalDist(0, 0.727)
"""Of the logarithm: a 95th percentile of 3.3 times the median (e to the 1.645 times 0.727), as published."""


class FirstTokens:
    """A mind for the emulated model that answers by its rules, after a log-normal wait about `median_ms`.

    Either side meets the same draws in the same round, each kind of answer its own: otherwise it would be luck who
    meets the slow ones. The rounds share the distribution out between them: of ten, one has the slowest tenth of a
    draw, which thirty free draws may miss or meet six times.
    """

    def __init__(self, rules: Sequence[Rule], median_ms: float) -> None:
        self._rules, self._median_ms = rules, median_ms
        self.begin(0, 1)

    def begin(self, at: int, rounds: int) -> None:
        """Draw as in any round of this number, of so many."""
        self._at, self._rounds = at, rounds
        self._drawn = Counter[str | None]()

    def __call__(self, body: dict[str, Any]) -> Reply:
        reply = answer(body, self._rules)
        dice = Random(f"{reply.say} {self._drawn[reply.say]}")  # noqa: S311 - nothing secret
        self._drawn[reply.say] += 1
        shares = [(part + dice.random()) / self._rounds for part in range(self._rounds)]
        dice.shuffle(shares)
        return replace(reply, ttft_ms=self._median_ms * exp(SPREAD.inv_cdf(shares[self._at])))
