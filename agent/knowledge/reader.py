"""How the pages of a website are read: the extractor in a process of its own, then a shop of what it found."""

from __future__ import annotations

from agent.errors import SetupError
from agent.knowledge.composing import FactsTold, compose_shop
from agent.knowledge.onboarding import Pages, Reader


def site_reader() -> Reader[FactsTold]:
    """The reader of this house.

    The extractor is not part of this branch. Once it is, `extract` is
    `partial(apart, read_site, gives=SiteFacts, timeout_s=READ_S)` with `read_site(pages)` at the top of this module.
    """
    return Reader(_nobody_reads, compose_shop)


async def _nobody_reads(pages: Pages) -> FactsTold:
    message = f"{len(pages)} pages were fetched, but this Chairside cannot read websites yet; use a shop file."
    raise SetupError("reading_unavailable", message)
