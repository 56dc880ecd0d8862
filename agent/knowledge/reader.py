"""How the pages of a website are read: the extractor in a process of its own, then a shop of what it found."""

from __future__ import annotations

from functools import partial

from agent.knowledge.composing import compose_shop
from agent.knowledge.extract.facts import SiteFacts
from agent.knowledge.extract.missing import open_questions
from agent.knowledge.extract.page import Page
from agent.knowledge.extract.site import extract_site
from agent.knowledge.onboarding import Pages, Reader
from agent.knowledge.workshop import apart

READ_S = 60.0
"""Thirty pages take about a second; a page made to be slow shall not hold a job for longer than this."""


def site_reader() -> Reader[SiteFacts]:
    """The reader of this house. What strangers wrote is parsed where it can do no harm: in a process that is ended."""
    return Reader(partial(apart, read_site, gives=SiteFacts, timeout_s=READ_S), compose_shop, open_questions)


def read_site(pages: Pages) -> SiteFacts:
    """The facts of a site, each with the words on the page that support it."""
    return extract_site([Page(url, html) for url, html in pages])
