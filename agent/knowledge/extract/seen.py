"""What a visitor of a page sees of it, as plain text: the only words a language model is shown."""

from __future__ import annotations

from collections.abc import Sequence

from agent.knowledge.extract.facts import Frozen
from agent.knowledge.extract.page import Page, read_page
from agent.knowledge.extract.spans import reading

MAX_CHARACTERS = 40_000


class PageText(Frozen):
    """The visible words of one page, a line each; the page's navigation is left out."""

    url: str
    text: str


def visible_text(page: Page) -> PageText:
    """Comments, scripts, and what `page.is_hidden` says is not shown are not there. At most MAX_CHARACTERS."""
    document = read_page(page)
    shown = [reading(line) for line in document.lines if not line.hidden and line.region != "nav"]
    return PageText(url=document.url, text="\n".join(shown)[:MAX_CHARACTERS])


def visible_texts(pages: Sequence[Page]) -> tuple[PageText, ...]:
    """Those of several pages; each line that stands on more than half of three or more pages but once."""
    texts = [visible_text(page) for page in pages]
    if len(texts) < 3:
        return tuple(texts)
    counts: dict[str, int] = {}
    for each in texts:
        for line in set(each.text.split("\n")):
            counts[line] = counts.get(line, 0) + 1
    seen: set[str] = set()
    kept: list[PageText] = []
    for each in texts:
        lines = [line for line in each.text.split("\n") if line not in seen]
        seen |= {line for line in lines if counts[line] > len(texts) / 2}
        kept.append(PageText(url=each.url, text="\n".join(lines)))
    return tuple(kept)
