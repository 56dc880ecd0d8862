"""How the pages of a website are read: by rules in a process of its own, by a model after them, then made a shop."""

from __future__ import annotations

from functools import partial

from agent.knowledge.composing import compose_shop
from agent.knowledge.extract.facts import SiteFacts
from agent.knowledge.extract.missing import OpenQuestion, open_questions
from agent.knowledge.first_reading import FirstReading, read_site, read_with_texts
from agent.knowledge.jobs import SetupRequest
from agent.knowledge.onboarding import Pages, Reader
from agent.knowledge.second_reading import SecondReader
from agent.knowledge.workshop import apart
from agent.model import Shop
from agent.settings import Settings

READ_S = 60.0
"""Thirty pages take about a second; a page made to be slow shall not hold a job for longer than this."""


def site_reader(settings: Settings | None = None) -> Reader[SiteFacts]:
    """The reader of this house. What strangers wrote is parsed where it can do no harm: in a process that is ended.

    With `settings` that hold a key of OpenAI, a language model reads after the rules (`second_reading.py`).
    """
    second = SecondReader.of(settings) if settings is not None else None
    extract = (
        partial(apart, read_site, gives=SiteFacts, timeout_s=READ_S) if second is None else partial(_twice, second)
    )
    return Reader(extract, compose_shop, _ask, lambda facts: facts.second_reading)


def _ask(facts: SiteFacts, request: SetupRequest, shop: Shop) -> tuple[OpenQuestion, ...]:
    return open_questions(facts, shop, currency_is_told=request.currency is not None)


async def _twice(second: SecondReader, pages: Pages) -> SiteFacts:
    first = await apart(read_with_texts, pages, gives=FirstReading, timeout_s=READ_S)
    return await second(first.facts, first.texts)
