"""Where a website says what a proposal would change: for each change the page and the words, if they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from agent.knowledge.extract.facts import Fact, SiteFacts
from agent.knowledge.extract.facts import Source as Found
from agent.knowledge.proposals import folded
from agent.model import Change, Proposal, Source, Subject

Place = tuple[Subject, str]


def with_sources(proposal: Proposal, facts: SiteFacts) -> Proposal:
    """`proposal`, its changes with their sources. What a site no longer says stands nowhere, so it has none."""
    places = _places(facts)
    changes = tuple(change.model_copy(update={"source": _source_of(change, places)}) for change in proposal.changes)
    return proposal.model_copy(update={"changes": changes})


def _source_of(change: Change, places: Mapping[Place, Found]) -> Source | None:
    if change.after is None:
        return None
    found = places.get((change.subject, _name(change.subject, change.after) or folded(change.key)))
    return None if found is None else Source(url=found.source_url, quote=found.quote, confidence=found.confidence)


def _name(subject: Subject, after: JsonValue) -> str:
    """How the facts call what a change makes; empty where its key says it."""
    if not isinstance(after, dict):
        return ""
    words = {"services": ("category", "name"), "professionals": ("name",), "faq": ("question",)}.get(subject, ())
    return " / ".join(folded(str(after.get(word) or "")) for word in words)


def _places(facts: SiteFacts) -> dict[Place, Found]:
    """Every fact by what it is about; of several about the same, the first is what the shop was made of."""
    told: list[tuple[Place, Found]] = [
        *((("services", f"{folded(at.section)} / {folded(at.name)}"), at) for at in facts.services),
        *((("professionals", folded(at.name)), at) for at in facts.professionals),
        *((("faq", folded(at.question)), at) for at in facts.faq),
        *((("hours", at.day), at) for at in facts.hours),
        *((("closures", "dates"), at) for at in facts.closures),
        *_plain_facts("address", facts.addresses),
        *_plain_facts("currency", (facts.currency,)),
    ]
    return dict(reversed(told))


def _plain_facts(name: str, told: Iterable[Fact[str] | None]) -> Iterable[tuple[Place, Found]]:
    return ((("facts", name), at) for at in told if at is not None)
