"""A vendor that fails is left alone for a while."""

from __future__ import annotations

from agent.breaker import FAILURES, REST_S, Breaker


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_some_failures_in_a_row_and_rests_for_a_while():
    seconds = Seconds()
    breaker = Breaker("openai", clock=seconds)
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert not breaker.is_open
    breaker.failed()
    assert breaker.is_open
    seconds.now += REST_S
    assert not breaker.is_open


def test_one_that_works_is_trusted_again():
    breaker = Breaker("openai", clock=Seconds())
    for _ in range(FAILURES):
        breaker.failed()
    breaker.worked()
    assert not breaker.is_open
    breaker.failed()
    assert not breaker.is_open


def test_one_failure_after_a_rest_is_enough():
    seconds = Seconds()
    breaker = Breaker("openai", clock=seconds)
    for _ in range(FAILURES):
        breaker.failed()
    seconds.now += REST_S
    breaker.failed()
    assert breaker.is_open
