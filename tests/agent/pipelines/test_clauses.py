"""Where speech begins: a first clause is spoken as soon as it is whole."""

from __future__ import annotations

import re

import pytest

from agent.pipelines.clauses import ClauseAggregator


async def pieces(answer: str) -> list[str]:
    """What is spoken at a time, when the model writes `answer` token by token."""
    aggregator = ClauseAggregator()
    said: list[str] = []
    for token in re.findall(r"\s*\S{1,6}", answer):
        said += [part.text async for part in aggregator.aggregate(token)]
    rest = await aggregator.flush()
    return [*said, *([rest.text] if rest is not None else [])]


@pytest.mark.parametrize(
    ("answer", "spoken"),
    [
        (
            "On Fridays we are open until five, and on Saturdays, too, until four. Come in, any time you like.",
            [
                "On Fridays we are open until five,",
                "and on Saturdays, too, until four.",
                "Come in, any time you like.",
            ],
        ),
        ("Yes, of course we do that. Anything else?", ["Yes, of course we do that.", "Anything else?"]),
        ("That comes to about $1,200 for all of it.", ["That comes to about $1,200 for all of it."]),
        ("We open at nine. On Fridays, too, we do.", ["We open at nine.", "On Fridays, too, we do."]),
        ("It is spelled <spell>A, B, C</spell> with two", ["It is spelled <spell>A, B, C</spell> with two"]),
    ],
)
async def test_the_first_clause_is_spoken_alone_and_the_rest_by_sentences(answer: str, spoken: list[str]):
    assert await pieces(answer) == spoken


async def test_each_answer_has_a_first_clause_of_its_own():
    aggregator = ClauseAggregator()
    for ending in (aggregator.flush, aggregator.handle_interruption, aggregator.reset):
        said = [part.text async for part in aggregator.aggregate("We are open until five, and then we go")]
        assert said == ["We are open until five,"]
        await ending()
