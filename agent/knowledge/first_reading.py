"""What is done with a site's pages in the process apart: the rules read them. Imports nothing that is slow to start."""

from __future__ import annotations

from collections.abc import Sequence

from agent.knowledge.extract.facts import Frozen, SiteFacts
from agent.knowledge.extract.page import Page
from agent.knowledge.extract.seen import PageText, visible_texts
from agent.knowledge.extract.site import extract_site


class FirstReading(Frozen):
    """What the rules found, and the words a second reader may look at."""

    facts: SiteFacts
    texts: tuple[PageText, ...]


def read_site(pages: Sequence[tuple[str, str]]) -> SiteFacts:
    """The facts of a site ((url, html) of each page), each with the words on the page that support it."""
    return extract_site([Page(url, html) for url, html in pages])


def read_with_texts(pages: Sequence[tuple[str, str]]) -> FirstReading:
    """`read_site`, and what a visitor sees of each page."""
    return FirstReading(facts=read_site(pages), texts=visible_texts([Page(url, html) for url, html in pages]))
